#include "scenarios/file_check.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scenarios/check_rules.h"
#include "scenarios/file_config.h"
#include "scenarios/scenario_config.h"
#include "scenarios/status_macros.h"
#include "scenarios/text_hints.h"
#include "sim/time.h"
#include "vfs/types.h"
#include "vm/sf_buf_pool.h"

namespace vmsim::scenarios {
namespace {

constexpr int kMaxFileSystems = 64;
constexpr int kMaxFiles = 65536;
constexpr int kMaxConnections = 4096;
constexpr int64_t kMaxDiskBytes = int64_t{1} << 50;
constexpr int64_t kMaxFragments = int64_t{1} << 22;
constexpr int64_t kMaxFragmentsInAll = int64_t{1} << 24;
constexpr int64_t kMaxFilePages = int64_t{1} << 32;
constexpr int64_t kMaxIosize = 1 << 24;
constexpr int64_t kMaxRate = 1'000'000'000'000;
constexpr int64_t kMaxBuffer = int64_t{1} << 30;

absl::Status CheckCount(const ScenarioPlace& place, const char* field, int count, int most) {
  if (count <= most) return absl::OkStatus();
  return place.Error(field, absl::StrCat("there are ", count, "; use at most ", most));
}

// --- File systems ---

absl::Status CheckWhole(const ScenarioPlace& place, const FieldRef& field, int64_t bytes,
                        int64_t block_bytes) {
  if (bytes % block_bytes == 0) return absl::OkStatus();
  return place.Error(field,
                     absl::StrCat(bytes, " is not whole blocks; use a multiple of ", block_bytes));
}

absl::Status CheckFileSystem(const ScenarioPlace& place, const FieldRef& at,
                             const v1::FileSystem& fs, const std::set<std::string>& disks) {
  constexpr IntegerRule kRules[] = {
      {"offset_bytes", 0, kMaxDiskBytes},
      {"size_bytes", 0, kMaxDiskBytes},
      {"block_bytes", vfs::kMinBlockBytes, vfs::kMaxBlockBytes},
      {"iosize_max_bytes", vfs::kMinBlockBytes, kMaxIosize},
  };
  VMSIM_RETURN_IF_ERROR(CheckKnownName(place, {&at, "disk"}, fs.disk(), "disk", disks));
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, at, fs, kRules));
  const vfs::MountConfig defaults;
  const int64_t block = fs.has_block_bytes() ? fs.block_bytes() : defaults.block_bytes;
  const int64_t iosize = fs.has_iosize_max_bytes() ? fs.iosize_max_bytes() : defaults.iosize_max;
  if ((block & (block - 1)) != 0) {
    return place.Error({&at, "block_bytes"},
                       absl::StrCat(block, " is not a power of two; use 512, 1024, ... or 65536"));
  }
  if (iosize < block) {
    return place.Error({&at, "iosize_max_bytes"},
                       absl::StrCat(iosize, " is less than a block; use ", block, " or more"));
  }
  VMSIM_RETURN_IF_ERROR(CheckWhole(place, {&at, "iosize_max_bytes"}, iosize, block));
  VMSIM_RETURN_IF_ERROR(CheckWhole(place, {&at, "offset_bytes"}, fs.offset_bytes(), block));
  return CheckWhole(place, {&at, "size_bytes"}, fs.size_bytes(), block);
}

// A block travels in one transfer: a sendfile that read a part of one would wait for itself.
absl::Status CheckBlockFits(const ScenarioPlace& place, const FieldRef& at,
                            const v1::FileSystem& fs, const v1::Tunables& tunables) {
  const int64_t block = fs.has_block_bytes() ? fs.block_bytes() : vfs::MountConfig().block_bytes;
  if (!tunables.has_maxphys() || block <= tunables.maxphys()) return absl::OkStatus();
  return place.Error({&at, "block_bytes"},
                     absl::StrCat(block, " is more than tunables.maxphys, which is ",
                                  tunables.maxphys(), "; use less, or a larger maxphys"));
}

