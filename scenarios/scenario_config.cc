#include "scenarios/scenario_config.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace vmsim::scenarios {
namespace {

// Replaces `to` by an optional field if that is set.
#define VMSIM_TAKE(message, field, to)                     \
  do {                                                     \
    if ((message).has_##field()) (to) = (message).field(); \
  } while (false)

sim::FixedDiskConfig ToFixed(const v1::FixedModel& model) {
  sim::FixedDiskConfig config;
  VMSIM_TAKE(model, base_ns, config.base_ns);
  VMSIM_TAKE(model, per_unit_ns, config.per_unit_ns);
  VMSIM_TAKE(model, unit_bytes, config.unit_bytes);
  VMSIM_TAKE(model, servers, config.servers);
  return config;
}

void TakeSeekCurve(const v1::SeekCurve& seek, sim::SeekCurve& curve) {
  VMSIM_TAKE(seek, sqrt_base_ns, curve.sqrt_base_ns);
  VMSIM_TAKE(seek, sqrt_coefficient_ns, curve.sqrt_coefficient_ns);
  VMSIM_TAKE(seek, linear_above, curve.linear_above);
  VMSIM_TAKE(seek, linear_base_ns, curve.linear_base_ns);
  VMSIM_TAKE(seek, linear_per_cylinder_ns, curve.linear_per_cylinder_ns);
}

sim::HddDiskConfig ToHdd(const v1::HddModel& model) {
  sim::HddDiskConfig config = model.preset() == v1::HddModel::HP97560
                                  ? sim::HddDiskConfig::Hp97560()
                                  : sim::HddDiskConfig::Modern7200();
  VMSIM_TAKE(model, cylinders, config.cylinders);
  VMSIM_TAKE(model, heads, config.heads);
  VMSIM_TAKE(model, sectors_per_track, config.sectors_per_track);
  VMSIM_TAKE(model, rotation_ns, config.rotation_ns);
  VMSIM_TAKE(model, overhead_ns, config.overhead_ns);
  VMSIM_TAKE(model, head_switch_ns, config.head_switch_ns);
  VMSIM_TAKE(model, track_skew_sectors, config.track_skew_sectors);
  VMSIM_TAKE(model, cylinder_skew_sectors, config.cylinder_skew_sectors);
  TakeSeekCurve(model.seek(), config.seek);
  VMSIM_TAKE(model, buffer_bytes, config.buffer_bytes);
  VMSIM_TAKE(model, read_ahead_bytes, config.read_ahead_bytes);
  return config;
}

sim::SsdDiskConfig ToSsd(const v1::SsdModel& model) {
  sim::SsdDiskConfig config;
  VMSIM_TAKE(model, channels, config.channels);
  VMSIM_TAKE(model, dies_per_channel, config.dies_per_channel);
  VMSIM_TAKE(model, queue_depth, config.queue_depth);
  VMSIM_TAKE(model, unit_bytes, config.unit_bytes);
  VMSIM_TAKE(model, read_ns, config.read_ns);
  VMSIM_TAKE(model, program_ns, config.program_ns);
  VMSIM_TAKE(model, erase_ns, config.erase_ns);
  VMSIM_TAKE(model, channel_bytes_per_s, config.channel_bytes_per_s);
  VMSIM_TAKE(model, overhead_ns, config.overhead_ns);
  VMSIM_TAKE(model, write_cache_units, config.write_cache_units);
  VMSIM_TAKE(model, programs_per_erase, config.programs_per_erase);
  return config;
}

sim::DiskModelConfig ToModel(const v1::Disk& disk) {
  switch (disk.model_case()) {
    case v1::Disk::kFixed:
      return ToFixed(disk.fixed());
    case v1::Disk::kHdd:
      return ToHdd(disk.hdd());
    case v1::Disk::kSsd:
    case v1::Disk::MODEL_NOT_SET:
      break;
  }
  return ToSsd(disk.ssd());
}

sim::DiskFaultKind ToFaultKind(v1::DiskFault::Kind kind) {
  switch (kind) {
    case v1::DiskFault::BAD_RANGE:
      return sim::DiskFaultKind::kBadRange;
    case v1::DiskFault::GONE:
      return sim::DiskFaultKind::kGone;
    case v1::DiskFault::NO_MEMORY:
      return sim::DiskFaultKind::kNoMemory;
    case v1::DiskFault::SHORT_TRANSFER:
      return sim::DiskFaultKind::kShort;
    case v1::DiskFault::TORN_WRITE:
      return sim::DiskFaultKind::kTorn;
    case v1::DiskFault::SLOW:
      return sim::DiskFaultKind::kLatency;
    default:
      return sim::DiskFaultKind::kEio;
  }
}

uint32_t ToOps(const v1::DiskFault& fault) {
  if (fault.op() == v1::DiskFault::READ) return sim::OpBit(sim::DiskOp::kRead);
  if (fault.op() == v1::DiskFault::WRITE) return sim::OpBit(sim::DiskOp::kWrite);
  return sim::OpBit(sim::DiskOp::kRead) | sim::OpBit(sim::DiskOp::kWrite);
}

sim::DiskFaultRule ToFaultRule(const v1::DiskFault& fault) {
  sim::DiskFaultRule rule;
  rule.kind = ToFaultKind(fault.kind());
  rule.ops = ToOps(fault);
  rule.begin = fault.offset_bytes();
  if (fault.length_bytes() > 0 &&
      __builtin_add_overflow(fault.offset_bytes(), fault.length_bytes(), &rule.end)) {
    rule.end = std::numeric_limits<int64_t>::max();
  }
  rule.from = fault.from_ns();
  VMSIM_TAKE(fault, until_ns, rule.until);
  rule.nth = fault.nth();
  rule.every = fault.every();
  rule.probability_ppm = fault.probability_ppm();
  rule.limit = fault.limit();
  rule.delay_ns = fault.delay_ns();
  VMSIM_TAKE(fault, prefix_sectors, rule.prefix_sectors);
  rule.report_error = fault.report_error();
  rule.remap_on_write = fault.remap_on_write();
  return rule;
}

// A model that is not valid has no size; that it is not valid is found by whoever validates it.
int64_t DefaultSize(const sim::DiskModelConfig& config) {
  absl::StatusOr<std::unique_ptr<sim::DiskModel>> model = sim::MakeDiskModel(config);
  if (!model.ok()) return kDefaultDiskBytes;
  const int64_t capacity = (*model)->capacity_bytes();
  if (capacity == std::numeric_limits<int64_t>::max()) return kDefaultDiskBytes;
  return capacity;
}

}  // namespace

sim::EngineConfig ToEngineConfig(const v1::Cpus& cpus) {
  sim::EngineConfig config;
  VMSIM_TAKE(cpus, count, config.cpus);
  VMSIM_TAKE(cpus, slice_ns, config.slice_ns);
  VMSIM_TAKE(cpus, grain_ns, config.grain_ns);
  VMSIM_TAKE(cpus, context_switch_ns, config.context_switch_ns);
  return config;
}

vm::Costs ToCosts(const v1::Costs& costs) {
  vm::Costs config;
  VMSIM_TAKE(costs, reference_ns, config.reference_ns);
  VMSIM_TAKE(costs, soft_fault_ns, config.soft_fault_ns);
  VMSIM_TAKE(costs, hard_fault_ns, config.hard_fault_ns);
  VMSIM_TAKE(costs, page_zero_ns, config.page_zero_ns);
  VMSIM_TAKE(costs, page_copy_ns, config.page_copy_ns);
  VMSIM_TAKE(costs, page_scan_ns, config.page_scan_ns);
  VMSIM_TAKE(costs, scan_batch_ns, config.scan_batch_ns);
  VMSIM_TAKE(costs, daemon_pass_ns, config.daemon_pass_ns);
  VMSIM_TAKE(costs, swap_io_setup_ns, config.swap_io_setup_ns);
  VMSIM_TAKE(costs, tlb_shootdown_ns, config.tlb_shootdown_ns);
  VMSIM_TAKE(costs, syscall_ns, config.syscall_ns);
  VMSIM_TAKE(costs, pte_ns, config.pte_ns);
  return config;
}

vm::Tunables ToTunables(const v1::Tunables& tunables) {
  vm::Tunables config;
  VMSIM_TAKE(tunables, hz, config.hz);
  VMSIM_TAKE(tunables, pageout_update_period_s, config.pageout_update_period_s);
  VMSIM_TAKE(tunables, pageout_oom_seq, config.pageout_oom_seq);
  VMSIM_TAKE(tunables, act_scan_laundry_weight, config.act_scan_laundry_weight);
  VMSIM_TAKE(tunables, background_launder_rate_kb, config.background_launder_rate_kb);
  VMSIM_TAKE(tunables, background_launder_max_kb, config.background_launder_max_kb);
  VMSIM_TAKE(tunables, disable_swapspace_pageouts, config.disable_swapspace_pageouts);
  VMSIM_TAKE(tunables, pageout_cpus_per_thread, config.pageout_cpus_per_thread);
  VMSIM_TAKE(tunables, pfault_oom_attempts, config.pfault_oom_attempts);
  VMSIM_TAKE(tunables, pfault_oom_wait_s, config.pfault_oom_wait_s);
  VMSIM_TAKE(tunables, oom_pf_secs, config.oom_pf_secs);
  VMSIM_TAKE(tunables, swap_async_max, config.swap_async_max);
  VMSIM_TAKE(tunables, maxphys, config.maxphys);
  VMSIM_TAKE(tunables, maxswzone, config.maxswzone);
  VMSIM_TAKE(tunables, overcommit, config.overcommit);
  VMSIM_TAKE(tunables, mincore_mapped, config.mincore_mapped);
  VMSIM_TAKE(tunables, max_user_wired_pages, config.max_user_wired);
  return config;
}

vm::FreebsdRevision ToRevision(v1::FreeBsd::Revision revision) {
  return revision == v1::FreeBsd::R13_2 ? vm::FreebsdRevision::kR13_2 : vm::FreebsdRevision::kR15;
}

sim::DiskConfig ToDiskConfig(const v1::Disk& disk) {
  sim::DiskConfig config;
  config.name = disk.name();
  config.model = ToModel(disk);
  config.size_bytes = disk.size_bytes() != 0 ? disk.size_bytes() : DefaultSize(config.model);
  config.scheduler = disk.scheduler() == v1::Disk::FIFO ? sim::DiskScheduler::kFifo
                                                        : sim::DiskScheduler::kElevator;
  VMSIM_TAKE(disk, queue_depth, config.queue_depth);
  VMSIM_TAKE(disk, max_io_bytes, config.max_io_bytes);
  VMSIM_TAKE(disk, elevator_batch, config.batchsize);
  config.faults.reserve(static_cast<size_t>(disk.faults_size()));
  for (const v1::DiskFault& fault : disk.faults()) config.faults.push_back(ToFaultRule(fault));
  return config;
}

GeneratorConfig ToGeneratorConfig(const v1::Generate& generate, int64_t pages, uint64_t seed) {
  constexpr std::pair<v1::Generate::Kind, GeneratorKind> kKinds[] = {
      {v1::Generate::SEQUENTIAL, GeneratorKind::kSequential},
      {v1::Generate::LOOP, GeneratorKind::kLoop},
      {v1::Generate::UNIFORM, GeneratorKind::kUniform},
      {v1::Generate::ZIPF, GeneratorKind::kZipf},
      {v1::Generate::HOTSET, GeneratorKind::kHotset},
      {v1::Generate::PHASES, GeneratorKind::kPhases},
      {v1::Generate::STRIDED, GeneratorKind::kStrided},
      {v1::Generate::CHASE, GeneratorKind::kChase},
      {v1::Generate::ZIGZAG, GeneratorKind::kZigzag},
  };
  GeneratorConfig config;
  for (const auto& [from, to] : kKinds) {
    if (generate.kind() == from) config.kind = to;
  }
  // A negative number becomes a huge one, which the recipe's limits refuse.
  config.pages = static_cast<uint64_t>(pages);
  config.refs = static_cast<uint64_t>(generate.refs());
  config.write_pct = static_cast<uint32_t>(generate.write_pct());
  config.seed = seed;
  VMSIM_TAKE(generate, passes, config.passes);
  VMSIM_TAKE(generate, s10, config.s10);
  VMSIM_TAKE(generate, hot_pct, config.hot_pct);
  VMSIM_TAKE(generate, stride, config.stride);
  VMSIM_TAKE(generate, seed, config.seed);
  return config;
}

GeneratorConfig ToGeneratorConfig(const v1::MpoolAccess& access, uint64_t seed) {
  v1::Generate generate;
  generate.set_kind(access.kind() == v1::Generate::KIND_UNSPECIFIED ? v1::Generate::UNIFORM
                                                                    : access.kind());
  generate.set_write_pct(access.write_pct());
  if (access.has_s10()) generate.set_s10(access.s10());
  if (access.has_hot_pct()) generate.set_hot_pct(access.hot_pct());
  if (access.has_seed()) generate.set_seed(access.seed());
  GeneratorConfig config = ToGeneratorConfig(generate, access.pages(), seed);
  config.refs = kMaxReferences;
  config.passes = config.pages == 0 ? 1 : kMaxReferences / config.pages;
  return config;
}

RunLimits ToRunLimits(const v1::Limits& limits) {
  RunLimits config;
  VMSIM_TAKE(limits, max_sim_time_ns, config.max_sim_time_ns);
  VMSIM_TAKE(limits, max_events, config.max_events);
  VMSIM_TAKE(limits, max_references, config.max_references);
  return config;
}

#undef VMSIM_TAKE

}  // namespace vmsim::scenarios
