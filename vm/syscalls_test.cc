#include "vm/syscalls.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/errno.h"
#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

constexpr uint64_t Byte(uint64_t page) { return page << kPageShift; }
// A length with which a range that begins at `page` ends at page 8, once round.
constexpr uint64_t Round(uint64_t page) { return Byte(8) - Byte(page); }
constexpr uint64_t kHuge = UINT64_MAX;
constexpr uint64_t kTop = kMaxUserAddress;

enum class Call {
  kMunmap,
  kMadvise,
  kMlock,
  kMunlock,
  kMlockall,
  kMunlockall,
  kMsync,
  kMincore,
  kMprotect,
  kMinherit
};

// A process that maps, by page numbers:
//
//     16..23 anonymous | 24..27 read-only for good | 28..31 nothing | 32..39 anonymous
class SyscallWorld {
 public:
  explicit SyscallWorld(const Tunables& tunables = {})
      : w_(OptionsOf(tunables)), process_(w_.vm().CreateProcess("p", /*protect=*/false)) {
    MapEntry entry;
    EXPECT_EQ(w_.vm().Map(process_, 16, 8, entry), 0);
    EXPECT_EQ(w_.vm().Map(process_, 32, 8, entry), 0);
    entry.protection = entry.max_protection = kProtRead;
    EXPECT_EQ(w_.vm().Map(process_, 24, 4, entry), 0);
  }

  VmTestWorld& w() { return w_; }
  Process& process() { return process_; }
  const std::vector<uint8_t>& vec() const { return vec_; }

  // `arg`: the advice, how, flags, protection or inheritance.
  int Do(Call call, uint64_t addr = 0, uint64_t length = 0, int arg = 0) {
    int error = -1;
    w_.Finish(w_.Start("syscall", Body(call, addr, length, arg, &error)));
    return error;
  }
  int Advise(uint64_t addr, uint64_t length, MadviseAdvice advice) {
    return Do(Call::kMadvise, addr, length, static_cast<int>(advice));
  }
  // A reference to a page, with a fault if it takes one.
  FaultResult Touch(Vpage vpage, bool write = false) {
    const MapEntry& entry = *process_.space.Lookup(vpage);
    const VmTestWorld::Area area{&process_, nullptr, entry.start, entry.slot,
                                 static_cast<uint32_t>(entry.pages())};
    return w_.Touch(area, static_cast<uint32_t>(vpage - entry.start), write);
  }
  // "16-24 24-28 32-40": the entries, with s sequential, r random, n nosync, and i and a number
  // for another inheritance than the default.
  std::string Entries() {
    std::string text;
    for (const MapEntry& entry : process_.space.entries()) {
      absl::StrAppend(&text, text.empty() ? "" : " ", entry.start, "-", entry.end,
                      entry.behavior == Behavior::kSequential ? "s" : "",
                      entry.behavior == Behavior::kRandom ? "r" : "", entry.nosync ? "n" : "");
      if (entry.inheritance != Inheritance::kCopy) {
        absl::StrAppend(&text, "i", static_cast<int>(entry.inheritance));
      }
    }
    return text;
  }
  // VmTestWorld::Picture of the pages of the entry at `vpage`, from there on.
  std::string Picture(Vpage vpage, uint32_t count) {
    const MapEntry& entry = *process_.space.Lookup(vpage);
    return w_.Picture(w_.vm().objects()[entry.object], entry.PindexOf(vpage), count);
  }

 private:
  static VmTestWorld::Options OptionsOf(const Tunables& tunables) {
    VmTestWorld::Options options;
    options.tunables = tunables;
    return options;
  }
  sim::Task<void> Body(Call call, uint64_t addr, uint64_t length, int arg, int* error) {
    *error = co_await Make(call, addr, length, arg);
  }
  sim::Task<int> Make(Call call, uint64_t addr, uint64_t length, int arg) {
    Syscalls& syscalls = w_.vm().syscalls();
    switch (call) {
      case Call::kMunmap:
        return syscalls.Munmap(process_, addr, length);
      case Call::kMadvise:
        return syscalls.Madvise(process_, addr, length, static_cast<MadviseAdvice>(arg));
      case Call::kMlock:
        return syscalls.Mlock(process_, addr, length);
      case Call::kMunlock:
        return syscalls.Munlock(process_, addr, length);
      case Call::kMlockall:
        return syscalls.Mlockall(process_, arg);
      case Call::kMunlockall:
        return syscalls.Munlockall(process_);
      case Call::kMsync:
        return syscalls.Msync(process_, addr, length, arg);
      case Call::kMincore:
        return syscalls.Mincore(process_, addr, length, &vec_);
      case Call::kMprotect:
        return syscalls.Mprotect(process_, addr, length, arg);
      case Call::kMinherit:
        break;
    }
    return syscalls.Minherit(process_, addr, length, static_cast<Inheritance>(arg));
  }

