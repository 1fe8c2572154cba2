// What must hold between the parts of a topology: every name leads somewhere, a stream has one
// owner, publishers sit beside their sidecar, derived endpoints exist and are safe. Each part by
// itself is reader.h's.
#pragma once

#include "topology/reader.h"

namespace forebay {

/// kToCome: for who makes the keys; that some are missing is no problem yet.
enum class Keys { kThere, kToCome };

/// Adds what is wrong to `draft.problems`. Parts that were misread do not get a second complaint.
void validate(Draft& draft, Keys keys);

}  // namespace forebay
