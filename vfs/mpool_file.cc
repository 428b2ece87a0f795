#include "vfs/mpool_file.h"

#include <algorithm>
#include <vector>

#include "sim/check.h"
#include "vfs/errno.h"

namespace vmsim::vfs {
namespace {

bool IsWholeSectors(int64_t offset, uint32_t bytes, size_t tags) {
  return offset % kSectorBytes == 0 && bytes % kSectorBytes == 0 &&
         static_cast<int64_t>(tags) >= int64_t{bytes} / kSectorBytes;
}

}  // namespace

sim::Task<void> VnodeMpoolFile::Enter() {
  co_await vfs_.engine().Consume(vfs_.vm().config().costs.syscall_ns);
}

sim::Task<MpoolFileStat> VnodeMpoolFile::Stat() {
  co_await Enter();
  const OpenFile* const file = descriptor_();
  if (file == nullptr) co_return {kEbadf, false, 0};
  if (pagesize_ % kSectorBytes != 0) co_return {kEinval, true, file->vnode->size};
  co_return {0, true, file->vnode->size};
}

sim::Task<MpoolTransfer> VnodeMpoolFile::Read(int64_t offset, uint32_t bytes,
                                              std::span<MpoolTag> tags) {
  CHECK(IsWholeSectors(offset, bytes, tags.size()), bytes, " bytes from ", offset);
  co_await Enter();
  OpenFile* const file = descriptor_();
  if (file == nullptr) co_return {kEbadf, 0};
  std::vector<Tag> read;
  const IoResult result = co_await vfs_.ops().Read(*file, offset, bytes, &read);
  if (result.error != 0) co_return {result.error, 0};
  CHECK_EQ(static_cast<int64_t>(read.size()), SectorsOf(result.bytes), "offset ", offset);
  const int64_t first = offset / kSectorBytes;
  for (size_t i = 0; i < read.size(); ++i) {
    tags[i] = words_.WordOf(first + static_cast<int64_t>(i), read[i]);
  }
  co_return {0, result.bytes};
}

// Also of a write that failed some blocks have been stored. With O_APPEND it goes to the end, and
// only if that is where a sector begins do its words fit the sectors.
sim::Task<MpoolTransfer> VnodeMpoolFile::Write(int64_t offset, uint32_t bytes,
                                               std::span<const MpoolTag> tags) {
  CHECK(IsWholeSectors(offset, bytes, tags.size()), bytes, " bytes to ", offset);
  co_await Enter();
  OpenFile* const file = descriptor_();
  if (file == nullptr) co_return {kEbadf, 0};
  std::vector<Tag> stored;
  const IoResult result = co_await vfs_.ops().Write(*file, offset, bytes, &stored);
  int64_t start = offset;
  if (file->append) start = file->vnode->size - result.bytes;
  if (start % kSectorBytes == 0) words_.Note(*file->vnode, start / kSectorBytes, stored, tags);
  co_return {result.error, result.bytes};
}

sim::Task<int> VnodeMpoolFile::Fsync() {
  co_await Enter();
  OpenFile* const file = descriptor_();
  if (file == nullptr) co_return kEbadf;
  co_return co_await vfs_.ops().Fsync(*file);
}

sim::Task<MpoolFileStat> StreamMpoolFile::Stat() {
  co_await engine_.Consume(syscall_ns_);
  co_return {0, false, 0};
}

sim::Task<MpoolTransfer> StreamMpoolFile::Read(int64_t, uint32_t, std::span<MpoolTag>) {
  co_await engine_.Consume(syscall_ns_);
  co_return {kEspipe, 0};
}

sim::Task<MpoolTransfer> StreamMpoolFile::Write(int64_t, uint32_t, std::span<const MpoolTag>) {
  co_await engine_.Consume(syscall_ns_);
  co_return {kEspipe, 0};
}

sim::Task<int> StreamMpoolFile::Fsync() {
  co_await engine_.Consume(syscall_ns_);
  co_return kEinval;
}

}  // namespace vmsim::vfs