  VmTestWorld w_;
  Process& process_;
  std::vector<uint8_t> vec_;
};

// ---------------------------------------------------------------------- arguments and errnos

struct ErrnoStory {
  std::string_view name;
  Call call;
  uint64_t addr, length;
  int arg;
  int want;
};

constexpr int kDontNeed = static_cast<int>(MadviseAdvice::kDontNeed);
constexpr int kSequential = static_cast<int>(MadviseAdvice::kSequential);

constexpr ErrnoStory kErrnoStories[] = {
    {"MunmapNothing", Call::kMunmap, Byte(16), 0, 0, sim::kEinval},
    {"MunmapNothingUnaligned", Call::kMunmap, Byte(16) + 1, 0, 0, sim::kEinval},
    {"MunmapAByte", Call::kMunmap, Byte(16), 1, 0, 0},
    {"MunmapHoles", Call::kMunmap, Byte(8), Byte(40), 0, 0},
    {"MunmapWhereNothingIs", Call::kMunmap, Byte(28), Byte(4), 0, 0},
    {"MunmapWraps", Call::kMunmap, Byte(16), Round(16), 0, sim::kEinval},
    // Rounded up to whole pages it is 2^64, which is 0.
    {"MunmapAllButAByte", Call::kMunmap, Byte(16), kHuge, 0, 0},
    {"MunmapToTheTop", Call::kMunmap, kTop - Byte(1), Byte(1), 0, 0},
    {"MunmapBeyondTheTop", Call::kMunmap, kTop - Byte(1), Byte(1) + 1, 0, sim::kEinval},

    {"MadviseNothing", Call::kMadvise, Byte(16), 0, kDontNeed, 0},
    {"MadviseHoles", Call::kMadvise, Byte(8), Byte(40), kDontNeed, 0},
    {"MadviseWhereNothingIs", Call::kMadvise, Byte(28), Byte(4), kSequential, 0},
    {"MadviseWraps", Call::kMadvise, Byte(16), kHuge, kDontNeed, sim::kEinval},
    {"MadviseToTheTop", Call::kMadvise, kTop - 1, 1, kSequential, 0},
    {"MadviseBeyondTheTop", Call::kMadvise, kTop - 1, 2, kSequential, sim::kEinval},
    {"MadviseNothingAtTheTop", Call::kMadvise, kTop, 0, kDontNeed, 0},
    {"MadviseNothingBeyondTheTop", Call::kMadvise, kTop + 1, 0, kDontNeed, sim::kEinval},
    {"MadviseUnknown", Call::kMadvise, Byte(16), Byte(1), 99, sim::kEinval},
    {"MadviseProtectLooksAtNoRange", Call::kMadvise, kTop, kHuge,
     static_cast<int>(MadviseAdvice::kProtect), 0},
    {"MadviseCore", Call::kMadvise, Byte(16), Byte(1), static_cast<int>(MadviseAdvice::kCore), 0},

    {"MlockNothing", Call::kMlock, Byte(28), 0, 0, 0},
    {"Mlock", Call::kMlock, Byte(16) + 1, Byte(12) - 1, 0, 0},
    {"MlockAHole", Call::kMlock, Byte(27), Byte(6), 0, sim::kEnomem},
    {"MlockWhereNothingIs", Call::kMlock, Byte(28), 1, 0, sim::kEnomem},
    {"MlockWraps", Call::kMlock, Byte(16), kHuge, 0, sim::kEinval},
    {"MlockRoundedWraps", Call::kMlock, Byte(16), kHuge - Byte(16), 0, sim::kEinval},
    {"MlockBeyondTheTop", Call::kMlock, kTop, Byte(1), 0, sim::kEnomem},
    {"MlockAcrossTheTop", Call::kMlock, kTop - Byte(1), Byte(2), 0, sim::kEnomem},
    {"MlockMoreThanThereIs", Call::kMlock, Byte(16), Byte(1) << 30, 0, sim::kEnomem},

    {"MunlockNothing", Call::kMunlock, Byte(28), 0, 0, 0},
    {"MunlockWhatIsNotLocked", Call::kMunlock, Byte(16), Byte(8), 0, 0},
    {"MunlockAHole", Call::kMunlock, Byte(27), Byte(6), 0, sim::kEnomem},
    {"MunlockWraps", Call::kMunlock, Byte(16), kHuge, 0, sim::kEinval},
    {"MunlockRoundedWraps", Call::kMunlock, Byte(16), kHuge - Byte(16), 0, sim::kEinval},
    {"MunlockBeyondTheTop", Call::kMunlock, kTop, Byte(1), 0, sim::kEnomem},

    {"MlockallNothing", Call::kMlockall, 0, 0, 0, sim::kEinval},
    {"MlockallUnknown", Call::kMlockall, 0, 0, kMclCurrent | 4, sim::kEinval},
    {"MlockallCurrent", Call::kMlockall, 0, 0, kMclCurrent, 0},
    {"MlockallFuture", Call::kMlockall, 0, 0, kMclFuture, 0},
    {"MlockallBoth", Call::kMlockall, 0, 0, kMclCurrent | kMclFuture, 0},
    {"Munlockall", Call::kMunlockall, 0, 0, 0, 0},

    {"Msync", Call::kMsync, Byte(16) + 1, Byte(8), kMsSync, 0},
    {"MsyncAsync", Call::kMsync, Byte(16), Byte(8), kMsAsync, 0},
    {"MsyncInvalidate", Call::kMsync, Byte(16), Byte(8), kMsInvalidate, 0},
    {"MsyncAsyncInvalidate", Call::kMsync, Byte(16), Byte(8), kMsAsync | kMsInvalidate,
     sim::kEinval},
    {"MsyncAHole", Call::kMsync, Byte(27), Byte(6), kMsSync, sim::kEnomem},
    {"MsyncWraps", Call::kMsync, Byte(16), Round(16), kMsSync, sim::kEinval},
    {"MsyncTheEntry", Call::kMsync, Byte(26), 0, kMsSync, 0},
    {"MsyncNoEntry", Call::kMsync, Byte(28), 0, kMsSync, sim::kEnomem},
    {"MsyncAllButAByteIsTheEntry", Call::kMsync, Byte(26), kHuge, kMsSync, 0},
    {"MsyncBeyondTheTop", Call::kMsync, kTop, Byte(1), kMsSync, sim::kEnomem},

    {"Mincore", Call::kMincore, Byte(16), Byte(12), 0, 0},
    {"MincoreNothing", Call::kMincore, Byte(16), 0, 0, 0},
    {"MincoreNothingWhereNothingIs", Call::kMincore, Byte(28), 0, 0, sim::kEnomem},
    {"MincoreAHole", Call::kMincore, Byte(27), Byte(6), 0, sim::kEnomem},
    {"MincoreAHoleAtTheEnd", Call::kMincore, Byte(32), Byte(9), 0, sim::kEnomem},
    {"MincoreWraps", Call::kMincore, Byte(16), Round(16), 0, sim::kEnomem},
    {"MincoreAllButAByte", Call::kMincore, Byte(16), kHuge, 0, 0},
    {"MincoreBeyondTheTop", Call::kMincore, kTop - Byte(1), Byte(2), 0, sim::kEnomem},

    {"Mprotect", Call::kMprotect, Byte(16), Byte(12), kProtRead, 0},
    {"MprotectNothing", Call::kMprotect, Byte(28), 0, kProtRead, 0},
    {"MprotectUnknown", Call::kMprotect, Byte(16), Byte(1), 8, sim::kEinval},
    {"MprotectUnknownOfNothing", Call::kMprotect, Byte(16), 0, -1, sim::kEinval},
    {"MprotectWraps", Call::kMprotect, Byte(16), Round(16), kProtRead, sim::kEinval},
    {"MprotectMoreThanMayBe", Call::kMprotect, Byte(20), Byte(6), kProtRead | kProtWrite,
     sim::kEacces},
    {"MprotectBeyondTheTop", Call::kMprotect, kTop, Byte(1), kProtRead, 0},

    {"Minherit", Call::kMinherit, Byte(16), Byte(1), static_cast<int>(Inheritance::kZero), 0},
    {"MinheritHoles", Call::kMinherit, Byte(8), Byte(40), static_cast<int>(Inheritance::kNone), 0},
    {"MinheritNothing", Call::kMinherit, Byte(16), 0, static_cast<int>(Inheritance::kNone), 0},
    {"MinheritUnknown", Call::kMinherit, Byte(16), Byte(1), 4, sim::kEinval},
    {"MinheritUnknownOfNothing", Call::kMinherit, Byte(16), 0, 4, sim::kEinval},
    {"MinheritWraps", Call::kMinherit, Byte(16), Round(16), 0, sim::kEinval},
    {"MinheritBeyondTheTop", Call::kMinherit, kTop, Byte(1), 0, 0},
};

