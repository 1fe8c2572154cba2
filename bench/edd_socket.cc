// Delivery dates over the socket, against a sidecar and a sourcing node that run already; the driver
// (bench/measure.py) starts one of these a role.
//
//   bench_edd_socket ROLE …
//
//   world    publishes the world of edd_world.h to the sidecar in --state
//   load     publishes changes of its stock, --rate a second, --events in all
//   ask      asks at --endpoint for --seconds, --in-flight questions under way
//   echo     a bare ROUTER at --endpoint that answers anything with --answer-bytes
#include <CLI/CLI.hpp>
#include <deque>

#include "bench/edd_world.h"
#include "bench/figures.h"
#include "bench/open_loop.h"
#include "common/client/publisher.h"
#include "common/event/msgpack_out.h"
#include "common/wire/transport.h"

namespace forebay::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Options {
  std::string state, endpoint;
  std::uint64_t events = 0, rate = 0;
  std::size_t in_flight = 1, answer_bytes = 0;
  double seconds = 1;
};

/// A publisher for each upstream.
class Upstreams {
 public:
  explicit Upstreams(const Options& options) {
    const auto endpoint = [&](const char* socket) {
      return "ipc://" + options.state + "/" + socket + ".sock";
    };
    for (const char* stream : {"catalog", "inventory", "fulfilment", "carriers"}) {
      publishers_[stream] = must(Publisher::connect({.ingest = endpoint("ingest"),
                                                     .control = endpoint("control"),
                                                     .stream = stream,
                                                     .source = "/bench"}));
    }
  }
  void publish(const edd::WorldEvent& told, std::optional<WallTime> time = {}) {
    const auto found = publishers_.find(told.stream);
    const Event event{.type = std::string(told.type),
                      .subject = std::string(told.subject),
                      .time = time,
                      .data = std::string(told.data)};
    must(found->second->publish_within(seconds(60), event));
  }
  void flush() {
    for (const auto& [stream, publisher] : publishers_) must(publisher->flush(seconds(60)));
  }

 private:
  std::map<std::string, std::unique_ptr<Publisher>, std::less<>> publishers_;
};

void world(const Options& options) {
  Upstreams upstreams(options);
  std::uint64_t events = 0;
  const std::int64_t begin = mono_ns();
  edd::tell_world([&](const edd::WorldEvent& event) {
    upstreams.publish(event);
    ++events;
  });
  upstreams.flush();
  print({{"events", events}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

void load(const Options& options) {
  Upstreams upstreams(options);
  const std::vector<edd::StockKey> stock = edd::tell_world([](const edd::WorldEvent&) {});
  std::mt19937 random(3);
  print({{"ready", true}});
  const OpenLoop loop(options.rate);
  const std::int64_t begin = mono_ns();
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const auto due = loop.wait_for(i);
    edd::tell_stock(stock[random() % stock.size()], static_cast<int>(random() % 50),
                    [&](const edd::WorldEvent& event) { upstreams.publish(event, due); });
  }
  upstreams.flush();
  print({{"events", options.events}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

/// As docs/edd.md has it.
std::string encode(const edd::Question& question) {
  std::string bytes;
  MsgpackOut out{bytes};
  MsgpackPacker pack(out);
  pack.pack_map(3);
  pack_text(pack, "lines");
  pack.pack_array(static_cast<std::uint32_t>(question.skus.size()));
  for (std::size_t i = 0; i < question.skus.size(); ++i) {
    pack.pack_map(2);
    pack_text(pack, "sku");
    pack_text(pack, question.skus[i]);
    pack_text(pack, "quantity");
    pack.pack(question.quantities[i]);
  }
  pack_text(pack, "to_zone");
  pack_text(pack, question.to_zone);
  pack_text(pack, "at");
  pack_text(pack, to_rfc3339(question.at));
  return bytes;
}

/// One map with one entry is an error.
constexpr char kErrorBegins = '\x81';

void ask(const Options& options) {
  Context context;
  Socket dealer(context, SocketKind::kDealer, 0);  // --in-flight is the bound
  must(dealer.connect(options.endpoint));
  Poller poller;
  poller.add(dealer);
  edd::Questions questions;
  std::deque<std::int64_t> asked;  // answers come in the order of the questions
  std::vector<std::int64_t> taken;
  std::uint64_t answer_bytes = 0;
  const std::int64_t begin = mono_ns();
  const std::int64_t end = begin + static_cast<std::int64_t>(options.seconds * 1e9);
  while (mono_ns() < end || !asked.empty()) {
    while (asked.size() < options.in_flight && mono_ns() < end) {
      const std::string query = encode(questions.next());
      asked.push_back(mono_ns());
      FOREBAY_INVARIANT(dealer.send(Message(std::string_view(query))) == SendResult::kSent);
    }
    auto answer = dealer.receive_single();
    if (!answer) {
      poller.wait(seconds(10));
      FOREBAY_INVARIANT(poller.readable(0));  // no answer in all that time
      continue;
    }
    FOREBAY_INVARIANT(answer->size() > 0 && answer->view().front() != kErrorBegins);
    taken.push_back(mono_ns() - asked.front());
    asked.pop_front();
    answer_bytes += answer->size();
  }
  print({{"events", taken.size()},
         {"begin_ns", begin},
         {"end_ns", mono_ns()},
         {"answer_bytes", answer_bytes / std::max<std::size_t>(1, taken.size())},
         {"latency", percentiles(taken)}});
}

/// Until it is killed.
[[noreturn]] void echo(const Options& options) {
  Context context;
  Socket router(context, SocketKind::kRouter, 0);
  must(router.bind(options.endpoint));
  print({{"ready", true}});
  const std::string answer(options.answer_bytes, 'x');
  Poller poller;
  poller.add(router);
  while (true) {
    poller.wait(seconds(1));
    while (auto frames = router.receive()) {
      std::array<Message, 2> both{std::move(frames->front()), Message(std::string_view(answer))};
      FOREBAY_INVARIANT(router.send(both) == SendResult::kSent);
    }
  }
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using namespace forebay::bench;
  CLI::App app("Delivery dates over the socket.", "bench_edd_socket");
  Options options;
  std::string role;
  const std::map<std::string, void (*)(const Options&)> roles = {
      {"world", world}, {"load", load}, {"ask", ask}, {"echo", echo}};
  app.add_option("ROLE", role)->required()->check(CLI::IsMember(roles));
  app.add_option("--state", options.state);
  app.add_option("--endpoint", options.endpoint);
  app.add_option("--events", options.events);
  app.add_option("--rate", options.rate);
  app.add_option("--in-flight", options.in_flight);
  app.add_option("--answer-bytes", options.answer_bytes);
  app.add_option("--seconds", options.seconds);
  CLI11_PARSE(app, argc, argv);
  roles.at(role)(options);
  return 0;
}
