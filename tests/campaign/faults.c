// faults.so, to be preloaded into one process: counts what it asks of files below a folder, by kind
// of call, and makes the nth call of a kind fail or the process die there.
//
//   FAULTS_FOLDER   files and folders below it count, nothing else does
//   FAULTS_OUT      a file of entries {char name[16]; uint64_t count}: "fired", "synced after" (calls
//                   of fdatasync since it fired), then a kind each. It is mapped, so that it is up to
//                   date whoever is killed then, and looking at it costs the process nothing.
//   FAULTS_KIND     which kind is to be hit; none: it only counts
//   FAULTS_NTH      the first call hit, from 1
//   FAULTS_TIMES    so many calls are hit; 0: all from there on
//   FAULTS_ACTION   before, after: the process is killed there; short: half is written; or an errno
//                   by number
//   FAULTS_WHILE    only while this file is there
//   FAULTS_STEP     fallocate extends by at most so many bytes at a time, so that a small workload
//                   has several
//
// "meta" is a write on a descriptor that is O_DSYNC: LMDB's first pages.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind {
  FIRED,
  SYNCED_AFTER,
  PWRITE,
  META,
  WRITEV,
  WRITE,
  FDATASYNC,
  FSYNC,
  FALLOCATE,
  FTRUNCATE,
  OPEN,
  FOPEN,
  RENAME,
  UNLINK,
  MKDIR,
  MMAP,
  READ,
  PREAD,
  FLOCK,
  KINDS
};
static const char* const names[KINDS] = {
    "fired", "synced after", "pwrite",    "meta",  "writev", "write",  "fdatasync",
    "fsync", "fallocate",    "ftruncate", "open",  "fopen",  "rename", "unlink",
    "mkdir", "mmap",         "read",      "pread", "flock"};
enum action { NOTHING, BEFORE, AFTER, SHORT, FAIL };
struct entry {
  char name[16];
  uint64_t count;
};

static struct entry* entries;
static char folder[PATH_MAX];
static size_t folder_length;
static enum kind wanted = KINDS;
static uint64_t nth, times;
static enum action wanted_action;
static int wanted_errno;
static const char* only_while;
static off_t step;

#define REAL(name) ((__typeof__(&name))real(#name))
static void* real(const char* name) {
  void* function = dlsym(RTLD_NEXT, name);
  if (function == NULL) abort();
  return function;
}

