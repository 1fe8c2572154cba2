// What the fuzz targets share: their register, and what makes inputs reach past a checksum.
//
//   const Decoder token{"token", decode_token, token_seeds};  // in a file of this folder: no more to do
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace forebay::fuzz {

/// One fuzz target; registers itself.
struct Decoder {
  std::string name;
  /// Must come back from any input. May write into the working folder.
  void (*decode)(std::string_view input);
  /// Valid encodings to begin with.
  std::vector<std::string> (*seeds)();

  Decoder(std::string its_name, void (*its_decode)(std::string_view),
          std::vector<std::string> (*its_seeds)());
};

/// Ends the process, with the input kept by libFuzzer, unless the property holds.
void require(bool holds, const char* property);

/// Takes an input apart, front to back; what is not there is empty or zero.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] std::uint8_t byte();
  /// A part with its length (u16) before it.
  [[nodiscard]] std::string_view part();
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};
/// The same the other way round.
void append_part(std::string& input, std::string_view part);

/// `body` and its XXH3-64.
[[nodiscard]] std::string sealed(std::string_view body);
/// `bytes` without the checksum at its end.
[[nodiscard]] std::string_view unsealed(std::string_view bytes);
/// A batch of these bytes with sizes and both checksums set right, as far as it has a header.
[[nodiscard]] std::string sealed_batch(std::string_view bytes);

/// Batches to begin with: of events with all kinds of attributes and data, and a gap record.
[[nodiscard]] std::vector<std::string> sample_batches();
/// An encoded event of this JSON line.
[[nodiscard]] std::string encoded_event(std::string_view line);

}  // namespace forebay::fuzz
