#include "scenarios/machine_check.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scenarios/check_rules.h"
#include "scenarios/saturating.h"
#include "scenarios/scenario_check.h"
#include "scenarios/scenario_config.h"
#include "scenarios/status_macros.h"
#include "scenarios/text_hints.h"
#include "sim/time.h"
#include "vm/page.h"
#include "vm/swap_params.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
constexpr int64_t kCostMax = 60 * sim::kSecond;
constexpr int kMaxDisks = 64;
constexpr int kMaxFaults = 1024;
constexpr const char* kNoSpin = "daemons must not spin without time passing; use 1000 or more";

constexpr IntegerRule kCpuRules[] = {
    {"count", 1, 256},
    {"slice_ns", 1000, kCostMax},
    {"grain_ns", 1000, kCostMax},
    {"context_switch_ns", 0, kCostMax},
};

constexpr IntegerRule kCostRules[] = {
    {"reference_ns", 1, kCostMax},
    {"soft_fault_ns", 1, kCostMax},
    {"hard_fault_ns", 1, kCostMax},
    {"page_zero_ns", 0, kCostMax},
    {"page_copy_ns", 0, kCostMax},
    {"page_scan_ns", 0, kCostMax},
    {"scan_batch_ns", 1000, kCostMax, kNoSpin},
    {"daemon_pass_ns", 1000, kCostMax, kNoSpin},
    {"swap_io_setup_ns", 0, kCostMax},
    {"tlb_shootdown_ns", 0, kCostMax},
    {"syscall_ns", 0, kCostMax},
    {"pte_ns", 0, kCostMax},
};

