// Bugs that are planted on purpose, so that the fault campaign can show that it would find them
// (tests/campaign, row J). Only the campaign's own programs are built with FOREBAY_PLANTED, and
// have the one whose number FOREBAY_BUG names; elsewhere none is compiled in.
#pragma once

#ifdef FOREBAY_PLANTED
#include <cstdlib>
#endif

namespace forebay::planted {

enum class Bug {
  kAcknowledgesBeforeCommit = 1,
  kAcknowledgesUncommittedDuplicate,
  kMetaPageNotSynced,
  kNoFreshCommitAfterOpening,
  kCursorOutsideTransaction,
  kNoBeacon,
  kBeaconAheadOfBroadcast,
  kForgetsWhatItTook,
  kEpochNotFenced,
  kRegistersOutsideQueue,
  kNextFromTrimmedLog,
  kIncarnationIgnored,
  kTrimsPastCursor,
  kZapNotEnforced,
  kPayloadNotChecked,
  kCountNotChecked,
  kGapNotTold,
  kFetchTakenForComplete,
  kWindowNotResent,
  kSwapsBehindLiveCursor,
};

#ifdef FOREBAY_PLANTED
inline bool has(Bug bug) {
  static const char* const named = std::getenv("FOREBAY_BUG");
  static const int number = named == nullptr ? 0 : std::atoi(named);
  return number == static_cast<int>(bug);
}
#else
constexpr bool has(Bug) { return false; }
#endif

}  // namespace forebay::planted
