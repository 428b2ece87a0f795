// sim/bioq.h: the BSD elevator, a queue of disk requests in one-way order.
//
// Requests are sorted by how far ahead of the arm they start: key = offset - last_offset, as an
// unsigned number, so that what lies behind the arm comes after what lies ahead of it. last_offset
// is the end of the request taken last. Equal keys keep their order of arrival.
//
//     head                      insert_point
//      |  anything that came before  |   sorted by key: the region where new requests go   |
//
// A barrier (an ordered request, or any command but read, write and delete) goes to the tail and
// becomes the insert point: nothing sorts ahead of it, and while it is queued last_offset stays at
// its own start. After `batchsize` + 1 sorted insertions without the queue running empty the next
// request becomes a barrier too, which bounds starvation.
//
// An entry is a node of a dense array, indexed by a request number that the caller chooses (small
// numbers: the array grows to the largest). Links are 32-bit, so an insert allocates nothing once
// that number was seen. Disksort is O(1) when a request goes to the end of the region or right
// behind the one before it; otherwise it walks the region, of at most batchsize + 1 requests as a
// rule.
//
// Model: FreeBSD 13.2 sys/kern/subr_disk.c, bioq_*. Misuse (an entry queued twice, removing one
// that is not queued) fails a CHECK.
#ifndef VMSIM_SIM_BIOQ_H_
#define VMSIM_SIM_BIOQ_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sim/disk_request.h"

namespace vmsim::sim {

class Bioq {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr int kDefaultBatchsize = 128;  // debug.bioq_batchsize

  // A `batchsize` of 0 or less means no limit.
  explicit Bioq(int batchsize = kDefaultBatchsize) : batchsize_(batchsize) {}

  // Queues `request` as entry `id`: sorted, or as a barrier if it must be. Requires: not queued.
  void Disksort(uint32_t id, const DiskRequest& request);
  // Queues at the tail, as a barrier.
  void InsertTail(uint32_t id, const DiskRequest& request);
  // Queues at the head; without a barrier in the queue, the arm is taken to be at its start.
  void InsertHead(uint32_t id, const DiskRequest& request);
  // Unlinks `id`, wherever it stands. Requires: queued.
  void Remove(uint32_t id);
  // Removes the head and returns it, or kNone.
  uint32_t Takefirst();
  // Empties the queue: calls visit(id) with each head in turn, after it was removed.
  template <typename Visit>
  void Flush(Visit visit) {
    for (uint32_t id = Takefirst(); id != kNone; id = Takefirst()) visit(id);
  }

  uint32_t First() const { return head_; }
  // The entry after `id` in queue order, or kNone. Requires: queued.
  uint32_t Next(uint32_t id) const { return nodes_[id].next; }
  bool Queued(uint32_t id) const { return id < nodes_.size() && nodes_[id].queued; }
  bool empty() const { return head_ == kNone; }

  int64_t last_offset() const { return last_offset_; }
  uint32_t insert_point() const { return insert_point_; }  // The last barrier queued, or kNone.
  int64_t total() const { return total_; }
  int64_t batched() const { return batched_; }

  // Empty if queue, sums and shortcuts agree, or else what does not. Walks everything.
  std::string Inconsistency() const;

 private:
  struct Node {
    int64_t offset = 0;
    int64_t length = 0;
    uint32_t prev = kNone;
    uint32_t next = kNone;
    bool queued = false;
  };

  // Unsigned: what starts behind the arm is further away than anything ahead of it.
  uint64_t Distance(int64_t offset) const {
    return static_cast<uint64_t>(offset) - static_cast<uint64_t>(last_offset_);
  }
  uint64_t Key(uint32_t id) const { return Distance(nodes_[id].offset); }
  uint32_t After(uint32_t id) const { return id == kNone ? head_ : nodes_[id].next; }

  void Admit(uint32_t id, const DiskRequest& request);
  uint32_t SortPosition(uint64_t key);
  bool RegionAscends() const;
  void LinkAfter(uint32_t position, uint32_t id);
  void Unlink(uint32_t id);
  void MoveOrigin(int64_t origin);
  void ForgetOrder();

  int64_t batchsize_;
  std::vector<Node> nodes_;
  uint32_t head_ = kNone;
  uint32_t tail_ = kNone;
  uint32_t insert_point_ = kNone;
  int64_t last_offset_ = 0;
  int64_t total_ = 0;
  int64_t batched_ = 0;

  // Shortcuts for SortPosition; neither changes where a request goes. ascending_: the region's keys
  // are known never to decrease. finger_: the request sorted last, while it is in the region.
  bool ascending_ = true;
  uint32_t finger_ = kNone;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_BIOQ_H_