constexpr IntegerRule kTunableRules[] = {
    {"hz", 1, 1'000'000},
    {"pageout_update_period_s", 0, 1'000'000'000},
    {"pageout_oom_seq", 0, 1'000'000'000},
    {"act_scan_laundry_weight", 1, 1'000'000},
    {"background_launder_rate_kb", 0, 1 << 30},
    {"background_launder_max_kb", 0, 1 << 30},
    {"pageout_cpus_per_thread", 1, 256},
    {"pfault_oom_attempts", -1, 1'000'000'000},
    {"pfault_oom_wait_s", 1, 1'000'000'000},
    {"oom_pf_secs", 0, 1'000'000'000},
    {"swap_async_max", 1, 1024},
    {"maxphys", vm::kPageSize, 1 << 24},
    {"maxswzone", 0, int64_t{1} << 40},
    {"overcommit", 0, 7},
    {"max_user_wired_pages", 0, int64_t{1} << 32},
};

absl::Status CheckMemory(const v1::Scenario& scenario, const ScenarioPlace& place) {
  const FieldRef root;
  const FieldRef memory{&root, "memory"};
  const FieldRef field{&memory, "pages"};
  const int64_t pages = scenario.memory().pages();
  if (pages == 0) {
    return place.Error(field, absl::StrCat("is missing; say how much memory the machine has, ",
                                           kMinMemoryPages, " pages or more"));
  }
  if (pages < kMinMemoryPages) {
    return place.Error(
        field,
        absl::StrCat(pages, " is below FreeBSD's workable minimum (its free-page ",
                     "thresholds collapse into each other); use ", kMinMemoryPages, " or more"));
  }
  if (pages > kMaxMemoryPages) {
    return place.Error(field, absl::StrCat(pages, " is more than the ", kMaxMemoryPages,
                                           " pages (1 TiB) that a machine can have; use less"));
  }
  return absl::OkStatus();
}

absl::Status CheckPolicy(const v1::Scenario& scenario, const ScenarioPlace& place) {
  if (!scenario.has_policy()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const PolicyInfo& policy : Policies()) names.push_back(policy.name);
  if (std::find(names.begin(), names.end(), scenario.policy()) != names.end()) {
    return absl::OkStatus();
  }
  return place.Error("policy", absl::StrCat("there is no policy ", Quoted(scenario.policy()), "; ",
                                            Suggestion(scenario.policy(), names),
                                            " (`vmsim policies` lists what exists)"));
}

absl::Status CheckTunables(const v1::Scenario& scenario, const ScenarioPlace& place) {
  const FieldRef root;
  const FieldRef at{&root, "tunables"};
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, at, scenario.tunables(), kTunableRules));
  const vm::Tunables tunables = ToTunables(scenario.tunables());
  if (tunables.maxphys % vm::kPageSize != 0) {
    return place.Error({&at, "maxphys"},
                       absl::StrCat(tunables.maxphys, " is not whole pages; use a ", "multiple of ",
                                    vm::kPageSize));
  }
  return absl::OkStatus();
}

absl::Status CheckFaultFields(const ScenarioPlace& place, const FieldRef& at,
                              const v1::DiskFault& fault) {
  constexpr IntegerRule kRules[] = {
      {"offset_bytes", 0, kAny},
      {"length_bytes", 0, kAny},
      {"from_ns", 0, kAny},
      {"until_ns", 0, kAny},
      {"nth", 0, kAny},
      {"every", 0, kAny},
      {"limit", 0, kAny},
      {"probability_ppm", 0, 1'000'000},
      {"delay_ns", 0, 3600 * sim::kSecond},
      {"prefix_sectors", 0, kAny},
  };
  if (fault.kind() == v1::DiskFault::KIND_UNSPECIFIED) {
    return place.Error({&at, "kind"},
                       "is missing; say what goes wrong: IO_ERROR, BAD_RANGE, GONE, "
                       "NO_MEMORY, SHORT_TRANSFER, TORN_WRITE or SLOW");
  }
  return CheckIntegers(place, at, fault, kRules);
}

// Fields that sim/disk.h and sim/disk_faults.h call otherwise than scenario.proto does.
std::string ProtoFieldName(std::string name) {
  constexpr std::pair<const char*, const char*> kNames[] = {
      {"batchsize", "elevator_batch"}, {"begin", "offset_bytes"},
      {"end", "length_bytes"},         {"from", "from_ns"},
      {"until", "until_ns"},           {"ops", "op"},
  };
  const size_t dot = name.rfind('.');
  const size_t start = dot == std::string::npos ? 0 : dot + 1;
  for (const auto& [theirs, ours] : kNames) {
    if (name.compare(start, std::string::npos, theirs) == 0) return name.substr(0, start) + ours;
  }
  return name;
}

// Says where, for an error "field: what" of a lower layer.
absl::Status Relocate(const ScenarioPlace& place, const FieldRef& at, const absl::Status& error) {
  const std::vector<std::string> parts = absl::StrSplit(error.message(), absl::MaxSplits(": ", 1));
  const std::string fix = absl::StrContains(error.message(), "; ") ? "" : "; change this value";
  if (parts.size() < 2) return place.Error(at, absl::StrCat(parts[0], fix));
  return place.Error({&at, ProtoFieldName(parts[0])}, absl::StrCat(parts[1], fix));
}

absl::Status CheckDisk(const ScenarioPlace& place, const FieldRef& at, const v1::Disk& disk) {
  constexpr IntegerRule kRules[] = {
      {"size_bytes", 0, int64_t{1} << 50},
      {"queue_depth", 1, 1024},
      {"max_io_bytes", sim::kSectorBytes, 1 << 24},
      {"elevator_batch", 0, 1'000'000},
  };
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, at, disk, kRules));
  if (disk.size_bytes() % vm::kPageSize != 0) {
    return place.Error({&at, "size_bytes"}, absl::StrCat(disk.size_bytes(), " is not whole pages; ",
                                                         "use a multiple of ", vm::kPageSize));
  }
  if (disk.faults_size() > kMaxFaults) {
    return place.Error({&at, "faults"},
                       absl::StrCat("has ", disk.faults_size(), "; use at most ", kMaxFaults));
  }
  for (int i = 0; i < disk.faults_size(); ++i) {
    VMSIM_RETURN_IF_ERROR(CheckFaultFields(place, {&at, "faults", i}, disk.faults(i)));
  }
  if (const absl::Status status = sim::ValidateDisk(ToDiskConfig(disk)); !status.ok()) {
    return Relocate(place, at, status);
  }
  return absl::OkStatus();
}

absl::Status CheckDisks(const v1::Scenario& scenario, const ScenarioPlace& place) {
  const FieldRef root;
  std::set<std::string> names;
  if (scenario.disks_size() > kMaxDisks) {
    return place.Error(
        "disks", absl::StrCat("there are ", scenario.disks_size(), "; use at most ", kMaxDisks));
  }
  for (int i = 0; i < scenario.disks_size(); ++i) {
    const FieldRef at{&root, "disks", i};
    VMSIM_RETURN_IF_ERROR(
        CheckNewName(place, {&at, "name"}, scenario.disks(i).name(), "disk", names));
    VMSIM_RETURN_IF_ERROR(CheckDisk(place, at, scenario.disks(i)));
  }
  return absl::OkStatus();
}

// Swap devices: each a range of pages on a disk, none over another.
class SwapChecker {
 public:
  SwapChecker(const v1::Scenario& scenario, const ScenarioPlace& place)
      : scenario_(scenario), place_(place) {
    for (const v1::Disk& disk : scenario.disks()) {
      names_.insert(disk.name());
      disk_pages_[disk.name()] = ToDiskConfig(disk).size_bytes / vm::kPageSize;
    }
  }

  absl::Status Check() {
    if (scenario_.swap_size() > kMaxDisks) {
      return place_.Error("swap", absl::StrCat("there are ", scenario_.swap_size(),
                                               " devices; use at most ", kMaxDisks));
    }
    const FieldRef root;
    for (int i = 0; i < scenario_.swap_size(); ++i) {
      VMSIM_RETURN_IF_ERROR(CheckDevice({&root, "swap", i}, scenario_.swap(i)));
    }
    return absl::OkStatus();
  }

 private:
  static constexpr int64_t kMinPages = vm::kSwapLabelPages + 1;
  static constexpr int64_t kMaxPages = int64_t{1} << 31;  // Of one device, and of all together.

  absl::Status CheckDevice(const FieldRef& at, const v1::SwapDevice& device) {
    constexpr IntegerRule kRules[] = {
        {"offset_pages", 0, kAny},
        {"size_pages", 0, kMaxPages},
    };
    VMSIM_RETURN_IF_ERROR(CheckKnownName(place_, {&at, "disk"}, device.disk(), "disk", names_));
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at, device, kRules));
    const int64_t disk_pages = disk_pages_[device.disk()];
    const FieldRef size{&at, "size_pages"};
    if (device.offset_pages() >= disk_pages) {
      return place_.Error(
          {&at, "offset_pages"},
          absl::StrCat(device.offset_pages(), " is past the end of ", Quoted(device.disk()),
                       ", which has ", disk_pages, " pages; use less"));
    }
    const int64_t room = disk_pages - device.offset_pages();
    const int64_t pages = device.size_pages() != 0 ? device.size_pages() : room;
    if (pages > room) {
      return place_.Error(
          size, absl::StrCat(pages, " pages do not fit: ", Quoted(device.disk()), " has ", room,
                             " from there on; use at most ", room, " or a larger disk"));
    }
    if (pages < kMinPages) {
      return place_.Error(size,
                          absl::StrCat(pages, " is too few: the label takes ", vm::kSwapLabelPages,
                                       " pages; use ", kMinPages, " or more"));
    }
    total_pages_ = SaturatingAdd(total_pages_, pages);
    if (total_pages_ > kMaxPages) {
      return place_.Error(size, absl::StrCat("swap devices have more than ", kMaxPages,
                                             " pages together; use less"));
    }
    return CheckOverlap(at, device, pages);
  }

  absl::Status CheckOverlap(const FieldRef& at, const v1::SwapDevice& device, int64_t pages) {
    const int64_t begin = device.offset_pages();
    for (const auto& [other_begin, other_end] : used_[device.disk()]) {
      if (begin < other_end && other_begin < begin + pages) {
        return place_.Error(
            at, absl::StrCat("pages ", begin, "..", begin + pages - 1, " of ",
                             Quoted(device.disk()), " overlap another swap device's ", other_begin,
                             "..", other_end - 1, "; change offset_pages or size_pages"));
      }
    }
    used_[device.disk()].emplace_back(begin, begin + pages);
    return absl::OkStatus();
  }

  const v1::Scenario& scenario_;
  const ScenarioPlace& place_;
  std::set<std::string> names_;
  std::map<std::string, int64_t> disk_pages_;
  std::map<std::string, std::vector<std::pair<int64_t, int64_t>>> used_;  // Ranges, by disk.
  int64_t total_pages_ = 0;
};

}  // namespace

absl::Status CheckMachine(const v1::Scenario& scenario, const ScenarioPlace& place) {
  const FieldRef root;
  VMSIM_RETURN_IF_ERROR(CheckMemory(scenario, place));
  VMSIM_RETURN_IF_ERROR(CheckPolicy(scenario, place));
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, {&root, "cpus"}, scenario.cpus(), kCpuRules));
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, {&root, "costs"}, scenario.costs(), kCostRules));
  VMSIM_RETURN_IF_ERROR(CheckTunables(scenario, place));
  VMSIM_RETURN_IF_ERROR(CheckDisks(scenario, place));
  return SwapChecker(scenario, place).Check();
}

}  // namespace vmsim::scenarios
