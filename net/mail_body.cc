#include "net/mail_body.h"

#include <algorithm>
#include <utility>

#include "net/body_touch.h"
#include "sim/errno.h"

namespace vmsim::net {
namespace {

constexpr vm::Vpage kBodyBase = vm::Vpage{1} << 20;    // 4 GiB, above everything else.
constexpr vm::Vpage kBodyEnd = vm::Vpage{1} << 30;     // 4 TiB; then from the base again.
constexpr uint64_t kMaxBodyPages = uint64_t{1} << 24;  // 64 GiB.

uint64_t PagesOf(int64_t bytes) {
  return (static_cast<uint64_t>(bytes) + vm::kPageSize - 1) >> vm::kPageShift;
}

// Bytes of the pages that the range touches.
uint64_t WholePages(const BodyRange& range) {
  return (range.end_page() - range.first_page()) << vm::kPageShift;
}

}  // namespace

MailBodies::MailBodies(vm::VmSystem& vm, vm::Process& process, vfs::VfsSystem* vfs,
                       vfs::Mount* mount)
    : vm_(vm), process_(process), vfs_(vfs), mount_(mount), next_(kBodyBase) {}

sim::Task<int> MailBodies::Make(BodyPlace place, int64_t bytes, MailBody* body) {
  const uint64_t pages = PagesOf(bytes);
  if (pages > kMaxBodyPages) co_return sim::kEnomem;
  *body = {};
  vm::MapEntry entry;
  if (place == BodyPlace::kSpool) {
    const int error = co_await MakeFile(bytes, body);
    if (error != 0) co_return error;
    vm::Object& object = *body->file.vnode->object;
    vm_.object_ops().Reference(object);
    entry.object = object.id;
    entry.inheritance = vm::Inheritance::kShare;
  }
  if (next_ + pages > kBodyEnd) next_ = kBodyBase;
  const vm::Vpage start = process_.space.FindSpace(next_, pages);
  const int error = vm_.Map(process_, start, static_cast<uint32_t>(pages), entry);
  if (error != 0) {
    if (entry.object != vm::kNoObject) co_await vm_.Deallocate(entry.object);
    co_await DropFile(body);
    co_return error;
  }
  next_ = start + pages;
  body->range = {start << vm::kPageShift, static_cast<uint64_t>(bytes)};
  co_await vm_.engine().Consume(vm_.config().costs.syscall_ns);
  co_return 0;
}

sim::Task<int> MailBodies::MakeFile(int64_t bytes, MailBody* body) {
  body->name = "spool/" + std::to_string(files_made_++);
  int error = 0;
  body->file.vnode =
      vfs_->Open(body->name, {.create = true, .exclusive = true, .mount = mount_}, &error);
  if (error != 0) co_return error;
  error = co_await vfs_->ops().Truncate(body->file, bytes);
  if (error != 0) co_await DropFile(body);
  co_return error;
}

sim::Task<int> MailBodies::Store(const MailBody& body, int64_t first, int64_t bytes) {
  const BodyRange part{body.range.address + static_cast<uint64_t>(first),
                       static_cast<uint64_t>(bytes)};
  for (vm::Vpage page = part.first_page(); page < part.end_page(); ++page) {
    const PageTouch touch = co_await TouchPage(vm_.engine(), vm_, process_, page, /*write=*/true);
    if (touch.result != vm::FaultResult::kSuccess) co_return ErrnoOf(touch.result);
    co_await vm_.engine().Consume(vm_.config().costs.page_copy_ns);
  }
  co_return 0;
}

sim::Task<int> MailBodies::Sync(MailBody& body) {
  if (body.file.vnode == nullptr) co_return 0;
  const int error = co_await vfs_->ops().Fsync(body.file);
  co_return error;
}

sim::Task<int> MailBodies::SwapOut(const MailBody& body) {
  if (body.file.vnode == nullptr) co_return 0;
  const int error = co_await vm_.syscalls().Msync(
      process_, body.range.address, WholePages(body.range), vm::kMsSync | vm::kMsInvalidate);
  co_return error;
}

sim::Task<void> MailBodies::Drop(MailBody* body) {
  if (body->mapped()) {
    const BodyRange range = body->range;
    body->range = {};
    co_await vm_.syscalls().Munmap(process_, range.address, WholePages(range));
  }
  co_await DropFile(body);
}

sim::Task<void> MailBodies::DropFile(MailBody* body) {
  if (body->file.vnode == nullptr) co_return;
  co_await vfs_->Unlink(body->name);
  vfs::Vnode* vnode = std::exchange(body->file.vnode, nullptr);
  co_await vfs_->Close(*vnode);
}

}  // namespace vmsim::net
