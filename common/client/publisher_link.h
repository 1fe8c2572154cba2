// A process's connection to one sidecar, which all its publishers there share: a socket for
// batches, one for registrations and answers, and a thread. A thousand streams take no more of them
// than one.
//
// Nothing is queued while the sidecar is away, so that what a publisher asked for ends with it.
// Batches that the socket has no room for wait with their publishers, which have their turn in the
// order they came. Answers find their publisher by its number on the link, which its requests
// carry, or by the producer they name. Publisher alone uses this.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

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
  /// Sends what had no room. True: all is sent, and it has called PublisherLink::leave_queue.
  [[nodiscard]] virtual bool send_again(MonoTime now) = 0;
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

  // By the user, under a lock of its own.

  /// Hands a batch to the socket. False: there is no room, or others wait for it; send_again is
  /// called when it is the user's turn, and until then it does not send.
  [[nodiscard]] bool send(LinkUser& user, std::shared_ptr<const std::string> batch);
  /// The user, whose turn it is, has no more to send.
  void leave_queue(const LinkUser& user);

 private:
  /// What the link knows of a user.
  struct Entry {
    LinkUser* user;
    std::optional<std::uint64_t> producer;  // as the last answer named it
    std::vector<Request> unsent;
  };

  PublisherLink();
  void wake() { bell_.post({}); }
  void run();
  void receive_replies(MonoTime now);
  [[nodiscard]] LinkUser* user_of(const ReplyMessage& reply);
  void send_waiting(MonoTime now);
  /// Returns when to be called next.
  [[nodiscard]] MonoTime send_due(MonoTime now);
  void forget_producer(const std::pair<const std::uint64_t, Entry>& user);
  [[nodiscard]] LinkUser* first_waiting();

  SystemClock clock_;
  Context context_;
  std::mutex push_mutex_;  // guards push_ and waiting_; taken last
  Socket push_;
  std::deque<LinkUser*> waiting_;  // for room in push_
  Socket dealer_;                  // the thread's alone
  std::deque<Goodbye> goodbyes_;   // the thread's alone, to be sent
  Mailbox<std::optional<Goodbye>> bell_;

  std::mutex users_mutex_;                // held by the thread while it calls them
  std::map<std::uint64_t, Entry> users_;  // by number
  std::unordered_map<std::uint64_t, std::uint64_t> by_producer_;  // producer id → number
  std::uint64_t last_number_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace forebay
