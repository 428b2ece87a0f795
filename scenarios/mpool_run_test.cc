// Buffer pools in scenarios: what each call comes to, what is there twice, what outlives a crash.
#include <string>

#include "scenarios/run_text.h"

namespace vmsim::scenarios {
namespace {

// 100 us a request and 2 us a page. "f" has 16 pages of 4096 bytes, "odd" one and a half.
constexpr char kMachine[] =
    "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {} }"
    "disks { name: 's' size_bytes: 33554432 fixed {} } swap { disk: 's' }"
    "file_systems { name: 'fs' disk: 'd' } connections { name: 'c' }"
    "files { name: 'f' size_bytes: 65536 } files { name: 'odd' size_bytes: 6144 } ";

v1::Result RunSteps(const std::string& steps) {
  return RunText(std::string(kMachine) + " processes { name: 'p' " + steps + " }");
}

std::string Open(const std::string& more = "maxcache: 4") {
  return "steps { mpool_open { pool: 'db' file: 'f' pagesize_bytes: 4096 " + more + " } }";
}

// --- Errors ---

struct Story {
  const char* name;
  const char* steps;  // Each step says itself what it must come to.
};

constexpr Story kStories[] = {
    {"OpenRefuses",
     "steps { mpool_open { pool: 'a' file: 'x' pagesize_bytes: 512 } expect_errno: 'ENOENT' }"
     "steps { mpool_open { pool: 'a' connection: 'c' pagesize_bytes: 512 } expect_errno: 'ESPIPE' }"
     "steps { mpool_open { pool: 'a' file: 'f' } expect_errno: 'EINVAL' }"
     "steps { mpool_open { pool: 'a' file: 'f' pagesize_bytes: 1000 } expect_errno: 'EINVAL' }"
     "steps { mpool_open { pool: 'a' file: 'f' pagesize_bytes: 1048576 maxcache: 100000 "
     "  shared: true } expect_errno: 'ENOMEM' }"
     "steps { mpool_sync { pool: 'a' } expect_errno: 'EINVAL' }"},
    {"NotOpen",
     "steps { mpool_get { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_new { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_touch { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_put { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_delete { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_sync { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_close { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_access { pool: 'a' times: 2 pages: 5 } expect_errno: 'EINVAL' }"},
    {"Closed",
     "steps { mpool_open { pool: 'a' file: 'f' pagesize_bytes: 512 } }"
     "steps { mpool_get { pool: 'a' } }"
     "steps { mpool_close { pool: 'a' } }"
     "steps { mpool_get { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_touch { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_put { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_close { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_open { pool: 'a' file: 'f' pagesize_bytes: 512 } }"
     "steps { mpool_put { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_get { pool: 'a' } } steps { mpool_put { pool: 'a' } }"},
    {"BehindTheEnd85",
     "steps { mpool_open { pool: 'a' file: 'odd' pagesize_bytes: 4096 } }"
     "steps { mpool_get { pool: 'a' page: 1 } expect_errno: 'EINVAL' }"
     "steps { mpool_get { pool: 'a' page: 4294967295 } expect_errno: 'EINVAL' }"
     "steps { truncate { file: 'odd' size_bytes: 4000 } }"
     "steps { mpool_get { pool: 'a' } expect_errno: 'EFTYPE' }"
     "steps { mpool_new { pool: 'a' page: 9 } }"
     "steps { mpool_delete { pool: 'a' } expect_errno: 'EOPNOTSUPP' }"
     "steps { mpool_put { pool: 'a' dirty: true } } steps { mpool_sync { pool: 'a' } }"
     // Its number was 1, not 9.
     "steps { mpool_get { pool: 'a' page: 1 } }"},
    {"BehindTheEnd87",
     "steps { mpool_open { pool: 'a' file: 'odd' pagesize_bytes: 4096 compat: V8_7 } }"
     "steps { mpool_get { pool: 'a' page: 1 } expect_errno: 'EINVAL' }"
     "steps { mpool_get { pool: 'a' page: 4294967295 } }"
     "steps { mpool_delete { pool: 'a' } }"
     "steps { mpool_delete { pool: 'a' } expect_errno: 'EINVAL' }"
     "steps { mpool_new { pool: 'a' page: 9 handle: 'n' } }"
     "steps { mpool_put { pool: 'a' handle: 'n' dirty: true } } steps { mpool_sync { pool: 'a' } }"
     "steps { mpool_get { pool: 'a' page: 9 } }"},
    {"TheFileIsClosed",
     "steps { mpool_open { pool: 'a' file: 'f' pagesize_bytes: 512 } }"
     "steps { mpool_get { pool: 'a' } } steps { mpool_put { pool: 'a' dirty: true } }"
     "steps { close { file: 'f' } }"
     "steps { mpool_get { pool: 'a' } }"
     "steps { mpool_get { pool: 'a' page: 1 } expect_errno: 'EBADF' }"
     "steps { mpool_sync { pool: 'a' } expect_errno: 'EBADF' }"
     "steps { open { file: 'f' } }"
     "steps { mpool_sync { pool: 'a' } }"},
};

class MpoolErrnoTest : public testing::TestWithParam<Story> {};
TEST_P(MpoolErrnoTest, IsWhatTheStepsSay) {
  const v1::Result result = RunSteps(GetParam().steps);
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(ProcessOf(result, "p").signal(), 0);
}
INSTANTIATE_TEST_SUITE_P(, MpoolErrnoTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(MpoolRunTest, ADisksErrors) {
  const v1::Result result = RunText(
      "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {}"
      "  faults { kind: GONE from_ns: 1000000 } }"
      "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 16777216 }"
      "processes { name: 'p' " +
      Open() +
      "  steps { mpool_get { pool: 'db' page: 0 } } steps { mpool_put { pool: 'db' dirty: true } }"
      "  steps { sleep { ns: 2000000 } }"
      "  steps { mpool_sync { pool: 'db' } expect_errno: 'ENXIO' }"
      "  steps { mpool_get { pool: 'db' page: 4000 } expect_errno: 'ENXIO' label: 'get' } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(CallOf(result, "p", "get").failures(), 1);
}

// --- What is counted ---

TEST(MpoolRunTest, CountsAsTheLibraryDoes) {
  const v1::Result result =
      RunSteps(Open("maxcache: 2") +
               "steps { mpool_get { pool: 'db' page: 3 } }"
               "steps { mpool_touch { pool: 'db' write: true } }"
               "steps { mpool_put { pool: 'db' dirty: true } }"
               "steps { mpool_get { pool: 'db' page: 3 } } steps { mpool_put { pool: 'db' } }"
               "steps { mpool_get { pool: 'db' page: 4 } } steps { mpool_put { pool: 'db' } }"
               "steps { mpool_new { pool: 'db' } } steps { mpool_put { pool: 'db' } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "mpool.db.pageget"), 3);
  EXPECT_EQ(Counter(result, "mpool.db.cachehit"), 1);
  EXPECT_EQ(Counter(result, "mpool.db.cachemiss"), 2);
  EXPECT_EQ(Counter(result, "mpool.db.pagenew"), 1);
  EXPECT_EQ(Counter(result, "mpool.db.pagewrite"), 1);  // Page 3, for the new one.
  EXPECT_EQ(Counter(result, "mpool.db.pageflush"), 1);
  // The process has ended.
  EXPECT_EQ(Counter(result, "mpool.db.curcache"), 0);
  EXPECT_EQ(Counter(result, "file_writes"), 1);
}

TEST(MpoolRunTest, PoolsOfOneNameAreCountedTogether) {
  const v1::Result result =
      RunText(std::string(kMachine) + "processes { name: 'p' count: 3 " + Open() +
              "steps { mpool_access { pool: 'db' times: 10 pages: 16 kind: LOOP } }" + Open() +
              "steps { mpool_access { pool: 'db' times: 5 pages: 16 kind: LOOP } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "mpool.db.pageget"), 45);
  EXPECT_EQ(Counter(result, "mpool.db.cachehit"), 0);
}

TEST(MpoolRunTest, StrictPoolsCountMisuse) {
  const v1::Result result = RunSteps(
      Open("strict: true") +
      "steps { mpool_get { pool: 'db' } } steps { mpool_get { pool: 'db' } }"  // Pinned already.
      "steps { mpool_put { pool: 'db' } } steps { mpool_put { pool: 'db' } }"  // Not pinned.
      "steps { mpool_put { pool: 'db' handle: 'x' } expect_errno: 'EINVAL' }"
      "steps { mpool_close { pool: 'db' } }"
      "steps { mpool_sync { pool: 'db' } expect_errno: 'EINVAL' }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "mpool.db.violations"), 4);
}

TEST(MpoolRunTest, ScenariosWithoutPoolsHaveNoCountersOfThem) {
  const v1::Result result = RunSteps("");
  for (const v1::CounterValue& counter : result.counters()) {
    EXPECT_NE(counter.name().substr(0, 6), "mpool.") << counter.name();
  }
}

// --- Accesses ---

TEST(MpoolRunTest, EachAccessIsACall) {
  const v1::Result result = RunSteps(
      Open("maxcache: 16") +
      "steps { repeat { times: 2 steps { mpool_access { pool: 'db' times: 100 pages: 16 kind: LOOP "
      "  write_pct: 50 } label: 'a' } } }"
      "steps { mpool_access { pool: 'db' times: 10 pages: 20 kind: LOOP } expect_errno: 'ANY' "
      "  label: 'behind' }"
      "steps { mpool_access { pool: 'db' times: 100 first_page: 15 pages: 1 } label: 'one' }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(CallOf(result, "p", "a").times(), 200);
  EXPECT_EQ(Counter(result, "mpool.db.pageput"), 310);
  EXPECT_EQ(Counter(result, "mpool.db.cachemiss"), 16);
  EXPECT_EQ(CallOf(result, "p", "behind").failures(), 0);
}

TEST(MpoolRunTest, AccessesBehindTheEndFail) {
  const v1::Result result =
      RunSteps(Open() +
               "steps { mpool_access { pool: 'db' times: 20 pages: 20 kind: LOOP } "
               "expect_errno: 'ANY' label: 'a' }");
  EXPECT_EQ(CallOf(result, "p", "a").times(), 20);
  EXPECT_EQ(CallOf(result, "p", "a").failures(), 4);
  EXPECT_EQ(CallOf(result, "p", "a").last_errno(), "EINVAL");
}

TEST(MpoolRunTest, RecipesAndSeedsMatter) {
  const auto hits = [](const std::string& recipe) {
    return Counter(RunSteps(Open("maxcache: 4") +
                            "steps { mpool_access { pool: 'db' times: 2000 "
                            "pages: 16 write_pct: 10 " +
                            recipe + " } }"),
                   "mpool.db.cachehit");
  };
  EXPECT_EQ(hits("kind: LOOP"), 0);
  EXPECT_NEAR(static_cast<double>(hits("")), 500, 100);
  EXPECT_GT(hits("kind: ZIPF s10: 12"), 800);
  EXPECT_GT(hits("kind: HOTSET hot_pct: 90"), 1500);
  EXPECT_EQ(hits("seed: 7"), hits("seed: 7"));
  EXPECT_NE(hits("seed: 7"), hits("seed: 8"));
}

// --- Memory ---

// Pages of a map are those of the file; those of a pool are a program's own, and go to swap.
TEST(MpoolRunTest, APoolThatIsLargerThanMemoryIsSwapped) {
  const std::string machine =
      "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {} }"
      "disks { name: 's' size_bytes: 33554432 fixed {} } swap { disk: 's' }"
      "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 9011200 }"
      "processes { name: 'p' ";
  const v1::Result pool = RunText(
      machine +
      "steps { mpool_open { pool: 'db' file: 'f' pagesize_bytes: 4096 maxcache: 2200 } }"
      "steps { mpool_access { pool: 'db' times: 8800 pages: 2200 kind: LOOP write_pct: 20 } } "
      "steps { mpool_sync { pool: 'db' } } }");
  EXPECT_EQ(Failed(pool), Texts{});
  EXPECT_EQ(Counter(pool, "mpool.db.cachemiss"), 2200);
  EXPECT_GT(Counter(pool, "v_swappgsin"), 0);
  const v1::Result map =
      RunText(machine +
              "steps { map { name: 'm' file: 'f' } }"
              "steps { generate { map: 'm' kind: LOOP passes: 4 write_pct: 20 } } }");
  EXPECT_EQ(Counter(map, "v_swappgsin"), 0);
}

// Of 1500 pages most go to the same few; the others are paged out before they are evicted.
TEST(MpoolRunTest, ADirtyVictimMayHaveToBeSwappedIn) {
  const v1::Result result = RunText(
      "memory { pages: 1000 } disks { name: 'd' size_bytes: 67108864 fixed {} }"
      "disks { name: 's' size_bytes: 67108864 fixed {} } swap { disk: 's' }"
      "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 16777216 }"
      "processes { name: 'p' "
      "steps { mpool_open { pool: 'db' file: 'f' pagesize_bytes: 4096 maxcache: 1500 } }"
      "steps { mpool_access { pool: 'db' times: 4000 pages: 4096 kind: LOOP write_pct: 100 } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_GT(Counter(result, "mpool.db.evict_swapins"), 100);
}

TEST(MpoolRunTest, WiredPagesStay) {
  constexpr int kPages = 16;
  std::string before, after;
  for (int i = 0; i < kPages; ++i) {
    const std::string page = absl::StrCat("pool: 'db' handle: 'h", i, "'");
    absl::StrAppend(&before, "steps { mpool_get { page: ", i, " ", page, " } }",
                    "steps { mpool_touch { write: true ", page, " } }");
    absl::StrAppend(&after, "steps { mpool_touch { ", page, " } label: 't", i, "' }",
                    "steps { mpool_put { ", page, " } }");
  }
  const std::string pressure =
      "steps { map { name: 'm' pages: 4000 } }"
      "steps { generate { map: 'm' kind: LOOP passes: 4 write_pct: 100 } }";
  const auto slow_touches = [&](const std::string& more) {
    const v1::Result result = RunSteps(Open("maxcache: 4 " + more) + before + pressure + after);
    EXPECT_EQ(Failed(result), Texts{});
    EXPECT_EQ(Counter(result, "user_wired_pages"), 0);
    int slow = 0;
    for (int i = 0; i < kPages; ++i) {
      slow += CallOf(result, "p", absl::StrCat("t", i)).total_ns() >= 100'000;
    }
    return slow;
  };
  EXPECT_GT(slow_touches(""), 0);  // They were pinned, and paged out all the same.
  EXPECT_EQ(slow_touches("wire: true"), 0);
}

TEST(MpoolRunTest, WiringBeyondTheLimitIsCounted) {
  const v1::Result result = RunText(
      std::string(kMachine) + "processes { name: 'p' rlimit_memlock_pages: 2 " +
      Open("maxcache: 8 wire: true") +
      "steps { mpool_get { pool: 'db' page: 0 } } steps { mpool_get { pool: 'db' page: 1 } }"
      "steps { mpool_get { pool: 'db' page: 2 } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "mpool.db.wire_failures"), 1);
}

TEST(MpoolRunTest, ATouchOfWhatTheProgramUnmappedIsASignal) {
  const v1::Result result =
      RunSteps(Open() +
               "steps { mpool_get { pool: 'db' } } steps { mpool_touch { pool: 'db' } }"
               // The heap's first pages: 3 * 2^34 of them from address 0.
               "steps { unmap { offset_bytes: 211106232532992 length_bytes: 262144 } }"
               "steps { mpool_touch { pool: 'db' } } steps { mpool_sync { pool: 'db' } }");
  EXPECT_EQ(ProcessOf(result, "p").signal(), 11);
}

// --- Several processes ---

TEST(MpoolRunTest, AChildHasASharedPool) {
  const v1::Result result = RunSteps(
      Open("maxcache: 4 shared: true strict: true") +
      "steps { mpool_get { pool: 'db' page: 5 handle: 'a' } }"
      "steps { mpool_touch { pool: 'db' handle: 'a' write: true } }"
      "steps { mpool_put { pool: 'db' handle: 'a' dirty: true } }"
      "steps { fork { name: 'q'"
      "  steps { mpool_get { pool: 'db' page: 5 handle: 'a' } }"
      "  steps { mpool_touch { pool: 'db' handle: 'a' write: true } }"
      "  steps { mpool_put { pool: 'db' handle: 'a' dirty: true } }"
      "  steps { mpool_access { pool: 'db' times: 200 pages: 16 write_pct: 50 } }"
      "  steps { mpool_sync { pool: 'db' } } } }"
      "steps { mpool_access { pool: 'db' times: 200 pages: 16 write_pct: 50 } label: 'mine' }"
      "steps { wait {} }"
      "steps { mpool_close { pool: 'db' } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "mpool.db.pageget"), 402);
  EXPECT_EQ(Counter(result, "mpool.db.pagealloc"), 4);
  // Pins are flags: who gets a page that the other has at that moment puts it under him.
  EXPECT_GT(Counter(result, "mpool.db.violations"), 0);
  // The child faults through its own mapping, and copies nothing.
  EXPECT_GT(ProcessOf(result, "q").minflt(), 0);
  EXPECT_EQ(Counter(result, "v_cow_faults"), 0);
}

TEST(MpoolRunTest, AnAreaHasRoomForMaxcachePages) {
  const v1::Result result =
      RunSteps(Open("maxcache: 2 shared: true") +
               "steps { mpool_get { pool: 'db' page: 0 handle: 'a' } }"
               "steps { mpool_get { pool: 'db' page: 1 handle: 'b' } }"
               "steps { mpool_get { pool: 'db' page: 2 handle: 'c' } expect_errno: 'ENOMEM' }"
               "steps { mpool_put { pool: 'db' handle: 'a' } }"
               "steps { mpool_get { pool: 'db' page: 2 handle: 'c' } }");
  EXPECT_EQ(Failed(result), Texts{});
}

TEST(MpoolRunTest, AChildHasNoPoolOfItsParentsOwn) {
  const v1::Result result =
      RunSteps(Open() +
               "steps { mpool_get { pool: 'db' } }"
               "steps { fork { name: 'q'"
               "  steps { mpool_put { pool: 'db' } expect_errno: 'EINVAL' }" +
               Open() +
               "  steps { mpool_access { pool: 'db' times: 50 pages: 16 write_pct: 50 } } } }"
               "steps { mpool_put { pool: 'db' } } steps { wait {} }");
  EXPECT_EQ(Failed(result), Texts{});
}

TEST(MpoolRunTest, AChildThatIsKilledLeavesThePoolToTheOthers) {
  const v1::Result result =
      RunSteps(Open("maxcache: 4 shared: true") +
               "steps { fork { name: 'q' steps { mpool_access { pool: 'db' times: 100000 pages: 16 "
               "  write_pct: 50 } } } }"
               "steps { sleep { ns: 5000000 } } steps { kill { process: 'q' } } steps { wait {} }"
               "steps { mpool_access { pool: 'db' times: 100 pages: 16 write_pct: 50 } }"
               "steps { mpool_sync { pool: 'db' } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(ProcessOf(result, "q").signal(), 15);
}

// --- Crashes ---

TEST(MpoolRunTest, WhatASyncHasWrittenOutlivesACrash) {
  const v1::Result result =
      RunSteps(Open() +
               "steps { mpool_access { pool: 'db' times: 16 pages: 16 kind: LOOP write_pct: 100 } }"
               "steps { mpool_sync { pool: 'db' } }"
               "steps { mpool_access { pool: 'db' times: 16 pages: 16 kind: LOOP write_pct: 100 } }"
               "steps { crash {} }");
  EXPECT_EQ(result.crash().sectors_safe(), 128);
  EXPECT_EQ(result.crash().violations(), 0);
}

TEST(MpoolRunTest, WhatIsNotSyncedDoesNot) {
  const v1::Result result =
      RunSteps(Open("maxcache: 16") +
               "steps { mpool_access { pool: 'db' times: 16 pages: 16 kind: LOOP write_pct: 100 } }"
               "steps { mpool_close { pool: 'db' } } steps { crash {} }");
  EXPECT_EQ(result.crash().sectors_safe(), 0);
  EXPECT_EQ(Counter(result, "file_writes"), 0);
}

}  // namespace
}  // namespace vmsim::scenarios
