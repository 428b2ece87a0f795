// scenarios/file_calls.h: the steps of a process that are system calls on files, and what it has
// open.
//
// Files are called by name: a process has a file open once, and a step that uses one that it has
// not open opens it first. A child of a fork shares what its parent had open then, offsets
// included, as in the kernel; who reads or writes at the offset has it to itself (foffset_lock). A
// file is closed when the last of those who share it has closed it or ended.
#ifndef VMSIM_SCENARIOS_FILE_CALLS_H_
#define VMSIM_SCENARIOS_FILE_CALLS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "scenarios/process_host.h"
#include "scenarios/scenario.pb.h"
#include "sim/random.h"
#include "sim/task.h"
#include "sim/wait_channel.h"
#include "vfs/file_ops.h"
#include "vm/process.h"

namespace vmsim::scenarios {

class FileCalls {
 public:
  // Both outlive this.
  FileCalls(ProcessHost& host, const vm::Process& process);

  // Whether a step is one for Run.
  static bool Handles(const v1::Step& step);
  // Makes the call, once: its errno, and the bytes that it moved. A sendfile may have moved some in
  // spite of an error. Requires: Handles.
  sim::Task<vfs::IoResult> Run(const v1::Step& step);

  // For mmap: a reference to the file's object, which is the caller's then. ENOENT.
  int Reference(const std::string& file, vm::ObjectId* object);

  // For buffer pools: opens the file if it is not open (0, ENOENT); what is open under that name, or
  // null.
  int OpenIfClosed(const std::string& file);
  vfs::OpenFile* Find(const std::string& file);

  // What a fork's child has of `parent`.
  void Inherit(const FileCalls& parent);
  // The end of the process (fdescfree).
  sim::Task<void> CloseAll();

 private:
  // What one open made: struct file.
  struct Description {
    vfs::OpenFile file;
    int processes = 1;  // That have it.
    bool offset_locked = false;
    sim::WaitChannel offset_channel;  // "vofflock"
  };
  using DescriptionPtr = std::shared_ptr<Description>;

  // Which bytes a read or a write is about.
  struct Range {
    std::optional<int64_t> offset;  // None: where the last one ended.
    int64_t length = 0;
  };
  enum class Direction : uint8_t { kRead, kWrite };

  vfs::VfsSystem& vfs() { return *host_.vfs(); }
  sim::Task<void> Enter();
  DescriptionPtr Use(const std::string& file, int* error);
  template <typename Call>
  Range RangeOf(const Call& call);
  sim::Task<vfs::IoResult> Transfer(Direction direction, std::string file, Range range);
  sim::Task<vfs::IoResult> Move(Direction direction, vfs::OpenFile& file, int64_t offset,
                                int64_t length);
  sim::Task<vfs::IoResult> WriteToClient(const v1::Write& write);
  sim::Task<vfs::IoResult> Sendfile(const v1::Sendfile& sendfile);
  sim::Task<int> Open(const v1::Open& open);
  sim::Task<int> Close(const std::string& file);
  sim::Task<int> Fsync(const std::string& file);
  sim::Task<int> Truncate(const v1::Truncate& truncate);
  sim::Task<int> Unlink(const std::string& file);
  sim::Task<void> LockOffset(Description& description);
  static void UnlockOffset(Description& description);
  sim::Task<void> Release(DescriptionPtr description);

  ProcessHost& host_;
  sim::SplitMix64 random_;  // For random_blocks.
  std::map<std::string, DescriptionPtr> open_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_FILE_CALLS_H_
