// What must hold between the parts of a topology: every name leads somewhere, a stream has one
// owner, publishers sit beside their sidecar, derived endpoints exist and are safe. Each part by
// itself is reader.h's.
#pragma once

#include "topology/reader.h"

namespace forebay {

/// Adds what is wrong to `draft.problems`. Parts that were misread do not get a second complaint.
void validate(Draft& draft);

}  // namespace forebay
