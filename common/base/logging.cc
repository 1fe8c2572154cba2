#include "common/base/logging.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

namespace forebay {
namespace {

void set_up(const std::string& name, const std::string& pattern, spdlog::level::level_enum least) {
  auto logger = spdlog::stderr_logger_mt(name);
  logger->set_pattern(pattern, spdlog::pattern_time_type::utc);
  logger->set_level(least);
  logger->flush_on(spdlog::level::trace);
  if (const char* level = std::getenv("FOREBAY_LOG"); level != nullptr) {
    logger->set_level(spdlog::level::from_str(level));
  }
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace

void set_up_logging(const std::string& process) {
  set_up(process, "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %n: %v", spdlog::level::info);
}

void set_up_tool_logging(const std::string& tool) { set_up(tool, "%n: %v", spdlog::level::warn); }

}  // namespace forebay
