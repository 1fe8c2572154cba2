// What a topology file says, checked and with its defaults filled in: hosts, sidecars with their
// streams, nodes, alerts.
//
// Plain values in the order of the file; const, it may be read from any thread. It says what there
// is, not which port: endpoints.h derives where to bind and connect. The file's reference is
// docs/topology.md.
//
//   auto topology = load_topology(path);                       // load.h
//   const Sidecar* owner = topology->owner_of("inventory");    // nullptr: no such stream
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/limits.h"

namespace forebay {

struct Host {
  std::string name;
  std::string address = "127.0.0.1";  // IPv4
  std::uint16_t base_port = limits::kBasePortDefault;
  std::string metrics_address = "127.0.0.1";  // IPv4; where its daemons serve /metrics and /health
  std::uint16_t metrics_port = 0;  // the first of theirs (endpoints.h); 0: they serve nothing
  std::string alerts = {};         // the stream that theirs go to; empty: none
};

/// What a stream keeps; neither: everything, for ever. What a registered consumer has yet to read is
/// kept in any case, but for `bytes`, where `discard` says who gives way.
struct Retention {
  enum class Discard : std::uint8_t { kOld, kNew };
  std::optional<Nanoseconds> age;
  std::optional<std::uint64_t> bytes;
  Discard discard = Discard::kOld;  // kNew: publishers hold until the consumer has read
};

struct Stream {
  std::string name;
  Retention retention;
};

struct Sidecar {
  std::string name;
  std::string host;
  std::vector<Stream> streams;            // those it owns, at least one
  std::optional<std::uint64_t> disk_max;  // bytes of its log; at the limit, it is full
};

/// Where a subscription without a cursor begins.
struct Start {
  enum class From : std::uint8_t { kEarliest, kLatest, kTime };
  From from = From::kEarliest;
  WallTime time{};  // kTime: the first batch committed at or after it
  friend bool operator==(const Start&, const Start&) = default;
};

/// One entry of `subscribes`.
struct Interest {
  std::string stream;
  Start start;
};

enum class NodeKind : std::uint8_t {
  kFeed,      // publishes the lines of a file
  kSourcing,  // answers delivery dates
  kService,   // somebody's own program; `up` does not start it
};

struct Node {
  std::string name;
  NodeKind kind = NodeKind::kService;
  std::string host;
  std::vector<std::string> publishes;
  std::vector<Interest> subscribes;
  bool replay = false;  // kService: its handler keeps no view and takes replays
  std::string source;   // kFeed: an absolute path, or "-" for stdin
  bool follow = false;  // kFeed: wait at the end of the file for more
};

/// The public keys of a sidecar, node or operator: one, or two while it is being changed.
struct Identity {
  std::string name;
  std::vector<std::string> keys;
};

/// When a consumer or stream is worth an alert, and when an answer calls a stream stale.
struct Alerts {
  std::uint64_t lag_events = limits::kAlertLagEventsDefault;
  Nanoseconds lag_age = limits::kAlertLagAgeDefault;
  Nanoseconds beacon_silent = limits::kAlertBeaconSilentDefault;
  Nanoseconds producer_silent = limits::kAlertProducerSilentDefault;
  Nanoseconds not_moving = limits::kAlertNotMovingDefault;
  int disk_percent = limits::kAlertDiskPercentDefault;
  /// Of `of` bytes only `left` are left.
  [[nodiscard]] bool low(std::uint64_t left, std::uint64_t of) const {
    return static_cast<double>(left) < static_cast<double>(of) * (100 - disk_percent) / 100;
  }
  std::uint64_t refusals = limits::kAlertRefusalsDefault;  // a minute
  std::string exec;                                        // absolute path; empty: none
};

struct Topology {
  std::string name;
  std::string state_dir;           // absolute
  std::string log_level = "info";  // of its daemons, as logging.h has it
  std::vector<Host> hosts;
  std::vector<Sidecar> sidecars;
  std::vector<Node> nodes;
  std::vector<Identity> keys;       // of sidecars and nodes
  std::vector<Identity> operators;  // people
  Alerts alerts;

  /// nullptr if there is none of that name; valid as long as the topology is.
  [[nodiscard]] const Host* host(std::string_view host_name) const;
  [[nodiscard]] const Sidecar* sidecar(std::string_view sidecar_name) const;
  [[nodiscard]] const Node* node(std::string_view node_name) const;
  /// Of a sidecar or node; nullptr if it has none.
  [[nodiscard]] const Identity* keys_of(std::string_view owner) const;
  /// The sidecar that owns the stream.
  [[nodiscard]] const Sidecar* owner_of(std::string_view stream) const;
  [[nodiscard]] std::vector<std::string_view> stream_names() const;
};

/// "feed", "sourcing", "service".
[[nodiscard]] std::string_view to_string(NodeKind kind);
/// "earliest", "latest" or the RFC 3339 time.
[[nodiscard]] std::string to_string(const Start& start);

}  // namespace forebay
