// SIGTERM and SIGINT as a readable descriptor.
#pragma once

namespace forebay {

/// Blocks both signals for this thread and those it starts from now on (so: first thing in main),
/// and SIGPIPE for the process; what arrives makes `descriptor` readable.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Whether one arrived; takes it.
  [[nodiscard]] bool arrived();

 private:
  int descriptor_;
};

}  // namespace forebay
