// vm/read_ahead.h: how far around a fault to read, and what to drop behind a sequential reader.
//
// A map entry remembers how far the last fault read ahead and where the next one falls if access is
// sequential. As long as it does, the window grows by 8 pages a fault up to the largest I/O; any
// other fault drops it to nothing and asks for the aligned cluster of 16 around the page.
//
//     sequential    15 (new entry) --> 23 --> 31 --> ... --> 255
//     elsewhere     0: behind to the cluster's start, ahead to its end
//     then again    7 --> 15 --> 23 ...
//
// At full speed, or with MADV_SEQUENTIAL, what lies behind the reader is offered for reclaim, a
// superpage at a time. MADV_RANDOM reads only the page itself.
//
// Model: FreeBSD sys/vm/vm_fault.c (vm_fault_readahead, vm_fault_getpages, vm_fault_dontneed).
#ifndef VMSIM_VM_READ_AHEAD_H_
#define VMSIM_VM_READ_AHEAD_H_

#include <cstdint>

#include "vm/map.h"
#include "vm/object.h"
#include "vm/page_array.h"
#include "vm/page_tables.h"
#include "vm/reclaim.h"

namespace vmsim::vm {

inline constexpr int64_t kSuperpageBytes = 2 << 20;  // amd64

class ReadAhead {
 public:
  // `maxphys` is the largest I/O in bytes; `superpage_bytes` the second page size, or 0.
  ReadAhead(PageArray& pages, PageTables& page_tables, int64_t maxphys,
            int64_t superpage_bytes = kSuperpageBytes);

  struct Choice {
    int pages = 0;         // To read ahead; 0: the cluster around the page.
    Vpage drop_start = 0;  // What to drop; nothing if start and end are equal.
    Vpage drop_end = 0;
  };
  // Chooses for a fault at `vpage` of `entry`, whose object is `first_object`, and notes it in the
  // entry. Once a fault, when it first asks a pager.
  Choice Choose(MapEntry& entry, const Object& first_object, Vpage vpage) const;

  // Forgets the references of this address space to [start, end) of `entry` and deactivates the
  // pages.
  void Drop(const MapEntry& entry, const Object& first_object, Vpage start, Vpage end,
            Reclaim& reclaim) const;

  struct Window {
    int behind = 0;
    int ahead = 0;
  };
  // What to ask the pager for around page `pindex` of the object that is read, for a fault at
  // `vpage`.
  Window WindowOf(const MapEntry& entry, Vpage vpage, Pindex pindex, int pages) const;

 private:
  void ChooseDrop(const MapEntry& entry, Vpage vpage, Choice& choice) const;

  PageArray& pages_;
  PageTables& page_tables_;
  int max_;          // VM_FAULT_READ_AHEAD_MAX: pages.
  Vpage drop_step_;  // Pages dropped at a time.
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_READ_AHEAD_H_
