#include "common/wire/control.h"

#include <rapidcheck/catch.h>

#include <catch2/catch.hpp>
#include <map>
#include <msgpack.hpp>
#include <set>
#include <sstream>

#include "common/base/limits.h"
#include "tests/support/memory.h"
#include "tests/support/worked_examples.h"

namespace forebay {
namespace {

using namespace std::string_literals;

/// The body comes back, told by its encoding.
template <class Message>
bool comes_back(const Message& message) {
  if constexpr (std::is_constructible_v<Request, Message>) {
    const auto decoded = decode_request(encode({77, {}}, Request(message)));
    return decoded && decoded->envelope.id == 77 && decoded->envelope.boot.none() &&
           std::holds_alternative<Message>(decoded->body) &&
           encode({77, {}}, decoded->body) == encode({77, {}}, Request(message));
  } else {
    const Envelope envelope{UINT64_MAX, BootId::random()};
    const auto decoded = decode_reply(encode(envelope, Reply(message)));
    return decoded && decoded->envelope.id == UINT64_MAX &&
           decoded->envelope.boot == envelope.boot &&
           std::holds_alternative<Message>(decoded->body) &&
           encode(envelope, decoded->body) == encode(envelope, Reply(message));
  }
}

/// Gives every field of a message a value of its own.
struct Fill {
  std::uint64_t next = 1;
  void operator()(std::string_view, std::string& value, Presence = {}) {
    value = "text " + std::to_string(next++);
  }
  void operator()(std::string_view, bool& value, Presence = {}) { value = true; }
  void operator()(std::string_view, std::uint64_t& value, Presence = {}) {
    value = UINT64_MAX - next++;
  }
  void operator()(std::string_view, std::int64_t& value, Presence = {}) {
    value = INT64_MIN + static_cast<std::int64_t>(next++);
  }
  void operator()(std::string_view, ErrorCode& value, Presence = {}) { value = ErrorCode::kFenced; }
  template <class Tag>
  void operator()(std::string_view, RandomId<Tag>& value, Presence = {}) {
    value = RandomId<Tag>::random();
  }
  template <class Tag, class T>
  void operator()(std::string_view, Number<Tag, T>& value, Presence = {}) {
    value.value = static_cast<T>(std::numeric_limits<T>::max() - next++);
  }
};

template <class Variant, std::size_t... kIndex>
void check_all(std::index_sequence<kIndex...>) {
  const auto check = [](auto message) {
    INFO(message.kOp);
    CHECK(comes_back(message));
    Fill fill;
    message.fields(fill);
    CHECK(comes_back(message));
  };
  (check(std::variant_alternative_t<kIndex, Variant>{}), ...);
}

TEST_CASE("EveryMessageComesBackWithEveryField") {
  check_all<Request>(std::make_index_sequence<std::variant_size_v<Request>>{});
  check_all<Reply>(std::make_index_sequence<std::variant_size_v<Reply>>{});
}

/// The keys of a message that the tables of section 4 do not name.
struct NotOnPage {
  std::string section;
  std::vector<std::string> missing;
  template <class T>
  void operator()(std::string_view name, T&, Presence = {}) {
    if (section.find("`" + std::string(name) + "`") == std::string::npos)
      missing.emplace_back(name);
  }
};

template <class Variant, std::size_t... kIndex>
void check_page(const std::string& from, std::index_sequence<kIndex...>) {
  const std::string page = test::read_page("protocol.md");
  const auto check = [&](auto message) {
    INFO(message.kOp);
    const auto row = page.find("\n| `" + std::string(message.kOp) + "` | " + from + " |");
    REQUIRE(row != std::string::npos);
    NotOnPage fields{page.substr(row, page.find('\n', row + 1) - row), {}};
    message.fields(fields);
    CHECK(fields.missing == std::vector<std::string>{});
  };
  (check(std::variant_alternative_t<kIndex, Variant>{}), ...);
}

TEST_CASE("ThePageNamesEveryMessageAndKey") {
  check_page<Request>("client", std::make_index_sequence<std::variant_size_v<Request>>{});
  check_page<Reply>("sidecar", std::make_index_sequence<std::variant_size_v<Reply>>{});
}

using Map = std::map<std::string, msgpack::object>;

/// A message of `entries`; values of any type.
class Raw {
 public:
  template <class T>
  Raw& with(const std::string& key, const T& value) {
    map_[key] = msgpack::object(value, zone_);
    return *this;
  }
  Raw& without(const std::string& key) {
    map_.erase(key);
    return *this;
  }
  [[nodiscard]] std::string bytes() const {
    std::ostringstream out;
    msgpack::pack(out, map_);
    return out.str();
  }

