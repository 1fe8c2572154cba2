// Every limit and default of Forebay, with its unit in its name. What must hold between them stands
// below them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace forebay::limits {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Events and batches (docs/protocol.md).
inline constexpr std::size_t kEventBytesMax = 1 << 20;
inline constexpr std::size_t kBatchPayloadBytesTarget = 256 << 10;  // a batch closes at this size…
inline constexpr std::size_t kBatchPayloadBytesMax =
    kEventBytesMax + (64 << 10);  // …but one event may be larger
inline constexpr std::uint32_t kBatchEventsMax = 4096;
inline constexpr std::size_t kAttributeBytesMax = 4096;  // type, subject and each other attribute
inline constexpr std::size_t kAttributesMax =
    64;  // an event's attributes beyond type, subject and time
inline constexpr std::size_t kSharedBytesMax = 32
                                               << 10;  // the attributes that a batch's events share
inline constexpr int kMsgpackDepthMax = 16;

// Frames on any socket.
inline constexpr std::size_t kFrameBytesMax = 8 << 20;
inline constexpr std::size_t kControlBytesMax = 16 << 10;  // a request
inline constexpr std::size_t kControlFrameBytesMax =
    64 << 10;  // a longer one is not even answered: it goes with its connection
inline constexpr std::size_t kSubscriptionFrameBytesMax =
    128;  // into PUB, which keeps some 30 times each subscription's bytes; a handshake has less, too
inline constexpr std::size_t kWishFrameBytesMax =
    1 << 10;  // from those of other hosts; an encrypted handshake has less, too
inline constexpr std::size_t kFetchReplyBytesMax = 3 << 20;
inline constexpr std::size_t kFetchReplyBytesMin = 256 << 10;      // however much is under way
inline constexpr std::size_t kFetchRepliesBytesTarget = 24 << 20;  // under way; then they are short
inline constexpr std::size_t kIpcPathBytesMax = 107;

// High-water marks: libzmq counts messages, so each is a byte budget over the largest usual
// message.
inline constexpr std::size_t kSocketBudgetBytes = 16 << 20;
inline constexpr int kDataHighWaterMessages =
    static_cast<int>(kSocketBudgetBytes / kBatchPayloadBytesTarget);
inline constexpr int kControlHighWaterMessages =
    8192;  // a process publishes to up to kStreamsMax streams, and one commit answers all of them
inline constexpr std::size_t kRequestsAtOnce = 1024;     // then batches have their turn
inline constexpr std::size_t kRepliesAtOnce = 256;       // then what is due has its turn
inline constexpr int kBroadcastHighWaterMessages = 256;  // one that lags by more fetches
inline constexpr milliseconds kHearingInterval{500};     // who listens from another host says so
inline constexpr seconds kHearingLease{5};               // and is heard of no more after this
inline constexpr seconds kListenerSilence{4};         // of all beacons: its connection is made anew
inline constexpr std::size_t kHearersMax = 1024;      // connections from other hosts to a stream
inline constexpr std::size_t kHearersOfUserMax = 16;  // of them with one user's key
inline constexpr int kZmqHandshakeMs = 3000;
inline constexpr int kZmqHeartbeatMs = 2000;
inline constexpr int kZmqReconnectMs = 20;
inline constexpr int kZmqReconnectMaxMs = 500;

inline constexpr std::size_t kRareKindsMax = 1024;  // of what is logged ever more rarely

// Publisher.
inline constexpr std::size_t kWindowBytesMax = 16 << 20;
inline constexpr milliseconds kKeepaliveInterval{500};
inline constexpr milliseconds kResendTimeoutMin{500};
inline constexpr milliseconds kResendTimeoutMax{5000};
inline constexpr milliseconds kGoodbyeLinger{500};
inline constexpr milliseconds kFullRetryInterval{500};
inline constexpr milliseconds kSendRetryInterval{2};  // of a socket that takes no more just now

