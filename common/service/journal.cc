#include "common/service/journal.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "common/base/logging.h"
#include "common/base/printable.h"

namespace forebay {
namespace {

thread_local const LogFields::Fields* fields_here = nullptr;

int priority_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return 2;
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit JournalSink(std::string name) : name_(std::move(name)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::vector<std::string> entry{
        "MESSAGE=" + printable({message.payload.data(), message.payload.size()}),
        "PRIORITY=" + std::to_string(priority_of(message.level)),
        std::string("SYSLOG_IDENTIFIER=") + program_invocation_short_name, "FOREBAY_NAME=" + name_};
    if (fields_here != nullptr) {
      for (const auto& [field, value] : *fields_here)
        entry.push_back(field + "=" + printable(value));
    }
    std::vector<iovec> parts;
    for (std::string& each : entry) parts.push_back({each.data(), each.size()});
    // One that the journal does not take has nowhere else to go.
    static_cast<void>(::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())));
  }
  void flush_() override {}

  std::string name_;
};

/// systemd.exec(5), $JOURNAL_STREAM: the device and inode of what it connected to the journal.
bool stderr_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
         stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace

void set_up_service_logging(const std::string& name) {
  set_up_logging(name);
  if (stderr_is_the_journal())
    spdlog::default_logger()->sinks() = {std::make_shared<JournalSink>(name)};
}

LogFields::LogFields(Fields fields)
    : fields_(std::move(fields)), around_(std::exchange(fields_here, &fields_)) {}

LogFields::~LogFields() { fields_here = around_; }

}  // namespace forebay
