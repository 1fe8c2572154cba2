// The same on RabbitMQ: a durable queue, persistent messages, publisher confirms, by librabbitmq.
//
//   bench_rabbit ROLE --port PORT --events N [--size BYTES] …
//
//   publish   many unconfirmed at once, until all is confirmed
//   wait      one event at a time, confirmed
//   listen    consumes the queue, without acknowledgements of its own
#include <amqp.h>
#include <amqp_tcp_socket.h>

#include <CLI/CLI.hpp>
#include <set>

#include "bench/figures.h"
#include "bench/made_events.h"

namespace forebay::bench {
namespace {

struct Options {
  int port = 0;
  std::uint64_t events = 0, in_flight = 1;
  std::size_t size = 256;
};

constexpr amqp_channel_t kChannel = 1;

/// A connection with the queue "bench", in confirm mode.
class Channel {
 public:
  explicit Channel(const Options& options) : connection_(amqp_new_connection()) {
    amqp_socket_t* socket = amqp_tcp_socket_new(connection_);
    check(amqp_socket_open(socket, "127.0.0.1", options.port), "connect");
    check(amqp_login(connection_, "/", 1, 131'072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"));
    amqp_channel_open(connection_, kChannel);
    check(amqp_get_rpc_reply(connection_));
    amqp_queue_declare(connection_, kChannel, queue_, 0, 1, 0, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(connection_));
    amqp_confirm_select(connection_, kChannel);
    check(amqp_get_rpc_reply(connection_));
  }
  ~Channel() { amqp_destroy_connection(connection_); }

  void publish(const std::string& bytes) {
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.delivery_mode = AMQP_DELIVERY_PERSISTENT;
    check(amqp_basic_publish(connection_, kChannel, amqp_empty_bytes, queue_, 0, 0, &properties,
                             {bytes.size(), const_cast<char*>(bytes.data())}),
          "publish");
  }
  /// Waits for the next confirm; how many are confirmed by then.
  std::uint64_t confirmed() {
    amqp_maybe_release_buffers(connection_);
    amqp_frame_t frame;
    check(amqp_simple_wait_frame(connection_, &frame), "confirm");
    const bool is_ack =
        frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD;
    if (!is_ack) give_up("not a confirm");
    const auto* ack = static_cast<amqp_basic_ack_t*>(frame.payload.method.decoded);
    if (ack->multiple != 0) all_to_ = std::max(all_to_, ack->delivery_tag);
    if (ack->multiple == 0) beyond_.insert(ack->delivery_tag);
    while (!beyond_.empty() && *beyond_.begin() <= all_to_ + 1) {
      all_to_ = std::max(all_to_, *beyond_.begin());
      beyond_.erase(beyond_.begin());
    }
    return all_to_ + beyond_.size();
  }
  void consume() {
    amqp_basic_consume(connection_, kChannel, queue_, amqp_empty_bytes, 0, 1, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(connection_));
  }
  void receive() {
    amqp_maybe_release_buffers(connection_);
    amqp_envelope_t envelope;
    check(amqp_consume_message(connection_, &envelope, nullptr, 0));
    amqp_destroy_envelope(&envelope);
  }

 private:
  [[noreturn]] static void give_up(const char* what) {
    std::fprintf(stderr, "rabbitmq: %s\n", what);
    std::exit(1);
  }
  static void check(int status, const char* what) {
    if (status == AMQP_STATUS_OK) return;
    std::fprintf(stderr, "%s: %s\n", what, amqp_error_string2(status));
    std::exit(1);
  }
  static void check(const amqp_rpc_reply_t& reply) {
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) give_up("refused, or gone");
  }

  amqp_connection_state_t connection_;
  amqp_bytes_t queue_ = amqp_cstring_bytes("bench");
  std::uint64_t all_to_ = 0;        // this and all before are confirmed
  std::set<std::uint64_t> beyond_;  // and these
};

void publish(const Options& options) {
  Channel channel(options);
  MadeEvents made(options.size);
  const std::int64_t begin = mono_ns();
  std::uint64_t confirmed = 0;
  for (std::uint64_t i = 0; i < options.events; ++i) {
    channel.publish(made.encode(i));
    while (i + 1 - confirmed >= options.in_flight) confirmed = channel.confirmed();
  }
  while (confirmed < options.events) confirmed = channel.confirmed();
  print({{"events", options.events}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

void wait(const Options& options) {
  Channel channel(options);
  MadeEvents made(options.size);
  std::vector<std::int64_t> taken;
  for (std::uint64_t i = 0; i < options.events; ++i) {
    const std::int64_t begin = mono_ns();
    channel.publish(made.encode(i));
    channel.confirmed();
    taken.push_back(mono_ns() - begin);
  }
  print(percentiles(taken));
}

void listen(const Options& options) {
  Channel channel(options);
  const std::int64_t begin = mono_ns();
  channel.consume();
  print({{"ready", true}});
  for (std::uint64_t i = 0; i < options.events; ++i) channel.receive();
  print({{"events", options.events}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using namespace forebay::bench;
  CLI::App app("RabbitMQ under the same load.", "bench_rabbit");
  Options options;
  std::string role;
  const std::map<std::string, void (*)(const Options&)> roles = {
      {"publish", publish}, {"wait", wait}, {"listen", listen}};
  app.add_option("ROLE", role)->required()->check(CLI::IsMember(roles));
  app.add_option("--port", options.port)->required();
  app.add_option("--events", options.events)->required();
  app.add_option("--size", options.size);
  app.add_option("--in-flight", options.in_flight);
  CLI11_PARSE(app, argc, argv);
  roles.at(role)(options);
  return 0;
}
