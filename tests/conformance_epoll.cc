// Vectors epoll: lists of system calls on epoll sets and on the files that they watch, all without
// sleeping, with what a Linux kernel returned. Lists of events are compared in order.
#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/descriptors.h"
#include "net/epoll.h"
#include "net/epoll_calls.h"
#include "net/eventfd.h"
#include "net/file.h"
#include "net/pipe.h"
#include "net/stream_socket.h"
#include "sim/engine.h"
#include "tests/conformance.h"

namespace vmsim::tests {
namespace {

using net::File;
using net::IoResult;
using net::Ref;

constexpr int kDescriptors = 1024;

struct EventName {
  std::string_view name;
  sim::EventMask bit;
};
constexpr EventName kEventNames[] = {
    {"in", sim::kEventIn},   {"pri", sim::kEventPri}, {"out", sim::kEventOut},
    {"err", sim::kEventErr}, {"hup", sim::kEventHUp}, {"rdhup", sim::kEventRdHUp},
};

Json NamesOf(sim::EventMask events) {
  Json names = Json::array();
  for (const EventName& event : kEventNames) {
    if ((events & event.bit) != 0) names.push_back(std::string(event.name));
  }
  return names;
}

net::EpollRequest RequestOf(const Json& op) {
  net::EpollRequest request;
  request.data = static_cast<uint64_t>(
      Int(op.at("data"), std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()));
  for (const Json& name : op.at("events")) {
    const auto* event = std::find_if(std::begin(kEventNames), std::end(kEventNames),
                                     [&](const EventName& e) { return name == e.name; });
    if (event != std::end(kEventNames)) {
      request.mask |= event->bit;
    } else if (name == "et") {
      request.flags |= net::kEdgeTriggered;
    } else if (name == "oneshot") {
      request.flags |= net::kOneShot;
    } else if (name == "exclusive") {
      request.flags |= net::kExclusive;
    } else {
      throw BadVector(absl::StrCat("unknown event ", name.dump()));
    }
  }
  return request;
}

uint64_t Unsigned64(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  return static_cast<uint64_t>(Int(value, 0, std::numeric_limits<int64_t>::max()));
}

Json ErrorOf(int error) {
  if (error == 0) return {{"r", 0}};
  return {{"r", -1}, {"err", std::string(net::ErrnoName(error))}};
}

Json CountOf(const IoResult& result) {
  return result.error != 0 ? ErrorOf(result.error) : Json{{"r", result.bytes}};
}

// A file on a disk: always ready, so that nobody can wait for it. Reads are at its end.
class RegularFile final : public File {
 public:
  explicit RegularFile(net::OpenFiles& files) : File(files) {}
  std::string_view kind() const override { return "file"; }
  bool CanPoll() const override { return false; }
  sim::EventMask Peek(sim::EventMask mask) const override {
    return mask & (sim::kReadableEvents | sim::kWritableEvents);
  }
  IoResult TryRead(int64_t, net::IoMode) override { return {}; }
  IoResult TryWrite(int64_t n, net::IoMode) override { return {.bytes = n}; }
};

// The process that makes the calls.
class EpollProcess {
 public:
  Json Run(const Json& op) {
    const std::string what = op.at("op");
    for (const Call& call : kCalls) {
      if (what == call.name) return (this->*call.run)(op);
    }
    throw BadVector(absl::StrCat("unknown operation ", what));
  }

  void CheckInvariants() const {
    for (int fd = 0; fd < kDescriptors; ++fd) {
      const Ref<File> file = descriptors_.Get(fd);
      if (file && file->AsEventPoll() != nullptr) file->AsEventPoll()->CheckInvariants();
    }
  }

 private:
  struct Call {
    std::string_view name;
    Json (EpollProcess::*run)(const Json& op);
  };
  static const std::array<Call, 13> kCalls;

  static int Fd(const Json& op, const char* field) {
    return static_cast<int>(Int(op.at(field), -1, kDescriptors - 1));
  }
  static int64_t Bytes(const Json& op) { return Int(op.at("n"), 0, int64_t{1} << 40); }
  Json Install(const Json& op, const char* field, Ref<File> file) {
    return ErrorOf(descriptors_.InstallAt(Fd(op, field), std::move(file)).error);
  }

  Json EpollCreate(const Json& op) {
    return Install(op, "fd", Ref<File>(net::EventPoll::Create(files_)));
  }
  Json EventFd(const Json& op) {
    const uint64_t initial = Unsigned64(op.at("init"));
    if (initial > net::EventFd::kMostCount) throw BadVector("init is too large");
    return Install(op, "fd", Ref<File>(net::EventFd::Create(files_, initial)));
  }
  Json Pipe(const Json& op) {
    net::Pipe pipe =
        net::Pipe::Create(files_, static_cast<int>(Int(op.at("slots"), 1, net::kMostPipeSlots)));
    Install(op, "r", Ref<File>(pipe.reader));
    return Install(op, "w", Ref<File>(pipe.writer));
  }
  Json SocketPair(const Json& op) {
    net::SocketPair pair = net::StreamSocket::CreatePair(files_);
    Install(op, "a", Ref<File>(pair.a));
    return Install(op, "b", Ref<File>(pair.b));
  }
  Json RegFile(const Json& op) { return Install(op, "fd", Ref<File>(new RegularFile(files_))); }
  Json Dup(const Json& op) { return ErrorOf(descriptors_.Dup(Fd(op, "from"), Fd(op, "to")).error); }
  Json Close(const Json& op) { return ErrorOf(descriptors_.Close(Fd(op, "fd"))); }

