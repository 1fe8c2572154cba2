// Reads the file of an LMDB environment at rest without LMDB: every page number, offset and length
// is checked before it is used, so that damage anywhere is an answer and never a crash. For verify
// and repair; the caller holds the folder's lock. Log (log.h) is for a log that is sound.
//
// The layout is LMDB's own (0.9, 64 bit, little-endian; MDB_meta, MDB_page, MDB_node and MDB_db in
// its mdb.c), with pages of 4,096 bytes:
//
//   file   := meta meta page*            of the two metas the one with the greater transaction counts
//   page   := number u64, pad u16, flags u16, (lower u16, upper u16, node offset u16* | pages u32)
//   node   := size or page low u16, high u16, flags or page u16, key size u16, key, value
//   value  := bytes | number of the first page of an overflow run u64 | tree
//   tree   := pad u32, flags u16, depth u16, pages of three kinds u64*3, entries u64, root page u64
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/limits.h"
#include "common/base/result.h"

namespace forebay {

class PageFile {
 public:
  struct Tree {
    std::uint64_t root = 0;  // kNoPage: empty
    unsigned depth = 0;
    std::uint64_t entries = 0;
    std::uint16_t flags = 0;
    bool integer_keys = false;  // what the keys are taken for, whatever the flags say
  };
  static constexpr std::uint16_t kIntegerKeys = 8;  // as flags
  struct Entry {
    std::string_view key;
    std::string_view value;    // of a tree, its 48 bytes
    std::optional<Tree> tree;  // if the value is one
  };
  static constexpr std::uint64_t kNoPage = ~std::uint64_t{0};

  /// kIo if the file cannot be opened. If neither meta page can be read, the trees are empty.
  [[nodiscard]] static Result<PageFile> open(const std::string& path);
  PageFile(PageFile&& other) noexcept;
  PageFile& operator=(PageFile&&) = delete;
  ~PageFile();

  /// How many meta pages can be read: 0 to 2.
  [[nodiscard]] int metas() const { return metas_; }
  /// Why one of them could not be read at all; empty if it was, whatever is in it.
  [[nodiscard]] const std::string& unread() const { return unread_; }
  /// Whether there are two, of commits one after the other, each where it belongs.
  [[nodiscard]] bool metas_agree() const;
  /// Whether nothing was committed since the file was made: both are of no commit yet.
  [[nodiscard]] bool is_fresh() const {
    return metas_ == 2 && now_.transaction == 0 && before_.transaction == 0;
  }
  /// From here on the trees are those of the commit before the last, which that left as they were.
  /// Only if there are two metas.
  void go_back();

  [[nodiscard]] const Tree& main() const { return now_.main; }
  /// Transaction → numbers of the pages that it freed.
  [[nodiscard]] const Tree& free_list() const { return now_.free_list; }
  /// Pages that the committed state counts, whether or not the file still has them.
  [[nodiscard]] std::uint64_t pages() const { return now_.pages; }
  [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }
  /// kCorruption if the file ends before, kIo if the disk does not give it.
  [[nodiscard]] Result<void> read(std::uint64_t offset, char* into, std::size_t bytes) const;

 private:
  struct Meta {
    std::uint64_t slot = 0;  // 0 or 1
    std::uint64_t transaction = 0;
    std::uint64_t pages = 0;
    Tree main{.root = kNoPage}, free_list{.root = kNoPage, .integer_keys = true};
  };
  PageFile() = default;
  void take_meta(std::uint64_t slot, std::string_view page);

  int descriptor_ = -1;
  std::uint64_t file_bytes_ = 0;
  int metas_ = 0;
  std::string unread_;
  Meta now_, before_;
};

/// Goes through trees of a file, each page once, passes over what is damaged and remembers that.
class TreeWalk {
 public:
  using Visit = std::function<void(const PageFile::Entry&)>;

  explicit TreeWalk(const PageFile& file);
  /// Calls `visit` for each entry that can be reached, in the order of the keys.
  void run(const PageFile::Tree& tree, const Visit& visit);
  /// The same for those from the key `from` on, until stop(), or more damage than anybody reads.
  /// Pages before are not read.
  void run_from(const PageFile::Tree& tree, std::string_view from, const Visit& visit);
  /// Ends the run after the entry that is being visited.
  void stop() { stopped_ = true; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] bool gave_up() const { return damaged_ >= limits::kDamageTextsMax; }
  /// False, with damage, unless all pages of the run are the file's and were not taken before.
  bool take(std::uint64_t number, std::uint64_t count);
  /// What was damaged, one text each; at most limits::kDamageTextsMax.
  [[nodiscard]] const std::vector<std::string>& damage() const { return damage_; }
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }
  /// How often of that because a page had been taken before.
  [[nodiscard]] std::uint64_t used_twice() const { return used_twice_; }
  /// Whether pages, each sound in itself, do not fit together: some are old copies of themselves, and
  /// which is not known.
  [[nodiscard]] bool of_several_times() const { return of_several_times_; }
  /// Whether a tree has another number of entries than is said, and nothing else is wrong with it.
  [[nodiscard]] bool miscounted() const { return miscounted_; }
  /// Adds to damage().
  void damage(std::uint64_t page, const std::string& what);

 private:
  struct Run {
    const PageFile::Tree& tree;
    const Visit& visit;
    std::optional<std::string_view> from = {};
    std::uint64_t entries = 0;
    std::string last_key = {};
    [[nodiscard]] bool before(std::string_view key) const;
  };
  /// What the branches above say of a page's keys: at least `low`, less than `high`.
  struct Bounds {
    std::optional<std::string> low, high;
  };
  void go(Run& run);
  void page(Run& run, std::uint64_t number, unsigned depth, const Bounds& bounds);
  void leaf(Run& run, std::uint64_t number, std::string_view page, const Bounds& bounds);
  [[nodiscard]] static bool fits(std::string_view key, const Bounds& bounds, bool integer_keys);
  [[nodiscard]] std::optional<std::string_view> overflow(std::uint64_t number, std::size_t bytes);

  const PageFile* file_;
  std::vector<bool> used_;
  std::vector<std::string> damage_;
  std::uint64_t damaged_ = 0, used_twice_ = 0;
  bool of_several_times_ = false;
  bool miscounted_ = false;
  bool stopped_ = false;
  std::string value_;  // of an overflow run
};

/// The nodes of a page of leaves, as far as they lie within it; nothing if the page is none.
[[nodiscard]] std::vector<PageFile::Entry> leaf_entries(std::string_view page);

}  // namespace forebay
