// vm/mincore.h: what of a range is in memory.
//
// By default (vm.mincore_mapped = 1) only the process's own page tables are asked: a resident page
// that it does not map is reported absent. With 0 the entry's own object is asked, too, but none
// that it shadows.
//
// Model: FreeBSD sys/vm/vm_mmap.c (kern_mincore), sys/amd64/amd64/pmap.c (pmap_mincore).
#ifndef VMSIM_VM_MINCORE_H_
#define VMSIM_VM_MINCORE_H_

#include <cstdint>
#include <vector>

#include "vm/map.h"
#include "vm/object.h"
#include "vm/page_array.h"
#include "vm/page_tables.h"

namespace vmsim::vm {

inline constexpr uint8_t kMincoreIncore = 0x1;
inline constexpr uint8_t kMincoreReferenced = 0x2;       // By this process.
inline constexpr uint8_t kMincoreModified = 0x4;         // By this process.
inline constexpr uint8_t kMincoreReferencedOther = 0x8;  // By anybody.
inline constexpr uint8_t kMincoreModifiedOther = 0x10;   // By anybody.
inline constexpr uint8_t kMincoreSuper = 0x60;           // Page size index; always 0 here.

class Mincore {
 public:
  Mincore(PageArray& pages, PageTables& page_tables, ObjectTable& objects, bool mapped_only)
      : pages_(pages), page_tables_(page_tables), objects_(objects), mapped_only_(mapped_only) {}

  // One byte for each page of [start, end) into `vec`. False: a page is not mapped to anything.
  bool Ask(const AddressSpace& space, Vpage start, Vpage end, std::vector<uint8_t>* vec);

 private:
  uint8_t AskPage(const MapEntry& entry, Vpage vpage);
  uint8_t Others(FrameIndex frame);

  PageArray& pages_;
  PageTables& page_tables_;
  ObjectTable& objects_;
  bool mapped_only_;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_MINCORE_H_
