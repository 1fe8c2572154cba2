// How long one delivery date takes in process, in the world of edd_world.h. Prints the percentiles
// over all questions and over those of each number of lines, and how many FCs a question had to
// weigh.
//
//   bench_edd [FOLDER]    the view is built in a new folder under FOLDER (default: the system's
//   temporary folder)
#include <cstdlib>
#include <filesystem>

#include "bench/edd_world.h"
#include "bench/figures.h"
#include "nodes/sourcing/edd.h"
#include "nodes/sourcing/view.h"

namespace forebay::bench {
namespace {

constexpr int kQuestions = 200'000;

/// Builds a view through the real handler, in transactions of bounded size.
class Builder {
 public:
  explicit Builder(Store& store) : store_(store) {}

  void event(const edd::WorldEvent& event) {
    if (!write_) write_.emplace(store_.write());
    EventView view_of_event{};
    view_of_event.type = event.type;
    view_of_event.data = event.data;
    EventContext context{};
    context.stream = event.stream;
    ViewWriter view(*write_);
    must(handler_.apply(view_of_event, context, view));
    must(view.accept());
    if (++events_ % 50'000 == 0) commit();
  }
  void commit() {
    if (write_) must(write_->commit());
    write_.reset();
  }

 private:
  Store& store_;
  std::optional<WriteTransaction> write_;
  SourcingHandler handler_;
  std::size_t events_ = 0;
};

void run(const std::string& folder) {
  const auto store = must(Store::open(folder + "/view", SourcingHandler().tables()));
  Builder builder(*store);
  edd::tell_world([&](const edd::WorldEvent& event) { builder.event(event); });
  builder.commit();

  edd::Questions questions;
  EddCalculator calculator;
  std::vector<std::int64_t> all, by_lines[4], weighed;
  std::size_t answered = 0;
  for (int i = 0; i < kQuestions; ++i) {
    const edd::Question question = questions.next();
    std::vector<OrderLine> lines;
    for (std::size_t n = 0; n < question.skus.size(); ++n) {
      lines.push_back({question.skus[n], question.quantities[n]});
    }
    const std::int64_t begin = mono_ns();
    const ReadTransaction view = store->read();
    const auto answer = calculator.answer(view, {lines, question.to_zone, question.at});
    const std::int64_t took = mono_ns() - begin;
    all.push_back(took);
    by_lines[lines.size()].push_back(took);
    if (!answer) continue;
    answered += answer->best.has_value();
    weighed.push_back(static_cast<std::int64_t>(answer->options + answer->excluded.size()));
  }
  std::sort(weighed.begin(), weighed.end());
  print({{"view_bytes", store->used_bytes()},
         {"with_a_date", static_cast<double>(answered) / kQuestions},
         {"weighed_p50", weighed[weighed.size() / 2]},
         {"weighed_p99", weighed[weighed.size() * 99 / 100]},
         {"all", percentiles(all)},
         {"1 line", percentiles(by_lines[1])},
         {"2 lines", percentiles(by_lines[2])},
         {"3 lines", percentiles(by_lines[3])}});
}

}  // namespace
}  // namespace forebay::bench

int main(int argc, char** argv) {
  std::string folder = argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string();
  folder += "/bench-edd-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    std::fprintf(stderr, "cannot make the folder %s\n", folder.c_str());
    return 1;
  }
  forebay::bench::run(folder);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return 0;
}