class SyscallErrnoStoryTest : public testing::TestWithParam<ErrnoStory> {};

TEST_P(SyscallErrnoStoryTest, Story) {
  const ErrnoStory& story = GetParam();
  SyscallWorld s;
  EXPECT_EQ(s.Do(story.call, story.addr, story.length, story.arg), story.want);
}
INSTANTIATE_TEST_SUITE_P(, SyscallErrnoStoryTest, testing::ValuesIn(kErrnoStories),
                         [](const auto& info) { return std::string(info.param.name); });

// A call that fails leaves everything as it was.
TEST(SyscallErrnoTest, AnErrorChangesNoEntry) {
  for (const ErrnoStory& story : kErrnoStories) {
    if (story.want == 0) continue;
    SyscallWorld s;
    s.Do(story.call, story.addr, story.length, story.arg);
    EXPECT_EQ(s.Entries(), "16-24 24-28 32-40") << story.name;
    EXPECT_FALSE(s.process().space.wire_future) << story.name;
    EXPECT_EQ(s.w().counters().v_wire_count, 0) << story.name;
  }
}

// ------------------------------------------------------------------------------------ effects

TEST(MunmapTest, TakesWholePages) {
  SyscallWorld s;
  EXPECT_EQ(s.Do(Call::kMunmap, Byte(18) + 4095, 2), 0);
  EXPECT_EQ(s.Entries(), "16-18 20-24 24-28 32-40");
  EXPECT_EQ(s.Do(Call::kMunmap, 0, kTop), 0);
  EXPECT_EQ(s.Entries(), "");
}

