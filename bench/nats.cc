// The same on NATS JetStream, file store, by its C client.
//
//   bench_nats ROLE --url URL --events N [--size BYTES]
//
//   publish   asynchronous publishing, until all is acknowledged
//   wait      one event at a time, acknowledged
//   listen    an ordered consumer; with --behind from the stream's beginning
#include <nats/nats.h>

#include <CLI/CLI.hpp>
#include <atomic>

#include "bench/figures.h"
#include "bench/made_events.h"

namespace forebay::bench {
namespace {

struct Options {
  std::string url;
  std::uint64_t events = 0;
  std::size_t size = 256;
  bool behind = false;
};

constexpr const char* kStream = "bench";
constexpr std::int64_t kPendingMax = 32'768;  // a guess: not tuned yet

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
    js_options.PublishAsync.MaxPending = kPendingMax;
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
  const std::int64_t begin = mono_ns();
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const std::string& bytes = made.encode(i);
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
  std::uint64_t count = 0;
  std::atomic<bool> all = false;
};

void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
  auto* seen = static_cast<Seen*>(closure);
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
  Seen seen{options.events};
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
  print({{"events", seen.count}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
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
  app.add_flag("--behind", options.behind);
  CLI11_PARSE(app, argc, argv);
  roles.at(role)(options);
  nats_Close();
  return 0;
}
