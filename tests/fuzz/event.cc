// Batches, events and their values, in msgpack and in JSON.
#include <nlohmann/json.hpp>

#include "common/base/bytes.h"
#include "common/event/batch.h"
#include "common/event/event_codec.h"
#include "common/event/event_json.h"
#include "common/event/json_value.h"
#include "common/event/msgpack_check.h"
#include "common/event/msgpack_cursor.h"
#include "common/event/msgpack_reader.h"
#include "tests/fuzz/fuzz.h"

namespace forebay::fuzz {
namespace {

constexpr std::string_view kReplaced = "\xef\xbf\xbd";  // of text that was no UTF-8

/// Everything that a consumer or tool does with an event that came in.
void use(const EventView& event, const BatchHeader& header, std::uint64_t index) {
  static_cast<void>(event.text_attribute("id"));
  static_cast<void>(event.text_attribute("traceparent"));
  const Attributes all = event.all_attributes();
  static_cast<void>(encode_attributes(all));
  require(event_to_json(event, header, index).has_value(), "an event in order prints");
}

void decode_batch(std::string_view input) {
  Input in(input);
  const bool as_it_is = in.byte() == 1;
  const std::string bytes = as_it_is ? std::string(in.rest()) : sealed_batch(in.rest());
  const auto header = parse_batch_header(bytes);
  const auto batch = BatchView::parse(bytes);
  require(!batch || header, "a batch has a header");
  if (!batch) return;
  require(batch_bytes(*header) == bytes.size(), "a batch has the size that it says");
  static_cast<void>(batch->gap_reason());
  const bool known_shared = check_attributes(batch->shared()).has_value();
  EventRecords records = batch->events();
  std::uint64_t count = 0;
  BatchBuilder again{std::string(batch->shared())};
  while (const auto record = records.next()) {
    again.append(*record);
    const auto event = decode_event(*record, known_shared ? batch->shared() : "\x80");
    if (event) use(*event, *header, count);
    // What is in order by itself stays so among attributes that are not.
    if (const auto among = decode_event(*record, batch->shared())) use(*among, *header, count);
    ++count;
  }
  if (header->kind == BatchKind::kGap) return require(count == 0, "a gap record has no events");
  require(count == header->count, "a batch has as many events as it says");
  std::string built = again.finish();
  set_batch_origin(built.data(), header->origin);
  set_batch_place(built.data(), header->place);
  const auto rebuilt = BatchView::parse(built);
  require(rebuilt && rebuilt->header().payload_checksum == header->payload_checksum &&
              rebuilt->header().count == header->count,
          "a batch that is built anew of its events is the same");
}

std::vector<std::string> batch_seeds() {
  std::vector<std::string> seeds;
  for (const std::string& batch : sample_batches()) {
    seeds.push_back('\0' + batch);
    seeds.push_back('\x01' + batch);
  }
  return seeds;
}
const Decoder batch_decoder{"batch", decode_batch, batch_seeds};

void decode_one_event(std::string_view input) {
  Input in(input);
  const std::string shared(in.part());
  const std::string encoded(in.rest());
  static_cast<void>(check_attributes(shared));
  const auto event = decode_event(encoded, shared);
  if (!event) return;
  use(*event, {}, 0);
  Event copy{std::string(event->type),
             std::string(event->subject),
             event->time,
             std::string(event->data),
             {}};
  copy.attributes = EventView{{}, {}, {}, {}, event->attributes, "\x80"}.all_attributes();
  std::string again;
  if (!encode_event(copy, {}, again)) return;  // names that an attribute may not have
  const auto decoded = decode_event(again, shared);
  require(decoded && decoded->type == event->type && decoded->subject == event->subject &&
              decoded->time == event->time && decoded->data == event->data,
          "an event that is encoded again is the same");
  std::string once_more;
  require(encode_event(copy, {}, once_more) && once_more == again, "it is encoded in one way");
}

std::vector<std::string> event_seeds() {
  std::vector<std::string> seeds;
  for (const std::string& batch : sample_batches()) {
    const auto view = BatchView::parse(batch);
    EventRecords records = view->events();
    while (const auto record = records.next()) {
      std::string seed;
      append_part(seed, view->shared());
      seeds.push_back(seed + std::string(*record));
    }
  }
  return seeds;
}
const Decoder event_decoder{"event", decode_one_event, event_seeds};

void decode_event_json(std::string_view input) {
  const auto event = event_from_json(input);
  if (!event) return;
  std::string encoded;
  if (!encode_event(*event, {}, encoded)) return;  // past a limit
  const auto decoded = decode_event(encoded, "\x80");
  require(decoded.has_value(), "an event that was encoded decodes");
  const auto line = event_to_json(*decoded, {}, 0);
  require(line.has_value(), "an event that was read prints");
  const auto again = event_from_json(*line);
  require(again.has_value(), "a line that was printed is read");
  std::string encoded_again;
  if (!encode_event(*again, {}, encoded_again)) return;  // at the limit: it has an id now
  const auto decoded_again = decode_event(encoded_again, "\x80");
  require(decoded_again && event_to_json(*decoded_again, {}, 0) == *line,
          "a line that was printed and read prints the same");
}

std::vector<std::string> event_json_seeds() {
  return {
      R"({"specversion":"1.0","id":"c-1","source":"/shop","type":"a.b","subject":"s",)"
      R"("time":"2026-02-02T11:00:30.25+01:00","data":{"a":[1,-2,3.5e3,null,true,"\u00e4"]}})",
      R"({"type":"a.b","data_base64":"AAEC","traceparent":"00-0af7","n":-9223372036854775808})",
      R"({"type":"a.b","data":{"$map":[[1,{"$base64":"AA==","$ext":-3}],[{"$base64":""},[]]]}})",
      R"({"type":"a.b","time":"1678-01-01T00:00:00+00:30","data":18446744073709551615})"};
}
const Decoder event_json_decoder{"event_json", decode_event_json, event_json_seeds};

void decode_value(std::string_view input) {
  const bool sound = check_msgpack(input).has_value();
  MsgpackCursor cursor(input);
  const bool also = cursor.any() && cursor.at_end();
  require(sound == also, "both checks of msgpack say the same");
  MsgpackReader reader(input);
  require(!sound || reader.value() == input, "a reader takes a sound value whole");
  const auto json = json_from_msgpack(input);
  require(json.has_value() == sound, "a sound value prints, and no other does");
  if (const auto text = parse_json(input)) {  // the same bytes as a text
    const auto packed = msgpack_from_json(*text);
    if (packed) static_cast<void>(json_from_msgpack(*packed));
  }
  if (!json) return;
  const std::string printed = print_json(*json);
  const auto parsed = parse_json(printed);
  if (printed.find(kReplaced) != std::string::npos) return;  // keys may have become the same
  require(parsed.has_value(), "a value that was printed is read");
  const auto packed = msgpack_from_json(*parsed);
  require(packed.has_value(), "a value that was printed and read is packed");
  const auto again = json_from_msgpack(*packed);
  require(again && print_json(*again) == printed, "and prints the same");
}

std::vector<std::string> value_seeds() {
  std::vector<std::string> seeds;
  for (const std::string_view text :
       {R"({"a":[1,-2,3.5,null,true,"t"],"b":{"$base64":"AAE=","$ext":5}})",
        R"([[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]])", R"({"$map":[[null,1],["k",2],["k",3]]})",
        R"([-1,-129,-32769,-2147483649,255,65535,4294967295,18446744073709551615,1e300])"}) {
    seeds.push_back(*msgpack_from_json(*parse_json(text)));
    seeds.emplace_back(text);
  }
  return seeds;
}
const Decoder value_decoder{"value", decode_value, value_seeds};

}  // namespace
}  // namespace forebay::fuzz
