#include "common/client/publisher_link.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "common/base/limits.h"

namespace forebay {

using std::chrono::milliseconds;

Result<std::shared_ptr<PublisherLink>> PublisherLink::to(const std::string& ingest,
                                                         const std::string& control) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, std::string>, std::weak_ptr<PublisherLink>> links;
  const std::lock_guard hold(mutex);
  std::erase_if(links, [](const auto& each) { return each.second.expired(); });
  auto& known = links[{ingest, control}];
  if (auto link = known.lock()) return link;
  std::shared_ptr<PublisherLink> link(new PublisherLink);
  if (auto connected = link->push_.connect(ingest); !connected) return fail(connected.error());
  if (auto connected = link->dealer_.connect(control); !connected) return fail(connected.error());
  link->thread_ = std::thread([raw = link.get()] { raw->run(); });
  known = link;
  return link;
}

PublisherLink::PublisherLink()
    : push_(context_, SocketKind::kPush, limits::kDataHighWaterMessages),
      dealer_(context_, SocketKind::kDealer, limits::kControlHighWaterMessages) {}

PublisherLink::~PublisherLink() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard hold(users_mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
}

void PublisherLink::add(LinkUser& user) {
  {
    const std::lock_guard hold(users_mutex_);
    users_.emplace(++last_number_, &user);
  }
  wake();
}

void PublisherLink::remove(const LinkUser& user, std::optional<Goodbye> goodbye) {
  {
    const std::lock_guard hold(users_mutex_);
    const auto found = std::find_if(users_.begin(), users_.end(),
                                    [&](const auto& each) { return each.second == &user; });
    FOREBAY_INVARIANT(found != users_.end());
    const std::uint64_t number = found->first;
    std::erase_if(by_producer_, [&](const auto& each) { return each.second == number; });
    users_.erase(found);
  }
  if (goodbye) bell_.post(goodbye);
}

SendResult PublisherLink::send(std::shared_ptr<const std::string> batch) {
  const std::lock_guard hold(push_mutex_);
  return push_.send(Message(std::move(batch)));
}

// its thread

void PublisherLink::run() {
  Poller poller;
  const std::size_t bell = poller.add(bell_.descriptor());
  const std::size_t replies = poller.add(dealer_);
  while (true) {
    poller.wait(time_to_next());
    const std::lock_guard hold(users_mutex_);
    const MonoTime now = clock_.mono();
    if (poller.readable(replies)) receive_replies(now);
    for (const auto& [number, user] : users_) {
      if (user->due() > now) continue;
      // One that cannot be sent is due again soon.
      for (const Request& request : user->take_due(now))
        static_cast<void>(dealer_.send(Message(std::string_view(encode({number, {}}, request)))));
    }
    if (poller.readable(bell) || stopping_) {
      for (const auto& goodbye : bell_.take()) {
        if (!goodbye) continue;
        static_cast<void>(dealer_.send(Message(std::string_view(encode({}, Request(*goodbye))))));
        dealer_.linger(limits::kGoodbyeLinger);
      }
    }
    if (stopping_) return;
  }
}

milliseconds PublisherLink::time_to_next() const {
  const std::lock_guard hold(users_mutex_);
  MonoTime due = MonoTime::max();
  for (const auto& [number, user] : users_) due = std::min(due, user->due());
  if (due == MonoTime::max()) return limits::kKeepaliveInterval;
  const auto wait = std::chrono::ceil<milliseconds>(due - clock_.mono());
  return std::clamp(wait, milliseconds(0), limits::kKeepaliveInterval);
}

void PublisherLink::receive_replies(MonoTime now) {
  while (auto frame = dealer_.receive_single()) {
    const auto reply = decode_reply(frame->view());
    if (!reply) {
      spdlog::warn("a publisher's sidecar: {}", reply.error().message);
    } else if (LinkUser* user = user_of(*reply)) {
      user->on_reply(*reply, now);
    }
  }
}

/// nullptr: it is gone.
LinkUser* PublisherLink::user_of(const ReplyMessage& reply) {
  std::uint64_t number = reply.envelope.id;
  if (number != 0 && !users_.contains(number)) return nullptr;
  const auto by_name = [&](const auto& body) {
    if constexpr (requires { body.producer; }) {
      if (number != 0) {
        by_producer_[body.producer.value] = number;
      } else if (const auto known = by_producer_.find(body.producer.value);
                 known != by_producer_.end()) {
        number = known->second;
      }
    }
  };
  std::visit(by_name, reply.body);
  const auto found = users_.find(number);
  return found == users_.end() ? nullptr : found->second;
}

}  // namespace forebay
