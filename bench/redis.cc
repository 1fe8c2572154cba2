// The same on Redis Streams, pipelined, by hiredis over a unix socket.
//
//   bench_redis ROLE --socket PATH --events N [--size BYTES]
//
//   publish   XADD, many under way, until all is answered
//   wait      XADD, one at a time
//   listen    XREAD from the stream's beginning, which need not be there yet
#include <hiredis/hiredis.h>

#include <CLI/CLI.hpp>

#include "bench/figures.h"
#include "bench/made_events.h"

namespace forebay::bench {
namespace {

struct Options {
  std::string socket;
  std::uint64_t events = 0;
  std::size_t size = 256;
  std::uint64_t in_flight = 2;
};

class Client {
 public:
  explicit Client(const Options& options) : redis_(redisConnectUnix(options.socket.c_str())) {
    if (redis_ == nullptr || redis_->err != 0) give_up("connect");
  }
  ~Client() { redisFree(redis_); }

  void add(const std::string& bytes) {
    if (redisAppendCommand(redis_, "XADD bench * d %b", bytes.data(), bytes.size()) != REDIS_OK)
      give_up("XADD");
  }
  redisReply* reply() {
    void* reply = nullptr;
    if (redisGetReply(redis_, &reply) != REDIS_OK) give_up("reply");
    auto* got = static_cast<redisReply*>(reply);
    if (got->type == REDIS_REPLY_ERROR) give_up(got->str);
    return got;
  }
  void take() { freeReplyObject(reply()); }
  redisReply* read(const std::string& after) {
    redisAppendCommand(redis_, "XREAD COUNT 5000 BLOCK 0 STREAMS bench %s", after.c_str());
    return reply();
  }

 private:
  [[noreturn]] void give_up(const char* what) const {
    std::fprintf(stderr, "%s: %s\n", what, redis_ == nullptr ? "no memory" : redis_->errstr);
    std::exit(1);
  }
  redisContext* redis_;
};

void publish(const Options& options) {
  Client client(options);
  MadeEvents made(options.size);
  const std::int64_t begin = mono_ns();
  std::uint64_t answered = 0;
  for (std::uint64_t i = 0; i < options.events; ++i) {
    client.add(made.encode(i));
    // Half of what is under way at once, so that the server always has something to do.
    if (i - answered >= options.in_flight) {
      for (std::uint64_t n = 0; n < options.in_flight / 2; ++n, ++answered) client.take();
    }
  }
  for (; answered < options.events; ++answered) client.take();
  print({{"events", options.events}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

void wait(const Options& options) {
  Client client(options);
  MadeEvents made(options.size);
  std::vector<std::int64_t> taken;
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const std::int64_t begin = mono_ns();
    client.add(made.encode(i));
    client.take();
    taken.push_back(mono_ns() - begin);
  }
  print(percentiles(taken));
}

void listen(const Options& options) {
  Client client(options);
  std::uint64_t seen = 0;
  std::string last = "0";
  const std::int64_t begin = mono_ns();
  print({{"ready", true}});
  while (seen < options.events) {
    redisReply* reply = client.read(last);
    const redisReply* entries = reply->element[0]->element[1];
    seen += entries->elements;
    last = entries->element[entries->elements - 1]->element[0]->str;
    freeReplyObject(reply);
  }
  print({{"events", seen}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using namespace forebay::bench;
  CLI::App app("Redis Streams under the same load.", "bench_redis");
  Options options;
  std::string role;
  const std::map<std::string, void (*)(const Options&)> roles = {
      {"publish", publish}, {"wait", wait}, {"listen", listen}};
  app.add_option("ROLE", role)->required()->check(CLI::IsMember(roles));
  app.add_option("--socket", options.socket)->required();
  app.add_option("--events", options.events)->required();
  app.add_option("--size", options.size);
  app.add_option("--in-flight", options.in_flight);
  CLI11_PARSE(app, argc, argv);
  roles.at(role)(options);
  return 0;
}
