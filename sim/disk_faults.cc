#include "sim/disk_faults.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "sim/disk_limits.h"
#include "sim/random.h"
#include "sim/trace_types.h"

namespace vmsim::sim {
namespace {

constexpr int64_t kMillion = 1'000'000;
constexpr int64_t kAnything = std::numeric_limits<int64_t>::max();
// Each remapped sector may cost a map node, so a range that remaps has to be of bounded size.
constexpr int64_t kMaxRemapBytes = int64_t{1} << 30;

uint32_t OpsOfKind(DiskFaultKind kind) {
  constexpr uint32_t kTransfers = OpBit(DiskOp::kRead) | OpBit(DiskOp::kWrite);
  switch (kind) {
    case DiskFaultKind::kBadRange:
    case DiskFaultKind::kShort:
      return kTransfers;
    case DiskFaultKind::kTorn:
      return OpBit(DiskOp::kWrite);
    default:
      return kAllDiskOps;
  }
}

// What rule and request number draw is independent of every other pair.
SplitMix64 Draws(uint64_t seed, uint64_t number) { return SplitMix64(MixBits(seed + number)); }

// Whether the range has a bad sector. A write that remaps makes it good first.
bool TouchesBad(std::map<int64_t, int64_t>& bad, int64_t begin, int64_t end, bool remap) {
  auto it = bad.upper_bound(begin);
  if (it != bad.begin() && std::prev(it)->second > begin) --it;
  if (it == bad.end() || it->first >= end) return false;
  while (remap && it != bad.end() && it->first < end) {
    const auto [bad_begin, bad_end] = *it;
    it = bad.erase(it);
    if (bad_begin < begin) bad.emplace(bad_begin, begin);
    if (bad_end > end) it = bad.emplace(end, bad_end).first;
  }
  return true;
}

absl::Status CheckTrigger(const DiskFaultRule& rule, std::string_view field) {
  const int triggers = (rule.nth != 0) + (rule.every != 0) + (rule.probability_ppm != 0);
  const absl::string_view name(field.data(), field.size());
  if (triggers > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": give one of nth, every and probability_ppm, not ", triggers));
  }
  if (triggers > 0 && rule.kind == DiskFaultKind::kBadRange) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": a bad range is always bad: no nth, every or probability_ppm"));
  }
  return absl::OkStatus();
}

