#include "common/watch/watch.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/service/journal.h"
#include "common/service/notify.h"

namespace forebay {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

Watch::Watch(Options options, Look look)
    : options_(std::move(options)),
      look_(std::move(look)),
      memory_(*options_.memory),
      alerts_(memory_.book.to_json()) {
  take_over();
  thread_ = std::thread([this] { run(); });
  if (options_.port != 0) {
    pages_.emplace(
        options_.address, options_.port,
        PageServer::Pages{[this] { return metrics_page(); }, [this] { return health_page(); }});
  }
}

/// From the watch before this one, if there was one: as far as it fits.
void Watch::take_over() {
  memory_.book.go_on(clock_.mono());
  if (memory_.hook && memory_.hook->program() != options_.exec) memory_.hook.reset();
  if (!memory_.hook && !options_.exec.empty()) memory_.hook.emplace(options_.exec, options_.name);
  if (!memory_.stream || memory_.stream->place() != options_.alerts)
    memory_.stream.emplace(options_.alerts, options_.name);
}

Watch::~Watch() {
  pages_.reset();
  {
    const std::lock_guard hold(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watch::answer(const std::function<Result<Json>()>& make) {
  const MonoTime begin = clock_.mono();
  Result<Json> report = make();
  {
    const std::lock_guard hold(mutex_);
    report_ = std::move(report);
    answered_ = clock_.mono();
    took_ = answered_ - begin;
  }
  changed_.notify_all();
}

Json Watch::alerts() const {
  const std::lock_guard hold(mutex_);
  return alerts_;
}

void Watch::run() {
  std::unique_lock hold(mutex_);
  while (!stopping_) {
    hold.unlock();
    ask_.post({});
    hold.lock();
    const auto answered = [this] { return stopping_ || report_; };
    if (!changed_.wait_for(hold, limits::kWatchDead, answered)) {
      hold.unlock();
      take_silence();
      hold.lock();
      changed_.wait(hold, answered);
      memory_.book.go_on(clock_.mono());
    }
    if (stopping_) return;
    const Result<Json> report = *std::exchange(report_, std::nullopt);
    // A daemon of many streams is not to spend its time on telling how it is.
    const Nanoseconds pause = std::clamp<Nanoseconds>(
        limits::kWatchShareOfTime * took_, limits::kWatchInterval, limits::kWatchDead / 2);
    hold.unlock();
    if (report) {
      take(*report);
    } else {
      take_failure(report.error());
    }
    hold.lock();
    changed_.wait_for(hold, pause, [this] { return stopping_; });
  }
}

void Watch::take(const Json& report) {
  memory_.stream->keep_up(memory_.book, clock_.mono());
  Findings found = look_(report);
  notify_alive(found.line);
  const auto changed = memory_.book.update(found.conditions, clock_.mono(), clock_.wall());
  for (const Alert& alert : memory_.book.raised()) {
    found.metrics.gauge("forebay_alert", "1 while the alert is raised.",
                        {{"alert", alert.condition.alert}, {"subject", alert.condition.subject}},
                        1);
  }
  add_process(found.metrics);
  found.metrics.gauge("forebay_ready", "1 while it is ready to serve.", {},
                      found.not_ready.empty());
  std::string metrics = found.metrics.text();
  Json alerts = memory_.book.to_json();
  {
    const std::lock_guard hold(mutex_);  // the main loop may want it
    metrics_ = std::move(metrics);
    not_ready_ = std::move(found.not_ready);
    alerts_ = std::move(alerts);
  }
  tell(changed);
}

/// As all that Prometheus reads calls them.
void Watch::add_process(Exposition& metrics) const {
  const auto since_epoch = memory_.began.time_since_epoch();
  metrics.gauge("forebay_build_info", "1, by the version of the program.",
                {{"version", options_.version}}, 1);
  metrics.gauge("process_start_time_seconds", "When it was started, since 1970.", {},
                std::chrono::duration<double>(since_epoch).count());
  std::ifstream file("/proc/self/statm");  // in pages: in all, resident, ...
  double pages = 0;
  if (file >> pages >> pages)
    metrics.gauge("process_resident_memory_bytes", "Of memory that it has.", {},
                  pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
}

/// Its main loop does not answer: all that was so is taken to be so still. systemd is not told that it lives.
void Watch::take_silence() {
  const MonoTime now = clock_.mono();
  memory_.book.go_on(now);
  const Condition stands{"stuck", "",
                         "its main loop has not answered for " +
                             std::to_string(limits::kWatchDead.count()) +
                             " s: does its disk answer?"};
  const auto changed = memory_.book.update({stands}, now, clock_.wall());
  Json alerts = memory_.book.to_json();
  {
    const std::lock_guard hold(mutex_);
    alerts_ = std::move(alerts);
  }
  tell(changed);
}

void Watch::take_failure(const Error& error) {
  spdlog::error("cannot tell how it is: {}", error.message);
  notify_alive("cannot tell how it is: " + error.message);
  const std::lock_guard hold(mutex_);
  not_ready_ = {error.message};
  metrics_.clear();
}

void Watch::tell(const std::vector<Alert>& changed) {
  for (const Alert& alert : changed) {
    const auto& [name, subject, text] = alert.condition;
    const LogFields fields({{"FOREBAY_ALERT", name},
                            {"FOREBAY_SUBJECT", subject},
                            {"FOREBAY_ALERT_STATE", alert.cleared ? "cleared" : "raised"}});
    if (alert.cleared) {
      spdlog::info("alert cleared: {} {}", name, subject);
    } else {
      spdlog::warn("alert: {} {}: {}", name, subject, text);
    }
  }
  memory_.stream->publish(changed);
  if (memory_.hook) memory_.hook->hand_over(changed);
}

/// 503 while it is not live, or cannot tell: what it was like is not how it is.
PageServer::Page Watch::metrics_page() const {
  const std::lock_guard hold(mutex_);
  if (!live()) return {503, "text/plain; charset=utf-8", "its main loop does not answer\n"};
  if (metrics_.empty()) return {503, "text/plain; charset=utf-8", not_ready_.front() + "\n"};
  return {200, "text/plain; version=0.0.4; charset=utf-8", metrics_};
}

bool Watch::live() const {
  return answered_ != MonoTime{} && clock_.mono() - answered_ < limits::kWatchDead;
}

/// 200 while it is live and ready, else 503, and why.
PageServer::Page Watch::health_page() const {
  const std::lock_guard hold(mutex_);
  Json reasons = not_ready_;
  const bool live = this->live();
  if (!live && answered_ != MonoTime{})
    reasons.push_back(
        "its main loop has not answered for " +
        std::to_string(duration_cast<milliseconds>(clock_.mono() - answered_).count()) + " ms");
  const bool ready = reasons.empty();
  return {ready ? 200 : 503, "application/json",
          print_json({{"live", live}, {"ready", ready}, {"reasons", reasons}}) + "\n"};
}

}  // namespace forebay
