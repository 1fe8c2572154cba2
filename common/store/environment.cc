#include "common/store/environment.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "common/base/bytes.h"
#include "common/base/last_words.h"
#include "common/base/limits.h"
#include "common/base/planted.h"
#include "common/store/lmdb_version.h"

namespace forebay {
namespace {

Result<void> sync_path(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail_errno("cannot open " + path, errno);
  const int synced = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (synced != 0) return fail_errno("cannot sync " + path, error);
  return {};
}

Result<void> make_folder(const std::string& dir) {
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail_errno("cannot make the folder " + dir, errno);
  }
  if (::chmod(dir.c_str(), 0700) != 0) return fail_errno("cannot set the mode of " + dir, errno);
  return {};
}

/// LMDB makes a new file in its place; whoever is ended or finds the disk full in the midst of that
/// leaves one that cannot be opened again. So it is made in a folder beside, and renamed when it is
/// on disk: it is there and whole, or not there.
Result<void> make_file(const std::string& dir, std::size_t map_bytes) {
  namespace fs = std::filesystem;
  const std::string file = dir + "/data.mdb", making = dir + "/making";
  std::error_code error;
  fs::remove_all(making, error);
  if (error) return fail(ErrorCode::kIo, "cannot remove " + making + ": " + error.message());
  const bool there = fs::exists(file, error);
  if (error) return fail(ErrorCode::kIo, "cannot look for " + file + ": " + error.message());
  if (there) return {};
  if (auto made = make_folder(making); !made) return made;
  MDB_env* raw = nullptr;
  int code = mdb_env_create(&raw);
  if (code != 0) return fail_lmdb("cannot create an environment", code);
  Environment env(raw);
  code = mdb_env_set_mapsize(raw, map_bytes);
  if (code == 0) code = mdb_env_open(raw, making.c_str(), MDB_NOTLS | MDB_NOLOCK, 0600);
  if (code != 0) return fail_lmdb("cannot make the environment in " + making, code);
  env.reset();
  if (auto synced = sync_path(making + "/data.mdb"); !synced) return synced;
  fs::rename(making + "/data.mdb", file, error);
  if (error) return fail(ErrorCode::kIo, "cannot rename to " + file + ": " + error.message());
  fs::remove_all(making, error);
  if (error) return fail(ErrorCode::kIo, "cannot remove " + making + ": " + error.message());
  return {};
}

/// LMDB takes an empty file for a new one, believes what a first page says of the size of pages, and
/// divides by it.
Result<void> check_first_pages(const std::string& file) {
  constexpr std::uint32_t kPageBytes = 4096;
  constexpr off_t kPageSizeAt = 40;
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail_errno("cannot open " + file, errno);
  Result<void> checked;
  for (const off_t page : {0, 1}) {
    std::array<char, sizeof(std::uint32_t)> bytes{};
    const ssize_t got =
        ::pread(descriptor, bytes.data(), bytes.size(), page * kPageBytes + kPageSizeAt);
    if (got < 0) checked = fail_errno("cannot read " + file, errno);
    if (got >= 0 && got < static_cast<ssize_t>(bytes.size())) {
      checked = fail(ErrorCode::kCorruption,
                     file + " is damaged: it is cut off, and was whole when it was made");
    } else if (got > 0 && load_le<std::uint32_t>(bytes.data()) != kPageBytes) {
      checked = fail(ErrorCode::kCorruption,
                     file + " is damaged: page " + std::to_string(page) + " is no first page");
    }
  }
  ::close(descriptor);
  return checked;
}

/// LMDB opens its data file, twice, without O_CLOEXEC: a child that outlived us would hold it.
Result<void> close_on_exec(const std::string& dir) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = fs::canonical(dir, error);
  if (error) return fail(ErrorCode::kIo, "cannot resolve " + dir + ": " + error.message());
  fs::directory_iterator entries("/proc/self/fd", error);
  if (error) return fail(ErrorCode::kIo, "cannot list /proc/self/fd: " + error.message());
  for (const fs::directory_entry& entry : entries) {
    const fs::path target = fs::read_symlink(entry.path(), error);
    if (error || target.parent_path() != folder) continue;
    const int descriptor = std::atoi(entry.path().filename().c_str());
    const int flags = ::fcntl(descriptor, F_GETFD);
    if (flags < 0 || ::fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) != 0) {
      return fail_errno("cannot set close-on-exec on " + target.string(), errno);
    }
  }
  return {};
}

}  // namespace

void CloseEnvironment::operator()(MDB_env* env) const { mdb_env_close(env); }

void end_if_environment_is_dead(const std::string& what, int code) {
  if (code != MDB_PANIC) return;
  // That thread says what failed, and the process ends; this one has nothing to add to it.
  std::mutex mutex;
  std::unique_lock hold(mutex);
  std::condition_variable().wait_for(hold, limits::kDeadEnvironmentGrace, [] { return false; });
  say_last_words(what + ": " + mdb_strerror(code) + "; the process has to end, reopen and verify");
  std::_Exit(1);
}

tl::unexpected<Error> fail_lmdb(std::string what, int code) {
  return fail(ErrorCode::kIo, std::move(what) + ": " + mdb_strerror(code));
}

Result<Environment> open_environment(const std::string& dir, std::size_t map_bytes,
                                     unsigned databases_max) {
  if (auto made = make_folder(dir); !made) return fail(made.error());
  if (auto made = make_file(dir, map_bytes); !made) return fail(made.error());
  if (auto checked = check_first_pages(dir + "/data.mdb"); !checked) return fail(checked.error());
  MDB_env* raw = nullptr;
  int code = mdb_env_create(&raw);
  if (code != 0) return fail_lmdb("cannot create an environment", code);
  Environment env(raw);
  code = mdb_env_set_mapsize(raw, map_bytes);
  if (code == 0) code = mdb_env_set_maxdbs(raw, databases_max);
  if (code == 0) code = mdb_env_set_maxreaders(raw, limits::kStoreReadersMax);
  const unsigned flags =
      planted::has(planted::Bug::kMetaPageNotSynced) ? MDB_NOTLS | MDB_NOMETASYNC : MDB_NOTLS;
  if (code == 0) code = mdb_env_open(raw, dir.c_str(), flags, 0600);
  if (code != 0) return fail_lmdb("cannot open the environment in " + dir, code);
  if (auto set = close_on_exec(dir); !set) return fail(set.error());
  int dead_readers = 0;
  code = mdb_reader_check(raw, &dead_readers);
  if (code != 0) return fail_lmdb("cannot check the readers of " + dir, code);
  // LMDB syncs no folder. Done at each opening, since the one that created the file may have been
  // killed before it came here.
  if (planted::has(planted::Bug::kNoFreshCommitAfterOpening)) return env;
  const std::string parent = (std::filesystem::absolute(dir) / "..").string();
  for (const std::string& path : {dir + "/data.mdb", dir, parent}) {
    if (auto synced = sync_path(path); !synced) return fail(synced.error());
  }
  return env;
}

std::string lmdb_library() { return mdb_version(nullptr, nullptr, nullptr); }

}  // namespace forebay
