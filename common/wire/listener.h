// Hears a sidecar's broadcasts. On its own host it is a SUB; from another one an encrypted DEALER,
// which says every limits::kHearingInterval what it wants to hear: PUB does not tell its owner whom
// it lets hear what, and a ROUTER can. One thread.
//
//   Listener listener(context, limits::kDataHighWaterMessages);
//   listener.connect(endpoint, credentials);
//   listener.hear("orders");
//   listener.say_what(now);  // again and again
//   while (auto heard = listener.receive()) use(heard->stream(), heard->body);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/wire/transport.h"

namespace forebay {

class Listener {
 public:
  /// With credentials it comes from another host. `context` outlives it.
  Listener(Context& context, int high_water_messages,
           const std::optional<Credentials>& credentials);

  [[nodiscard]] Result<void> connect(const std::string& endpoint);
  void hear(std::string_view stream);
  /// To be called at least each limits::kHearingInterval, and before the first wait. Makes the
  /// connection anew if nothing has come for limits::kListenerSilence though all was read: it may be
  /// half-open, and has no heartbeats (Socket::without_heartbeats), or the server has its other key.
  void say_what(MonoTime now);
  /// Which of the server's keys it is connected with (Socket::connect).
  [[nodiscard]] std::size_t turn() const { return turn_; }

  struct Heard {
    Message topic, body;
    /// Valid as long as this is.
    [[nodiscard]] std::string_view stream() const;
  };
  /// nullopt if there is nothing now.
  [[nodiscard]] std::optional<Heard> receive();
  [[nodiscard]] Socket& socket() { return socket_; }

 private:
  [[nodiscard]] bool take_waiting();

  std::optional<Credentials> credentials_;
  Socket socket_;
  std::vector<std::string> topics_;  // of one from another host
  std::string endpoint_;
  std::size_t turn_ = 0;
  std::optional<Heard> waiting_;  // what receive() gives next
  bool silent_ = false;           // nothing came since…
  MonoTime silent_since_{};
  MonoTime due_{};
};

}  // namespace forebay
