// What queries want again and again of the view, decoded and kept beside it: FCs with their days,
// carriers, lanes.
//
// Derived from the view, and never ahead of it or behind. The view counts the changes to what is
// kept here (view.h, "Changes"), and each query reads the counts in its own transaction: what was
// kept under other counts, or from another store, is read again. So it is always what the
// transaction itself would give, and nothing has to be told of commits, of a swap of views or of a
// restart. Kept are at most the FCs, carriers and lanes that the view names. For one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/ids.h"
#include "nodes/sourcing/view.h"

namespace forebay {

/// What is known of some days of an FC.
struct FcDays {
  struct Room {
    std::int32_t block;
    std::string_view carrier;
    DayBlockView capacity;
  };
  std::int32_t first_block = 0;
  DayBlocks blocks;         // the FC's, from first_block on
  std::vector<Room> rooms;  // of the carriers at the FC; by block, then carrier

  /// Whether `boxes` more go with the carrier on that date.
  [[nodiscard]] bool carrier_has_room(std::string_view carrier, CivilDate date,
                                      std::int64_t boxes) const;
};

class Tables {
 public:
  struct Fc {
    std::size_t zone = 0;       // the number of its zone, from 0
    std::size_t time_zone = 0;  // the number of its time zone, from 0
    FcRecord record;
    std::string record_bytes;  // what `record` borrows from

   private:
    friend class Tables;
    std::string_view name;
    std::size_t counter = 0;
    std::optional<DayChanges> changes;  // as of `days`; none: they were not read yet
    FcDays days;
    std::string days_bytes;  // what `days` borrows from
  };
  struct Carrier {
    std::string_view name;
    CarrierRecord record;
    std::string record_bytes;  // what `record` borrows from

   private:
    friend class Tables;
    std::optional<CivilDate> first;  // of `working`; none: it was not asked for yet
    DayMask working = 0;
  };
  struct Lane {
    std::size_t carrier;  // for carrier()
    std::int64_t transit_days;
  };

  /// To be called with each transaction before anything else; what was given before is void. The
  /// transaction outlives the use of what is given after.
  void follow(const ReadTransaction& transaction, const ViewReader& view);

  /// nullptr: not known.
  [[nodiscard]] Fc* fc(ViewReader& view, std::string_view name);
  /// What is known of the days from `first` on. Valid until the next call for the same FC.
  [[nodiscard]] const FcDays& days(ViewReader& view, Fc& fc, CivilDate first);
  /// The working days from `first` on.
  [[nodiscard]] DayMask working_days(ViewReader& view, std::size_t carrier, CivilDate first);
  [[nodiscard]] const Carrier& carrier(std::size_t number) const { return carriers_[number]; }

  /// The lanes of known carriers to a zone: those from one zone, by the zone's number, in byte order
  /// of the carriers.
  class LanesTo {
   public:
    [[nodiscard]] std::span<const Lane> from(std::size_t zone) const {
      if (zone >= ranges_.size()) return {};
      return std::span(lanes_).subspan(ranges_[zone].begin, ranges_[zone].count);
    }

   private:
    friend class Tables;
    struct Range {
      std::uint32_t begin = 0, count = 0;
    };
    std::vector<Lane> lanes_;
    std::vector<Range> ranges_;
  };
  [[nodiscard]] const LanesTo& lanes_to(ViewReader& view, std::string_view zone);

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  template <class Value>
  using ByName = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;

  [[nodiscard]] std::optional<std::size_t> carrier_number(ViewReader& view, std::string_view name);

  BootId store_{};
  ViewChanges changes_;
  ByName<std::optional<Fc>> fcs_;  // none: not known
  ByName<std::size_t> zones_, time_zones_;
  ByName<std::optional<std::size_t>> carrier_numbers_;  // none: not known
  std::deque<Carrier> carriers_;  // which do not move, for they borrow from themselves
  ByName<LanesTo> lanes_;
};

}  // namespace forebay
