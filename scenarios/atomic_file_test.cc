#include "scenarios/atomic_file.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "scenarios/test_files.h"

namespace vmsim::scenarios {
namespace {

using Names = std::vector<std::string>;

TEST(AtomicFileTest, TargetAppearsWithCommit) {
  const std::string path = WriteTestFile("out", "old");
  {
    auto file = AtomicFile::Create(path);
    ASSERT_TRUE(file.ok()) << file.status();
    ASSERT_TRUE((*file)->Write("hello ").ok());
    ASSERT_TRUE((*file)->Write("world").ok());
    ASSERT_TRUE((*file)->WriteAt(1, "EL").ok());
    EXPECT_EQ(ReadTestFile(path), "old");
    ASSERT_TRUE((*file)->Commit().ok());
  }
  EXPECT_EQ(ReadTestFile(path), "hELlo world");
  EXPECT_EQ(TestFiles(), Names{"out"});
}

TEST(AtomicFileTest, WithoutCommitNothingStays) {
  const std::string path = TestPath("out");
  {
    auto file = AtomicFile::Create(path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write("lost").ok());
    EXPECT_EQ(TestFiles().size(), 1u);
  }
  EXPECT_EQ(TestFiles(), Names{});
}

TEST(AtomicFileTest, TwoWritersOfOneNameDoNotMeet) {
  const std::string path = TestPath("out");
  auto first = AtomicFile::Create(path);
  auto second = AtomicFile::Create(path);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE((*first)->Write("first").ok());
  ASSERT_TRUE((*second)->Write("second").ok());
  ASSERT_TRUE((*second)->Commit().ok());
  ASSERT_TRUE((*first)->Commit().ok());
  EXPECT_EQ(ReadTestFile(path), "first");
}

TEST(AtomicFileTest, BadTargets) {
  for (const std::string& path :
       {TestPath(""), std::string("/dev/null"), TestPath("no/such/folder/out")}) {
    const absl::Status status = AtomicFile::Create(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << path << ": " << status;
    EXPECT_EQ(std::string(status.message()).rfind(path, 0), 0u) << status;
  }
}

TEST(AtomicFileTest, WriteFileAtomically) {
  const std::string path = TestPath("out");
  ASSERT_TRUE(WriteFileAtomically(path, "bytes").ok());
  EXPECT_EQ(ReadTestFile(path), "bytes");
  EXPECT_FALSE(WriteFileAtomically(TestPath("none/out"), "bytes").ok());
}

}  // namespace
}  // namespace vmsim::scenarios
