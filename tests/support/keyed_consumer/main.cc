// forebay-test-consumer: the smallest consumer with a view whose every record an oracle can fold
// for itself. Of each `value.added` {key, delta} it keeps sum, count and last sequence by stream
// and key; data with a `refuse` text is refused with it; gaps are kept in a table of the view, so
// that a test sees what the handler was told. Operators ask it at control.sock, the test at
// test.sock: {view} is answered by that view, dumped. With --record it keeps no view, and writes each
// event into a file; with --then it publishes for each event one that follows from it.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/base/logging.h"
#include "common/client/caused_by.h"
#include "common/client/consumer.h"
#include "common/client/publisher.h"
#include "common/event/json_value.h"
#include "common/service/memory_faults.h"
#include "common/service/signals.h"
#include "common/service/state_lock.h"

namespace {

using namespace forebay;

constexpr Table kValues{0};  // "stream/key" → [sum, count, last]
constexpr Table kGaps{1};    // "stream/first" → [count, reason, how often it was told]

class KeyedHandler final : public Handler {
 public:
  std::vector<std::string> tables() const override { return {"values", "gaps"}; }

  Result<void> apply(const EventView& event, const EventContext& context,
                     ViewWriter& view) override {
    const auto data = json_from_msgpack(event.data);
    if (!data) return fail(data.error());
    const std::string key = std::string(context.stream) + '/' + data->value("key", "");
    Json record = Json::array({0, 0, 0});
    if (const auto held = view.get(kValues, key)) record = Json::parse(*held);
    record[0] = record[0].get<std::int64_t>() + data->value("delta", 0);
    record[1] = record[1].get<std::int64_t>() + 1;
    record[2] = context.sequence.value;
    view.put(kValues, key, record.dump());
    // After the put: what a refused event wrote must not stay.
    if (data->contains("refuse"))
      return fail(ErrorCode::kBadInput, (*data)["refuse"].get<std::string>());
    return {};
  }

  void apply_gap(const Gap& gap, ViewWriter& view) override {
    const std::string key = std::string(gap.stream) + '/' + std::to_string(gap.first.value);
    int told = 1;
    if (const auto held = view.get(kGaps, key)) told += Json::parse(*held)[2].get<int>();
    view.put(kGaps, key, Json::array({gap.count, std::string(gap.reason), told}).dump());
  }
};

/// Keeps no view: writes a line of each event, as it comes, and whether it was replayed.
class RecordingHandler final : public Handler {
 public:
  explicit RecordingHandler(const std::string& path) : file_(path, std::ios::app) {}
  std::vector<std::string> tables() const override { return {}; }

  Result<void> apply(const EventView& event, const EventContext& context, ViewWriter&) override {
    const auto data = json_from_msgpack(event.data);
    if (!data) return fail(data.error());
    if (data->contains("refuse"))
      return fail(ErrorCode::kBadInput, (*data)["refuse"].get<std::string>());
    file_ << context.stream << ' ' << context.sequence.value << ' ' << unix_ns(context.commit_time)
          << ' ' << event.type << ' ' << data->value("key", "") << ' '
          << (context.replayed ? "replayed" : "live") << std::endl;
    return {};
  }

 private:
  std::ofstream file_;
};

/// Keeps no view: publishes a `value.followed` of each event, the event's sequence its number, so that
/// what was published before a crash is not published twice.
class FollowingHandler final : public Handler {
 public:
  explicit FollowingHandler(Publisher& publisher) : publisher_(publisher) {}
  std::vector<std::string> tables() const override { return {}; }

  Result<void> apply(const EventView& event, const EventContext& context, ViewWriter&) override {
    Event next{.type = "value.followed", .subject = std::string(event.subject)};
    next.data = event.data;
    next.attributes = caused_by(event, context);
    next.attributes["id"] = event_id(event, context) + "-followed";
    const ProducerSequence number{context.sequence.value};
    if (number <= publisher_.acknowledged().position) return {};
    return publisher_.publish_within(limits::kRequestTimeout, next, number);
  }

