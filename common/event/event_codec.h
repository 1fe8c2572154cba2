// Events and attributes as msgpack: docs/protocol.md section 2.
//
//   event      := [type, subject | nil, time, data | nil, attributes]
//   attributes := {str: str | int | bool}
#pragma once

#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/event/event.h"

namespace forebay {

/// Appends the encoded event to `out`; `now` is its time if it has none. kBadInput names the
/// attribute that is missing, too long or not sound msgpack; `out` is then as before.
[[nodiscard]] Result<void> encode_event(const Event& event, WallTime now, std::string& out);

/// Reads an event in place. `shared` is its batch's map. kCorruption says what is not as the
/// grammar has it.
[[nodiscard]] Result<EventView> decode_event(std::string_view encoded, std::string_view shared);

/// The msgpack map of the attributes that a batch's events share; kBadInput if it breaks the
/// limits.
[[nodiscard]] Result<std::string> encode_attributes(const Attributes& attributes);

/// kBadInput unless `encoded` is such a map.
[[nodiscard]] Result<void> check_attributes(std::string_view encoded);

}  // namespace forebay
