// Reads the timeline that convert.py writes: events and questions in the order of time, one a line.
//
// For one thread. The file's form: NOTES.md, "Output".
#pragma once

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "common/base/result.h"
#include "common/event/event.h"
#include "common/event/json_value.h"

namespace forebay::olist {

struct TimelineEvent {
  std::string stream;
  Event event;
};

struct Ask {
  std::string order_id;
  Json query;      // as it is sent, without at_least
  Json published;  // by stream, the events before this line
};

using Entry = std::variant<TimelineEvent, Ask>;

class Timeline {
 public:
  [[nodiscard]] static Result<Timeline> open(const std::string& path);

  /// nullopt at the end; an error names file and line.
  [[nodiscard]] Result<std::optional<Entry>> next();

 private:
  Timeline(std::string path, std::ifstream file) : path_(std::move(path)), file_(std::move(file)) {}
  [[nodiscard]] Result<Entry> entry_of(const std::string& line) const;

  std::string path_;
  std::ifstream file_;
  std::uint64_t line_ = 0;
};

}  // namespace forebay::olist
