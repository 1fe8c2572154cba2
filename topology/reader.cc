#include "topology/reader.h"

#include <arpa/inet.h>

#include <filesystem>

#include "common/base/ids.h"
#include "common/base/logging.h"
#include "topology/table_reader.h"

namespace forebay {
namespace {

constexpr std::string_view kNameMend =
    "use 1 to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or digit";

/// Notes the name's place; false, with a problem, if it is no name.
bool take_name(Draft& draft, const TomlEntry& entry, const std::string& path) {
  draft.places[path] = entry.place;
  if (is_name(entry.key)) return true;
  draft.problem(path, in_quotes(entry.key) + " is not a name", std::string(kNameMend));
  return false;
}

std::string absolute_path(std::string_view path, std::string_view folder) {
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

void read_topology_table(Draft& draft, const TomlValue& value, std::string_view folder) {
  TableReader reader(draft, value, "topology", "topology");
  draft.topology.name = reader.required_text("name", "demo");
  if (!draft.topology.name.empty() && !is_name(draft.topology.name)) {
    reader.problem("name", in_quotes(draft.topology.name) + " is not a name", kNameMend);
  }
  const std::string state_dir = reader.text("state_dir").value_or("state");
  if (state_dir.empty()) reader.problem("state_dir", "state_dir is empty", "name a folder");
  std::string absolute = absolute_path(state_dir, folder);
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  draft.topology.state_dir = absolute;
  if (const auto level = reader.text("log_level")) {
    draft.topology.log_level = *level;
    if (!is_log_level(*level)) {
      reader.problem("log_level", "log_level " + in_quotes(*level) + " is no level",
                     "choose one of trace, debug, info, warning, error, critical, off");
    }
  }
  reader.refuse_unknown();
}

std::optional<std::uint16_t> read_port(TableReader& reader, std::string_view key, int least) {
  const auto port = reader.integer(key);
  if (!port) return std::nullopt;
  if (*port >= least && *port <= 65535) return static_cast<std::uint16_t>(*port);
  reader.problem(key, std::string(key) + " " + std::to_string(*port) + " is not a port",
                 "choose one from 1 to 65535" + std::string(least == 0 ? ", or 0 for none" : ""));
  return std::nullopt;
}

Host read_host(Draft& draft, const TomlEntry& entry, const std::string& path) {
  Host host{.name = entry.key};
  TableReader reader(draft, entry.value, path, "host " + in_quotes(entry.key));
  if (const auto address = reader.text("address")) {
    in_addr parsed{};
    host.address = *address;
    if (::inet_pton(AF_INET, address->c_str(), &parsed) != 1 || parsed.s_addr == INADDR_ANY) {
      reader.problem("address",
                     "address " + in_quotes(*address) + " is not one other hosts can reach",
                     "write the host's IPv4 address, e.g. \"127.0.0.1\"");
    }
  }
  host.base_port = read_port(reader, "base_port", 1).value_or(host.base_port);
  const int metrics_port = host.base_port + limits::kMetricsPortAfterBase;
  if (metrics_port <= 65535) host.metrics_port = static_cast<std::uint16_t>(metrics_port);
  host.metrics_port = read_port(reader, "metrics_port", 0).value_or(host.metrics_port);
  if (const auto address = reader.text("metrics_address")) {
    in_addr parsed{};
    host.metrics_address = *address;
    if (::inet_pton(AF_INET, address->c_str(), &parsed) != 1) {
      reader.problem("metrics_address",
                     "metrics_address " + in_quotes(*address) + " is no IPv4 address",
                     "write one of the host's, or \"0.0.0.0\" for all");
    }
  }
  host.alerts = reader.text("alerts").value_or("");
  reader.refuse_unknown();
  return host;
}

void read_discard(TableReader& reader, Retention& retention) {
  const auto discard = reader.text("discard");
  if (!discard) return;
  if (*discard != "old" && *discard != "new") {
    reader.problem("discard", "discard " + in_quotes(*discard) + " is neither \"old\" nor \"new\"",
                   "old trims what a consumer has yet to read, which is told of it; new makes "
                   "publishers hold");
  } else if (!retention.bytes) {
    reader.problem("discard", "discard has no effect without bytes",
                   "give bytes, or leave discard out");
  }
  if (*discard == "new") retention.discard = Retention::Discard::kNew;
}

Stream read_stream(Draft& draft, const TomlEntry& entry, const std::string& path) {
  Stream stream{.name = entry.key, .retention = {}};
  const std::string what = "stream " + in_quotes(entry.key);
  TableReader reader(draft, entry.value, path, what);
  if (const TomlValue* table = reader.table("retention")) {
    TableReader retention(draft, *table, path + "/retention", what + ", retention");
    stream.retention.age = retention.duration("age");
    stream.retention.bytes = retention.size("bytes");
    read_discard(retention, stream.retention);
    retention.refuse_unknown();
    if (retention.value().entries.empty()) {
      reader.problem("retention", "retention is empty",
                     "give age or bytes, or leave it out to keep everything");
    }
  }
  reader.refuse_unknown();
  return stream;
}

Sidecar read_sidecar(Draft& draft, const TomlEntry& entry, const std::string& path) {
  Sidecar sidecar;
  sidecar.name = entry.key;
  TableReader reader(draft, entry.value, path, "sidecar " + in_quotes(entry.key));
  sidecar.host = reader.required_text("host", "a");
  const std::size_t problems = draft.problems.size();
  if (const TomlValue* streams = reader.table("streams")) {
    for (const TomlEntry& stream : streams->entries) {
      const std::string stream_path = path + "/streams/" + stream.key;
      take_name(draft, stream, stream_path);
      sidecar.streams.push_back(read_stream(draft, stream, stream_path));
    }
  }
  if (sidecar.streams.empty() && draft.problems.size() == problems) {
    reader.problem("streams", "it owns no stream", "add streams = { NAME = {} }");
  }
  if (sidecar.streams.size() > limits::kStreamsMax) {
    reader.problem("streams",
                   "it owns more than " + std::to_string(limits::kStreamsMax) + " streams",
                   "spread them over several sidecars");
  }
  sidecar.disk_max = reader.size("disk_max");
  if (sidecar.disk_max && *sidecar.disk_max < limits::kDiskMaxMin) {
    reader.problem(
        "disk_max",
        "disk_max is too small: a log that filled it would stay full even with all trimmed",
        "give at least \"" + std::to_string(limits::kDiskMaxMin >> 20) + "MiB\"");
  }
  reader.refuse_unknown();
  return sidecar;
}

Start read_start(TableReader& reader) {
  const auto text = reader.text("start");
  if (!text || *text == "earliest") return {};
  if (*text == "latest") return {Start::From::kLatest, {}};
  if (const auto time = from_rfc3339(*text)) return {Start::From::kTime, *time};
  reader.problem("start", "start " + in_quotes(*text) + " is neither a word nor a time",
                 "write \"earliest\", \"latest\" or a time such as \"2026-03-01T00:00:00Z\"");
  return {};
}

std::vector<std::string> read_publishes(Draft& draft, TableReader& reader) {
  std::vector<std::string> streams;
  const TomlValue* array = reader.array("publishes");
  if (array == nullptr) return streams;
  for (const TomlValue& item : array->items) {
    const std::string key = "publishes/" + std::to_string(streams.size());
    draft.places[reader.path(key)] = item.place;
    if (item.kind != TomlValue::Kind::kString) {
      reader.problem(key, "publishes holds " + std::string(item.kind_name()), "list stream names");
    }
    streams.push_back(item.text);
  }
  return streams;
}

std::vector<Interest> read_subscribes(Draft& draft, TableReader& reader, const std::string& what) {
  std::vector<Interest> interests;
  const TomlValue* array = reader.array("subscribes");
  if (array == nullptr) return interests;
  for (const TomlValue& item : array->items) {
    const std::string key = "subscribes/" + std::to_string(interests.size());
    draft.places[reader.path(key)] = item.place;
    Interest interest;
    if (item.kind == TomlValue::Kind::kString) {
      interest.stream = item.text;
    } else if (item.kind == TomlValue::Kind::kTable) {
      TableReader entry(draft, item, reader.path(key), what + ", subscribes");
      interest.stream = entry.required_text("stream", "inventory");
      if (const auto at = draft.places.find(entry.path("stream")); at != draft.places.end()) {
        draft.places[reader.path(key)] = at->second;
      }
      interest.start = read_start(entry);
      entry.refuse_unknown();
    } else {
      reader.problem(key, "subscribes holds " + std::string(item.kind_name()),
                     "list stream names or { stream = \"…\", start = \"latest\" }");
    }
    interests.push_back(interest);
  }
  return interests;
}

NodeKind read_kind(Draft& draft, TableReader& reader) {
  const std::string kind = reader.required_text("kind", "service");
  for (NodeKind known : {NodeKind::kFeed, NodeKind::kSourcing, NodeKind::kService}) {
    if (kind == to_string(known)) return known;
  }
  draft.misread.insert(reader.path("kind"));
  if (!kind.empty()) {
    reader.problem("kind", "unknown kind " + in_quotes(kind),
                   mend_name(kind, {"feed", "sourcing", "service"}, ""));
  }
  return NodeKind::kService;
}

Node read_node(Draft& draft, const TomlEntry& entry, const std::string& path,
               std::string_view folder) {
  Node node;
  node.name = entry.key;
  const std::string what = "node " + in_quotes(entry.key);
  TableReader reader(draft, entry.value, path, what);
  node.kind = read_kind(draft, reader);
  node.host = reader.required_text("host", "a");
  node.publishes = read_publishes(draft, reader);
  node.subscribes = read_subscribes(draft, reader, what);
  // Asked for whatever the kind is: that a key is of no use to a kind is a better message than that
  // it is unknown, and it is validate's to give.
  node.replay = reader.boolean("replay").value_or(false);
  node.follow = reader.boolean("follow").value_or(false);
  if (const auto source = reader.text("source")) {
    node.source = source->empty() || *source == "-" ? *source : absolute_path(*source, folder);
  }
  reader.refuse_unknown();
  return node;
}

/// A key as text, or a list of two.
Identity read_identity(Draft& draft, const TomlEntry& entry, const std::string& path) {
  constexpr std::size_t kKeysMax = 2;
  Identity identity{entry.key, {}};
  const std::string what = in_quotes(entry.key);
  const auto add = [&](const TomlValue& value) {
    if (value.kind == TomlValue::Kind::kString && is_key(value.text)) {
      identity.keys.push_back(value.text);
      return;
    }
    draft.problem(path, what + ": this is no public key",
                  "write the 40 characters that `forebay keys generate " + entry.key + "` printed");
  };
  if (entry.value.kind != TomlValue::Kind::kArray) {
    add(entry.value);
    return identity;
  }
  for (const TomlValue& value : entry.value.items) add(value);
  if (entry.value.items.empty() || entry.value.items.size() > kKeysMax) {
    draft.problem(path, what + " has " + std::to_string(entry.value.items.size()) + " keys",
                  "give one, or two while it is being changed");
  }
  return identity;
}

Alerts read_alerts(Draft& draft, const TomlValue& value) {
  Alerts alerts;
  TableReader reader(draft, value, "alerts", "alerts");
  if (const auto events = reader.integer("lag_events")) {
    if (*events < 1) {
      reader.problem("lag_events", "lag_events " + std::to_string(*events) + " is below 1",
                     "write the number of events from which lag is an alert");
    } else {
      alerts.lag_events = static_cast<std::uint64_t>(*events);
    }
  }
  alerts.lag_age = reader.duration("lag_age").value_or(alerts.lag_age);
  alerts.beacon_silent = reader.duration("beacon_silent").value_or(alerts.beacon_silent);
  alerts.producer_silent = reader.duration("producer_silent").value_or(alerts.producer_silent);
  alerts.not_moving = reader.duration("not_moving").value_or(alerts.not_moving);
  if (const auto percent = reader.integer("disk_percent")) {
    if (*percent < 1 || *percent > 100) {
      reader.problem("disk_percent", "disk_percent " + std::to_string(*percent) + " is no share",
                     "write how many per cent are used when it is an alert, e.g. 90");
    } else {
      alerts.disk_percent = static_cast<int>(*percent);
    }
  }
  if (const auto refusals = reader.integer("refusals")) {
    if (*refusals < 1) {
      reader.problem("refusals", "refusals " + std::to_string(*refusals) + " is below 1",
                     "write how many a minute are an alert");
    } else {
      alerts.refusals = static_cast<std::uint64_t>(*refusals);
    }
  }
  if (const auto exec = reader.text("exec")) {
    alerts.exec = *exec;
    if (!exec->starts_with('/')) {
      reader.problem("exec", "exec " + in_quotes(*exec) + " is no absolute path",
                     "write the program's whole path");
    }
  }
  reader.refuse_unknown();
  return alerts;
}

}  // namespace

Place Draft::place(std::string_view path) const {
  while (true) {
    if (const auto found = places.find(std::string(path)); found != places.end()) {
      return found->second;
    }
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return {1, 1};
    path = path.substr(0, slash);
  }
}

void Draft::problem(std::string_view path, std::string what, std::string mend) {
  problems.push_back({place(path), std::move(what), std::move(mend)});
}

Draft read_draft(const TomlValue& document, std::string_view folder) {
  Draft draft;
  TableReader root(draft, document, "", "the file");
  const auto each = [&](std::string_view key, auto&& read) {
    const TomlValue* table = root.table(key);
    if (table == nullptr) return;
    for (const TomlEntry& entry : table->entries) {
      const std::string path = std::string(key) + "/" + entry.key;
      take_name(draft, entry, path);
      read(entry, path);
    }
  };
  if (const TomlValue* topology = root.table("topology")) {
    read_topology_table(draft, *topology, folder);
  } else if (draft.problems.empty()) {
    draft.problem("", "there is no [topology]", "add [topology] with name = \"…\"");
  }
  each("hosts", [&](const TomlEntry& entry, const std::string& path) {
    draft.topology.hosts.push_back(read_host(draft, entry, path));
  });
  each("sidecars", [&](const TomlEntry& entry, const std::string& path) {
    draft.topology.sidecars.push_back(read_sidecar(draft, entry, path));
  });
  each("nodes", [&](const TomlEntry& entry, const std::string& path) {
    draft.topology.nodes.push_back(read_node(draft, entry, path, folder));
  });
  each("keys", [&](const TomlEntry& entry, const std::string& path) {
    draft.topology.keys.push_back(read_identity(draft, entry, path));
  });
  each("operators", [&](const TomlEntry& entry, const std::string& path) {
    draft.topology.operators.push_back(read_identity(draft, entry, path));
  });
  if (const TomlValue* alerts = root.table("alerts")) {
    draft.topology.alerts = read_alerts(draft, *alerts);
  }
  root.refuse_unknown();
  return draft;
}

}  // namespace forebay
