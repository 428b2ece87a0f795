#include "scenarios/call_check.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scenarios/check_rules.h"
#include "scenarios/errno_names.h"
#include "scenarios/status_macros.h"
#include "scenarios/steps.h"
#include "scenarios/text_hints.h"
#include "vm/page.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kMaxMapPages = int64_t{1} << 32;

absl::Status CheckKill(const ScenarioPlace& place, const FieldRef& at, const v1::Kill& kill) {
  VMSIM_RETURN_IF_ERROR(CheckName(place, {&at, "process"}, kill.process()));
  if (!kill.has_signal() || kill.signal() == 0 || kill.signal() == 9 || kill.signal() == 15) {
    return absl::OkStatus();
  }
  return place.Error({&at, "signal"},
                     absl::StrCat(kill.signal(),
                                  " is not simulated; use 9 (SIGKILL), 15 (SIGTERM) "
                                  "or 0, which only asks"));
}

absl::Status CheckMadvise(const ScenarioPlace& place, const FieldRef& at,
                          const v1::Madvise& madvise, const MapNames& maps) {
  if (madvise.advice() == v1::Madvise::ADVICE_UNSPECIFIED) {
    return place.Error({&at, "advice"},
                       "is missing; use NORMAL, RANDOM, SEQUENTIAL, WILLNEED, DONTNEED, FREE, "
                       "NOSYNC, AUTOSYNC, NOCORE, CORE or PROTECT");
  }
  if (madvise.advice() == v1::Madvise::PROTECT) {
    if (madvise.has_span()) {
      return place.Error({&at, "span"}, "PROTECT is about a process, not a range; remove it");
    }
    if (madvise.process().empty()) return absl::OkStatus();
    return CheckName(place, {&at, "process"}, madvise.process());
  }
  if (!madvise.process().empty()) {
    return place.Error({&at, "process"}, "only PROTECT is about a process; remove it");
  }
  return CheckSpan(place, {&at, "span"}, madvise.span(), maps);
}

absl::Status CheckMinherit(const ScenarioPlace& place, const FieldRef& at,
                           const v1::Minherit& minherit, const MapNames& maps) {
  if (minherit.inheritance() == v1::Minherit::INHERITANCE_UNSPECIFIED) {
    return place.Error({&at, "inheritance"}, "is missing; use SHARE, COPY, NONE or ZERO");
  }
  return CheckSpan(place, {&at, "span"}, minherit.span(), maps);
}

// A swapoff or swapon: which device.
template <typename Call>
absl::Status CheckSwapDevice(const v1::Scenario& scenario, const ScenarioPlace& place,
                             const FieldRef& at, const Call& call) {
  if (call.has_swap() != call.disk().empty()) {
    return place.Error(at, call.has_swap() ? "names swap and disk; remove one of them"
                                           : "says not which device; add swap or disk");
  }
  if (call.has_swap()) {
    if (scenario.swap().empty()) {
      return place.Error({&at, "swap"}, "the scenario has no swap devices; add one");
    }
    return CheckInRange(place, {&at, "swap"}, call.swap(), 0, scenario.swap_size() - 1,
                        "use the position of a device in the scenario's swap, from 0");
  }
  std::set<std::string> disks;
  for (const v1::SwapDevice& device : scenario.swap()) disks.insert(device.disk());
  VMSIM_RETURN_IF_ERROR(
      CheckKnownName(place, {&at, "disk"}, call.disk(), "disk with a swap device", disks));
  const std::vector<int> devices = SwapDevicesOn(scenario, call.disk());
  if (devices.size() == 1) return absl::OkStatus();
  return place.Error({&at, "disk"}, absl::StrCat(Quoted(call.disk()), " has ", devices.size(),
                                                 " swap devices; use swap: ", devices[0],
                                                 ", swap: ", devices[1], ", ... for one of them"));
}

}  // namespace

absl::Status CheckMapped(const ScenarioPlace& place, const FieldRef& field, const std::string& name,
                         const MapNames& maps) {
  if (maps.Find(name).has_value()) return absl::OkStatus();
  return CheckKnownName(place, field, name, "map", maps.Names());
}

absl::Status CheckPagesOf(const ScenarioPlace& place, const FieldRef& at, const std::string& map,
                          int64_t size, int64_t first, int64_t pages) {
  if (first < size && pages <= size - first) return absl::OkStatus();
  const int64_t last = first + (pages == 0 ? 1 : pages) - 1;
  return place.Error(at, absl::StrCat("page ", last, " is past the end of ", Quoted(map),
                                      ", which has ", size, " pages; lower first_page or pages"));
}

