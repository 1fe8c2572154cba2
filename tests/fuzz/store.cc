// What lies in a node's own store, and what operators ask of a node.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/bytes.h"
#include "common/client/consumer.h"
#include "common/client/consumer_store.h"
#include "common/client/node_control.h"
#include "common/client/replay.h"
#include "common/event/json_value.h"
#include "tests/fuzz/fuzz.h"

namespace forebay::fuzz {
namespace {

constexpr std::string_view kStream = "orders";
constexpr Table kCursors{0}, kGaps{1}, kFailed{2}, kApplied{3};

std::string sequence_key(std::string_view suffix) {
  return std::string(kStream).append(1, '\0').append(suffix);
}

ConsumerStore& small_store() {
  static ConsumerStore* const store = [] {
    std::filesystem::remove_all("store");
    auto opened = ConsumerStore::open("store", {});
    require(opened.has_value(), "a store is made");
    return opened->release();
  }();
  return *store;
}

/// Entries: which table u8, the end of the key and the value with their lengths; nothing is committed.
void decode_node_record(std::string_view input) {
  constexpr int kEntriesMax = 32;
  ConsumerStore& store = small_store();
  WriteTransaction write = store.store().write();
  Input in(input);
  for (int i = 0; i < kEntriesMax && !in.empty(); ++i) {
    const std::uint8_t kind = in.byte();
    const std::string suffix(in.part().substr(0, 400));
    const std::string_view value = in.part();
    if (kind % 4 == 0) {
      const std::string stream = std::string(kStream) + suffix;
      static_cast<void>(
          write.put(kCursors, stream, kind >= 128 ? std::string(value) : sealed(value)));
    } else {
      const Table table = kind % 4 == 1 ? kGaps : kind % 4 == 2 ? kFailed : kApplied;
      static_cast<void>(write.put(table, sequence_key(suffix), value));
    }
  }
  static_cast<void>(store.cursors(write));
  if (const auto record = store.cursor(write, kStream); record && *record) {
    require(store.put_cursor(write, kStream, **record).has_value(), "a cursor is put");
    const auto again = store.cursor(write, kStream);
    require(again && *again == **record, "a cursor that is put again is the same");
  }
  static_cast<void>(store.gaps(write, kStream));
  static_cast<void>(store.lacks_all(write, kStream, Sequence{2}, 5));
  static_cast<void>(store.failed(write, kStream, 100));
  static_cast<void>(store.failed_at(write, kStream, Sequence{3}));
  const ApplyTimes& times = store.apply_times();
  static_cast<void>(times.oldest(write, kStream));
  static_cast<void>(times.find(write, kStream, Sequence{5}));
  const WallTime now{std::chrono::seconds(9)};
  require(times.cut(write, kStream, Sequence{4}).has_value(), "times are cut");
  require(times.put(write, kStream, Sequence{5}, Sequence{6}, now).has_value(), "a time is put");
  const auto applied = times.find(write, kStream, Sequence{6});
  require(applied && *applied == now, "what is put after a cut is found");
}

std::vector<std::string> node_record_seeds() {
  ConsumerStore& store = small_store();
  WriteTransaction write = store.store().write();
  CursorRecord record;
  record.cursor = {{}, Sequence{7}, 99};
  require(store.put_cursor(write, kStream, record) &&
              store.put_gap(write, kStream, Sequence{2}, 5, "trimmed") &&
              store.put_failed(write, kStream, Sequence{3}, {}, "why", "event") &&
              store.apply_times().put(write, kStream, Sequence{2}, Sequence{3}, {}) &&
              store.apply_times().put(write, kStream, Sequence{4}, Sequence{7}, {}),
          "records are put");
  std::string seed;
  const auto entry = [&](char kind, std::string_view suffix, std::string_view value) {
    seed += kind;
    append_part(seed, suffix);
    append_part(seed, value);
  };
  const std::string at2("\0\0\0\0\0\0\0\2", 8), at3("\0\0\0\0\0\0\0\3", 8);
  entry(0, "", unsealed(*write.get(kCursors, kStream)));
  entry(1, at2, *write.get(kGaps, sequence_key(at2)));
  entry(2, at3, *write.get(kFailed, sequence_key(at3)));
  const std::string newest_first("\xff\xff\xff\xff\xff\xff\xff\xfd", 8);
  entry(3, newest_first, *write.get(kApplied, sequence_key(newest_first)));
  return {seed};
}
const Decoder node_record_decoder{"node_record", decode_node_record, node_record_seeds};

/// Keeps no view, so that it takes replays.
class Deaf final : public Handler {
 public:
  [[nodiscard]] std::vector<std::string> tables() const override { return {}; }
  [[nodiscard]] Result<void> apply(const EventView& event, const EventContext&,
                                   ViewWriter&) override {
    static_cast<void>(event.all_attributes());
    if (event.type == "bad") return fail(ErrorCode::kBadInput, std::string(event.subject));
    return {};
  }
};

/// Keeps one.
class Keeper final : public Handler {
 public:
  [[nodiscard]] std::vector<std::string> tables() const override { return {"values"}; }
  [[nodiscard]] Result<void> apply(const EventView&, const EventContext&, ViewWriter&) override {
    return {};
  }
};

Consumer& consumer(const std::string& name, Handler& handler, bool takes_replays) {
  std::filesystem::remove_all(name);
  std::filesystem::create_directory(name);
  const SidecarLink nobody{"inproc://nobody", "inproc://nobody", {{std::string(kStream), {}}}, {}};
  auto opened = Consumer::open({name, name, {nobody}, {}, {}, takes_replays}, handler);
  require(opened.has_value(), "a consumer opens");
  (*opened)->start();
  return *opened->release();
}

void decode_node_request(std::string_view input) {
  static auto* const deaf = new Deaf;
  static auto* const keeper = new Keeper;
  static Consumer& takes = consumer("takes", *deaf, true);
  static Consumer& keeps = consumer("keeps", *keeper, false);
  for (Consumer* each : {&takes, &keeps}) {
    const auto answer = json_from_msgpack(answer_node_request(*each, input));
    require(answer.has_value(), "whatever is asked has an answer");
    require(!each->failure(), "a request ends no consumer");
  }
  if (const auto replay = decode_replay(input)) {
    const std::string encoded = encode_replay(*replay);
    const auto again = decode_replay(encoded);
    require(again && encode_replay(*again) == encoded,
            "a replay that is encoded again is the same");
  }
}

std::vector<std::string> node_request_seeds() {
  std::vector<std::string> seeds;
  for (const std::string_view text :
       {R"({"op":"status"})", R"({"op":"progress"})",
        R"({"op":"failed","stream":"orders","limit":9})",
        R"({"op":"applied","stream":"orders","sequences":[1,7]})",
        R"({"op":"reset","stream":"orders","mode":"adopt"})",
        R"({"op":"reset","stream":"orders","mode":"rebuild"})",
        R"({"op":"build","view":"past","from":{"orders":1},"until":{"orders":9}})",
        R"({"op":"build","view":""})"})
    seeds.push_back(*msgpack_from_json(*parse_json(text)));
  const std::string event = encoded_event(R"({"type":"bad","subject":"s","id":"1"})");
  seeds.push_back(
      encode_replay({kStream, {}, "\x80", {{Sequence{1}, event}, {Sequence{2}, event}}}));
  return seeds;
}
const Decoder node_request_decoder{"node_request", decode_node_request, node_request_seeds};

}  // namespace
}  // namespace forebay::fuzz
