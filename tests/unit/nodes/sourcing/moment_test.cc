// An answer is of one moment of one view, whatever the calculator keeps from question to question.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "small_world.h"

namespace forebay {
namespace {

using test::json;

constexpr int kZoneCount = 3;

/// A store of its own, whose events are committed in groups.
class Committed {
 public:
  explicit Committed(const std::string& folder)
      : store_(std::move(Store::open(folder, SourcingHandler().tables()).value())) {}

  [[nodiscard]] const Store& store() const { return *store_; }

  struct Event {
    std::string stream, type;
    json data;
  };
  void commit(const std::vector<Event>& events) {
    WriteTransaction write = store_->write();
    for (const Event& each : events) {
      const std::string data = test::to_bytes(each.data);
      EventView event{};
      event.type = each.type;
      event.data = data;
      EventContext context{};
      context.stream = each.stream;
      ViewWriter view(write);
      // Catch's own checks are for one thread.
      FOREBAY_INVARIANT(handler_.apply(event, context, view).has_value());
      FOREBAY_INVARIANT(view.accept().has_value());
    }
    FOREBAY_INVARIANT(write.commit().has_value());
  }

  /// What never changes: an item, a carrier, and lanes of 1, 2, 3 days from the zones.
  void commit_world() {
    std::vector<Event> events = {
        {"catalog",
         "item.upserted",
         {{"sku", "sku"},
          {"length_mm", 1},
          {"width_mm", 1},
          {"height_mm", 1},
          {"weight_g", 1},
          {"attributes", json::array()}}},
        {"carriers",
         "carrier.upserted",
         {{"carrier", "post"},
          {"working_days", test::kEveryDay},
          {"box", {{"length_mm", 9}, {"width_mm", 9}, {"height_mm", 9}, {"weight_g", 9}}},
          {"refuses", json::array()}}}};
    for (int zone = 0; zone < kZoneCount; ++zone) {
      events.push_back({"carriers",
                        "lane.upserted",
                        {{"carrier", "post"},
                         {"from_zone", "zone-" + std::to_string(zone)},
                         {"to_zone", "south"},
                         {"transit_days", zone + 1}}});
    }
    commit(events);
  }
  /// The FC in the zone of that step, with room that day at each odd one, and the step on hand.
  static std::vector<Event> step(int number) {
    return {{"inventory", "stock.set", {{"sku", "sku"}, {"fc", "fc"}, {"on_hand", number}}},
            {"fulfilment",
             "fc.capacity_set",
             {{"fc", "fc"}, {"date", "2026-03-02"}, {"orders", number % 2}}},
            {"fulfilment",
             "fc.upserted",
             {{"fc", "fc"},
              {"zone", "zone-" + std::to_string(number % kZoneCount)},
              {"time_zone", "UTC"},
              {"cutoff", "12:00"},
              {"handling_days", 0},
              {"working_days", test::kEveryDay}}}};
  }

 private:
  std::unique_ptr<Store> store_;
  SourcingHandler handler_;
};

const WallTime kMonday = from_rfc3339("2026-03-02T09:00:00Z").value();

/// The days until delivery; 0: no FC has it.
int days_until(EddCalculator& calculator, const ReadTransaction& view) {
  const std::vector<OrderLine> lines = {{"sku", 1}};
  const auto answer = calculator.answer(view, {lines, "south", kMonday});
  REQUIRE(answer.has_value());
  if (!answer->best) return 0;
  return static_cast<int>(
      (answer->best->delivery - std::chrono::floor<std::chrono::days>(kMonday)).count());
}

/// What it must be by the stock of the same moment.
int expected_days(const ReadTransaction& view) {
  int days = 0;
  const auto entry = [&](std::string_view, std::int64_t on_hand) {
    days = static_cast<int>(on_hand % kZoneCount) + 1 + (on_hand % 2 == 0 ? 1 : 0);
  };
  ViewReader(view).stock("sku", std::ref(entry));
  return days;
}

TEST_CASE("AnFcIsAsItWasWhenTheTransactionBegan") {
  const test::TempDir dir;
  Committed view(dir / "view");
  view.commit_world();
  EddCalculator calculator;
  view.commit({{"inventory", "stock.set", {{"sku", "sku"}, {"fc", "fc"}, {"on_hand", 1}}}});
  const ReadTransaction unknown = view.store().read();
  CHECK(days_until(calculator, unknown) == 0);
  view.commit(Committed::step(1));
  const ReadTransaction one = view.store().read();
  CHECK(days_until(calculator, one) == 2);
  view.commit(Committed::step(2));
  const ReadTransaction two = view.store().read();
  CHECK(days_until(calculator, two) == 4);
  CHECK(days_until(calculator, one) == 2);
  CHECK(days_until(calculator, unknown) == 0);
  CHECK(days_until(calculator, two) == 4);
}

TEST_CASE("EachAnswerIsOfOneMomentWhileEventsAreApplied") {
  const test::TempDir dir;
  Committed view(dir / "view");
  view.commit_world();
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int number = 1; number <= 300; ++number) view.commit(Committed::step(number));
    done = true;
  });
  EddCalculator calculator;
  int wrong = 0, changes = 0, last = 0;
  while (!done) {
    const ReadTransaction read = view.store().read();
    const int days = days_until(calculator, read);
    wrong += days != expected_days(read);
    changes += std::exchange(last, days) != days;
  }
  writer.join();
  CHECK(wrong == 0);
  CHECK(changes > 1);
}

// A view that was rebuilt, or one of the past, stands at the same count of changes as another one
// that a calculator has met.
TEST_CASE("FcsOfOneViewAreNotTakenForThoseOfAnother") {
  const test::TempDir dir;
  Committed live(dir / "live"), past(dir / "past");
  EddCalculator calculator;
  live.commit_world();
  past.commit_world();
  live.commit(Committed::step(1));
  past.commit(Committed::step(2));
  for (int i = 0; i < 2; ++i) {
    CHECK(days_until(calculator, live.store().read()) == 2);
    CHECK(days_until(calculator, past.store().read()) == 4);
  }
}

TEST_CASE("AReopenedViewAnswersAsBefore") {
  const test::TempDir dir;
  EddCalculator calculator;
  {
    Committed view(dir / "view");
    view.commit_world();
    view.commit(Committed::step(1));
    CHECK(days_until(calculator, view.store().read()) == 2);
  }
  Committed view(dir / "view");
  CHECK(days_until(calculator, view.store().read()) == 2);
  view.commit(Committed::step(2));
  CHECK(days_until(calculator, view.store().read()) == 4);
  EddCalculator fresh;
  CHECK(days_until(fresh, view.store().read()) == 4);
}

}  // namespace
}  // namespace forebay
