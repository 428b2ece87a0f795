#include "scenarios/file_call_check.h"

#include "absl/strings/str_cat.h"
#include "scenarios/check_rules.h"
#include "scenarios/file_check.h"
#include "scenarios/saturating.h"
#include "scenarios/scenario_totals.h"
#include "scenarios/status_macros.h"
#include "scenarios/steps.h"
#include "scenarios/text_hints.h"
#include "vfs/types.h"

namespace vmsim::scenarios {
namespace {

// Sums of two of them are numbers still.
constexpr int64_t kFar = int64_t{1} << 62;
constexpr int64_t kMaxMapPages = int64_t{1} << 32;
constexpr int64_t kMaxTimes = int64_t{1} << 40;
constexpr int64_t kMaxRandomBlocks = int64_t{1} << 44;

void CollectCreated(const Steps& steps, std::set<std::string>& files) {
  for (const v1::Step& step : steps) {
    if (step.open().create()) files.insert(step.open().file());
    if (step.has_repeat()) CollectCreated(step.repeat().steps(), files);
    if (step.has_fork()) CollectCreated(step.fork().steps(), files);
  }
}

class CallChecker {
 public:
  CallChecker(const FileNames& names, const ScenarioPlace& place, const FieldRef& at,
              const v1::Step& step)
      : names_(names), place_(place), at_(at), step_(step) {}

  absl::Status CheckFile(const std::string& file) const {
    if (names_.scenario.file_systems().empty()) {
      return place_.Error(at_, "the scenario has no file systems; add one");
    }
    const FieldRef field{&at_, "file"};
    VMSIM_RETURN_IF_ERROR(CheckName(place_, field, file));
    if (names_.files.count(file) != 0 || ExpectsError(step_)) return absl::OkStatus();
    return place_.Error(
        field, absl::StrCat("there is no file called ", Quoted(file), ", and no step makes one; ",
                            Suggestion(file, {names_.files.begin(), names_.files.end()}),
                            names_.files.empty() ? "" : "; or ",
                            "add it to files, or expect_errno: \"ENOENT\""));
  }

  absl::Status CheckConnection(const std::string& connection) const {
    return CheckKnownName(place_, {&at_, "connection"}, connection, "connection",
                          names_.connections);
  }

  absl::Status CheckOpen(const v1::Open& open) const {
    VMSIM_RETURN_IF_ERROR(CheckFile(open.file()));
    if (open.exclusive() && !open.create()) {
      return place_.Error({&at_, "exclusive"}, "says nothing without create; add that");
    }
    if (!open.create()) {
      if (open.file_system().empty()) return absl::OkStatus();
      return place_.Error({&at_, "file_system"}, "says where to create the file; add create");
    }
    return CheckFileSystemName(place_, {&at_, "file_system"}, names_.scenario, open.file_system());
  }

  template <typename Call>
  absl::Status CheckTransfer(const Call& call) const {
    constexpr IntegerRule kRules[] = {
        {"offset_bytes", -kFar, kFar},
        {"length_bytes", -kFar, kFar},
        {"times", 1, kMaxTimes},
        {"random_blocks", 0, kMaxRandomBlocks},
    };
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at_, call, kRules));
    VMSIM_RETURN_IF_ERROR(CheckSign("offset_bytes", call.offset_bytes()));
    VMSIM_RETURN_IF_ERROR(CheckSign("length_bytes", call.length_bytes()));
    if (call.random_blocks() == 0) return absl::OkStatus();
    if (call.length_bytes() < 1 || call.offset_bytes() < 0) {
      return place_.Error({&at_, "random_blocks"},
                          "blocks are of length_bytes; use 1 or more, and an offset of 0 or more");
    }
    const int64_t bytes = SaturatingMultiply(call.random_blocks(), call.length_bytes());
    if (SaturatingAdd(bytes, call.offset_bytes()) <= vfs::kMaxFileBytes) return absl::OkStatus();
    return place_.Error({&at_, "random_blocks"},
                        absl::StrCat(call.random_blocks(), " blocks of ", call.length_bytes(),
                                     " bytes are more than a file can have; use fewer"));
  }

  absl::Status CheckWrite(const v1::Write& write) const {
    if (write.connection().empty()) {
      VMSIM_RETURN_IF_ERROR(CheckFile(write.file()));
      return CheckTransfer(write);
    }
    if (!write.file().empty()) {
      return place_.Error(at_, "names file and connection; remove one of them");
    }
    VMSIM_RETURN_IF_ERROR(CheckConnection(write.connection()));
    if (write.has_offset_bytes() || write.random_blocks() != 0) {
      return place_.Error(at_, "a connection has no offsets; remove offset_bytes, random_blocks");
    }
    if (write.length_bytes() > vfs::kMaxFileBytes) {
      return CheckInRange(place_, {&at_, "length_bytes"}, write.length_bytes(), 0,
                          vfs::kMaxFileBytes);
    }
    return CheckTransfer(write);
  }

  absl::Status CheckTruncate(const v1::Truncate& truncate) const {
    VMSIM_RETURN_IF_ERROR(CheckFile(truncate.file()));
    VMSIM_RETURN_IF_ERROR(
        CheckInRange(place_, {&at_, "size_bytes"}, truncate.size_bytes(), -kFar, kFar));
    return CheckSign("size_bytes", truncate.size_bytes());
  }

