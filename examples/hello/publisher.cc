// Publishes one event and waits until it is on disk.
#include "common/client/publisher.h"

#include <cstdio>

#include "topology/endpoints.h"
#include "topology/load.h"

int main() {
  using namespace forebay;
  const auto topology = load_topology("topology/single.toml");
  const auto at = endpoints_for(*topology, "a", *topology->owner_of("events"));
  const auto publisher = Publisher::connect(
      {.ingest = at->ingest, .control = at->control, .stream = "events", .source = "shop"});
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
