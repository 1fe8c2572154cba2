// Where a consumer's views lie in its state folder:
//
//   views/<name>/   one LMDB environment a view
//   current         the name of the live one; renamed into place: a swap happens or does not
//
// A view is built in a folder named by a number; once it is whole, the pointer names it, or its
// folder takes the name that a user gave to a scratch view.
#pragma once

#include <string>

#include "common/base/result.h"

namespace forebay {

class ViewFolders {
 public:
  /// `state_dir` exists and its lock is held. Makes the folder of views and, the first time, the
  /// live view's name; removes numbered views that no pointer names (they were not
  /// finished).
  [[nodiscard]] static Result<ViewFolders> open(const std::string& state_dir);

  [[nodiscard]] const std::string& current() const { return current_; }
  [[nodiscard]] std::string path(const std::string& view) const { return views_ + "/" + view; }
  [[nodiscard]] bool exists(const std::string& view) const;
  /// The name for a view that is to be built.
  [[nodiscard]] std::string next_name() const;
  /// Whether a user may name a scratch view so: a name (ids.h) that is no number.
  [[nodiscard]] static bool is_scratch_name(const std::string& view);
  [[nodiscard]] Result<void> remove(const std::string& view) const;
  /// Gives `view`, which is synced, the name of a scratch view, in place of the one that had it.
  [[nodiscard]] Result<void> keep(const std::string& view, const std::string& scratch) const;
  /// Makes `view`, which is synced, the live one. Durable once this returned.
  [[nodiscard]] Result<void> swap(const std::string& view);

 private:
  explicit ViewFolders(const std::string& state_dir)
      : state_dir_(state_dir), views_(state_dir + "/views") {}

  std::string state_dir_;
  std::string views_;
  std::string current_;
};

}  // namespace forebay
