#include "vfs/mpool_recorder.h"

#include <algorithm>

#include "sim/check.h"
#include "sim/wait_channel.h"

namespace vmsim::vfs {

namespace {

constexpr int64_t kWordBytes = 4;

// What is left of a word of which `bytes` bytes are in the file.
MpoolTag Cut(MpoolTag word, int64_t bytes) {
  if (bytes >= kWordBytes) return word;
  return bytes <= 0 ? 0 : word & ((MpoolTag{1} << (8 * bytes)) - 1);
}

}  // namespace

MpoolRecorder::MpoolRecorder(sim::Engine& engine, uint32_t pagesize, int64_t bytes)
    : engine_(engine),
      pagesize_(pagesize),
      tags_per_page_(MpoolTagsPerPage(pagesize)),
      size_(bytes) {
  for (int64_t index = 0; TagStart(index) < bytes; ++index) {
    const auto page = static_cast<MpoolTag>(index / tags_per_page_);
    const auto i = static_cast<MpoolTag>(index % tags_per_page_);
    words_[index] = Cut(1000 + page + 100'000 * i, bytes - TagStart(index));
  }
}

int64_t MpoolRecorder::TagStart(int64_t index) const {
  return index / tags_per_page_ * pagesize_ + index % tags_per_page_ * kMpoolTagBytes;
}

sim::Task<MpoolFileStat> MpoolRecorder::Stat() {
  co_return stat_.value_or(MpoolFileStat{0, true, size_});
}

sim::Task<MpoolTransfer> MpoolRecorder::Read(int64_t offset, uint32_t bytes,
                                             std::span<MpoolTag> tags) {
  co_await sim::Pause(engine_, latency_ns_, "pread");
  CHECK_EQ(bytes, pagesize_);
  const int64_t page = offset / pagesize_;
  const std::optional<Fault> fault = TakeFault(Op::kRead);
  if (fault.has_value() && fault->error != 0) {
    calls_.push_back({"pread", page, -1});
    co_return {fault->error, 0};
  }
  int64_t moved = std::clamp<int64_t>(size_ - offset, 0, bytes);
  if (fault.has_value()) moved = std::min(moved, fault->bytes);
  for (uint32_t i = 0; i < tags.size() && int64_t{i} * kMpoolTagBytes < moved; ++i) {
    tags[i] = tag(page, i);
  }
  calls_.push_back({"pread", page, moved});
  co_return {0, moved};
}

sim::Task<MpoolTransfer> MpoolRecorder::Write(int64_t offset, uint32_t bytes,
                                              std::span<const MpoolTag> tags) {
  co_await sim::Pause(engine_, latency_ns_, "pwrite");
  CHECK_EQ(bytes, pagesize_);
  const int64_t page = offset / pagesize_;
  const std::optional<Fault> fault = TakeFault(Op::kWrite);
  if (fault.has_value() && fault->error != 0) {
    calls_.push_back({"pwrite", page, -1, tags[0]});
    co_return {fault->error, 0};
  }
  const int64_t moved = fault.has_value() ? std::min<int64_t>(fault->bytes, bytes) : bytes;
  if (moved > 0) size_ = std::max(size_, offset + moved);
  for (uint32_t i = 0; i < tags.size() && int64_t{i} * kMpoolTagBytes < moved; ++i) {
    words_[page * tags_per_page_ + i] = tags[i];
  }
  calls_.push_back({"pwrite", page, moved, tags[0]});
  co_return {0, moved};
}

sim::Task<int> MpoolRecorder::Fsync() {
  co_await sim::Pause(engine_, latency_ns_, "fsync");
  const std::optional<Fault> fault = TakeFault(Op::kFsync);
  calls_.push_back({"fsync", 0, fault.has_value() ? -1 : 0});
  co_return fault.has_value() ? fault->error : 0;
}

void MpoolRecorder::Truncate(int64_t bytes) {
  size_ = bytes;
  for (auto word = words_.begin(); word != words_.end();) {
    word->second = Cut(word->second, bytes - TagStart(word->first));
    word = TagStart(word->first) >= bytes ? words_.erase(word) : std::next(word);
  }
}

MpoolTag MpoolRecorder::tag(int64_t page, uint32_t i) const {
  const auto word = words_.find(page * tags_per_page_ + i);
  return word == words_.end() ? 0 : word->second;
}

std::optional<MpoolRecorder::Fault> MpoolRecorder::TakeFault(Op op) {
  const auto found = faults_.find(op);
  if (found == faults_.end()) return std::nullopt;
  const Fault fault = found->second;
  faults_.erase(found);
  return fault;
}

void MpoolRecorder::Convert(std::span<MpoolTag> contents) {
  for (MpoolTag& tag : contents) tag ^= kMask;
}

void MpoolRecorder::PageIn(void* cookie, MpoolPgno pgno, std::span<MpoolTag> contents) {
  static_cast<MpoolRecorder*>(cookie)->calls_.push_back({"pgin", pgno, 0, contents[0]});
  Convert(contents);
}

void MpoolRecorder::PageOut(void* cookie, MpoolPgno pgno, std::span<MpoolTag> contents) {
  static_cast<MpoolRecorder*>(cookie)->calls_.push_back({"pgout", pgno, 0, contents[0]});
  Convert(contents);
}

sim::Task<MpoolMemory::Allocation> MpoolHeap::Allocate(uint32_t bytes) {
  if (const int error = std::exchange(allocate_error_, 0); error != 0) co_return {error, 0};
  const uint64_t address = next_address_;
  next_address_ += bytes;
  buffers_[address] = 0;
  co_return {0, address};
}

sim::Task<void> MpoolHeap::Free(uint64_t address, uint32_t /*bytes*/) {
  CHECK_EQ(buffers_.erase(address), size_t{1}, "freed twice");
  co_return;
}

sim::Task<MpoolTouch> MpoolHeap::Touch(uint64_t address, uint32_t /*bytes*/, MpoolAccess access) {
  CHECK(buffers_.count(address) == 1, "touched after it was freed");
  ++touches_[static_cast<size_t>(access)];
  if (touch_.has_value() && touch_skip_-- == 0) {
    const MpoolTouch touch = *touch_;
    touch_.reset();
    co_return touch;
  }
  co_return {};
}

sim::Task<int> MpoolHeap::Wire(uint64_t address, uint32_t /*bytes*/) {
  if (const int error = std::exchange(wire_error_, 0); error != 0) co_return error;
  ++buffers_.at(address);
  co_return 0;
}

sim::Task<void> MpoolHeap::Unwire(uint64_t address, uint32_t /*bytes*/) {
  CHECK_GT(buffers_.at(address)--, 0, "unwired more often than wired");
  co_return;
}

int64_t MpoolHeap::wired() const {
  int64_t count = 0;
  for (const auto& [address, times] : buffers_) count += times;
  return count;
}

}  // namespace vmsim::vfs
