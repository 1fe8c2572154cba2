// recorder.so, for LD_PRELOAD: writes down what a process does to the files below a folder, so that
// images.py can tell what a loss of power would have left of them.
//
//   FOREBAY_RECORD_ROOT     the folder; without it nothing is recorded
//   FOREBAY_RECORD_OUT      where <pid>.rec is written
//   FOREBAY_RECORD_SYNC_US  how long a sync takes at most
//   FOREBAY_RECORD_SEED     of those durations
//   FOREBAY_RECORD_DIE      o12, d3: the process dies (SIGKILL) at its 12th operation, its 3rd write
//                           to an O_DSYNC descriptor: done, so that the next process reads it, but
//                           not returned from, and not synced
//   FOREBAY_RECORD_NOSYNC   syncs do nothing (for processes that only look at an image)
//
// A sync of what is recorded takes its time and does nothing else: the disk is images.py's. For each
// operation there are two records, one before it, with its data, and one after it: a process that
// is killed between them leaves the first alone. A lock holds over both, so their order is that of
// the effects. Calls that would change files past all this (a writable shared map) are recorded as
// 'M'; that nothing else does is seen by comparing the files with the recording at its end.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS = 1 << 16, RECORD_FD = 1000 };
enum { TRACKED = 1, DSYNC = 2 };

struct record {  // little-endian, 48 bytes; then `length` bytes: data, or one or two paths, each with a zero byte
  uint32_t magic;
  char kind;
  uint8_t after;   // 0: before the operation, 1: after it
  uint16_t flags;  // of the descriptor; of an open: 1 created, 2 O_DSYNC, 4 O_TRUNC
  int32_t fd;
  uint32_t length;
  uint64_t number;  // of the operation
  int64_t offset;   // after it: what it returned
  int64_t extent;
  int64_t ns;  // CLOCK_MONOTONIC
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char descriptors[DESCRIPTORS];
static char root[PATH_MAX];
static size_t root_length;
static int out = -1, no_sync;
static unsigned seed, sync_us;
static uint64_t number, dsync_writes, die_at;
static char die_kind;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what) {
  dprintf(2, "recorder: %s: %s\n", what, strerror(errno));
  abort();
}

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("FOREBAY_RECORD_ROOT"), *place = getenv("FOREBAY_RECORD_OUT");
  no_sync = getenv("FOREBAY_RECORD_NOSYNC") != NULL;
  if (folder == NULL || place == NULL) return;
  const char *text = getenv("FOREBAY_RECORD_SYNC_US");
  sync_us = text ? (unsigned)atoi(text) : 0;
  text = getenv("FOREBAY_RECORD_SEED");
  seed = text ? (unsigned)atoi(text) : 1;
  text = getenv("FOREBAY_RECORD_DIE");
  if (text && *text) {
    die_kind = *text;
    die_at = (uint64_t)atoll(text + 1);
  }
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%d.rec", place, getpid());
  const int opened = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  out = opened < 0 ? -1 : fcntl(opened, F_DUPFD_CLOEXEC, RECORD_FD);
  if (out < 0) fail(path);
  REAL(close)(opened);
  root_length = strlen(folder);
  if (root_length >= sizeof root) fail("a long path");
  memcpy(root, folder, root_length + 1);
}

static int flags_of(int fd) { return fd >= 0 && fd < DESCRIPTORS ? descriptors[fd] : 0; }

static void put(struct record *record, const struct iovec *parts, int count) {
  struct iovec all[IOV_MAX];
  size_t length = 0;
  all[0] = (struct iovec){record, sizeof *record};
  if (count > IOV_MAX - 1) fail("too many parts");
  for (int i = 0; i < count; ++i) {
    all[i + 1] = parts[i];
    length += parts[i].iov_len;
  }
  record->magic = 0x43524246;
  record->length = (uint32_t)length;
  record->ns = now();
  if (REAL(writev)(out, all, count + 1) != (ssize_t)(length + sizeof *record)) fail("cannot record");
}

/// Takes the lock, and tells of an operation that is about to begin.
static struct record before(char kind, int fd, int64_t offset, int64_t extent, const struct iovec *parts, int count) {
  pthread_mutex_lock(&lock);
  struct record record = {.kind = kind, .fd = fd, .number = ++number, .offset = offset, .extent = extent};
  record.flags = (uint16_t)flags_of(fd);
  put(&record, parts, count);
  return record;
}

