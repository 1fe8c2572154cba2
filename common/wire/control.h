// The messages of the control socket: docs/protocol.md section 4. A struct a message; its `fields`
// names each field once, for encoding and decoding alike. Unknown fields are ignored; absent
// optional ones keep their defaults.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace forebay {

inline constexpr std::uint64_t kProtocolVersion = 1;

/// Whether decoding fails when a field is absent.
enum class Presence { kRequired, kOptional };

// from a client

struct Register {
  static constexpr std::string_view kOp = "register";
  std::string stream;
  InstanceId instance;
  std::string name;               // empty: anonymous
  std::uint64_t fingerprint = 0;  // of the file it publishes; 0: none
  Epoch epoch;                    // that this instance was given before; 0: none yet
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("instance", instance), f("name", name, Presence::kOptional),
        f("fingerprint", fingerprint, Presence::kOptional), f("epoch", epoch, Presence::kOptional);
  }
};

/// Who speaks, in keepalive and goodbye.
struct ProducerRef {
  ProducerId producer;
  Epoch epoch;
  InstanceId instance;
  template <class Fields>
  void fields(Fields& f) {
    f("producer", producer), f("epoch", epoch), f("instance", instance);
  }
};
struct Keepalive : ProducerRef {
  static constexpr std::string_view kOp = "keepalive";
};
struct Goodbye : ProducerRef {
  static constexpr std::string_view kOp = "goodbye";
};

struct Subscribe {
  static constexpr std::string_view kOp = "subscribe";
  std::string stream;
  std::string consumer;
  std::string start;           // earliest | latest | time | cursor
  std::int64_t time_ns = 0;    // with time
  Incarnation incarnation;     // with cursor
  Sequence cursor;             // with cursor
  std::uint64_t checksum = 0;  // of the batch that holds it; 0: unknown
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("consumer", consumer), f("start", start),
        f("time", time_ns, Presence::kOptional), f("incarnation", incarnation, Presence::kOptional),
        f("cursor", cursor, Presence::kOptional), f("checksum", checksum, Presence::kOptional);
  }
};

struct CursorReport {
  static constexpr std::string_view kOp = "cursor";
  std::string stream;
  std::string consumer;
  Incarnation incarnation;
  Sequence sequence;
  std::uint64_t lost = 0;
  std::uint64_t failed = 0;
  std::string state;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("consumer", consumer), f("incarnation", incarnation),
        f("sequence", sequence), f("lost", lost, Presence::kOptional),
        f("failed", failed, Presence::kOptional), f("state", state, Presence::kOptional);
  }
};

/// An operator's: the consumer holds retention no longer.
struct Forget {
  static constexpr std::string_view kOp = "forget";
  std::string stream;
  std::string consumer;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("consumer", consumer);
  }
};

/// An operator's: what the producer sends again is new then.
struct ForgetProducer {
  static constexpr std::string_view kOp = "forget_producer";
  std::string stream;
  ProducerId producer;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("producer", producer);
  }
};

struct Fetch {
  static constexpr std::string_view kOp = "fetch";
  std::string stream;
  Incarnation incarnation;     // none: whichever is there
  Sequence from;               // ≥ 1
  Sequence to;                 // exclusive; 0: no end
  std::uint64_t bytes = 0;     // 0: the default
  std::uint64_t checksum = 0;  // of the batch that holds from − 1; 0: unknown
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("incarnation", incarnation, Presence::kOptional), f("from", from),
        f("to", to, Presence::kOptional), f("bytes", bytes, Presence::kOptional),
        f("checksum", checksum, Presence::kOptional);
  }
};

struct Find {
  static constexpr std::string_view kOp = "find";
  std::string stream;
  std::int64_t time_ns = 0;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("time", time_ns);
  }
};

struct StatusRequest {
  static constexpr std::string_view kOp = "status";
  template <class Fields>
  void fields(Fields&) {}
};

/// An operator's: the wall clock is right, whether or not the system calls it synchronised.
struct TrustClock {
  static constexpr std::string_view kOp = "trust_clock";
  template <class Fields>
  void fields(Fields&) {}
};

/// An operator's, for a backup.
struct RecordsRequest {
  static constexpr std::string_view kOp = "records";
  template <class Fields>
  void fields(Fields&) {}
};

using Request = std::variant<RecordsRequest, Register, Keepalive, Goodbye, Subscribe, CursorReport,
                             Forget, ForgetProducer, Fetch, Find, StatusRequest, TrustClock>;

// from the sidecar

struct Registered {
  static constexpr std::string_view kOp = "registered";
  std::string stream;
  Incarnation incarnation;
  ProducerId producer;
  Epoch epoch;
  ProducerSequence start;
  ProducerSequence position;
  Sequence sequence;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("incarnation", incarnation), f("producer", producer), f("epoch", epoch),
        f("start", start), f("position", position), f("sequence", sequence);
  }
};

struct Alive {
  static constexpr std::string_view kOp = "alive";
  ProducerId producer;
  Epoch epoch;
  ProducerSequence position;
  template <class Fields>
  void fields(Fields& f) {
    f("producer", producer), f("epoch", epoch), f("position", position);
  }
};

struct Acknowledged {
  static constexpr std::string_view kOp = "acknowledged";
  Incarnation incarnation;
  ProducerId producer;
  Epoch epoch;
  ProducerSequence position;
  Sequence sequence;  // of the event at position
  Sequence first;     // of the first event that became durable with this; 0: none, it is said again
  template <class Fields>
  void fields(Fields& f) {
    f("incarnation", incarnation), f("producer", producer), f("epoch", epoch),
        f("position", position), f("sequence", sequence), f("first", first, Presence::kOptional);
  }
};

