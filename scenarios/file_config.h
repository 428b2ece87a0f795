// scenarios/file_config.h: from the messages about files and connections to the plain structs of
// vfs/ and net/; and where on their disks file systems are.
//
// As scenarios/scenario_config.h: fields that are not set keep the structs' defaults, and nothing
// is checked here.
#ifndef VMSIM_SCENARIOS_FILE_CONFIG_H_
#define VMSIM_SCENARIOS_FILE_CONFIG_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "net/connection.h"
#include "net/link.h"
#include "net/sink.h"
#include "scenarios/scenario.pb.h"
#include "vfs/vfs_system.h"

namespace vmsim::scenarios {

vfs::VfsConfig ToVfsConfig(const v1::Scenario& scenario);
vfs::FileLayout ToFileLayout(const v1::File& file);
net::LinkConfig ToLinkConfig(const v1::Connection& connection);
// Of this machine's end, and of the client's.
net::SocketConfig ToSocketConfig(const v1::Connection& connection);
net::SinkConfig ToSinkConfig(const v1::Connection& connection);

// A part of a disk in use, in bytes.
struct DiskArea {
  std::string owner;  // "swap[0]", "file_systems[1]"
  int64_t begin = 0;
  int64_t end = 0;
};

// Places the scenario's file systems one after the other, as FileSystem.offset_bytes and
// size_bytes say; `areas` gets what is on each disk then, swap first. A size may come out as 0 or
// less, and areas may overlap: whoever checks finds out. Requires: disks and swap are checked.
std::vector<vfs::MountConfig> PlaceFileSystems(const v1::Scenario& scenario,
                                               std::map<std::string, std::vector<DiskArea>>* areas);

// The file system that `name` means: its position, or that of the only one if it is empty. -1:
// there is no such thing.
int FindFileSystem(const v1::Scenario& scenario, const std::string& name);

// Pieces in which the file lies on its disk, holes counted. Requires: its file system is known.
int64_t FragmentsOf(const v1::Scenario& scenario, const v1::File& file);

// Whether the run may end in a crash.
bool HasCrash(const v1::Scenario& scenario);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_FILE_CONFIG_H_
