#include "vfs/mpool_words.h"

#include <algorithm>

#include "sim/check.h"

namespace vmsim::vfs {

void MpoolWords::Note(const Vnode& vnode, int64_t first, std::span<const Tag> tags,
                      std::span<const MpoolTag> words) {
  CHECK_LE(tags.size(), words.size(), "file=", vnode.name);
  for (size_t from = 0, to; from < tags.size(); from = to) {
    to = from + 1;
    while (to < tags.size() && tags[to] == tags[from]) ++to;
    const std::span<const MpoolTag> stored = words.subspan(from, to - from);
    stores_[tags[from]] = {
        vnode.id, first + static_cast<int64_t>(from), {stored.begin(), stored.end()}};
  }
  if (stores_.size() >= next_sweep_) Sweep();
}

MpoolTag MpoolWords::WordOf(int64_t sector, Tag tag) const {
  const auto it = stores_.find(tag);
  if (it == stores_.end()) return tag;
  const Store& store = it->second;
  const int64_t i = sector - store.first;
  CHECK(i >= 0 && i < static_cast<int64_t>(store.words.size()), "sector ", sector, " holds ", tag);
  return store.words[static_cast<size_t>(i)];
}

// A write under way has taken its tags along; it may yet bring them to the disk.
bool MpoolWords::IsHeld(Tag tag, const Store& store) const {
  const Vnode* vnode = vfs_.vnodes()[store.vnode].get();
  if (vnode == nullptr) return false;
  if (vnode->writes_in_flight > 0) return true;
  for (size_t i = 0; i < store.words.size(); ++i) {
    const int64_t sector = store.first + static_cast<int64_t>(i);
    if (vnode->memory.Get(sector) == tag || vnode->medium.Get(sector) == tag) return true;
  }
  return false;
}

void MpoolWords::Sweep() {
  for (auto it = stores_.begin(); it != stores_.end();) {
    const bool held = IsHeld(it->first, it->second);
    if (!held && it->second.unused) {
      it = stores_.erase(it);
      continue;
    }
    it->second.unused = !held;
    ++it;
  }
  next_sweep_ = std::max(kLeastSweep, 2 * stores_.size());
}

}  // namespace vmsim::vfs