// Sidecar.
inline constexpr std::size_t kStreamsMax = 4096;
inline constexpr std::size_t kProducersMax = 16384;
inline constexpr std::size_t kAnonymousProducersMax = 1024;
inline constexpr milliseconds kProducerSilent{5000};  // one that was heard since is not forgotten
inline constexpr seconds kAnonymousSilenceMax{
    60};  // then a producer without a name is no longer missed
inline constexpr std::size_t kConsumersMax = 4096;
inline constexpr seconds kCursorCommitInterval{10};  // reports wait for another commit this long
inline constexpr std::size_t kCommitQueueBytesMax = 16
                                                    << 20;  // ingested, not yet taken into a commit
inline constexpr std::size_t kCommitQueueRequestsMax = 1024;  // registrations and the like there
inline constexpr std::size_t kCommitBytesMax = 8 << 20;       // batches of one transaction
inline constexpr std::size_t kCommitAtOnceBytesMax =
    64 << 10;  // a smaller one does not wait for the commit thread
inline constexpr std::size_t kIngestCostBytesMin =
    1 << 10;  // of the smallest frame, so that many of them do not keep control waiting
inline constexpr std::size_t kFetchesInFlightPerPeerMax = 4;
inline constexpr std::size_t kScrubStepBytes = 1 << 20;  // verified at once, for a short snapshot
inline constexpr std::size_t kScrubLookBytesMin = 64 << 10;  // what an empty stream counts for
inline constexpr std::size_t kFetchQueueMax = 1024;
inline constexpr milliseconds kLivenessInterval{100};     // how often ingest tells what it heard
inline constexpr milliseconds kBeaconInterval{200};       // of a stream that moved lately
inline constexpr milliseconds kBeaconIdleInterval{1000};  // of one that did not
inline constexpr milliseconds kFirstBeaconGrace{
    2000};                                          // a start has: to connect, and for it to come
inline constexpr milliseconds kBeaconPromise{250};  // design promise: a moving stream's next beacon
inline constexpr std::size_t kBeaconProducersMax = 16;

// Log and stores.
inline constexpr std::size_t kCommitOverheadBytes =
    1 << 20;  // records and tree paths that a commit dirties beside its batches
inline constexpr std::size_t kLogMapBytes = std::size_t{512} << 30;
inline constexpr std::size_t kStoreMapBytes = std::size_t{64} << 30;
inline constexpr std::size_t kFileStepBytes = 64 << 20;  // the file is extended ahead in such steps
inline constexpr std::size_t kFileReserveBytes = 4 << 20;  // kept free for opening and trimming
inline constexpr std::size_t kDiskMaxMin = 16 << 20;       // or a full log stays so, trimmed empty
inline constexpr seconds kTrimInterval{1};
inline constexpr std::size_t kTrimBatchesPerCommit = 64;
inline constexpr std::chrono::hours kClockJumpMax{1};  // past it, nothing is trimmed by age
inline constexpr std::size_t kHolesShownMax = 1000;    // of a damaged stream
inline constexpr std::size_t kDamageTextsMax = 100;    // of damaged pages
inline constexpr std::uint64_t kRepairSkip =
    1'000'000;  // sequences, where a log's end is not known
inline constexpr std::size_t kAncestorsMax =
    16;  // logs that a stream's log was made of, the newest
inline constexpr std::size_t kBackupProducersMax =
    8 * (kProducersMax + kAnonymousProducersMax);  // of streams that left the topology, too, twice

// Consumer.
inline constexpr std::size_t kApplyGroupBytesMax = 4 << 20;
inline constexpr milliseconds kFetchTimeout{2000};
inline constexpr std::size_t kRegistrationsAwaited = 16;  // of those that were sent again
inline constexpr milliseconds kPollInterval{500};         // while a beacon is overdue
inline constexpr milliseconds kCursorReportInterval{250};
inline constexpr seconds kCommandTimeout{10};  // for the consumer's thread to take a command
inline constexpr std::size_t kLiveBufferBytesMax = 8 << 20;
inline constexpr std::size_t kFailedReasonBytesMax = 1024;
inline constexpr std::size_t kFailedListMax = 1000;
inline constexpr int kNodeControlHighWaterMessages = 16;
inline constexpr std::size_t kReplayRequestBytesMax =
    kBatchPayloadBytesMax + (64 << 10);  // a batch's events, each with its sequence