 private:
  msgpack::zone zone_;
  Map map_;
};

void fill_fetch(Raw& raw) {
  raw.with("v", 1).with("op", "fetch"s).with("id", 7).with("stream", "orders"s).with("from", 1);
}

ErrorCode refusal(const std::string& bytes) {
  const auto message = decode_request(bytes);
  REQUIRE_FALSE(message.has_value());
  CHECK(message.error().message.size() < 512);
  return message.error().code;
}

TEST_CASE("AbsentOptionalKeysKeepTheirDefaults") {
  Raw raw;
  fill_fetch(raw);
  const auto message = decode_request(raw.bytes());
  REQUIRE(message.has_value());
  const auto& fetch = std::get<Fetch>(message->body);
  CHECK(fetch.incarnation.none());
  CHECK(fetch.to == Sequence{0});
  CHECK(fetch.bytes == 0);
  CHECK(fetch.checksum == 0);
}

TEST_CASE("UnknownKeysAreIgnored") {
  Raw raw;
  fill_fetch(raw);
  raw.with("tomorrow", std::vector<int>{1, 2}).with("x", true);
  CHECK(decode_request(raw.bytes()).has_value());
}

TEST_CASE("AMissingKeyIsNamed") {
  const auto key = GENERATE("v"s, "op"s, "stream"s, "from"s);
  Raw raw;
  fill_fetch(raw);
  raw.without(key);
  const auto message = decode_request(raw.bytes());
  REQUIRE_FALSE(message.has_value());
  CHECK(message.error().code == ErrorCode::kBadInput);
  CHECK(message.error().message.find("\"" + key + "\" is missing") != std::string::npos);
}

TEST_CASE("AKeyOfAnotherTypeIsNamed") {
  const auto key = GENERATE("v"s, "op"s, "id"s, "stream"s, "from"s, "incarnation"s, "bytes"s);
  Raw raw;
  fill_fetch(raw);
  SECTION("an array") { raw.with(key, std::vector<int>{1}); }
  SECTION("nil") { raw.with(key, msgpack::type::nil_t{}); }
  SECTION("a negative number") { raw.with(key, -1); }
  SECTION("a float") { raw.with(key, 1.5); }
  const auto message = decode_request(raw.bytes());
  REQUIRE_FALSE(message.has_value());
  CHECK(message.error().code == ErrorCode::kBadInput);
  CHECK(message.error().message.find("\"" + key + "\" is not of its type") != std::string::npos);
}

TEST_CASE("ANumberTooWideForItsFieldIsRefused") {
  Raw raw;
  raw.with("v", 1).with("op", "alive"s).with("id", 0).with("producer", 1).with("position", 2);
  raw.with("epoch", std::uint64_t{UINT32_MAX});
  CHECK(decode_reply(raw.bytes()).has_value());
  raw.with("epoch", std::uint64_t{UINT32_MAX} + 1);
  CHECK_FALSE(decode_reply(raw.bytes()).has_value());
}

TEST_CASE("AnIdOfOtherThanSixteenBytesIsRefused") {
  for (const std::size_t size : {0, 15, 17}) {
    Raw raw;
    fill_fetch(raw);
    raw.with("incarnation", std::vector<char>(size, 'x'));
    CHECK(refusal(raw.bytes()) == ErrorCode::kBadInput);
  }
}

TEST_CASE("AnotherVersionIsToldApartWhateverElseItSays") {
  for (const std::uint64_t version : {std::uint64_t{0}, std::uint64_t{2}, UINT64_MAX}) {
    Raw raw;
    raw.with("v", version).with("id", 9);
    CHECK(refusal(raw.bytes()) == ErrorCode::kVersion);
    CHECK(request_id_of(raw.bytes()) == 9);
  }
}

TEST_CASE("AnUnknownOpIsRefused") {
  Raw raw;
  fill_fetch(raw);
  raw.with("op", std::string(10'000, 'x'));
  CHECK(refusal(raw.bytes()) == ErrorCode::kBadInput);
  // A reply is no request, and the other way about.
  CHECK(refusal(encode({1, BootId::random()}, Alive{})) == ErrorCode::kBadInput);
  CHECK_FALSE(decode_reply(encode({1, {}}, Find{})).has_value());
}

TEST_CASE("WhatIsNoSmallMapIsRefused") {
  const std::size_t before = test::peak_memory_bytes();
  const auto bytes =
      GENERATE(""s, "\xc0"s, "\x90"s, "\xa5hello"s, "\xc1"s, "\x81"s, "\x80\x80"s,
               "\xdf\xff\xff\xff\xff"s, "\xdd\xff\xff\xff\xff"s, "\x81\xa1v\xdd\xff\xff\xff\xff"s,
               std::string(10'000, '\x91'), std::string(100'000, '\xdd'));
  CHECK(refusal(bytes) == ErrorCode::kBadInput);
  CHECK_FALSE(decode_reply(bytes).has_value());
  CHECK(request_id_of(bytes) == 0);
  CHECK(test::peak_memory_bytes() - before < (16 << 20));
}

TEST_CASE("ARequestHasAtMost16KiB") {
  const auto with_name = [](std::size_t bytes) {
    return encode({1, {}}, Register{"s", InstanceId::random(), std::string(bytes, 'n'), 0, {}});
  };
  const std::size_t around = with_name(1000).size() - 1000;
  CHECK(decode_request(with_name(limits::kControlBytesMax - around)).has_value());
  CHECK(refusal(with_name(limits::kControlBytesMax - around + 1)) == ErrorCode::kBadInput);
}

TEST_CASE("TheIdOfARefusedRequestIsFound") {
  Raw raw;
  fill_fetch(raw);
  raw.with("op", "of tomorrow"s);
  CHECK(request_id_of(raw.bytes()) == 7);
  raw.with("id", "text"s);
  CHECK(request_id_of(raw.bytes()) == 0);
  raw.without("id");
  CHECK(request_id_of(raw.bytes()) == 0);
}

TEST_CASE("ACodeOfANewerSidecarIsStillAnError") {
  Raw raw;
  raw.with("v", 1).with("op", "error"s).with("id", 1).with("message", "m"s);
  raw.with("code", "of_tomorrow"s);
  const auto message = decode_reply(raw.bytes());
  REQUIRE(message.has_value());
  CHECK(std::get<ErrorReply>(message->body).code == ErrorCode::kBadInput);
}

TEST_CASE("DamagedMessagesNeverCrash") {
  rc::prop("random bytes", [](const std::string& bytes) {
    static_cast<void>(decode_request(bytes));
    static_cast<void>(decode_reply(bytes));
    static_cast<void>(request_id_of(bytes));
  });
  const std::string sound =
      encode({1, {}}, Subscribe{"orders", "view", "time", 5, Incarnation::random(), Sequence{3}});
  rc::prop("a sound message with bytes changed", [&] {
    std::string bytes = sound;
    for (int edits = *rc::gen::inRange(1, 5); edits > 0; --edits) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    }
    static_cast<void>(decode_request(bytes));
    static_cast<void>(request_id_of(bytes));
  });
}

}  // namespace
}  // namespace forebay
