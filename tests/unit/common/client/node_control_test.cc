#include "common/client/node_control.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/event/json_value.h"
#include "tests/support/eventually.h"
#include "tests/support/made_batches.h"
#include "tests/support/scripted_sidecar.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

class NoHandler final : public Handler {
 public:
  std::vector<std::string> tables() const override { return {"values"}; }
  Result<void> apply(const EventView&, const EventContext&, ViewWriter&) override { return {}; }
};

/// A consumer whose sidecar is never there.
class NodeControlTest {
 public:
  NodeControlTest() {
    consumer_ = Consumer::open({.name = "node",
                                .state_dir = dir_.path().string(),
                                .links = {{"ipc://" + (dir_ / "sidecar"),
                                           "ipc://" + (dir_ / "broadcast"),
                                           {{"a", SubscriptionStart{}}}}},
                                .control = "ipc://" + (dir_ / "control")},
                               handler_)
                    .value();
    consumer_->start();
  }
  Json ask(const Json& request) {
    return *json_from_msgpack(answer_node_request(*consumer_, *msgpack_from_json(request)));
  }
  std::string code(const Json& request) { return ask(request)["error"]["code"]; }

  test::TempDir dir_;
  NoHandler handler_;
  std::unique_ptr<Consumer> consumer_;
};

TEST_CASE_METHOD(NodeControlTest, "ItsStatusHasTheAlertsOfItsProcessWhereThatTellsOfThem") {
  CHECK_FALSE(ask({{"op", "status"}}).contains("alerts"));
  consumer_->tell_alerts([] { return Json{{"raised", {"one"}}, {"history", Json::array()}}; });
  CHECK(ask({{"op", "status"}})["alerts"]["raised"] == Json{"one"});
}

TEST_CASE_METHOD(NodeControlTest, "WhatCannotBeDoneIsAnErrorWithItsCode") {
  CHECK(code({{"op", "fly"}}) == "bad_input");
  CHECK(code({{"op", 7}}) == "bad_input");
  CHECK(code({{"op", "reset"}, {"stream", "a"}}) == "bad_input");
  CHECK(code({{"op", "reset"}, {"stream", "a"}, {"mode", "adopt"}}) == "bad_input");
  CHECK(code({{"op", "reset"}, {"stream", "a"}, {"mode", "rebuild"}}) == "bad_input");
  CHECK(code({{"op", "reset"}, {"stream", "b"}, {"mode", "adopt"}}) == "not_found");
  CHECK(code({{"op", "reset"}, {"stream", "b"}, {"mode", "rebuild"}}) == "not_found");
  CHECK(code({{"op", "build"}, {"until", 3}}) == "bad_input");
  CHECK(code({{"op", "build"}, {"view", "x"}, {"until", {{"a", 0}}}}) == "bad_input");
  CHECK(code({{"op", "build"}, {"view", "x"}, {"until", {{"a", -1}}}}) == "bad_input");
  CHECK(code({{"op", "build"}, {"view", "../x"}, {"until", {{"a", 1}}}}) == "bad_input");
  CHECK(code({{"op", "build"}, {"view", "1"}, {"until", {{"a", 1}}}}) == "bad_input");
  CHECK(code({{"op", "build"}, {"view", "x"}, {"until", {{"b", 1}}}}) == "bad_input");
  CHECK(code({{"op", "build"}, {"view", ""}}) == "unavailable");  // not heard of its sidecar
}

TEST_CASE_METHOD(NodeControlTest, "BytesThatAreNoRequestAreAnswered") {
  const auto raw = [&](const std::string& bytes) {
    return (*json_from_msgpack(answer_node_request(*consumer_, bytes)))["error"];
  };
  CHECK(raw("")["code"] == "corruption");
  CHECK(raw("\x81\xa2op")["code"] == "corruption");
  CHECK(raw("\xc0")["code"] == "bad_input");
  CHECK(raw("\x81\xa2op\xc4\x01x")["code"] == "bad_input");
  CHECK(raw(std::string(limits::kControlBytesMax + 1, '\x90'))["code"] == "bad_input");
}