// Topology (docs/topology.md).
inline constexpr std::size_t kTopologyBytesMax = 1 << 20;
inline constexpr std::size_t kTopologyLineBytesMax = 4096;  // bounds the depth of dotted keys
inline constexpr std::uint16_t kBasePortDefault = 7400;
inline constexpr int kPortsPerSidecar = 2;  // control, broadcast
inline constexpr std::uint64_t kAlertLagEventsDefault = 10'000;
inline constexpr seconds kAlertLagAgeDefault{5};
inline constexpr seconds kAlertBeaconSilentDefault{1};
inline constexpr seconds kAlertProducerSilentDefault{3};
inline constexpr seconds kAlertNotMovingDefault{30};
inline constexpr int kAlertDiskPercentDefault = 90;
inline constexpr std::uint64_t kAlertRefusalsDefault = 100;  // a minute
inline constexpr int kMetricsPortAfterBase = 500;            // where nothing else is said

// What a daemon says of itself (common/watch).
inline constexpr seconds kWatchInterval{1};   // between looks at itself, at least…
inline constexpr int kWatchShareOfTime = 50;  // …and so many times what the last one took
inline constexpr seconds kCommitStuck{5};
inline constexpr seconds kFeedHeldAfter{5};      // without an acknowledgement of what it published
inline constexpr seconds kWatchDead{5};          // without an answer from the main loop
inline constexpr seconds kAlertClearAfter{10};   // of being well
inline constexpr seconds kAlertLostFor{600};     // after a loss grew, or a start that finds one
inline constexpr std::size_t kAlertsMax = 1024;  // raised at once
inline constexpr std::size_t kAlertHistoryMax = 256;
inline constexpr seconds kAlertHookTimeout{30};
inline constexpr std::size_t kAlertHookQueueMax = 256;
inline constexpr std::size_t kApplyTimesGroupsPerRow = 100;  // two rows fit on a page
inline constexpr std::size_t kApplyTimesRowsMax = 1000;      // of a stream
inline constexpr std::size_t kAppliedSequencesMax = 1000;    // of a request
inline constexpr std::size_t kTracedEventsMax = 10'000;
inline constexpr milliseconds kTimeServicePatience{500};  // who asks asks again
inline constexpr seconds kClockQuestionInterval{10};      // whether a doubted clock is synchronised
inline constexpr seconds kMetricsBindInterval{10};  // between attempts at a port that is taken
inline constexpr int kMetricsConnectionsMax = 16;
inline constexpr seconds kMetricsPatience{5};  // with a connection, from its begin to its end
inline constexpr std::size_t kMetricsRequestBytesMax = 8 << 10;

// Files of lines (line_source.h).
inline constexpr std::size_t kLineBytesMax = 2 * kEventBytesMax;  // JSON is wordier than msgpack
inline constexpr std::size_t kLineBytesShown = 4096;  // what is kept of a line longer than that
inline constexpr std::size_t kFileReadBytes = 256 << 10;
inline constexpr std::size_t kLineStepBytes =
    4 * kFileReadBytes;  // read in search of a newline before signals are looked at again
inline constexpr milliseconds kFollowPollInterval{1000};  // should inotify miss something
inline constexpr std::size_t kLinesPerStep = 256;
inline constexpr milliseconds kStopFlushTimeout{2000};  // what a stopping feed waits to get on disk

// The command line.
inline constexpr milliseconds kRequestTimeout{5000};  // one answer of a sidecar
inline constexpr milliseconds kStatusTimeout{1000};   // the same for `status`
inline constexpr milliseconds kStatusSampleGap{300};  // between the two samples of a rate
inline constexpr milliseconds kStatusWatchInterval{1000};
inline constexpr milliseconds kConsumerSilent{5000};  // without a report: shown as unhealthy
inline constexpr milliseconds kProgressAfter{1000};
inline constexpr milliseconds kProgressInterval{200};
inline constexpr std::size_t kQueriesInFlight = 64;
inline constexpr milliseconds kQueryGrace{2000};  // past a query's own timeout

