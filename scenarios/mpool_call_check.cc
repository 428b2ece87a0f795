#include "scenarios/mpool_call_check.h"

#include <cstdint>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scenarios/check_rules.h"
#include "scenarios/generators.h"
#include "scenarios/scenario_config.h"
#include "scenarios/status_macros.h"
#include "scenarios/steps.h"
#include "scenarios/text_hints.h"
#include "vfs/mpool_io.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kMaxPgno = (int64_t{1} << 32) - 1;
constexpr int64_t kMaxPageBytes = int64_t{1} << 30;
constexpr int64_t kMaxTimes = int64_t{1} << 40;

void CollectHandles(const Steps& steps, std::set<std::string>& handles) {
  for (const v1::Step& step : steps) {
    if (step.has_mpool_get()) handles.insert(step.mpool_get().handle());
    if (step.has_mpool_new()) handles.insert(step.mpool_new().handle());
    if (step.has_repeat()) CollectHandles(step.repeat().steps(), handles);
    if (step.has_fork()) CollectHandles(step.fork().steps(), handles);
  }
}

class CallChecker {
 public:
  CallChecker(const MpoolNames& names, const FileNames& files, const ScenarioPlace& place,
              const FieldRef& at, const v1::Step& step)
      : names_(names), files_(files), place_(place), at_(at), step_(step) {}

  absl::Status CheckPool(const std::string& pool) const {
    if (files_.scenario.file_systems().empty()) {
      return place_.Error(at_, "the scenario has no file systems; add one");
    }
    const FieldRef field{&at_, "pool"};
    VMSIM_RETURN_IF_ERROR(CheckName(place_, field, pool));
    if (names_.pools.count(pool) != 0 || ExpectsError(step_)) return absl::OkStatus();
    return place_.Error(field, absl::StrCat("no step opens a pool called ", Quoted(pool), "; ",
                                            Suggest(pool, names_.pools), "add an mpool_open, or ",
                                            "expect_errno: \"EINVAL\""));
  }

  // A handle that the step gives to a page.
  absl::Status CheckNewHandle(const std::string& handle) const {
    return handle.empty() ? absl::OkStatus() : CheckName(place_, {&at_, "handle"}, handle);
  }

  // One that it uses.
  absl::Status CheckHandle(const std::string& handle) const {
    VMSIM_RETURN_IF_ERROR(CheckNewHandle(handle));
    if (names_.handles.count(handle) != 0 || ExpectsError(step_)) return absl::OkStatus();
    return place_.Error(
        {&at_, "handle"},
        absl::StrCat("no mpool_get or mpool_new gives a page the handle ", Quoted(handle), "; ",
                     Suggest(handle, names_.handles), "add one, or expect_errno: \"EINVAL\""));
  }