TEST_CASE_METHOD(NodeControlTest, "OperatorsAreAnsweredOverItsSocket") {
  Context context;
  Socket dealer(context, SocketKind::kDealer, 16);
  REQUIRE(dealer.connect("ipc://" + (dir_ / "control")));
  Poller poller;
  poller.add(dealer);
  const auto ask_over_it = [&](const std::string& request) {
    static_cast<void>(dealer.send(Message(std::string_view(request))));
    std::optional<Message> reply;
    for (int i = 0; i < 100 && !(reply = dealer.receive_single()); ++i)
      poller.wait(std::chrono::milliseconds(100));
    REQUIRE(reply);
    return *json_from_msgpack(reply->view());
  };
  CHECK(ask_over_it(*msgpack_from_json({{"op", "status"}}))["consumer"] == "node");
  CHECK(ask_over_it("")["error"]["code"] == "corruption");
  // Run on the consumer's own thread: nothing waits for itself.
  CHECK(ask_over_it(*msgpack_from_json(
            {{"op", "reset"}, {"stream", "a"}, {"mode", "adopt"}}))["error"]["code"] ==
        "bad_input");
}

TEST_CASE_METHOD(NodeControlTest, "AFrameLongerThanAReplayEndsItsConnectionAndOthersAreServed") {
  Context context;
  Socket dealer(context, SocketKind::kDealer, 16);
  ConnectionEvents events = ConnectionEvents::of(context, dealer).value();
  REQUIRE(dealer.connect("ipc://" + (dir_ / "control")));
  /// The answer; none if the connection ended first.
  const auto ask_over_it = [&](Socket& socket, const std::string& request) {
    REQUIRE(socket.send(Message(std::string_view(request))) == SendResult::kSent);
    std::optional<Message> answer;
    bool ended = false;
    REQUIRE(test::eventually([&] {
      while (const auto event = events.next())
        ended |= event->kind == ConnectionEvent::Kind::kEnded;
      answer = socket.receive_single();
      return ended || answer;
    }));
    return answer ? *json_from_msgpack(answer->view()) : Json();
  };
  const std::string longest(limits::kReplayRequestBytesMax, '\x90');
  CHECK(ask_over_it(dealer, longest)["error"]["code"] == "bad_input");
  CHECK(ask_over_it(dealer, longest + '\x90').is_null());
  Socket other(context, SocketKind::kDealer, 16);
  REQUIRE(other.connect("ipc://" + (dir_ / "control")));
  CHECK(ask_over_it(other, *msgpack_from_json({{"op", "status"}}))["consumer"] == "node");
}

TEST_CASE_METHOD(NodeControlTest, "OfFailedEventsOneAnswerHoldsOnlySoMany") {
  const auto view = consumer_->view().value();
  WriteTransaction write = view->store().write();
  for (std::uint64_t i = 1; i <= limits::kFailedListMax + 1; ++i)
    REQUIRE(view->put_failed(write, "a", Sequence{i}, WallTime{}, "refused", "\x80"));
  REQUIRE(write.commit());
  const Json failed = ask({{"op", "failed"}, {"stream", "a"}, {"limit", 5000}})["failed"];
  REQUIRE(failed.size() == limits::kFailedListMax);
  CHECK(failed.back()["sequence"] == limits::kFailedListMax);
}

TEST_CASE_METHOD(NodeControlTest, "OfEachSequenceItIsToldWhatBecameOfItAndWhen") {
  const auto view = consumer_->view().value();
  const WallTime early{std::chrono::seconds(1)}, late{std::chrono::seconds(2)};
  CursorRecord record;
  record.cursor.sequence = Sequence{9};
  record.start = Sequence{2};
  WriteTransaction write = view->store().write();
  REQUIRE(view->put_cursor(write, "a", record));
  REQUIRE(view->apply_times().put(write, "a", Sequence{4}, Sequence{4}, early));
  REQUIRE(view->apply_times().put(write, "a", Sequence{5}, Sequence{9}, late));
  REQUIRE(view->put_failed(write, "a", Sequence{6}, WallTime{}, "refused", "\x80"));
  REQUIRE(view->put_gap(write, "a", Sequence{7}, 2, "trimmed"));
  REQUIRE(write.commit());
  const Json answer = ask(
      {{"op", "applied"}, {"stream", "a"}, {"sequences", {2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 10u}}});
  CHECK(answer["cursor"] == 9);
  CHECK(answer["oldest"] == Json({{"sequence", 4}, {"time", to_rfc3339(early)}}));
  const auto fate = [](std::uint64_t sequence, const char* state, const Json& time,
                       const Json& reason) {
    return Json{{"sequence", sequence}, {"state", state}, {"time", time}, {"reason", reason}};
  };
  const std::string at = to_rfc3339(late);
  CHECK(
      answer["applied"] ==
      Json::array({fate(2, "before_start", nullptr, nullptr), fate(3, "applied", nullptr, nullptr),
                   fate(4, "applied", to_rfc3339(early), nullptr), fate(5, "applied", at, nullptr),
                   fate(6, "failed", at, "refused"), fate(7, "lost", at, "trimmed"),
                   fate(8, "lost", at, "trimmed"), fate(9, "applied", at, nullptr),
                   fate(10, "not_yet", nullptr, nullptr)}));
}

