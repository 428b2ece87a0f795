// vm/object.h: what pages belong to.
//
// An Object is a sparse range of pages: anonymous memory (type kSwap) or, through vfs/, a file. Its
// page index is a dense, lazily touched table, so that finding a page is one load. Objects live in
// an ObjectTable and are named by a 32-bit ObjectId; ids are reused, addresses are stable.
//
// An anonymous object may shadow another, its backing object: what it has itself hides what is
// below, and what nobody above has written to is looked for further down.
//
//     object          . . 2 . 4     shadows [offset, offset + size) of
//     backing       0 1 2 3 . 5     which counts its shadows and, for each, holds one reference
//
// Model: FreeBSD sys/vm/vm_object.h and vm_object.c.
#ifndef VMSIM_VM_OBJECT_H_
#define VMSIM_VM_OBJECT_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "sim/check.h"
#include "sim/wait_channel.h"
#include "vm/page_array.h"
#include "vm/pager.h"
#include "vm/swap_blocks.h"

namespace vmsim::vm {

enum class ObjectType : uint8_t {
  kDefault,  // 13.2 only: anonymous memory that was never paged out.
  kSwap,
  kVnode,
  kDead,
};

enum ObjectFlags : uint8_t {
  kObjAnon = 0x01,        // Anonymous memory: dies with its last mapping.
  kObjOneMapping = 0x02,  // Each page mapped at most once: never shared.
  kObjDead = 0x04,        // Being terminated.
  kObjFictitious = 0x08,  // Its pages are a device's, not memory: never reclaimed.
  kObjCollapsing = 0x10,  // Taking over its backing object's pages.
  kObjSplit = 0x20,       // Giving pages to a new object: page-in reads no neighbours.
};

// One 32-bit entry a page of the object, zero until touched.
class PindexTable {
 public:
  explicit PindexTable(uint32_t size) { Allocate(size); }
  // At least `size` entries from now on; the new ones are zero.
  void Grow(uint32_t size) {
    if (size <= capacity_) return;
    const std::unique_ptr<uint32_t, Free> old = std::move(entries_);
    const uint32_t entries = capacity_;
    Allocate(static_cast<uint32_t>(std::min<uint64_t>(UINT32_MAX, uint64_t{size} * 3 / 2)));
    std::copy(old.get(), old.get() + entries, entries_.get());
  }
  uint32_t capacity() const { return capacity_; }
  uint32_t& operator[](uint32_t i) { return entries_.get()[i]; }
  uint32_t operator[](uint32_t i) const { return entries_.get()[i]; }

 private:
  struct Free {
    void operator()(uint32_t* p) const { std::free(p); }
  };
  void Allocate(uint32_t size) {
    capacity_ = std::max(size, 1u);
    entries_.reset(static_cast<uint32_t*>(std::calloc(capacity_, sizeof(uint32_t))));
    CHECK(entries_ != nullptr, "no host memory for an object, pages=", size);
  }

  std::unique_ptr<uint32_t, Free> entries_;
  uint32_t capacity_ = 0;
};

struct Object {
  Object(ObjectId object_id, ObjectType object_type, uint32_t size_pages)
      : id(object_id), type(object_type), size(size_pages), frames(size_pages), swap(size_pages) {}

  // The frame at `pindex`, or kNoFrame. Behind the end, too: a file's maps may reach over it, and a
  // wired page stays there when the file is cut.
  FrameIndex Lookup(Pindex pindex) const {
    return pindex < frames.capacity() ? frames[pindex] - 1 : kNoFrame;
  }
  bool dead() const { return (flags & kObjDead) != 0; }
  bool anon() const { return (flags & kObjAnon) != 0; }
  // A file has a new size. Who shrinks it has taken out the pages behind the end.
  void Resize(uint32_t size_pages) {
    frames.Grow(size_pages);
    size = size_pages;
  }
  bool one_mapping() const { return (flags & kObjOneMapping) != 0; }
  // Whether a page may have become dirty since the object was last cleaned as a whole.
  bool might_be_dirty() const { return generation != cleangeneration; }

  // Paging in progress: I/O or a fault uses the object.
  void PipAdd(int n = 1) { paging_in_progress += n; }
  void PipWakeup(int n = 1) {
    paging_in_progress -= n;
    CHECK_GE(paging_in_progress, 0, "object=", id);
    if (paging_in_progress == 0) pip_channel.WakeAll();
  }

  ObjectId id;
  ObjectType type;
  uint8_t flags = 0;
  uint32_t size;          // Pages. Shrinks when the tail is unmapped.
  int32_t ref_count = 1;  // Map entries, shadows, and whoever else holds it.
  int32_t paging_in_progress = 0;
  uint32_t resident_page_count = 0;
  uint32_t charge = 0;  // Pages of swap reserved for it (vm/swap_reserve.h).
  // The object that this one shadows, and where in it page 0 of this one lies.
  ObjectId backing = kNoObject;
  Pindex backing_offset = 0;
  int32_t shadow_count = 0;           // Objects whose backing this is, and the list of them,
  ObjectId first_shadow = kNoObject;  // newest first.
  ObjectId next_shadow = kNoObject;   // The object's own place in its backing's list.
  ObjectId prev_shadow = kNoObject;
  // Counted up whenever a page may become dirty through a mapping; what it was when all was clean.
  uint32_t generation = 1;
  uint32_t cleangeneration = 1;
  Pager* pager = nullptr;
  PindexTable frames;             // pindex -> frame + 1, 0: not resident.
  SwapBlocks swap;                // pindex -> swap block.
  sim::WaitChannel pip_channel;   // "objtrm": until paging_in_progress is 0.
  sim::WaitChannel swap_channel;  // "swread": until a page's swap I/O is done.
};

class ObjectTable {
 public:
  explicit ObjectTable(PageArray& pages) : pages_(pages) {}

  Object& Create(ObjectType type, uint32_t size_pages);
  // Requires: no resident pages, no swap blocks, no references.
  void Destroy(ObjectId id);

  Object& operator[](ObjectId id) { return *objects_[id]; }
  const Object& operator[](ObjectId id) const { return *objects_[id]; }
  // Upper bound of ids in use; some below it may be vacant (exists() is false).
  size_t id_limit() const { return objects_.size(); }
  bool exists(ObjectId id) const { return objects_[id] != nullptr; }
  size_t count() const { return objects_.size() - free_ids_.size(); }

  // vm_page_insert and vm_page_object_remove: links and unlinks page and object.
  void Insert(FrameIndex frame, Object& object, Pindex pindex);
  void Remove(FrameIndex frame);

  // Makes `object` a shadow of `backing` from page `offset` on; one reference to `backing` is the
  // link's from now on (vm_object_backing_insert). Requires: `object` shadows nothing.
  void SetBacking(Object& object, Object& backing, Pindex offset);
  // Undoes that and hands the reference to the caller; returns what was shadowed, or kNoObject
  // (vm_object_backing_remove).
  ObjectId ClearBacking(Object& object);

 private:
  PageArray& pages_;
  std::vector<std::unique_ptr<Object>> objects_;
  std::vector<ObjectId> free_ids_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_OBJECT_H_
