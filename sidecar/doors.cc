#include "sidecar/doors.h"

#include <spdlog/spdlog.h>

#include <array>

#include "common/base/limits.h"

namespace forebay {
namespace {

// Before ROUTER's own id in a peer's route: of which of the two.
constexpr char kNear = 'n', kFar = 'f';

Result<void> bind_all(Socket& socket, const std::vector<std::string>& endpoints) {
  for (const std::string& endpoint : endpoints) {
    if (auto bound = socket.bind(endpoint); !bound) return bound;
  }
  return {};
}

void limit_requests(Socket& router) {
  router.limit_frames(limits::kControlFrameBytesMax);
  router.limit_received(limits::kRequestsAtOnce);  // they may be long; answers are not
}

}  // namespace

ControlDoors::ControlDoors(Context& context, const std::optional<FarSide>& far)
    : far_(far), near_router_(context, SocketKind::kRouter, limits::kControlHighWaterMessages) {
  if (far) far_router_.emplace(context, SocketKind::kRouter, limits::kControlHighWaterMessages);
}

Result<void> ControlDoors::bind(const SidecarEndpoints& endpoints, const Gatekeeper* gate,
                                DoorConnections& connections) {
  limit_requests(near_router_);
  if (auto watched = connections.near.watch(near_router_); !watched) return watched;
  if (auto bound = bind_all(near_router_, endpoints.control); !bound || !far_router_) return bound;
  limit_requests(*far_router_);
  if (auto watched = connections.far.watch(*far_router_); !watched) return watched;
  far_router_->serve_encrypted(far_->own, *gate);
  return bind_all(*far_router_, endpoints.far_control);
}

void ControlDoors::add_to(Poller& poller) {
  near_at_ = poller.add(near_router_);
  if (far_router_) far_at_ = poller.add(*far_router_);
}

void ControlDoors::watch(Poller& poller, bool watched) const {
  poller.watch(near_at_, watched);
  if (far_router_) poller.watch(far_at_, watched);
}

bool ControlDoors::readable(const Poller& poller) const {
  return poller.readable(near_at_) || (far_router_ && poller.readable(far_at_));
}

std::optional<ControlDoors::Arrived> ControlDoors::receive() {
  if (auto frames = near_router_.receive()) return take(kNear, std::move(*frames));
  if (!far_router_) return std::nullopt;
  if (auto frames = far_router_->receive()) return take(kFar, std::move(*frames));
  return std::nullopt;
}

ControlDoors::Arrived ControlDoors::take(char door, std::vector<Message> frames) {
  Arrived arrived{{std::string(1, door).append(frames.front().view()), 0},
                  fail(ErrorCode::kBadInput, "a request is one frame")};
  if (frames.size() != 2) return arrived;
  const std::string_view bytes = frames.back().view();
  auto request = decode_request(bytes);
  if (!request) {
    arrived.peer.request = request_id_of(bytes);
    arrived.request = fail(request.error());
    return arrived;
  }
  arrived.peer.request = request->envelope.id;
  if (door == kFar) {
    arrived.peer.user = frames.back().user();
    if (auto allowed = far_->access.check(arrived.peer.user, request->body); !allowed) {
      if (const auto count = oversteps_.next(arrived.peer.user))
        spdlog::warn("refused {} requests of {}: {}", *count, arrived.peer.user,
                     allowed.error().message);
      arrived.request = fail(allowed.error());
      return arrived;
    }
  }
  arrived.request = std::move(request->body);
  return arrived;
}

SendResult ControlDoors::send(const Peer& peer, std::vector<Message> frames) {
  frames.insert(frames.begin(), Message(std::string_view(peer.route).substr(1)));
  return (peer.route.front() == kFar ? *far_router_ : near_router_).send(frames);
}

BroadcastDoors::BroadcastDoors(Context& context, const std::optional<FarSide>& far)
    : far_(far), near_pub_(context, SocketKind::kPub, limits::kBroadcastHighWaterMessages) {
  if (far) far_router_.emplace(context, SocketKind::kRouter, limits::kBroadcastHighWaterMessages);
}

Result<void> BroadcastDoors::bind(const SidecarEndpoints& endpoints, const Gatekeeper* gate,
                                  DoorConnections& connections) {
  near_pub_.limit_frames(limits::kSubscriptionFrameBytesMax);
  if (auto watched = connections.near.watch(near_pub_); !watched) return watched;
  if (auto bound = bind_all(near_pub_, endpoints.broadcast); !bound || !far_router_) return bound;
  far_router_->limit_frames(limits::kWishFrameBytesMax);
  if (auto watched = connections.far.watch(*far_router_); !watched) return watched;
  far_router_->serve_encrypted(far_->own, *gate);
  return bind_all(*far_router_, endpoints.far_broadcast);
}

void BroadcastDoors::add_to(Poller& poller) {
  if (far_router_) poller.add(*far_router_);
}

void BroadcastDoors::take_wishes(MonoTime now) {
  if (!far_router_) return;
  for (std::size_t i = 0; i < limits::kRequestsAtOnce; ++i) {
    const auto frames = far_router_->receive();
    if (!frames) return;
    // ROUTER's own id of the peer, and the topic.
    if (frames->size() != 2 || !grant(frames->front(), frames->back(), now)) ++refused_;
  }
}

bool BroadcastDoors::grant(const Message& route, const Message& topic, MonoTime now) {
  const std::string_view user = topic.user();
  if (!far_->access.may_hear(user, topic.view())) {
    const std::string_view stream = topic.view().substr(0, topic.view().find('\0'));
    if (const auto count = oversteps_.next(user))
      spdlog::warn("refused {} wishes of {}: it may not hear stream '{}' here", *count, user,
                   stream.substr(0, 64));
    return false;
  }
  return hearers_.grant(user, route.view(), topic.view(), now);
}

void BroadcastDoors::publish(const std::string& topic, Message body, MonoTime now) {
  hearers_.for_each(topic, now, [&](const std::string& route) {
    std::array<Message, 3> frames{Message(std::string_view(route)),
                                  Message(std::string_view(topic)), body.share()};
    return far_router_->send(frames) != SendResult::kUnreachable;
  });
  std::array<Message, 2> frames{Message(std::string_view(topic)), std::move(body)};
  static_cast<void>(near_pub_.send(frames));
}

}  // namespace forebay
