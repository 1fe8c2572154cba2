#include "nodes/feed/feed_look.h"

#include <nlohmann/json.hpp>

#include "common/event/json_fields.h"

namespace forebay {

Findings FeedLook::look(const Json& report) {
  const auto count = [&](const char* key) { return number_in(report, key).value_or(0); };
  Findings findings;
  Exposition& metrics = findings.metrics = Exposition({{"feed", text_in(report, "feed")}});
  metrics.counter("forebay_feed_published_total", "Events taken to be published.", {},
                  count("published"));
  metrics.counter("forebay_feed_rejected_total", "Lines that are no events.", {},
                  count("rejected"));
  metrics.gauge("forebay_feed_acknowledged", "Sequence of its last event on disk.", {},
                static_cast<double>(count("acknowledged")));
  metrics.gauge("forebay_window_bytes", "Taken, and not on disk yet.", {},
                static_cast<double>(count("unacknowledged_bytes")));
  findings.line = std::to_string(count("published")) + " events published, " +
                  std::to_string(rate_.of(count("published"), clock_.mono())) + " events/s, " +
                  std::to_string(count("unacknowledged_bytes")) + " bytes not on disk yet, " +
                  std::to_string(count("rejected")) + " lines rejected" +
                  (says(report, "held") ? ", HELD" : "");
  if (says(report, "held")) {
    findings.not_ready.emplace_back("its sidecar takes nothing");
    findings.conditions.push_back(
        {"held", "",
         "its sidecar takes nothing, and what it has yet to publish waits in its file: is the "
         "sidecar up, is it full (`forebay status`)?"});
  }
  return findings;
}

}  // namespace forebay
