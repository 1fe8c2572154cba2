#include "common/base/time_service.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

namespace forebay {
namespace {

/// A bus of our own, in the place of the system's.
class Bus {
 public:
  Bus() {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
    child_ = ::fork();
    REQUIRE(child_ >= 0);
    if (child_ == 0) {
      ::dup2(pipe[1], STDOUT_FILENO);
      ::execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--print-address", nullptr);
      ::_exit(1);
    }
    ::close(pipe[1]);
    std::array<char, 512> text{};
    const ssize_t got = ::read(pipe[0], text.data(), text.size());
    ::close(pipe[0]);
    REQUIRE(got > 1);
    REQUIRE(::setenv("DBUS_SYSTEM_BUS_ADDRESS",
                     std::string(text.data(), static_cast<std::size_t>(got - 1)).c_str(), 1) == 0);
  }
  ~Bus() {
    ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

 private:
  pid_t child_ = 0;
};

int say(sd_bus*, const char*, const char*, const char*, sd_bus_message* reply, void* says,
        sd_bus_error*) {
  return sd_bus_message_append(reply, "b", static_cast<int>(*static_cast<bool*>(says)));
}

/// What the time service serves, on the bus that there is.
class TimeService {
 public:
  explicit TimeService(bool says) : says_(says) {
    static const sd_bus_vtable vtable[] = {SD_BUS_VTABLE_START(0),
                                           SD_BUS_PROPERTY("NTPSynchronized", "b", say, 0, 0),
                                           SD_BUS_VTABLE_END};
    REQUIRE(sd_bus_open_system(&bus_) >= 0);
    REQUIRE(sd_bus_add_object_vtable(bus_, nullptr, "/org/freedesktop/timedate1",
                                     "org.freedesktop.timedate1", vtable, &says_) >= 0);
    REQUIRE(sd_bus_request_name(bus_, "org.freedesktop.timedate1", 0) >= 0);
    thread_ = std::thread([this] {
      while (!ended_) {
        if (sd_bus_process(bus_, nullptr) == 0) sd_bus_wait(bus_, 10'000);
      }
    });
  }
  ~TimeService() {
    ended_ = true;
    thread_.join();
    sd_bus_flush_close_unref(bus_);
  }
  TimeService(const TimeService&) = delete;
  TimeService& operator=(const TimeService&) = delete;

 private:
  bool says_;
  sd_bus* bus_ = nullptr;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

TEST_CASE("TheTimeServiceSaysWhetherTheClockIsSynchronised") {
  const Bus bus;
  for (const bool says : {true, false}) {
    const TimeService service(says);
    CHECK(time_service_says_synchronised() == says);
  }
}

TEST_CASE("WithoutATimeServiceOrABusNobodyCallsTheClockSynchronised") {
  {
    const Bus bus;
    CHECK_FALSE(time_service_says_synchronised());
  }
  REQUIRE(::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus", 1) == 0);
  CHECK_FALSE(time_service_says_synchronised());
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

}  // namespace
}  // namespace forebay
