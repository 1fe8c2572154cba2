// The program of all fuzz targets: FOREBAY_FUZZ names the one to fuzz, libFuzzer does the rest.
#include <spdlog/spdlog.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "common/base/bytes.h"
#include "common/event/batch.h"
#include "common/event/batch_layout.h"
#include "common/event/event_codec.h"
#include "common/event/event_json.h"
#include "tests/fuzz/fuzz.h"

namespace forebay::fuzz {
namespace {

std::map<std::string, const Decoder*>& decoders() {
  static std::map<std::string, const Decoder*> all;
  return all;
}

const Decoder* chosen = nullptr;

int choose() {
  const char* name = std::getenv("FOREBAY_FUZZ");
  const auto found = decoders().find(name == nullptr ? "" : name);
  if (found == decoders().end()) {
    for (const auto& [known, decoder] : decoders()) std::printf("%s\n", known.c_str());
    std::exit(name == nullptr ? 0 : 2);
  }
  chosen = found->second;
  if (const char* folder = std::getenv("FOREBAY_FUZZ_SEEDS")) {
    std::size_t number = 0;
    for (const std::string& seed : chosen->seeds()) {
      std::ofstream file(std::string(folder) + "/seed-" + std::to_string(number++),
                         std::ios::binary);
      file << seed;
      if (!file.flush()) std::exit(2);
    }
    std::exit(0);
  }
  spdlog::set_level(spdlog::level::off);  // refusals are what this is about
  return 0;
}

}  // namespace

Decoder::Decoder(std::string its_name, void (*its_decode)(std::string_view),
                 std::vector<std::string> (*its_seeds)())
    : name(std::move(its_name)), decode(its_decode), seeds(its_seeds) {
  decoders().emplace(name, this);
}

void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

std::uint8_t Input::byte() {
  if (rest_.empty()) return 0;
  const auto value = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return value;
}

std::string_view Input::part() {
  const std::size_t low = byte(), high = byte();
  const std::string_view part = rest_.substr(0, low | high << 8);
  rest_.remove_prefix(part.size());
  return part;
}

void append_part(std::string& input, std::string_view part) {
  append_le(input, static_cast<std::uint16_t>(part.size()));
  input += part;
}

std::string sealed(std::string_view body) {
  std::string bytes(body);
  append_le(bytes, checksum(body));
  return bytes;
}

std::string_view unsealed(std::string_view bytes) { return bytes.substr(0, bytes.size() - 8); }

std::string sealed_batch(std::string_view bytes) {
  using namespace batch_layout;
  std::string batch(bytes);
  if (batch.size() < kHeaderBytes) return batch;
  const std::string_view payload = std::string_view(batch).substr(kHeaderBytes);
  store_le(batch.data() + kPayloadBytesAt, static_cast<std::uint32_t>(payload.size()));
  store_le(batch.data() + kPayloadChecksumAt, checksum(payload));
  store_le(batch.data() + kHeaderChecksumAt, checksum({batch.data(), kHeaderChecksumAt}));
  return batch;
}

std::string encoded_event(std::string_view line) {
  const auto event = event_from_json(line);
  std::string encoded;
  require(event && encode_event(*event, WallTime{}, encoded), "a seed is an event");
  return encoded;
}

std::vector<std::string> sample_batches() {
  Incarnation incarnation;
  incarnation.bytes.fill('i');
  const BatchOrigin origin{incarnation, ProducerId{7}, Epoch{1}, ProducerSequence{3},
                           ProducerSequence{5}};
  const auto shared =
      encode_attributes({{"source", std::string("/shop")}, {"shift", std::int64_t{2}}});
  BatchBuilder builder(*shared);
  builder.append(
      encoded_event(R"({"type":"stock.set","subject":"a","time":"2026-03-01T09:30:00.5Z",)"
                    R"("data":{"sku":"a","list":[1,-2,3.5,null,true,"t"]}})"));
  builder.append(
      encoded_event(R"({"type":"x.y","id":"1","urgent":true,"rank":-5,"data_base64":"AAEC"})"));
  std::string batch = builder.finish();
  set_batch_origin(batch.data(), origin);
  set_batch_place(batch.data(), {Sequence{11}, wall_from_unix_ns(1'700'000'000'000'000'000), 9});
  std::string gap = make_gap_record(incarnation, 4, "trimmed");
  set_batch_place(gap.data(), {Sequence{13}, wall_from_unix_ns(1'700'000'000'000'000'001), 10});
  return {batch, gap};
}

}  // namespace forebay::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) { return forebay::fuzz::choose(); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  forebay::fuzz::chosen->decode({reinterpret_cast<const char*>(data), size});
  return 0;
}