 private:
  Publisher& publisher_;
};

Json entries(const ReadTransaction& read, Table table) {
  Json all = Json::object();
  read.for_each(table, "", [&](std::string_view key, std::string_view value) {
    all[std::string(key)] = Json::parse(value);
    return true;
  });
  return all;
}

Json dump_of(const Consumer& consumer, const std::string& name) {
  const auto view = consumer.view(name);
  if (!view)
    return {{"error", {{"code", to_string(view.error().code)}, {"message", view.error().message}}}};
  const ReadTransaction read = (*view)->store().read();
  const auto cursors = (*view)->cursors(read);
  if (!cursors) return {{"error", {{"message", cursors.error().message}}}};
  Json streams = Json::object();
  for (const auto& [stream, record] : *cursors) {
    Json gaps = Json::array();
    const auto skipped = (*view)->gaps(read, stream);
    if (!skipped) return {{"error", {{"message", skipped.error().message}}}};
    for (const auto& gap : *skipped) gaps.push_back({gap.first.value, gap.count, gap.reason});
    streams[stream] = {{"cursor", record.cursor.sequence.value},
                       {"incarnation", record.cursor.incarnation.hex()},
                       {"start", record.start.value},
                       {"lost", record.lost},
                       {"failed", record.failed},
                       {"diverged", record.diverged},
                       {"gaps", std::move(gaps)}};
  }
  return {{"values", entries(read, kValues)},
          {"gaps", entries(read, kGaps)},
          {"streams", std::move(streams)}};
}

std::string answer(const Consumer& consumer, std::string_view request) {
  const auto json = json_from_msgpack(request);
  if (!json || !json->is_object()) return {};
  return msgpack_from_json(dump_of(consumer, json->value("view", ""))).value_or("");
}

Result<void> serve(Consumer& consumer, const std::string& endpoint) {
  StopSignals signals;
  Context context;
  Socket router(context, SocketKind::kRouter, limits::kControlHighWaterMessages);
  if (auto bound = router.bind(endpoint); !bound) return bound;
  consumer.start();
  Poller poller;
  const std::size_t stop = poller.add(signals.descriptor());
  poller.add(router);
  while (true) {
    poller.wait(limits::kPollInterval);
    if (poller.readable(stop) && signals.arrived()) break;
    if (auto failure = consumer.failure()) return fail(*failure);
    while (auto frames = router.receive()) {
      if (frames->size() != 2) continue;
      const std::string reply = answer(consumer, frames->back().view());
      std::array<Message, 2> both{std::move(frames->front()), Message(std::string_view(reply))};
      static_cast<void>(router.send(both));
    }
  }
  consumer.stop();
  return {};
}

Result<void> run(const std::string& name, const std::string& state,
                 const std::vector<std::string>& link_texts, const std::string& record,
                 const std::string& then) {
  const auto lock = StateLock::take(state);
  if (!lock) return fail(lock.error());
  std::vector<SidecarLink> links;
  for (const std::string& text : link_texts) {  // FOLDER,stream=start,…
    std::vector<std::string> words = CLI::detail::split(text, ',');
    SidecarLink link;
    link.control = "ipc://" + words[0] + "/control.sock";
    link.broadcast = "ipc://" + words[0] + "/broadcast.sock";
    for (std::size_t i = 1; i < words.size(); ++i) {
      const std::vector<std::string> parts = CLI::detail::split(words[i], '=');
      SubscriptionStart start{parts.at(1), {}};
      if (const auto time = from_rfc3339(parts[1])) start = {"time", *time};
      link.streams.emplace_back(parts[0], start);
    }
    links.push_back(std::move(link));
  }
  KeyedHandler keyed;
  RecordingHandler recording(record);
  std::unique_ptr<Publisher> publisher;
  std::optional<FollowingHandler> following;
  if (!then.empty()) {
    const std::vector<std::string> words = CLI::detail::split(then, ',');  // FOLDER,stream
    auto connected = Publisher::connect({.ingest = "ipc://" + words.at(0) + "/ingest.sock",
                                         .control = "ipc://" + words[0] + "/control.sock",
                                         .stream = words.at(1),
                                         .name = name});
    if (!connected) return fail(connected.error());
    publisher = std::move(*connected);
    const auto registered = publisher->wait_registered(limits::kRequestTimeout);
    if (!registered) return fail(registered.error());
    following.emplace(*publisher);
  }
  const bool records = !record.empty();
  Handler& without_view = following ? static_cast<Handler&>(*following) : recording;
  auto consumer = Consumer::open({.name = name,
                                  .state_dir = state,
                                  .links = std::move(links),
                                  .control = "ipc://" + state + "/control.sock",
                                  .takes_replays = records},
                                 records || following ? without_view : keyed);
  if (!consumer) return fail(consumer.error());
  auto served = serve(**consumer, "ipc://" + state + "/test.sock");
  if (!served || !publisher) return served;
  if (const auto durable = publisher->flush(limits::kRequestTimeout); !durable)
    return fail(durable.error());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A consumer for tests, with a view of sums by key.", "forebay-test-consumer");
  std::string name, state, record, then;
  std::vector<std::string> links;
  app.add_option("--name", name)->required();
  app.add_option("--state", state, "its folder; control.sock and test.sock are bound there")
      ->required();
  app.add_option("--record", record, "keep no view; append a line of each event to this file");
  app.add_option("--then", then, "FOLDER,stream: keep no view; publish there what follows");
  app.add_option("LINK", links, "SIDECAR_FOLDER,stream=start,…")->required();
  CLI11_PARSE(app, argc, argv);
  set_up_logging(name);
  explain_memory_faults(
      name,
      "if it is a view's, stop, move the folder `views` away, and start: the view is built anew");
  if (const auto done = run(name, state, links, record, then); !done) {
    spdlog::critical("{}", done.error().message);
    return 1;
  }
  return 0;
}
