// forebay query edd
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/query_client.h"
#include "cli/reach.h"
#include "cli/verb.h"
#include "common/base/limits.h"
#include "common/client/line_source.h"
#include "topology/endpoints.h"
#include "topology/units.h"

namespace forebay {
namespace {

struct QueryOptions {
  std::string node;
  std::vector<std::string> skus;
  std::string to_zone;
  std::string at;
  std::vector<std::string> at_least;
  std::string timeout;
  std::string view;
  std::string file;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

/// SKU or SKU:QUANTITY; a colon that no number follows is part of the SKU.
Json line_of(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon != std::string::npos) {
    if (const auto quantity = number(std::string_view(text).substr(colon + 1))) {
      return {{"sku", text.substr(0, colon)}, {"quantity", *quantity}};
    }
  }
  return {{"sku", text}, {"quantity", 1}};
}

Result<Json> question_of(const QueryOptions& options) {
  Json question{{"lines", Json::array()}, {"to_zone", options.to_zone}};
  for (const std::string& sku : options.skus) question["lines"].push_back(line_of(sku));
  if (!options.at.empty()) question["at"] = options.at;
  for (const std::string& text : options.at_least) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return fail(ErrorCode::kBadInput, "--at-least " + text +
                                            ": expected STREAM=SEQUENCE or STREAM=TOKEN, as "
                                            "`forebay publish` prints it");
    }
    const std::string value = text.substr(equals + 1);
    Json& entry = question["at_least"][text.substr(0, equals)];
    if (const auto sequence = number(value)) {
      entry = *sequence;
    } else {
      entry = value;
    }
  }
  if (!options.timeout.empty()) {
    const auto timeout = parse_duration(options.timeout);
    if (!timeout) return fail(timeout.error().in("--timeout"));
    question["timeout_ms"] =
        std::uint64_t(std::chrono::duration_cast<std::chrono::milliseconds>(*timeout).count());
  }
  if (!options.view.empty()) question["view"] = options.view;
  return question;
}

/// 0, or what an answer that is an error makes of the exit code.
int exit_code_of(const Json& answer) {
  const auto error = answer.find("error");
  if (error == answer.end()) return kExitDone;
  const std::string code = error->value("code", "");
  return code == "bad_query" || code == "unknown_sku" ? kExitBadInput : kExitFailed;
}

int ask_one(QueryClient& client, const QueryOptions& options, bool json) {
  auto question = question_of(options);
  if (!question) return exit_with(question.error());
  client.ask(std::move(*question));
  const Json answer = client.take();
  const int code = exit_code_of(answer);
  if (json) {
    std::printf("%s\n", print_json(answer).c_str());
  } else if (code == kExitDone) {
    std::fputs(answer_text(answer).c_str(), stdout);
  } else {
    notice(answer["error"].value("code", "") + ": " + answer["error"].value("message", ""));
  }
  return code;
}

/// A question of a file's line, with what the flags say for all.
void ask_line(QueryClient& client, const QueryOptions& options, std::string_view line) {
  auto question = parse_json(line);
  if (!question || !question->is_object()) {
    client.answer_at_once(query_error(
        "bad_query", question ? "the query is not an object" : question.error().message));
    return;
  }
  if (!options.view.empty()) (*question)["view"] = options.view;
  client.ask(std::move(*question));
}

/// The worse of two exit codes: no answer, then bad input, then done.
int worse(int a, int b) {
  return a == kExitFailed || b == kExitFailed ? kExitFailed : std::max(a, b);
}

