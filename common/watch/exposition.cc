#include "common/watch/exposition.h"

#include <prometheus/text_serializer.h>

#include <algorithm>

namespace forebay {

prometheus::ClientMetric& Exposition::add(const std::string& name, const std::string& help,
                                          const Labels& labels, prometheus::MetricType type) {
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&](const auto& each) { return each.name == name; });
  if (family == families_.end()) {
    families_.push_back({name, help, type, {}});
    family = families_.end() - 1;
  }
  prometheus::ClientMetric& metric = family->metric.emplace_back();
  for (const Labels* all : std::initializer_list<const Labels*>{&common_, &labels}) {
    for (const auto& [label, value] : *all) metric.label.push_back({label, value});
  }
  return metric;
}

void Exposition::gauge(const std::string& name, const std::string& help, const Labels& labels,
                       double value) {
  add(name, help, labels, prometheus::MetricType::Gauge).gauge.value = value;
}

void Exposition::counter(const std::string& name, const std::string& help, const Labels& labels,
                         std::uint64_t value) {
  add(name, help, labels, prometheus::MetricType::Counter).counter.value =
      static_cast<double>(value);
}

void Exposition::histogram(const std::string& name, const std::string& help, const Labels& labels,
                           const Histogram& histogram) {
  auto& metric = add(name, help, labels, prometheus::MetricType::Histogram).histogram;
  for (const auto& [bound, count] : histogram.buckets) metric.bucket.push_back({count, bound});
  if (!histogram.buckets.empty()) metric.sample_count = histogram.buckets.back().second;
  metric.sample_sum = histogram.sum_seconds;
}

std::string Exposition::text() const { return prometheus::TextSerializer().Serialize(families_); }

}  // namespace forebay
