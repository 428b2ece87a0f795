#include "scenarios/invariant_watch.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "google/protobuf/text_format.h"
#include "scenarios/runner.h"

namespace vmsim::scenarios {
namespace {

using vm::CheckLevel;

// Twice as much memory is used as there is, so the daemons are at work.
v1::Scenario Pressure() {
  v1::Scenario scenario;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    memory { pages: 1000 }
    disks { name: "d" size_bytes: 67108864 fixed {} }
    swap { disk: "d" }
    processes {
      name: "p"
      steps { map { name: "m" pages: 2000 } }
      steps { touch { map: "m" write: true } }
      steps { generate { map: "m" kind: UNIFORM refs: 5000 write_pct: 30 } }
    })",
                                                            &scenario));
  return scenario;
}

TEST(InvariantWatchTest, TheDefaultIntervalGrowsWithMemory) {
  EXPECT_EQ(InvariantWatch::DefaultIntervalEvents(1000), 16);
  EXPECT_EQ(InvariantWatch::DefaultIntervalEvents(1024), 16);
  EXPECT_EQ(InvariantWatch::DefaultIntervalEvents(1 << 20), 1 << 14);
}

TEST(InvariantWatchTest, FullIsDueEachTimeSoManyEventsHaveRun) {
  const auto machine = BuildMachine(Pressure(), {});
  ASSERT_TRUE(machine.ok()) << machine.status();
  InvariantWatch watch(**machine, CheckLevel::kFull, 100);
  int checks = 0;
  while ((*machine)->Step(sim::kNever)) {
    if (!watch.Due()) continue;
    EXPECT_TRUE(watch.Check().ok());
    EXPECT_FALSE(watch.Due());
    ++checks;
  }
  // A step runs one event at most.
  EXPECT_EQ(checks, static_cast<int>((*machine)->engine().events().events_run() / 100));
  EXPECT_GT(checks, 10);
}

TEST(InvariantWatchTest, LowerLevelsAreNeverDue) {
  const auto machine = BuildMachine(Pressure(), {});
  ASSERT_TRUE(machine.ok()) << machine.status();
  const InvariantWatch off(**machine, CheckLevel::kOff, 1);
  const InvariantWatch cheap(**machine, CheckLevel::kCheap, 1);
  for (int i = 0; i < 1000; ++i) (*machine)->Step(sim::kNever);
  EXPECT_FALSE(off.Due());
  EXPECT_FALSE(cheap.Due());
}

TEST(InvariantWatchTest, AReportSaysWhen) {
  const auto machine = BuildMachine(Pressure(), {});
  ASSERT_TRUE(machine.ok()) << machine.status();
  for (int i = 0; i < 1000; ++i) (*machine)->Step(sim::kNever);
  ++(*machine)->vm().counters().v_cow_optim;
  for (const CheckLevel level : {CheckLevel::kCheap, CheckLevel::kFull}) {
    InvariantWatch watch(**machine, level, 0);
    EXPECT_EQ(watch.CheckCheaply(), watch.Check());
    EXPECT_EQ(watch.Check().code(), absl::StatusCode::kInternal);
    const std::string message(watch.Check().message());
    EXPECT_EQ(message.find("at "), 0u) << message;
    EXPECT_NE(message.find(" events: invariant counters-agree broken: v_cow_optim is 1, of "
                           "v_cow_faults 0"),
              std::string::npos)
        << message;
  }
  EXPECT_TRUE(InvariantWatch(**machine, CheckLevel::kOff, 0).Check().ok());
}

// What lies above memory is checked, too, but not after a power failure.
TEST(InvariantWatchTest, FilesAreWatched) {
  v1::Scenario scenario = Pressure();
  scenario.clear_processes();
  ASSERT_TRUE(google::protobuf::TextFormat::MergeFromString(R"(
    disks { name: "e" size_bytes: 67108864 fixed {} }
    file_systems { name: "fs" disk: "e" }
    files { name: "f" size_bytes: 65536 }
    processes { name: "reader" steps { read { file: "f" length_bytes: 65536 } } }
    processes {
      name: "end"
      steps { sleep { ns: 10000000000 } }
      steps { crash {} }
    })",
                                                            &scenario));
  const auto machine = BuildMachine(scenario, {});
  ASSERT_TRUE(machine.ok()) << machine.status();
  InvariantWatch watch(**machine, CheckLevel::kFull, 0);
  while ((*machine)->engine().now() < 3 * sim::kSecond) (*machine)->Step(sim::kNever);
  EXPECT_EQ(watch.Check(), absl::OkStatus());
  (*machine)->vfs()->Find("f")->medium.Set(5, 99);
  EXPECT_EQ(watch.CheckCheaply(), absl::OkStatus());
  const std::string message(watch.Check().message());
  EXPECT_NE(message.find("invariant file-clean-is-medium broken: "), std::string::npos) << message;
  while ((*machine)->Step(sim::kNever)) {
  }
  EXPECT_TRUE((*machine)->crash().has_value());
  EXPECT_EQ(watch.Check(), absl::OkStatus());
}

// A defect that only a look at every page of a queue can see, and the run that it ends.
TEST(InvariantWatchTest, ARunEndsWithTheViolation) {
  RunOptions options;
  options.planted_bugs.uncounted_reinsert = true;
  options.check = CheckLevel::kFull;
  const auto broken = RunScenario(Pressure(), options);
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kInternal);
  EXPECT_NE(broken.status().message().find("invariant queue-length broken: queue inactive: length"),
            absl::string_view::npos)
      << broken.status();
}

TEST(InvariantWatchTest, CheckingChangesNothing) {
  std::string digest;
  for (const CheckLevel level : {CheckLevel::kOff, CheckLevel::kCheap, CheckLevel::kFull}) {
    RunOptions options;
    options.check = level;
    options.check_interval_events = level == CheckLevel::kFull ? 7 : 0;
    const auto result = RunScenario(Pressure(), options);
    ASSERT_TRUE(result.ok()) << result.status();
    if (digest.empty()) digest = result->digest();
    EXPECT_EQ(result->digest(), digest);
  }
}

}  // namespace
}  // namespace vmsim::scenarios
