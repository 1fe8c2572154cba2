// What the tools make of the answers of sidecars and nodes.
#include "cli/consumer_list.h"
#include "cli/report_checks.h"
#include "cli/status_report.h"
#include "cli/trace_report.h"
#include "common/event/json_value.h"
#include "tests/fuzz/fuzz.h"

namespace forebay::fuzz {
namespace {

void decode_status_report(std::string_view input) {
  auto report = parse_report(input);
  if (!report) return;
  static_cast<void>(print_json(*report));
  SidecarAnswer answer{"near", {"orders", "payments"}, *report, {}, {}, {}};
  for (const Behind& consumer : consumers_behind(*report))
    answer.ages[{consumer.stream, consumer.consumer}] = std::chrono::hours(1);
  SidecarAnswer before = answer;
  before.asked -= std::chrono::seconds(1);
  add_rates(answer, before);
  const auto rows = status_rows({answer, before}, {});
  for (const auto& row : rows)
    require(row.size() == rows.front().size(), "a row has as many cells as any other");
  const ConsumersHeard heard{{{"near", *report}}, {{"audit", *report}}};
  Topology topology;
  topology.sidecars = {{"near", "here", {{"orders", {}}}, {}}};
  static_cast<void>(consumer_rows(consumer_list(topology, heard)));
  static_cast<void>(
      check_sidecar(topology.sidecars[0], *report, nullptr, "1.0.0", topology.alerts));
  static_cast<void>(check_consumers(topology, heard));
  Node reader;
  reader.name = "audit";
  reader.subscribes = {{"orders", {}}};
  topology.nodes = {reader};
  TracedEvent event{.sidecar = "near", .stream = "orders", .sequence = Sequence{7}};
  const AppliedAnswers applied{{{"audit", "orders"}, *report}};
  const auto fates = consumer_fates(topology, *report, applied, event);
  static_cast<void>(trace_json(event, producer_name(*report, {}), fates));
  static_cast<void>(trace_rows({{event, {}, fates}}));
}

std::vector<std::string> status_report_seeds() {
  return {
      R"({"sidecar":"near","full":false,"streams":[{"stream":"orders","incarnation":"a","head":9,)"
      R"("oldest":1,"bytes":2048,"lost":0,"refusing":false,"damaged":0}],"consumers":[)"
      R"({"stream":"orders","consumer":"audit","cursor":5,"lag":4,"lost":0,"failed":0,)"
      R"("state":"LIVE","heard_ms":20},{"stream":"orders","consumer":"b","lag":0}]})",
      R"({"stream":"orders","state":"LIVE","incarnation":"00000000000000000000000000000000","lag":2,)"
      R"("oldest":{"sequence":2,"time":"2026-03-01T09:30:00Z"},"applied":[{"sequence":7,)"
      R"("state":"failed","time":"2026-03-01T09:30:01.5Z","reason":"no such sku"}]})"};
}
const Decoder status_report_decoder{"status_report", decode_status_report, status_report_seeds};

}  // namespace
}  // namespace forebay::fuzz