TEST(MadviseTest, AdviceGoesToTheEntriesOfTheRange) {
  SyscallWorld s;
  EXPECT_EQ(s.Advise(Byte(18) + 1, 1, MadviseAdvice::kSequential), 0);
  EXPECT_EQ(s.Entries(), "16-18 18-19s 19-24 24-28 32-40");
  EXPECT_EQ(s.Advise(Byte(19), Byte(15), MadviseAdvice::kRandom), 0);
  EXPECT_EQ(s.Entries(), "16-18 18-19s 19-24r 24-28r 32-34r 34-40");
  EXPECT_EQ(s.Advise(Byte(20), Byte(2), MadviseAdvice::kNoSync), 0);
  EXPECT_EQ(s.Entries(), "16-18 18-19s 19-20r 20-22rn 22-24r 24-28r 32-34r 34-40");
}

TEST(MadviseTest, EntriesThatAreAlikeAgainAreJoined) {
  SyscallWorld s;
  EXPECT_EQ(s.Advise(Byte(18), Byte(2), MadviseAdvice::kNoSync), 0);
  EXPECT_EQ(s.Advise(Byte(22), Byte(1), MadviseAdvice::kSequential), 0);
  EXPECT_EQ(s.Entries(), "16-18 18-20n 20-22 22-23s 23-24 24-28 32-40");
  EXPECT_EQ(s.Advise(Byte(16), Byte(6), MadviseAdvice::kAutoSync), 0);
  EXPECT_EQ(s.Entries(), "16-22 22-23s 23-24 24-28 32-40");
  EXPECT_EQ(s.Advise(0, kTop, MadviseAdvice::kNormal), 0);
  EXPECT_EQ(s.Entries(), "16-24 24-28 32-40");
}

TEST(MadviseTest, LengthZeroInsideAPageIsThePage) {
  SyscallWorld s;
  EXPECT_EQ(s.Advise(Byte(18) + 1, 0, MadviseAdvice::kSequential), 0);
  EXPECT_EQ(s.Entries(), "16-18 18-19s 19-24 24-28 32-40");
}