  absl::Status CheckSendfile(const v1::Sendfile& call) const {
    constexpr IntegerRule kRules[] = {
        {"offset_bytes", -kFar, kFar},
        {"length_bytes", -kFar, kFar},
        {"header_bytes", -kFar, vfs::kMaxFileBytes},
        {"trailer_bytes", -kFar, vfs::kMaxFileBytes},
        {"user_readahead_pages", 0, 65535},
    };
    VMSIM_RETURN_IF_ERROR(CheckFile(call.file()));
    VMSIM_RETURN_IF_ERROR(CheckConnection(call.connection()));
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place_, at_, call, kRules));
    VMSIM_RETURN_IF_ERROR(CheckSign("offset_bytes", call.offset_bytes()));
    VMSIM_RETURN_IF_ERROR(CheckSign("length_bytes", call.length_bytes()));
    VMSIM_RETURN_IF_ERROR(CheckSign("header_bytes", call.header_bytes()));
    return CheckSign("trailer_bytes", call.trailer_bytes());
  }

  absl::Status CheckMap(const v1::Map& map) const {
    if (map.kind() != v1::Map::FILE && map.kind() != v1::Map::KIND_UNSPECIFIED) {
      return place_.Error({&at_, "kind"},
                          "a map of a file is of kind FILE; use that, or remove it");
    }
    if (!map.shared_segment().empty()) {
      return place_.Error({&at_, "shared_segment"},
                          "this is a map of a file; remove one of the two");
    }
    VMSIM_RETURN_IF_ERROR(CheckFile(map.file()));
    if (map.first_page() + map.pages() >= kMaxMapPages - 1) {
      return place_.Error({&at_, "pages"}, "reaches past the largest file; use fewer");
    }
    if (map.pages() != 0) return absl::OkStatus();
    const auto it = names_.pages.find(map.file());
    if (it == names_.pages.end()) {
      return place_.Error({&at_, "pages"},
                          absl::StrCat("is missing; only for files that the scenario lists is it "
                                       "known before the run; use 1 or more"));
    }
    if (map.first_page() < it->second) return absl::OkStatus();
    return place_.Error(
        {&at_, "pages"},
        absl::StrCat("is missing, and from page ", map.first_page(), " on ", Quoted(map.file()),
                     " of ", it->second, " pages has none; use 1 or more, or a lower first_page"));
  }

 private:
  absl::Status CheckSign(const char* field, int64_t value) const {
    if (value >= 0 || ExpectsError(step_)) return absl::OkStatus();
    return place_.Error({&at_, field},
                        absl::StrCat(value,
                                     " is negative, and the call would fail; use 0 or more, "
                                     "or expect_errno: \"EINVAL\""));
  }

  const FileNames& names_;
  const ScenarioPlace& place_;
  const FieldRef& at_;
  const v1::Step& step_;
};

}  // namespace

FileNames::FileNames(const v1::Scenario& all) : scenario(all), pages(FilePages(all)) {
  for (const auto& [name, count] : pages) files.insert(name);
  for (const v1::Process& process : all.processes()) CollectCreated(process.steps(), files);
  for (const v1::Connection& connection : all.connections()) connections.insert(connection.name());
}

bool ExpectsError(const v1::Step& step) {
  return !step.expect_errno().empty() && step.expect_errno() != "0";
}

absl::Status CheckFileName(const FileNames& names, const ScenarioPlace& place, const FieldRef& at,
                           const v1::Step& step, const std::string& file) {
  return CallChecker(names, place, at, step).CheckFile(file);
}

absl::Status CheckFileMap(const FileNames& names, const ScenarioPlace& place, const FieldRef& at,
                          const v1::Step& step) {
  return CallChecker(names, place, at, step).CheckMap(step.map());
}

absl::Status CheckFileCall(const FileNames& names, const ScenarioPlace& place, const FieldRef& at,
                           const v1::Step& step) {
  const FieldRef call{&at, StepName(step)};
  const CallChecker checker(names, place, call, step);
  switch (step.step_case()) {
    case v1::Step::kOpen:
      return checker.CheckOpen(step.open());
    case v1::Step::kClose:
      return checker.CheckFile(step.close().file());
    case v1::Step::kRead:
      VMSIM_RETURN_IF_ERROR(checker.CheckFile(step.read().file()));
      return checker.CheckTransfer(step.read());
    case v1::Step::kWrite:
      return checker.CheckWrite(step.write());
    case v1::Step::kFsync:
      return checker.CheckFile(step.fsync().file());
    case v1::Step::kTruncate:
      return checker.CheckTruncate(step.truncate());
    case v1::Step::kUnlink:
      return checker.CheckFile(step.unlink().file());
    case v1::Step::kSendfile:
      return checker.CheckSendfile(step.sendfile());
    case v1::Step::kCrash:
      if (!names.scenario.file_systems().empty()) return absl::OkStatus();
      return place.Error(call,
                         "the scenario has no file systems that could lose anything; add one");
    default:
      return absl::OkStatus();
  }
}

}  // namespace vmsim::scenarios
