#include "sidecar/log/page_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/limits.h"
#include "sidecar/log/layout.h"

namespace forebay {
namespace {

using log_layout::kPageBytes;
using log_layout::kPageHeaderBytes;

constexpr std::size_t kNumberAt = 0, kFlagsAt = 10, kLowerAt = 12, kRunPagesAt = 12;
constexpr std::uint16_t kBranch = 1, kLeaf = 2, kOverflow = 4, kMeta = 8;
constexpr std::size_t kNodeHeaderBytes = 8;
constexpr std::uint16_t kNodeInOverflow = 1, kNodeIsTree = 2, kNodeHasDuplicates = 4;
constexpr std::size_t kTreeBytes = 48;
constexpr unsigned kDepthMax = 32;  // LMDB's own

constexpr std::uint32_t kMetaMagic = 0xBEEFC0DE, kMetaVersion = 1;
constexpr std::size_t kMetaTreesAt = kPageHeaderBytes + 24;
constexpr std::size_t kMetaLastPageAt = kMetaTreesAt + 2 * kTreeBytes;
constexpr std::size_t kMetaTransactionAt = kMetaLastPageAt + 8;

template <class T>
T at(std::string_view bytes, std::size_t offset) {
  FOREBAY_INVARIANT(offset + sizeof(T) <= bytes.size());
  return load_le<T>(bytes.data() + offset);
}

PageFile::Tree tree_of(std::string_view bytes) {
  const auto flags = at<std::uint16_t>(bytes, 4);
  return {at<std::uint64_t>(bytes, 40), at<std::uint16_t>(bytes, 6), at<std::uint64_t>(bytes, 32),
          flags, flags == PageFile::kIntegerKeys};
}

/// Where the nodes of a page begin; nothing if it does not say so within its bounds.
std::vector<std::size_t> nodes_of(std::string_view page) {
  const std::size_t lower = at<std::uint16_t>(page, kLowerAt);
  const std::size_t upper = at<std::uint16_t>(page, kLowerAt + 2);
  if (lower < kPageHeaderBytes || lower > upper || upper > kPageBytes || lower % 2 != 0) return {};
  std::vector<std::size_t> nodes;
  for (std::size_t offset = kPageHeaderBytes; offset < lower; offset += 2) {
    const std::size_t node = at<std::uint16_t>(page, offset);
    if (node < upper || node + kNodeHeaderBytes > kPageBytes) return {};
    nodes.push_back(node);
  }
  return nodes;
}

struct Node {
  std::uint16_t low, high, flags;
  std::string_view key;
  std::string_view rest;  // of the page, after the key

  [[nodiscard]] std::size_t value_bytes() const { return low | std::size_t{high} << 16; }
  [[nodiscard]] std::uint64_t child() const {
    return low | std::uint64_t{high} << 16 | std::uint64_t{flags} << 32;
  }
};

std::optional<Node> node_at(std::string_view page, std::size_t offset) {
  const std::size_t key_bytes = at<std::uint16_t>(page, offset + 6);
  if (offset + kNodeHeaderBytes + key_bytes > page.size()) return std::nullopt;
  const std::string_view after = page.substr(offset + kNodeHeaderBytes);
  return Node{at<std::uint16_t>(page, offset), at<std::uint16_t>(page, offset + 2),
              at<std::uint16_t>(page, offset + 4), after.substr(0, key_bytes),
              after.substr(key_bytes)};
}

bool ascends(std::string_view before, std::string_view key, bool integers) {
  if (!integers) return before < key;
  return load_le<std::uint64_t>(before.data()) < load_le<std::uint64_t>(key.data());
}

}  // namespace

Result<PageFile> PageFile::open(const std::string& path) {
  PageFile file;
  file.descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.descriptor_ < 0) return fail_errno("cannot open " + path, errno);
  struct stat status {};
  if (::fstat(file.descriptor_, &status) != 0) return fail_errno("cannot stat " + path, errno);
  file.file_bytes_ = static_cast<std::uint64_t>(status.st_size);
  for (const std::uint64_t number : {0, 1}) {
    std::string page(kPageBytes, '\0');
    if (auto got = file.read(number * kPageBytes, page.data(), page.size())) {
      file.take_meta(number, page);
    } else {
      file.unread_ = got.error().message;
    }
  }
  return file;
}

