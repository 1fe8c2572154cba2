// The worked examples of docs/protocol.md sections 4 and 5, byte for byte.
#include <catch2/catch.hpp>

#include "common/base/bytes.h"
#include "common/event/batch.h"
#include "common/wire/beacon.h"
#include "common/wire/control.h"
#include "tests/support/worked_examples.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;

const Incarnation kIncarnation = *Incarnation::from_hex("101112131415161718191a1b1c1d1e1f");
const BootId kBoot = *BootId::from_hex("303132333435363738393a3b3c3d3e3f");
const InstanceId kInstance = *InstanceId::from_hex("505152535455565758595a5b5c5d5e5f");
constexpr ProducerId kProducer{0x1122334455667788};

std::string page(const std::string& words) { return test::worked_example("protocol.md", words); }

TEST_CASE("RegisterIsAsOnThePage") {
  const std::string bytes = page("Examples. `register`");
  CHECK(to_hex(encode({1, {}}, Register{"inventory", kInstance, "wms", 0, {}})) == to_hex(bytes));
  const auto message = decode_request(bytes);
  REQUIRE(message.has_value());
  CHECK(message->envelope.id == 1);
  CHECK(message->envelope.boot.none());
  const auto& body = std::get<Register>(message->body);
  CHECK(body.stream == "inventory");
  CHECK(body.instance == kInstance);
  CHECK(body.name == "wms");
  CHECK(body.fingerprint == 0);
}

TEST_CASE("RegisteredIsAsOnThePage") {
  const std::string bytes = page("\n`registered`:");
  const Registered registered{"inventory", kIncarnation, kProducer, Epoch{1}, {}, {}, {}};
  CHECK(to_hex(encode({1, kBoot}, registered)) == to_hex(bytes));
  const auto message = decode_reply(bytes);
  REQUIRE(message.has_value());
  CHECK(message->envelope.boot == kBoot);
  const auto& body = std::get<Registered>(message->body);
  CHECK(body.incarnation == kIncarnation);
  CHECK(body.producer == kProducer);
  CHECK(body.epoch == Epoch{1});
}

TEST_CASE("AcknowledgedIsAsOnThePage") {
  const std::string bytes = page("\n`acknowledged`:");
  const Acknowledged acknowledged{kIncarnation,        kProducer,   Epoch{1},
                                  ProducerSequence{2}, Sequence{2}, Sequence{1}};
  CHECK(to_hex(encode({0, kBoot}, acknowledged)) == to_hex(bytes));
  const auto message = decode_reply(bytes);
  REQUIRE(message.has_value());
  CHECK(message->envelope.id == 0);
  CHECK(std::get<Acknowledged>(message->body).position == ProducerSequence{2});
  CHECK(std::get<Acknowledged>(message->body).sequence == Sequence{2});
  CHECK(std::get<Acknowledged>(message->body).first == Sequence{1});
}

TEST_CASE("FetchIsAsOnThePage") {
  const std::string bytes = page("`fetch` from 1, no end");
  const Fetch fetch{"inventory", kIncarnation, Sequence{1}, {}, 1 << 20, 0};
  CHECK(to_hex(encode({7, {}}, fetch)) == to_hex(bytes));
  const auto message = decode_request(bytes);
  REQUIRE(message.has_value());
  CHECK(std::get<Fetch>(message->body).from == Sequence{1});
  CHECK(std::get<Fetch>(message->body).bytes == 1 << 20);
}

TEST_CASE("BatchesIsAsOnThePage") {
  const std::string bytes = page("First frame of `batches`");
  const Batches batches{"inventory", kIncarnation, Sequence{3}, false, Sequence{2}, Sequence{1}};
  CHECK(to_hex(encode({7, kBoot}, batches)) == to_hex(bytes));
  const auto message = decode_reply(bytes);
  REQUIRE(message.has_value());
  CHECK(std::get<Batches>(message->body).next == Sequence{3});
  CHECK_FALSE(std::get<Batches>(message->body).more);
}

TEST_CASE("TheBeaconIsAsOnThePage") {
  const std::string bytes = page("Example, after the batch above");
  const auto header = parse_batch_header(page("The same batch's header when committed"));
  REQUIRE(header.has_value());
  Beacon beacon;
  beacon.incarnation = kIncarnation;
  beacon.boot = kBoot;
  beacon.head = header->last();
  beacon.oldest = header->first();
  beacon.commit_time = header->place.commit_time;
  beacon.head_checksum = header->checksum;
  beacon.next_due = milliseconds(200);
  beacon.producers = {{kProducer, milliseconds(120)}};
  CHECK(to_hex(encode_beacon(beacon)) == to_hex(bytes));
  const auto decoded = decode_beacon(bytes);
  REQUIRE(decoded.has_value());
  CHECK(decoded->head == header->last());
  CHECK(decoded->producers.at(0).silent == milliseconds(120));
}

}  // namespace
}  // namespace forebay
