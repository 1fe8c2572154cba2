// The publishers of bench_forebay.
#include <array>
#include <thread>
#include <vector>

#include "bench/figures.h"
#include "bench/forebay_roles.h"
#include "bench/made_events.h"
#include "bench/open_loop.h"

namespace forebay::bench {
namespace {

using std::chrono::seconds;

/// Which size the events of a mixed load have, in turn: 1.3 KiB on average.
constexpr std::array<std::size_t, 16> kMixedSizes = {256, 64, 256, 1024, 256, 64, 256, 1024,
                                                     256, 64, 256, 1024, 256, 64, 256, 16'384};

std::vector<MadeEvents> made_events(const Options& options) {
  std::vector<MadeEvents> made;
  if (!options.mixed) made.emplace_back(options.size);
  if (options.mixed) {
    for (const std::size_t size : kMixedSizes) made.emplace_back(size);
  }
  return made;
}

/// One for each stream, all registered.
std::vector<std::unique_ptr<Publisher>> connect_all(const Options& options) {
  std::vector<std::unique_ptr<Publisher>> publishers;
  for (std::uint64_t i = 0; i < options.streams; ++i) {
    const std::string suffix = options.streams == 1 ? "" : "-" + std::to_string(i);
    publishers.push_back(must(Publisher::connect({.ingest = options.endpoint("ingest"),
                                                  .control = options.endpoint("control"),
                                                  .stream = options.stream + suffix,
                                                  .source = "/bench"})));
  }
  for (const auto& publisher : publishers) must(publisher->wait_registered(seconds(30)));
  return publishers;
}

}  // namespace

std::unique_ptr<Publisher> connect(const Options& options) {
  return std::move(connect_all(options).front());
}

void publish(const Options& options) {
  const auto publishers = connect_all(options);
  std::vector<MadeEvents> made = made_events(options);
  const OpenLoop loop(options.rate);
  std::uint64_t bytes = 0;
  const std::int64_t begin = mono_ns();
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const auto due = loop.wait_for(i);
    MadeEvents& of_size = made[i % made.size()];
    const Event& event = of_size.event(i % options.keys, due);
    bytes += of_size.size();
    Publisher& publisher = *publishers[i % publishers.size()];
    if (must(publisher.publish(event)) == Admission::kWouldBlock) {
      must(publisher.publish_within(seconds(60), event));
    }
  }
  for (const auto& publisher : publishers) must(publisher->flush(seconds(120)));
  print({{"events", options.events}, {"bytes", bytes}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

void wait(const Options& options) {
  const auto publisher = connect(options);
  MadeEvents made(options.size);
  std::vector<std::int64_t> taken;
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const std::int64_t begin = mono_ns();
    must(publisher->publish(made.event(i)));
    must(publisher->flush(seconds(10)));
    taken.push_back(mono_ns() - begin);
  }
  print(percentiles(taken));
}

}  // namespace forebay::bench
