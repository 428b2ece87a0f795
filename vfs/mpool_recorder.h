// vfs/mpool_recorder.h: a file in memory that writes down what a pool asks of it, and memory for
// buffers that is always there. For tests and recorded vectors.
//
// The file keeps a word for each tag of each page, the first four bytes of the tag's 512; all other
// bytes are zeros. So a cut in the middle of a page leaves what it should.
#ifndef VMSIM_VFS_MPOOL_RECORDER_H_
#define VMSIM_VFS_MPOOL_RECORDER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/engine.h"
#include "sim/task.h"
#include "vfs/mpool_io.h"

namespace vmsim::vfs {

// One call: "pread" and "pwrite" with what was transferred or -1, "fsync" with 0 or -1, "pgin" and
// "pgout". `tag` is the page's first: as written, or before the filter.
struct MpoolCall {
  std::string_view name;
  int64_t pgno = 0;
  int64_t result = 0;
  MpoolTag tag = 0;
};

class MpoolRecorder final : public MpoolFile {
 public:
  // `bytes` bytes, in which tag i of page p is 1000 + p + 100'000 * i. `pagesize` is the pool's.
  MpoolRecorder(sim::Engine& engine, uint32_t pagesize, int64_t bytes);

  sim::Task<MpoolFileStat> Stat() override;
  sim::Task<MpoolTransfer> Read(int64_t offset, uint32_t bytes, std::span<MpoolTag> tags) override;
  sim::Task<MpoolTransfer> Write(int64_t offset, uint32_t bytes,
                                 std::span<const MpoolTag> tags) override;
  sim::Task<int> Fsync() override;

  // The next such call fails with `error`, or transfers no more than `bytes`.
  enum class Op : uint8_t { kRead, kWrite, kFsync };
  void FailNext(Op op, int error) { faults_[op] = {error, 0}; }
  void CutNext(Op op, int64_t bytes) { faults_[op] = {0, bytes}; }
  // Every transfer and fsync takes so long. For calls of a simulated thread.
  void set_latency_ns(sim::SimDuration ns) { latency_ns_ = ns; }
  void set_stat(const MpoolFileStat& stat) { stat_ = stat; }

  int64_t size() const { return size_; }
  // Cuts or extends the file.
  void Truncate(int64_t bytes);
  // Tag `i` of page `page`, 0 where there is nothing.
  MpoolTag tag(int64_t page, uint32_t i = 0) const;

  // The calls since the last time.
  std::vector<MpoolCall> TakeCalls() { return std::exchange(calls_, {}); }

  // Filters that exclusive-or every tag with kMask. Their cookie is the recorder.
  static constexpr MpoolTag kMask = 0x5a5a0000;
  static void PageIn(void* cookie, MpoolPgno pgno, std::span<MpoolTag> contents);
  static void PageOut(void* cookie, MpoolPgno pgno, std::span<MpoolTag> contents);

 private:
  struct Fault {
    int error = 0;
    int64_t bytes = 0;
  };

  static void Convert(std::span<MpoolTag> contents);
  std::optional<Fault> TakeFault(Op op);
  int64_t TagStart(int64_t index) const;

  sim::Engine& engine_;
  const uint32_t pagesize_;
  const uint32_t tags_per_page_;
  int64_t size_;
  sim::SimDuration latency_ns_ = 0;
  std::optional<MpoolFileStat> stat_;
  std::map<int64_t, MpoolTag> words_;  // By page * tags_per_page_ + i; absent: 0.
  std::map<Op, Fault> faults_;
  std::vector<MpoolCall> calls_;
};

// Memory that is always there, unless a test says otherwise.
class MpoolHeap final : public MpoolMemory {
 public:
  sim::Task<Allocation> Allocate(uint32_t bytes) override;
  sim::Task<void> Free(uint64_t address, uint32_t bytes) override;
  sim::Task<MpoolTouch> Touch(uint64_t address, uint32_t bytes, MpoolAccess access) override;
  sim::Task<int> Wire(uint64_t address, uint32_t bytes) override;
  sim::Task<void> Unwire(uint64_t address, uint32_t bytes) override;

  // Buffers by address, with how often each was wired.
  const std::map<uint64_t, int>& buffers() const { return buffers_; }
  int64_t wired() const;
  int64_t touches(MpoolAccess access) const { return touches_[static_cast<size_t>(access)]; }

  // The next such call ends so.
  void FailAllocate(int error) { allocate_error_ = error; }
  void FailWire(int error) { wire_error_ = error; }
  // The touch after `skip` others ends so.
  void EndTouch(const MpoolTouch& touch, int skip = 0) {
    touch_ = touch;
    touch_skip_ = skip;
  }

 private:
  std::map<uint64_t, int> buffers_;
  uint64_t next_address_ = 0x1000;
  int64_t touches_[2] = {0, 0};
  int allocate_error_ = 0;
  int wire_error_ = 0;
  std::optional<MpoolTouch> touch_;
  int touch_skip_ = 0;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_RECORDER_H_
