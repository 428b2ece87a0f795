#include "vfs/durability.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace vmsim::vfs {

void DurabilityOracle::OnStore(Vnode& vnode, int64_t first, int64_t count, Tag tag) {
  Sectors& sectors = files_[vnode.id];
  for (int64_t at = first; at < first + count; ++at) {
    const auto [it, is_new] = sectors.try_emplace(at);
    Sector& sector = it->second;
    if (is_new) sector.safe = vnode.medium.Get(at);
    if (sector.stores.size() == kMaxStores) {
      sector.stores.erase(sector.stores.begin());
      sector.forgotten = true;
    }
    sector.stores.push_back(tag);
  }
}

void DurabilityOracle::OnTruncate(Vnode& vnode, int64_t sector) {
  Sectors& sectors = files_[vnode.id];
  sectors.erase(sectors.lower_bound(sector), sectors.end());
}

void DurabilityOracle::OnSafe(Vnode& vnode, int64_t first, int64_t count, Tag tag) {
  Sectors& sectors = files_[vnode.id];
  const auto end = sectors.lower_bound(first + count);
  for (auto it = sectors.lower_bound(first); it != end; ++it) {
    Sector& sector = it->second;
    const auto later = std::upper_bound(sector.stores.begin(), sector.stores.end(), tag);
    if (later != sector.stores.begin()) {
      sector.safe = *(later - 1);
      sector.promised = true;
      sector.forgotten = false;
      sector.stores.erase(sector.stores.begin(), later);
    }
  }
}

bool DurabilityOracle::MayHold(const Sector& sector, Tag tag) {
  if (tag == sector.safe) return true;
  if (std::binary_search(sector.stores.begin(), sector.stores.end(), tag)) return true;
  return sector.forgotten && tag > sector.safe && tag < sector.stores.front();
}

DurabilityReport DurabilityOracle::Check(const VfsSystem& vfs) const {
  DurabilityReport report;
  for (const auto& [id, sectors] : files_) {
    const Vnode* vnode = vfs.vnodes()[id].get();
    if (vnode == nullptr) continue;
    for (const auto& [at, sector] : sectors) {
      const Tag found = vnode->medium.Get(at);
      ++report.stored;
      if (sector.promised) ++report.safe;
      if (!MayHold(sector, found)) {
        if (report.violations++ > 0) continue;
        report.first =
            absl::StrCat("file ", vnode->name, " sector ", at, " holds ", found, ", expected ",
                         sector.safe, " or one of ", sector.stores.size(), " later stores");
      } else if (!sector.stores.empty() && found != sector.stores.back()) {
        ++report.lost;
      }
    }
  }
  return report;
}

}  // namespace vmsim::vfs
