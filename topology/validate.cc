#include "topology/validate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <set>

#include "topology/endpoints.h"

namespace forebay {
namespace {

std::string where(const Place& place) { return "line " + std::to_string(place.line); }

template <class T>
std::vector<std::string_view> names(const std::vector<T>& things) {
  std::vector<std::string_view> list;
  for (const T& thing : things) list.push_back(thing.name);
  return list;
}

bool is_loopback(const std::string& address) {
  in_addr parsed{};
  return ::inet_pton(AF_INET, address.c_str(), &parsed) == 1 && ntohl(parsed.s_addr) >> 24 == 127;
}

class Validator {
 public:
  explicit Validator(Draft& draft) : draft_(draft), topology_(draft.topology) {}

  void run(Keys keys) {
    check_not_empty();
    check_sidecars();
    check_alert_streams();
    for (const Node& node : topology_.nodes) {
      check_node(node);
      check_kind(node);
    }
    check_ports();
    check_keys();
    if (keys == Keys::kThere) check_crossings();
    check_ipc_paths();
  }

 private:
  void problem(const std::string& path, std::string what, std::string mend) {
    draft_.problem(path, std::move(what), std::move(mend));
  }
  bool has(const std::string& path) const { return draft_.places.contains(path); }

  void check_not_empty() {
    if (!draft_.problems.empty()) return;  // what is there may only have been misread
    if (topology_.hosts.empty()) {
      problem("topology", "the topology has no host", "add [hosts.a]");
    }
    if (topology_.sidecars.empty()) {
      problem("topology", "the topology has no sidecar, so nothing could be published",
              "add [sidecars.NAME] with host and streams");
    }
  }

  void check_host(const std::string& path, const std::string& what, const std::string& host) {
    if (host.empty() || topology_.host(host) != nullptr) return;
    problem(path + "/host", what + ": there is no host " + in_quotes(host),
            mend_name(host, names(topology_.hosts), "add [hosts." + host + "]"));
  }

  /// Publishers talk to a sidecar beside them.
  void check_alert_streams() {
    for (const Host& host : topology_.hosts) {
      if (host.alerts.empty()) continue;
      const std::string path = "hosts/" + host.name + "/alerts";
      const std::string what = "host " + in_quotes(host.name) + ": alerts go to";
      std::set<std::string> seen;
      if (!check_stream(path, what, host.alerts, seen)) continue;
      if (topology_.owner_of(host.alerts)->host != host.name) {
        problem(path, what + " " + in_quotes(host.alerts) + ", whose sidecar is on another host",
                "name a stream of a sidecar on this host");
      }
    }
  }

  void check_sidecars() {
    std::map<std::string, std::string> owners;  // stream → path of its first mention
    for (const Sidecar& sidecar : topology_.sidecars) {
      const std::string path = "sidecars/" + sidecar.name;
      check_host(path, "sidecar " + in_quotes(sidecar.name), sidecar.host);
      for (const Stream& stream : sidecar.streams) {
        const std::string stream_path = path + "/streams/" + stream.name;
        const auto [owner, first] = owners.emplace(stream.name, stream_path);
        if (first) continue;
        problem(stream_path,
                "stream " + in_quotes(stream.name) + " already has an owner (" +
                    where(draft_.place(owner->second)) + ")",
                "a stream is owned by one sidecar: remove or rename one of them");
      }
    }
  }

  void check_node(const Node& node) {
    const std::string path = "nodes/" + node.name;
    const std::string what = "node " + in_quotes(node.name);
    check_host(path, what, node.host);
    if (topology_.sidecar(node.name) != nullptr) {
      problem(path,
              what + " has the name of a sidecar (" + where(draft_.place("sidecars/" + node.name)) +
                  ")",
              "names are state folders: rename one, e.g. " + in_quotes(node.name + "-1"));
    }
    std::set<std::string> seen;
    for (std::size_t i = 0; i < node.publishes.size(); ++i) {
      const std::string at = path + "/publishes/" + std::to_string(i);
      if (!check_stream(at, what + " publishes", node.publishes[i], seen)) continue;
      const Sidecar* sidecar = topology_.owner_of(node.publishes[i]);
      if (sidecar->host == node.host || topology_.host(node.host) == nullptr ||
          topology_.host(sidecar->host) == nullptr) {
        continue;
      }
      problem(at,
              what + " on host " + in_quotes(node.host) + " publishes " +
                  in_quotes(node.publishes[i]) + ", whose sidecar " + in_quotes(sidecar->name) +
                  " is on host " + in_quotes(sidecar->host),
              "publishers talk to a sidecar beside them: move one of the two");
    }
    seen.clear();
    for (std::size_t i = 0; i < node.subscribes.size(); ++i) {
      check_stream(path + "/subscribes/" + std::to_string(i), what + " subscribes to",
                   node.subscribes[i].stream, seen);
    }
  }