void PageFile::take_meta(std::uint64_t slot, std::string_view page) {
  if ((at<std::uint16_t>(page, kFlagsAt) & kMeta) == 0 ||
      at<std::uint32_t>(page, kPageHeaderBytes) != kMetaMagic ||
      at<std::uint32_t>(page, kPageHeaderBytes + 4) != kMetaVersion ||
      at<std::uint32_t>(page, kMetaTreesAt) != kPageBytes) {
    return;
  }
  Meta meta;
  meta.slot = slot;
  meta.transaction = at<std::uint64_t>(page, kMetaTransactionAt);
  // More than the file has is damage, which LogAtRest tells.
  meta.pages =
      std::min(at<std::uint64_t>(page, kMetaLastPageAt), limits::kLogMapBytes / kPageBytes) + 1;
  meta.free_list = tree_of(page.substr(kMetaTreesAt, kTreeBytes));
  meta.free_list.integer_keys = true;
  meta.main = tree_of(page.substr(kMetaTreesAt + kTreeBytes, kTreeBytes));
  meta.main.integer_keys = false;
  const bool newest = metas_++ == 0 || meta.transaction > now_.transaction;
  if (newest) std::swap(meta, now_);
  before_ = meta;
}

bool PageFile::metas_agree() const {
  return metas_ == 2 && now_.transaction == before_.transaction + 1 &&
         now_.transaction % 2 == now_.slot;
}

void PageFile::go_back() { now_ = before_; }

