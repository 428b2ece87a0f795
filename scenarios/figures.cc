#include "scenarios/figures.h"

#include <iterator>

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

}  // namespace

std::string RemoteHistogramName(const std::string& remote) {
  return absl::StrCat(kMailHistogramNames[0], "[", remote, "]");
}

std::set<std::string> HistogramNames(const v1::Scenario& scenario) {
  std::set<std::string> names(std::begin(kHistogramNames), std::end(kHistogramNames));
  if (scenario.has_mail_relay()) {
    names.insert(std::begin(kMailHistogramNames), std::end(kMailHistogramNames));
    for (const v1::MailRemote& remote : scenario.mail_relay().remotes()) {
      names.insert(RemoteHistogramName(remote.name()));
    }
  }
  return names;
}

v1::Figure FigureOf(const v1::Expectation& expectation) {
  v1::Figure figure;
  switch (expectation.figure_case()) {
    case v1::Expectation::kCounter:
      figure.set_counter(expectation.counter());
      break;
    case v1::Expectation::kHistogram:
      *figure.mutable_histogram() = expectation.histogram();
      break;
    case v1::Expectation::kProcess:
      *figure.mutable_process() = expectation.process();
      break;
    case v1::Expectation::kCall:
      *figure.mutable_call() = expectation.call();
      break;
    case v1::Expectation::FIGURE_NOT_SET:
      break;
  }
  return figure;
}

std::optional<int64_t> FindFigure(const v1::Result& result, const v1::Figure& figure) {
  switch (figure.figure_case()) {
    case v1::Figure::kCounter:
      return FindCounter(result, figure.counter());
    case v1::Figure::kHistogram:
      return FindStatistic(result, figure.histogram());
    case v1::Figure::kProcess:
      for (const v1::ProcessResult& process : result.processes()) {
        if (process.name() == figure.process().name()) {
          return FieldOf(process, figure.process().field());
        }
      }
      return std::nullopt;
    case v1::Figure::kCall:
      return FindCallField(result, figure.call());
    case v1::Figure::FIGURE_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string FigureText(const v1::Figure& figure) {
  switch (figure.figure_case()) {
    case v1::Figure::kCounter:
      return figure.counter();
    case v1::Figure::kHistogram:
      return absl::StrCat(figure.histogram().name(), " ",
                          absl::AsciiStrToLower(
                              v1::HistogramFigure::Statistic_Name(figure.histogram().statistic())));
    case v1::Figure::kProcess:
      return absl::StrCat(
          "process[", figure.process().name(), "] ",
          absl::AsciiStrToLower(v1::ProcessFigure::Field_Name(figure.process().field())));
    case v1::Figure::kCall:
      return absl::StrCat("call[", figure.call().process(), " ", figure.call().label(), "] ",
                          absl::AsciiStrToLower(v1::CallFigure::Field_Name(figure.call().field())));
    case v1::Figure::FIGURE_NOT_SET:
      break;
  }
  return "";
}

absl::Status CheckFigure(const ScenarioPlace& place, const FieldRef& at, const v1::Figure& figure,
                         const FigureNames& names) {
  const FieldRef histogram{&at, "histogram"}, process{&at, "process"};
  switch (figure.figure_case()) {
    case v1::Figure::kCounter:
      if (names.counters.empty()) return CheckName(place, {&at, "counter"}, figure.counter());
      return CheckKnownName(place, {&at, "counter"}, figure.counter(), "counter", names.counters);
    case v1::Figure::kHistogram:
      if (figure.histogram().statistic() == v1::HistogramFigure::STATISTIC_UNSPECIFIED) {
        return place.Error({&histogram, "statistic"},
                           "is missing; use COUNT, MIN, MAX, MEAN, P50, P90, P99 or P999");
      }
      return CheckKnownName(place, {&histogram, "name"}, figure.histogram().name(), "histogram",
                            names.histograms);
    case v1::Figure::kProcess:
      if (figure.process().field() == v1::ProcessFigure::FIELD_UNSPECIFIED) {
        return place.Error({&process, "field"},
                           "is missing; use MAJFLT, MINFLT, REFERENCES, "
                           "OOM_KILLED, SIGNAL, EXIT_STATUS, ...");
      }
      return CheckKnownName(place, {&process, "name"}, figure.process().name(), "process",
                            names.known.processes);
    case v1::Figure::kCall:
      return CheckCallFigure(place, {&at, "call"}, figure.call(), names.known);
    case v1::Figure::FIGURE_NOT_SET:
      break;
  }
  return place.Error(at,
                     "says nothing of what to look at; add counter, histogram, process or call");
}

}  // namespace vmsim::scenarios
