// Where a consumer's views lie in its state folder:
//
//   views/<name>/   one LMDB environment a view
//   current         the name of the live one; renamed into place: a swap happens or does not
//
// Views made by a rebuild are named by numbers; a scratch view has the name its user gave it.
#pragma once

#include <string>

#include "common/base/result.h"

namespace forebay {

class ViewFolders {
 public:
  /// `state_dir` exists and its lock is held. Makes the folder of views and, the first time, the
  /// live view's name; removes numbered views that no pointer names (rebuilds that were
  /// interrupted).
  [[nodiscard]] static Result<ViewFolders> open(const std::string& state_dir);

  [[nodiscard]] const std::string& current() const { return current_; }
  [[nodiscard]] std::string path(const std::string& view) const { return views_ + "/" + view; }
  [[nodiscard]] bool exists(const std::string& view) const;
  /// The name for the view of a rebuild.
  [[nodiscard]] std::string next_name() const;
  /// Whether a user may name a scratch view so: a name (ids.h) that is no number.
  [[nodiscard]] static bool is_scratch_name(const std::string& view);
  [[nodiscard]] Result<void> remove(const std::string& view) const;
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
