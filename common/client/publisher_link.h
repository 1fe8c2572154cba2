// A process's connection to one sidecar, which all its publishers there share: a socket for
// batches, one for registrations and answers, and a thread. A thousand streams take no more of them
// than one.
//
// Answers find their publisher by its number on the link, which its requests carry, or by the
// producer they name. Publisher alone uses this.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

#include "common/base/clock.h"
#include "common/base/mailbox.h"
#include "common/wire/control.h"
#include "common/wire/transport.h"

namespace forebay {

/// One end of the link. All but due() are called on the link's thread.
class LinkUser {
 public:
  virtual ~LinkUser() = default;
  /// When take_due wants to be called next; from any thread.
  [[nodiscard]] virtual MonoTime due() const = 0;
  /// Does what is due, and gives the requests to send.
  [[nodiscard]] virtual std::vector<Request> take_due(MonoTime now) = 0;
  virtual void on_reply(const ReplyMessage& reply, MonoTime now) = 0;
};

class PublisherLink {
 public:
  /// The one that this process has, or a new one; the sidecar need not be up. kBadInput for an
  /// endpoint that cannot be.
  [[nodiscard]] static Result<std::shared_ptr<PublisherLink>> to(const std::string& ingest,
                                                                 const std::string& control);
  ~PublisherLink();
  PublisherLink(const PublisherLink&) = delete;
  PublisherLink& operator=(const PublisherLink&) = delete;

  /// `user` outlives its removal.
  void add(LinkUser& user);
  /// Returns once the user is called no more; `goodbye`, if any, is then sent.
  void remove(const LinkUser& user, std::optional<Goodbye> goodbye);
  /// Hands a batch to the socket, which may have no room; batches of one thread, or under one lock,
  /// stay in order.
  [[nodiscard]] SendResult send(std::shared_ptr<const std::string> batch);
  /// Has the thread look at what is due.
  void wake() { bell_.post({}); }

 private:
  PublisherLink();
  void run();
  void receive_replies(MonoTime now);
  [[nodiscard]] LinkUser* user_of(const ReplyMessage& reply);
  [[nodiscard]] std::chrono::milliseconds time_to_next() const;

  SystemClock clock_;
  Context context_;
  std::mutex push_mutex_;
  Socket push_;
  Socket dealer_;  // the thread's alone
  Mailbox<std::optional<Goodbye>> bell_;

  mutable std::mutex users_mutex_;  // held by the thread while it calls them
  std::map<std::uint64_t, LinkUser*> users_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_producer_;  // producer id → number
  std::uint64_t last_number_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace forebay
