// scenarios/process_host.h: what a process needs of the machine that it runs on.
#ifndef VMSIM_SCENARIOS_PROCESS_HOST_H_
#define VMSIM_SCENARIOS_PROCESS_HOST_H_

#include <map>
#include <memory>
#include <string>

#include "scenarios/call_log.h"
#include "scenarios/scenario.pb.h"
#include "scenarios/trace_layout.h"
#include "sim/engine.h"
#include "sim/task.h"
#include "vm/vm_system.h"

namespace vmsim::net {
class Sendfile;
class StreamSocket;
template <typename T>
class Ref;
}  // namespace vmsim::net

namespace vmsim::vfs {
class VfsSystem;
struct Mount;
}  // namespace vmsim::vfs

namespace vmsim::scenarios {

class Mpools;
class ProcessRunner;

// What processes of one machine share: traces by file name, segments by name; and the pages that
// files had at the beginning.
struct SharedInputs {
  std::map<std::string, TraceLayout> traces;
  std::map<std::string, vm::ObjectId> segments;
  std::map<std::string, int64_t> file_pages;
};

class ProcessHost {
 public:
  virtual ~ProcessHost() = default;

  virtual sim::Engine& engine() = 0;
  virtual vm::VmSystem& vm() = 0;
  virtual const SharedInputs& inputs() const = 0;
  virtual UnexpectedCalls& unexpected_calls() = 0;
  // Of the run; that of a process is derived from it and the process's name.
  virtual uint64_t seed() const = 0;

  // The process of this name that has begun and not ended; null if there is none.
  virtual vm::Process* FindProcess(const std::string& name) = 0;
  // Starts a process that a fork has made.
  virtual ProcessRunner& StartChild(std::unique_ptr<ProcessRunner> child) = 0;
  // By the position of the device in the scenario's swap. Return an errno.
  virtual sim::Task<int> SwapOff(int swap, bool force) = 0;
  virtual sim::Task<int> SwapOn(int swap) = 0;
  // The same for a disk that has a single device.
  virtual int SwapDeviceOn(const std::string& disk) const = 0;

  // Null without file systems; then no step uses files.
  virtual vfs::VfsSystem* vfs() = 0;
  // Null if no step opens a buffer pool.
  virtual Mpools* mpools() = 0;
  // By name, or the only one.
  virtual vfs::Mount& FileSystem(const std::string& name) = 0;
  virtual net::Sendfile& sendfile() = 0;
  // This machine's end of a connection.
  virtual const net::Ref<net::StreamSocket>& ClientSocket(const std::string& connection) = 0;
  // Power fails: the run ends. The caller must not go on.
  virtual void Crash() = 0;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_PROCESS_HOST_H_