  Json Ctl(const Json& op) {
    const std::string cmd = op.at("cmd");
    const net::EpollCommand command = cmd == "add"   ? net::EpollCommand::kAdd
                                      : cmd == "mod" ? net::EpollCommand::kMod
                                                     : net::EpollCommand::kDel;
    if (command == net::EpollCommand::kDel && cmd != "del") {
      throw BadVector(absl::StrCat("unknown command ", cmd));
    }
    const net::EpollRequest request =
        command == net::EpollCommand::kDel ? net::EpollRequest{} : RequestOf(op);
    return ErrorOf(calls_.Ctl(Fd(op, "ep"), command, Fd(op, "fd"), request));
  }
  Json Wait(const Json& op) {
    std::vector<net::EpollEvent> events;
    const int64_t max =
        Int(op.at("max"), std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
    if (const int error = calls_.Poll(Fd(op, "ep"), max, &events)) return ErrorOf(error);
    Json list = Json::array();
    for (const net::EpollEvent& event : events) {
      list.push_back(Json::array({static_cast<int64_t>(event.data), NamesOf(event.events)}));
    }
    return {{"r", events.size()}, {"events", list}};
  }
  Json Poll(const Json& op) {
    const Ref<File> file = descriptors_.Get(Fd(op, "fd"));
    if (!file) return ErrorOf(net::kEbadf);
    return {{"r", NamesOf(file->Readiness(sim::kAllEvents))}};
  }

  Json Write(const Json& op) {
    const Ref<File> file = descriptors_.Get(Fd(op, "fd"));
    if (!file) return ErrorOf(net::kEbadf);
    if (auto* counter = dynamic_cast<net::EventFd*>(file.get())) {
      const int error = counter->TryAdd(Unsigned64(op.at("n")));
      return error != 0 ? ErrorOf(error) : Json{{"r", net::EventFd::kBytes}};
    }
    return CountOf(file->TryWrite(Bytes(op), net::IoMode::kNonBlocking));
  }
  Json Read(const Json& op) {
    const Ref<File> file = descriptors_.Get(Fd(op, "fd"));
    if (!file) return ErrorOf(net::kEbadf);
    if (auto* counter = dynamic_cast<net::EventFd*>(file.get())) {
      const net::EventFd::Taken taken = counter->TryTake();
      if (taken.error != 0) return ErrorOf(taken.error);
      return {{"r", net::EventFd::kBytes}, {"value", taken.value}};
    }
    return CountOf(file->TryRead(Bytes(op), net::IoMode::kNonBlocking));
  }
  Json Shutdown(const Json& op) {
    const Ref<File> file = descriptors_.Get(Fd(op, "fd"));
    if (!file) return ErrorOf(net::kEbadf);
    auto* socket = dynamic_cast<net::StreamSocket*>(file.get());
    if (socket == nullptr) return ErrorOf(net::kEnotsock);
    const std::string how = op.at("how");
    if (how != "rd" && how != "wr" && how != "rdwr") {
      throw BadVector(absl::StrCat("unknown way to shut down: ", how));
    }
    socket->Shutdown(how == "rd"   ? net::ShutdownHow::kRead
                     : how == "wr" ? net::ShutdownHow::kWrite
                                   : net::ShutdownHow::kBoth);
    return ErrorOf(0);
  }

  sim::Engine engine_;
  net::OpenFiles files_{engine_};
  net::DescriptorTable descriptors_{files_, kDescriptors};
  net::EpollCalls calls_{descriptors_, net::EpollMode::kLinux};
};

const std::array<EpollProcess::Call, 13> EpollProcess::kCalls = {{
    {"epoll_create", &EpollProcess::EpollCreate},
    {"eventfd", &EpollProcess::EventFd},
    {"pipe", &EpollProcess::Pipe},
    {"socketpair", &EpollProcess::SocketPair},
    {"regfile", &EpollProcess::RegFile},
    {"dup", &EpollProcess::Dup},
    {"close", &EpollProcess::Close},
    {"ctl", &EpollProcess::Ctl},
    {"wait", &EpollProcess::Wait},
    {"poll", &EpollProcess::Poll},
    {"write", &EpollProcess::Write},
    {"read", &EpollProcess::Read},
    {"shutdown", &EpollProcess::Shutdown},
}};

}  // namespace

std::string RunEpoll(const Json& vector) {
  const Json& ops = vector.at("ops");
  const Json& expect = vector.at("expect");
  if (ops.size() != expect.size()) throw BadVector("ops and expect differ in length");
  EpollProcess process;
  for (size_t i = 0; i < ops.size(); ++i) {
    const std::string difference =
        Difference(absl::StrCat("op ", i, " ", ops[i].dump()), expect[i], process.Run(ops[i]));
    if (!difference.empty()) {
      return absl::StrCat(vector.value("name", ""), ": ", difference);
    }
    process.CheckInvariants();
  }
  return "";
}

}  // namespace vmsim::tests
