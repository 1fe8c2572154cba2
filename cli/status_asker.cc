#include "cli/status_asker.h"

#include <algorithm>
#include <filesystem>
#include <future>

#include "cli/node_client.h"
#include "cli/reach.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/client/control_client.h"
#include "common/event/batch.h"
#include "topology/endpoints.h"

namespace forebay {
namespace {

/// How long ago the event after a cursor was committed, or the first one held. kTimeout: the sidecar
/// stands.
Result<Nanoseconds> age_after(ControlClient& client, const std::string& stream, Sequence cursor) {
  const auto fetch = [&](Sequence from) {
    return client.request(Fetch{stream, {}, from, {}, 1, 0}, limits::kStatusTimeout);
  };
  auto answer = fetch(cursor + 1);
  const Trimmed* trimmed = answer ? std::get_if<Trimmed>(&answer->body) : nullptr;
  if (trimmed != nullptr) answer = fetch(trimmed->oldest);
  if (!answer) return fail(answer.error());
  const auto header = parse_batch_header(answer->payload ? answer->payload->view() : "");
  if (!header) return fail(header.error());
  return std::max(SystemClock().wall() - header->place.commit_time, Nanoseconds(0));
}

bool has_socket_here(const Topology& topology, const Sidecar& sidecar) {
  const std::string endpoint = bind_endpoints(topology, sidecar).control.front();
  std::error_code ignored;
  return std::filesystem::exists(endpoint.substr(std::string_view("ipc://").size()), ignored);
}

SidecarAnswer ask(const Globals& globals, const Topology& topology, const Sidecar& sidecar) {
  SidecarAnswer answer{sidecar.name, {}, Json(), {}, {}, {}};
  for (const Stream& stream : sidecar.streams) answer.streams.push_back(stream.name);
  if (globals.key_path.empty() && topology.hosts.size() > 1 &&
      !has_socket_here(topology, sidecar)) {
    answer.report = fail(ErrorCode::kUnavailable,
                         "runs on host " + sidecar.host + ", or not at all (--key asks from here)");
    return answer;
  }
  const auto reached = reach(globals, topology, sidecar);
  if (!reached) {
    answer.report = fail(reached.error());
    return answer;
  }
  const auto client = reached->control();
  if (!client) {
    answer.report = fail(client.error());
    return answer;
  }
  answer.report = report_of(**client);
  answer.asked = std::chrono::steady_clock::now();
  if (!answer.report) return answer;
  for (const Behind& consumer : consumers_behind(*answer.report)) {
    const auto age = age_after(**client, consumer.stream, consumer.cursor);
    if (age) answer.ages[{consumer.stream, consumer.consumer}] = *age;
    if (!age && age.error().code == ErrorCode::kTimeout) break;  // one wait is enough
  }
  return answer;
}

bool is_asked(const Node& node) { return !node.subscribes.empty(); }

NodeAnswer ask(const Topology& topology, const Node& node) {
  return {node.name, node_status(topology, node)};
}

bool ran_here(const NodeAnswer& answer) {
  return answer.report || answer.report.error().code != ErrorCode::kNotFound;
}

}  // namespace

StatusAnswers ask_all(const Globals& globals, const Topology& topology) {
  std::vector<std::future<SidecarAnswer>> sidecars;
  for (const Sidecar& sidecar : topology.sidecars) {
    sidecars.push_back(
        std::async(std::launch::async, [&] { return ask(globals, topology, sidecar); }));
  }
  std::vector<std::future<NodeAnswer>> nodes;
  for (const Node& node : topology.nodes) {
    if (is_asked(node))
      nodes.push_back(std::async(std::launch::async, [&] { return ask(topology, node); }));
  }
  StatusAnswers answers;
  for (auto& one : sidecars) answers.sidecars.push_back(one.get());
  for (auto& one : nodes) {
    if (NodeAnswer answer = one.get(); ran_here(answer)) answers.nodes.push_back(std::move(answer));
  }
  return answers;
}

void add_all_rates(StatusAnswers& now, const StatusAnswers& before) {
  for (std::size_t i = 0; i < now.sidecars.size(); ++i)
    add_rates(now.sidecars[i], before.sidecars[i]);
}

StatusPoll::StatusPoll(const Globals& globals, const Topology& topology,
                       std::chrono::milliseconds pause)
    : pause_(pause), sidecars_(topology.sidecars.size()) {
  for (std::size_t i = 0; i < sidecars_.size(); ++i) {
    threads_.emplace_back([this, i, &globals, &topology] {
      do {
        SidecarAnswer now = ask(globals, topology, topology.sidecars[i]);
        const std::lock_guard hold(mutex_);
        if (sidecars_[i]) add_rates(now, *sidecars_[i]);
        sidecars_[i] = std::move(now);
      } while (wait());
    });
  }
  nodes_.resize(static_cast<std::size_t>(
      std::count_if(topology.nodes.begin(), topology.nodes.end(), is_asked)));
  std::size_t i = 0;
  for (const Node& node : topology.nodes) {
    if (!is_asked(node)) continue;
    threads_.emplace_back([this, i, &topology, &node] {
      do {
        NodeAnswer now = ask(topology, node);
        const std::lock_guard hold(mutex_);
        nodes_[i] = std::move(now);
      } while (wait());
    });
    ++i;
  }
}

StatusPoll::~StatusPoll() {
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool StatusPoll::wait() {
  news_.post({});
  std::unique_lock hold(mutex_);
  return !changed_.wait_for(hold, pause_, [this] { return stopping_; });
}

StatusAnswers StatusPoll::latest() const {
  const std::lock_guard hold(mutex_);
  StatusAnswers answers;
  for (const auto& each : sidecars_) {
    if (each) answers.sidecars.push_back(*each);
  }
  for (const auto& each : nodes_) {
    if (each && ran_here(*each)) answers.nodes.push_back(*each);
  }
  return answers;
}

bool StatusPoll::complete() const {
  const std::lock_guard hold(mutex_);
  const auto there = [](const auto& each) { return each.has_value(); };
  return std::all_of(sidecars_.begin(), sidecars_.end(), there) &&
         std::all_of(nodes_.begin(), nodes_.end(), there);
}

}  // namespace forebay
