// What the roles of bench_forebay share; forebay.cc says what each does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/client/publisher.h"

namespace forebay::bench {

struct Options {
  std::string state, stream = "events", view_dir;
  std::uint64_t events = 0, keys = 30'000, rate = 0, streams = 1;
  std::size_t size = 256;
  bool mixed = false;       // sizes, from 64 B to 16 KiB
  bool behind = false;      // starts at the log's beginning, where it has far to go
  bool latency = false;     // times a sample of the events from the moment each was due
  bool until_live = false;  // ends there, however many events that takes

  [[nodiscard]] std::string endpoint(const char* socket) const {
    return "ipc://" + state + "/" + socket + ".sock";
  }
};

/// Registered; of options.stream.
std::unique_ptr<Publisher> connect(const Options& options);

// forebay_publish.cc
void publish(const Options& options);
void wait(const Options& options);

// forebay_consume.cc
void handler(const Options& options);
void view(const Options& options);
void listen(const Options& options);

}  // namespace forebay::bench
