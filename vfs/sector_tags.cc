#include "vfs/sector_tags.h"

#include <algorithm>

#include "sim/check.h"

namespace vmsim::vfs {

bool SectorTags::HasChunk(int64_t sector) const {
  const auto index = static_cast<size_t>(sector / kChunkSectors);
  return index < chunks_.size() && chunks_[index] != nullptr;
}

Tag SectorTags::Get(int64_t sector) const {
  CHECK_GE(sector, 0);
  if (!HasChunk(sector)) return ByRule(sector);
  return (*chunks_[static_cast<size_t>(sector / kChunkSectors)])[sector % kChunkSectors];
}

SectorTags::Chunk& SectorTags::MakeChunk(int64_t index) {
  const auto i = static_cast<size_t>(index);
  if (i >= chunks_.size()) chunks_.resize(std::max(i + 1, chunks_.size() * 2));
  if (chunks_[i] == nullptr) {
    chunks_[i] = std::make_unique<Chunk>();
    for (int64_t s = 0; s < kChunkSectors; ++s)
      (*chunks_[i])[s] = ByRule(index * kChunkSectors + s);
  }
  return *chunks_[i];
}

void SectorTags::SetRange(int64_t first, int64_t count, Tag tag) {
  CHECK(first >= 0 && count >= 0, "first=", first, " count=", count);
  const int64_t end = first + count;
  for (int64_t at = first; at < end;) {
    const int64_t stop = std::min(end, (at / kChunkSectors + 1) * kChunkSectors);
    // What the rule says already takes no memory.
    const bool by_rule = !HasChunk(at) && ByRule(at) == tag && ByRule(stop - 1) == tag;
    if (!by_rule) {
      Chunk& chunk = MakeChunk(at / kChunkSectors);
      std::fill(chunk.begin() + at % kChunkSectors,
                chunk.begin() + (at % kChunkSectors + stop - at), tag);
    }
    at = stop;
  }
}

void SectorTags::CopyRange(const SectorTags& from, int64_t first, int64_t count) {
  CHECK(first >= 0 && count >= 0, "first=", first, " count=", count);
  const int64_t end = first + count;
  for (int64_t at = first; at < end;) {
    const int64_t stop = std::min(end, (at / kChunkSectors + 1) * kChunkSectors);
    // Where the bounds lie outside of the range it does not matter how far.
    const bool same_rule =
        std::clamp(initial_sectors_, at, stop) == std::clamp(from.initial_sectors_, at, stop);
    if (from.HasChunk(at)) {
      const Chunk& source = *from.chunks_[static_cast<size_t>(at / kChunkSectors)];
      Chunk& chunk = MakeChunk(at / kChunkSectors);
      std::copy(source.begin() + at % kChunkSectors,
                source.begin() + (at % kChunkSectors + stop - at),
                chunk.begin() + at % kChunkSectors);
    } else if (HasChunk(at) || !same_rule) {
      Chunk& chunk = MakeChunk(at / kChunkSectors);
      for (int64_t s = at; s < stop; ++s) chunk[s % kChunkSectors] = from.ByRule(s);
    }
    at = stop;
  }
}

void SectorTags::Truncate(int64_t sector) {
  CHECK_GE(sector, 0);
  initial_sectors_ = std::min(initial_sectors_, sector);
  const int64_t whole = (sector + kChunkSectors - 1) / kChunkSectors;
  if (static_cast<size_t>(whole) < chunks_.size()) chunks_.resize(static_cast<size_t>(whole));
  if (sector % kChunkSectors != 0 && HasChunk(sector)) {
    Chunk& chunk = *chunks_[static_cast<size_t>(sector / kChunkSectors)];
    std::fill(chunk.begin() + sector % kChunkSectors, chunk.end(), kZeroTag);
  }
}

}  // namespace vmsim::vfs