// Supervision by `forebay up`.
inline constexpr milliseconds kRestartDelayMin{100};
inline constexpr milliseconds kRestartDelayMax{5000};
inline constexpr seconds kRestartDelayForgottenAfter{10};  // of life
inline constexpr seconds kStopTimeout{10};                 // from SIGTERM to SIGKILL

// Stores and views.
inline constexpr std::size_t kStoreTablesMax = 120;
inline constexpr std::size_t kStoreReadersMax = 512;   // read transactions open at once
inline constexpr std::size_t kStoreKeyBytesMax = 511;  // LMDB's own
inline constexpr seconds kDeadEnvironmentGrace{1};     // for the thread that knows why to say so

// Sourcing node (docs/edd.md).
inline constexpr std::size_t kSourcingNameBytesMax =
    128;  // sku, fc, carrier, zone, attribute, time zone
inline constexpr std::int64_t kItemSideMmMax = 100'000;
inline constexpr std::int64_t kItemWeightGMax = 100'000'000;
inline constexpr std::int64_t kAdvanceDaysMax = 1'000'000'000;  // handling and transit days
inline constexpr int kHorizonDays = 60;
inline constexpr std::size_t kQueryLinesMax = 100;
inline constexpr std::int64_t kQueryQuantityMax = 10'000;
inline constexpr std::size_t kQueryAtLeastStreamsMax = 64;
inline constexpr std::size_t kQueryIdBytesMax = 256;
inline constexpr milliseconds kQueryTimeoutDefault{1000};
inline constexpr milliseconds kQueryTimeoutMax{600'000};
inline constexpr milliseconds kQueryDeadlineStep{5};
inline constexpr std::size_t kQueryFrameBytesMax = 64 << 10;
inline constexpr int kQueryHighWaterMessages = 256;
inline constexpr std::size_t kAnswersAtOnce = 16;  // of queries that wait behind each other
inline constexpr std::size_t kQueriesWaitingBytesMax = 8 << 20;  // for their at_least
inline constexpr std::size_t kQueryCostBytesMin = 1 << 10;       // of the smallest one that waits

static_assert(3 * (kSourcingNameBytesMax + 1) <= kStoreKeyBytesMax,
              "a lane's key holds three names");
static_assert(kHorizonDays < 64, "the days in reach are the bits of one word");
static_assert(kBatchPayloadBytesTarget <= kBatchPayloadBytesMax);
static_assert(kEventBytesMax + kSharedBytesMax + 64 <= kBatchPayloadBytesMax);
static_assert(kBatchPayloadBytesMax + 4096 <= kFrameBytesMax);
static_assert(kFetchReplyBytesMax + kBatchPayloadBytesMax + 4096 <= kFrameBytesMax,
              "a reply holds at least one batch past its byte limit");
static_assert(kBatchPayloadBytesMax + 10 * kBatchEventsMax + 4096 <= kReplayRequestBytesMax,
              "every event of the largest batch fits into one replay request");
static_assert(kControlBytesMax < kControlFrameBytesMax);
static_assert(kBeaconInterval < kBeaconPromise);
static_assert(kFirstBeaconGrace > kBeaconIdleInterval + milliseconds(kZmqReconnectMaxMs));
static_assert(kCommitBytesMax >= kBatchPayloadBytesMax);
static_assert(kCommitQueueBytesMax > kCommitBytesMax);
static_assert(kControlHighWaterMessages >= 2 * static_cast<int>(kStreamsMax));
static_assert(
    kDiskMaxMin >=
        3 * (kBatchPayloadBytesMax + kCommitOverheadBytes + 4096) + 2 * kFileReserveBytes,
    "beside the room that one largest batch wants at the file's end, the rest, when it is "
    "free again, holds that batch twice and the reserve");
static_assert(kFileStepBytes > kFileReserveBytes + 2 * kCommitBytesMax);
static_assert(kAlertProducerSilentDefault > 2 * kKeepaliveInterval);
static_assert(kRestartDelayForgottenAfter > kRestartDelayMax);

}  // namespace forebay::limits