/// Its effect is there; this tells of its end and gives the lock back, with errno as it was.
static void after(struct record *record, int64_t result, int synced) {
  const int error = errno;
  const int dsync = strchr("WV", record->kind) != NULL && (record->flags & DSYNC) != 0;
  dsync_writes += (uint64_t)dsync;
  if ((die_kind == 'o' && number == die_at) || (die_kind == 'd' && dsync && dsync_writes == die_at)) {
    syscall(SYS_kill, getpid(), SIGKILL);
    pause();
  }
  if ((synced || dsync) && sync_us > 0) {
    const long us = (long)((unsigned)rand_r(&seed) % sync_us);
    nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
  }
  record->after = 1;
  record->offset = result;
  put(record, NULL, 0);
  pthread_mutex_unlock(&lock);
  errno = error;
}

/// The path in full, if it is below the folder, or is it.
static const char *within(int at, const char *path, char *buffer) {
  if (out < 0 || path == NULL) return NULL;
  if (path[0] == '/') {
    snprintf(buffer, PATH_MAX, "%s", path);
  } else {
    char folder[PATH_MAX];
    if (at == AT_FDCWD) {
      if (getcwd(folder, sizeof folder) == NULL) return NULL;
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
      const ssize_t length = readlink(link, folder, sizeof folder - 1);
      if (length < 0) return NULL;
      folder[length] = 0;
    }
    if (strlen(folder) + strlen(path) + 2 > PATH_MAX) return NULL;
    stpcpy(stpcpy(stpcpy(buffer, folder), "/"), path);
  }
  const int below = strncmp(buffer, root, root_length) == 0 && (buffer[root_length] == '/' || buffer[root_length] == 0);
  return below ? buffer : NULL;
}

static struct iovec text(const char *path) { return (struct iovec){(void *)(uintptr_t)path, strlen(path) + 1}; }

static int open_at(int at, const char *path, int flags, mode_t mode) {
  char buffer[PATH_MAX];
  const char *full = within(at, path, buffer);
  if (full == NULL) {
    const int fd = REAL(openat)(at, path, flags, mode);
    if (fd >= 0 && fd < DESCRIPTORS) descriptors[fd] = 0;
    return fd;
  }
  const int dsync = (flags & O_DSYNC) != 0;  // O_SYNC holds its bit
  const int seen = ((flags & O_CREAT) && faccessat(AT_FDCWD, full, F_OK, 0) != 0 ? 1 : 0) | (dsync ? 2 : 0) |
                   ((flags & O_TRUNC) ? 4 : 0);
  struct iovec name = text(full);
  struct record record = before('O', -1, seen, 0, &name, 1);
  const int fd = REAL(openat)(at, path, flags & ~(O_SYNC | O_DSYNC), mode);
  if (fd >= DESCRIPTORS) fail("a high descriptor");
  if (fd >= 0) descriptors[fd] = (unsigned char)(TRACKED | (dsync ? DSYNC : 0));
  after(&record, fd, 0);
  return fd;
}

static mode_t mode_of(int flags, va_list more) {
  return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(more, mode_t) : 0;
}

#define WITH_MODE(last, call)             \
  va_list more;                           \
  va_start(more, last);                   \
  const mode_t mode = mode_of(last, more); \
  va_end(more);                           \
  return call

int open(const char *path, int flags, ...) { WITH_MODE(flags, open_at(AT_FDCWD, path, flags, mode)); }
int open64(const char *path, int flags, ...) { WITH_MODE(flags, open_at(AT_FDCWD, path, flags, mode)); }
int openat(int at, const char *path, int flags, ...) { WITH_MODE(flags, open_at(at, path, flags, mode)); }
int openat64(int at, const char *path, int flags, ...) { WITH_MODE(flags, open_at(at, path, flags, mode)); }
int creat(const char *path, mode_t mode) { return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
  if (fd >= 0 && fd < DESCRIPTORS) descriptors[fd] = 0;
  return REAL(close)(fd);
}

// Writes

#define WRITTEN(kind, at, parts, count, call)                    \
  if (!flags_of(fd)) return call;                                \
  struct record record = before(kind, fd, at, 0, parts, count);  \
  const ssize_t written = call;                                  \
  after(&record, written, 0);                                    \
  return written

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  struct iovec part = {(void *)(uintptr_t)data, size};
  WRITTEN('W', offset, &part, 1, REAL(pwrite)(fd, data, size, offset));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return pwrite(fd, data, size, offset); }

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  WRITTEN('W', offset, parts, count, REAL(pwritev)(fd, parts, count, offset));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return pwritev(fd, parts, count, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
  struct iovec part = {(void *)(uintptr_t)data, size};
  WRITTEN('W', lseek(fd, 0, SEEK_CUR), &part, 1, REAL(write)(fd, data, size));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  WRITTEN('W', lseek(fd, 0, SEEK_CUR), parts, count, REAL(writev)(fd, parts, count));
}

// Sizes, syncs, maps

#define DONE(kind, offset, extent, synced, call)                    \
  if (!flags_of(fd)) return call;                                   \
  struct record record = before(kind, fd, offset, extent, NULL, 0); \
  const int done = call;                                            \
  after(&record, done, synced);                                     \
  return done

