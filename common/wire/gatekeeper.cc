#include "common/wire/gatekeeper.h"

#include <spdlog/spdlog.h>

#include "common/base/limits.h"

namespace forebay {
namespace {

constexpr std::chrono::milliseconds kStopInterval{100};
constexpr const char* kEndpoint = "inproc://zeromq.zap.01";

// Frames of a request, after the route and an empty one.
constexpr std::size_t kZapVersion = 2, kRequest = 3, kAddress = 5, kMechanism = 7, kKey = 8;
constexpr std::size_t kFrames = 9;

}  // namespace

Result<std::unique_ptr<Gatekeeper>> Gatekeeper::start(Context& context, Names names) {
  Socket socket(context, SocketKind::kRouter, limits::kControlHighWaterMessages);
  if (auto bound = socket.bind(kEndpoint); !bound) return fail(bound.error());
  return std::unique_ptr<Gatekeeper>(new Gatekeeper(std::move(socket), std::move(names)));
}

Gatekeeper::Gatekeeper(Socket socket, Names names)
    : socket_(std::move(socket)), names_(std::move(names)), thread_([this] { run(); }) {}

Gatekeeper::~Gatekeeper() {
  stopped_ = true;
  thread_.join();
}

void Gatekeeper::rename(Names names) {
  const std::lock_guard hold(mutex_);
  names_ = std::move(names);
}

void Gatekeeper::run() {
  Poller poller;
  poller.add(socket_);
  while (!stopped_) {
    poller.wait(kStopInterval);
    while (auto request = socket_.receive(kFrames + 1)) answer(std::move(*request));
  }
}

void Gatekeeper::answer(std::vector<Message> request) {
  if (request.size() < kMechanism) return;  // not ZAP, and nobody to answer
  std::string name;
  if (request.size() == kFrames && request[kZapVersion].view() == "1.0" &&
      request[kMechanism].view() == "CURVE") {
    const std::string key = encode_key(request[kKey].view());
    {
      const std::lock_guard hold(mutex_);
      if (const auto known = names_.find(key); known != names_.end()) name = known->second;
    }
    if (name.empty()) log_refusal(key, request[kAddress].view());
  }
  ++(name.empty() ? refused_ : let_in_);
  std::vector<Message> reply;
  reply.push_back(std::move(request[0]));
  reply.push_back(std::move(request[1]));
  reply.push_back(std::move(request[kZapVersion]));
  reply.push_back(std::move(request[kRequest]));
  for (const std::string_view text : {std::string_view(name.empty() ? "400" : "200"),
                                      std::string_view(name.empty() ? "unknown key" : "OK"),
                                      std::string_view(name), std::string_view()})
    reply.emplace_back(text);
  static_cast<void>(socket_.send(reply));
}

void Gatekeeper::log_refusal(const std::string& key, std::string_view address) {
  if (const auto count = logged_.next(address))
    spdlog::warn("refused {} connections from {}: the key {} is not in the topology's [keys]",
                 *count, address, key);
}

}  // namespace forebay
