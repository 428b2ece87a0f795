// scenarios/mpool_calls.h: the steps of a process that use buffer pools, and the pools that it has.
//
// Pools are called by name, and the pages that a process was handed out by handles of its own: the
// program's variables, which stay what they are when the page is put. Using a page after that is
// misuse, as in a real program: the buffer may hold another page by then.
//
// The library costs no system calls but those it makes: a call that finds its page takes the time of
// one reference.
#ifndef VMSIM_SCENARIOS_MPOOL_CALLS_H_
#define VMSIM_SCENARIOS_MPOOL_CALLS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "scenarios/file_calls.h"
#include "scenarios/mpools.h"
#include "scenarios/process_host.h"
#include "scenarios/reference_source.h"
#include "scenarios/scenario.pb.h"
#include "sim/random.h"
#include "sim/task.h"
#include "vm/process.h"

namespace vmsim::scenarios {

class MpoolCalls {
 public:
  // All outlive this.
  MpoolCalls(ProcessHost& host, vm::Process& process, FileCalls& files);

  // Makes the call, or an access to one page, once: the errno. A fault that fails kills the process.
  // Requires: IsMpoolCall.
  sim::Task<int> Run(const v1::Step& step);

  // What a fork's child has of `parent`: pools that are shared, with their handles.
  void Inherit(const MpoolCalls& parent);
  // The end of the process. Nothing is written.
  void LeaveAll();

 private:
  struct Mine {
    OpenPoolPtr pool;
    std::map<std::string, vfs::MpoolPage> handles;
  };
  // The pages that an access step comes to, read ahead.
  struct Stream {
    std::unique_ptr<ReferenceSource> source;
    std::vector<uint64_t> records;
    size_t next = 0;
  };

  Mine* Find(const std::string& pool);
  static vfs::MpoolPage PageOf(const Mine& mine, const std::string& handle);
  sim::Task<int> Open(const v1::MpoolOpen& open);
  int Back(const v1::MpoolOpen& open, OpenPool& made);
  void Leave(Mine& mine);
  sim::Task<int> RunIn(Mine& mine, const v1::Step& step);
  sim::Task<int> Get(Mine& mine, const v1::MpoolGet& get);
  sim::Task<int> New(Mine& mine, const v1::MpoolNew& call);
  sim::Task<int> Touch(Mine& mine, vfs::MpoolPage page, bool write);
  sim::Task<int> Access(Mine& mine, const v1::Step& step);
  VptRecord NextOf(const v1::Step& step);

  ProcessHost& host_;
  vm::Process& process_;
  FileCalls& files_;
  const uint64_t seed_;
  sim::SplitMix64 random_;  // For random_pages.
  std::unique_ptr<vfs::VmMpoolMemory> heap_;
  std::map<std::string, Mine> pools_;
  std::map<const v1::Step*, Stream> streams_;  // Only looked up.
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MPOOL_CALLS_H_
