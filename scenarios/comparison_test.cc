#include "scenarios/comparison.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "scenarios/report.h"
#include "scenarios/runner.h"
#include "scenarios/scenario_check.h"

namespace vmsim::scenarios {
namespace {

// Of twice as many pages as the smaller machine has.
constexpr char kMachine[] = R"(
    name: "sizes"
    memory { pages: 1000 }
    disks { name: "d" size_bytes: 67108864 fixed {} }
    swap { disk: "d" }
    processes {
      name: "p"
      steps { map { name: "m" pages: 2000 } }
      steps { touch { map: "m" write: true } }
      steps { touch { map: "m" } }
    })";
constexpr char kComparison[] = R"(
    comparison {
      variants { name: "small" }
      variants { name: "large" set: "memory.pages=4000" set: "seed=7" }
      figures { counter: "v_swappgsin" }
      figures { histogram { name: "fault_ns" statistic: COUNT } }
      figures { process { name: "p" field: STALL_NS } }
    })";

v1::Scenario Parsed(const std::string& text) {
  v1::Scenario scenario;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &scenario)) << text;
  return scenario;
}

v1::Result RunIt(const v1::Scenario& scenario, const std::string& variant = "") {
  RunOptions options;
  options.variant = variant;
  const auto result = RunScenario(scenario, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : v1::Result();
}

TEST(ComparisonTest, AVariantIsTheScenarioWithItsSettings) {
  const v1::Result all = RunIt(Parsed(std::string(kMachine) + kComparison));
  v1::Scenario by_hand = Parsed(kMachine);
  ASSERT_EQ(all.variants_size(), 2);
  EXPECT_EQ(all.variants(0).name(), "small");
  EXPECT_EQ(all.variants(0).result().SerializeAsString(), RunIt(by_hand).SerializeAsString());
  by_hand.mutable_memory()->set_pages(4000);
  by_hand.set_seed(7);
  EXPECT_EQ(all.variants(1).result().SerializeAsString(), RunIt(by_hand).SerializeAsString());
  EXPECT_EQ(all.variants(1).result().memory_pages(), 4000);
}

TEST(ComparisonTest, FiguresStandSideBySide) {
  const v1::Result all = RunIt(Parsed(std::string(kMachine) + kComparison));
  ASSERT_EQ(all.figures_size(), 3);
  EXPECT_EQ(all.figures(0).text(), "v_swappgsin");
  EXPECT_GT(all.figures(0).values(0).value(), 1000);
  EXPECT_EQ(all.figures(0).values(1).value(), 0);
  EXPECT_EQ(all.figures(1).text(), "fault_ns count");
  EXPECT_EQ(all.figures(1).values(1).value(), 2000);
  EXPECT_EQ(all.figures(2).text(), "process[p] stall_ns");
  const std::string report = TextReport(all, {});
  EXPECT_NE(report.find("sizes: 2 variants, seed 0\n"), std::string::npos) << report;
  EXPECT_NE(report.find("\n  figure                small    large\n"), std::string::npos) << report;
  EXPECT_EQ(all.events_run(),
            all.variants(0).result().events_run() + all.variants(1).result().events_run());
}

TEST(ComparisonTest, TheDigestIsOfAllVariantsInOrder) {
  const std::string text = std::string(kMachine) + kComparison;
  const v1::Scenario scenario = Parsed(text);
  EXPECT_EQ(RunIt(scenario).digest(), RunIt(scenario).digest());
  v1::Scenario turned = scenario;
  turned.mutable_comparison()->mutable_variants()->SwapElements(0, 1);
  EXPECT_NE(RunIt(turned).digest(), RunIt(scenario).digest());
}

TEST(ComparisonTest, ExpectationsHoldInTheirVariantOrInEach) {
  const v1::Result all = RunIt(Parsed(std::string(kMachine) + kComparison + R"(
    expectations { counter: "v_vm_faults" gt: 0 }
    expectations { variant: "large" counter: "v_swappgsin" eq: 0 }
    expectations { variant: "small" counter: "v_swappgsin" eq: 0 })"));
  std::vector<std::string> outcomes;
  for (const v1::ExpectationResult& outcome : all.expectations()) {
    outcomes.push_back((outcome.passed() ? "+ " : "- ") + outcome.text());
  }
  EXPECT_EQ(outcomes,
            (std::vector<std::string>{"+ [small] v_vm_faults > 0", "- [small] v_swappgsin == 0",
                                      "+ [large] v_vm_faults > 0", "+ [large] v_swappgsin == 0"}));
}

TEST(ComparisonTest, OneVariantAlone) {
  const v1::Scenario scenario = Parsed(std::string(kMachine) + kComparison);
  const v1::Result large = RunIt(scenario, "large");
  EXPECT_EQ(large.variants_size(), 0);
  EXPECT_EQ(large.SerializeAsString(), RunIt(scenario).variants(1).result().SerializeAsString());
  RunOptions options;
  options.variant = "lrage";
  EXPECT_EQ(RunScenario(scenario, options).status().message(),
            "scenario: there is no variant \"lrage\"; did you mean \"large\"?");
  EXPECT_EQ(RunScenario(Parsed(kMachine), options).status().message(),
            "scenario: there is no variant \"lrage\"; the scenario has no comparison");
}

struct BadStory {
  const char* name;
  const char* comparison;
  const char* message;  // A part of it.
};

const BadStory kBad[] = {
    {"OneVariant", "comparison { variants { name: 'a' } figures { counter: 'v_swapin' } }",
     "comparison.variants: has 1 variants; use 2 to 64, or remove the comparison"},
    {"SameName",
     "comparison { variants { name: 'a' } variants { name: 'a' } figures { counter: 'v_swapin' } }",
     "comparison.variants[1].name: another variant is called \"a\""},
    {"NoFigures", "comparison { variants { name: 'a' } variants { name: 'b' } }",
     "comparison.figures: has 0 figures; use 1 to 256"},
    {"FigureOfNothing", "comparison { variants { name: 'a' } variants { name: 'b' } figures {} }",
     "comparison.figures[0]: says nothing of what to look at; add counter, histogram, process or "
     "call"},
    {"NoSuchField",
     "comparison { variants { name: 'a' } variants { name: 'b' set: 'memory.pgaes=1' } "
     "figures { counter: 'v_swapin' } }",
     "comparison.variants[1].set[0]: --set \"memory.pgaes=1\": Memory has no field \"pgaes\""},
    {"ABadVariant",
     "comparison { variants { name: 'a' } variants { name: 'b' set: 'memory.pages=1' } "
     "figures { counter: 'v_swapin' } }",
     "--set memory.pages=1: memory.pages: "},
    {"SetsTheComparison",
     "comparison { variants { name: 'a' } variants { name: 'b' set: 'comparison={}' } "
     "figures { counter: 'v_swapin' } }",
     "comparison.variants[1].set[0]: changes the comparison itself; set what is simulated"},
    {"ExpectationOfNoVariant",
     "comparison { variants { name: 'a' } variants { name: 'b' } figures { counter: 'v_swapin' } }"
     "expectations { variant: 'c' counter: 'v_swapin' eq: 0 }",
     "expectations[0].variant: "},
    {"VariantWithoutComparison", "expectations { variant: 'c' counter: 'v_swapin' eq: 0 }",
     "expectations[0].variant: "},
};

class BadComparisonTest : public testing::TestWithParam<BadStory> {};

TEST_P(BadComparisonTest, IsRefused) {
  const absl::Status status = CheckScenario(Parsed(std::string(kMachine) + GetParam().comparison));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(GetParam().message), absl::string_view::npos) << status;
}

INSTANTIATE_TEST_SUITE_P(, BadComparisonTest, testing::ValuesIn(kBad),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vmsim::scenarios
