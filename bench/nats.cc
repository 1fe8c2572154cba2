// The same on NATS JetStream, file store, by its C client.
//
//   bench_nats ROLE --url URL --events N [--size BYTES] …
//
//   publish   asynchronous publishing, until all is acknowledged; at a --rate, in an open loop
//   wait      one event at a time, acknowledged
//   listen    an ordered consumer; --behind: from the stream's beginning; --latency: times events
//             from when they were due
#include <nats/nats.h>

#include <CLI/CLI.hpp>
#include <atomic>

#include "bench/figures.h"
#include "bench/made_events.h"
#include "bench/open_loop.h"

namespace forebay::bench {
namespace {

struct Options {
  std::string url;
  std::uint64_t events = 0, rate = 0;
  std::size_t size = 256;
  std::int64_t in_flight = 1;
  bool behind = false, latency = false;
};

constexpr const char* kStream = "bench";

void check(natsStatus status, const char* what) {
  if (status == NATS_OK) return;
  std::fprintf(stderr, "%s: %s\n", what, nats_GetLastError(nullptr));
  std::exit(1);
}

class Stream {
 public:
  explicit Stream(const Options& options) {
    check(natsConnection_ConnectTo(&connection_, options.url.c_str()), "connect");
    jsOptions js_options;
    jsOptions_Init(&js_options);
    js_options.PublishAsync.MaxPending = options.in_flight;
    js_options.PublishAsync.StallWait = 60'000;
    check(natsConnection_JetStream(&js_, connection_, &js_options), "jetstream");
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = kStream;
    const char* subjects[] = {kStream};
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    jsErrCode code{};
    check(js_AddStream(nullptr, js_, &config, nullptr, &code), "stream");
  }
  ~Stream() {
    jsCtx_Destroy(js_);
    natsConnection_Destroy(connection_);
  }
  [[nodiscard]] jsCtx* js() const { return js_; }

 private:
  natsConnection* connection_ = nullptr;
  jsCtx* js_ = nullptr;
};

void publish(const Options& options) {
  const Stream stream(options);
  MadeEvents made(options.size);
  const OpenLoop loop(options.rate);
  const std::int64_t begin = mono_ns();
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const std::string& bytes = made.encode(i, loop.wait_for(i));
    check(js_PublishAsync(stream.js(), kStream, bytes.data(), static_cast<int>(bytes.size()),
                          nullptr),
          "publish");
  }
  jsPubOptions all;
  jsPubOptions_Init(&all);
  all.MaxWait = 120'000;
  check(js_PublishAsyncComplete(stream.js(), &all), "acknowledgements");
  print({{"events", options.events}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

void wait(const Options& options) {
  const Stream stream(options);
  MadeEvents made(options.size);
  std::vector<std::int64_t> taken;
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const std::int64_t begin = mono_ns();
    const std::string& bytes = made.encode(i);
    jsPubAck* ack = nullptr;
    jsErrCode code{};
    check(js_Publish(&ack, stream.js(), kStream, bytes.data(), static_cast<int>(bytes.size()),
                     nullptr, &code),
          "publish");
    jsPubAck_Destroy(ack);
    taken.push_back(mono_ns() - begin);
  }
  print(percentiles(taken));
}

struct Seen {
  std::uint64_t wanted;
  bool latency;
  std::uint64_t count = 0;
  Latencies latencies = {};
  std::atomic<bool> all = false;
};

void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  auto* seen = static_cast<Seen*>(closure);
  if (seen->latency) {
    const std::string_view bytes(natsMsg_GetData(message),
                                 static_cast<std::size_t>(natsMsg_GetDataLength(message)));
    seen->latencies.on_event(bytes, {}, SystemClock().wall());
  }
  natsMsg_Destroy(message);
  if (++seen->count != seen->wanted) return;
  seen->all = true;
  seen->all.notify_one();
}

void listen(const Options& options) {
  const Stream stream(options);
  jsSubOptions wanted;
  jsSubOptions_Init(&wanted);
  wanted.Ordered = true;
  wanted.Config.DeliverPolicy = options.behind ? js_DeliverAll : js_DeliverNew;
  Seen seen{options.events, options.latency};
  natsSubscription* subscription = nullptr;
  jsErrCode code{};
  const std::int64_t begin = mono_ns();
  check(
      js_Subscribe(&subscription, stream.js(), kStream, on_message, &seen, nullptr, &wanted, &code),
      "subscribe");
  // Its defaults drop what the callback does not keep up with.
  check(natsSubscription_SetPendingLimits(subscription, -1, -1), "limits");
  print({{"ready", true}});
  seen.all.wait(false);
  Figures figures{{"events", seen.count}, {"begin_ns", begin}, {"end_ns", mono_ns()}};
  if (options.latency) figures["latency"] = percentiles(seen.latencies.taken());
  print(figures);
  natsSubscription_Destroy(subscription);
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using namespace forebay::bench;
  CLI::App app("NATS JetStream under the same load.", "bench_nats");
  Options options;
  std::string role;
  const std::map<std::string, void (*)(const Options&)> roles = {
      {"publish", publish}, {"wait", wait}, {"listen", listen}};
  app.add_option("ROLE", role)->required()->check(CLI::IsMember(roles));
  app.add_option("--url", options.url)->required();
  app.add_option("--events", options.events)->required();
  app.add_option("--size", options.size);
  app.add_option("--rate", options.rate);
  app.add_option("--in-flight", options.in_flight);
  app.add_flag("--behind", options.behind);
  app.add_flag("--latency", options.latency);
  CLI11_PARSE(app, argc, argv);
  roles.at(role)(options);
  nats_Close();
  return 0;
}
