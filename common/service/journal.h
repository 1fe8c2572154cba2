// The log of a daemon: to systemd's journal where stderr is one, with fields to look for; else to stderr.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace forebay {

/// As set_up_logging() has it. In the journal an entry has the fields PRIORITY, SYSLOG_IDENTIFIER (the
/// program), FOREBAY_NAME (`name`), and those of LogFields:
///
///   journalctl FOREBAY_NAME=inventory -p warning
void set_up_service_logging(const std::string& name);

/// Fields of what this thread logs while it lives; the one inside hides the one around it.
class LogFields {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  explicit LogFields(Fields fields);
  ~LogFields();
  LogFields(const LogFields&) = delete;
  LogFields& operator=(const LogFields&) = delete;

 private:
  Fields fields_;
  const Fields* around_;
};

}  // namespace forebay
