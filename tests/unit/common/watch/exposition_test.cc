#include "common/watch/exposition.h"

#include <catch2/catch.hpp>
#include <cmath>

namespace forebay {
namespace {

TEST_CASE("MetricsAreWrittenInPrometheussTextFormat") {
  Exposition metrics(Exposition::Labels{{"sidecar", "inventory"}});
  metrics.gauge("forebay_head", "Last sequence.", {{"stream", "a\"b"}}, 7);
  metrics.counter("forebay_events_total", "Events.", {}, 12);
  metrics.gauge("forebay_head", "", {{"stream", "c"}}, 0.5);
  CHECK(metrics.text() ==
        "# HELP forebay_head Last sequence.\n"
        "# TYPE forebay_head gauge\n"
        "forebay_head{sidecar=\"inventory\",stream=\"a\\\"b\"} 7\n"
        "forebay_head{sidecar=\"inventory\",stream=\"c\"} 0.5\n"
        "# HELP forebay_events_total Events.\n"
        "# TYPE forebay_events_total counter\n"
        "forebay_events_total{sidecar=\"inventory\"} 12\n");
}

TEST_CASE("AHistogramHasCumulativeBucketsSumAndCount") {
  Exposition metrics(Exposition::Labels{});
  metrics.histogram("forebay_commit_seconds", "Commits.", {}, {{{0.5, 1}, {INFINITY, 3}}, 2.25});
  CHECK(metrics.text() ==
        "# HELP forebay_commit_seconds Commits.\n"
        "# TYPE forebay_commit_seconds histogram\n"
        "forebay_commit_seconds_count 3\n"
        "forebay_commit_seconds_sum 2.25\n"
        "forebay_commit_seconds_bucket{le=\"0.5\"} 1\n"
        "forebay_commit_seconds_bucket{le=\"+Inf\"} 3\n");
}

}  // namespace
}  // namespace forebay