  bool check_stream(const std::string& path, const std::string& what, const std::string& stream,
                    std::set<std::string>& seen) {
    if (stream.empty()) return false;  // the reader has complained
    if (!seen.insert(stream).second) {
      problem(path, what + " " + in_quotes(stream) + " twice", "name it once");
      return false;
    }
    if (topology_.owner_of(stream) != nullptr) return true;
    problem(path, what + " " + in_quotes(stream) + ", which no sidecar owns",
            mend_name(stream, topology_.stream_names(), "add it to a sidecar's streams"));
    return false;
  }

  void check_kind(const Node& node) {
    const std::string path = "nodes/" + node.name;
    for (const char* key : {"/kind", "/publishes", "/subscribes", "/source"}) {
      if (draft_.misread.contains(path + key)) return;
    }
    const std::string what = "node " + in_quotes(node.name);
    const auto useless = [&](std::string_view key, std::string_view of, std::string_view mend) {
      if (has(path + "/" + std::string(key))) {
        problem(path + "/" + std::string(key),
                what + ": " + std::string(key) + " is of no use to " + std::string(of),
                std::string(mend));
      }
    };
    if (node.kind != NodeKind::kFeed) {
      useless("source", "a node that is no feed", "remove it, or write kind = \"feed\"");
      useless("follow", "a node that is no feed", "remove it, or write kind = \"feed\"");
    }
    switch (node.kind) {
      case NodeKind::kFeed:
        useless("subscribes", "a feed", "a feed only publishes: remove it");
        useless("replay", "a feed", "a feed takes no events: remove it");
        if (node.publishes.size() != 1) {
          problem(path + "/publishes", what + ": a feed publishes exactly one stream",
                  "write publishes = [\"STREAM\"], and a feed for each stream");
        }
        if (node.source.empty()) {
          problem(path + "/source", what + ": a feed needs a source",
                  "add source = \"FILE.ndjson\", or \"-\" for stdin");
        } else if (node.source == "-") {
          useless("follow", "stdin, which is always read to its end", "remove it");
        }
        return;
      case NodeKind::kSourcing:
        useless("publishes", "a sourcing node", "it only reads: remove it");
        useless("replay", "a sourcing node",
                "it keeps a view: replay into a scratch view (--view) or rebuild");
        if (node.subscribes.empty()) {
          problem(path + "/subscribes",
                  what + ": a sourcing node subscribes to at least one stream",
                  "add subscribes = [\"STREAM\"]");
        }
        return;
      case NodeKind::kService:
        if (node.publishes.empty() && node.subscribes.empty()) {
          problem(path, what + " neither publishes nor subscribes",
                  "add publishes = [\"STREAM\"] or subscribes = [\"STREAM\"]");
        } else if (node.subscribes.empty()) {
          useless("replay", "a node that subscribes to nothing",
                  "remove it, or add subscribes = [\"STREAM\"]");
        }
        return;
    }
  }

  struct Ports {
    const Host* host;
    std::string key;      // of the host's table
    std::string address;  // where they are bound
    std::uint32_t first, count;
    [[nodiscard]] std::uint32_t last() const { return first + count - 1; }
  };

  /// The ports that hosts may come to use, whether or not a consumer needs them today.
  void check_ports() {
    std::vector<Ports> checked;
    for (const Host& host : topology_.hosts) {
      const auto here = [&](const auto& each) { return each.host == host.name; };
      const auto sidecars = static_cast<std::uint32_t>(
          std::count_if(topology_.sidecars.begin(), topology_.sidecars.end(), here));
      const auto nodes = static_cast<std::uint32_t>(
          std::count_if(topology_.nodes.begin(), topology_.nodes.end(), here));
      check_ports(
          {&host, "base_port", host.address, host.base_port, sidecars * limits::kPortsPerSidecar},
          checked);
      // They take turns (endpoints.h).
      const std::uint32_t pages = host.metrics_port == 0 ? 0 : 2 * std::max(sidecars, nodes);
      check_ports({&host, "metrics_port", host.metrics_address, host.metrics_port, pages}, checked);
    }
  }

  void check_ports(const Ports& ports, std::vector<Ports>& checked) {
    if (ports.count == 0) return;
    const std::string path = "hosts/" + ports.host->name + "/" + ports.key;
    const std::string used = "host " + in_quotes(ports.host->name) + " uses ports " +
                             std::to_string(ports.first) + " to " + std::to_string(ports.last());
    if (ports.last() > 65535) {
      problem(path, used + ", which go past 65535",
              "choose a " + ports.key + " of at most " + std::to_string(65536 - ports.count));
    }
    for (const Ports& other : checked) {
      // Loopback of hosts with addresses of their own is not the same.
      if (other.host->address != ports.host->address || other.address != ports.address ||
          ports.first > other.last() || other.first > ports.last()) {
        continue;
      }
      problem(path,
              used + " of " + ports.address + ", some of them used by host " +
                  in_quotes(other.host->name) + " (" +
                  where(draft_.place("hosts/" + other.host->name)) + ")",
              "choose another " + ports.key + ", e.g. " + std::to_string(other.last() + 1));
    }
    checked.push_back(ports);
  }

