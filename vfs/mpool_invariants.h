// vfs/mpool_invariants.h: what holds of a buffer pool after every event, each under a name.
//
// Mpool::CheckInvariants() tries them all, in the middle of a call that sleeps, too. A check sees
// everything and changes nothing. (That no write shortens the file needs none: MpoolFile cannot.)
#ifndef VMSIM_VFS_MPOOL_INVARIANTS_H_
#define VMSIM_VFS_MPOOL_INVARIANTS_H_

#include <string_view>

#include "vfs/mpool.h"

namespace vmsim::vfs {

struct MpoolChecks {
  // Structure.
  static bool LruIsWhole(const Mpool& pool);
  static bool ChainsAreWhole(const Mpool& pool);
  static bool LruHoldsTheCached(const Mpool& pool);
  static bool ChainsHoldTheCached(const Mpool& pool);
  static bool FreeRowsAreFree(const Mpool& pool);
  static bool OneCallAtATime(const Mpool& pool);
  static bool ContentsFitThePage(const Mpool& pool);
  // Pages.
  static bool CachedAreInuse(const Mpool& pool);
  static bool NumbersAreUnique(const Mpool& pool);
  static bool WiredArePinned(const Mpool& pool);
  static bool ClosedIsEmpty(const Mpool& pool);
  // What was done.
  static bool GrowthIsNeeded(const Mpool& pool);
  static bool VictimsAreUnpinned(const Mpool& pool);
  static bool DirtyPagesAreNotLost(const Mpool& pool);
  static bool OnlyNewAddsPages(const Mpool& pool);
  static bool WritesAreWholePages(const Mpool& pool);
  // Counters.
  static bool GetsAreHitsAndMisses(const Mpool& pool);
  static bool BuffersAreAllocsAndFlushes(const Mpool& pool);
  static bool FreedAreAccountedFor(const Mpool& pool);
  static bool CurcacheCountsBuffers(const Mpool& pool);
  static bool OnlyOldReadsLeak(const Mpool& pool);

  static int64_t CountAt(const Mpool& pool, MpoolPlace place);
  static bool ListIsWhole(const MpoolBuckets& buckets, const MpoolBuckets::List& list,
                          MpoolBuckets::LinkField link);
};

struct MpoolInvariant {
  std::string_view name;
  bool (*holds)(const Mpool& pool);
};

inline constexpr MpoolInvariant kMpoolInvariants[] = {
    {"LruIsWhole", MpoolChecks::LruIsWhole},
    {"ChainsAreWhole", MpoolChecks::ChainsAreWhole},
    {"LruHoldsTheCached", MpoolChecks::LruHoldsTheCached},
    {"ChainsHoldTheCached", MpoolChecks::ChainsHoldTheCached},
    {"FreeRowsAreFree", MpoolChecks::FreeRowsAreFree},
    {"OneCallAtATime", MpoolChecks::OneCallAtATime},
    {"ContentsFitThePage", MpoolChecks::ContentsFitThePage},
    {"CachedAreInuse", MpoolChecks::CachedAreInuse},
    {"NumbersAreUnique", MpoolChecks::NumbersAreUnique},
    {"WiredArePinned", MpoolChecks::WiredArePinned},
    {"ClosedIsEmpty", MpoolChecks::ClosedIsEmpty},
    {"GrowthIsNeeded", MpoolChecks::GrowthIsNeeded},
    {"VictimsAreUnpinned", MpoolChecks::VictimsAreUnpinned},
    {"DirtyPagesAreNotLost", MpoolChecks::DirtyPagesAreNotLost},
    {"OnlyNewAddsPages", MpoolChecks::OnlyNewAddsPages},
    {"WritesAreWholePages", MpoolChecks::WritesAreWholePages},
    {"GetsAreHitsAndMisses", MpoolChecks::GetsAreHitsAndMisses},
    {"BuffersAreAllocsAndFlushes", MpoolChecks::BuffersAreAllocsAndFlushes},
    {"FreedAreAccountedFor", MpoolChecks::FreedAreAccountedFor},
    {"CurcacheCountsBuffers", MpoolChecks::CurcacheCountsBuffers},
    {"OnlyOldReadsLeak", MpoolChecks::OnlyOldReadsLeak},
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_INVARIANTS_H_
