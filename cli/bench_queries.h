// Round trips of questions to a sourcing node that runs, for `forebay bench`: read only, one at a
// time.
#pragma once

#include <string>
#include <vector>

#include "cli/bench_report.h"
#include "common/service/signals.h"

namespace forebay {

/// The questions of a file as `query edd --file` takes it, the first kBenchSinglesMax of them,
/// without their `at_least`: what they would wait for is not the node's speed. kBadInput names a
/// line that is no question, or says that there is none.
[[nodiscard]] Result<std::vector<Json>> read_questions(const std::string& file);

/// Asks them in turn, over and over, for a while. An answer that is an error ends it with that;
/// kUnavailable: a signal came.
[[nodiscard]] Result<Measured> measure_queries(const std::string& endpoint,
                                               const std::vector<Json>& questions,
                                               StopSignals& signals);

}  // namespace forebay
