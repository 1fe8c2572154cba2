// Metrics as Prometheus reads them: collected from a report, written in its text format (0.0.4).
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/histogram.h"

namespace forebay {

class Exposition {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  /// `common`: labels of every metric.
  explicit Exposition(Labels common) : common_(std::move(common)) {}

  /// Each may be called several times with a name, for other labels; help counts the first time.
  void gauge(const std::string& name, const std::string& help, const Labels& labels, double value);
  /// Its name ends in _total.
  void counter(const std::string& name, const std::string& help, const Labels& labels,
               std::uint64_t value);
  /// Cumulative counts by upper bound in seconds, the last bound infinity.
  struct Histogram {
    std::vector<std::pair<double, std::uint64_t>> buckets;
    double sum_seconds = 0;
  };
  void histogram(const std::string& name, const std::string& help, const Labels& labels,
                 const Histogram& histogram);

  [[nodiscard]] std::string text() const;

 private:
  prometheus::ClientMetric& add(const std::string& name, const std::string& help,
                                const Labels& labels, prometheus::MetricType type);
  Labels common_;
  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace forebay
