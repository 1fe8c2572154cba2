#include "common/watch/watch.h"

#include <httplib.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/limits.h"
#include "tests/support/eventually.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_dir.h"

namespace forebay {
namespace {

/// A watch, and a main loop that answers when it is told to.
struct WatchFixture {
  test::FreePort port;
  Watch watch{{"inventory", "9.9.9", "127.0.0.1", port.number(), "", {}}, [](const Json& report) {
                Findings findings;
                findings.line = "fine";
                findings.metrics.gauge("forebay_value", "A value.", {}, report.at("value"));
                for (const Json& what : report.at("wrong"))
                  findings.conditions.push_back({what, "a stream", "so it is"});
                for (const Json& why : report.at("not_ready")) findings.not_ready.push_back(why);
                return findings;
              }};

  /// Answers the next question.
  void answer(Json report) {
    pollfd bell{watch.descriptor(), POLLIN, 0};
    REQUIRE(::poll(&bell, 1, 20'000) == 1);
    REQUIRE(watch.asks());
    for (const char* key : {"wrong", "not_ready"}) report.emplace(key, Json::array());
    watch.answer([&] { return Result<Json>(std::move(report)); });
  }
  httplib::Result get(const std::string& path) const {
    return httplib::Client("127.0.0.1", port.number()).Get(path);
  }
  /// What /health says, once it says it.
  bool says(int status, const Json& body) const {
    return test::eventually([&] {
      const auto answered = get("/health");
      return answered && answered->status == status && Json::parse(answered->body) == body;
    });
  }
};

TEST_CASE("AReportBecomesMetrics") {
  WatchFixture f;
  f.answer({{"value", 5}});
  CHECK(test::eventually([&] {
    const auto page = f.get("/metrics");
    return page && page->body.find("forebay_value 5\n") != std::string::npos;
  }));
}

TEST_CASE("ItSaysOfWhichVersionItIsSinceWhenAndHowMuchMemoryItHas") {
  const WallTime before = SystemClock().wall();
  WatchFixture f;
  f.answer({{"value", 5}});
  std::string page;
  REQUIRE(test::eventually([&] {
    const auto answered = f.get("/metrics");
    if (answered) page = answered->body;
    return page.find("forebay_value 5\n") != std::string::npos;
  }));
  CHECK_THAT(page, Catch::Contains("forebay_build_info{version=\"9.9.9\"} 1\n"));
  const auto value = [&](const std::string& name) {
    const auto at = page.find("\n" + name + " ");
    REQUIRE(at != std::string::npos);
    return std::stod(page.substr(at + name.size() + 2));
  };
  const double since = std::chrono::duration<double>(before.time_since_epoch()).count();
  CHECK(value("process_start_time_seconds") >= since - 0.001);
  CHECK(value("process_start_time_seconds") < since + 60);
  CHECK(value("process_resident_memory_bytes") > 1 << 20);
}

TEST_CASE("WhetherItIsReadyIsAMetric") {
  WatchFixture f;
  const auto ready = [&](const std::string& value) {
    return test::eventually([&] {
      const auto page = f.get("/metrics");
      return page && page->body.find("forebay_ready " + value + "\n") != std::string::npos;
    });
  };
  f.answer({{"value", 5}});
  CHECK(ready("1"));
  f.answer({{"value", 5}, {"not_ready", {"the log is full"}}});
  CHECK(ready("0"));
}

TEST_CASE("ItIsReadyOnceItsMainLoopHasAnsweredAndSaysWhatForbidsIt") {
  WatchFixture f;
  CHECK(f.says(503, {{"live", false}, {"ready", false}, {"reasons", {"it has just begun"}}}));
  f.answer({{"value", 1}});
  CHECK(f.says(200, {{"live", true}, {"ready", true}, {"reasons", Json::array()}}));
  f.answer({{"value", 1}, {"not_ready", {"the log is full"}}});
  CHECK(f.says(503, {{"live", true}, {"ready", false}, {"reasons", {"the log is full"}}}));
}

TEST_CASE("AReportThatCannotBeMadeMakesItNotReadyAndIsNoEnd") {
  WatchFixture f;
  f.answer({{"value", 1}});
  pollfd bell{f.watch.descriptor(), POLLIN, 0};
  REQUIRE(::poll(&bell, 1, 20'000) == 1);
  REQUIRE(f.watch.asks());
  f.watch.answer([] { return Result<Json>(fail(ErrorCode::kIo, "a bad disk")); });
  CHECK(f.says(503, {{"live", true}, {"ready", false}, {"reasons", {"a bad disk"}}}));
  CHECK(f.get("/metrics")->status == 503);  // and not what it was like before
  f.answer({{"value", 1}});
  CHECK(f.says(200, {{"live", true}, {"ready", true}, {"reasons", Json::array()}}));
}

/// In the place of systemd.
class Notified {
 public:
  Notified() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un place{};
    place.sun_family = AF_UNIX;
    const std::string path = dir_ / "notify";
    path.copy(place.sun_path, sizeof place.sun_path - 1);
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0);
    REQUIRE(::setenv("NOTIFY_SOCKET", path.c_str(), 1) == 0);
  }
  ~Notified() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(socket_);
  }
  Notified(const Notified&) = delete;
  Notified& operator=(const Notified&) = delete;

  /// All messages that came.
  std::vector<std::string> take() {
    std::vector<std::string> messages;
    std::array<char, 1024> some;
    for (ssize_t got = 0; (got = ::recv(socket_, some.data(), some.size(), 0)) > 0;)
      messages.emplace_back(some.data(), static_cast<std::size_t>(got));
    return messages;
  }

 private:
  test::TempDir dir_;
  int socket_;
};

TEST_CASE("AMainLoopThatStandsStillIsNotLiveNotVouchedForAndAskedOnlyOnce") {
  Notified systemd;
  WatchFixture f;
  f.answer({{"value", 1}});
  CHECK(test::eventually([&] {
    const auto health = f.get("/health");
    return health && health->body.find("\"live\":false") != std::string::npos &&
           health->body.find("its main loop has not answered for") != std::string::npos;
  }));
  REQUIRE(f.watch.asks());
  CHECK_FALSE(f.watch.asks());
  CHECK(systemd.take() == std::vector<std::string>{"WATCHDOG=1\nSTATUS=fine"});
  CHECK(test::eventually([&] { return !f.watch.alerts()["raised"].empty(); }));
  CHECK(f.watch.alerts()["raised"][0]["alert"] == "stuck");
}

TEST_CASE("AlertsAreInTheReportAndInTheMetrics") {
  WatchFixture f;
  f.answer({{"value", 1}, {"wrong", {"lag"}}});
  CHECK(test::eventually([&] { return !f.watch.alerts()["raised"].empty(); }));
  CHECK(f.watch.alerts()["raised"][0]["alert"] == "lag");
  const std::string line = "forebay_alert{alert=\"lag\",subject=\"a stream\"} 1\n";
  CHECK(test::eventually([&] {
    const auto page = f.get("/metrics");
    return page && page->body.find(line) != std::string::npos;
  }));
}

TEST_CASE("AWatchThatIsNotAnsweredEnds") { const WatchFixture f; }

TEST_CASE("AProgramIsToldAfterAReloadOfWhatWasRaisedBeforeIt") {
  const test::TempDir dir;
  const std::string program = dir / "hook";
  std::ofstream(program) << "#!/bin/sh\nwhile [ ! -e " << dir / "go"
                         << " ]; do sleep 0.01; done\n"
                         << "echo $2 >> " << dir / "told"
                         << "\n";
  REQUIRE(::chmod(program.c_str(), 0700) == 0);
  Watch::Options options;
  options.exec = program;
  const auto wrong = [](const Json&) {
    Findings findings;
    findings.conditions = {{"full", "", "so it is"}, {"lag", "b", "so it is"}};
    return findings;
  };
  {
    Watch watch(options, wrong);
    watch.answer([] { return Result<Json>(Json::object()); });
    REQUIRE(test::eventually([&] { return watch.alerts()["raised"].size() == 2; }));
  }
  const Watch anew(options, wrong);
  CHECK(anew.alerts()["raised"].size() == 2);
  std::ofstream(dir / "go").flush();
  CHECK(test::eventually([&] {
    std::ifstream told(dir / "told");
    return std::string(std::istreambuf_iterator<char>(told), {}) == "full\nlag\n";
  }));
}

}  // namespace
}  // namespace forebay
