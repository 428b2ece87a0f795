// vm/process.h: who owns an address space, as far as memory is concerned.
#ifndef VMSIM_VM_PROCESS_H_
#define VMSIM_VM_PROCESS_H_

#include <cstdint>
#include <string>

#include "sim/engine.h"
#include "vm/map.h"

namespace vmsim::vm {

// Pids below this belong to the system; out of memory spares them while there is swap.
inline constexpr int kFirstUserPid = 100;

struct Process {
  Process(int process_pid, std::string process_name, PageTables& page_tables)
      : pid(process_pid),
        name(std::move(process_name)),
        space(static_cast<uint32_t>(process_pid), page_tables) {}

  int pid;
  std::string name;
  AddressSpace space;
  sim::Thread* thread = nullptr;
  bool protect = false;               // P_PROTECTED: never chosen for lack of memory.
  int64_t memlock_limit = INT64_MAX;  // RLIMIT_MEMLOCK, in pages.
  bool exiting = false;               // P_WEXIT
  bool exited = false;
  bool oom_killed = false;
  int signal = 0;  // That ended it, or 0.
  int exit_status = 0;

  bool killed() const { return space.killed; }
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PROCESS_H_
