// What comes in from sockets: requests, replies, beacons, wishes of other hosts, libzmq's question
// about a key; and what a subscription makes of broadcasts and replies.
#include <map>

#include "common/client/subscription.h"
#include "common/wire/beacon.h"
#include "common/wire/control.h"
#include "common/wire/gatekeeper.h"
#include "common/wire/records_frame.h"
#include "sidecar/access.h"
#include "tests/fuzz/fuzz.h"

namespace forebay::fuzz {
namespace {

void decode_one_beacon(std::string_view input) {
  Input in(input);
  const bool as_it_is = in.byte() == 1;
  const auto beacon = decode_beacon(as_it_is ? std::string(in.rest()) : sealed(in.rest()));
  if (!beacon) return;
  const std::string encoded = encode_beacon(*beacon);
  const auto again = decode_beacon(encoded);
  require(again && encode_beacon(*again) == encoded, "a beacon that is encoded again is the same");
}

std::vector<std::string> beacon_seeds() {
  Beacon beacon;
  beacon.incarnation.bytes.fill('i');
  beacon.head = Sequence{12};
  beacon.producers = {{ProducerId{1}, std::chrono::milliseconds(5)}, {ProducerId{2}, {}}};
  const std::string bytes = encode_beacon(beacon);
  return {std::string(1, '\0').append(unsealed(bytes)), '\x01' + bytes};
}
const Decoder beacon_decoder{"beacon", decode_one_beacon, beacon_seeds};

const Topology& small_topology() {
  static const Topology topology = [] {
    Topology made;
    made.sidecars = {{"near", "a", {{"orders", {}}, {"payments", {}}}, {}}};
    Node audit;
    audit.name = "audit";
    audit.subscribes = {{"orders", {}}};
    made.nodes = {audit};
    made.operators = {{"alice", {}}};
    return made;
  }();
  return topology;
}

/// As ControlDoors does.
void decode_one_request(std::string_view input) {
  static const Access access(small_topology(), small_topology().sidecars[0]);
  const auto request = decode_request(input);
  const std::uint64_t id = request_id_of(input);
  for (const char* user : {"audit", "alice", "nobody", ""}) {
    // A topic on the broadcast door is as much as anybody else's bytes.
    if (access.may_hear(user, input))
      require(input.ends_with('\0') && input.size() > 1 && *user != 'n',
              "who has no part hears nothing");
    if (!request) continue;
    const auto allowed = access.check(user, request->body);
    require(allowed || allowed.error().code == ErrorCode::kForbidden, "a refusal is one");
    require(!allowed || *user == 'a', "who is not in the topology may do nothing");
  }
  if (!request) return;
  require(id == request->envelope.id, "the id of a request is found without the rest");
  const std::string encoded = encode(request->envelope, request->body);
  const auto again = decode_request(encoded);
  if (encoded.size() > limits::kControlBytesMax) return;
  require(again && encode(again->envelope, again->body) == encoded,
          "a request that is encoded again is the same");
}

std::vector<std::string> request_seeds() {
  Incarnation incarnation;
  incarnation.bytes.fill('i');
  InstanceId instance;
  instance.bytes.fill('n');
  const std::vector<Request> requests = {
      Register{"orders", instance, "feed", 5, Epoch{1}},
      Keepalive{{ProducerId{1}, Epoch{1}, instance}},
      Goodbye{{ProducerId{1}, Epoch{1}, instance}},
      Subscribe{"orders", "audit", "cursor", -1, incarnation, Sequence{3}},
      CursorReport{"orders", "audit", incarnation, Sequence{5}, 1, 2, "LIVE"},
      Forget{"orders", "audit"},
      ForgetProducer{"orders", ProducerId{7}},
      TrustClock{},
      Fetch{"orders", incarnation, Sequence{1}, Sequence{9}, 4096, 77},
      Find{"orders", 1'700'000'000'000'000'000},
      StatusRequest{},
      RecordsRequest{}};
  std::vector<std::string> seeds = {std::string("orders\0", 7)};
  for (const Request& request : requests) seeds.push_back(encode(Envelope{9, {}}, request));
  return seeds;
}
const Decoder request_decoder{"request", decode_one_request, request_seeds};

std::vector<Reply> sample_replies() {
  Incarnation incarnation;
  incarnation.bytes.fill('i');
  const ProducerId producer{7};
  const Epoch epoch{1};
  return {Registered{"orders", incarnation, producer, epoch, {}, {}, {}},
          Alive{producer, epoch, {}},
          Acknowledged{incarnation, producer, epoch, ProducerSequence{5}, Sequence{5}, Sequence{4}},
          Resend{incarnation, producer, epoch, {}},
          Full{producer, epoch, {}, "full"},
          Refused{producer, epoch, ErrorCode::kFenced, "fenced"},
          Subscribed{"orders", incarnation, Sequence{10}, Sequence{16}, Sequence{1}, Sequence{10}},
          Forgotten{"orders", "audit"},
          ProducerForgotten{"orders", producer},
          ClockTrusted{},
          Records{2},
          Batches{"orders", incarnation, Sequence{17}, true, Sequence{20}, Sequence{1}},
          Trimmed{"orders", incarnation, Sequence{5}, Sequence{20}},
          Corrupt{"orders", incarnation, Sequence{5}, 3},
          Diverged{"orders", incarnation, Sequence{5}, "rolled back"},
          Found{"orders", incarnation, Sequence{5}, Sequence{20}, Sequence{1}},
          StatusReport{"{}"},
          ErrorReply{ErrorCode::kNotFound, "no such stream"}};
}

Envelope of_sidecar(std::uint64_t id) {
  Envelope envelope{id, {}};
  envelope.boot.bytes.fill('b');
  return envelope;
}

void decode_one_reply(std::string_view input) {
  const auto reply = decode_reply(input);
  if (!reply) return;
  const std::string encoded = encode(reply->envelope, reply->body);
  const auto again = decode_reply(encoded);
  require(again && encode(again->envelope, again->body) == encoded,
          "a reply that is encoded again is the same");
}

std::vector<std::string> reply_seeds() {
  std::vector<std::string> seeds;
  for (const Reply& reply : sample_replies()) seeds.push_back(encode(of_sidecar(1), reply));
  return seeds;
}
const Decoder reply_decoder{"reply", decode_one_reply, reply_seeds};

void decode_records_reply(std::string_view input) {
  Input in(input);
  const std::uint64_t count = in.byte() == 255 ? ~std::uint64_t{0} : in.byte();
  const auto records = parse_records(in.rest(), count);
  if (!records) return;
  require(records->size() == count, "a reply has as many records as it says");
  std::string again;
  for (const RecordEntry& entry : *records) append_record(again, entry);
  require(in.rest() == again, "records that are encoded again are the same");
}

std::vector<std::string> records_reply_seeds() {
  std::string bytes("\0\x02", 2);
  append_record(bytes, {"stream/orders", "value"});
  append_record(bytes, {"clock", ""});
  return {bytes};
}
const Decoder records_reply_decoder{"records_reply", decode_records_reply, records_reply_seeds};

/// Inputs and outputs of a subscription, in any order: kind u8, bytes with their length.
void decode_for_subscription(std::string_view input) {
  constexpr int kStepsMax = 200;
  Input in(input);
  Incarnation incarnation;
  incarnation.bytes.fill('i');
  const bool has_cursor = in.byte() % 2 == 1;
  Subscription subscription(
      "orders", has_cursor ? "" : "audit",
      has_cursor ? std::optional(Cursor{incarnation, Sequence{10}, 0}) : std::nullopt, {});
  MonoTime now{std::chrono::seconds(1)};
  std::uint64_t next_id = 1;
  Sequence reached;
  const auto deliver = [&] {
    const auto delivery = subscription.next_delivery();
    if (!delivery) return false;
    require(std::holds_alternative<Subscription::Started>(*delivery) ||
                subscription.cursor().sequence >= reached,
            "a cursor never goes back");
    reached = subscription.cursor().sequence;
    if (const auto* events = std::get_if<Subscription::Events>(&*delivery)) {
      require(events->skip < events->batch.header().count, "a delivery has an event at least");
    }
    return true;
  };
  for (int step = 0; step < kStepsMax && !in.empty(); ++step) {
    const std::uint8_t kind = in.byte();
    const std::string part(in.part());
    now += std::chrono::milliseconds(kind & 0xf0);
    switch (kind & 0x07) {
      case 0:
        subscription.on_broadcast(Message(std::string_view(sealed_batch(part))), now);
        break;
      case 1:
        subscription.on_broadcast(Message(std::string_view(sealed(part))), now);  // a beacon
        break;
      case 2:
        subscription.on_broadcast(Message(std::string_view(part)), now);
        break;
      case 3:
      case 4:
        if (auto reply = decode_reply(part)) {
          if (next_id > 1) reply->envelope.id = next_id - 1;  // of the last request
          const std::string batches(in.part());
          subscription.on_reply(
              *reply,
              Message(std::string_view((kind & 0x08) != 0 ? batches : sealed_batch(batches))), now);
        }
        break;
      case 5:
        static_cast<void>(subscription.take_requests(now, next_id));
        break;
      case 6:
        static_cast<void>(deliver());
        break;
      default:
        subscription.on_committed();
        break;
    }
    require(subscription.undelivered_bytes() <= limits::kFrameBytesMax, "what waits is bounded");
  }
  while (deliver()) {
  }
}

std::vector<std::string> subscription_seeds() {
  const auto step = [](std::string& seed, char kind, std::string_view part = {}) {
    seed += kind;
    append_part(seed, part);
  };
  Beacon beacon;
  beacon.incarnation.bytes.fill('i');
  beacon.head = Sequence{16};
  const std::vector<std::string> batches = sample_batches();
  std::vector<std::string> seeds;
  for (const char first : {'\0', '\x01'}) {
    for (const Reply& reply : sample_replies()) {
      std::string seed(1, first);
      step(seed, 5);
      step(seed, 3, encode(of_sidecar(1), Reply(sample_replies()[6])));
      step(seed, 6);
      step(seed, 7);
      step(seed, 1, unsealed(encode_beacon(beacon)));
      step(seed, 0, batches[0]);
      step(seed, '\x25');
      step(seed, 3, encode(of_sidecar(1), reply));
      append_part(seed, batches[0] + batches[1]);
      for (const std::string& batch : batches) step(seed, 0, batch);
      step(seed, '\x25');
      step(seed, 6);
      seeds.push_back(seed);
    }
  }
  return seeds;
}
const Decoder subscription_decoder{"subscription", decode_for_subscription, subscription_seeds};

constexpr char kKnownKey[] = "0123456789abcdef0123456789abcdef";

/// Frames as libzmq sends them to whoever answers for a socket: u8 count, then each with its length.
void decode_zap(std::string_view input) {
  struct Post {
    Context context;
    std::unique_ptr<Gatekeeper> gate;
    Socket asker{context, SocketKind::kDealer, 100};
    Poller poller;
  };
  static Post* const post = [] {
    auto* made = new Post;  // for as long as the process
    auto gate = Gatekeeper::start(made->context, {{encode_key({kKnownKey, 32}), "audit"}});
    require(gate && made->asker.connect("inproc://zeromq.zap.01"), "there is a gatekeeper");
    made->gate = std::move(*gate);
    made->poller.add(made->asker);
    return made;
  }();
  Input in(input);
  std::vector<std::string> parts;
  for (std::size_t left = in.byte() % 13; left > 0; --left) parts.emplace_back(in.part());
  if (parts.empty()) return;
  std::vector<Message> frames;
  for (const std::string& part : parts) frames.emplace_back(std::string_view(part));
  require(post->asker.send(frames) == SendResult::kSent, "the gatekeeper reads");
  if (parts.size() + 1 < 7) return;  // not answered: nobody asked so
  std::optional<std::vector<Message>> answer;
  for (int tries = 0; !(answer = post->asker.receive(9)); ++tries) {
    require(tries < 40, "the gatekeeper answers");
    post->poller.wait(std::chrono::milliseconds(100));
  }
  const bool known = parts.size() == 8 && parts[1] == "1.0" && parts[6] == "CURVE" &&
                     parts[7] == std::string_view(kKnownKey, 32);
  require(answer->size() == 7 && answer->at(3).view() == (known ? "200" : "400") &&
              answer->at(5).view() == (known ? "audit" : ""),
          "who is let in has a known key, and the name of that");
}

std::vector<std::string> zap_seeds() {
  const auto frames = [](const std::vector<std::string>& parts) {
    std::string seed(1, static_cast<char>(parts.size()));
    for (const std::string& part : parts) append_part(seed, part);
    return seed;
  };
  return {frames({"", "1.0", "1", "forebay", "10.0.0.1", "", "CURVE", std::string(kKnownKey, 32)}),
          frames({"", "1.0", "1", "forebay", "10.0.0.1", "", "CURVE", std::string(32, 'x')}),
          frames({"", "1.0", "1", "forebay", "10.0.0.1", "", "NULL"}),
          frames({"", "1.0", "1", "forebay", "10.0.0.1", "", "PLAIN", "user", "word"}),
          frames({"", "1.0"})};
}
const Decoder zap_decoder{"zap", decode_zap, zap_seeds};

}  // namespace
}  // namespace forebay::fuzz
