#include "common/client/line_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/base/bytes.h"

namespace forebay {
namespace {

/// Up to `size` bytes at `offset`; fewer only at the end of the file.
Result<std::string> read_at(int descriptor, std::uint64_t offset, std::size_t size,
                            const std::string& path) {
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::pread(descriptor, bytes.data() + filled, size - filled,
                                static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("cannot read " + path, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

Result<std::unique_ptr<LineSource>> LineSource::open(const std::string& path, bool follow) {
  if (path == "-") {
    return std::unique_ptr<LineSource>(new LineSource("stdin", STDIN_FILENO, true, false));
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const int why = errno;
    if (why == ENOENT) return fail(ErrorCode::kNotFound, "there is no file " + path);
    return fail_errno("cannot open " + path, why);
  }
  std::unique_ptr<LineSource> source(new LineSource(path, descriptor, false, follow));
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return fail_errno("cannot look at " + path, errno);
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kBadInput, path + " is not a file (a pipe is read as stdin: \"-\")");
  }
  return source;
}

LineSource::LineSource(std::string path, int descriptor, bool is_stdin, bool follow)
    : path_(std::move(path)), descriptor_(descriptor), is_stdin_(is_stdin), follow_(follow) {
  if (!follow) return;
  watcher_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (watcher_ >= 0) {
    // Without a watch, wait() polls.
    static_cast<void>(::inotify_add_watch(watcher_, path_.c_str(),
                                          IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF));
  }
}

LineSource::~LineSource() {
  if (!is_stdin_) ::close(descriptor_);
  if (watcher_ >= 0) ::close(watcher_);
}

std::uint64_t LineSource::size() const {
  struct stat status {};
  if (is_stdin_ || ::fstat(descriptor_, &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::optional<std::uint64_t>> LineSource::fingerprint() const {
  std::string line;
  while (line.size() < limits::kLineBytesMax) {
    const auto more = read_at(descriptor_, line.size(), limits::kFileReadBytes, path_);
    if (!more) return fail(more.error());
    const std::size_t newline = more->find('\n');
    line.append(*more, 0, newline);
    if (newline != std::string::npos) {
      line.resize(std::min(line.size(), limits::kLineBytesMax));
      return std::max<std::uint64_t>(checksum(line), 1);
    }
    if (more->size() < limits::kFileReadBytes) return std::nullopt;
  }
  line.resize(limits::kLineBytesMax);
  return std::max<std::uint64_t>(checksum(line), 1);
}

Result<void> LineSource::resume(std::uint64_t offset, const std::function<bool()>& goes_on) {
  FOREBAY_INVARIANT(!is_stdin_ && lines_ == 0 && buffer_.empty());
  const auto another = [&](const std::string& what) {
    return fail(ErrorCode::kBadInput,
                path_ + " " + what + ", but was published up to byte " + std::to_string(offset) +
                    ": it was truncated or is another file of the same first line; publish it "
                    "under another name");
  };
  if (offset > size()) return another("has only " + std::to_string(size()) + " bytes");
  char last = '\n';
  while (offset_ < offset) {
    if (goes_on && !goes_on()) return {};
    const auto bytes =
        read_at(descriptor_, offset_,
                std::min<std::uint64_t>(limits::kFileReadBytes, offset - offset_), path_);
    if (!bytes) return fail(bytes.error());
    if (bytes->empty()) return another("was truncated just now");
    lines_ += static_cast<std::uint64_t>(std::count(bytes->begin(), bytes->end(), '\n'));
    last = bytes->back();
    offset_ += bytes->size();
  }
  if (last != '\n') return another("has no line that ends there");
  return {};
}

std::optional<LineSource::Line> LineSource::take_line(bool at_end) {
  std::size_t newline = buffer_.find('\n', std::max(begin_, searched_));
  const bool unended = newline == std::string::npos;
  if (unended) {
    searched_ = newline = buffer_.size();
    if (newline - begin_ + dropped_ > limits::kLineBytesMax) {
      // Only its beginning is kept; the rest is counted as it passes.
      if (dropped_ == 0) head_.assign(buffer_, begin_, limits::kLineBytesShown);
      dropped_ += newline - begin_;
      buffer_.clear();
      begin_ = searched_ = 0;
      newline = 0;
    }
    if (!at_end || unfinished() == 0) return std::nullopt;
  }
  Line line;
  line.bytes = dropped_ + (newline - begin_);
  line.text = std::string_view(buffer_).substr(begin_, newline - begin_);
  line.too_long = line.bytes > limits::kLineBytesMax;
  if (line.too_long) {
    if (dropped_ == 0) head_.assign(line.text.substr(0, limits::kLineBytesShown));
    line.text = head_;
  }
  dropped_ = 0;
  begin_ = searched_ = unended ? newline : newline + 1;
  offset_ += line.bytes + (unended ? 0 : 1);
  line.number = ++lines_;
  line.end = offset_;
  return line;
}

Result<LineSource::Reading> LineSource::next() {
  std::size_t bytes_read = 0;
  while (true) {
    if (auto line = take_line(false)) return *line;
    if (bytes_read >= limits::kLineStepBytes) return MoreToRead{};
    if (is_stdin_ && !readable_now()) return NothingYet{};
    buffer_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    const std::size_t held = buffer_.size();
    buffer_.resize(held + limits::kFileReadBytes);
    char* room = buffer_.data() + held;
    const ssize_t got = is_stdin_ ? ::read(descriptor_, room, limits::kFileReadBytes)
                                  : ::pread(descriptor_, room, limits::kFileReadBytes,
                                            static_cast<off_t>(offset_ + dropped_ + held));
    const int why = errno;
    const std::size_t more = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    buffer_.resize(held + more);
    bytes_read += more;
    if (got > 0 || (got < 0 && why == EINTR)) continue;
    if (got < 0) return fail_errno("cannot read " + path_, why);
    if (is_stdin_) {
      if (auto line = take_line(true)) return *line;
      return End{};
    }
    if (!follow_) return End{};
    if (auto same = check_same_file(); !same) return fail(same.error());
    return NothingYet{};
  }
}

/// At the end of what there is: whether the file under the name is still the one being read.
Result<void> LineSource::check_same_file() const {
  const auto changed = [&](const std::string& what) {
    return fail(ErrorCode::kBadInput, path_ + " was " + what + " while it was followed (at byte " +
                                          std::to_string(offset_) +
                                          "): a followed file may only grow");
  };
  struct stat ours {
  }, named{};
  if (::fstat(descriptor_, &ours) != 0) return fail_errno("cannot look at " + path_, errno);
  if (static_cast<std::uint64_t>(ours.st_size) < offset_ + unfinished())
    return changed("truncated");
  if (::stat(path_.c_str(), &named) != 0) return changed("removed");
  if (named.st_ino != ours.st_ino || named.st_dev != ours.st_dev) return changed("replaced");
  return {};
}

bool LineSource::readable_now() const {
  pollfd item{descriptor_, POLLIN, 0};
  return ::poll(&item, 1, 0) > 0;
}

void LineSource::wait(std::chrono::milliseconds timeout, int wake) {
  std::array<pollfd, 2> items{pollfd{wake, POLLIN, 0},
                              pollfd{is_stdin_ ? descriptor_ : watcher_, POLLIN, 0}};
  // A negative descriptor is passed over.
  static_cast<void>(::poll(items.data(), items.size(), static_cast<int>(timeout.count())));
  if (watcher_ < 0) return;
  std::array<char, 4096> notes;
  while (::read(watcher_, notes.data(), notes.size()) > 0) {
  }
}

}  // namespace forebay
