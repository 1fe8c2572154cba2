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
      dealer_(context_, SocketKind::kDealer, limits::kControlHighWaterMessages) {
  push_.only_while_connected();
  dealer_.only_while_connected();
}

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
    users_.emplace(++last_number_, Entry{&user, {}, {}});
  }
  wake();
}

void PublisherLink::remove(const LinkUser& user, std::optional<Goodbye> goodbye) {
  {
    const std::lock_guard hold(users_mutex_);
    const auto found = std::find_if(users_.begin(), users_.end(),
                                    [&](const auto& each) { return each.second.user == &user; });
    FOREBAY_INVARIANT(found != users_.end());
    forget_producer(*found);
    users_.erase(found);
    const std::lock_guard hold_push(push_mutex_);
    std::erase(waiting_, &user);
  }
  if (goodbye) bell_.post(goodbye);
}

bool PublisherLink::send(LinkUser& user, std::shared_ptr<const std::string> batch) {
  const std::lock_guard hold(push_mutex_);
  const bool first = waiting_.empty() || waiting_.front() == &user;
  if (first && push_.send(Message(std::move(batch))) == SendResult::kSent) return true;
  if (waiting_.empty()) wake();
  if (waiting_.empty() || !first) waiting_.push_back(&user);
  return false;
}

void PublisherLink::leave_queue(const LinkUser& user) {
  const std::lock_guard hold(push_mutex_);
  FOREBAY_INVARIANT(!waiting_.empty() && waiting_.front() == &user);
  waiting_.pop_front();
}

LinkUser* PublisherLink::first_waiting() {
  const std::lock_guard hold(push_mutex_);
  return waiting_.empty() ? nullptr : waiting_.front();
}

// its thread

void PublisherLink::run() {
  Poller poller;
  const std::size_t bell = poller.add(bell_.descriptor());
  const std::size_t replies = poller.add(dealer_);
  MonoTime due = clock_.mono();
  while (true) {
    const auto wait = std::chrono::ceil<milliseconds>(due - clock_.mono());
    poller.wait(std::clamp(wait, milliseconds(0), limits::kKeepaliveInterval));
    const std::lock_guard hold(users_mutex_);
    const MonoTime now = clock_.mono();
    if (poller.readable(bell) ||
        stopping_) {  // first: what is posted from here on wakes the next round
      for (const auto& goodbye : bell_.take()) {
        if (goodbye) goodbyes_.push_back(*goodbye);
      }
    }
    if (poller.readable(replies)) receive_replies(now);
    send_waiting(now);
    due = send_due(now);
    if (first_waiting() != nullptr) due = std::min(due, now + limits::kSendRetryInterval);
    if (stopping_) return;
  }
}

/// A bounded number, so that what is due is sent in between.
void PublisherLink::receive_replies(MonoTime now) {
  for (std::size_t taken = 0; taken < limits::kRepliesAtOnce; ++taken) {
    const auto frame = dealer_.receive_single();
    if (!frame) return;
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
      if (number == 0) {
        const auto known = by_producer_.find(body.producer.value);
        if (known != by_producer_.end()) number = known->second;
        return;
      }
      const auto entry = users_.find(number);
      if (entry->second.producer != body.producer.value) forget_producer(*entry);
      entry->second.producer = body.producer.value;
      by_producer_[body.producer.value] = number;
    }
  };
  std::visit(by_name, reply.body);
  const auto found = users_.find(number);
  return found == users_.end() ? nullptr : found->second.user;
}

/// Unless another publisher of the same producer has taken its place.
void PublisherLink::forget_producer(const std::pair<const std::uint64_t, Entry>& user) {
  if (!user.second.producer) return;
  const auto known = by_producer_.find(*user.second.producer);
  if (known != by_producer_.end() && known->second == user.first) by_producer_.erase(known);
}

void PublisherLink::send_waiting(MonoTime now) {
  while (LinkUser* user = first_waiting()) {
    if (!user->send_again(now)) return;
  }
}

MonoTime PublisherLink::send_due(MonoTime now) {
  bool room = true;
  const auto say = [&](std::uint64_t id, const Request& request) {
    const std::string frame = room ? encode({id, {}}, request) : std::string();
    room = room && dealer_.send(Message(std::string_view(frame))) == SendResult::kSent;
    return room;
  };
  while (!goodbyes_.empty() && say(0, goodbyes_.front())) {
    goodbyes_.pop_front();
    dealer_.linger(limits::kGoodbyeLinger);
  }
  MonoTime next = MonoTime::max();
  for (auto& [number, entry] : users_) {
    if (entry.user->due() <= now) {
      // What is asked for again replaces what could not be sent.
      if (auto requests = entry.user->take_due(now); !requests.empty())
        entry.unsent = std::move(requests);
    }
    std::erase_if(entry.unsent,
                  [&, id = number](const Request& request) { return say(id, request); });
    next = std::min(next, entry.user->due());
  }
  return room ? next : std::min(next, clock_.mono() + limits::kSendRetryInterval);
}

}  // namespace forebay
