// Each deliberate defect of vm/planted_bugs.h must be seen by the recorded vectors.
#include "vm/planted_bugs.h"

#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/check.h"
#include "tests/conformance.h"
#include "tests/pageout_world.h"

namespace vmsim::tests {
namespace {

using RunWith = std::string (*)(const Json& vector, const vm::PlantedBugs& bugs);

struct File {
  const char* path;
  RunWith run;
};
constexpr File kFiles[] = {
    {"tests/vectors/freebsd-pageout-scan.jsonl", RunPageoutScanWith},
    {"tests/vectors/freebsd-pageout-pass.jsonl", RunPageoutPassWith},
};

[[noreturn]] void ThrowCheck(std::string_view message) {
  throw std::runtime_error(std::string(message));
}

std::string RunOne(const File& file, const Json& vector, const vm::PlantedBugs& bugs) {
  try {
    return file.run(vector, bugs);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

// The ids of the vectors that fail.
std::vector<std::string> Failures(const File& file, const vm::PlantedBugs& bugs) {
  std::ifstream in(file.path);
  std::vector<std::string> failures;
  int count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    const Json vector = Json::parse(line);
    if (!RunOne(file, vector, bugs).empty()) failures.push_back(vector.at("id"));
  }
  EXPECT_GT(count, 0) << file.path;
  return failures;
}

class PlantedBugsTest : public testing::Test {
 protected:
  void SetUp() override { sim::SetCheckFailureHandler(ThrowCheck); }
  void TearDown() override { sim::SetCheckFailureHandler(nullptr); }
};

TEST_F(PlantedBugsTest, WithoutOneEveryVectorPasses) {
  for (const File& file : kFiles) {
    EXPECT_EQ(Failures(file, {}), std::vector<std::string>()) << file.path;
  }
}

TEST_F(PlantedBugsTest, EachOneFailsVectorsOfEachFile) {
  constexpr vm::PlantedBugs kBugs[] = {
      {.fifo_batches = true},
      {.wrong_batch_size = true},
      {.no_act_decline = true},
  };
  for (size_t i = 0; i < std::size(kBugs); ++i) {
    for (const File& file : kFiles) {
      EXPECT_FALSE(Failures(file, kBugs[i]).empty()) << "bug " << i << " passes " << file.path;
    }
  }
}

}  // namespace
}  // namespace vmsim::tests