int ftruncate(int fd, off_t size) { DONE('T', size, 0, 0, REAL(ftruncate)(fd, size)); }
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int fallocate(int fd, int mode, off_t offset, off_t size) {
  if (flags_of(fd) && mode != 0) fail("a fallocate of an unknown kind");
  DONE('A', offset, size, 0, REAL(fallocate)(fd, mode, offset, size));
}
int fallocate64(int fd, int mode, off64_t offset, off64_t size) { return fallocate(fd, mode, offset, size); }

int posix_fallocate(int fd, off_t offset, off_t size) {
  DONE('A', offset, size, 0, REAL(posix_fallocate)(fd, offset, size));
}
int posix_fallocate64(int fd, off64_t offset, off64_t size) { return posix_fallocate(fd, offset, size); }

int fsync(int fd) {
  if (no_sync) return 0;
  DONE('F', 0, 0, 1, (flags_of(fd) ? 0 : REAL(fsync)(fd)));
}

int fdatasync(int fd) {
  if (no_sync) return 0;
  DONE('D', 0, 0, 1, (flags_of(fd) ? 0 : REAL(fdatasync)(fd)));
}

// Promises nothing of what is needed to find the data again: it counts for nothing.
int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  DONE('S', offset, size, 1, REAL(sync_file_range)(fd, offset, size, flags));
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  if (flags_of(fd) && (flags & MAP_SHARED) && (protection & PROT_WRITE)) {
    struct record record = before('M', fd, offset, (int64_t)size, NULL, 0);
    after(&record, 0, 0);
  }
  return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset) {
  return mmap(at, size, protection, flags, fd, offset);
}

// Names

static int named(char kind, int at, const char *path, int at2, const char *path2, int (*call)(void *), void *closure) {
  char buffers[2][PATH_MAX];
  const char *full = within(at, path, buffers[0]);
  const char *full2 = path2 ? within(at2, path2, buffers[1]) : NULL;
  if (full == NULL && full2 == NULL) return call(closure);
  struct iovec names[2] = {text(full ? full : ""), text(full2 ? full2 : "")};
  struct record record = before(kind, -1, 0, 0, names, 2);
  const int done = call(closure);
  after(&record, done, 0);
  return done;
}

struct names {
  int at, at2, flags;
  const char *path, *path2;
  mode_t mode;
};

static int do_rename(void *closure) {
  const struct names *names = closure;
  return (int)syscall(SYS_renameat2, names->at, names->path, names->at2, names->path2, names->flags);
}
static int do_unlink(void *closure) {
  const struct names *names = closure;
  return REAL(unlinkat)(names->at, names->path, names->flags);
}
static int do_mkdir(void *closure) {
  const struct names *names = closure;
  return REAL(mkdirat)(names->at, names->path, names->mode);
}
static int do_link(void *closure) {
  const struct names *names = closure;
  return REAL(linkat)(names->at, names->path, names->at2, names->path2, names->flags);
}
static int do_symlink(void *closure) {
  const struct names *names = closure;
  return REAL(symlinkat)(names->path, names->at2, names->path2);
}

int renameat2(int at, const char *path, int at2, const char *path2, unsigned flags) {
  struct names names = {at, at2, (int)flags, path, path2, 0};
  return named('R', at, path, at2, path2, do_rename, &names);
}
int renameat(int at, const char *path, int at2, const char *path2) { return renameat2(at, path, at2, path2, 0); }
int rename(const char *path, const char *path2) { return renameat2(AT_FDCWD, path, AT_FDCWD, path2, 0); }

int unlinkat(int at, const char *path, int flags) {
  struct names names = {at, 0, flags, path, NULL, 0};
  return named('U', at, path, 0, NULL, do_unlink, &names);
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
  const int done = unlinkat(AT_FDCWD, path, 0);
  return done != 0 && errno == EISDIR ? unlinkat(AT_FDCWD, path, AT_REMOVEDIR) : done;
}

int mkdirat(int at, const char *path, mode_t mode) {
  struct names names = {at, 0, 0, path, NULL, mode};
  return named('K', at, path, 0, NULL, do_mkdir, &names);
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int linkat(int at, const char *path, int at2, const char *path2, int flags) {
  struct names names = {at, at2, flags, path, path2, 0};
  return named('L', at, path, at2, path2, do_link, &names);
}
int link(const char *path, const char *path2) { return linkat(AT_FDCWD, path, AT_FDCWD, path2, 0); }

int symlinkat(const char *target, int at, const char *path) {
  struct names names = {0, at, 0, target, path, 0};
  return named('Y', at, path, 0, NULL, do_symlink, &names);
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }
