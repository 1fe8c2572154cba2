// The sidecar's sockets for requests and broadcasts, each twice: for its own host, and encrypted for
// others, of whom each gets what its role allows. Where nobody comes from another host, or only over
// loopback and without keys, there is no second.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/ever_rarer.h"
#include "common/wire/connections.h"
#include "common/wire/control.h"
#include "common/wire/gatekeeper.h"
#include "common/wire/transport.h"
#include "sidecar/access.h"
#include "sidecar/hearers.h"
#include "sidecar/work.h"
#include "topology/endpoints.h"

namespace forebay {

/// By whom and how a sidecar is reached from other hosts.
struct FarSide {
  KeyPair own;
  Gatekeeper::Names names;
  Access access;
};

/// Those to a sidecar's sockets: from its own host, and from others.
struct DoorConnections {
  explicit DoorConnections(Context& context) : near(context), far(context) {}
  Connections near, far;
};

/// For one thread.
class ControlDoors {
 public:
  /// Both outlive it.
  ControlDoors(Context& context, const std::optional<FarSide>& far);
  /// `gate`: for those of other hosts, null where there is no such door.
  [[nodiscard]] Result<void> bind(const SidecarEndpoints& endpoints, const Gatekeeper* gate,
                                  DoorConnections& connections);
  void add_to(Poller& poller);
  /// Whether `poller` looks at it from the next wait on.
  void watch(Poller& poller, bool watched) const;
  [[nodiscard]] bool readable(const Poller& poller) const;

  /// `request`: what is asked, or why it is refused.
  struct Arrived {
    Peer peer;
    Result<Request> request;
  };
  [[nodiscard]] std::optional<Arrived> receive();
  /// The frames after the peer's route.
  [[nodiscard]] SendResult send(const Peer& peer, std::vector<Message> frames);

 private:
  [[nodiscard]] Arrived take(char door, std::vector<Message> frames);

  const std::optional<FarSide>& far_;
  Socket near_router_;
  std::optional<Socket> far_router_;
  std::size_t near_at_ = 0, far_at_ = 0;  // in the poller
  EverRarer oversteps_;                   // by user
};

/// For one thread, but for refused(). To those of its own host it is a PUB. Those of others say again
/// and again what they want to hear, to a ROUTER (common/wire/listener.h): PUB lets everybody hear
/// all, and an XPUB in manual mode can be brought to take one peer's wish for another's.
class BroadcastDoors {
 public:
  BroadcastDoors(Context& context, const std::optional<FarSide>& far);
  [[nodiscard]] Result<void> bind(const SidecarEndpoints& endpoints, const Gatekeeper* gate,
                                  DoorConnections& connections);
  void add_to(Poller& poller);
  /// Takes what those of other hosts want to hear, as far as they may.
  void take_wishes(MonoTime now);
  /// Drops for whoever is slow: the log is the truth.
  void publish(const std::string& topic, Message body, MonoTime now);
  /// Wishes that were not granted; from any thread.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  [[nodiscard]] bool grant(const Message& route, const Message& topic, MonoTime now);

  const std::optional<FarSide>& far_;
  Socket near_pub_;
  std::optional<Socket> far_router_;
  Hearers hearers_;
  EverRarer oversteps_;  // by user
  std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace forebay
