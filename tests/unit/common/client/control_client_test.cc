#include "common/client/control_client.h"

#include <catch2/catch.hpp>

#include "tests/support/scripted_sidecar.h"

namespace forebay {
namespace {

using std::chrono::milliseconds;
using test::ScriptedSidecar;
using Answers = std::vector<ScriptedSidecar::Answer>;

constexpr milliseconds kLong{10'000};

std::unique_ptr<ControlClient> connect(const std::string& endpoint) {
  auto client = ControlClient::connect(endpoint);
  REQUIRE(client.has_value());
  return std::move(*client);
}

}  // namespace

TEST_CASE("TheAnswerIsTheOneWithTheRequestsId") {
  const ScriptedSidecar sidecar([](const RequestMessage& request) {
    const std::uint64_t id = request.envelope.id;
    return Answers{{0, StatusReport{"unasked"}, ""},
                   {id + 7, StatusReport{"another's"}, ""},
                   {id, StatusReport{"ours"}, "second frame"}};
  });
  const auto client = connect(sidecar.endpoint());
  for (int i = 0; i < 3; ++i) {
    const auto answer = client->request(StatusRequest{}, kLong);
    REQUIRE(answer.has_value());
    CHECK(std::get<StatusReport>(answer->body).report == "ours");
    REQUIRE(answer->payload != nullptr);
    CHECK(answer->payload->view() == "second frame");
  }
}

TEST_CASE("ARequestThatASidecarTookWithItIsSentAgain") {
  int asked = 0;
  const ScriptedSidecar sidecar([&](const RequestMessage& request) {
    if (++asked == 1) return Answers{};
    return Answers{{request.envelope.id, StatusReport{"at last"}, ""}};
  });
  const auto answer = connect(sidecar.endpoint())->request(StatusRequest{}, kLong);
  REQUIRE(answer.has_value());
  CHECK(std::get<StatusReport>(answer->body).report == "at last");
}

TEST_CASE("AnErrorReplyIsAnErrorOfItsCode") {
  const ScriptedSidecar sidecar([](const RequestMessage& request) {
    return Answers{{request.envelope.id, ErrorReply{ErrorCode::kNotFound, "no such stream"}, ""}};
  });
  const auto answer = connect(sidecar.endpoint())->request(StatusRequest{}, kLong);
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ErrorCode::kNotFound);
  CHECK(answer.error().message == "no such stream");
}

TEST_CASE("WithoutAnAnswerTheTimeoutNamesTheEndpoint") {
  const test::TempDir dir;
  const std::string endpoint = "ipc://" + (dir / "control.sock");
  const auto client = connect(endpoint);
  const auto answer = client->request(StatusRequest{}, milliseconds(20));
  REQUIRE_FALSE(answer.has_value());
  CHECK(answer.error().code == ErrorCode::kTimeout);
  CHECK(answer.error().message.find(endpoint) != std::string::npos);
  CHECK(answer.error().message.find("is it running?") != std::string::npos);
}

TEST_CASE("ALateAnswerToATimedOutRequestIsNotTakenForTheNext") {
  std::uint64_t silent_id = 0;
  const ScriptedSidecar sidecar([&](const RequestMessage& request) {
    if (std::exchange(silent_id, request.envelope.id) == 0) return Answers{};
    return Answers{{1, StatusReport{"late"}, ""}, {request.envelope.id, StatusReport{"now"}, ""}};
  });
  const auto client = connect(sidecar.endpoint());
  CHECK(client->request(StatusRequest{}, milliseconds(200)).error().code == ErrorCode::kTimeout);
  const auto answer = client->request(StatusRequest{}, kLong);
  REQUIRE(answer.has_value());
  CHECK(std::get<StatusReport>(answer->body).report == "now");
}

/// A sidecar on another host.
struct FarSidecar {
  KeyPair own = make_key_pair(), operators = make_key_pair();
  ScriptedSidecar sidecar{[](const RequestMessage& request) {
                            return Answers{{request.envelope.id, StatusReport{"all well"}, ""}};
                          },
                          own,
                          {{operators.public_key, "alice"}}};

  Result<ControlClient::Answer> ask(const Credentials& credentials, milliseconds timeout) const {
    const auto client = std::move(*ControlClient::connect(sidecar.endpoint(), credentials));
    return client->request(StatusRequest{}, timeout);
  }
};

TEST_CASE("OfTwoKeysOfASidecarTheOneThatItHasIsFound") {
  const FarSidecar far;
  const std::string other = make_key_pair().public_key;
  const auto client = std::move(*ControlClient::connect(
      far.sidecar.endpoint(), Credentials{far.operators, {other, far.own.public_key}}));
  for (int i = 0; i < 3; ++i) {
    const auto answer = client->request(StatusRequest{}, milliseconds(4000));
    REQUIRE(answer.has_value());
    CHECK(std::get<StatusReport>(answer->body).report == "all well");
  }
}

TEST_CASE("ASidecarThatLetsNobodyWithThisKeyInIsNotCalledDown") {
  const FarSidecar far;
  const auto unknown = far.ask({make_key_pair(), {far.own.public_key}}, milliseconds(1000));
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().code == ErrorCode::kTimeout);
  CHECK(unknown.error().message.find("does not know our key") != std::string::npos);
  const auto both = far.ask({make_key_pair(), {far.own.public_key, make_key_pair().public_key}},
                            milliseconds(1000));
  REQUIRE_FALSE(both.has_value());
  CHECK(both.error().message.find("does not know our key") != std::string::npos);
  const auto wrong = far.ask({far.operators, {make_key_pair().public_key}}, milliseconds(1000));
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().message.find("may not be its own") != std::string::npos);
}

}  // namespace forebay
