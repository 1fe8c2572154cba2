#include "common/client/range_reader.h"

#include <catch2/catch.hpp>
#include <limits>
#include <optional>

#include "common/client/control_client.h"
#include "tests/support/batches.h"
#include "tests/support/scripted_sidecar.h"

namespace forebay {
namespace {

using test::ScriptedSidecar;
using Answers = std::vector<ScriptedSidecar::Answer>;

constexpr std::chrono::milliseconds kPatience{10'000};
const Incarnation kReadIncarnation = test::sample_origin().incarnation;

/// A log of batches, committed one after the other.
struct SampleLog {
  std::vector<std::string> batches;
  Sequence next{1};
  std::uint64_t last_checksum = 0;

  void commit(std::string batch) {
    const std::uint64_t count = parse_batch_header(batch)->count;
    last_checksum = set_batch_place(batch.data(), {next, wall_from_unix_ns(1), last_checksum});
    next = next + count;
    batches.push_back(std::move(batch));
  }
  void events(std::size_t count) {
    commit(test::published_batch(std::vector<std::string>(count, "event")));
  }
  void gap(std::uint64_t count) { commit(make_gap_record(kReadIncarnation, count, "burnt")); }

  /// All batches from the one that holds `from` on.
  [[nodiscard]] std::string bytes_from(Sequence from) const {
    std::string bytes;
    for (const std::string& batch : batches) {
      if (parse_batch_header(batch)->next() > from) bytes += batch;
    }
    return bytes;
  }
  [[nodiscard]] Batches reply() const {
    return {"s", kReadIncarnation, next, false, next - 1, Sequence{1}};
  }
};

ScriptedSidecar::Script serves(const SampleLog& log) {
  return [&](const RequestMessage& request) {
    const auto& fetch = std::get<Fetch>(request.body);
    return Answers{{request.envelope.id, log.reply(), log.bytes_from(fetch.from)}};
  };
}

/// "1-3" for events, "gap 4-5 burnt" for what is missing, the error's code at an error.
std::vector<std::string> read(const ScriptedSidecar::Script& script, std::uint64_t from,
                              std::uint64_t to) {
  const ScriptedSidecar sidecar(script);
  const auto client = ControlClient::connect(sidecar.endpoint());
  RangeReader reader(**client, {"s", Sequence{from}, Sequence{to}, kReadIncarnation});
  std::vector<std::string> pieces;
  const auto span = [](std::uint64_t first, std::uint64_t count) {
    return std::to_string(first) + "-" + std::to_string(first + count - 1);
  };
  while (pieces.size() < 100) {
    const auto piece = reader.next(kPatience);
    if (!piece) {
      pieces.emplace_back(to_string(piece.error().code));
      return pieces;
    }
    if (!*piece) return pieces;
    if (const auto* events = std::get_if<RangeReader::Events>(&**piece)) {
      pieces.push_back(span(events->batch.header().first().value + events->skip, events->count));
    } else {
      const auto& missing = std::get<RangeReader::Missing>(**piece);
      pieces.push_back("gap " + span(missing.first.value, missing.count) + " " + missing.reason);
    }
  }
  return pieces;
}

using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("ARangeIsReadExactlyAlsoInTheMiddleOfBatches") {
  SampleLog log;
  for (const std::size_t count : {3, 1, 4}) log.events(count);
  CHECK(read(serves(log), 1, 0) == Pieces{"1-3", "4-4", "5-8"});
  CHECK(read(serves(log), 1, 9) == Pieces{"1-3", "4-4", "5-8"});
  CHECK(read(serves(log), 2, 7) == Pieces{"2-3", "4-4", "5-6"});
  CHECK(read(serves(log), 6, 7) == Pieces{"6-6"});
  CHECK(read(serves(log), 4, 5) == Pieces{"4-4"});
  CHECK(read(serves(log), 5, 5).empty());
}

TEST_CASE("LittleIsAskedForFirstAndMoreAsLongAsItComesAtOnce") {
  SampleLog log;
  for (int i = 0; i < 6; ++i) log.events(1);
  std::vector<std::uint64_t> asked;
  const auto one_batch = [&](const RequestMessage& request) {
    const auto& fetch = std::get<Fetch>(request.body);
    asked.push_back(fetch.bytes);
    return Answers{{request.envelope.id, log.reply(), log.batches.at(fetch.from.value - 1)}};
  };
  CHECK(read(one_batch, 1, 7).size() == 6);
  CHECK(asked ==
        std::vector<std::uint64_t>{256 << 10, 512 << 10, 1 << 20, 2 << 20, 3 << 20, 3 << 20});
}

TEST_CASE("AGapRecordIsAPieceOfItsOwn") {
  SampleLog log;
  log.events(2);
  log.gap(3);
  log.events(2);
  CHECK(read(serves(log), 1, 0) == Pieces{"1-2", "gap 3-5 burnt", "6-7"});
  CHECK(read(serves(log), 4, 5) == Pieces{"gap 4-4 burnt"});
}

TEST_CASE("TrimmedAndCorruptAreMissingAndReadingGoesOnBehindThem") {
  SampleLog log;
  for (const std::size_t count : {2, 2, 2, 2}) log.events(count);
  const auto damaged = [&](const RequestMessage& request) {
    const auto& fetch = std::get<Fetch>(request.body);
    const std::uint64_t id = request.envelope.id;
    if (fetch.from.value < 3) {
      return Answers{{id, Trimmed{"s", kReadIncarnation, Sequence{3}, log.next - 1}, ""}};
    }
    if (fetch.from.value < 7 && fetch.from.value > 4) {
      return Answers{{id, Corrupt{"s", kReadIncarnation, Sequence{5}, 2}, ""}};
    }
    const std::string bytes = log.bytes_from(fetch.from);
    return Answers{
        {id, log.reply(), fetch.from.value < 5 ? bytes.substr(0, bytes.size() / 3) : bytes}};
  };
  CHECK(read(damaged, 1, 0) == Pieces{"gap 1-2 trimmed", "3-4", "gap 5-6 corrupt", "7-8"});
  CHECK(read(damaged, 1, 2) == Pieces{"gap 1-1 trimmed"});
  CHECK(read(damaged, 6, 0) == Pieces{"gap 6-6 corrupt", "7-8"});
}

TEST_CASE("ALogThatDoesNotContinueWhatWasReadIsDiverged") {
  SampleLog log, other;
  log.events(2);
  other.events(1);
  other.events(1);
  other.events(3);
  const auto rolled_back = [&](const RequestMessage& request) {
    const auto& fetch = std::get<Fetch>(request.body);
    return Answers{{request.envelope.id, other.reply(),
                    fetch.from.value == 1 ? log.batches[0] : other.bytes_from(fetch.from)}};
  };
  CHECK(read(rolled_back, 1, 0) == Pieces{"1-2", "diverged"});
  CHECK(read(
            [](const RequestMessage& request) {
              return Answers{
                  {request.envelope.id, Diverged{"s", kReadIncarnation, Sequence{}, "no"}, ""}};
            },
            1, 0) == Pieces{"diverged"});
}

TEST_CASE("AnswersThatCannotBeAreRefused") {
  SampleLog log;
  log.events(2);
  log.events(2);
  const Incarnation another = Incarnation::random();
  std::string flipped = log.batches[0];
  flipped.back() = static_cast<char>(flipped.back() ^ 1);
  SampleLog of_another_log;
  BatchOrigin origin = test::sample_origin();
  origin.incarnation = another;
  of_another_log.commit(test::published_batch({"event"}, "\x80", origin));
  const auto max = std::numeric_limits<std::uint64_t>::max();
  const std::vector<std::pair<Reply, std::string>> answers = {
      {log.reply(), flipped},
      {log.reply(), log.batches[0].substr(0, log.batches[0].size() - 1)},
      {log.reply(), log.batches[0].substr(0, 40)},
      {log.reply(), log.batches[1]},
      {log.reply(), of_another_log.batches[0]},
      {Batches{"s", another, log.next, false, log.next - 1, Sequence{1}}, log.batches[0]},
      {Trimmed{"s", kReadIncarnation, Sequence{1}, Sequence{4}}, ""},
      {Trimmed{"s", another, Sequence{3}, Sequence{4}}, ""},
      {Corrupt{"s", kReadIncarnation, Sequence{2}, 1}, ""},
      {Corrupt{"s", kReadIncarnation, Sequence{1}, 0}, ""},
      {Corrupt{"s", kReadIncarnation, Sequence{1}, max}, ""},
      {StatusReport{"{}"}, ""},
  };
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CAPTURE(i);
    CHECK(read(
              [&](const RequestMessage& request) {
                return Answers{{request.envelope.id, answers[i].first, answers[i].second}};
              },
              1, 0) == Pieces{"corruption"});
  }
}

}  // namespace forebay
