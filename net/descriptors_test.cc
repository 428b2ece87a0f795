#include "net/descriptors.h"

#include <string>

#include "gtest/gtest.h"
#include "net/epoll_story.h"
#include "net/eventfd.h"

namespace vmsim::net {
namespace {

struct Process {
  explicit Process(int limit = 4) : descriptors(files, limit) {}
  Ref<File> New() { return Ref<File>(EventFd::Create(files, 0)); }

  sim::Engine engine;
  OpenFiles files{engine};
  DescriptorTable descriptors;
};

TEST(DescriptorTableTest, GivesTheLowestThatIsFree) {
  Process p;
  for (int fd = 0; fd < 4; ++fd) EXPECT_EQ(p.descriptors.Install(p.New()).fd, fd);
  EXPECT_EQ(p.descriptors.Close(2), 0);
  EXPECT_EQ(p.descriptors.Close(1), 0);
  EXPECT_EQ(p.descriptors.Install(p.New()).fd, 1);
  EXPECT_EQ(p.descriptors.Install(p.New()).fd, 2);
  EXPECT_EQ(p.descriptors.Install(p.New()).error, kEmfile);
}

TEST(DescriptorTableTest, AFileEndsWithItsLastDescriptor) {
  Process p;
  EXPECT_EQ(p.descriptors.Install(p.New()).fd, 0);
  EXPECT_EQ(p.descriptors.Dup(0, 3).fd, 3);
  EXPECT_EQ(p.files.count(), 1);
  EXPECT_EQ(p.descriptors.Get(0).get(), p.descriptors.Get(3).get());
  EXPECT_EQ(p.descriptors.Close(0), 0);
  EXPECT_EQ(p.files.count(), 1);
  EXPECT_EQ(p.descriptors.Close(3), 0);
  EXPECT_EQ(p.files.count(), 0);
}

TEST(DescriptorTableTest, ADescriptorThatIsTakenIsClosedFirst) {
  Process p;
  p.descriptors.Install(p.New());
  p.descriptors.Install(p.New());
  const uint64_t id = p.descriptors.Get(0)->id();
  EXPECT_EQ(p.descriptors.Dup(0, 1).fd, 1);
  EXPECT_EQ(p.files.count(), 1);
  EXPECT_EQ(p.descriptors.Get(1)->id(), id);
  EXPECT_EQ(p.descriptors.Dup(1, 1).fd, 1);
  EXPECT_EQ(p.files.count(), 1);
}

TEST(DescriptorTableTest, EBADF) {
  Process p;
  EXPECT_EQ(p.descriptors.Close(0), kEbadf);
  EXPECT_EQ(p.descriptors.Close(-1), kEbadf);
  EXPECT_EQ(p.descriptors.Dup(0, 1).error, kEbadf);
  p.descriptors.Install(p.New());
  EXPECT_EQ(p.descriptors.Dup(0, 4).error, kEbadf);
  EXPECT_EQ(p.descriptors.InstallAt(-1, p.New()).error, kEbadf);
  EXPECT_FALSE(p.descriptors.Get(1000));
  EXPECT_FALSE(p.descriptors.Get(-7));
}

TEST(DescriptorTableTest, ENFILE) {
  Process p;
  EXPECT_EQ(p.descriptors.Install(Ref<File>()).error, kEnfile);
  EXPECT_EQ(p.descriptors.InstallAt(0, Ref<File>()).error, kEnfile);
}

TEST(OpenFilesTest, NumbersAreNotUsedAgain) {
  Process p;
  const uint64_t first = p.New()->id();
  EXPECT_EQ(p.files.count(), 0);
  EXPECT_EQ(p.New()->id(), first + 1);
}

using OpenFilesDeathTest = testing::Test;

TEST(OpenFilesDeathTest, Misuse) {
  sim::Engine engine;
  EXPECT_DEATH(
      {
        OpenFiles files(engine);
        EventFd::Create(files, 0)->AddRef();
      },
      "outlive their host");
}

}  // namespace
}  // namespace vmsim::net
