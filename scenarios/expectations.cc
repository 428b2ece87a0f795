#include "scenarios/expectations.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "scenarios/status_macros.h"

namespace vmsim::scenarios {
namespace {

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

}  // namespace

std::string ExpectationText(const v1::Expectation& expectation) {
  return absl::StrCat(FigureText(FigureOf(expectation)), " ", Compare(expectation, 0).text);
}

absl::Status CheckExpectations(const v1::Scenario& scenario, const ScenarioPlace& place,
                               const FigureNames& names) {
  const FieldRef root;
  for (int i = 0; i < scenario.expectations_size(); ++i) {
    const v1::Expectation& expectation = scenario.expectations(i);
    const FieldRef at{&root, "expectations", i};
    VMSIM_RETURN_IF_ERROR(CheckFigure(place, at, FigureOf(expectation), names));
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
    const std::optional<int64_t> got = FindFigure(*result, FigureOf(expectation));
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
