#include "common/base/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

#include "common/base/printable.h"

namespace forebay {
namespace {

/// The message: names and errors in it may be a peer's, who is not to write lines of ours.
class Text final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    const std::string text = printable({message.payload.data(), message.payload.size()});
    line.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<Text>();
  }
};

void set_level(spdlog::level::level_enum level) {
  const char* wanted = std::getenv("FOREBAY_LOG");
  spdlog::set_level(wanted != nullptr ? spdlog::level::from_str(wanted) : level);
}

void set_up(const std::string& name, const std::string& pattern, spdlog::level::level_enum least) {
  auto logger = spdlog::stderr_logger_mt(name);
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<Text>('v').set_pattern(pattern);
  logger->set_formatter(std::move(formatter));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  set_level(least);
}

}  // namespace

bool is_log_level(std::string_view level) {
  return level == "off" || spdlog::level::from_str(std::string(level)) != spdlog::level::off;
}

void set_log_level(const std::string& level) { set_level(spdlog::level::from_str(level)); }

void set_up_logging(const std::string& process) {
  set_up(process, "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n: %v", spdlog::level::info);
}

void set_up_tool_logging(const std::string& tool) { set_up(tool, "%n: %v", spdlog::level::warn); }

}  // namespace forebay
