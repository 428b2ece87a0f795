// vfs/mpool_words.h: what the users of buffer pools have written to files, by store.
//
// A file knows of a sector which store it holds (vfs/types.h, Tag), not what was stored. The users
// of a pool see more: words of their own, one a sector, which a page carries from the buffer to the
// file and back. So each store that comes from a pool is remembered with its words:
//
//     buffer  w1 w2 ... --write--> file  t t ...     t: w1 w2 ...     --read--> buffer  w1 w2 ...
//
// A sector that holds any other store (of a write, of a mapping, of the beginning) has the store's
// tag as its word. Stores of which neither memory nor disk holds a sector any more are forgotten
// after a while: a sweep over all of them comes when their number has doubled, and drops those that
// the sweep before has found unused, too, so that a read under way can still ask for them.
#ifndef VMSIM_VFS_MPOOL_WORDS_H_
#define VMSIM_VFS_MPOOL_WORDS_H_

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "vfs/mpool_io.h"
#include "vfs/vfs_system.h"

namespace vmsim::vfs {

class MpoolWords {
 public:
  // `vfs` outlives this. All pools on its files share one of these.
  explicit MpoolWords(const VfsSystem& vfs) : vfs_(vfs) {}

  // A write has stored words[i] to sector first + i of the file, as tags[i]. There may be more words
  // than tags: the rest was not stored.
  void Note(const Vnode& vnode, int64_t first, std::span<const Tag> tags,
            std::span<const MpoolTag> words);

  // The word of a sector that holds the store `tag`.
  MpoolTag WordOf(int64_t sector, Tag tag) const;

  // Stores that are remembered.
  size_t size() const { return stores_.size(); }

 private:
  static constexpr size_t kLeastSweep = 1024;

  struct Store {
    VnodeId vnode = kNoVnode;
    int64_t first = 0;  // Sector.
    std::vector<MpoolTag> words;
    bool unused = false;  // The last sweep found it nowhere.
  };
  bool IsHeld(Tag tag, const Store& store) const;
  void Sweep();

  const VfsSystem& vfs_;
  std::map<Tag, Store> stores_;
  size_t next_sweep_ = kLeastSweep;  // When there are so many.
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_WORDS_H_
