// Complete lines of a file or of stdin, each with the byte offset of its end: that offset is the
// producer sequence of the event in it, so that a publisher resumes where the sidecar says it was.
//
// A line is complete with its newline. What follows the last newline of a file is left alone: it
// may still be written on (`unfinished` tells how much it is; `take_unfinished` takes it). The end
// of stdin ends its last line. A line of more than limits::kLineBytesMax is passed over in bounded
// memory.
//
//   auto source = LineSource::open(path, follow);
//   (*source)->resume(position);                    // after the registered one
//   auto reading = (*source)->next();
//   if (auto* line = std::get_if<LineSource::Line>(&*reading)) …
//
// For one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/limits.h"
#include "common/base/result.h"

namespace forebay {

class LineSource {
 public:
  struct Line {
    std::string_view text;    // without its newline; valid until the next call
    std::uint64_t number;     // from 1
    std::uint64_t end;        // offset after its newline
    bool too_long = false;    // then `text` is only its beginning
    std::uint64_t bytes = 0;  // of the whole line, without its newline
  };
  struct MoreToRead {};  // limits::kLineStepBytes went by without a newline: call again
  struct NothingYet {};  // a followed file or a pipe may bring more: wait
  struct End {};
  using Reading = std::variant<Line, MoreToRead, NothingYet, End>;

  /// `path` "-" is stdin. `follow`: the end of the file is not the end. kNotFound, or kBadInput for
  /// something that is not a file.
  [[nodiscard]] static Result<std::unique_ptr<LineSource>> open(const std::string& path,
                                                                bool follow);
  ~LineSource();
  LineSource(const LineSource&) = delete;
  LineSource& operator=(const LineSource&) = delete;

  [[nodiscard]] bool is_stdin() const { return is_stdin_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// What tells this file from another of the same name: the checksum of its first line (of the
  /// first kLineBytesMax bytes of it), never 0. nullopt while no line is complete. Files only.
  [[nodiscard]] Result<std::optional<std::uint64_t>> fingerprint() const;

  /// Goes on after the line that ends at `offset` (0: from the beginning), before anything is read.
  /// kBadInput if the file has no line that ends there. Files only. All before it is read, to count its
  /// lines: `goes_on` is asked now and then, and false ends it, after which the source is of no use.
  [[nodiscard]] Result<void> resume(std::uint64_t offset,
                                    const std::function<bool()>& goes_on = {});

  /// The next line. It returns after a bounded amount of bytes, so that its caller sees signals
  /// also while a line never ends. kIo; kBadInput if a followed file was truncated or replaced.
  [[nodiscard]] Result<Reading> next();

  /// At the end: what follows the last newline, for a caller to whom the file is whole as it is.
  [[nodiscard]] std::optional<Line> take_unfinished() { return take_line(true); }

  /// Until there may be more, `wake` is readable, or the time is over.
  void wait(std::chrono::milliseconds timeout, int wake);

  /// Lines up to here, and where the last of them ended.
  [[nodiscard]] std::uint64_t lines() const { return lines_; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  /// Bytes after the last newline, as far as read.
  [[nodiscard]] std::uint64_t unfinished() const { return dropped_ + (buffer_.size() - begin_); }
  /// Of the file by now; 0 for stdin.
  [[nodiscard]] std::uint64_t size() const;

 private:
  LineSource(std::string path, int descriptor, bool is_stdin, bool follow);
  [[nodiscard]] std::optional<Line> take_line(bool at_end);
  [[nodiscard]] Result<void> check_same_file() const;
  [[nodiscard]] bool readable_now() const;

  std::string path_;
  int descriptor_;
  bool is_stdin_;
  bool follow_;
  int watcher_ = -1;  // inotify

  std::string buffer_;  // read, from begin_ on not yet taken
  std::size_t begin_ = 0;
  std::size_t searched_ = 0;   // no newline in buffer_ between begin_ and here
  std::uint64_t dropped_ = 0;  // bytes of the current line that are not in the buffer any more
  std::string head_;           // the beginning of a line that is too long
  std::uint64_t lines_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace forebay
