// scenarios/system_calls.h: the steps of a process that are system calls on memory, processes and
// swap, but fork and wait.
//
// Translates a step's names and pages to the addresses and flags that vm/syscalls.h takes.
#ifndef VMSIM_SCENARIOS_SYSTEM_CALLS_H_
#define VMSIM_SCENARIOS_SYSTEM_CALLS_H_

#include <string>

#include "scenarios/call_log.h"
#include "scenarios/file_calls.h"
#include "scenarios/process_host.h"
#include "scenarios/process_maps.h"
#include "scenarios/scenario.pb.h"
#include "sim/task.h"
#include "vm/process.h"

namespace vmsim::scenarios {

class SystemCalls {
 public:
  // All outlive this.
  SystemCalls(ProcessHost& host, vm::Process& process, ProcessMaps& maps, FileCalls& files)
      : host_(host), vm_(host.vm()), process_(process), maps_(maps), files_(files) {}

  // Makes the call and returns its errno. A mincore's answer goes to `pages`. Requires: IsCall, and
  // neither fork nor wait nor a call on files.
  sim::Task<int> Run(const v1::Step& step, MincoreSums* pages);

 private:
  sim::Task<int> Map(const v1::Map& map);
  uint64_t PagesOf(const v1::Map& map) const;
  int EntryOf(const v1::Map& map, vm::MapEntry* entry);
  sim::Task<int> Unmap(const v1::Unmap& unmap);
  sim::Task<int> Kill(const v1::Kill& kill);
  sim::Task<int> Madvise(const v1::Madvise& madvise);
  sim::Task<int> Mincore(const v1::Span& span, MincoreSums* pages);
  template <typename Call>
  int SwapDevice(const Call& call) const;

  ProcessHost& host_;
  vm::VmSystem& vm_;
  vm::Process& process_;
  ProcessMaps& maps_;
  FileCalls& files_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SYSTEM_CALLS_H_
