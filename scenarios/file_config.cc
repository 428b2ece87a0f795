#include "scenarios/file_config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "scenarios/scenario_config.h"
#include "scenarios/steps.h"
#include "vm/page.h"

namespace vmsim::scenarios {
namespace {

using Areas = std::map<std::string, std::vector<DiskArea>>;

std::map<std::string, int64_t> DiskSizes(const v1::Scenario& scenario) {
  std::map<std::string, int64_t> sizes;
  for (const v1::Disk& disk : scenario.disks()) sizes[disk.name()] = ToDiskConfig(disk).size_bytes;
  return sizes;
}

void AddSwap(const v1::Scenario& scenario, const std::map<std::string, int64_t>& disks,
             Areas& areas) {
  for (int i = 0; i < scenario.swap_size(); ++i) {
    const v1::SwapDevice& swap = scenario.swap(i);
    const int64_t disk_bytes = disks.at(swap.disk());
    const int64_t begin = swap.offset_pages() * vm::kPageSize;
    const int64_t end =
        swap.size_pages() > 0 ? begin + swap.size_pages() * vm::kPageSize : disk_bytes;
    areas[swap.disk()].push_back({absl::StrCat("swap[", i, "]"), begin, end});
  }
}

int64_t EndOfAll(const std::vector<DiskArea>& areas) {
  int64_t end = 0;
  for (const DiskArea& area : areas) end = std::max(end, area.end);
  return end;
}

// Where the first area behind `offset` begins, or the disk ends.
int64_t NextBegin(const std::vector<DiskArea>& areas, int64_t offset, int64_t disk_bytes) {
  int64_t next = disk_bytes;
  for (const DiskArea& area : areas) {
    if (area.begin >= offset) next = std::min(next, area.begin);
  }
  return next;
}

bool HasCrash(const Steps& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const v1::Step& step) {
    return step.has_crash() || (step.has_repeat() && HasCrash(step.repeat().steps())) ||
           (step.has_fork() && HasCrash(step.fork().steps()));
  });
}

}  // namespace

vfs::VfsConfig ToVfsConfig(const v1::Scenario& scenario) {
  const v1::Vfs& vfs = scenario.vfs();
  vfs::VfsConfig config;
  if (vfs.has_filedelay_s()) config.filedelay_s = vfs.filedelay_s();
  config.hirunningspace = vfs.hirunningspace();
  config.lorunningspace = vfs.lorunningspace();
  config.hidirtybuffers = vfs.hidirtybuffers();
  config.lodirtybuffers = vfs.lodirtybuffers();
  config.sf_bufs.direct_map = scenario.sf_bufs().direct_map();
  config.sf_bufs.nsfbufs = static_cast<uint32_t>(scenario.sf_bufs().nsfbufs());
  return config;
}

vfs::FileLayout ToFileLayout(const v1::File& file) {
  vfs::FileLayout layout;
  layout.bytes = file.size_bytes();
  layout.fragment_blocks = file.fragment_blocks();
  layout.gap_blocks = file.gap_blocks();
  layout.hole_every = file.hole_every();
  return layout;
}

net::LinkConfig ToLinkConfig(const v1::Connection& connection) {
  net::LinkConfig config;
  config.bytes_per_second = connection.bytes_per_s();
  config.delay_ns = connection.delay_ns();
  if (connection.has_queue_bytes()) config.queue_bytes = connection.queue_bytes();
  return config;
}

net::SocketConfig ToSocketConfig(const v1::Connection& connection) {
  net::SocketConfig config;
  if (connection.has_send_buffer_bytes()) config.send_buffer = connection.send_buffer_bytes();
  if (connection.has_receive_buffer_bytes()) {
    config.receive_buffer = connection.receive_buffer_bytes();
  }
  return config;
}

net::SinkConfig ToSinkConfig(const v1::Connection& connection) {
  return {.bytes_per_second = connection.read_bytes_per_s()};
}

std::vector<vfs::MountConfig> PlaceFileSystems(const v1::Scenario& scenario, Areas* areas) {
  const std::map<std::string, int64_t> disks = DiskSizes(scenario);
  AddSwap(scenario, disks, *areas);
  std::vector<vfs::MountConfig> placed;
  for (int i = 0; i < scenario.file_systems_size(); ++i) {
    const v1::FileSystem& fs = scenario.file_systems(i);
    std::vector<DiskArea>& on_disk = (*areas)[fs.disk()];
    vfs::MountConfig mount;
    mount.name = fs.name();
    if (fs.has_block_bytes()) mount.block_bytes = fs.block_bytes();
    if (fs.has_iosize_max_bytes()) mount.iosize_max = fs.iosize_max_bytes();
    if (fs.pager() == v1::FileSystem::BUFFER) mount.style = vfs::PagerStyle::kBuffer;
    mount.offset_bytes = fs.has_offset_bytes() ? fs.offset_bytes()
                                               : vfs::RoundUp(EndOfAll(on_disk), mount.block_bytes);
    const int64_t room =
        NextBegin(on_disk, mount.offset_bytes, disks.at(fs.disk())) - mount.offset_bytes;
    mount.size_bytes =
        fs.size_bytes() > 0 ? fs.size_bytes() : room / mount.block_bytes * mount.block_bytes;
    on_disk.push_back({absl::StrCat("file_systems[", i, "]"), mount.offset_bytes,
                       mount.offset_bytes + std::max<int64_t>(mount.size_bytes, 0)});
    placed.push_back(mount);
  }
  return placed;
}

int FindFileSystem(const v1::Scenario& scenario, const std::string& name) {
  if (name.empty()) return scenario.file_systems_size() == 1 ? 0 : -1;
  for (int i = 0; i < scenario.file_systems_size(); ++i) {
    if (scenario.file_systems(i).name() == name) return i;
  }
  return -1;
}

int64_t FragmentsOf(const v1::Scenario& scenario, const v1::File& file) {
  const int index = FindFileSystem(scenario, file.file_system());
  const v1::FileSystem& fs = scenario.file_systems(index);
  const int64_t block = fs.has_block_bytes() ? fs.block_bytes() : vfs::MountConfig().block_bytes;
  const int64_t blocks = vfs::CeilDiv(file.size_bytes(), block);
  return file.fragment_blocks() == 0 ? 1 : vfs::CeilDiv(blocks, file.fragment_blocks());
}

bool HasCrash(const v1::Scenario& scenario) {
  return std::any_of(scenario.processes().begin(), scenario.processes().end(),
                     [](const v1::Process& process) { return HasCrash(process.steps()); });
}

}  // namespace vmsim::scenarios
