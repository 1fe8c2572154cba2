// Texts that stand for a value: times, tokens, ids, base64; and secrets in files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/base64.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/wire/secret_file.h"
#include "nodes/sourcing/calendar.h"
#include "tests/fuzz/fuzz.h"
#include "topology/units.h"

namespace forebay::fuzz {
namespace {

void decode_time(std::string_view input) {
  if (input.size() == sizeof(std::int64_t)) {  // of the wire: any prints
    std::int64_t ns = 0;
    input.copy(reinterpret_cast<char*>(&ns), sizeof ns);
    require(to_rfc3339(wall_from_unix_ns(ns)).size() >= 20, "any time prints");
  }
  if (const auto time = from_rfc3339(input)) {
    require(from_rfc3339(to_rfc3339(*time)) == *time, "a time that was read prints as what reads");
  }
  if (const auto date = parse_date(input))
    require(parse_date(to_text(*date)) == *date, "a date that was read prints as what reads");
  static_cast<void>(parse_time_of_day(input));
  if (const auto duration = parse_duration(input)) {
    require(parse_duration(format_duration(*duration)) == *duration, "a duration prints as itself");
  }
  if (const auto size = parse_size(input))
    require(parse_size(format_size(*size)) == *size, "a size prints as itself");
}

std::vector<std::string> time_seeds() {
  return {"2026-03-01T09:30:00Z",
          "2026-03-01T09:30:00.123456789+23:59",
          "1678-01-01T00:00:00Z",
          "2261-12-31T23:59:60.999999999-00:30",
          "0000-02-29",
          "9999-12-31",
          "23:59",
          "90d",
          "1500ms",
          "512MiB",
          std::string("\0\0\0\0\0\0\0\x80", 8)};
}
const Decoder time_decoder{"time", decode_time, time_seeds};

void decode_token(std::string_view input) {
  if (const auto position = Position::from_token(input)) {
    require(Position::from_token(position->token()) == *position, "a token prints as itself");
  }
  if (const auto id = Incarnation::from_hex(input))
    require(Incarnation::from_hex(id->hex()) == *id, "an id prints as itself");
  static_cast<void>(Incarnation::from_bytes(input));
  if (const auto bytes = from_base64(input))
    require(to_base64(*bytes) == input, "base64 is written in one way");
  require(from_base64(to_base64(input)) == std::string(input), "any bytes go through base64");
  static_cast<void>(is_name(input));
  if (is_key(input))
    require(key_pair_of(std::string(input)).has_value(), "a key is a key to libzmq");
  static_cast<void>(error_code_from(input));
}

std::vector<std::string> token_seeds() {
  return {"00112233445566778899aabbccddeeff:18446744073709551615",
          "00112233445566778899aabbccddeeff",
          "AAECAw==",
          "inventory-feed.1",
          "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
          "bad_sequence"};
}
const Decoder token_decoder{"token", decode_token, token_seeds};

/// A file of its owner's alone, again and again.
void decode_secret(std::string_view input) {
  Input in(input);
  const mode_t mode = in.byte() == 1 ? 0640 : 0600;
  const int descriptor = ::open("secret", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  require(descriptor >= 0 && ::fchmod(descriptor, mode) == 0 &&
              ::write(descriptor, in.rest().data(), in.rest().size()) ==
                  static_cast<ssize_t>(in.rest().size()),
          "the working folder takes a file");
  ::close(descriptor);
  const auto keys = read_secret("secret");
  if (!keys) return;
  require(mode == 0600, "a secret that others can read is refused");
  require(is_key(keys->public_key) && in.rest().starts_with(keys->secret_key),
          "a secret is what the file begins with");
  require(!read_listed_secret("secret", "me", {"other"}), "a key that is not listed is refused");
  require(read_listed_secret("secret", "me", {keys->public_key}).has_value(),
          "a listed one is not");
}

std::vector<std::string> secret_seeds() {
  const std::string key = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
  std::vector<std::string> seeds;
  for (const std::string& text : {key + "\n", key, key + "\n\n\n", key + key, std::string()})
    seeds.push_back(std::string(1, '\0') + text);
  seeds.push_back("\x01" + key + "\n");
  return seeds;
}
const Decoder secret_decoder{"secret", decode_secret, secret_seeds};

}  // namespace
}  // namespace forebay::fuzz
