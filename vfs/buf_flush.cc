// Who writes dirty buffers: fsync, clusters, files with too many, the buffer daemon; and who drops
// them.
#include <algorithm>

#include "vfs/buf.h"
#include "vfs/errno.h"

namespace vmsim::vfs {

// Whether the block can join a cluster whose neighbouring block it is (vfs_bio_clcheck).
BufIndex BufferCache::Clusterable(Vnode& vnode, Lblkno lblkno, Daddr sector) const {
  const auto it = vnode.bufs.find(lblkno);
  if (it == vnode.bufs.end()) return kNoBuf;
  const Buf& buf = *bufs_[it->second];
  if (!buf.dirty || buf.locked || vnode.map.Bmap(lblkno).sector != sector) return kNoBuf;
  return it->second;
}

// Whether the transfer can go on behind the buffer: a file that has grown since leaves it short.
bool BufferCache::Whole(Vnode& vnode, Lblkno lblkno) const {
  return bufs_[vnode.bufs.at(lblkno)]->bytes == vnode.block_bytes();
}

sim::Task<int> BufferCache::WriteCluster(Vnode& vnode, Lblkno lblkno) {
  const Daddr sector = vnode.map.Bmap(lblkno).sector;
  const int64_t step = vnode.mount.sectors_per_block();
  if (Clusterable(vnode, lblkno, sector) == kNoBuf) co_return 0;
  Lblkno first = lblkno;
  Lblkno end = lblkno + 1;
  const int most = vnode.mount.cluster_blocks();
  while (end - first < most && Whole(vnode, end - 1) &&
         Clusterable(vnode, end, sector + (end - lblkno) * step) != kNoBuf) {
    ++end;
  }
  while (end - first < most && first > 0 &&
         Clusterable(vnode, first - 1, sector - (lblkno - first + 1) * step) != kNoBuf &&
         Whole(vnode, first - 1)) {
    --first;
  }
  BufIndex head = kNoBuf;
  for (Lblkno at = end - 1; at >= first; --at) {
    const BufIndex index = vnode.bufs.at(at);
    Buf& buf = *bufs_[index];
    buf.locked = true;
    buf.async = true;
    buf.sector = sector + (at - lblkno) * step;
    buf.next = head;
    head = index;
  }
  co_await StartWrite(head);
  co_await ThrottleWrite();
  co_return static_cast<int>(end - first);
}

// The next dirty buffer of the file from a block on, or kNoBuf.
BufIndex BufferCache::NextDirty(const Vnode& vnode, Lblkno from) const {
  for (auto it = vnode.bufs.lower_bound(from); it != vnode.bufs.end(); ++it) {
    if (bufs_[it->second]->dirty) return it->second;
  }
  return kNoBuf;
}

sim::Task<int> BufferCache::SyncVnode(Vnode& vnode, bool wait) {
  // So many rounds write everything at once and look afterwards; the last one waits for each write.
  constexpr int kRounds = 4;
  for (int round = kRounds;; --round) {
    const int error = co_await SyncRound(vnode, wait, /*at_once=*/!wait || round > 0);
    if (error != 0 || !wait) co_return error;
    // What was under way, maybe from before, may have failed.
    co_await WaitForWrites(vnode);
    if (vnode.dirty_bufs == 0) co_return 0;
    if (round == 0) co_return kEio;
  }
}

// Writes the dirty buffers of a file, once each. Returns 0 or an errno.
sim::Task<int> BufferCache::SyncRound(Vnode& vnode, bool wait, bool at_once) {
  for (Lblkno at = 0;;) {
    const BufIndex index = NextDirty(vnode, at);
    if (index == kNoBuf) co_return 0;
    Buf& buf = *bufs_[index];
    at = buf.lblkno + 1;
    if (buf.locked) {
      if (at_once) continue;
      --at;
      co_await buf.channel.Sleep(engine_, sim::kPriorityDaemon, "ffsfsn");
    } else if (!wait) {
      co_await WriteCluster(vnode, buf.lblkno);
    } else if (at_once) {
      buf.locked = true;
      co_await Bawrite(index);
    } else {
      buf.locked = true;
      const int error = co_await Bwrite(index);
      if (error != 0) co_return error;
    }
  }
}

sim::Task<int> BufferCache::SyncRange(Vnode& vnode, Lblkno first, Lblkno end) {
  for (Lblkno at = first; at < end;) {
    const auto it = vnode.bufs.lower_bound(at);
    if (it == vnode.bufs.end() || it->first >= end) co_return 0;
    const BufIndex index = it->second;
    Buf& buf = *bufs_[index];
    at = buf.lblkno;
    if (buf.locked) {
      co_await buf.channel.Sleep(engine_, sim::kPriorityDaemon, "ffsfsn");
      continue;
    }
    buf.locked = true;
    const int error = co_await Bwrite(index);
    if (error != 0) co_return error;
    ++at;
  }
  co_return 0;
}

// bufobj_wwait.
sim::Task<void> BufferCache::WaitForWrites(Vnode& vnode) {
  while (vnode.writes_in_flight > 0) {
    co_await vnode.output_channel.Sleep(engine_, sim::kPriorityDaemon, "bo_wwait");
  }
}

sim::Task<void> BufferCache::Truncate(Vnode& vnode, Lblkno lblkno) {
  while (true) {
    const auto it = vnode.bufs.lower_bound(lblkno);
    if (it == vnode.bufs.end()) co_return;
    Buf& buf = *bufs_[it->second];
    if (buf.locked) {
      co_await buf.channel.Sleep(engine_, sim::kPriorityDaemon, "brlsfl");
      continue;
    }
    Drop(it->second);
  }
}

sim::Task<void> BufferCache::TrimPages(Vnode& vnode, int64_t size) {
  if (size % vnode.block_bytes() == 0) co_return;
  const Lblkno lblkno = size / vnode.block_bytes();
  while (true) {
    const auto it = vnode.bufs.find(lblkno);
    if (it == vnode.bufs.end()) co_return;
    Buf& buf = *bufs_[it->second];
    if (buf.locked) {
      co_await buf.channel.Sleep(engine_, sim::kPriorityDaemon, "brlsfl");
      continue;
    }
    const int64_t left = size - lblkno * vnode.block_bytes();
    buf.bytes = std::min(buf.bytes, RoundUp(left, kSectorBytes));
    DetachPages(buf, std::min(buf.npages, PagesFor(buf)));
    co_return;
  }
}

// Forgets a buffer that nobody owns, dirty or not.
void BufferCache::Drop(BufIndex index) {
  Buf& buf = *bufs_[index];
  MarkClean(index);
  buf.locked = true;
  buf.noreuse = true;
  DetachPages(buf, 0);
  Forget(index);
}

void BufferCache::Discard(Vnode& vnode) {
  while (!vnode.bufs.empty()) {
    const BufIndex index = vnode.bufs.begin()->second;
    CHECK(!bufs_[index]->locked,
          "a file ends while a buffer is in use, block=", bufs_[index]->lblkno);
    Drop(index);
  }
}

sim::Task<void> BufferCache::WillWrite() {
  if (stats_.numdirtybuffers <= limits_.hidirtybuffers) co_return;
  const sim::SimTime start = engine_.now();
  ++stats_.dirty_waits;
  WakeDaemon();
  while (stats_.numdirtybuffers > limits_.hidirtybuffers) {
    co_await dirty_channel_.Sleep(engine_, sim::kPriorityDaemon, "flswai");
  }
  stats_.dirty_wait_ns += engine_.now() - start;
}

// A file that has more dirty buffers than its share has some written (bufbdflush).
sim::Task<void> BufferCache::FlushForFile(Vnode& vnode) {
  if (vnode.dirty_bufs > limits_.dirtybufthresh + 10) {
    co_await SyncVnode(vnode, /*wait=*/false);
  } else if (vnode.dirty_bufs > limits_.dirtybufthresh) {
    for (auto it = vnode.bufs.begin(); it != vnode.bufs.end(); ++it) {
      const Buf& buf = *bufs_[it->second];
      if (!buf.dirty || buf.locked) continue;
      co_await WriteCluster(vnode, buf.lblkno);
      co_return;
    }
  }
}

void BufferCache::WakeDaemon() {
  daemon_wanted_ = true;
  daemon_channel_.WakeAll();
}

// Writes the oldest dirty buffer whose file is not locked (flushbufqueues). 0: there is none.
sim::Task<int> BufferCache::FlushOne() {
  for (BufIndex index = dirty_head_; index != kNoBuf; index = bufs_[index]->dirty_next) {
    const Buf& buf = *bufs_[index];
    if (buf.locked || !buf.vnode->lock.TryLock(engine_, LockType::kExclusive)) continue;
    Vnode& vnode = *buf.vnode;
    vnode.object->PipAdd();
    const int flushed = co_await WriteCluster(vnode, buf.lblkno);
    vnode.lock.Unlock(engine_);
    vnode.object->PipWakeup();
    stats_.buf_daemon_flushes += flushed;
    co_return flushed;
  }
  co_return 0;
}

sim::Task<void> BufferCache::Daemon() {
  while (true) {
    daemon_wanted_ = false;
    bool stuck = false;
    while (stats_.numdirtybuffers > limits_.lodirtybuffers && !stuck) {
      co_await engine_.Consume(vm_.config().costs.daemon_pass_ns);
      const int flushed = co_await FlushOne();
      stuck = flushed == 0;
    }
    if (daemon_wanted_ && !stuck) continue;
    // What is locked now may not be soon. Otherwise it looks again after a second though nobody
    // asks: what became dirty beyond the low mark leaves then.
    const sim::SimDuration nap = stuck ? sim::kSecond / 10 : sim::kSecond;
    co_await daemon_channel_.Sleep(engine_, sim::kPriorityDaemon, stuck ? "qsleep" : "psleep",
                                   {.timeout_ns = nap});
  }
}

}  // namespace vmsim::vfs
