#include "common/client/node_control.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "common/event/json_value.h"
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
    consumer_ = Consumer::open({"node",
                                dir_.path().string(),
                                {{"ipc://" + (dir_ / "control"),
                                  "ipc://" + (dir_ / "broadcast"),
                                  {{"a", SubscriptionStart{}}}}},
                                {}},
                               handler_)
                    .value();
    consumer_->start();
  }
  Json ask(const Json& request) {
    return *json_from_msgpack(answer_node_request(*consumer_, "node", *msgpack_from_json(request)));
  }
  std::string code(const Json& request) { return ask(request)["error"]["code"]; }

  test::TempDir dir_;
  NoHandler handler_;
  std::unique_ptr<Consumer> consumer_;
};

TEST_CASE("OnlyAMapThatBeginsWithOpIsANodeRequest") {
  CHECK(is_node_request(*msgpack_from_json({{"op", "status"}})));
  CHECK_FALSE(is_node_request(*msgpack_from_json({{"lines", Json::array()}, {"op", "status"}})));
  CHECK_FALSE(is_node_request(*msgpack_from_json(Json::object())));
  CHECK_FALSE(is_node_request(*msgpack_from_json("op")));
  CHECK_FALSE(is_node_request(""));
  CHECK_FALSE(is_node_request("\x81\xa2o"));
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
    return (*json_from_msgpack(answer_node_request(*consumer_, "node", bytes)))["error"];
  };
  CHECK(raw("")["code"] == "corruption");
  CHECK(raw("\x81\xa2op")["code"] == "corruption");
  CHECK(raw("\xc0")["code"] == "bad_input");
  CHECK(raw("\x81\xa2op\xc4\x01x")["code"] == "bad_input");
  CHECK(raw(std::string(limits::kControlBytesMax + 1, '\x90'))["code"] == "bad_input");
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

}  // namespace
}  // namespace forebay
