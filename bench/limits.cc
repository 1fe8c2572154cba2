// What the hardware and the bare libraries give: the same bytes without Forebay around them.
//
//   bench_limits ROLE --dir FOLDER …
//
//   append   LMDB, one value after the other, synced: --value bytes, --commit bytes, --bytes in all;
//            the file is extended ahead as Forebay's is
//   scan     what append left, read by a cursor and copied
//   hop      PUSH → PULL over ipc: --value bytes a frame
//   pipe     PUSH → PULL → LMDB (synced) → PUB → SUB: as above
//   round    one frame at a time: PUSH → PULL → LMDB (synced) → back, all in one thread
//   keyed    LMDB, --group keys a transaction, of --keys in turn, synced, --value bytes each
#include "common/base/limits.h"

#include <fcntl.h>
#include <lmdb.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <random>
#include <thread>

#include "bench/figures.h"
#include "common/wire/transport.h"

namespace forebay::bench {
namespace {

using std::chrono::milliseconds;

struct Options {
  std::string dir;
  std::size_t value = 256 << 10, commit = 4 << 20, group = 1000, keys = 30'000;
  std::uint64_t bytes = 1 << 30, count = 0;

  [[nodiscard]] std::uint64_t values() const { return count > 0 ? count : bytes / value; }
  [[nodiscard]] std::string endpoint(const char* socket) const {
    return "ipc://" + dir + "/" + socket;
  }
};

void check(int code, const char* what) {
  if (code == 0) return;
  std::fprintf(stderr, "%s: %s\n", what, mdb_strerror(code));
  std::exit(1);
}

/// An LMDB environment with one integer-keyed database, synced, its file extended ahead.
class Lmdb {
 public:
  explicit Lmdb(const std::string& dir, unsigned flags = MDB_INTEGERKEY) {
    std::filesystem::create_directories(dir);
    check(mdb_env_create(&env_), "create");
    check(mdb_env_set_mapsize(env_, std::size_t{64} << 30), "map");
    check(mdb_env_open(env_, dir.c_str(), MDB_NORDAHEAD, 0600), "open");
    MDB_txn* txn = begin();
    check(mdb_dbi_open(txn, nullptr, flags, &database_), "database");
    check(mdb_txn_commit(txn), "commit");
    check(mdb_env_get_fd(env_, &descriptor_), "descriptor");
  }
  ~Lmdb() { mdb_env_close(env_); }

  MDB_txn* begin(unsigned flags = 0) {
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, flags, &txn), "begin");
    return txn;
  }
  void append(MDB_txn* txn, std::uint64_t key, std::string_view value) {
    MDB_val at{sizeof key, &key};
    MDB_val what{value.size(), const_cast<char*>(value.data())};
    check(mdb_put(txn, database_, &at, &what, MDB_APPEND), "put");
  }
  void ensure(std::uint64_t bytes) {
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    const std::uint64_t needed =
        (info.me_last_pgno + 1) * 4096 + bytes + limits::kCommitOverheadBytes;
    if (needed <= extended_) return;
    extended_ = needed + limits::kFileStepBytes;
    check(posix_fallocate(descriptor_, 0, static_cast<off_t>(extended_)), "fallocate");
  }
  [[nodiscard]] MDB_dbi database() const { return database_; }

 private:
  MDB_env* env_ = nullptr;
  MDB_dbi database_ = 0;
  int descriptor_ = -1;
  std::uint64_t extended_ = 0;
};

