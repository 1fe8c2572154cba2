#include "cli/query_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"

namespace forebay {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

Result<void> QueryClient::connect(const std::string& endpoint) {
  endpoint_ = endpoint;
  dealer_.emplace(context_, SocketKind::kDealer, limits::kControlHighWaterMessages);
  return dealer_->connect(endpoint);
}

bool QueryClient::full() const { return asked_.size() >= limits::kQueriesInFlight; }

void QueryClient::ask(Json question) {
  FOREBAY_INVARIANT(!full());
  Asked asked{next_number_++, nullptr, {}, nullptr};
  milliseconds timeout = limits::kQueryTimeoutDefault;
  if (question.is_object()) {
    if (question.contains("id")) asked.id = question["id"];
    question["id"] = asked.number;
    if (const auto own = question.find("timeout_ms");
        own != question.end() && own->is_number_unsigned()) {
      const std::uint64_t most = limits::kQueryTimeoutMax.count();
      timeout = milliseconds(std::min(own->get<std::uint64_t>(), most));
    }
  }
  asked.deadline = Steady::now() + timeout + limits::kQueryGrace;
  const auto encoded = msgpack_from_json(question);
  if (!encoded) {
    asked.answer = query_error("bad_query", encoded.error().message);
  } else if (dealer_->send(Message(std::string_view(*encoded))) != SendResult::kSent) {
    asked.answer = query_error("unavailable", "no room to send to " + endpoint_);
  }
  asked_.push_back(std::move(asked));
}

void QueryClient::answer_at_once(Json answer) {
  asked_.push_back({next_number_++, nullptr, {}, std::move(answer)});
}

Json QueryClient::take() {
  FOREBAY_INVARIANT(!idle());
  Poller poller;
  poller.add(*dealer_);
  while (asked_.front().answer.is_null()) {
    const auto left = std::chrono::ceil<milliseconds>(asked_.front().deadline - Steady::now());
    if (left <= milliseconds(0)) {
      asked_.front().answer =
          query_error("timeout", "no answer from the node at " + endpoint_ + "; is it running?");
      break;
    }
    poller.wait(left);
    receive();
  }
  Asked asked = std::move(asked_.front());
  asked_.pop_front();
  Json answer = std::move(asked.answer);
  if (answer.is_object()) {
    answer.erase("id");
    if (!asked.id.is_null()) answer["id"] = asked.id;
  }
  return answer;
}

void QueryClient::receive() {
  while (const auto frame = dealer_->receive_single()) {
    const auto answer = json_from_msgpack(frame->view());
    if (!answer || !answer->is_object()) continue;
    const auto id = answer->find("id");
    if (id == answer->end() || !id->is_number_unsigned()) continue;
    for (Asked& asked : asked_) {
      if (asked.number == id->get<std::uint64_t>() && asked.answer.is_null())
        asked.answer = *answer;
    }
  }
}

Json query_error(const std::string& code, const std::string& message) {
  return Json{{"error", {{"code", code}, {"message", message}, {"field", nullptr}}}};
}

namespace {

std::string shown(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

}  // namespace

std::string answer_text(const Json& answer) {
  std::string text;
  if (shown(answer, "edd") != "-") {
    text += "delivery  " + shown(answer, "edd") + "\n";
    text += "ships     " + shown(answer, "ship_date") + " from " + shown(answer, "fc") + " by " +
            shown(answer, "carrier") + ", boxes " + shown(answer, "boxes") + "\n";
  } else {
    text += "delivery  not possible\n";
  }
  text += "options   " + shown(answer, "options") + "\n";
  for (const Json& entry : answer.value("excluded", Json::array())) {
    const std::string carrier = shown(entry, "carrier");
    text += "excluded  " + shown(entry, "fc") + (carrier == "-" ? "" : " by " + carrier) + ": " +
            shown(entry, "reason") + "\n";
  }
  const Json as_of = answer.value("as_of", Json::object());
  for (const auto& [stream, at] : as_of.items()) {
    text += "as of     " + stream + " " + shown(at, "sequence") + " (" + shown(at, "time") + "), " +
            shown(at, "state");
    if (shown(at, "age_ms") != "-") text += ", seen " + shown(at, "age_ms") + " ms ago";
    if (at.value("stale", false)) text += ", STALE";
    if (shown(at, "lost") != "0") text += ", LOST " + shown(at, "lost");
    text += "\n";
  }
  return text;
}

}  // namespace forebay