struct Resend {
  static constexpr std::string_view kOp = "resend";
  Incarnation incarnation;
  ProducerId producer;
  Epoch epoch;
  ProducerSequence position;
  template <class Fields>
  void fields(Fields& f) {
    f("incarnation", incarnation), f("producer", producer), f("epoch", epoch),
        f("position", position);
  }
};

struct Full {
  static constexpr std::string_view kOp = "full";
  ProducerId producer;
  Epoch epoch;
  ProducerSequence position;
  std::string message;
  template <class Fields>
  void fields(Fields& f) {
    f("producer", producer), f("epoch", epoch), f("position", position), f("message", message);
  }
};

struct Refused {
  static constexpr std::string_view kOp = "refused";
  ProducerId producer;
  Epoch epoch;
  ErrorCode code = ErrorCode::kBadInput;
  std::string message;
  template <class Fields>
  void fields(Fields& f) {
    f("producer", producer), f("epoch", epoch), f("code", code), f("message", message);
  }
};

struct Subscribed {
  static constexpr std::string_view kOp = "subscribed";
  std::string stream;
  Incarnation incarnation;
  Sequence start;  // the cursor to begin with
  Sequence head;
  Sequence oldest;
  Sequence shared;  // up to there the log is certain to hold what the request's incarnation did
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("incarnation", incarnation), f("start", start), f("head", head),
        f("oldest", oldest), f("shared", shared);
  }
};

struct Forgotten {
  static constexpr std::string_view kOp = "forgotten";
  std::string stream;
  std::string consumer;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("consumer", consumer);
  }
};

struct ProducerForgotten {
  static constexpr std::string_view kOp = "producer_forgotten";
  std::string stream;
  ProducerId producer;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("producer", producer);
  }
};

struct ClockTrusted {
  static constexpr std::string_view kOp = "clock_trusted";
  template <class Fields>
  void fields(Fields&) {}
};

/// The second frame holds the records: u32 length, key, u32 length, value, as docs/log-format.md has
/// them.
struct Records {
  static constexpr std::string_view kOp = "records";
  std::uint64_t count = 0;
  template <class Fields>
  void fields(Fields& f) {
    f("count", count);
  }
};

/// The second frame holds the batches.
struct Batches {
  static constexpr std::string_view kOp = "batches";
  std::string stream;
  Incarnation incarnation;
  Sequence next;
  bool more = false;
  Sequence head;
  Sequence oldest;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("incarnation", incarnation), f("next", next), f("more", more),
        f("head", head), f("oldest", oldest);
  }
};

struct Trimmed {
  static constexpr std::string_view kOp = "trimmed";
  std::string stream;
  Incarnation incarnation;
  Sequence oldest;
  Sequence head;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("incarnation", incarnation), f("oldest", oldest), f("head", head);
  }
};

struct Corrupt {
  static constexpr std::string_view kOp = "corrupt";
  std::string stream;
  Incarnation incarnation;
  Sequence first;
  std::uint64_t count = 0;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("incarnation", incarnation), f("first", first), f("count", count);
  }
};

struct Diverged {
  static constexpr std::string_view kOp = "diverged";
  std::string stream;
  Incarnation incarnation;
  Sequence head;
  std::string message;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("incarnation", incarnation), f("head", head), f("message", message);
  }
};

struct Found {
  static constexpr std::string_view kOp = "found";
  std::string stream;
  Incarnation incarnation;
  Sequence sequence;
  Sequence head;
  Sequence oldest;
  template <class Fields>
  void fields(Fields& f) {
    f("stream", stream), f("incarnation", incarnation), f("sequence", sequence), f("head", head),
        f("oldest", oldest);
  }
};

struct StatusReport {
  static constexpr std::string_view kOp = "status";
  std::string report;  // JSON
  template <class Fields>
  void fields(Fields& f) {
    f("report", report);
  }
};

struct ErrorReply {
  static constexpr std::string_view kOp = "error";
  ErrorCode code = ErrorCode::kBadInput;
  std::string message;
  template <class Fields>
  void fields(Fields& f) {
    f("code", code), f("message", message);
  }
};

using Reply = std::variant<Registered, Alive, Acknowledged, Resend, Full, Refused, Subscribed,
                           Forgotten, ProducerForgotten, ClockTrusted, Records, Batches, Trimmed,
                           Corrupt, Diverged, Found, StatusReport, ErrorReply>;

// on the wire

/// What surrounds each message.
struct Envelope {
  std::uint64_t id = 0;  // the client's, returned in the reply
  BootId boot;           // the sidecar's; none in requests
};

struct RequestMessage {
  Envelope envelope;
  Request body;
};
struct ReplyMessage {
  Envelope envelope;
  Reply body;
};

[[nodiscard]] std::string encode(const Envelope& envelope, const Request& request);
[[nodiscard]] std::string encode(const Envelope& envelope, const Reply& reply);

/// kVersion or kBadInput; allocates no more than the bytes it is given.
[[nodiscard]] Result<RequestMessage> decode_request(std::string_view bytes);
[[nodiscard]] Result<ReplyMessage> decode_reply(std::string_view bytes);

/// The `id` of a request that decode_request refuses, so that the error reaches its sender; 0 if
/// there is none.
[[nodiscard]] std::uint64_t request_id_of(std::string_view bytes);

}  // namespace forebay
