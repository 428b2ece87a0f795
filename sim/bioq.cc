#include "sim/bioq.h"

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::sim {

void Bioq::Disksort(uint32_t id, const DiskRequest& request) {
  const bool batch_is_full = batchsize_ > 0 && batched_ > batchsize_;
  if (request.ordered || !IsDataOp(request.op) || batch_is_full) {
    InsertTail(id, request);
    return;
  }
  Admit(id, request);
  LinkAfter(SortPosition(Distance(request.offset)), id);
  finger_ = id;
  ++batched_;
}

void Bioq::InsertTail(uint32_t id, const DiskRequest& request) {
  Admit(id, request);
  LinkAfter(tail_, id);
  insert_point_ = id;
  last_offset_ = request.offset;
  batched_ = 0;
  ForgetOrder();
}

void Bioq::InsertHead(uint32_t id, const DiskRequest& request) {
  Admit(id, request);
  if (insert_point_ == kNone) MoveOrigin(request.offset);
  LinkAfter(kNone, id);
  batched_ = 0;
}

void Bioq::Remove(uint32_t id) {
  CHECK(Queued(id), "bioq entry ", id);
  const bool was_head = id == head_;
  const int64_t end = static_cast<int64_t>(static_cast<uint64_t>(nodes_[id].offset) +
                                           static_cast<uint64_t>(nodes_[id].length));
  Unlink(id);
  if (insert_point_ == kNone) {
    if (was_head) MoveOrigin(end);
  } else if (id == insert_point_) {
    insert_point_ = kNone;
    // What stood before the barrier joins the region, in whatever order it is.
    if (!was_head) ascending_ = false;
  }
  if (empty()) {
    batched_ = 0;
    ForgetOrder();
  }
}

uint32_t Bioq::Takefirst() {
  const uint32_t id = head_;
  if (id != kNone) Remove(id);
  return id;
}

void Bioq::Admit(uint32_t id, const DiskRequest& request) {
  CHECK_NE(id, kNone);
  if (id >= nodes_.size()) nodes_.resize(id + 1);
  Node& node = nodes_[id];
  CHECK(!node.queued, "bioq entry ", id);
  node.queued = true;
  node.offset = request.offset;
  node.length = request.length;
  ++total_;
}

// The entry after which a request with this key goes: the last one before the first with a larger
// key.
uint32_t Bioq::SortPosition(uint64_t key) {
  if (tail_ == insert_point_) return tail_;  // The region is empty.
  if (!ascending_) ascending_ = RegionAscends();
  uint32_t position = insert_point_;
  if (ascending_) {
    if (Key(tail_) <= key) return tail_;
    if (finger_ != kNone && Key(finger_) <= key) position = finger_;
  }
  for (uint32_t next = After(position); next != kNone && Key(next) <= key; next = After(next)) {
    position = next;
  }
  return position;
}

bool Bioq::RegionAscends() const {
  uint64_t least = 0;
  for (uint32_t id = After(insert_point_); id != kNone; id = nodes_[id].next) {
    const uint64_t key = Key(id);
    if (key < least) return false;
    least = key;
  }
  return true;
}

void Bioq::LinkAfter(uint32_t position, uint32_t id) {
  const uint32_t next = After(position);
  nodes_[id].prev = position;
  nodes_[id].next = next;
  (position == kNone ? head_ : nodes_[position].next) = id;
  (next == kNone ? tail_ : nodes_[next].prev) = id;
}

void Bioq::Unlink(uint32_t id) {
  Node& node = nodes_[id];
  (node.prev == kNone ? head_ : nodes_[node.prev].next) = node.next;
  (node.next == kNone ? tail_ : nodes_[node.next].prev) = node.prev;
  node.prev = node.next = kNone;
  node.queued = false;
  --total_;
  if (finger_ == id) finger_ = kNone;
}

// Moves the arm while no barrier is queued, so that every key changes. An ascending region stays so
// unless some of its keys, which come first in it, now lie behind the arm and others don't.
void Bioq::MoveOrigin(int64_t origin) {
  if (ascending_ && head_ != kNone) {
    const uint64_t shift = Distance(origin);
    ascending_ = Key(head_) >= shift || Key(tail_) < shift;
  }
  last_offset_ = origin;
}

// The region has just become empty.
void Bioq::ForgetOrder() {
  ascending_ = true;
  finger_ = kNone;
}

std::string Bioq::Inconsistency() const {
  int64_t count = 0;
  bool found_insert_point = insert_point_ == kNone;
  uint32_t prev = kNone;
  for (uint32_t id = head_; id != kNone; id = nodes_[id].next) {
    if (!nodes_[id].queued || nodes_[id].prev != prev) {
      return absl::StrCat("queue entry ", id, nodes_[id].queued ? " is" : " is not",
                          " queued, its predecessor is ", nodes_[id].prev, ", expected ", prev);
    }
    found_insert_point |= id == insert_point_;
    prev = id;
    ++count;
  }
  if (tail_ != prev) return absl::StrCat("the queue ends at ", prev, ", its tail is ", tail_);
  if (count != total_) return absl::StrCat("the queue has ", count, " entries of ", total_);
  if (!found_insert_point) return absl::StrCat("insert point ", insert_point_, " is not queued");
  if (ascending_ && !RegionAscends()) return "the queue is not in ascending order";
  if (count == 0 && batched_ != 0) return absl::StrCat("an empty queue with a batch of ", batched_);
  return {};
}

}  // namespace vmsim::sim
