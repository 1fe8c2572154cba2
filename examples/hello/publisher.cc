// Publishes one event and waits until it is on disk.
#include "common/client/publisher.h"

#include <cstdio>

#include "nodes/wiring/wiring.h"
#include "topology/load.h"

int main() {
  using namespace forebay;
  const auto topology = load_topology("topology/single.toml");
  const auto options = publisher_options(*topology, "shop", "events");
  const auto publisher = Publisher::connect(*options);
  Event event{.type = "order.placed",
              .subject = "order-1",
              .data =
                  "\xa5"
                  "hello"};                         // msgpack
  const auto taken = (*publisher)->publish(event);  // never waits
  const auto durable = (*publisher)->flush(std::chrono::seconds(5));
  if (!taken || !durable) {
    std::fprintf(stderr, "%s\n", (taken ? durable.error() : taken.error()).message.c_str());
    return 1;
  }
  std::printf("on disk as event %llu\n", static_cast<unsigned long long>(durable->last.value));
}