TEST(MadviseTest, AdviceToPages) {
  SyscallWorld s;
  for (Vpage vpage = 16; vpage < 20; ++vpage) s.Touch(vpage, /*write=*/true);
  EXPECT_EQ(s.Picture(16, 4), "aaaa");
  EXPECT_EQ(s.Advise(Byte(17), Byte(2), MadviseAdvice::kDontNeed), 0);
  EXPECT_EQ(s.Picture(16, 4), "alla");
  EXPECT_EQ(s.Advise(Byte(18), Byte(2), MadviseAdvice::kFree), 0);
  EXPECT_EQ(s.Picture(16, 4), "alII");
  EXPECT_EQ(s.Advise(Byte(17), Byte(2), MadviseAdvice::kWillNeed), 0);
  EXPECT_EQ(s.Picture(16, 4), "aaAI");
}

TEST(MadviseTest, ProtectIsTheProcess) {
  SyscallWorld s;
  EXPECT_EQ(s.Advise(0, 0, MadviseAdvice::kProtect), 0);
  EXPECT_TRUE(s.process().protect);
}

TEST(MlockTest, WiresWholePagesAndMunlockLetsThemGo) {
  SyscallWorld s;
  EXPECT_EQ(s.Do(Call::kMlock, Byte(17) + 4095, 2), 0);
  EXPECT_EQ(s.w().counters().v_wire_count, 2);
  EXPECT_EQ(s.Do(Call::kMunlock, Byte(17), Byte(2)), 0);
  EXPECT_EQ(s.w().counters().v_wire_count, 0);
}

TEST(MlockTest, WhatCannotBeAccessedCannotBeWired) {
  SyscallWorld s;
  EXPECT_EQ(s.Do(Call::kMprotect, Byte(18), Byte(1), kProtNone), 0);
  EXPECT_EQ(s.Do(Call::kMlock, Byte(16), Byte(8)), sim::kEnomem);
  EXPECT_EQ(s.w().counters().v_wire_count, 0);
  EXPECT_EQ(s.Do(Call::kMlockall, 0, 0, kMclCurrent), 0);
  EXPECT_EQ(s.w().counters().v_wire_count, 19);
}

TEST(MlockTest, TheLimitOfTheMachine) {
  SyscallWorld s({.max_user_wired = 4});
  // One call for more than that is refused before any page is brought in.
  EXPECT_EQ(s.Do(Call::kMlock, Byte(22), Byte(5)), sim::kEnomem);
  EXPECT_EQ(s.w().counters().v_vm_faults, 0);
  EXPECT_EQ(s.Do(Call::kMlock, Byte(16), Byte(3)), 0);
  EXPECT_EQ(s.Do(Call::kMlock, Byte(20), Byte(2)), sim::kEnomem);
  EXPECT_EQ(s.Do(Call::kMlock, Byte(20), Byte(1)), 0);
  EXPECT_EQ(s.w().counters().v_wire_count, 4);
  EXPECT_EQ(s.Do(Call::kMlockall, 0, 0, kMclCurrent), sim::kEnomem);
}

TEST(MlockTest, TheLimitOfTheProcess) {
  SyscallWorld s;
  s.process().memlock_limit = 4;
  EXPECT_EQ(s.Do(Call::kMlock, Byte(16), Byte(4) + 1), sim::kEnomem);
  EXPECT_EQ(s.Do(Call::kMlock, Byte(16), Byte(3)), 0);
  EXPECT_EQ(s.Do(Call::kMlock, Byte(20), Byte(2)), sim::kEnomem);
  // The same pages once more count, too: the limit is looked at before the range.
  EXPECT_EQ(s.Do(Call::kMlock, Byte(16), Byte(2)), sim::kEnomem);
  EXPECT_EQ(s.Do(Call::kMlock, Byte(20), Byte(1)), 0);
}

TEST(MlockallTest, TheLimitOfTheProcessIsForAllThatItMaps) {
  SyscallWorld s;
  s.process().memlock_limit = 19;
  EXPECT_EQ(s.Do(Call::kMlockall, 0, 0, kMclCurrent | kMclFuture), sim::kEnomem);
  EXPECT_FALSE(s.process().space.wire_future);
  EXPECT_EQ(s.w().counters().v_wire_count, 0);
  EXPECT_EQ(s.Do(Call::kMlockall, 0, 0, kMclFuture), 0);
  s.process().memlock_limit = 20;
  EXPECT_EQ(s.Do(Call::kMlockall, 0, 0, kMclCurrent), 0);
  EXPECT_EQ(s.w().counters().v_wire_count, 20);
}

