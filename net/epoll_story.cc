#include "net/epoll_story.h"

#include <sstream>
#include <utility>

#include "net/eventfd.h"
#include "net/pipe.h"
#include "net/stream_socket.h"
#include "net/timer.h"
#include "sim/check.h"

namespace vmsim::net {

namespace {

constexpr std::pair<std::string_view, EventMask> kNames[] = {
    {"in", sim::kEventIn},   {"pri", sim::kEventPri}, {"out", sim::kEventOut},
    {"err", sim::kEventErr}, {"hup", sim::kEventHUp}, {"rdhup", sim::kEventRdHUp},
};
constexpr std::pair<std::string_view, EntryFlags> kFlags[] = {
    {"et", kEdgeTriggered}, {"oneshot", kOneShot}, {"exclusive", kExclusive}};

class UnpollableFile final : public File {
 public:
  explicit UnpollableFile(OpenFiles& files) : File(files) {}
  std::string_view kind() const override { return "file"; }
  bool CanPoll() const override { return false; }
  EventMask Peek(EventMask mask) const override {
    return mask & (sim::kReadableEvents | sim::kWritableEvents);
  }
};

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

std::string ErrorText(int error) { return std::string(ErrnoName(error)); }

EpollRequest ParseRequest(const std::string& what, uint64_t data) {
  EpollRequest request;
  request.data = data;
  if (what == "-") return request;
  for (const std::string& word : Split(what, ',')) {
    bool known = false;
    for (const auto& [name, bit] : kNames) {
      if (word == name) request.mask |= bit, known = true;
    }
    for (const auto& [name, flag] : kFlags) {
      if (word == name) request.flags |= flag, known = true;
    }
    CHECK(known, "no event or flag ", word);
  }
  return request;
}

}  // namespace

std::string EpollStory::EventNames(EventMask events, std::string_view separator) {
  std::string text;
  for (const auto& [name, bit] : kNames) {
    if ((events & bit) == 0) continue;
    if (!text.empty()) text += separator;
    text += name;
  }
  return text;
}

std::string EpollStory::Show(const std::vector<EpollEvent>& events) const {
  std::string text;
  for (const EpollEvent& event : events) {
    text += (text.empty() ? "" : " ") + name(event.data) + ":" + EventNames(event.events, ",");
  }
  return "[" + text + "]";
}

void EpollStory::CheckInvariants() const {
  for (size_t fd = 0; fd < names_.size(); ++fd) {
    const Ref<File> file = descriptors_.Get(static_cast<int>(fd));
    if (file && file->AsEventPoll() != nullptr) file->AsEventPoll()->CheckInvariants();
  }
}

std::string EpollStory::Run(std::string_view text) {
  std::string outcome;
  for (const std::string& statement : Split(text, ';')) {
    const Words words = Split(statement, ' ');
    if (words.empty()) continue;
    const std::string one = Do(words);
    if (!one.empty()) outcome += (outcome.empty() ? "" : " ") + one;
    CheckInvariants();
  }
  return outcome;
}

int EpollStory::NewFd(const std::string& name) {
  const int fd = static_cast<int>(names_.size());
  CHECK(fds_.emplace(name, fd).second, "two files named ", name);
  names_.push_back(name);
  return fd;
}

// "" if `words` creates nothing.
std::string EpollStory::Create(const Words& words) {
  const auto number = [&](size_t i, int otherwise) {
    return i < words.size() ? std::stoi(words[i]) : otherwise;
  };
  const auto install = [&](const std::string& name, Ref<File> file) {
    return ErrorText(descriptors_.InstallAt(NewFd(name), std::move(file)).error);
  };
  const std::string& what = words[0];
  if (what == "epoll") return install(words[1], Ref<File>(EventPoll::Create(files_, mode_)));
  if (what == "eventfd") {
    const auto count = static_cast<uint64_t>(number(2, 0));
    return install(words[1], Ref<File>(EventFd::Create(files_, count)));
  }
  if (what == "timer") return install(words[1], Ref<File>(Timer::Create(files_)));
  if (what == "file") return install(words[1], Ref<File>(new UnpollableFile(files_)));
  if (what == "pipe") {
    const Pipe pipe = Pipe::Create(files_, number(3, kPipeSlots));
    install(words[1], Ref<File>(pipe.reader));
    return install(words[2], Ref<File>(pipe.writer));
  }
  CHECK_EQ(what, "sockets");
  const SocketPair pair = StreamSocket::CreatePair(files_);
  install(words[1], Ref<File>(pair.a));
  return install(words[2], Ref<File>(pair.b));
}

std::string EpollStory::Ctl(const Words& words) {
  const EpollCommand command = words[0] == "add"   ? EpollCommand::kAdd
                               : words[0] == "mod" ? EpollCommand::kMod
                                                   : EpollCommand::kDel;
  const auto number = [&](const std::string& name) {
    const auto found = fds_.find(name);
    return found != fds_.end() ? found->second : -1;
  };
  const int fd = number(words[2]);
  EpollRequest request;
  if (command != EpollCommand::kDel) request = ParseRequest(words[3], static_cast<uint64_t>(fd));
  return ErrorText(calls_.Ctl(number(words[1]), command, fd, request));
}

std::string EpollStory::ReadOrWrite(const Words& words) {
  const Ref<File> target = file(words[1]);
  const int64_t n = std::stoll(words[2]);
  const bool reads = words[0] == "read";
  if (auto* counter = dynamic_cast<EventFd*>(target.get()); counter != nullptr && !reads) {
    return ErrorText(counter->TryAdd(static_cast<uint64_t>(n)));
  }
  const IoResult result =
      reads ? target->TryRead(n, IoMode::kNonBlocking) : target->TryWrite(n, IoMode::kNonBlocking);
  if (result.error != 0) return ErrorText(result.error);
  return reads || result.bytes < n ? std::to_string(result.bytes) : "";
}

std::string EpollStory::Do(const Words& words) {
  const std::string& what = words[0];
  if (what == "add" || what == "mod" || what == "del") return Ctl(words);
  if (what == "read" || what == "write") return ReadOrWrite(words);
  if (what == "wait") {
    std::vector<EpollEvent> events;
    const int64_t max = words.size() > 2 ? std::stoll(words[2]) : 8;
    const auto set = fds_.find(words[1]);
    const int error = calls_.Poll(set != fds_.end() ? set->second : -1, max, &events);
    return error != 0 ? ErrorText(error) : Show(events);
  }
  if (what == "poll")
    return "(" + EventNames(file(words[1])->Readiness(sim::kAllEvents), " ") + ")";
  if (what == "close") return ErrorText(descriptors_.Close(fd(words[1])));
  if (what == "dup") return ErrorText(descriptors_.Dup(fd(words[1]), NewFd(words[2])).error);
  if (what == "reopen") {
    return ErrorText(
        descriptors_.InstallAt(fd(words[1]), Ref<File>(EventFd::Create(files_, 0))).error);
  }
  if (what == "shutdown") {
    dynamic_cast<StreamSocket&>(*file(words[1]))
        .Shutdown(words[2] == "rd"   ? ShutdownHow::kRead
                  : words[2] == "wr" ? ShutdownHow::kWrite
                                     : ShutdownHow::kBoth);
    return "";
  }
  return Create(words);
}

}  // namespace vmsim::net
