#include "vm/swap_blocks.h"

#include <bit>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::vm {

void SwapBlocks::Resize(uint32_t object_pages) {
  if (object_pages < size_) {
    CHECK_EQ(FindLeast(object_pages), size_, "swap: block behind the new end ", object_pages);
  }
  size_ = object_pages;
  if (capacity_ == 0 || object_pages <= capacity_) return;
  // Copies only what has blocks, so that the host need not back the rest.
  SwapBlocks old;
  std::swap(old.blocks_, blocks_);
  std::swap(old.exists_, exists_);
  std::swap(old.capacity_, capacity_);
  Allocate(object_pages);
  old.ForEach([this](Pindex pindex, SwapBlock block) {
    blocks_[pindex] = block + 1;
    const uint32_t record = pindex / kSwapMetaPages;
    exists_[record / 64] |= uint64_t{1} << record % 64;
  });
}

SwapBlocks::Neighbours SwapBlocks::HasPage(Pindex pindex, int behind, int ahead) const {
  const SwapBlock block = Lookup(pindex);
  if (block == kNoSwapBlock) return {};
  Neighbours run = {.present = true};
  const auto holds = [this](Pindex at, SwapBlock wanted) {
    const SwapBlock found = Lookup(at);
    return found != kNoSwapBlock && found == wanted;
  };
  const uint32_t before = std::min(behind, kMaxPageoutCluster - 1);
  const uint32_t after = std::min(ahead, kMaxPageoutCluster - 1);
  for (uint32_t i = 1; i <= before; ++i, ++run.before) {
    if (i > pindex || !holds(pindex - i, block - i)) break;
  }
  for (uint32_t i = 1; i <= after; ++i, ++run.after) {
    if (i > UINT32_MAX - pindex || !holds(pindex + i, block + i)) break;
  }
  return run;
}

Pindex SwapBlocks::FindLeast(Pindex from) const {
  if (from >= capacity_) return size_;
  uint32_t record = NextRecord(from / kSwapMetaPages);
  while (record != kNoRecord) {
    for (Pindex at = std::max(from, record * kSwapMetaPages); at < RecordEnd(record); ++at) {
      if (blocks_[at] != 0) return at;
    }
    record = NextRecord(record + 1);
  }
  return size_;
}

std::optional<SwapBlock> SwapBlocks::Build(SwapMeta& meta, Pindex pindex, SwapBlock block) {
  CHECK_LT(pindex, size_, "swap: page outside its object");
  const SwapBlock previous = Lookup(pindex);
  const uint32_t record = pindex / kSwapMetaPages;
  if (block == kNoSwapBlock) {
    if (previous == kNoSwapBlock) return previous;
    blocks_[pindex] = 0;
    DropIfEmpty(meta, record);
    return previous;
  }
  const bool exists = pindex < capacity_ && Exists(record);
  if (!exists && meta.records >= meta.limit) return std::nullopt;
  Enter(meta, pindex, block);
  return previous;
}

void SwapBlocks::FreeAll(SwapMeta& meta, SwapSpace& space) {
  SwapFreeRange freed(space);
  ForEach([&freed](Pindex, SwapBlock block) { freed.Add(block); });
  freed.Flush();
  meta.records -= records_;
  records_ = 0;
  capacity_ = 0;
  blocks_.reset();
  exists_.reset();
}

void SwapBlocks::Transfer(SwapMeta& meta, SwapSpace& space, SwapBlocks& dst, Pindex first,
                          uint64_t count) {
  SwapFreeRange freed(space);
  const uint64_t end = RangeEnd(first, count);
  if (end <= first) return;
  for (uint32_t record = NextRecord(first / kSwapMetaPages);
       record != kNoRecord && uint64_t{record} * kSwapMetaPages < end;
       record = NextRecord(record + 1)) {
    const uint64_t stop = std::min<uint64_t>(end, RecordEnd(record));
    for (uint64_t at = std::max(first, record * kSwapMetaPages); at < stop; ++at) {
      if (blocks_[at] == 0) continue;
      const auto dst_pindex = static_cast<Pindex>(at - first);
      CHECK_LT(dst_pindex, dst.size_, "swap: transfer outside the object");
      if (dst.Lookup(dst_pindex) != kNoSwapBlock) {
        freed.Add(blocks_[at] - 1);
      } else {
        dst.Enter(meta, dst_pindex, blocks_[at] - 1);
      }
      blocks_[at] = 0;
    }
    DropIfEmpty(meta, record);
  }
  freed.Flush();
}