TEST(MlockallTest, FutureIsUntilMunlockall) {
  SyscallWorld s;
  EXPECT_EQ(s.Do(Call::kMlockall, 0, 0, kMclCurrent | kMclFuture), 0);
  EXPECT_TRUE(s.process().space.wire_future);
  EXPECT_EQ(s.Do(Call::kMunlockall), 0);
  EXPECT_FALSE(s.process().space.wire_future);
  EXPECT_EQ(s.w().counters().v_wire_count, 0);
}

TEST(MsyncTest, WhatIsLockedIsNotInvalidated) {
  SyscallWorld s;
  EXPECT_EQ(s.Do(Call::kMlock, Byte(16), Byte(1)), 0);
  EXPECT_EQ(s.Do(Call::kMsync, Byte(16), Byte(2), kMsInvalidate), sim::kEbusy);
  EXPECT_EQ(s.Do(Call::kMsync, Byte(16), Byte(2), kMsSync), 0);
  EXPECT_EQ(s.Do(Call::kMsync, Byte(17), Byte(2), kMsInvalidate), 0);
}

TEST(MincoreTest, AByteAPage) {
  SyscallWorld s;
  s.Touch(17);
  s.Touch(19, /*write=*/true);
  EXPECT_EQ(s.Do(Call::kMincore, Byte(16) + 4095, Byte(3)), 0);
  const uint8_t read = kMincoreIncore | kMincoreReferenced | kMincoreReferencedOther;
  const uint8_t written = read | kMincoreModified | kMincoreModifiedOther;
  EXPECT_EQ(s.vec(), (std::vector<uint8_t>{0, read, 0, written}));
  EXPECT_EQ(s.Do(Call::kMincore, Byte(16), 0), 0);
  EXPECT_TRUE(s.vec().empty());
}

TEST(MprotectTest, TheNextStoreIsRefused) {
  SyscallWorld s;
  EXPECT_EQ(s.Touch(17, /*write=*/true), FaultResult::kSuccess);
  EXPECT_EQ(s.Do(Call::kMprotect, Byte(17), 1, kProtRead), 0);
  EXPECT_EQ(s.Touch(17, /*write=*/true), FaultResult::kProtectionFailure);
  EXPECT_EQ(s.Touch(17), FaultResult::kSuccess);
  EXPECT_EQ(s.Touch(18, /*write=*/true), FaultResult::kSuccess);
}

TEST(MinheritTest, GoesToTheEntriesOfTheRange) {
  SyscallWorld s;
  EXPECT_EQ(s.Do(Call::kMinherit, Byte(22), Byte(11), static_cast<int>(Inheritance::kNone)), 0);
  EXPECT_EQ(s.Entries(), "16-22 22-24i2 24-28i2 32-33i2 33-40");
}

// -------------------------------------------------------------------------------------- costs

TEST(SyscallCostTest, TheCallAndEachMappedPageOfTheRange) {
  const Costs costs;
  struct Case {
    Call call;
    uint64_t addr, length;
    int arg;
    int64_t pages;
  };
  constexpr Case kCases[] = {
      {Call::kMunmap, Byte(16), 0, 0, 0},  // Refused.
      {Call::kMunmap, Byte(20), Byte(8), 0, 8},
      {Call::kMunmap, Byte(26), Byte(8), 0, 4},  // Four of eight are a hole.
      {Call::kMadvise, Byte(16), Byte(8), kSequential, 0},
      {Call::kMadvise, Byte(16), Byte(8), kDontNeed, 8},
      {Call::kMincore, Byte(16), Byte(3), 0, 3},
      {Call::kMsync, Byte(16), Byte(2), kMsSync, 2},
      {Call::kMprotect, Byte(16), Byte(5), kProtRead, 5},
      {Call::kMinherit, Byte(16), Byte(5), 0, 0},
      {Call::kMunlockall, 0, 0, 0, 20},
  };
  for (const Case& c : kCases) {
    SyscallWorld s;
    s.Do(c.call, c.addr, c.length, c.arg);
    EXPECT_EQ(s.w().engine().now(), costs.syscall_ns + c.pages * costs.pte_ns)
        << "call " << static_cast<int>(c.call) << " at " << c.addr;
  }
}

}  // namespace
}  // namespace vmsim::vm
