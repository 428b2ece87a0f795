// Breaks each invariant of a pool on purpose, and sees that its check fires and no other.
#include "vfs/mpool_invariants.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "vfs/mpool_story.h"

namespace vmsim::vfs {

// Reaches into a pool to break it.
struct MpoolTestPeer {
  MpoolStory& story;

  Mpool& pool() { return story.pool(); }
  MpoolBucket& bucket(char page) { return buckets()[story.page(page).bucket]; }
  uint32_t row(char page) { return story.page(page).bucket; }
  MpoolBuckets& buckets() { return pool().buckets_; }
  MpoolStats& stats() { return pool().stats_; }
  Mpool::Witness& witness() { return pool().witness_; }
  std::vector<uint32_t>& free_rows() { return buckets().free_; }
  MpoolBuckets::List& lru() { return buckets().lru_; }
  MpoolBuckets::List& chain(MpoolPgno pgno) { return buckets().chain(pgno); }

  void RemoveFromLru(char page) { buckets().Remove(lru(), &MpoolBucket::lru, row(page)); }
  void RemoveFromChain(char page) {
    buckets().Remove(chain(bucket(page).pgno), &MpoolBucket::chain, row(page));
  }
  void InsertOnChain(char page, MpoolPgno pgno) {
    buckets().InsertHead(chain(pgno), &MpoolBucket::chain, row(page));
  }
  // A buffer that the books know of.
  uint32_t AddBuffer() {
    ++stats().pagealloc;
    ++stats().curcache;
    ++witness().obtained;
    return buckets().Add(0, MpoolTagsPerPage(pool().pagesize()));
  }
  // Lets the choice of a victim go wrong.
  void TakeOutAsVictim(char page) {
    pool().TakeOut(row(page), Mpool::Leaving::kRecycled);
    pool().Release(row(page)).RunToCompletion();
  }
  void CountGrowth() { pool().CountGrowth(); }
  void set_closed() { pool().closed_ = true; }
};

namespace {

constexpr MpoolCompat k85 = MpoolCompat::k85;
constexpr MpoolCompat k87 = MpoolCompat::k87;

struct Corruption {
  std::string_view invariant;
  std::string_view script;  // Up to the moment before.
  void (*corrupt)(MpoolTestPeer& peer);
  MpoolCompat compat = k85;
};

constexpr std::string_view kTwoPages = "get a 1; get b 2; put a; put b dirty";
constexpr std::string_view kOneChain = "truncate 16640; open; get a 1; get b 129; put a; put b";

const Corruption kCorruptions[] = {
    {"LruIsWhole", kTwoPages, [](MpoolTestPeer& p) { p.bucket('b').lru.prev = kNoBucket; }},
    {"LruIsWhole", kTwoPages, [](MpoolTestPeer& p) { p.bucket('b').lru.next = p.row('a'); }},
    {"LruIsWhole", kTwoPages, [](MpoolTestPeer& p) { p.lru().tail = p.row('a'); }},
    {"LruIsWhole", kTwoPages, [](MpoolTestPeer& p) { p.lru().head = 12345; }},
    {"ChainsAreWhole", kOneChain, [](MpoolTestPeer& p) { p.bucket('a').chain.prev = kNoBucket; }},
    {"ChainsAreWhole", kOneChain, [](MpoolTestPeer& p) { p.chain(1).tail = kNoBucket; }},
    {"LruHoldsTheCached", kTwoPages, [](MpoolTestPeer& p) { p.RemoveFromLru('a'); }},
    {"ChainsHoldTheCached", kTwoPages, [](MpoolTestPeer& p) { p.RemoveFromChain('a'); }},
    {"ChainsHoldTheCached", kTwoPages,
     [](MpoolTestPeer& p) {  // The wrong chain.
       p.RemoveFromChain('a');
       p.InsertOnChain('a', 3);
     }},
    {"ChainsHoldTheCached", kTwoPages, [](MpoolTestPeer& p) { p.bucket('a').pgno = 3; }},
    {"FreeRowsAreFree", kTwoPages, [](MpoolTestPeer& p) { p.free_rows().push_back(p.row('a')); }},
    {"FreeRowsAreFree", "get a 1; delete a", [](MpoolTestPeer& p) { p.free_rows().clear(); }, k87},
    {"FreeRowsAreFree", "get a 1; delete a",
     [](MpoolTestPeer& p) { p.free_rows().push_back(p.free_rows()[0]); }, k87},
    {"OneCallAtATime", kTwoPages, [](MpoolTestPeer& p) { p.AddBuffer(); }},
    {"ContentsFitThePage", kTwoPages, [](MpoolTestPeer& p) { p.bucket('a').tags.push_back(0); }},
    {"CachedAreInuse", kTwoPages, [](MpoolTestPeer& p) { p.bucket('a').inuse = true; }},
    {"CachedAreInuse", kTwoPages, [](MpoolTestPeer& p) { p.bucket('a').inuse = false; }, k87},
    {"NumbersAreUnique", kOneChain, [](MpoolTestPeer& p) { p.bucket('a').pgno = 129; }},
    {"NumbersAreUnique", kOneChain, [](MpoolTestPeer& p) { p.bucket('a').pgno = 129; }, k87},
    {"WiredArePinned", kTwoPages, [](MpoolTestPeer& p) { p.bucket('a').wired = true; }},
    {"WiredArePinned", "get a 1",  // Not asked for.
     [](MpoolTestPeer& p) { p.bucket('a').wired = true; }},
    {"ClosedIsEmpty", kTwoPages, [](MpoolTestPeer& p) { p.set_closed(); }},
    {"GrowthIsNeeded", kTwoPages, [](MpoolTestPeer& p) { p.CountGrowth(); }},
    {"VictimsAreUnpinned", "get a 1", [](MpoolTestPeer& p) { p.TakeOutAsVictim('a'); }},
    {"DirtyPagesAreNotLost", kTwoPages, [](MpoolTestPeer& p) { p.TakeOutAsVictim('b'); }},
    {"OnlyNewAddsPages", "new a", [](MpoolTestPeer& p) { ++p.stats().npages; }},
    {"OnlyNewAddsPages", "new a", [](MpoolTestPeer& p) { --p.stats().npages; }},
    {"WritesAreWholePages", "get a 1; put a dirty; sync",
     [](MpoolTestPeer& p) { p.witness().last_write_bytes = 63; }},
    {"WritesAreWholePages", "get a 1; put a dirty; sync",
     [](MpoolTestPeer& p) { ++p.witness().last_write_offset; }},
    {"GetsAreHitsAndMisses", kTwoPages, [](MpoolTestPeer& p) { ++p.stats().pageget; }},
    {"BuffersAreAllocsAndFlushes", kTwoPages, [](MpoolTestPeer& p) { ++p.stats().pageflush; }},
    {"FreedAreAccountedFor", kTwoPages, [](MpoolTestPeer& p) { ++p.witness().freed; }},
    {"CurcacheCountsBuffers", kTwoPages,
     [](MpoolTestPeer& p) {
       ++p.stats().curcache;
       ++p.stats().pagealloc;
       ++p.witness().obtained;
     }},
    {"OnlyOldReadsLeak", kTwoPages, [](MpoolTestPeer& p) { p.buckets().Leak(p.AddBuffer()); }, k87},
};

class MpoolCorruptionTest : public testing::TestWithParam<size_t> {};

TEST_P(MpoolCorruptionTest, FiresItsCheckAlone) {
  const Corruption& corruption = kCorruptions[GetParam()];
  MpoolStory::Setup setup;
  setup.maxcache = 8;
  setup.options.compat = corruption.compat;
  MpoolStory story(setup);
  story.Run(corruption.script);
  MpoolTestPeer peer{story};
  ASSERT_TRUE(story.pool().BrokenInvariants().empty());
  corruption.corrupt(peer);
  EXPECT_EQ(story.pool().BrokenInvariants(), std::vector<std::string_view>{corruption.invariant});
  EXPECT_DEATH(story.pool().CheckInvariants(), std::string(corruption.invariant));
}

INSTANTIATE_TEST_SUITE_P(, MpoolCorruptionTest, testing::Range(size_t{0}, std::size(kCorruptions)),
                         [](const auto& info) {
                           return std::string(kCorruptions[info.param].invariant) + "_" +
                                  std::to_string(info.param);
                         });

TEST(MpoolInvariantsTest, EachHasItsCorruption) {
  std::set<std::string_view> corrupted;
  for (const Corruption& corruption : kCorruptions) corrupted.insert(corruption.invariant);
  for (const MpoolInvariant& invariant : kMpoolInvariants) {
    EXPECT_TRUE(corrupted.count(invariant.name) == 1) << invariant.name;
  }
  EXPECT_EQ(corrupted.size(), std::size(kMpoolInvariants));
}

// What one revision allows and the other does not.
TEST(MpoolInvariantsTest, NumbersMayRepeatIn87IfTheyWereAskedFor) {
  MpoolStory::Setup setup;
  setup.options.compat = k87;
  MpoolStory story(setup);
  story.Run("get a 1; new b request 1; new c request 1");
  EXPECT_EQ(story.Lru(), "1P 1P 1P");
  EXPECT_TRUE(story.pool().BrokenInvariants().empty());
}

TEST(MpoolInvariantsTest, ReadsMayLeakIn85) {
  MpoolStory story({});
  story.Run("fail read EIO; get a 1");
  EXPECT_EQ(story.pool().stats().curcache, 1);
  EXPECT_TRUE(story.pool().BrokenInvariants().empty());
}

}  // namespace
}  // namespace vmsim::vfs
