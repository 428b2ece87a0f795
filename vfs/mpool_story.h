// vfs/mpool_story.h: a pool on a small file, driven by words. For tests.
//
// Pages are 64 bytes; page i of the file has tag 1000 + i. A step is
//
//     get a 3 [ignorepin]       new a [request 7 | next | flags 3]       fill a 42      see a
//     put a [dirty]             delete a            sync                 close
//     filter on | off           truncate BYTES
//     fail read | write | fsync | alloc | wire ERROR        cut read | write BYTES
//     touch ERROR               the next touch of a buffer ends so; "touch swapped" costs a swap-in
//     open                      another pool, on the same file
//
// where a is a letter that stands for the page handed out. Steps are separated by ';'.
#ifndef VMSIM_VFS_MPOOL_STORY_H_
#define VMSIM_VFS_MPOOL_STORY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/engine.h"
#include "vfs/mpool.h"
#include "vfs/mpool_recorder.h"

namespace vmsim::vfs {

class MpoolStory {
 public:
  struct Setup {
    uint32_t maxcache = 2;
    int64_t pages = 5;
    int64_t bytes = 0;  // Of the file's last page, which is not whole.
    MpoolOptions options;
  };
  static constexpr uint32_t kPagesize = 64;

  explicit MpoolStory(const Setup& setup);

  // Does what `script` says and tells how the last step ended: "RESULT | CALLS | LRU". RESULT is
  // "ok", the page's number, a tag ("see"), the name of an errno, or "no errno" for a failure
  // without one. CALLS are those on the file and the filters: "pread 3 64, pgin 3 1003". The LRU
  // list reads "0dP 1", oldest first. The invariants hold after every step.
  std::string Run(std::string_view script);

  Mpool& pool() { return *pool_; }
  MpoolRecorder& file() { return file_; }
  MpoolHeap& memory() { return memory_; }
  sim::Engine& engine() { return engine_; }
  // What the letter stands for.
  MpoolPage page(char letter) const { return pages_[static_cast<size_t>(letter - 'a')]; }

  // "kGetOfPinned 3, ...".
  std::string Violations() const;
  std::string Lru() const;

 private:
  using Words = std::vector<std::string>;

  std::string Step(const Words& words);
  std::string Open();
  std::string Get(const Words& words);
  std::string New(const Words& words);
  std::string OnPage(const Words& words);
  std::string Spoil(const Words& words);
  std::string HandOut(const std::string& letter, const MpoolPageResult& result);
  std::string Calls();

  Setup setup_;
  sim::Engine engine_;
  MpoolRecorder file_;
  MpoolHeap memory_;
  std::unique_ptr<Mpool> pool_;
  std::vector<MpoolPage> pages_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_STORY_H_
