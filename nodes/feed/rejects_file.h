// The lines of a feed's source that are no events, one JSON object a line:
//
//   {"file": fingerprint in hex, "line": n, "offset": after its newline, "reason": …, "text": …}
//
// Each is on disk before an event that follows it is published, and is not noted again when the
// feed reads the same lines after a crash. For one thread; the caller holds the state folder's
// lock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/client/line_publisher.h"

namespace forebay {

class RejectsFile final : public RejectSink {
 public:
  /// Makes the file if it is missing; a torn last line, which a crash left, is cut off.
  /// `fingerprint` names the source; 0 for stdin, whose offsets say nothing about an earlier run.
  [[nodiscard]] static Result<std::unique_ptr<RejectsFile>> open(const std::string& path,
                                                                 std::uint64_t fingerprint);
  ~RejectsFile() override;
  RejectsFile(const RejectsFile&) = delete;
  RejectsFile& operator=(const RejectsFile&) = delete;

  [[nodiscard]] Result<void> add(const Reject& reject) override;
  [[nodiscard]] Result<void> settle() override;

 private:
  RejectsFile(std::string path, int descriptor, std::string file)
      : path_(std::move(path)), descriptor_(descriptor), file_(std::move(file)) {}
  [[nodiscard]] Result<void> recover();

  std::string path_;
  int descriptor_;
  std::string file_;               // the fingerprint as text
  std::uint64_t noted_up_to_ = 0;  // offset of the last reject of this source that is in the file
  bool settled_ = true;
};

}  // namespace forebay