absl::Status CheckEffect(const DiskFaultRule& rule, std::string_view field) {
  const absl::string_view name(field.data(), field.size());
  const bool bad_range = rule.kind == DiskFaultKind::kBadRange;
  const bool at_once = rule.kind == DiskFaultKind::kGone || rule.kind == DiskFaultKind::kNoMemory;
  if (at_once && rule.delay_ns != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".delay_ns: gone and no_memory take effect at once"));
  }
  if (rule.kind == DiskFaultKind::kLatency && rule.delay_ns == 0) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".delay_ns: 0 delays nothing"));
  }
  if (rule.remap_on_write && !bad_range) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".remap_on_write: only a bad_range has sectors to remap"));
  }
  if (rule.report_error && rule.kind != DiskFaultKind::kTorn) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".report_error: only for torn"));
  }
  if (rule.remap_on_write && rule.end - rule.begin > kMaxRemapBytes) {
    return absl::InvalidArgumentError(absl::StrCat(name, ".end: a range that remaps may have ",
                                                   kMaxRemapBytes, " bytes, not ",
                                                   rule.end - rule.begin));
  }
  if ((rule.ops & OpsOfKind(rule.kind)) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ".ops: ", rule.ops, " has no command that this kind can strike"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view DiskFaultName(DiskFaultKind kind) {
  switch (kind) {
    case DiskFaultKind::kEio:
      return "eio";
    case DiskFaultKind::kBadRange:
      return "bad_range";
    case DiskFaultKind::kGone:
      return "gone";
    case DiskFaultKind::kNoMemory:
      return "no_memory";
    case DiskFaultKind::kShort:
      return "short";
    case DiskFaultKind::kTorn:
      return "torn";
    case DiskFaultKind::kLatency:
      return "latency";
  }
  return "";
}

absl::Status ValidateDiskFault(const DiskFaultRule& rule, size_t index) {
  const std::string name = absl::StrCat("faults[", index, "]");
  absl::Status status =
      CheckRange(name + ".kind", static_cast<int>(rule.kind), 1, kDiskFaultKinds - 1);
  const auto check = [&](std::string_view field, int64_t value, int64_t least, int64_t most) {
    if (status.ok()) status = CheckRange(name + std::string(field), value, least, most);
  };
  check(".begin", rule.begin, 0, kAnything - 1);
  if (status.ok()) check(".end", rule.end, rule.begin + 1, kAnything);
  check(".from", rule.from, 0, kNever);
  check(".until", rule.until, rule.from, kNever);
  check(".nth", rule.nth, 0, kAnything);
  check(".every", rule.every, 0, kAnything);
  check(".probability_ppm", rule.probability_ppm, 0, kMillion);
  check(".limit", rule.limit, 0, kAnything);
  check(".delay_ns", rule.delay_ns, 0, 3600 * kSecond);
  check(".prefix_sectors", rule.prefix_sectors, -1, int64_t{1} << 40);
  if (status.ok()) status = CheckTrigger(rule, name);
  if (status.ok()) status = CheckEffect(rule, name);
  return status;
}

DiskFaults::DiskFaults(const std::vector<DiskFaultRule>& rules, uint64_t run_seed,
                       std::string_view device, Trace* trace, uint32_t actor)
    : trace_(trace), actor_(actor) {
  for (const DiskFaultRule& config : rules) {
    Rule rule;
    rule.config = config;
    rule.config.ops &= OpsOfKind(config.kind);
    rule.seed =
        StreamSeed(run_seed, absl::StrCat("disk/", absl::string_view(device.data(), device.size()),
                                          "/fault/", rules_.size()));
    if (config.kind == DiskFaultKind::kBadRange) rule.bad.emplace(config.begin, config.end);
    rules_.push_back(std::move(rule));
  }
}

DiskVerdict DiskFaults::Judge(uint64_t number, SimTime now, const DiskRequest& request) {
  DiskVerdict verdict;
  verdict.completed = request.length;
  verdict.stored = request.op == DiskOp::kWrite ? request.length : 0;
  for (Rule& rule : rules_) {
    if (!Matches(rule.config, now, request) || !Strikes(rule, number, request)) continue;
    ++rule.strikes;
    ++counts_[static_cast<size_t>(rule.config.kind)];
    if (trace_ != nullptr) {
      trace_->Emit(trace::kDiskFault, actor_, static_cast<uint64_t>(request.offset),
                   static_cast<uint64_t>(rule.config.kind));
    }
    Apply(rule, number, request, verdict);
  }
  return verdict;
}

bool DiskFaults::Matches(const DiskFaultRule& rule, SimTime now, const DiskRequest& request) {
  if ((rule.ops & OpBit(request.op)) == 0) return false;
  if (now < rule.from || now >= rule.until) return false;
  if (!IsDataOp(request.op)) return true;
  return request.offset < rule.end && request.offset + request.length > rule.begin;
}

bool DiskFaults::Strikes(Rule& rule, uint64_t number, const DiskRequest& request) {
  const DiskFaultRule& c = rule.config;
  ++rule.matches;
  if (c.limit != 0 && rule.strikes >= c.limit) return false;
  if (c.kind == DiskFaultKind::kBadRange) {
    const bool remap = c.remap_on_write && request.op == DiskOp::kWrite;
    return TouchesBad(rule.bad, request.offset, request.offset + request.length, remap);
  }
  if (c.nth != 0) return rule.matches == c.nth;
  if (c.every != 0) return rule.matches % c.every == 0;
  if (c.probability_ppm != 0) {
    return Draws(rule.seed, number).Below(kMillion) < static_cast<uint64_t>(c.probability_ppm);
  }
  return true;
}

void DiskFaults::Apply(const Rule& rule, uint64_t number, const DiskRequest& request,
                       DiskVerdict& verdict) {
  const DiskFaultRule& c = rule.config;
  verdict.delay += c.delay_ns;
  const auto fail = [&verdict](int error) {
    if (verdict.error == kDiskOk) verdict.error = error;
    verdict.completed = 0;
  };
  switch (c.kind) {
    case DiskFaultKind::kLatency:
      return;
    case DiskFaultKind::kBadRange:
      if (c.remap_on_write && request.op == DiskOp::kWrite) return;
      [[fallthrough]];
    case DiskFaultKind::kEio:
      fail(kDiskEio);
      verdict.stored = 0;
      return;
    case DiskFaultKind::kGone:
      verdict.gone = true;
      return;
    case DiskFaultKind::kNoMemory:
      verdict.no_memory = true;
      return;
    case DiskFaultKind::kShort:
    case DiskFaultKind::kTorn:
      break;
  }
  // The second draw for this request: the first one decided whether the rule strikes.
  const int64_t sectors = request.length / kSectorBytes;
  SplitMix64 draws = Draws(rule.seed, number);
  draws.Next();
  const int64_t drawn = static_cast<int64_t>(draws.Below(static_cast<uint64_t>(sectors)));
  const int64_t prefix =
      kSectorBytes * (c.prefix_sectors < 0 ? drawn : std::min(c.prefix_sectors, sectors - 1));
  verdict.stored = std::min(verdict.stored, prefix);
  if (c.kind == DiskFaultKind::kShort) verdict.completed = std::min(verdict.completed, prefix);
  if (c.report_error) fail(kDiskEio);
}

}  // namespace vmsim::sim