// That what a file system takes of its disk is there, and nobody else's. `areas` are those of its
// disk, of which `area` is its own.
absl::Status CheckArea(const ScenarioPlace& place, const FieldRef& at, const DiskArea& area,
                       const std::vector<DiskArea>& areas, const v1::Disk& disk) {
  const int64_t disk_bytes = ToDiskConfig(disk).size_bytes;
  if (area.begin >= disk_bytes) {
    return place.Error(
        {&at, "offset_bytes"},
        absl::StrCat("byte ", area.begin, ", where it would begin, is past the end of ",
                     Quoted(disk.name()), ", which has ", disk_bytes,
                     " bytes; leave room before it, or use a larger disk"));
  }
  if (area.end > disk_bytes) {
    return place.Error({&at, "size_bytes"},
                       absl::StrCat(area.end - area.begin, " bytes do not fit: ",
                                    Quoted(disk.name()), " has ", disk_bytes - area.begin,
                                    " from byte ", area.begin, " on; use less or a larger disk"));
  }
  for (const DiskArea& other : areas) {
    if (other.owner == area.owner || area.begin >= other.end || other.begin >= area.end) continue;
    return place.Error(
        at, absl::StrCat("bytes ", area.begin, "..", area.end - 1, " of ", Quoted(disk.name()),
                         " overlap ", other.owner, ", ", other.begin, "..", other.end - 1,
                         "; change offset_bytes or size_bytes"));
  }
  if (area.end > area.begin) return absl::OkStatus();
  return place.Error(
      {&at, "size_bytes"},
      absl::StrCat("no block fits from byte ", area.begin, " of ", Quoted(disk.name()),
                   " on; leave room there, or use a larger disk"));
}

const DiskArea& AreaOf(const std::string& owner, const std::vector<DiskArea>& areas) {
  return *std::find_if(areas.begin(), areas.end(),
                       [&](const DiskArea& area) { return area.owner == owner; });
}

absl::Status CheckFileSystems(const v1::Scenario& scenario, const ScenarioPlace& place) {
  const FieldRef root;
  std::set<std::string> names;
  std::map<std::string, const v1::Disk*> disks;
  std::set<std::string> disk_names;
  for (const v1::Disk& disk : scenario.disks()) {
    disks[disk.name()] = &disk;
    disk_names.insert(disk.name());
  }
  VMSIM_RETURN_IF_ERROR(
      CheckCount(place, "file_systems", scenario.file_systems_size(), kMaxFileSystems));
  for (int i = 0; i < scenario.file_systems_size(); ++i) {
    const FieldRef at{&root, "file_systems", i};
    const v1::FileSystem& fs = scenario.file_systems(i);
    VMSIM_RETURN_IF_ERROR(CheckNewName(place, {&at, "name"}, fs.name(), "file system", names));
    VMSIM_RETURN_IF_ERROR(CheckFileSystem(place, at, fs, disk_names));
    VMSIM_RETURN_IF_ERROR(CheckBlockFits(place, at, fs, scenario.tunables()));
  }
  std::map<std::string, std::vector<DiskArea>> areas;
  PlaceFileSystems(scenario, &areas);
  for (int i = 0; i < scenario.file_systems_size(); ++i) {
    const std::string& disk = scenario.file_systems(i).disk();
    const DiskArea& area = AreaOf(absl::StrCat("file_systems[", i, "]"), areas[disk]);
    VMSIM_RETURN_IF_ERROR(
        CheckArea(place, {&root, "file_systems", i}, area, areas[disk], *disks[disk]));
  }
  return absl::OkStatus();
}

// --- Files ---

// Blocks that a file has on its disk: all but those of holes.
int64_t BlocksOnDisk(const v1::File& file, int64_t block_bytes) {
  const int64_t blocks = vfs::CeilDiv(file.size_bytes(), block_bytes);
  if (file.hole_every() == 0 || blocks == 0) return blocks;
  const int64_t piece = file.fragment_blocks() > 0 ? file.fragment_blocks() : blocks;
  const int64_t pieces = vfs::CeilDiv(blocks, piece);
  const int64_t holes = pieces / file.hole_every();
  const bool last_is_hole = pieces % file.hole_every() == 0;
  const int64_t missing_at_end = pieces * piece - blocks;
  return blocks - holes * piece + (last_is_hole ? missing_at_end : 0);
}

