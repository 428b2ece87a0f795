// scenarios/mpools.h: the buffer pools of a machine: who has them, and what they count.
//
//     process --MpoolCalls--> OpenPool: vfs/mpool --VnodeMpoolFile--> the caller's open file
//     child ----MpoolCalls----^  (shared)        '--VmMpoolMemory---> heap, or shared area
//
// A pool is open until its process opens another of the same name or ends, a shared one until all
// who have it have; a close leaves a pool that fails every call. Pools of the same name, one after
// another or in different processes, are counted together.
#ifndef VMSIM_SCENARIOS_MPOOLS_H_
#define VMSIM_SCENARIOS_MPOOLS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "scenarios/scenario.pb.h"
#include "sim/counters.h"
#include "vfs/mpool.h"
#include "vfs/mpool_file.h"
#include "vfs/mpool_memory.h"
#include "vfs/mpool_words.h"
#include "vfs/vfs_system.h"
#include "vm/process.h"

namespace vmsim::scenarios {

class FileCalls;

struct OpenPool {
  // A process that has the pool.
  struct User {
    vm::Process* process;
    FileCalls* files;
  };

  // What the process whose thread runs has open as the pool's file; null: nothing.
  vfs::OpenFile* Descriptor(const sim::Engine& engine) const;

  std::string name;
  std::string file;
  std::vector<User> users;
  std::unique_ptr<vfs::MpoolFile> pages;
  std::unique_ptr<vfs::VmMpoolMemory> area;  // If it is shared.
  vfs::VmMpoolMemory* memory = nullptr;      // That, or the process's heap.
  std::unique_ptr<vfs::Mpool> pool;
};
using OpenPoolPtr = std::shared_ptr<OpenPool>;

class Mpools {
 public:
  // For the pools that the scenario's steps name. `vfs` outlives this.
  Mpools(const v1::Scenario& scenario, vfs::VfsSystem& vfs);

  vfs::MpoolWords& words() { return words_; }
  // A word that nobody has written yet. No store's tag is as large.
  vfs::MpoolTag NewWord() { return next_word_++; }

  // A pool that has been opened, and one that nobody has any more.
  void Enter(OpenPoolPtr pool);
  void Leave(const OpenPool& pool);

  // mpool.NAME.*; the registry reads this from then on.
  void RegisterCounters(sim::CounterRegistry& registry) const;
  static std::vector<std::string> CounterNames(const std::string& pool);

  // The names of the invariants of vfs/mpool_invariants.h that do not hold in some pool.
  std::vector<std::string_view> BrokenInvariants() const;

  // Pools of one name.
  struct Family {
    vfs::MpoolStats Now() const;

    std::vector<OpenPoolPtr> open;
    vfs::MpoolStats left;  // Of those that nobody has any more, without levels.
  };

 private:
  vfs::MpoolWords words_;
  vfs::MpoolTag next_word_ = vfs::MpoolTag{1} << 63;
  std::map<std::string, Family> families_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_MPOOLS_H_
