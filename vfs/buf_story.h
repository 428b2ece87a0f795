// vfs/buf_story.h: for tests of the buffer cache: who owns which block when, as texts that a person
// can write down beforehand.
//
//     BufStory s;
//     s.Begin("a", s.bufs().GetBlk(s.vnode(), 3));
//     s.Begin("b", s.bufs().GetBlk(s.vnode(), 3));
//     s.To(50);
//     EXPECT_EQ(s.Log(), "a@0");
//     EXPECT_EQ(s.Sleepers(), "b:getblk");
//     EXPECT_EQ(s.Bufs(), "3L");
//
// Times are in microseconds. A disk request takes 100, one after the other; nothing else in these
// stories takes any time, unless a comment says so.
#ifndef VMSIM_VFS_BUF_STORY_H_
#define VMSIM_VFS_BUF_STORY_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vfs/file_ops_story.h"

namespace vmsim::vfs {

class BufStory {
 public:
  explicit BufStory(const VfsTestWorld::Options& options)
      : requests(options.mount.block_bytes), w(options) {
    w.world().trace().AddSink(&requests);
    bufs().set_store_observer(&witness);
  }
  BufStory() : BufStory(VfsTestWorld::Options()) {}
  // Nothing may be under way when the world ends; daemons never come to an end.
  ~BufStory() {
    while (w.vfs().device().in_flight() > 0 && w.engine().Step()) {
    }
  }

  BufferCache& bufs() { return w.vfs().bufs(); }
  Vnode& vnode() { return w.file(); }
  FileStats& stats() { return w.stats(); }
  sim::SimTime us() { return w.engine().now() / sim::kMicrosecond; }
  void To(int64_t us) { w.world().RunFor(us * sim::kMicrosecond - w.engine().now()); }
  // Has a page exclusively busied until Unbusy, as if somebody were filling it. (Nobody is, so
  // invariants are not checked from here on.)
  vm::FrameIndex Busy(vm::Pindex pindex) {
    const vm::FrameIndex frame = vnode().object->Lookup(pindex);
    w.StopChecking();
    EXPECT_TRUE(w.vm().pages().TryXbusy(frame));
    return frame;
  }
  void Unbusy(vm::FrameIndex frame) { w.vm().pages().Xunbusy(frame); }
  // Another file, whose blocks lie behind those of "f".
  Vnode& AddFile(const std::string& name, int64_t bytes) {
    return *w.vfs().AddFile(vnode().mount, name, {.bytes = bytes});
  }

  // A thread of this name makes the call. When it returns the log says so: "name@us", or
  // "name=5@us" for an errno or a count; a buffer that it got is to be found by the name.
  template <typename T>
  sim::Thread* Begin(const std::string& name, sim::Task<T> call) {
    return w.world().Start(name, Keep(name, std::move(call)));
  }
  BufIndex got(const std::string& name) const { return got_.at(name); }
  std::string Log() { return std::exchange(log_, ""); }
  // Who sleeps on what, in the order in which the threads began.
  std::string Sleepers() {
    std::string text;
    for (const auto& thread : w.engine().threads()) {
      if (thread->state() != sim::Thread::State::kSleeping) continue;
      absl::StrAppend(&text, text.empty() ? "" : " ", thread->name(), ":",
                      std::string(thread->wait_message()));
    }
    return text;
  }
  // The buffers of a file: block, D dirty, L locked, W being written.
  std::string Bufs(const Vnode& vnode) {
    std::string text;
    for (const auto& [lblkno, index] : vnode.bufs) {
      const Buf& buf = bufs()[index];
      absl::StrAppend(&text, text.empty() ? "" : " ", lblkno, buf.dirty ? "D" : "",
                      buf.locked ? "L" : "", buf.writing ? "W" : "");
    }
    return text;
  }
  std::string Bufs() { return Bufs(vnode()); }
  // The dirty buffers, oldest first.
  std::string Queue() {
    std::string text;
    for (BufIndex i = bufs().oldest_dirty(); i != kNoBuf; i = bufs()[i].dirty_next) {
      absl::StrAppend(&text, text.empty() ? "" : " ", bufs()[i].lblkno);
    }
    return text;
  }
  // What the disk was asked for since the last look.
  std::string Disk() {
    w.world().trace().Flush();
    return requests.Take();
  }

  // Calls made to their end, with all I/O that they wait for.
  BufIndex Get(Lblkno lblkno) { return w.Do(bufs().GetBlk(vnode(), lblkno)); }
  BufIndex Read(Lblkno lblkno, int cluster = 1) {
    const BufferCache::ReadResult read = w.Do(bufs().Bread(vnode(), lblkno, cluster));
    EXPECT_EQ(read.error, 0);
    return read.buf;
  }
  // New contents for a buffer: all of its block holds the next tag.
  BufIndex Store(BufIndex index) {
    Buf& buf = bufs()[index];
    const int64_t start = buf.lblkno * buf.vnode->block_bytes();
    buf.vnode->memory.SetRange(start / kSectorBytes, buf.bytes / kSectorBytes, bufs().NextTag());
    bufs().SetValid(index, start, start + buf.bytes);
    return index;
  }
  void Dirty(Vnode& vnode, Lblkno lblkno) {
    const BufIndex buf = w.Do(bufs().GetBlk(vnode, lblkno));
    w.Do(bufs().Bdwrite(Store(buf)));
  }
  void Dirty(std::initializer_list<Lblkno> blocks) {
    for (const Lblkno lblkno : blocks) Dirty(vnode(), lblkno);
  }
  // These blocks are in memory, nobody has a buffer of them.
  void Load(std::initializer_list<Lblkno> blocks) {
    for (const Lblkno lblkno : blocks) bufs().Brelse(Read(lblkno));
  }

  // Starts the writes of new contents of so many blocks, without waiting for them.
  sim::Task<void> StartWrites(Lblkno first, int count) {
    for (Lblkno lblkno = first; lblkno < first + count; ++lblkno) {
      const BufIndex buf = co_await bufs().GetBlk(vnode(), lblkno);
      co_await bufs().Bawrite(Store(buf));
    }
  }

  Requests requests;
  Witness witness;
  VfsTestWorld w;

 private:
  template <typename T>
  sim::Task<void> Keep(std::string name, sim::Task<T> call) {
    const T result = co_await call;
    if constexpr (std::is_same_v<T, BufferCache::ReadResult>) {
      got_[name] = result.buf;
      Note(result.error == 0 ? name : absl::StrCat(name, "=", result.error));
    } else if constexpr (std::is_same_v<T, BufIndex>) {
      got_[name] = result;
      Note(name);
    } else {
      Note(absl::StrCat(name, "=", result));
    }
  }
  sim::Task<void> Keep(std::string name, sim::Task<void> call) {
    co_await call;
    Note(name);
  }
  void Note(const std::string& what) {
    absl::StrAppend(&log_, log_.empty() ? "" : " ", what, "@", us());
  }

  std::map<std::string, BufIndex> got_;
  std::string log_;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_BUF_STORY_H_
