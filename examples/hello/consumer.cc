// Counts events by type in a view of its own, each exactly once, until Enter is pressed.
#include "common/client/consumer.h"

#include <cstdio>

#include "common/service/state_lock.h"
#include "nodes/wiring/wiring.h"
#include "topology/load.h"

using namespace forebay;

struct CountByType : Handler {
  std::vector<std::string> tables() const override { return {"counts"}; }
  Result<void> apply(const EventView& event, const EventContext&, ViewWriter& view) override {
    const int count = std::stoi(std::string(view.get(Table{0}, event.type).value_or("0"))) + 1;
    view.put(Table{0}, event.type, std::to_string(count));  // committed with the cursor
    std::printf("%s: %d\n", std::string(event.type).c_str(), count);
    return {};
  }
};

int main() {
  const auto topology = load_topology("topology/single.toml");
  const auto options = consumer_options(*topology, "counter");
  const auto lock = StateLock::take(options->state_dir);  // one process owns the folder
  CountByType handler;
  const auto consumer = Consumer::open(*options, handler);
  (*consumer)->start();
  std::getchar();  // until Enter
}