bool SwapBlocks::Reserve(SwapMeta& meta, SwapSpace& space, Pindex first, uint32_t count) {
  CHECK_LE(uint64_t{first} + count, size_, "swap: reserving outside the object");
  SwapFreeRange displaced(space);
  for (uint32_t done = 0; done < count;) {
    const SwapSpace::Extent got = space.Get(count - done);
    if (got.count == 0) {
      FreeRange(meta, space, first, done);
      return false;
    }
    for (uint32_t i = 0; i < got.count; ++i, ++done) {
      const std::optional<SwapBlock> previous = Build(meta, first + done, got.first + i);
      if (!previous.has_value()) {
        space.Free(got.first + i, got.count - i);
        FreeRange(meta, space, first, done);
        return false;
      }
      if (*previous != kNoSwapBlock) displaced.Add(*previous);
    }
  }
  displaced.Flush();
  return true;
}

std::string SwapBlocks::Inconsistency() const {
  uint32_t records = 0;
  for (uint32_t record = 0; record < RecordCount(); ++record) {
    bool has_block = false;
    for (Pindex at = record * kSwapMetaPages; at < RecordEnd(record); ++at) {
      has_block |= blocks_[at] != 0;
      if (blocks_[at] != 0 && at >= size_) {
        return absl::StrCat("swap block at index ", at, ", behind the end at ", size_);
      }
    }
    if (Exists(record) != has_block) {
      return absl::StrCat("swap metadata record ", record, Exists(record) ? " is" : " is not",
                          " there, and has ", has_block ? "blocks" : "no block");
    }
    records += has_block;
  }
  if (records == records_) return {};
  return absl::StrCat("swap metadata has ", records, " records, counted are ", records_);
}

// The first record at or behind `record` that exists, or kNoRecord.
uint32_t SwapBlocks::NextRecord(uint32_t record) const {
  const uint32_t records = RecordCount();
  if (record >= records) return kNoRecord;
  const uint32_t words = static_cast<uint32_t>((uint64_t{records} + 63) / 64);
  uint32_t word = record / 64;
  uint64_t bits = exists_[word] >> record % 64 << record % 64;
  while (bits == 0) {
    if (++word == words) return kNoRecord;
    bits = exists_[word];
  }
  return word * 64 + std::countr_zero(bits);
}

// calloc: for a large table the host maps zeros and backs only what is written.
void SwapBlocks::Allocate(uint32_t object_pages) {
  capacity_ = object_pages;
  blocks_.reset(static_cast<uint32_t*>(std::calloc(capacity_, sizeof(uint32_t))));
  exists_.reset(static_cast<uint64_t*>(std::calloc(RecordCount() / 64 + 1, sizeof(uint64_t))));
  CHECK(blocks_ != nullptr && exists_ != nullptr,
        "no host memory for swap metadata, pages=", object_pages);
}

void SwapBlocks::Enter(SwapMeta& meta, Pindex pindex, SwapBlock block) {
  // The object may have grown since the table was made while it had no blocks.
  if (capacity_ == 0) Allocate(size_);
  const uint32_t record = pindex / kSwapMetaPages;
  if (!Exists(record)) {
    exists_[record / 64] |= uint64_t{1} << record % 64;
    ++records_;
    ++meta.records;
  }
  blocks_[pindex] = block + 1;
}

void SwapBlocks::DropIfEmpty(SwapMeta& meta, uint32_t record) {
  for (Pindex at = record * kSwapMetaPages; at < RecordEnd(record); ++at) {
    if (blocks_[at] != 0) return;
  }
  exists_[record / 64] &= ~(uint64_t{1} << record % 64);
  --records_;
  --meta.records;
}

}  // namespace vmsim::vm