absl::Status CheckSpan(const ScenarioPlace& place, const FieldRef& at, const v1::Span& span,
                       const MapNames& maps) {
  constexpr IntegerRule kRules[] = {{"first_page", 0, kMaxMapPages}, {"pages", 0, kMaxMapPages}};
  const bool in_pages = span.first_page() != 0 || span.pages() != 0;
  const bool in_bytes = span.has_offset_bytes() || span.has_length_bytes();
  if (in_pages && in_bytes) {
    return place.Error(at,
                       "gives pages and bytes; use first_page and pages, or offset_bytes and "
                       "length_bytes");
  }
  if (span.map().empty() && !(in_bytes && span.has_length_bytes())) {
    return place.Error({&at, "map"},
                       "is missing; name a map, or give length_bytes of bytes from address 0");
  }
  if (span.map().empty()) return absl::OkStatus();
  VMSIM_RETURN_IF_ERROR(CheckMapped(place, {&at, "map"}, span.map(), maps));
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, at, span, kRules));
  const int64_t size = *maps.Find(span.map());
  if (!in_bytes) {
    return CheckPagesOf(place, at, span.map(), size, span.first_page(), span.pages());
  }
  const uint64_t bytes = static_cast<uint64_t>(size) * vm::kPageSize;
  if (span.has_length_bytes() || span.offset_bytes() < bytes) return absl::OkStatus();
  return place.Error({&at, "offset_bytes"},
                     absl::StrCat(span.offset_bytes(), " is past the end of ", Quoted(span.map()),
                                  ", which has ", bytes, " bytes; use less, or add length_bytes"));
}

absl::Status CheckCall(const v1::Scenario& scenario, const ScenarioPlace& place, const FieldRef& at,
                       const v1::Step& step, const MapNames& maps) {
  const FieldRef call{&at, StepName(step)};
  const FieldRef span{&call, "span"};
  switch (step.step_case()) {
    case v1::Step::kKill:
      return CheckKill(place, call, step.kill());
    case v1::Step::kMadvise:
      return CheckMadvise(place, call, step.madvise(), maps);
    case v1::Step::kMlock:
      return CheckSpan(place, span, step.mlock().span(), maps);
    case v1::Step::kMunlock:
      return CheckSpan(place, span, step.munlock().span(), maps);
    case v1::Step::kMsync:
      return CheckSpan(place, span, step.msync().span(), maps);
    case v1::Step::kMincore:
      return CheckSpan(place, span, step.mincore().span(), maps);
    case v1::Step::kMprotect:
      return CheckSpan(place, span, step.mprotect().span(), maps);
    case v1::Step::kMinherit:
      return CheckMinherit(place, call, step.minherit(), maps);
    case v1::Step::kSwapoff:
      return CheckSwapDevice(scenario, place, call, step.swapoff());
    case v1::Step::kSwapon:
      return CheckSwapDevice(scenario, place, call, step.swapon());
    default:
      return absl::OkStatus();  // wait, mlockall, munlockall: whatever they say, they can be made.
  }
}

absl::Status CheckCallFields(const ScenarioPlace& place, const FieldRef& at, const v1::Step& step,
                             std::set<std::string>& labels) {
  const std::string& expected = step.expect_errno();
  if (!IsCall(step)) {
    if (!expected.empty()) {
      return place.Error({&at, "expect_errno"}, "only system calls have an errno; remove it");
    }
    if (!step.label().empty()) {
      return place.Error({&at, "label"}, "only system calls have a label; remove it");
    }
    return absl::OkStatus();
  }
  if (!expected.empty() && expected != "ANY" && !ErrnoNumber(expected).has_value()) {
    std::vector<std::string> names = ErrnoNames();
    names.push_back("ANY");
    return place.Error(
        {&at, "expect_errno"},
        absl::StrCat("no call comes to ", Quoted(expected), "; ", Suggestion(expected, names),
                     " (\"0\" is success, \"ANY\" is whatever comes)"));
  }
  if (step.label().empty()) return absl::OkStatus();
  VMSIM_RETURN_IF_ERROR(CheckName(place, {&at, "label"}, step.label()));
  if (labels.insert(step.label()).second) return absl::OkStatus();
  return place.Error({&at, "label"},
                     absl::StrCat("another call of the process is labelled ", Quoted(step.label()),
                                  "; give each its own label"));
}

}  // namespace vmsim::scenarios
