#include "scenarios/file_calls.h"

#include <utility>

#include "net/blocking.h"
#include "net/sendfile.h"
#include "net/stream_socket.h"
#include "sim/check.h"
#include "vfs/errno.h"
#include "vfs/vfs_system.h"

namespace vmsim::scenarios {
namespace {

uint32_t FlagsOf(const v1::Sendfile& call) {
  uint32_t flags = 0;
  if (call.nodiskio()) flags |= net::kSfNodiskio;
  if (call.nocache()) flags |= net::kSfNocache;
  if (call.sync()) flags |= net::kSfSync;
  if (call.has_user_readahead_pages()) flags |= net::kSfUserReadahead;
  return net::SendfileFlagsOf(call.user_readahead_pages(), flags);
}

}  // namespace

FileCalls::FileCalls(ProcessHost& host, const vm::Process& process)
    : host_(host),
      random_(sim::NamedStream(sim::StreamSeed(host.seed(), process.name), "random_blocks")) {}

bool FileCalls::Handles(const v1::Step& step) {
  switch (step.step_case()) {
    case v1::Step::kOpen:
    case v1::Step::kClose:
    case v1::Step::kRead:
    case v1::Step::kWrite:
    case v1::Step::kFsync:
    case v1::Step::kTruncate:
    case v1::Step::kUnlink:
    case v1::Step::kSendfile:
      return true;
    default:
      return false;
  }
}

sim::Task<vfs::IoResult> FileCalls::Run(const v1::Step& step) {
  vfs::IoResult result;
  switch (step.step_case()) {
    case v1::Step::kOpen:
      result.error = co_await Open(step.open());
      break;
    case v1::Step::kClose:
      result.error = co_await Close(step.close().file());
      break;
    case v1::Step::kRead:
      result = co_await Transfer(Direction::kRead, step.read().file(), RangeOf(step.read()));
      break;
    case v1::Step::kWrite:
      if (step.write().connection().empty()) {
        result = co_await Transfer(Direction::kWrite, step.write().file(), RangeOf(step.write()));
      } else {
        result = co_await WriteToClient(step.write());
      }
      break;
    case v1::Step::kFsync:
      result.error = co_await Fsync(step.fsync().file());
      break;
    case v1::Step::kTruncate:
      result.error = co_await Truncate(step.truncate());
      break;
    case v1::Step::kUnlink:
      result.error = co_await Unlink(step.unlink().file());
      break;
    case v1::Step::kSendfile:
      result = co_await Sendfile(step.sendfile());
      break;
    default:
      CHECK(false, "no call on files");
  }
  co_return result;
}

sim::Task<void> FileCalls::Enter() {
  co_await host_.engine().Consume(host_.vm().config().costs.syscall_ns);
}

// --- What is open ---

FileCalls::DescriptionPtr FileCalls::Use(const std::string& file, int* error) {
  *error = 0;
  const auto it = open_.find(file);
  if (it != open_.end()) return it->second;
  vfs::Vnode* vnode = vfs().Open(file, {}, error);
  if (vnode == nullptr) return nullptr;
  auto description = std::make_shared<Description>();
  description->file.vnode = vnode;
  open_[file] = description;
  return description;
}

int FileCalls::OpenIfClosed(const std::string& file) {
  int error = 0;
  Use(file, &error);
  return error;
}

vfs::OpenFile* FileCalls::Find(const std::string& file) {
  const auto it = open_.find(file);
  return it == open_.end() ? nullptr : &it->second->file;
}

sim::Task<void> FileCalls::Release(DescriptionPtr description) {
  if (--description->processes == 0) co_await vfs().Close(*description->file.vnode);
}

sim::Task<int> FileCalls::Open(const v1::Open& open) {
  co_await Enter();
  vfs::VfsSystem::OpenOptions options;
  options.create = open.create();
  options.exclusive = open.exclusive();
  if (open.create()) options.mount = &host_.FileSystem(open.file_system());
  int error = 0;
  vfs::Vnode* vnode = vfs().Open(open.file(), options, &error);
  if (vnode == nullptr) co_return error;
  auto description = std::make_shared<Description>();
  description->file.vnode = vnode;
  description->file.append = open.append();
  description->file.sync = open.sync();
  std::swap(description, open_[open.file()]);
  if (description != nullptr) co_await Release(std::move(description));
  co_return 0;
}

sim::Task<int> FileCalls::Close(const std::string& file) {
  co_await Enter();
  const auto it = open_.find(file);
  if (it == open_.end()) co_return vfs::kEbadf;
  DescriptionPtr description = std::move(it->second);
  open_.erase(it);
  co_await Release(std::move(description));
  co_return 0;
}

void FileCalls::Inherit(const FileCalls& parent) {
  open_ = parent.open_;
  for (const auto& [file, description] : open_) ++description->processes;
}

sim::Task<void> FileCalls::CloseAll() {
  while (!open_.empty()) {
    DescriptionPtr description = std::move(open_.begin()->second);
    open_.erase(open_.begin());
    co_await Release(std::move(description));
  }
}

int FileCalls::Reference(const std::string& file, vm::ObjectId* object) {
  int error = 0;
  const DescriptionPtr description = Use(file, &error);
  if (description == nullptr) return error;
  vm::Object& pages = *description->file.vnode->object;
  host_.vm().object_ops().Reference(pages);
  *object = pages.id;
  return 0;
}

// --- Reading and writing ---

template <typename Call>
FileCalls::Range FileCalls::RangeOf(const Call& call) {
  Range range{std::nullopt, call.length_bytes()};
  if (call.has_offset_bytes()) range.offset = call.offset_bytes();
  if (call.random_blocks() > 0) {
    const uint64_t block = random_.Below(static_cast<uint64_t>(call.random_blocks()));
    range.offset = call.offset_bytes() + static_cast<int64_t>(block) * call.length_bytes();
  }
  return range;
}

sim::Task<vfs::IoResult> FileCalls::Move(Direction direction, vfs::OpenFile& file, int64_t offset,
                                         int64_t length) {
  if (direction == Direction::kRead) co_return co_await vfs().ops().Read(file, offset, length);
  co_return co_await vfs().ops().Write(file, offset, length);
}

sim::Task<vfs::IoResult> FileCalls::Transfer(Direction direction, std::string file, Range range) {
  co_await Enter();
  vfs::IoResult result;
  const DescriptionPtr description = Use(file, &result.error);
  if (description == nullptr) co_return result;
  vfs::OpenFile& open = description->file;
  if (range.offset.has_value()) {
    co_return co_await Move(direction, open, *range.offset, range.length);
  }
  co_await LockOffset(*description);
  result = co_await Move(direction, open, open.offset, range.length);
  // Nothing has happened since: the end of the file is where an appended write ended.
  const bool appended = direction == Direction::kWrite && open.append && result.bytes > 0;
  open.offset = appended ? open.vnode->size : open.offset + result.bytes;
  UnlockOffset(*description);
  co_return result;
}

sim::Task<void> FileCalls::LockOffset(Description& description) {
  while (description.offset_locked) {
    co_await description.offset_channel.Sleep(host_.engine(), sim::kPriorityUser, "vofflock");
  }
  description.offset_locked = true;
}

void FileCalls::UnlockOffset(Description& description) {
  description.offset_locked = false;
  description.offset_channel.WakeOne();
}

sim::Task<int> FileCalls::Fsync(const std::string& file) {
  co_await Enter();
  int error = 0;
  const DescriptionPtr description = Use(file, &error);
  if (description == nullptr) co_return error;
  co_return co_await vfs().ops().Fsync(description->file);
}

sim::Task<int> FileCalls::Truncate(const v1::Truncate& truncate) {
  co_await Enter();
  int error = 0;
  const DescriptionPtr description = Use(truncate.file(), &error);
  if (description == nullptr) co_return error;
  co_return co_await vfs().ops().Truncate(description->file, truncate.size_bytes());
}

sim::Task<int> FileCalls::Unlink(const std::string& file) {
  co_await Enter();
  co_return co_await vfs().Unlink(file);
}

// --- Clients ---

// Data that a program writes are copied into the socket, as into a file.
sim::Task<vfs::IoResult> FileCalls::WriteToClient(const v1::Write& write) {
  co_await Enter();
  if (write.length_bytes() < 0) co_return vfs::IoResult{vfs::kEinval, 0};
  const int64_t pages = vfs::PagesOf(write.length_bytes());
  co_await host_.engine().Consume(pages * host_.vm().config().costs.page_copy_ns);
  const net::IoResult result =
      co_await net::Write(host_.ClientSocket(write.connection()), write.length_bytes());
  co_return vfs::IoResult{result.error, result.bytes};
}

// Sendfile itself pays for the call.
sim::Task<vfs::IoResult> FileCalls::Sendfile(const v1::Sendfile& sendfile) {
  vfs::IoResult result;
  const DescriptionPtr description = Use(sendfile.file(), &result.error);
  if (description == nullptr) {
    co_await Enter();
    co_return result;
  }
  net::SendfileRequest request;
  request.vnode = description->file.vnode;
  request.socket = host_.ClientSocket(sendfile.connection()).get();
  request.offset = sendfile.offset_bytes();
  request.nbytes = sendfile.length_bytes();
  request.header_bytes = sendfile.header_bytes();
  request.trailer_bytes = sendfile.trailer_bytes();
  request.flags = FlagsOf(sendfile);
  request.nonblocking = sendfile.nonblocking();
  const net::SendfileResult sent = co_await host_.sendfile().Send(request);
  co_return vfs::IoResult{sent.error, sent.sent};
}

}  // namespace vmsim::scenarios