PageFile::PageFile(PageFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      file_bytes_(other.file_bytes_),
      metas_(other.metas_),
      unread_(std::move(other.unread_)),
      now_(other.now_),
      before_(other.before_) {}

PageFile::~PageFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> PageFile::read(std::uint64_t offset, char* into, std::size_t bytes) const {
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, into, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("the disk does not give byte " + std::to_string(offset), errno);
    if (got == 0) return fail(ErrorCode::kCorruption, "the file ends before it");
    into += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
  return {};
}

TreeWalk::TreeWalk(const PageFile& file) : file_(&file), used_(file.pages(), false) {}

void TreeWalk::damage(std::uint64_t page, const std::string& what) {
  ++damaged_;
  if (damage_.size() < limits::kDamageTextsMax)
    damage_.push_back("page " + std::to_string(page) + ": " + what);
}

bool TreeWalk::take(std::uint64_t number, std::uint64_t count) {
  if (number < 2 || number >= used_.size() || count > used_.size() - number) {
    damage(number, "there is no such page");
    return false;
  }
  for (std::uint64_t page = number; page < number + count; ++page) {
    if (used_[page]) {
      ++used_twice_;
      damage(page, "it is used twice");
      return false;
    }
  }
  std::fill_n(used_.begin() + static_cast<std::ptrdiff_t>(number), count, true);
  return true;
}

void TreeWalk::run(const PageFile::Tree& tree, const Visit& visit) {
  if (tree.root == PageFile::kNoPage) return;
  const std::uint64_t damaged_before = damaged_;
  Run run{tree, visit};
  go(run);
  if (damaged_ == damaged_before && run.entries != tree.entries) {
    miscounted_ = true;
    damage(tree.root, "a tree of " + std::to_string(run.entries) + " entries that says it has " +
                          std::to_string(tree.entries));
  }
}

void TreeWalk::run_from(const PageFile::Tree& tree, std::string_view from, const Visit& visit) {
  if (tree.root == PageFile::kNoPage) return;
  Run run{tree, visit, from};
  go(run);
}

void TreeWalk::go(Run& run) {
  const PageFile::Tree& tree = run.tree;
  stopped_ = false;
  if (tree.depth == 0 || tree.depth > kDepthMax) return damage(tree.root, "a tree of no depth");
  page(run, tree.root, 1, {});
}

/// Whether it lies before what is wanted.
bool TreeWalk::Run::before(std::string_view key) const {
  return from && ascends(key, *from, tree.integer_keys);
}

void TreeWalk::page(Run& run, std::uint64_t number, unsigned depth, const Bounds& bounds) {
  of_several_times_ |= number < used_.size() && used_[number];
  if (!take(number, 1)) return;
  std::string page(kPageBytes, '\0');
  if (const auto read = file_->read(number * kPageBytes, page.data(), page.size()); !read)
    return damage(number, read.error().message);
  const auto flags = at<std::uint16_t>(page, kFlagsAt);
  const std::uint16_t expected = depth == run.tree.depth ? kLeaf : kBranch;
  if (at<std::uint64_t>(page, kNumberAt) != number || flags != expected) {
    of_several_times_ |= at<std::uint64_t>(page, kNumberAt) == number &&
                         (flags == kLeaf || flags == kBranch || flags == kOverflow);
    return damage(number, expected == kLeaf ? "it is no leaf" : "it is no branch");
  }
  if (expected == kLeaf) return leaf(run, number, page, bounds);
  const auto nodes = nodes_of(page);
  if (nodes.empty()) return damage(number, "a branch without nodes");
  std::vector<std::optional<Node>> children;
  for (const std::size_t offset : nodes) {
    auto node = node_at(page, offset);
    const bool none = !node || (!children.empty() && run.tree.integer_keys &&
                                node->key.size() != sizeof(std::uint64_t));
    if (none) damage(number, "a node that is none");
    children.push_back(none ? std::nullopt : std::move(node));
  }
  for (std::size_t i = 0; i < children.size(); ++i) {
    if (stopped_ || (run.from && gave_up())) return;
    if (!children[i]) continue;
    Bounds within = bounds;  // the first node's key means nothing
    if (i > 0) within.low = children[i]->key;
    if (i + 1 < children.size() && children[i + 1]) within.high = children[i + 1]->key;
    // All in it are less than the key of the next.
    if (run.from && within.high && !ascends(*run.from, *within.high, run.tree.integer_keys))
      continue;
    this->page(run, children[i]->child(), depth + 1, within);
  }
}

bool TreeWalk::fits(std::string_view key, const Bounds& bounds, bool integer_keys) {
  return !(bounds.low && ascends(key, *bounds.low, integer_keys)) &&
         !(bounds.high && !ascends(key, *bounds.high, integer_keys));
}

void TreeWalk::leaf(Run& run, std::uint64_t number, std::string_view page, const Bounds& bounds) {
  const auto nodes = nodes_of(page);
  if (nodes.empty()) return damage(number, "a leaf without nodes");
  const bool integers = run.tree.integer_keys;
  of_several_times_ |= std::all_of(nodes.begin(), nodes.end(), [&](std::size_t offset) {
    const auto node = node_at(page, offset);
    return node && (!integers || node->key.size() == sizeof(std::uint64_t)) &&
           !fits(node->key, bounds, integers);
  });
  for (const std::size_t offset : nodes) {
    const auto node = node_at(page, offset);
    if (!node || (integers && node->key.size() != sizeof(std::uint64_t))) {
      damage(number, "a node that is none");
      continue;
    }
    if (!run.last_key.empty() && !ascends(run.last_key, node->key, integers)) {
      damage(number, "keys out of order");
      continue;
    }
    if (!fits(node->key, bounds, integers))
      damage(number, "a key that its branch does not lead to");
    if (run.before(node->key)) continue;
    PageFile::Entry entry{node->key, {}, std::nullopt};
    const std::size_t bytes = node->value_bytes();
    if ((node->flags & kNodeHasDuplicates) != 0 ||
        ((node->flags & kNodeInOverflow) != 0 ? sizeof(std::uint64_t) : bytes) >
            node->rest.size()) {
      damage(number, "a value outside its page");
      continue;
    }
    if ((node->flags & kNodeInOverflow) != 0) {
      const auto value = overflow(load_le<std::uint64_t>(node->rest.data()), bytes);
      if (!value) continue;
      entry.value = *value;
    } else {
      entry.value = node->rest.substr(0, bytes);
    }
    if ((node->flags & kNodeIsTree) != 0) {
      if (entry.value.size() != kTreeBytes) {
        damage(number, "a tree that is none");
        continue;
      }
      entry.tree = tree_of(entry.value);
    }
    run.last_key = node->key;
    ++run.entries;
    run.visit(entry);
    if (stopped_) return;
  }
}

std::optional<std::string_view> TreeWalk::overflow(std::uint64_t number, std::size_t bytes) {
  const std::uint64_t pages = (bytes + kPageHeaderBytes + kPageBytes - 1) / kPageBytes;
  if (bytes > limits::kFrameBytesMax) {
    damage(number, "a value longer than any");
    return std::nullopt;
  }
  if (!take(number, pages)) return std::nullopt;
  value_.resize(pages * kPageBytes);
  if (const auto read = file_->read(number * kPageBytes, value_.data(), value_.size()); !read) {
    damage(number, read.error().message);
    return std::nullopt;
  }
  if (at<std::uint64_t>(value_, kNumberAt) != number ||
      at<std::uint16_t>(value_, kFlagsAt) != kOverflow ||
      at<std::uint32_t>(value_, kRunPagesAt) != pages) {
    // What it holds may be sound: the value has checksums of its own.
    damage(number, "the first page of a value does not say so");
  }
  return std::string_view(value_).substr(kPageHeaderBytes, bytes);
}

std::vector<PageFile::Entry> leaf_entries(std::string_view page) {
  std::vector<PageFile::Entry> entries;
  if (page.size() != kPageBytes || (at<std::uint16_t>(page, kFlagsAt) & kLeaf) == 0) return {};
  for (const std::size_t offset : nodes_of(page)) {
    const auto node = node_at(page, offset);
    if (!node || (node->flags & (kNodeInOverflow | kNodeIsTree | kNodeHasDuplicates)) != 0 ||
        node->value_bytes() > node->rest.size()) {
      continue;
    }
    entries.push_back({node->key, node->rest.substr(0, node->value_bytes()), std::nullopt});
  }
  return entries;
}

}  // namespace forebay
