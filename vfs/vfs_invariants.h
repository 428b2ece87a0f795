// vfs/vfs_invariants.h: what must hold of files and buffers between two steps, by name.
//
// As vm/invariants.h has it for memory: each is a function over the whole state that says what is
// wrong, or nothing; none changes anything. docs/invariants.md lists them.
#ifndef VMSIM_VFS_VFS_INVARIANTS_H_
#define VMSIM_VFS_VFS_INVARIANTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vfs/vfs_system.h"
#include "vm/invariants.h"

namespace vmsim::vfs {

struct VfsInvariant {
  // Empty if it holds; else what is wrong, with the values.
  using Function = std::string (*)(VfsSystem& vfs);

  std::string_view name;
  vm::CheckLevel level;
  std::string_view what;
  std::string_view source;
  Function check;
};

// All of them, in the order in which they are checked. Names are unique, also among vm's.
const std::vector<VfsInvariant>& VfsInvariants();

// The first invariant of the level that does not hold now.
std::optional<vm::Violation> CheckVfs(VfsSystem& vfs, vm::CheckLevel level);

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_VFS_INVARIANTS_H_
