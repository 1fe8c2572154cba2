// systemd's time service, by D-Bus.
#pragma once

namespace forebay {

/// Whether it says that the wall clock is synchronised with an outside source; false also where there
/// is none, or it takes longer than a moment to answer.
[[nodiscard]] bool time_service_says_synchronised();

}  // namespace forebay