TEST_CASE_METHOD(NodeControlTest, "WhatBecameOfSequencesIsAskedOfAStreamAndSoManyAtOnce") {
  const auto ask_of = [&](const Json& sequences) {
    return ask({{"op", "applied"}, {"stream", "a"}, {"sequences", sequences}});
  };
  Json many = Json::array();
  for (std::uint64_t i = 1; i <= limits::kAppliedSequencesMax; ++i) many.push_back(i);
  CHECK(ask_of(many)["applied"].size() == limits::kAppliedSequencesMax);
  CHECK(ask_of(many)["oldest"].is_null());
  many.push_back(1u);
  CHECK(ask_of(many)["error"]["code"] == "bad_input");
  for (const Json& wrong : {Json(), Json(7u), Json{0u}, Json{-1}, Json{"1"}})
    CHECK(ask_of(wrong)["error"]["code"] == "bad_input");
  CHECK(code({{"op", "applied"}, {"stream", "b"}, {"sequences", {1u}}}) == "not_found");
}

TEST_CASE_METHOD(NodeControlTest, "ANodeThatKeepsAViewTakesNoReplay") {
  const std::string request = encode_replay({"a", WallTime{}, "\x80", {}});
  const Json error = (*json_from_msgpack(answer_node_request(*consumer_, request)))["error"];
  CHECK(error["code"] == "bad_input");
  CHECK(error["message"].get<std::string>().find("takes no replays") != std::string::npos);
}

TEST_CASE_METHOD(NodeControlTest, "AHandlerThatKeepsAViewCannotBeOpenedForReplays") {
  const auto opened = Consumer::open(
      {.name = "other", .state_dir = dir_ / "other", .links = {}, .takes_replays = true}, handler_);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == ErrorCode::kBadInput);
}

TEST_CASE_METHOD(NodeControlTest, "ANodeThatHasHeardNothingSaysSo") {
  const Json status = ask({{"op", "status"}});
  CHECK(status["consumer"] == "node");
  REQUIRE(status["streams"].size() == 1);
  CHECK(status["streams"][0]["state"] == "FETCH");
  CHECK(status["streams"][0]["age_ms"].is_null());
  CHECK(ask({{"op", "progress"}})["running"] == false);
  CHECK(ask({{"op", "failed"}, {"stream", "a"}})["failed"].empty());
}

TEST_CASE("ItsStatusSaysHowFarItIsBehindWhatItHeardOf") {
  const auto script =
      [](const RequestMessage& request) -> std::vector<test::ScriptedSidecar::Answer> {
    if (!std::holds_alternative<Subscribe>(request.body)) return {};  // nothing is to be fetched
    const Subscribed heard{"a", test::id_of<Incarnation>('A'), {2}, {7}, {1}, {}};
    return {{request.envelope.id, heard, {}}};
  };
  const test::ScriptedSidecar sidecar(script);
  const test::TempDir dir;
  NoHandler handler;
  const auto consumer = Consumer::open({.name = "node",
                                        .state_dir = dir.path().string(),
                                        .links = {{sidecar.endpoint(),
                                                   "ipc://" + (dir / "broadcast"),
                                                   {{"a", SubscriptionStart{}}}}}},
                                       handler)
                            .value();
  consumer->start();
  CHECK(test::eventually([&] {
    const Json status = node_status(*consumer)["streams"][0];
    return status["head"] == 7 && status["cursor"] == 2 && status["lag"] == 5;
  }));
  consumer->stop();
}

}  // namespace
}  // namespace forebay
