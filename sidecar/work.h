// What passes between the sidecar's threads: work from ingest to commit, outcomes back, batches on
// to broadcast.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/ids.h"
#include "common/event/batch.h"
#include "common/wire/control.h"
#include "common/wire/transport.h"
#include "sidecar/log/log.h"

namespace forebay {

/// A client of the control socket, and which of its requests is meant. The route is ROUTER's own id
/// of the connection.
struct Peer {
  std::string route;
  std::uint64_t request = 0;
  std::string user = {};  // the name of its key; empty beside the sidecar

  /// Whose replies are counted together.
  [[nodiscard]] const std::string& account() const { return user.empty() ? route : user; }
};

/// A message to a peer; `batches` is the second frame of a fetch reply. `slot` is the peer's place
/// among the long replies under way, given back once the peer's connection has taken this one.
struct Outgoing {
  Peer peer;
  Reply reply;
  std::string batches;
  std::shared_ptr<const void> slot = {};
};

struct BatchWork {
  StreamIndex stream;
  BatchOrigin origin;
  Message message;
};

/// Puts a producer, or an epoch of it; the answer carries the positions of the transaction that
/// does.
struct RegisterWork {
  Peer peer;
  StreamIndex stream;
  ProducerId id;
  Epoch epoch;
  InstanceId instance;
  std::string name;
  std::uint64_t fingerprint = 0;
};

/// A producer that said goodbye: kept if named, else erased.
struct DepartWork {
  ProducerId id;
};

/// Resolves where a consumer starts.
struct SubscribeWork {
  Peer peer;
  StreamIndex stream;
  Subscribe request;
  ConsumerRecord known;  // what it last reported; incarnation none: nothing yet
};

/// Forgets a consumer: it holds retention no longer.
struct ForgetWork {
  Peer peer;
  std::optional<StreamIndex> stream;  // none: the topology no longer has it
  ConsumerKey key;
};

/// Forgets a producer: its chain begins anew if it comes back.
struct ForgetProducerWork {
  Peer peer;
  StreamIndex stream;
  ProducerId id;
};

/// Keeps a consumer's report; not worth a commit of its own.
struct CursorWork {
  ConsumerKey key;
  ConsumerRecord record;
};

using Work = std::variant<BatchWork, RegisterWork, DepartWork, SubscribeWork, ForgetWork,
                          ForgetProducerWork, CursorWork>;

/// Whoever waits for an answer to it; null: nobody.
[[nodiscard]] inline const Peer* who_waits(const Work& work) {
  return std::visit(
      [](const auto& item) -> const Peer* {
        if constexpr (requires { item.peer; }) {
          return &item.peer;
        } else {
          return nullptr;
        }
      },
      work);
}

/// A committed batch, on its way to broadcast.
struct CommittedBatch {
  StreamIndex stream;
  BatchHeader header;
  Message message;
};

/// How far a producer is on disk.
struct CommittedPosition {
  ProducerId id;
  ProducerSequence position;
  Sequence sequence;
  Sequence first;  // of this transaction; 0: it put none
};

/// A stream whose oldest batches were trimmed.
struct TrimmedStream {
  StreamIndex stream;
  Sequence oldest;
  friend bool operator==(const TrimmedStream&, const TrimmedStream&) = default;
};

/// What one transaction did. If `full`, nothing but forget: all else was discarded.
struct CommitOutcome {
  bool full = false;
  std::string full_message;
  std::vector<CommittedPosition> positions;
  std::vector<std::pair<ProducerId, ProducerRecord>> registered;
  struct SubscribedConsumer {
    ConsumerKey key;
    ConsumerRecord record;
    bool vouched = false;  // the log holds what it read at its cursor
  };
  std::vector<SubscribedConsumer> subscribed;
  std::vector<ConsumerKey> forgotten;
  std::vector<ProducerId> forgotten_producers;
  std::vector<Outgoing> answers;
  std::vector<CommittedBatch> batches;
  std::vector<TrimmedStream> trimmed;
};

}  // namespace forebay
