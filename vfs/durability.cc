#include "vfs/durability.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::vfs {
namespace {

void Violation(const Vnode& vnode, int64_t sector, Tag found, const std::string& expected,
               DurabilityReport& report) {
  if (report.violations++ > 0) return;
  report.first = absl::StrCat("file ", vnode.name, " sector ", sector, " holds ", found,
                              ", expected ", expected);
}

}  // namespace

void DurabilityOracle::OnStore(Vnode& vnode, int64_t first, int64_t count, Tag tag) {
  Sectors& sectors = files_[vnode.id].sectors;
  for (int64_t at = first; at < first + count; ++at) {
    const auto [it, is_new] = sectors.try_emplace(at);
    Sector& sector = it->second;
    if (is_new) sector.safe = vnode.medium.Get(at);
    CHECK_GT(tag, sector.stores.empty() ? sector.safe : sector.stores.back(), "sector=", at);
    if (sector.stores.size() == kMaxStores) {
      sector.forgotten = sector.stores.front();
      sector.stores.erase(sector.stores.begin());
    }
    sector.stores.push_back(tag);
  }
}

// From now on nobody can be promised these stores, but the medium may hold one of them.
void DurabilityOracle::OnLost(Vnode& vnode, int64_t first, int64_t count) {
  Sectors& sectors = files_[vnode.id].sectors;
  const auto end = sectors.lower_bound(first + count);
  for (auto it = sectors.lower_bound(first); it != end; ++it) {
    Sector& sector = it->second;
    const Tag found = vnode.medium.Get(it->first);
    if (!MayHold(sector, found)) continue;  // Check will say so.
    sector.safe = found;
    sector.stores.clear();
    sector.forgotten = kZeroTag;
  }
}

void DurabilityOracle::OnTruncate(Vnode& vnode, int64_t sector) {
  File& file = files_[vnode.id];
  file.sectors.erase(file.sectors.lower_bound(sector), file.sectors.end());
  file.cut = std::min(file.cut, sector);
}

void DurabilityOracle::OnSafe(Vnode& vnode, int64_t first, int64_t count, Tag tag) {
  Sectors& sectors = files_[vnode.id].sectors;
  const auto end = sectors.lower_bound(first + count);
  for (auto it = sectors.lower_bound(first); it != end; ++it) {
    Sector& sector = it->second;
    const auto later = std::upper_bound(sector.stores.begin(), sector.stores.end(), tag);
    const Tag newest = later == sector.stores.begin() ? sector.forgotten : *(later - 1);
    // Which of several that were forgotten was the newest up to `tag` nobody knows any more.
    if (newest == kZeroTag || newest > tag) continue;
    sector.safe = newest;
    sector.promised = true;
    sector.forgotten = kZeroTag;
    sector.stores.erase(sector.stores.begin(), later);
  }
}

bool DurabilityOracle::MayHold(const Sector& sector, Tag tag) {
  if (tag == sector.safe) return true;
  if (std::binary_search(sector.stores.begin(), sector.stores.end(), tag)) return true;
  return tag > sector.safe && tag <= sector.forgotten;
}

void DurabilityOracle::CheckStored(const Vnode& vnode, const Sectors& sectors,
                                   DurabilityReport& report) {
  for (const auto& [at, sector] : sectors) {
    const Tag found = vnode.medium.Get(at);
    ++report.stored;
    if (sector.promised && MayHold(sector, found)) ++report.safe;
    if (!MayHold(sector, found)) {
      Violation(vnode, at, found,
                absl::StrCat(sector.safe, " or one of ", sector.stores.size(), " later stores"),
                report);
    } else if (!sector.stores.empty() && found != sector.stores.back()) {
      ++report.lost;
    }
  }
}

// Sectors without a store. Those of a chunk that nothing was ever written to are what they were.
void DurabilityOracle::CheckOthers(const Vnode& vnode, const File& file, DurabilityReport& report) {
  const int64_t end = SectorsOf(vnode.size);
  auto next = file.sectors.begin();
  for (int64_t at = 0; at < end; ++at) {
    if (!vnode.medium.HasChunk(at)) {
      at += SectorTags::kChunkSectors - 1 - at % SectorTags::kChunkSectors;
      continue;
    }
    while (next != file.sectors.end() && next->first < at) ++next;
    if (next != file.sectors.end() && next->first == at) continue;
    const Tag found = vnode.medium.Get(at);
    if (found == kZeroTag || (found == kInitialTag && at < file.cut)) continue;
    Violation(vnode, at, found, "what it began with: nothing was stored", report);
  }
}

DurabilityReport DurabilityOracle::Check(const VfsSystem& vfs) const {
  DurabilityReport report;
  const File untouched;
  for (const std::unique_ptr<Vnode>& vnode : vfs.vnodes()) {
    if (vnode == nullptr) continue;
    const auto it = files_.find(vnode->id);
    const File& file = it == files_.end() ? untouched : it->second;
    CheckStored(*vnode, file.sectors, report);
    CheckOthers(*vnode, file, report);
  }
  return report;
}

}  // namespace vmsim::vfs