__attribute__((constructor)) static void begin(void) {
  const char* out = getenv("FAULTS_OUT");
  const char* text = getenv("FAULTS_FOLDER");
  if (out == NULL || text == NULL) return;
  folder_length = strlen(text);
  if (folder_length == 0 || folder_length >= sizeof folder) abort();
  memcpy(folder, text, folder_length + 1);
  const int descriptor =
      (int)syscall(SYS_openat, AT_FDCWD, out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0 || syscall(SYS_ftruncate, descriptor, sizeof(struct entry) * KINDS) != 0)
    abort();
  struct entry* mapped = (struct entry*)syscall(SYS_mmap, NULL, sizeof(struct entry) * KINDS,
                                                PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (mapped == MAP_FAILED) abort();
  syscall(SYS_close, descriptor);
  for (int i = 0; i < KINDS; ++i) strcpy(mapped[i].name, names[i]);
  if ((text = getenv("FAULTS_STEP")) != NULL) step = strtoll(text, NULL, 10);
  if ((text = getenv("FAULTS_KIND")) != NULL) {
    for (int i = SYNCED_AFTER + 1; i < KINDS; ++i) {
      if (strcmp(text, names[i]) == 0) wanted = i;
    }
    const char* action = getenv("FAULTS_ACTION");
    const char* first = getenv("FAULTS_NTH");
    const char* count = getenv("FAULTS_TIMES");
    if (wanted == KINDS || action == NULL || first == NULL) abort();
    nth = strtoull(first, NULL, 10);
    times = count == NULL ? 1 : strtoull(count, NULL, 10);
    only_while = getenv("FAULTS_WHILE");
    wanted_errno = atoi(action);
    wanted_action = strcmp(action, "before") == 0  ? BEFORE
                    : strcmp(action, "after") == 0 ? AFTER
                    : strcmp(action, "short") == 0 ? SHORT
                                                   : FAIL;
    if (wanted_action == FAIL && wanted_errno <= 0) abort();
  }
  entries = mapped;
}

static int path_counts(const char* path) {
  if (entries == NULL || path == NULL) return 0;
  char whole[PATH_MAX];
  if (path[0] != '/') {
    if (syscall(SYS_getcwd, whole, sizeof whole) < 0 ||
        strlen(whole) + strlen(path) + 2 > sizeof whole)
      return 0;
    strcat(strcat(whole, "/"), path);
    path = whole;
  }
  return strncmp(path, folder, folder_length) == 0 &&
         (path[folder_length] == '/' || path[folder_length] == '\0');
}

/// Sockets, pipes and the like have no path there.
static int counts(int descriptor) {
  if (entries == NULL || descriptor < 0) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = '\0';
  return path_counts(path);
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/// Counts a call, and says what is to happen in its place. With BEFORE it does not return; who is
/// told AFTER makes the call and dies.
static enum action hit(enum kind kind) {
  const int saved = errno;
  const uint64_t n = __atomic_add_fetch(&entries[kind].count, 1, __ATOMIC_SEQ_CST);
  enum action action = NOTHING;
  if (kind == FDATASYNC && __atomic_load_n(&entries[FIRED].count, __ATOMIC_SEQ_CST) > 0)
    __atomic_add_fetch(&entries[SYNCED_AFTER].count, 1, __ATOMIC_SEQ_CST);
  if (kind == wanted && n >= nth && (times == 0 || n < nth + times) &&
      (only_while == NULL || syscall(SYS_faccessat, AT_FDCWD, only_while, F_OK) == 0)) {
    action = wanted_action;
    __atomic_add_fetch(&entries[FIRED].count, 1, __ATOMIC_SEQ_CST);
    if (action == BEFORE) die();
    // A disk that fails takes its time, in which other threads go on.
    if (action == FAIL) nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
  }
  errno = action == FAIL ? wanted_errno : saved;
  return action;
}

static enum kind written(int descriptor, enum kind kind) {
  const int flags = fcntl(descriptor, F_GETFL);
  return flags >= 0 && (flags & O_DSYNC) != 0 ? META : kind;
}

// A hook: `failed` is what the call returns where it fails.
#define HOOK(is_ours, kind, failed, call)  \
  do {                                     \
    if (!(is_ours)) return call;           \
    const enum action action_ = hit(kind); \
    if (action_ == FAIL) return failed;    \
    __typeof__(call) result_ = call;       \
    if (action_ == AFTER) die();           \
    return result_;                        \
  } while (0)

#define SHORTER(length) (action == SHORT && (length) > 1 ? (length) / 2 : (length))

static ssize_t hooked_pwrite(int descriptor, const void* data, size_t length, off_t offset) {
  if (!counts(descriptor)) return REAL(pwrite)(descriptor, data, length, offset);
  const enum action action = hit(written(descriptor, PWRITE));
  if (action == FAIL) return -1;
  const ssize_t done = REAL(pwrite)(descriptor, data, SHORTER(length), offset);
  if (action == AFTER) die();
  return done;
}
ssize_t pwrite(int descriptor, const void* data, size_t length, off_t offset) {
  return hooked_pwrite(descriptor, data, length, offset);
}
ssize_t pwrite64(int descriptor, const void* data, size_t length, off64_t offset) {
  return hooked_pwrite(descriptor, data, length, offset);
}

ssize_t write(int descriptor, const void* data, size_t length) {
  if (!counts(descriptor)) return REAL(write)(descriptor, data, length);
  const enum action action = hit(written(descriptor, WRITE));
  if (action == FAIL) return -1;
  const ssize_t done = REAL(write)(descriptor, data, SHORTER(length));
  if (action == AFTER) die();
  return done;
}

/// Half of the bytes, whichever pieces they lie in.
static int halved(const struct iovec* from, int count, struct iovec* to) {
  size_t left = 0;
  for (int i = 0; i < count; ++i) left += from[i].iov_len;
  left = left > 1 ? left / 2 : left;
  int used = 0;
  for (; used < count && left > 0; ++used) {
    to[used] = from[used];
    if (to[used].iov_len > left) to[used].iov_len = left;
    left -= to[used].iov_len;
  }
  return used;
}

static ssize_t hooked_writev(int descriptor, const struct iovec* pieces, int count, int placed,
                             off_t offset) {
  struct iovec fewer[IOV_MAX];
  enum action action = NOTHING;
  if (counts(descriptor) && count <= IOV_MAX) {
    action = hit(written(descriptor, WRITEV));
    if (action == FAIL) return -1;
    if (action == SHORT) {
      count = halved(pieces, count, fewer);
      pieces = fewer;
    }
  }
  const ssize_t done = placed ? REAL(pwritev)(descriptor, pieces, count, offset)
                              : REAL(writev)(descriptor, pieces, count);
  if (action == AFTER) die();
  return done;
}
ssize_t writev(int descriptor, const struct iovec* pieces, int count) {
  return hooked_writev(descriptor, pieces, count, 0, 0);
}
ssize_t pwritev(int descriptor, const struct iovec* pieces, int count, off_t offset) {
  return hooked_writev(descriptor, pieces, count, 1, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec* pieces, int count, off64_t offset) {
  return hooked_writev(descriptor, pieces, count, 1, offset);
}

int fdatasync(int descriptor) {
  HOOK(counts(descriptor), FDATASYNC, -1, REAL(fdatasync)(descriptor));
}
int fsync(int descriptor) { HOOK(counts(descriptor), FSYNC, -1, REAL(fsync)(descriptor)); }

static off_t stepped(int descriptor, off_t length) {
  return step > 0 && length > step && counts(descriptor) ? step : length;
}
int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  length = stepped(descriptor, length);
  HOOK(counts(descriptor), FALLOCATE, -1, REAL(fallocate)(descriptor, mode, offset, length));
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t length) {
  length = stepped(descriptor, length);
  HOOK(counts(descriptor), FALLOCATE, -1, REAL(fallocate)(descriptor, mode, offset, length));
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  HOOK(counts(descriptor), FALLOCATE, errno, REAL(posix_fallocate)(descriptor, offset, length));
}
int posix_fallocate64(int descriptor, off64_t offset, off64_t length) {
  HOOK(counts(descriptor), FALLOCATE, errno, REAL(posix_fallocate)(descriptor, offset, length));
}
int ftruncate(int descriptor, off_t length) {
  HOOK(counts(descriptor), FTRUNCATE, -1, REAL(ftruncate)(descriptor, length));
}
int ftruncate64(int descriptor, off64_t length) {
  HOOK(counts(descriptor), FTRUNCATE, -1, REAL(ftruncate)(descriptor, length));
}

#define MODE(flags)                                                 \
  mode_t mode = 0;                                                  \
  if (((flags)&O_CREAT) != 0 || ((flags)&O_TMPFILE) == O_TMPFILE) { \
    va_list more;                                                   \
    va_start(more, flags);                                          \
    mode = va_arg(more, mode_t);                                    \
    va_end(more);                                                   \
  }
int open(const char* path, int flags, ...) {
  MODE(flags)
  HOOK(path_counts(path), OPEN, -1, REAL(open)(path, flags, mode));
}
int open64(const char* path, int flags, ...) {
  MODE(flags)
  HOOK(path_counts(path), OPEN, -1, REAL(open)(path, flags | O_LARGEFILE, mode));
}
FILE* fopen(const char* path, const char* how) {
  HOOK(path_counts(path), FOPEN, NULL, REAL(fopen)(path, how));
}
FILE* fopen64(const char* path, const char* how) {
  HOOK(path_counts(path), FOPEN, NULL, REAL(fopen64)(path, how));
}

int rename(const char* from, const char* to) {
  HOOK(path_counts(from), RENAME, -1, REAL(rename)(from, to));
}
int unlink(const char* path) { HOOK(path_counts(path), UNLINK, -1, REAL(unlink)(path)); }
int unlinkat(int at, const char* path, int flags) {
  HOOK(path[0] == '/' || at == AT_FDCWD ? path_counts(path) : counts(at), UNLINK, -1,
       REAL(unlinkat)(at, path, flags));
}
int mkdir(const char* path, mode_t mode) {
  HOOK(path_counts(path), MKDIR, -1, REAL(mkdir)(path, mode));
}
int flock(int descriptor, int what) {
  HOOK(counts(descriptor), FLOCK, -1, REAL(flock)(descriptor, what));
}

void* mmap(void* at, size_t length, int protection, int flags, int descriptor, off_t offset) {
  HOOK(counts(descriptor), MMAP, MAP_FAILED,
       REAL(mmap)(at, length, protection, flags, descriptor, offset));
}
void* mmap64(void* at, size_t length, int protection, int flags, int descriptor, off64_t offset) {
  HOOK(counts(descriptor), MMAP, MAP_FAILED,
       REAL(mmap)(at, length, protection, flags, descriptor, offset));
}

ssize_t read(int descriptor, void* data, size_t length) {
  HOOK(counts(descriptor), READ, -1, REAL(read)(descriptor, data, length));
}
ssize_t pread(int descriptor, void* data, size_t length, off_t offset) {
  HOOK(counts(descriptor), PREAD, -1, REAL(pread)(descriptor, data, length, offset));
}
ssize_t pread64(int descriptor, void* data, size_t length, off64_t offset) {
  HOOK(counts(descriptor), PREAD, -1, REAL(pread)(descriptor, data, length, offset));
}