int ask_file(QueryClient& client, const QueryOptions& options) {
  const auto source = LineSource::open(options.file, false);
  if (!source) return exit_with(source.error());
  int code = kExitDone;
  const auto print_next = [&] {
    const Json answer = client.take();
    code = worse(code, exit_code_of(answer));
    const std::string line = print_json(answer) + "\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
  };
  const auto ask = [&](const LineSource::Line& line) {
    if (line.text.find_first_not_of(" \t\r") == std::string_view::npos && !line.too_long) return;
    if (client.full()) print_next();
    if (line.too_long) {
      client.answer_at_once(query_error("bad_query", "the line is too long"));
    } else {
      ask_line(client, options, line.text);
    }
  };
  while (true) {
    const auto reading = (*source)->next();
    if (!reading) return exit_with(reading.error());
    if (std::holds_alternative<LineSource::End>(*reading)) {
      // Unlike a file of events, one of questions is not one that is still being written.
      if (const auto last = (*source)->take_unfinished()) ask(*last);
      break;
    }
    if (std::holds_alternative<LineSource::MoreToRead>(*reading)) continue;
    if (std::holds_alternative<LineSource::NothingYet>(*reading)) {
      // Somebody types, or waits for our answer before the next question.
      while (!client.idle()) print_next();
      std::fflush(stdout);
      (*source)->wait(limits::kFollowPollInterval, -1);
      continue;
    }
    ask(std::get<LineSource::Line>(*reading));
  }
  while (!client.idle()) print_next();
  return std::fflush(stdout) == 0 ? code : kExitFailed;
}

int query(const Globals& globals, const QueryOptions& options) {
  if (options.file.empty() && (options.skus.empty() || options.to_zone.empty())) {
    return exit_with({ErrorCode::kBadInput, "query edd needs --sku and --to, or --file"});
  }
  const auto topology = load(globals);
  if (!topology) return exit_with(topology.error());
  const auto node = reach_sourcing_node(*topology, options.node);
  if (!node) return exit_with(node.error());
  QueryClient client;
  if (auto connected = client.connect(node_endpoints(*topology, **node).query); !connected) {
    return exit_with(connected.error());
  }
  return options.file.empty() ? ask_one(client, options, globals.json) : ask_file(client, options);
}

}  // namespace

void add_query_verb(CLI::App& app, Globals& globals) {
  CLI::App* parent = app.add_subcommand("query", "Asks a node");
  parent->require_subcommand(1);
  CLI::App* verb = add_verb(
      *parent, globals, "edd", "Asks a sourcing node when an order would arrive",
      "  forebay query edd --sku TENT-2P --sku MAP-ALPS:2 --to EU-W\n"
      "  forebay query edd --sku TENT-2P --to EU-W --at-least inventory=1200 --timeout 5s --json\n"
      "  forebay query edd --file queries.ndjson      one answer in JSON a line, in this order\n"
      "Exit codes: 0 answered (also that it is not possible), 1 no answer, timeout, diverged, 2 "
      "bad usage or query, unknown SKU.\n");
  add_json_flag(*verb, globals);
  auto options = std::make_shared<QueryOptions>();
  verb->add_option("--node", options->node, "The sourcing node (default: the only one)")
      ->type_name("NAME");
  auto* sku = verb->add_option("--sku", options->skus, "What is ordered, and how many (1)")
                  ->type_name("SKU[:QUANTITY]");
  auto* zone = verb->add_option("--to", options->to_zone, "Where to")->type_name("ZONE");
  auto* at = verb->add_option("--at", options->at, "When it is ordered, RFC 3339 (default: now)")
                 ->type_name("TIME");
  auto* at_least = verb->add_option("--at-least", options->at_least,
                                    "Answer only once the view has applied this much of a stream")
                       ->type_name("STREAM=SEQUENCE|TOKEN");
  auto* timeout =
      verb->add_option("--timeout", options->timeout, "How long to wait for that (default: 1s)")
          ->type_name("DURATION");
  verb->add_option("--view", options->view, "A view beside the live one")->type_name("NAME");
  auto* file = verb->add_option("--file", options->file,
                                "Questions in JSON, one a line, in the fields of docs/edd.md; - is "
                                "stdin")
                   ->type_name("FILE");
  for (CLI::Option* one : {sku, zone, at, at_least, timeout}) file->excludes(one);
  run_as(*verb, globals, [&globals, options] { return query(globals, *options); });
}

}  // namespace forebay