void append(const Options& options) {
  Lmdb lmdb(options.dir + "/append");
  const std::string value(options.value, 'x');
  const std::uint64_t per_commit = std::max<std::uint64_t>(1, options.commit / options.value);
  const std::int64_t begin = mono_ns();
  for (std::uint64_t key = 1; key <= options.values();) {
    lmdb.ensure(options.commit);
    MDB_txn* txn = lmdb.begin();
    for (std::uint64_t i = 0; i < per_commit && key <= options.values(); ++i) {
      lmdb.append(txn, key++, value);
    }
    check(mdb_txn_commit(txn), "commit");
  }
  print({{"bytes", options.values() * options.value}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

void scan(const Options& options) {
  Lmdb lmdb(options.dir + "/append");
  std::string copy;
  std::uint64_t bytes = 0;
  const std::int64_t begin = mono_ns();
  MDB_txn* txn = lmdb.begin(MDB_RDONLY);
  MDB_cursor* cursor = nullptr;
  check(mdb_cursor_open(txn, lmdb.database(), &cursor), "cursor");
  MDB_val key, value;
  for (int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); code == 0;
       code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
    copy.assign(static_cast<const char*>(value.mv_data), value.mv_size);
    bytes += copy.size();
  }
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  print({{"bytes", bytes}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

/// Receives from a socket until `count` frames came, waiting where there is none.
template <class Take>
void receive(Socket& socket, std::uint64_t count, Take take) {
  Poller poller;
  poller.add(socket);
  while (count > 0) {
    auto frames = socket.receive();
    if (!frames) {
      poller.wait(milliseconds(100));
      continue;
    }
    --count;
    take(std::move(frames->back()));
  }
}

/// A frame of the source, made anew each time: it is somebody's encoded batch.
void push(Socket& socket, const std::string& bytes) {
  Message frame{std::string_view(bytes)};
  Poller pause;
  while (socket.send(std::span(&frame, 1)) != SendResult::kSent) pause.wait(milliseconds(1));
}

void hop(const Options& options) {
  Context source_context, sink_context;
  Socket source(source_context, SocketKind::kPush, limits::kDataHighWaterMessages);
  Socket sink(sink_context, SocketKind::kPull, limits::kDataHighWaterMessages);
  std::filesystem::create_directories(options.dir);
  must(sink.bind(options.endpoint("hop")));
  must(source.connect(options.endpoint("hop")));
  const std::int64_t begin = mono_ns();
  std::thread pushing([&] {
    const std::string bytes(options.value, 'x');
    for (std::uint64_t i = 0; i < options.values(); ++i) push(source, bytes);
  });
  receive(sink, options.values(), [](Message) {});
  const std::int64_t end = mono_ns();
  pushing.join();
  print({{"bytes", options.values() * options.value}, {"begin_ns", begin}, {"end_ns", end}});
}

/// PULL in one thread, LMDB and PUB in another: what arrives while one commit syncs goes into the
/// next.
class Relay {
 public:
  Relay(const Options& options, Socket& in, Socket& out)
      : options_(options), in_(in), out_(out), lmdb_(options.dir + "/relay") {}

  void run() {
    std::thread taking([this] {
      receive(in_, options_.values(), [this](Message frame) {
        std::unique_lock hold(mutex_);
        room_.wait(hold, [this] { return queued_bytes_ < limits::kCommitQueueBytesMax; });
        queued_bytes_ += frame.size();
        queue_.push_back(std::move(frame));
        there_.notify_one();
      });
    });
    std::uint64_t key = 1;
    while (key <= options_.values()) {
      std::deque<Message> group = take_group();
      lmdb_.ensure(limits::kCommitBytesMax + (2 << 20));
      MDB_txn* txn = lmdb_.begin();
      for (Message& frame : group) lmdb_.append(txn, key++, frame.view());
      check(mdb_txn_commit(txn), "commit");
      for (Message& frame : group) {
        std::array<Message, 2> both{Message(std::string_view("t")), std::move(frame)};
        static_cast<void>(out_.send(both));
      }
    }
    taking.join();
  }

 private:
  std::deque<Message> take_group() {
    std::unique_lock hold(mutex_);
    there_.wait(hold, [this] { return !queue_.empty(); });
    std::deque<Message> group;
    std::size_t bytes = 0;
    while (!queue_.empty() && (group.empty() || bytes + queue_.front().size() <= options_.commit)) {
      bytes += queue_.front().size();
      group.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    queued_bytes_ -= bytes;
    room_.notify_one();
    return group;
  }

  const Options& options_;
  Socket& in_;
  Socket& out_;
  Lmdb lmdb_;
  std::mutex mutex_;
  std::condition_variable there_, room_;
  std::deque<Message> queue_;
  std::size_t queued_bytes_ = 0;
};

struct Pipe {
  explicit Pipe(const Options& options)
      : source(source_context, SocketKind::kPush, limits::kDataHighWaterMessages),
        in(relay_context, SocketKind::kPull, limits::kDataHighWaterMessages),
        out(relay_context, SocketKind::kPub, 0),  // bare: nothing may drop, since nothing refills
        sink(sink_context, SocketKind::kSub, 0) {
    std::filesystem::create_directories(options.dir);
    must(in.bind(options.endpoint("in")));
    must(out.bind(options.endpoint("out")));
    must(source.connect(options.endpoint("in")));
    sink.subscribe("t");
    must(sink.connect(options.endpoint("out")));
    // Until the subscription has arrived.
    Poller poller;
    poller.add(sink);
    while (true) {
      std::array<Message, 2> probe{Message(std::string_view("t")), Message()};
      static_cast<void>(out.send(probe));
      poller.wait(milliseconds(10));
      if (sink.receive()) break;
    }
    poller.wait(milliseconds(50));
    while (sink.receive()) {
    }
  }
  Context source_context, relay_context, sink_context;
  Socket source, in, out, sink;
};

void pipe(const Options& options) {
  Pipe pipe(options);
  std::thread relaying([&] { Relay(options, pipe.in, pipe.out).run(); });
  const std::int64_t begin = mono_ns();
  std::thread pushing([&] {
    const std::string bytes(options.value, 'x');
    for (std::uint64_t i = 0; i < options.values(); ++i) push(pipe.source, bytes);
  });
  receive(pipe.sink, options.values(), [](Message) {});
  const std::int64_t end = mono_ns();
  pushing.join();
  relaying.join();
  print({{"bytes", options.values() * options.value}, {"begin_ns", begin}, {"end_ns", end}});
}

void round(const Options& options) {
  Pipe pipe(options);
  std::thread relaying([&] {
    Lmdb lmdb(options.dir + "/relay");
    std::uint64_t key = 1;
    receive(pipe.in, options.values(), [&](Message frame) {
      lmdb.ensure(2 << 20);
      MDB_txn* txn = lmdb.begin();
      lmdb.append(txn, key++, frame.view());
      check(mdb_txn_commit(txn), "commit");
      std::array<Message, 2> both{Message(std::string_view("t")), std::move(frame)};
      static_cast<void>(pipe.out.send(both));
    });
  });
  const std::string bytes(options.value, 'x');
  std::vector<std::int64_t> taken;
  for (std::uint64_t i = 0; i < options.values(); ++i) {
    const std::int64_t begin = mono_ns();
    push(pipe.source, bytes);
    receive(pipe.sink, 1, [](Message) {});
    taken.push_back(mono_ns() - begin);
  }
  relaying.join();
  print(percentiles(taken));
}

void keyed(const Options& options) {
  Lmdb lmdb(options.dir + "/keyed", 0);
  const std::string value(options.value, 'x');
  char key[16];
  std::uint64_t done = 0;
  const std::int64_t begin = mono_ns();
  while (done < options.count) {
    MDB_txn* txn = lmdb.begin();
    for (std::size_t i = 0; i < options.group && done < options.count; ++i, ++done) {
      const int size = std::snprintf(key, sizeof key, "sku-%08llu",
                                     static_cast<unsigned long long>(done % options.keys));
      MDB_val at{static_cast<std::size_t>(size), key};
      MDB_val what{value.size(), const_cast<char*>(value.data())};
      check(mdb_put(txn, lmdb.database(), &at, &what, 0), "put");
    }
    check(mdb_txn_commit(txn), "commit");
  }
  print({{"events", done}, {"begin_ns", begin}, {"end_ns", mono_ns()}});
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  using namespace forebay::bench;
  CLI::App app("What the hardware and the bare libraries give.", "bench_limits");
  Options options;
  std::string role;
  const std::map<std::string, void (*)(const Options&)> roles = {
      {"append", append}, {"scan", scan},   {"hop", hop},
      {"pipe", pipe},     {"round", round}, {"keyed", keyed}};
  app.add_option("ROLE", role)->required()->check(CLI::IsMember(roles));
  app.add_option("--dir", options.dir)->required();
  app.add_option("--value", options.value);
  app.add_option("--commit", options.commit);
  app.add_option("--bytes", options.bytes);
  app.add_option("--count", options.count, "instead of --bytes");
  app.add_option("--group", options.group);
  app.add_option("--keys", options.keys);
  CLI11_PARSE(app, argc, argv);
  // As the sidecar does, which else asks for the memory of each commit anew.
  ::mallopt(M_MMAP_THRESHOLD, 8 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 32 << 20);
  roles.at(role)(options);
  return 0;
}