  absl::Status CheckOpen(const v1::MpoolOpen& open) const {
    constexpr IntegerRule kRules[] = {
        {"pagesize_bytes", 0, kMaxPageBytes},
        {"maxcache", 0, kMaxPgno},
    };
    if (open.file().empty() == open.connection().empty()) {
      return place_.Error(at_, open.file().empty()
                                   ? "says not what to page from; add file"
                                   : "names file and connection; remove one of them");
    }
    if (open.connection().empty()) {
      VMSIM_RETURN_IF_ERROR(CheckFileName(files_, place_, at_, step_, open.file()));
    } else {
      VMSIM_RETURN_IF_ERROR(CheckKnownName(place_, {&at_, "connection"}, open.connection(),
                                           "connection", files_.connections));
    }
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at_, open, kRules));
    if (open.wire() && open.shared()) {
      return place_.Error({&at_, "wire"},
                          "a process wires for itself alone, and a shared pool's pages are put by "
                          "others, too; remove wire or shared");
    }
    if (open.pagesize_bytes() > 0 && open.pagesize_bytes() % vfs::kMpoolTagBytes == 0) {
      return absl::OkStatus();
    }
    if (ExpectsError(step_)) return absl::OkStatus();
    return place_.Error(
        {&at_, "pagesize_bytes"},
        absl::StrCat(open.pagesize_bytes(), " is no page of whole sectors; use a multiple of ",
                     vfs::kMpoolTagBytes, ", or expect_errno: \"EINVAL\""));
  }

  absl::Status CheckGet(const v1::MpoolGet& get) const {
    constexpr IntegerRule kRules[] = {{"page", 0, kMaxPgno}, {"random_pages", 0, kMaxPgno + 1}};
    VMSIM_RETURN_IF_ERROR(CheckNewHandle(get.handle()));
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at_, get, kRules));
    return CheckReach("random_pages", get.page(), get.random_pages());
  }

  absl::Status CheckNew(const v1::MpoolNew& call) const {
    VMSIM_RETURN_IF_ERROR(CheckNewHandle(call.handle()));
    return CheckInRange(place_, {&at_, "page"}, call.page(), 0, kMaxPgno);
  }

  absl::Status CheckAccess(const v1::MpoolAccess& access) const {
    constexpr IntegerRule kRules[] = {
        {"times", 1, kMaxTimes},
        {"first_page", 0, kMaxPgno},
        {"pages", 1, kMaxPgno, "say how many pages there are to choose from"},
        {"s10", 8, 12, "use 8, 10 or 12"},
        {"hot_pct", 0, 100},
        {"write_pct", 0, 100},
    };
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at_, access, kRules));
    switch (access.kind()) {
      case v1::Generate::KIND_UNSPECIFIED:
      case v1::Generate::UNIFORM:
      case v1::Generate::ZIPF:
      case v1::Generate::HOTSET:
      case v1::Generate::LOOP:
        break;
      default:
        return place_.Error({&at_, "kind"}, "has an end; use UNIFORM, ZIPF, HOTSET or LOOP");
    }
    VMSIM_RETURN_IF_ERROR(CheckReach("pages", access.first_page(), access.pages()));
    const absl::Status status = ValidateGenerator(ToGeneratorConfig(access, 0));
    if (status.ok()) return status;
    const std::vector<std::string> parts =
        absl::StrSplit(status.message(), absl::MaxSplits(": ", 1));
    const bool about_pages = absl::StartsWith(parts[0], "pages");  // "pages (of zipf)".
    return place_.Error({&at_, about_pages ? "pages" : parts[0]},
                        absl::StrCat(parts[1], "; change this value"));
  }

 private:
  static std::string Suggest(const std::string& name, std::set<std::string> known) {
    known.erase("");  // A handle that need not be written.
    if (known.empty()) return "";
    return absl::StrCat(Suggestion(name, {known.begin(), known.end()}), "; or ");
  }

  absl::Status CheckReach(const char* field, int64_t first, int64_t pages) const {
    if (first + pages <= kMaxPgno + 1) return absl::OkStatus();
    return place_.Error({&at_, field}, absl::StrCat("reaches behind page ", kMaxPgno,
                                                    ", the last number there is; use fewer"));
  }

  const MpoolNames& names_;
  const FileNames& files_;
  const ScenarioPlace& place_;
  const FieldRef& at_;
  const v1::Step& step_;
};

absl::Status CheckRest(const CallChecker& checker, const v1::Step& step) {
  switch (step.step_case()) {
    case v1::Step::kMpoolOpen:
      return checker.CheckOpen(step.mpool_open());
    case v1::Step::kMpoolGet:
      return checker.CheckGet(step.mpool_get());
    case v1::Step::kMpoolNew:
      return checker.CheckNew(step.mpool_new());
    case v1::Step::kMpoolTouch:
      return checker.CheckHandle(step.mpool_touch().handle());
    case v1::Step::kMpoolPut:
      return checker.CheckHandle(step.mpool_put().handle());
    case v1::Step::kMpoolDelete:
      return checker.CheckHandle(step.mpool_delete().handle());
    case v1::Step::kMpoolAccess:
      return checker.CheckAccess(step.mpool_access());
    default:
      return absl::OkStatus();
  }
}

}  // namespace

MpoolNames::MpoolNames(const v1::Scenario& scenario) : pools(PoolNames(scenario)) {
  for (const v1::Process& process : scenario.processes()) CollectHandles(process.steps(), handles);
}

absl::Status CheckMpoolCall(const MpoolNames& names, const FileNames& files,
                            const ScenarioPlace& place, const FieldRef& at, const v1::Step& step) {
  if (!IsMpoolCall(step)) return absl::OkStatus();
  const FieldRef call{&at, StepName(step)};
  const CallChecker checker(names, files, place, call, step);
  VMSIM_RETURN_IF_ERROR(checker.CheckPool(PoolOf(step)));
  return CheckRest(checker, step);
}

}  // namespace vmsim::scenarios