  void check_keys() {
    std::map<std::string, std::string> owners;  // key → path of its first mention
    const auto check = [&](const Identity& identity, const std::string& table) {
      const std::string path = table + "/" + identity.name;
      for (const std::string& key : identity.keys) {
        const auto [owner, first] = owners.emplace(key, path);
        if (first) continue;
        problem(path,
                in_quotes(identity.name) + " has a key that stands already in " +
                    where(draft_.place(owner->second)),
                "everybody has a key of their own: `forebay keys generate " + identity.name + "`");
      }
    };
    for (const Identity& identity : topology_.keys) {
      check(identity, "keys");
      if (topology_.sidecar(identity.name) != nullptr || topology_.node(identity.name) != nullptr)
        continue;
      auto known = names(topology_.sidecars);
      for (const Node& node : topology_.nodes) known.push_back(node.name);
      problem("keys/" + identity.name, "there is no sidecar or node " + in_quotes(identity.name),
              mend_name(identity.name, known, "remove it, or put a person under [operators]"));
    }
    for (const Identity& identity : topology_.operators) {
      check(identity, "operators");
      if (topology_.sidecar(identity.name) == nullptr && topology_.node(identity.name) == nullptr)
        continue;
      problem("operators/" + identity.name,
              "operator " + in_quotes(identity.name) + " has the name of a sidecar or node",
              "its key belongs under [keys]; give the person another name");
    }
  }

  /// Off loopback, both ends of what crosses hosts have keys; on it, both or neither.
  void check_crossings() {
    std::set<std::string> told;
    const auto tell = [&](const std::string& name, const std::string& host, const Node& node,
                          const std::string& stream, bool other_has_one) {
      if (topology_.keys_of(name) != nullptr) return;
      const std::string& address = topology_.host(host)->address;
      in_addr ignored{};
      if (::inet_pton(AF_INET, address.c_str(), &ignored) != 1) return;
      if ((is_loopback(address) && !other_has_one) || !told.insert(name).second) return;
      problem("hosts/" + host + "/address",
              in_quotes(name) + " has no key, and node " + in_quotes(node.name) + " reads stream " +
                  in_quotes(stream) + " across hosts over " + address,
              "run `forebay keys generate " + name + "` on host " + host +
                  " and put the line that it prints under [keys]");
    };
    for (const Node& node : topology_.nodes) {
      for (const Interest& interest : node.subscribes) {
        const Sidecar* sidecar = topology_.owner_of(interest.stream);
        if (sidecar == nullptr || sidecar->host == node.host ||
            topology_.host(node.host) == nullptr || topology_.host(sidecar->host) == nullptr) {
          continue;
        }
        tell(sidecar->name, sidecar->host, node, interest.stream,
             topology_.keys_of(node.name) != nullptr);
        tell(node.name, node.host, node, interest.stream,
             topology_.keys_of(sidecar->name) != nullptr);
      }
    }
  }

  /// One complaint for the longest path: a shorter state_dir mends them all.
  void check_ipc_paths() {
    constexpr std::string_view kScheme = "ipc://";
    std::string longest;
    const auto consider = [&](std::string_view endpoint) {
      if (endpoint.size() > kScheme.size() + longest.size())
        longest = endpoint.substr(kScheme.size());
    };
    for (const Sidecar& sidecar : topology_.sidecars) {
      if (topology_.host(sidecar.host) == nullptr) continue;
      const SidecarEndpoints bound = bind_endpoints(topology_, sidecar);
      for (const auto* list : {&bound.ingest, &bound.control, &bound.broadcast}) {
        consider(list->front());
      }
    }
    for (const Node& node : topology_.nodes) {
      const NodeEndpoints bound = node_endpoints(topology_, node);
      consider(bound.query);
      consider(bound.control);
    }
    if (longest.size() <= limits::kIpcPathBytesMax) return;
    problem("topology/state_dir",
            "the socket " + longest + " has a path of " + std::to_string(longest.size()) +
                " bytes, the system allows " + std::to_string(limits::kIpcPathBytesMax),
            "choose a state_dir that is " +
                std::to_string(longest.size() - limits::kIpcPathBytesMax) +
                " bytes shorter, e.g. \"/run/forebay\"");
  }

  Draft& draft_;
  const Topology& topology_;
};

}  // namespace

void validate(Draft& draft, Keys keys) { Validator(draft).run(keys); }

}  // namespace forebay