class FileChecker {
 public:
  FileChecker(const v1::Scenario& scenario, const ScenarioPlace& place)
      : scenario_(scenario), place_(place) {
    std::map<std::string, std::vector<DiskArea>> areas;
    mounts_ = PlaceFileSystems(scenario, &areas);
    for (const vfs::MountConfig& mount : mounts_) free_.push_back(mount.size_bytes);
  }

  absl::Status Check() {
    VMSIM_RETURN_IF_ERROR(CheckCount(place_, "files", scenario_.files_size(), kMaxFiles));
    const FieldRef root;
    for (int i = 0; i < scenario_.files_size(); ++i) {
      VMSIM_RETURN_IF_ERROR(CheckFile({&root, "files", i}, scenario_.files(i)));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CheckFile(const FieldRef& at, const v1::File& file) {
    constexpr int64_t kManyBlocks = int64_t{1} << 40;
    constexpr IntegerRule kRules[] = {
        {"size_bytes", 0, vfs::kMaxFileBytes},
        {"fragment_blocks", 0, kManyBlocks},
        {"gap_blocks", 0, kManyBlocks},
        {"hole_every", 0, kManyBlocks},
    };
    VMSIM_RETURN_IF_ERROR(CheckNewName(place_, {&at, "name"}, file.name(), "file", names_));
    VMSIM_RETURN_IF_ERROR(
        CheckFileSystemName(place_, {&at, "file_system"}, scenario_, file.file_system()));
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at, file, kRules));
    VMSIM_RETURN_IF_ERROR(CheckFragments(at, file));
    pages_ += vfs::PagesOf(file.size_bytes());
    if (pages_ > kMaxFilePages) {
      return place_.Error({&at, "size_bytes"}, absl::StrCat("files have more than ", kMaxFilePages,
                                                            " pages together; use less"));
    }
    const auto fs = static_cast<size_t>(FindFileSystem(scenario_, file.file_system()));
    const int64_t block = mounts_[fs].block_bytes;
    const int64_t needed = BlocksOnDisk(file, block) * block;
    if (needed > free_[fs]) {
      return place_.Error(
          {&at, "size_bytes"},
          absl::StrCat("the file needs ", needed, " bytes of ", Quoted(mounts_[fs].name),
                       ", which has ", free_[fs], " left; use less, or a larger file system"));
    }
    free_[fs] -= needed;
    return absl::OkStatus();
  }

  absl::Status CheckFragments(const FieldRef& at, const v1::File& file) {
    const int64_t fragments = FragmentsOf(scenario_, file);
    if (fragments > kMaxFragments) {
      return place_.Error({&at, "fragment_blocks"},
                          absl::StrCat("the file has ", fragments, " fragments; use at most ",
                                       kMaxFragments, ", of more blocks each"));
    }
    fragments_ += fragments;
    if (fragments_ <= kMaxFragmentsInAll) return absl::OkStatus();
    return place_.Error({&at, "fragment_blocks"},
                        absl::StrCat("files have more than ", kMaxFragmentsInAll,
                                     " fragments together; use more blocks for each"));
  }

  const v1::Scenario& scenario_;
  const ScenarioPlace& place_;
  std::vector<vfs::MountConfig> mounts_;
  std::vector<int64_t> free_;  // Bytes, by file system.
  std::set<std::string> names_;
  int64_t fragments_ = 0;
  int64_t pages_ = 0;
};

// --- Tunables and connections ---

absl::Status CheckMarks(const ScenarioPlace& place, const FieldRef& at, const char* low_name,
                        int64_t low, const char* high_name, int64_t high) {
  if (low <= high) return absl::OkStatus();
  return place.Error({&at, low_name},
                     absl::StrCat(low, " is more than ", high_name, ", which is ", high,
                                  high == 0 ? " (by the size of memory); set both" : "; use less"));
}

