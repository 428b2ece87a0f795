#include "scenarios/expectations.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "scenarios/check_rules.h"
#include "scenarios/errno_names.h"
#include "scenarios/status_macros.h"

namespace vmsim::scenarios {
namespace {

std::optional<int64_t> FindCounter(const v1::Result& result, const std::string& name) {
  for (const v1::CounterValue& counter : result.counters()) {
    if (counter.name() == name) return counter.value();
  }
  return std::nullopt;
}

std::optional<int64_t> FindStatistic(const v1::Result& result, const v1::HistogramFigure& figure) {
  for (const v1::HistogramResult& histogram : result.histograms()) {
    if (histogram.name() != figure.name()) continue;
    switch (figure.statistic()) {
      case v1::HistogramFigure::COUNT:
        return histogram.count();
      case v1::HistogramFigure::MIN:
        return histogram.min();
      case v1::HistogramFigure::MAX:
        return histogram.max();
      case v1::HistogramFigure::MEAN:
        return histogram.mean();
      case v1::HistogramFigure::P50:
        return histogram.p50();
      case v1::HistogramFigure::P90:
        return histogram.p90();
      case v1::HistogramFigure::P99:
        return histogram.p99();
      case v1::HistogramFigure::P999:
        return histogram.p999();
      default:
        return std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<int64_t> FieldOf(const v1::ProcessResult& process, v1::ProcessFigure::Field field) {
  switch (field) {
    case v1::ProcessFigure::MAJFLT:
      return process.majflt();
    case v1::ProcessFigure::MINFLT:
      return process.minflt();
    case v1::ProcessFigure::REFERENCES:
      return process.references();
    case v1::ProcessFigure::OOM_KILLED:
      return process.oom_killed() ? 1 : 0;
    case v1::ProcessFigure::SIGNAL:
      return process.signal();
    case v1::ProcessFigure::EXIT_STATUS:
      return process.exit_status();
    case v1::ProcessFigure::CPU_TIME_NS:
      return process.cpu_time_ns();
    case v1::ProcessFigure::STALL_NS:
      return process.stall_ns();
    case v1::ProcessFigure::START_NS:
      return process.start_ns();
    case v1::ProcessFigure::END_NS:
      return process.end_ns();
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> FieldOf(const v1::CallResult& call, v1::CallFigure::Field field) {
  const v1::MincoreResult& pages = call.mincore();
  switch (field) {
    case v1::CallFigure::TIMES:
      return call.times();
    case v1::CallFigure::FAILURES:
      return call.failures();
    case v1::CallFigure::LAST_ERRNO:
      return ErrnoNumber(call.last_errno());
    case v1::CallFigure::TOTAL_NS:
      return call.total_ns();
    case v1::CallFigure::BYTES:
      if (!call.has_bytes()) return std::nullopt;
      return call.bytes();
    default:
      break;
  }
  if (!call.has_mincore()) return std::nullopt;
  switch (field) {
    case v1::CallFigure::INCORE:
      return pages.incore();
    case v1::CallFigure::REFERENCED:
      return pages.referenced();
    case v1::CallFigure::MODIFIED:
      return pages.modified();
    case v1::CallFigure::REFERENCED_OTHER:
      return pages.referenced_other();
    case v1::CallFigure::MODIFIED_OTHER:
      return pages.modified_other();
    case v1::CallFigure::SUPER:
      return pages.super();
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> FindCallField(const v1::Result& result, const v1::CallFigure& figure) {
  for (const v1::CallResult& call : result.calls()) {
    if (call.process() == figure.process() && call.label() == figure.label()) {
      return FieldOf(call, figure.field());
    }
  }
  return std::nullopt;
}

std::optional<int64_t> FindFigure(const v1::Result& result, const v1::Expectation& expectation) {
  switch (expectation.figure_case()) {
    case v1::Expectation::kCounter:
      return FindCounter(result, expectation.counter());
    case v1::Expectation::kHistogram:
      return FindStatistic(result, expectation.histogram());
    case v1::Expectation::kProcess:
      for (const v1::ProcessResult& process : result.processes()) {
        if (process.name() == expectation.process().name()) {
          return FieldOf(process, expectation.process().field());
        }
      }
      return std::nullopt;
    case v1::Expectation::kCall:
      return FindCallField(result, expectation.call());
    case v1::Expectation::FIGURE_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string FigureText(const v1::Expectation& expectation) {
  switch (expectation.figure_case()) {
    case v1::Expectation::kCounter:
      return expectation.counter();
    case v1::Expectation::kHistogram:
      return absl::StrCat(expectation.histogram().name(), " ",
                          absl::AsciiStrToLower(v1::HistogramFigure::Statistic_Name(
                              expectation.histogram().statistic())));
    case v1::Expectation::kProcess:
      return absl::StrCat(
          "process[", expectation.process().name(), "] ",
          absl::AsciiStrToLower(v1::ProcessFigure::Field_Name(expectation.process().field())));
    case v1::Expectation::kCall:
      return absl::StrCat(
          "call[", expectation.call().process(), " ", expectation.call().label(), "] ",
          absl::AsciiStrToLower(v1::CallFigure::Field_Name(expectation.call().field())));
    case v1::Expectation::FIGURE_NOT_SET:
      break;
  }
  return "";
}

struct Bound {
  std::string text;
  bool holds;  // For the value that was asked about.
};

Bound Compare(const v1::Expectation& expectation, int64_t value) {
  switch (expectation.bound_case()) {
    case v1::Expectation::kEq:
      return {absl::StrCat("== ", expectation.eq()), value == expectation.eq()};
    case v1::Expectation::kNe:
      return {absl::StrCat("!= ", expectation.ne()), value != expectation.ne()};
    case v1::Expectation::kLt:
      return {absl::StrCat("< ", expectation.lt()), value < expectation.lt()};
    case v1::Expectation::kLe:
      return {absl::StrCat("<= ", expectation.le()), value <= expectation.le()};
    case v1::Expectation::kGt:
      return {absl::StrCat("> ", expectation.gt()), value > expectation.gt()};
    case v1::Expectation::kGe:
      return {absl::StrCat(">= ", expectation.ge()), value >= expectation.ge()};
    case v1::Expectation::kBetween:
      return {absl::StrCat("in ", expectation.between().min(), "..", expectation.between().max()),
              expectation.between().min() <= value && value <= expectation.between().max()};
    case v1::Expectation::BOUND_NOT_SET:
      break;
  }
  return {"", false};
}

absl::Status CheckCallFigure(const ScenarioPlace& place, const FieldRef& at,
                             const v1::CallFigure& figure, const KnownNames& names) {
  if (figure.field() == v1::CallFigure::FIELD_UNSPECIFIED) {
    return place.Error({&at, "field"},
                       "is missing; use TIMES, FAILURES, LAST_ERRNO, TOTAL_NS, BYTES, INCORE, ...");
  }
  VMSIM_RETURN_IF_ERROR(
      CheckKnownName(place, {&at, "process"}, figure.process(), "process", names.processes));
  const std::set<std::string>& labels = names.labels[names.program_of.at(figure.process())];
  return CheckKnownName(place, {&at, "label"}, figure.label(), "label of this process", labels);
}

absl::Status CheckFigure(const ScenarioPlace& place, const FieldRef& at,
                         const v1::Expectation& expectation, const KnownNames& names,
                         const std::set<std::string>& counters) {
  const FieldRef histogram{&at, "histogram"}, process{&at, "process"};
  switch (expectation.figure_case()) {
    case v1::Expectation::kCounter:
      if (counters.empty()) return CheckName(place, {&at, "counter"}, expectation.counter());
      return CheckKnownName(place, {&at, "counter"}, expectation.counter(), "counter", counters);
    case v1::Expectation::kHistogram:
      if (expectation.histogram().statistic() == v1::HistogramFigure::STATISTIC_UNSPECIFIED) {
        return place.Error({&histogram, "statistic"},
                           "is missing; use COUNT, MIN, MAX, MEAN, P50, P90, P99 or P999");
      }
      return CheckKnownName(place, {&histogram, "name"}, expectation.histogram().name(),
                            "histogram", {std::begin(kHistogramNames), std::end(kHistogramNames)});
    case v1::Expectation::kProcess:
      if (expectation.process().field() == v1::ProcessFigure::FIELD_UNSPECIFIED) {
        return place.Error({&process, "field"},
                           "is missing; use MAJFLT, MINFLT, REFERENCES, "
                           "OOM_KILLED, SIGNAL, EXIT_STATUS, ...");
      }
      return CheckKnownName(place, {&process, "name"}, expectation.process().name(), "process",
                            names.processes);
    case v1::Expectation::kCall:
      return CheckCallFigure(place, {&at, "call"}, expectation.call(), names);
    case v1::Expectation::FIGURE_NOT_SET:
      break;
  }
  return place.Error(at,
                     "says nothing of what to look at; add counter, histogram, process or call");
}

}  // namespace

std::string ExpectationText(const v1::Expectation& expectation) {
  return absl::StrCat(FigureText(expectation), " ", Compare(expectation, 0).text);
}

absl::Status CheckExpectations(const v1::Scenario& scenario, const ScenarioPlace& place,
                               const KnownNames& names, const std::vector<std::string>& counters) {
  const std::set<std::string> known(counters.begin(), counters.end());
  const FieldRef root;
  for (int i = 0; i < scenario.expectations_size(); ++i) {
    const v1::Expectation& expectation = scenario.expectations(i);
    const FieldRef at{&root, "expectations", i};
    VMSIM_RETURN_IF_ERROR(CheckFigure(place, at, expectation, names, known));
    if (expectation.bound_case() == v1::Expectation::BOUND_NOT_SET) {
      return place.Error(at, "has no bound; add eq, ne, lt, le, gt, ge or between");
    }
    if (expectation.has_between() && expectation.between().min() > expectation.between().max()) {
      return place.Error({&at, "between"}, "min is above max; swap them");
    }
  }
  return absl::OkStatus();
}

void EvaluateExpectations(const v1::Scenario& scenario, v1::Result* result) {
  result->clear_expectations();
  for (const v1::Expectation& expectation : scenario.expectations()) {
    v1::ExpectationResult* outcome = result->add_expectations();
    outcome->set_text(ExpectationText(expectation));
    const std::optional<int64_t> got = FindFigure(*result, expectation);
    if (!got.has_value()) continue;
    outcome->set_got(*got);
    outcome->set_passed(Compare(expectation, *got).holds);
  }
}

bool AllExpectationsPassed(const v1::Result& result) {
  return std::all_of(result.expectations().begin(), result.expectations().end(),
                     [](const v1::ExpectationResult& outcome) { return outcome.passed(); });
}

}  // namespace vmsim::scenarios
