#include "common/wire/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "common/base/files.h"

namespace forebay {

Result<KeyPair> read_secret(const std::string& path) {
  // What is no file, as a pipe, must not keep the process waiting.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0 && errno == ENOENT)
    return fail(ErrorCode::kNotFound,
                "no secret key " + path + ": make one with `forebay keys generate`");
  if (descriptor < 0) return fail_errno("cannot open " + path, errno);
  struct stat status {};
  std::array<char, 64> bytes{};
  const bool seen = ::fstat(descriptor, &status) == 0;
  const ssize_t got = seen ? ::read(descriptor, bytes.data(), bytes.size()) : -1;
  const int error = errno;
  ::close(descriptor);
  if (seen && (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid()))
    return fail(ErrorCode::kBadInput, path + " is no file of this user");
  if (got < 0) return fail_errno("cannot read " + path, error);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::kBadInput,
                path +
                    " can be read by others: chmod 600 it, and if it ever was on a host with "
                    "others, make a new key");
  }
  std::string text(bytes.data(), static_cast<std::size_t>(got));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  auto keys = key_pair_of(text);
  if (!keys) return fail(ErrorCode::kBadInput, path + " holds no secret key");
  return std::move(*keys);
}

Result<KeyPair> read_listed_secret(const std::string& path, const std::string& name,
                                   const std::vector<std::string>& listed) {
  auto keys = read_secret(path);
  if (!keys || std::find(listed.begin(), listed.end(), keys->public_key) != listed.end())
    return keys;
  return fail(ErrorCode::kBadInput, "the public key of " + path + " is \"" + keys->public_key +
                                        "\", which is not that of '" + name +
                                        "' in the topology's [keys]: nobody would know it");
}

Result<void> write_secret(const std::string& path, const KeyPair& keys) {
  // Whole or not there: it gets its name once it is written.
  std::string unfinished = path + ".XXXXXX";
  const int descriptor = ::mkostemp(unfinished.data(), O_CLOEXEC);
  if (descriptor < 0) return fail_errno("cannot make a file beside " + path, errno);
  const std::string text = keys.secret_key + "\n";
  const bool written =
      ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(descriptor) == 0;
  const bool named = written && ::link(unfinished.c_str(), path.c_str()) == 0;
  const int error = errno;
  ::close(descriptor);
  ::unlink(unfinished.c_str());
  if (!named && written && error == EEXIST)
    return fail(ErrorCode::kBadInput,
                path +
                    " is there already, and is left as it is: with --next a new key is made "
                    "beside it, to take its place");
  if (!named) return fail_errno("cannot write " + path, error);
  return sync_folder(std::filesystem::absolute(path).parent_path().string());
}

}  // namespace forebay