absl::Status CheckVfs(const ScenarioPlace& place, const v1::Vfs& vfs) {
  constexpr int64_t kMaxSpace = int64_t{1} << 40;
  constexpr int64_t kMaxBuffers = 1 << 20;
  constexpr IntegerRule kRules[] = {
      {"filedelay_s", 1, 30},
      {"hirunningspace", 0, kMaxSpace},
      {"lorunningspace", 0, kMaxSpace},
      {"hidirtybuffers", 0, kMaxBuffers},
      {"lodirtybuffers", 0, kMaxBuffers},
  };
  const FieldRef root;
  const FieldRef at{&root, "vfs"};
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, at, vfs, kRules));
  VMSIM_RETURN_IF_ERROR(CheckMarks(place, at, "lorunningspace", vfs.lorunningspace(),
                                   "hirunningspace", vfs.hirunningspace()));
  VMSIM_RETURN_IF_ERROR(CheckMarks(place, at, "lodirtybuffers", vfs.lodirtybuffers(),
                                   "hidirtybuffers", vfs.hidirtybuffers()));
  // The daemon stops at lodirtybuffers, and writers are woken at the middle of the two, rounded down.
  const int64_t high = vfs.hidirtybuffers();
  const int64_t low = vfs.lodirtybuffers() > 0 ? vfs.lodirtybuffers() : high / 2;
  if (high == 0 || high >= low + 2) return absl::OkStatus();
  return place.Error(
      {&at, "hidirtybuffers"},
      absl::StrCat(high, " is too near to lodirtybuffers, which is ", low,
                   ": writers that sleep would not be woken; use ", low + 2, " or more"));
}

absl::Status CheckSfBufs(const ScenarioPlace& place, const v1::SfBufs& sf_bufs) {
  const FieldRef root;
  const FieldRef at{&root, "sf_bufs"};
  const FieldRef field{&at, "nsfbufs"};
  VMSIM_RETURN_IF_ERROR(CheckInRange(place, field, sf_bufs.nsfbufs(), 0, vm::kMaxSfBufs));
  if (!sf_bufs.direct_map() || sf_bufs.nsfbufs() == 0) return absl::OkStatus();
  return place.Error(field, "with a direct map there is no pool of them; remove one of the two");
}

absl::Status CheckConnections(const v1::Scenario& scenario, const ScenarioPlace& place) {
  constexpr IntegerRule kRules[] = {
      {"bytes_per_s", 0, kMaxRate},
      {"delay_ns", 0, 60 * sim::kSecond},
      {"queue_bytes", 1, kMaxBuffer},
      {"send_buffer_bytes", 1, kMaxBuffer},
      {"receive_buffer_bytes", 1, kMaxBuffer},
      {"read_bytes_per_s", 0, kMaxRate},
  };
  const FieldRef root;
  std::set<std::string> names;
  VMSIM_RETURN_IF_ERROR(
      CheckCount(place, "connections", scenario.connections_size(), kMaxConnections));
  for (int i = 0; i < scenario.connections_size(); ++i) {
    const FieldRef at{&root, "connections", i};
    const v1::Connection& connection = scenario.connections(i);
    VMSIM_RETURN_IF_ERROR(
        CheckNewName(place, {&at, "name"}, connection.name(), "connection", names));
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place, at, connection, kRules));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckFileSystemName(const ScenarioPlace& place, const FieldRef& field,
                                 const v1::Scenario& scenario, const std::string& name) {
  if (FindFileSystem(scenario, name) >= 0) return absl::OkStatus();
  if (scenario.file_systems().empty()) {
    return place.Error(field, "the scenario has no file systems; add one");
  }
  std::set<std::string> names;
  for (const v1::FileSystem& fs : scenario.file_systems()) names.insert(fs.name());
  return CheckKnownName(place, field, name, "file system", names);
}

absl::Status CheckFiles(const v1::Scenario& scenario, const ScenarioPlace& place) {
  VMSIM_RETURN_IF_ERROR(CheckFileSystems(scenario, place));
  VMSIM_RETURN_IF_ERROR(FileChecker(scenario, place).Check());
  VMSIM_RETURN_IF_ERROR(CheckVfs(place, scenario.vfs()));
  VMSIM_RETURN_IF_ERROR(CheckSfBufs(place, scenario.sf_bufs()));
  return CheckConnections(scenario, place);
}

}  // namespace vmsim::scenarios
