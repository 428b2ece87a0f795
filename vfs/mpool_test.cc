#include "vfs/mpool.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sim/counters.h"
#include "vfs/errno.h"
#include "vfs/mpool_story.h"

namespace vmsim::vfs {
namespace {

constexpr MpoolCompat k85 = MpoolCompat::k85;
constexpr MpoolCompat k87 = MpoolCompat::k87;

MpoolStory::Setup For(MpoolCompat compat) {
  MpoolStory::Setup setup;
  setup.options.compat = compat;
  return setup;
}

// A file of five pages of 64 bytes, 0..4, and 20 bytes of a sixth; a pool of two buffers. The words
// are explained in mpool_story.h.
struct Story {
  std::string_view name;
  std::string_view script;
  std::string_view want85;  // After the last step: result | calls | LRU, oldest first.
  std::string_view want87;  // "": as 8.5.
};

constexpr Story kStories[] = {
    // Finding and ageing.
    {"OpeningReadsNothing", "open", "ok |  | ", ""},
    {"MissReads", "get a 3", "3 | pread 3 64 | 3P", ""},
    {"HitReadsNothing", "get a 3; put a; get b 3", "3 |  | 3P", ""},
    {"HitMakesNewest", "get a 0; get b 1; put a; put b; get c 0", "0 |  | 1 0P", ""},
    {"PutKeepsTheAge", "get a 0; get b 1; put a", "ok |  | 0 1P", ""},
    {"AllocatesBesideUnpinnedWhileThereIsRoom", "get a 0; put a; get b 1", "1 | pread 1 64 | 0 1P",
     ""},
    {"EvictsTheOldest", "get a 0; put a; get b 1; put b; get c 2", "2 | pread 2 64 | 1 2P", ""},
    {"PassesOverThePinned", "get a 0; get b 1; put b; get c 2", "2 | pread 2 64 | 0P 2P", ""},
    {"GrowsIfAllArePinned", "get a 0; get b 1; get c 2", "2 | pread 2 64 | 0P 1P 2P", ""},
    {"NeverShrinks", "get a 0; get b 1; get c 2; put a; put b; put c; get d 3; put d; get e 4",
     "4 | pread 4 64 | 2 3 4P", ""},
    {"PinIsAFlagNotACount", "get a 0; get b 0; put b; get c 1; get d 2", "2 | pread 2 64 | 1P 2P",
     ""},
    {"PageZeroSharesAChainWith128",
     "truncate 16640; open; get a 0; put a; get b 128; put b; get c 0", "0 |  | 128 0P", ""},
    {"PageOneSharesAChainWith129",
     "truncate 16640; open; get a 1; put a; get b 129; put b; get c 257; put c; get d 129",
     "129 |  | 257 129P", ""},
    // Dirty pages.
    {"DirtyVictimIsWrittenFirst", "get a 0; fill a 7; put a dirty; get b 1; put b; get c 2",
     "2 | pwrite 0 64 7, pread 2 64 | 1 2P", ""},
    {"WhatWasPutCleanIsLost",
     "get a 0; fill a 7; put a; get b 1; put b; get c 2; put b; get d 0; see d", "1000 |  | 2P 0P",
     ""},
    {"DirtyIsSticky", "get a 0; put a dirty; get a 0; put a", "ok |  | 0d", ""},
    {"NoPreferenceForCleanVictims",
     "get a 0; fill a 7; put a dirty; get b 1; put b; get c 2; put c; get d 0; see d",
     "7 |  | 2 0P", ""},
    {"FailedWriteKeepsTheVictim", "get a 0; put a dirty; get b 1; put b; fail write EIO; get c 2",
     "EIO | pwrite 0 -1 1000 | 0d 1", ""},
    {"AndTheNextCallTriesAgain",
     "get a 0; put a dirty; get b 1; put b; fail write EIO; get c 2; get d 3",
     "3 | pwrite 0 64 1000, pread 3 64 | 1 3P", ""},
    {"ShortWriteSetsNoErrno", "get a 0; put a dirty; get b 1; put b; cut write 10; get c 2",
     "no errno | pwrite 0 10 1000 | 0d 1", ""},
    {"NewFailsLikewise", "get a 0; put a dirty; get b 1; put b; fail write ENOSPC; new c",
     "ENOSPC | pwrite 0 -1 1000 | 0d 1", ""},
    // Sync.
    {"SyncWritesOldestFirst", "get a 3; put a dirty; get b 1; put b dirty; get a 3; put a; sync",
     "ok | pwrite 1 64 1001, pwrite 3 64 1003, fsync 0 | 1 3", ""},
    {"SyncWritesThePinned", "get a 3; put a dirty; get a 3; fill a 9; sync",
     "ok | pwrite 3 64 9, fsync 0 | 3P", ""},
    {"SyncOfNothingStillSyncsTheFile", "sync", "ok | fsync 0 | ", ""},
    {"SyncStopsAtTheFirstFailure",
     "get a 0; put a dirty; get b 1; put b dirty; fail write EIO; sync",
     "EIO | pwrite 0 -1 1000 | 0d 1d", ""},
    {"SyncKeepsWhatItHadWritten",
     "get a 0; get b 1; get c 2; put a dirty; put c dirty; cut write 5; sync; sync; get a 0; put a "
     "dirty; sync",
     "ok | pwrite 0 64 1000, fsync 0 | 1P 2 0", ""},
    {"SyncFailsWithoutErrnoOnAShortWrite", "get a 0; put a dirty; cut write 5; sync",
     "no errno | pwrite 0 5 1000 | 0d", ""},
    {"FailedFsyncLeavesPagesClean", "get a 0; put a dirty; fail fsync EIO; sync",
     "EIO | pwrite 0 64 1000, fsync -1 | 0", ""},
    {"SoTheNextSyncWritesNothing", "get a 0; put a dirty; fail fsync EIO; sync; sync",
     "ok | fsync 0 | 0", ""},
    {"CloseWritesNothing", "get a 0; put a dirty; close", "ok |  | ", ""},
    // New pages.
    {"NewIsNeitherReadNorDirty", "new a", "5 |  | 5P", ""},
    {"NewNumbersFollow", "new a; new b", "6 |  | 5P 6P", ""},
    {"NewCountsWholePages", "truncate 340; open; new a", "5 |  | 5P", ""},
    {"CleanNewPageIsNeverWritten", "new a; put a; sync", "ok | fsync 0 | 5", ""},
    {"DirtyNewPageIs", "new a; fill a 7; put a dirty; sync", "ok | pwrite 5 64 7, fsync 0 | 5", ""},
    {"NewIsFoundAgain", "new a; fill a 7; put a; get b 5; see b", "7 |  | 5P", ""},
    {"UnfilledNewPageHasThePattern", "new a; see a", "16045693110842147038 |  | 5P", ""},
    {"NewReusesTheVictim", "get a 0; put a dirty; get b 1; put b; new c",
     "5 | pwrite 0 64 1000 | 1 5P", ""},
    // The end of the file.
    {"GetBehindTheEnd", "get a 7", "EINVAL |  | ", "7 | pread 7 0 | 7P"},
    {"ItsContentsAreZeros", "get a 7; get a 4; see a", "1004 |  | 4P", "1004 |  | 7P 4P"},
    {"GetOfPartOfAPage", "get a 0; put a; get b 5", "EINVAL |  | 0", "EINVAL | pread 5 20 | 0"},
    {"PartOfAPageAfterATruncation", "truncate 300; get b 4", "EFTYPE | pread 4 44 | ",
     "EINVAL | pread 4 44 | "},
    {"NothingAfterATruncation", "truncate 256; get b 4", "EFTYPE | pread 4 0 | ",
     "4 | pread 4 0 | 4P"},
    {"ShortReadInTheMiddle", "cut read 63; get b 1", "EFTYPE | pread 1 63 | ",
     "EINVAL | pread 1 63 | "},
    {"FailedRead", "fail read EIO; get b 1", "EIO | pread 1 -1 | ", ""},
    {"TheEvictionHasHappenedWhenTheReadFails",
     "get a 0; put a dirty; get b 1; put b; fail read EIO; get c 2",
     "EIO | pwrite 0 64 1000, pread 2 -1 | 1", ""},
    {"NoMemory", "fail alloc ENOMEM; get a 1", "ENOMEM |  | ", ""},
    {"NoMemoryForANewPage", "fail alloc ENOMEM; new a", "ENOMEM |  | ", ""},
    {"AFailedNewTakesNoNumber", "fail alloc ENOMEM; new a; new a", "5 |  | 5P", ""},
    // Filters.
    {"PageInRunsAfterARead", "filter on; get a 1; see a", "1515848681 |  | 1P", ""},
    {"NotAfterAHit", "filter on; get a 1; put a; get a 1", "1 |  | 1P", ""},
    {"NotOnANewPage", "filter on; new a", "5 |  | 5P", ""},
    {"OnAPageOfZerosToo", "filter on; get a 7", "EINVAL |  | ", "7 | pread 7 0, pgin 7 0 | 7P"},
    {"WritesAreFilteredBothWays", "filter on; get a 1; fill a 1; put a dirty; sync",
     "ok | pgout 1 1, pwrite 1 64 1515847681, pgin 1 1515847681, fsync 0 | 1", ""},
    {"VictimsToo", "filter on; get a 1; fill a 1; put a dirty; get b 0; put b; get c 2",
     "2 | pgout 1 1, pwrite 1 64 1515847681, pgin 1 1515847681, pread 2 64, pgin 2 1002 | 0 2P",
     ""},
    {"AFailedWriteLeavesTheFormOfTheDisk",
     "filter on; get a 1; fill a 1; put a dirty; fail write EIO; sync; get a 1; see a",
     "1515847681 |  | 1dP", ""},
    {"AndIsFilteredTwice", "filter on; get a 1; fill a 1; put a dirty; cut write 10; sync; sync",
     "ok | pgout 1 1515847681, pwrite 1 64 1, pgin 1 1, fsync 0 | 1", ""},
    {"FiltersAffectLaterTransfersOnly", "get a 1; put a dirty; filter on; sync; get a 1; see a",
     "1001 |  | 1P", ""},
    {"FiltersCanBeTakenAway", "filter on; get a 1; put a; filter off; get b 2",
     "2 | pread 2 64 | 1 2P", ""},
    // What only 8.7 has.
    {"IgnorePinLeavesAPageThatIsReadUnpinned", "get a 1 ignorepin", "1 | pread 1 64 | 1P",
     "1 | pread 1 64 | 1"},
    {"ItIsTheNextVictim", "get a 1 ignorepin; get b 2; get c 3", "3 | pread 3 64 | 1P 2P 3P",
     "3 | pread 3 64 | 2P 3P"},
    {"AHitPinsAllTheSame", "get a 1; put a; get a 1 ignorepin", "1 |  | 1P", ""},
    {"RequestTakesTheCallersNumber", "new a request 9; new b", "6 |  | 5P 6P", "6 |  | 9P 6P"},
    {"RequestDoesNotLookInThePool",
     "get a 1; put a; new b request 1; fill b 7; put b; get c 1; see c", "1001 |  | 5 1P",
     "7 |  | 1 1P"},
    {"RequestIsTestedByEquality", "new a flags 3", "5 |  | 5P", ""},
    {"NextIsTheDefault", "new a next", "5 |  | 5P", ""},
    {"DeleteFreesUnwritten", "get a 1; put a dirty; get a 1; delete a", "EOPNOTSUPP |  | 1dP",
     "ok |  | "},
    {"DeleteMakesRoom", "get a 1; get b 2; delete a; get c 3", "3 | pread 3 64 | 1P 2P 3P",
     "3 | pread 3 64 | 2P 3P"},
    {"DeleteReturnsNoNumber", "new a; delete a; new b", "6 |  | 5P 6P", "6 |  | 6P"},
    {"NewMayRepeatANumberBehindTheEnd",
     "get a 5; truncate 320; get a 5; put a; new b; fill b 7; put b "
     "dirty; sync",
     "ok | pwrite 5 64 7, fsync 0 | 5", "ok | pwrite 5 64 7, fsync 0 | 5 5"},
};

class MpoolStoryTest : public testing::TestWithParam<Story> {};

TEST_P(MpoolStoryTest, Revision85) {
  MpoolStory::Setup setup = For(k85);
  setup.bytes = 20;
  EXPECT_EQ(MpoolStory(setup).Run(GetParam().script), GetParam().want85);
}

TEST_P(MpoolStoryTest, Revision87) {
  MpoolStory::Setup setup = For(k87);
  setup.bytes = 20;
  const std::string_view want = GetParam().want87.empty() ? GetParam().want85 : GetParam().want87;
  EXPECT_EQ(MpoolStory(setup).Run(GetParam().script), want);
}

INSTANTIATE_TEST_SUITE_P(, MpoolStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// What both revisions do.
class MpoolTest : public testing::TestWithParam<MpoolCompat> {};
INSTANTIATE_TEST_SUITE_P(, MpoolTest, testing::Values(k85, k87), [](const auto& info) {
  return info.param == k85 ? "Revision85" : "Revision87";
});

// Opening.

int OpenError(MpoolFile* file, uint32_t pagesize = 64) {
  sim::Engine engine;
  MpoolHeap memory;
  MpoolOpenResult opened =
      Mpool::Open(engine, "key", file, memory, pagesize, 2, {}).RunToCompletion();
  EXPECT_EQ(opened.pool == nullptr, opened.error != 0);
  return opened.error;
}

TEST(MpoolOpenTest, ABadDescriptorIsEbadf) { EXPECT_EQ(OpenError(nullptr), kEbadf); }

TEST(MpoolOpenTest, AnErrorOfFstatIsPassedOn) {
  sim::Engine engine;
  MpoolRecorder file(engine, 64, 0);
  file.set_stat({kEio, true, 0});
  EXPECT_EQ(OpenError(&file), kEio);
}

TEST(MpoolOpenTest, APipeIsEspipe) {
  sim::Engine engine;
  MpoolRecorder file(engine, 64, 0);
  file.set_stat({0, false, 0});
  EXPECT_EQ(OpenError(&file), kEspipe);
}

TEST(MpoolOpenTest, PagesOfSizeZeroAreEinval) {
  sim::Engine engine;
  MpoolRecorder file(engine, 64, 0);
  EXPECT_EQ(OpenError(&file, 0), kEinval);
}

TEST(MpoolOpenTest, MorePagesThanCanBeNumberedAreEfbig) {
  sim::Engine engine;
  MpoolRecorder file(engine, 64, 0);
  file.set_stat({0, true, int64_t{64} << 32});
  EXPECT_EQ(OpenError(&file), kEfbig);
  file.set_stat({0, true, (int64_t{64} << 32) - 1});
  EXPECT_EQ(OpenError(&file), 0);
}

TEST(MpoolOpenTest, APageThatIsNotWholeDoesNotCount) {
  MpoolStory story({.maxcache = 2, .pages = 5, .bytes = 63, .options = {}});
  EXPECT_EQ(story.pool().stats().npages, 5);
}

TEST(MpoolOpenTest, AnEmptyFileHasNoPages) {
  MpoolStory story({.maxcache = 2, .pages = 0, .bytes = 0, .options = {}});
  EXPECT_EQ(story.Run("get a 0"), "EINVAL |  | ");
  EXPECT_EQ(story.Run("new a"), "0 |  | 0P");
}

// Misuse. Calls end as the ordinary library's do; a strict pool says what it saw.

struct Misuse {
  std::string_view name;
  std::string_view script;
  std::string_view want;
  std::string_view violations;
  MpoolCompat compat = k87;
};

constexpr Misuse kMisuses[] = {
    {"GetOfAPinnedPage", "get a 1; get b 1", "1 |  | 1P", "GetOfPinned 1"},
    {"GetOfAPinnedPageIn85", "get a 1; get b 1 ignorepin", "1 |  | 1P", "GetOfPinned 1", k85},
    {"IgnorePinAllowsIt", "get a 1; get b 1 ignorepin", "1 |  | 1P", ""},
    {"PutOfAnUnpinnedPage", "get a 1; put a; put a dirty", "ok |  | 1d", "PutOfUnpinned 1"},
    {"PutOfAPageNeverGotten", "put a", "EINVAL |  | ", "NotAPage 0"},
    {"PutOfADeletedPage", "get a 1; delete a; put a", "EINVAL |  | ", "NotAPage 0"},
    {"PutOfADeletedPageWhoseBufferIsUsedAgain", "get a 1; delete a; get b 2; put a",
     "EINVAL |  | 2P", "NotAPage 0"},
    {"PutOfAPageThatWasRecycled",  // As an address does, it stands for what is there now.
     "get a 0; put a; get b 1; get c 2; put a", "ok |  | 1P 2", ""},
    {"DeleteOfAnUnpinnedPage", "get a 1; put a; delete a", "ok |  | ", "DeleteOfUnpinned 1"},
    {"DeleteOfAPageNeverGotten", "delete a", "EINVAL |  | ", "NotAPage 0"},
    {"DeleteTwice", "get a 1; delete a; delete a", "EINVAL |  | ", "NotAPage 0"},
    {"PagesPinnedAtClose", "get a 1; get b 2; put a; get c 3; close", "ok |  | ",
     "CloseWithPinned 2, CloseWithPinned 3"},
    {"CloseTwice", "close; close", "EINVAL |  | ", "UseAfterClose 0"},
    {"GetAfterClose", "close; get a 1", "EINVAL |  | ", "UseAfterClose 0"},
    {"NewAfterClose", "close; new a", "EINVAL |  | ", "UseAfterClose 0"},
    {"PutAfterClose", "get a 1; put a; close; put a", "EINVAL |  | ", "UseAfterClose 0"},
    {"DeleteAfterClose", "close; delete a", "EINVAL |  | ", "UseAfterClose 0"},
    {"SyncAfterClose", "close; sync", "EINVAL |  | ", "UseAfterClose 0"},
    {"FilterAfterClose", "close; filter on", "ok |  | ", "UseAfterClose 0"},
};

class MpoolMisuseTest : public testing::TestWithParam<Misuse> {};

TEST_P(MpoolMisuseTest, StrictReports) {
  MpoolStory::Setup setup = For(GetParam().compat);
  setup.options.strict = true;
  MpoolStory story(setup);
  EXPECT_EQ(story.Run(GetParam().script), GetParam().want);
  EXPECT_EQ(story.Violations(), GetParam().violations);
  EXPECT_EQ(story.pool().stats().violations,
            static_cast<int64_t>(story.pool().violations().size()));
}

TEST_P(MpoolMisuseTest, OtherwiseTheSameInSilence) {
  MpoolStory story(For(GetParam().compat));
  EXPECT_EQ(story.Run(GetParam().script), GetParam().want);
  EXPECT_EQ(story.Violations(), "");
  EXPECT_EQ(story.pool().stats().violations, 0);
}

INSTANTIATE_TEST_SUITE_P(, MpoolMisuseTest, testing::ValuesIn(kMisuses),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(MpoolTest, ManyViolationsAreCountedButNotAllKept) {
  MpoolStory::Setup setup = For(GetParam());
  setup.options.strict = true;
  MpoolStory story(setup);
  for (int i = 0; i < 1500; ++i) story.Run("put z");
  EXPECT_EQ(story.pool().stats().violations, 1500);
  EXPECT_EQ(story.pool().violations().size(), Mpool::kMostViolations);
}

// A put of what is no page is not counted as one.
TEST_P(MpoolTest, APutThatIsRefusedCountsNothing) {
  MpoolStory story(For(GetParam()));
  story.Run("put a");
  EXPECT_EQ(story.pool().stats().pageput, 0);
}

// Numbers and offsets at their ends.

TEST_P(MpoolTest, WhenAllNumbersAreUsedNewIsEnospc) {
  MpoolStory::Setup setup = For(GetParam());
  setup.options.strict = true;
  MpoolStory story(setup);
  story.file().set_stat({0, true, (int64_t{MpoolStory::kPagesize} << 32) - 65});  // 2^32 - 2 pages.
  story.Run("open");
  EXPECT_EQ(story.Run("new a"), "4294967294 |  | 4294967294P");
  EXPECT_EQ(story.Run("new b"), "ENOSPC |  | 4294967294P");
  EXPECT_EQ(story.Run("new b request 3"), "ENOSPC |  | 4294967294P");
  EXPECT_EQ(story.pool().stats().pagenew, 1);
  EXPECT_EQ(story.pool().stats().npages, UINT32_MAX);
  EXPECT_EQ(story.Violations(), "OutOfNumbers 0, OutOfNumbers 0");
  // Its offset takes more than 32 bits.
  EXPECT_EQ(story.Run("fill a 7; put a dirty; sync"),
            "ok | pwrite 4294967294 64 7, fsync 0 | 4294967294");
  EXPECT_EQ(story.file().size(), int64_t{4294967295} * 64);
}

TEST(MpoolLimitsTest, AnOffsetThatNoFileHasIsEinval) {
  constexpr uint32_t kHuge = UINT32_MAX;  // Bytes a page: page 2^31 begins beyond 2^63 - 1.
  sim::Engine engine;
  MpoolRecorder file(engine, kHuge, 0);
  MpoolHeap memory;
  MpoolOptions options;
  options.compat = k87;
  const MpoolOpenResult opened =
      Mpool::Open(engine, "", &file, memory, kHuge, 2, options).RunToCompletion();
  Mpool& pool = *opened.pool;
  EXPECT_EQ(pool.Get(UINT32_MAX).RunToCompletion().error, kEinval);
  const MpoolPageResult fresh = pool.New(kMpoolPageRequest, UINT32_MAX).RunToCompletion();
  pool.Put(fresh.page, kMpoolDirty).RunToCompletion();
  const MpoolStatus synced = pool.Sync().RunToCompletion();
  EXPECT_EQ(synced.result, -1);
  EXPECT_EQ(synced.error, kEinval);
  EXPECT_TRUE(file.TakeCalls().empty());
  pool.CheckInvariants();
}

TEST_P(MpoolTest, MaxcacheOfZeroActsAsOne) {
  MpoolStory::Setup setup = For(GetParam());
  setup.maxcache = 0;
  MpoolStory story(setup);
  EXPECT_EQ(story.Run("get a 0"), "0 | pread 0 64 | 0P");
  EXPECT_EQ(story.Run("put a; get b 1"), "1 | pread 1 64 | 1P");
  EXPECT_EQ(story.Run("get c 2"), "2 | pread 2 64 | 1P 2P");
}

// Chains.

TEST(MpoolChainTest, PageZeroIsOnTheLast) {
  EXPECT_EQ(MpoolBuckets::ChainOf(0), 127u);
  EXPECT_EQ(MpoolBuckets::ChainOf(128), 127u);
  EXPECT_EQ(MpoolBuckets::ChainOf(256), 127u);
  EXPECT_EQ(MpoolBuckets::ChainOf(1), 0u);
  EXPECT_EQ(MpoolBuckets::ChainOf(129), 0u);
  EXPECT_EQ(MpoolBuckets::ChainOf(UINT32_MAX), 126u);
}

// Buffers.

TEST_P(MpoolTest, APageStaysWhereItIs) {
  MpoolStory story(For(GetParam()));
  story.Run("get a 1; put a; get b 1");
  EXPECT_EQ(story.page('a'), story.page('b'));
  story.Run("put b; get c 2; put c; get d 3; put d; get e 4");  // Page 1 was evicted for page 3.
  EXPECT_EQ(story.page('a'), story.page('d'));
  EXPECT_EQ(story.pool().page_number(story.page('a')), 3u);
}

TEST(MpoolLeakTest, AFailedReadOf85LosesItsBufferForEver) {
  MpoolStory story(For(k85));
  story.Run("get a 0; put a; get b 1; put b; fail read EIO; get c 2");
  EXPECT_EQ(story.pool().stats().curcache, 2);
  EXPECT_EQ(story.Lru(), "1");
  EXPECT_FALSE(story.pool().IsCached(story.page('a')));
  EXPECT_EQ(story.Run("get c 2"), "2 | pread 2 64 | 2P");  // The other buffer again.
  EXPECT_EQ(story.Run("put a dirty"), "ok |  | 2P");       // Its address is still memory.
  story.Run("close");
  EXPECT_EQ(story.memory().buffers().size(), 1u);
}

TEST(MpoolLeakTest, AFailedReadOf87FreesIt) {
  MpoolStory story(For(k87));
  story.Run("get a 0; put a; get b 1; put b; fail read EIO; get c 2");
  EXPECT_EQ(story.pool().stats().curcache, 1);
  EXPECT_EQ(story.memory().buffers().size(), 1u);
  story.Run("close");
  EXPECT_EQ(story.memory().buffers().size(), 0u);
}

TEST(MpoolNewTest, FaithfulContentsAreWhatTheBufferHeld) {
  MpoolStory::Setup setup = For(k85);
  setup.options.new_contents = MpoolNewContents::kFaithful;
  MpoolStory story(setup);
  EXPECT_EQ(story.Run("new a; see a"), "0 |  | 5P");
  EXPECT_EQ(story.Run("put a; get b 3; put b; new c; put c; new d; see d"), "1003 |  | 6 7P");
}

TEST_P(MpoolTest, RepairBringsAFilteredPageBack) {
  MpoolStory::Setup setup = For(GetParam());
  setup.options.filter_failure = MpoolFilterFailure::kRepair;
  MpoolStory story(setup);
  EXPECT_EQ(story.Run("filter on; get a 1; fill a 1; put a dirty; fail write EIO; sync"),
            "EIO | pgout 1 1, pwrite 1 -1 1515847681, pgin 1 1515847681 | 1d");
  EXPECT_EQ(story.Run("get a 1; see a"), "1 |  | 1dP");
  EXPECT_EQ(story.Run("sync"),
            "ok | pgout 1 1, pwrite 1 64 1515847681, pgin 1 1515847681, fsync 0 | 1P");
}

// A page of 1300 bytes has three tags.
TEST_P(MpoolTest, AllTagsOfAPageTravelTogether) {
  constexpr uint32_t kBytes = 1300;
  sim::Engine engine;
  MpoolRecorder file(engine, kBytes, 4 * kBytes);
  MpoolHeap memory;
  MpoolOptions options;
  options.compat = GetParam();
  const MpoolOpenResult opened =
      Mpool::Open(engine, "", &file, memory, kBytes, 1, options).RunToCompletion();
  Mpool& pool = *opened.pool;
  const MpoolPage page = pool.Get(2).RunToCompletion().page;
  ASSERT_EQ(pool.contents(page).size(), 3u);
  EXPECT_EQ(pool.contents(page)[0], 1002u);
  EXPECT_EQ(pool.contents(page)[2], 201002u);
  pool.contents(page)[2] = 7;
  pool.Put(page, kMpoolDirty).RunToCompletion();
  pool.Sync().RunToCompletion();
  EXPECT_EQ(file.tag(2, 1), 101002u);
  EXPECT_EQ(file.tag(2, 2), 7u);
}

// Statistics.

std::vector<int64_t> Counted(const Mpool& pool) {
  const MpoolStats& s = pool.stats();
  return {s.pageget,   s.cachehit,  s.cachemiss, s.pagenew,  s.pageput, s.pageread,
          s.pagewrite, s.pagealloc, s.pageflush, s.curcache, s.npages};
}

struct Count {
  std::string_view name;
  std::string_view script;
  // pageget cachehit cachemiss, pagenew pageput, pageread pagewrite, pagealloc pageflush, curcache
  // npages.
  std::vector<int64_t> want85;
  std::vector<int64_t> want87;
};

const Count kCounts[] = {
    {"Hits", "get a 1; get a 1; put a", {2, 1, 1, 0, 1, 1, 0, 1, 0, 1, 5}, {}},
    {"CleanVictimsAreFlushes",
     "get a 1; put a; get a 2; put a; get a 3",
     {3, 0, 3, 0, 2, 3, 0, 2, 1, 2, 5},
     {}},
    {"NewIsNoMiss", "new a", {0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 6}, {}},
    {"FailedNewsCount", "fail alloc ENOMEM; new a", {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 5}, {}},
    {"FailedWritesCount",
     "get a 1; put a dirty; fail write EIO; sync; sync",
     {1, 0, 1, 0, 1, 1, 2, 1, 0, 1, 5},
     {}},
    {"GetBehindTheEnd",
     "get a 5",
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5},
     {1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 5}},
    {"FailedReads",
     "fail read EIO; get a 1",
     {1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 5},
     {1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 5}},
    {"ShortReads",
     "cut read 3; get a 1",
     {1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 5},
     {1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 5}},
    {"Delete",
     "get a 1; delete a",
     {1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 5},
     {1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 5}},
    {"ARequestedNumberCountsOnce", "new a request 100", {0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 6}, {}},
};

TEST_P(MpoolTest, Counts) {
  for (const Count& count : kCounts) {
    MpoolStory story(For(GetParam()));
    story.Run(count.script);
    const bool alike = GetParam() == k85 || count.want87.empty();
    EXPECT_EQ(Counted(story.pool()), alike ? count.want85 : count.want87) << count.name;
  }
}

TEST(MpoolStatTest, Text) {
  MpoolStory::Setup setup = For(k85);
  setup.maxcache = 12;
  setup.pages = 20;
  MpoolStory story(setup);
  EXPECT_EQ(MpoolStatText(story.pool()),
            "20 pages in the file\npage size 64, 0 of at most 12 pages cached\n"
            "0 page puts, 0 page gets, 0 page news\n0 page allocs, 0 page flushes\n"
            "0 page reads, 0 page writes\n\n");
  for (int i = 0; i < 12; ++i) story.Run("get a " + std::to_string(i));
  story.Run("put a dirty; get a 11; get b 0; put b dirty");
  EXPECT_EQ(MpoolStatText(story.pool()),
            "20 pages in the file\npage size 64, 12 of at most 12 pages cached\n"
            "2 page puts, 14 page gets, 0 page news\n12 page allocs, 0 page flushes\n"
            "14% cache hit rate (2 hits, 12 misses)\n12 page reads, 0 page writes\n"
            "1P, 2P, 3P, 4P, 5P, 6P, 7P, 8P, 9P, 10P\n11dP, 0d\n");
}

TEST(MpoolStatTest, EveryCounterIsRegisteredAndAdded) {
  MpoolStats stats;
  int64_t value = 1;
  for (const MpoolCounter& counter : kMpoolCounters) stats.*counter.field = value++;
  sim::CounterRegistry registry;
  RegisterMpoolCounters(registry, stats);
  EXPECT_EQ(registry.Find("mpool.cachehit"), 1);
  EXPECT_EQ(registry.Find("mpool.violations"), int64_t{kMpoolCounterCount});
  EXPECT_EQ(sizeof(MpoolStats), kMpoolCounterCount * sizeof(int64_t));
  stats += stats;
  EXPECT_EQ(registry.Find("mpool.npages"), 22);
}

}  // namespace
}  // namespace vmsim::vfs
