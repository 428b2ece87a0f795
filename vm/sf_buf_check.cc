// The invariants of sf_bufs, one small check each.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/check.h"
#include "vm/sf_buf.h"

namespace vmsim::vm {

// Each check returns "", or what is wrong. They do not lean on each other: links that go in
// circles, or out of the pool, end every walk.
class SfBufInvariants {
 public:
  struct Check {
    const char* name;
    std::string (*find)(const SfBufs&);
  };
  static const Check kAll[];

 private:
  // Calls visit(index, buf) for each buffer until it returns something.
  template <typename Visit>
  static std::string First(const SfBufs& s, Visit visit) {
    for (SfBufIndex index = 0; index < s.pool_.size(); ++index) {
      if (std::string wrong = visit(index, s.pool_.bufs_[index]); !wrong.empty()) return wrong;
    }
    return "";
  }

  // How often each buffer is met on the way through lists that begin at `heads`.
  static std::vector<int> Meetings(const SfBufPool& pool, const std::vector<SfBufIndex>& heads,
                                   SfBufIndex SfBuf::*next) {
    std::vector<int> met(pool.size(), 0);
    for (SfBufIndex index : heads) {
      for (; index < pool.size() && ++met[index] == 1; index = pool.bufs_[index].*next) {
      }
    }
    return met;
  }
  static std::vector<int> OnFreeList(const SfBufPool& pool) {
    return Meetings(pool, {pool.free_head_}, &SfBuf::next_free);
  }
  static int64_t CountHeld(const SfBufs& s) {
    int64_t held = 0;
    for (const SfBuf& buf : s.pool_.bufs_) held += buf.ref_count > 0;
    return held;
  }

  static std::string FreeListLinks(const SfBufs& s) {
    const SfBufPool& pool = s.pool_;
    SfBufIndex prev = kNoSfBuf;
    uint32_t length = 0;
    for (SfBufIndex index = pool.free_head_; index != kNoSfBuf;
         prev = index, index = pool.bufs_[index].next_free) {
      if (index >= pool.size()) return absl::StrCat("a link to buffer ", index);
      if (++length > pool.size()) return "the list goes in a circle";
      if (pool.bufs_[index].prev_free != prev) {
        return absl::StrCat("buffer ", index, " has ", pool.bufs_[index].prev_free,
                            " before it, not ", prev);
      }
    }
    if (pool.free_tail_ == prev) return "";
    return absl::StrCat("the tail is ", pool.free_tail_, ", the list ends with ", prev);
  }

  static std::string HeldIffNotFree(const SfBufs& s) {
    const std::vector<int> on_list = OnFreeList(s.pool_);
    return First(s, [&](SfBufIndex index, const SfBuf& buf) -> std::string {
      if ((buf.ref_count > 0) == (on_list[index] == 0)) return "";
      return absl::StrCat("buffer ", index, ": ref_count ", buf.ref_count,
                          on_list[index] > 0 ? ", on the free list" : ", not on the free list");
    });
  }

  static std::string UsedCountsHeld(const SfBufs& s) {
    const SfBufStats& stats = s.stats();
    const int64_t held = CountHeld(s);
    if (stats.nsfbufsused == held && held <= stats.nsfbufs) return "";
    return absl::StrCat("nsfbufsused ", stats.nsfbufsused, ", held ", held, " of ", stats.nsfbufs);
  }

  static std::string UsedAndFreeAreAll(const SfBufs& s) {
    int64_t free = 0;
    for (int met : OnFreeList(s.pool_)) free += met > 0;
    const int64_t held = CountHeld(s);
    if (held + free == s.stats().nsfbufs && s.pool_.size() == s.stats().nsfbufs) return "";
    return absl::StrCat("held ", held, ", free ", free, " of ", s.pool_.size(), ", nsfbufs ",
                        s.stats().nsfbufs);
  }

  static std::string PeakCoversUsed(const SfBufs& s) {
    const SfBufStats& stats = s.stats();
    if (stats.nsfbufspeak >= stats.nsfbufsused && stats.nsfbufspeak <= s.pool_.size()) return "";
    return absl::StrCat("nsfbufspeak ", stats.nsfbufspeak, ", used ", stats.nsfbufsused, " of ",
                        s.pool_.size());
  }

  static std::string PeakNeverFalls(const SfBufs& s) {
    const int64_t peak = s.stats().nsfbufspeak;
    if (peak < s.peak_seen_) {
      return absl::StrCat("nsfbufspeak ", peak, ", it was ", s.peak_seen_);
    }
    s.peak_seen_ = peak;
    return "";
  }

  static std::string HashedIffMapped(const SfBufs& s) {
    const SfBufPool& pool = s.pool_;
    const std::vector<int> met = Meetings(pool, pool.buckets_, &SfBuf::next_hashed);
    return First(s, [&](SfBufIndex index, const SfBuf& buf) -> std::string {
      if (met[index] == (buf.page != kNoFrame ? 1 : 0)) return "";
      return absl::StrCat("buffer ", index, ", page ", buf.page, ": met ", met[index],
                          " times in the buckets");
    });
  }

  static std::string HashedInBucketOfPage(const SfBufs& s) {
    const SfBufPool& pool = s.pool_;
    for (uint32_t bucket = 0; bucket < pool.buckets_.size(); ++bucket) {
      uint32_t length = 0;
      for (SfBufIndex index = pool.buckets_[bucket]; index < pool.size() && length < pool.size();
           index = pool.bufs_[index].next_hashed, ++length) {
        const FrameIndex page = pool.bufs_[index].page;
        if (page != kNoFrame && (page & pool.hash_mask()) != bucket) {
          return absl::StrCat("buffer ", index, ", page ", page, ": in bucket ", bucket);
        }
      }
    }
    return "";
  }

  // Newer buffers stand before older ones. One with an older twin behind it was mapped although
  // its page was; only who does not look can have done so.
  static std::string TwinsOnlyAfterSleep(const SfBufs& s) {
    const SfBufPool& pool = s.pool_;
    return First(s, [&](SfBufIndex index, const SfBuf& buf) -> std::string {
      if (buf.slept || buf.page == kNoFrame) return "";
      uint32_t length = 0;
      for (SfBufIndex older = buf.next_hashed; older < pool.size() && length < pool.size();
           older = pool.bufs_[older].next_hashed, ++length) {
        if (pool.bufs_[older].page == buf.page) {
          return absl::StrCat("buffers ", index, " and ", older, " both show page ", buf.page,
                              ", and nobody slept");
        }
      }
      return "";
    });
  }

  static std::string WantCountsSleepers(const SfBufs& s) {
    for (const sim::Thread* thread : s.sleepers_) {
      if (thread->done()) return absl::StrCat("thread ", thread->name(), " is done");
    }
    if (s.alloc_want_ == s.sleepers_.size()) return "";
    return absl::StrCat("want ", s.alloc_want_, ", sleepers ", s.sleepers_.size());
  }

  // Those that the free buffer has woken count in `want` until they run, but sleep no more.
  static std::string NobodySleepsBesideFree(const SfBufs& s) {
    if (s.pool_.free_head_ == kNoSfBuf || s.channel_.empty()) return "";
    return absl::StrCat("buffer ", s.pool_.free_head_, " is free, want ", s.alloc_want_);
  }

  static std::string HeldPageIsPinned(const SfBufs& s) {
    return First(s, [&](SfBufIndex index, const SfBuf& buf) -> std::string {
      if (buf.ref_count == 0 || buf.page >= s.pages_.frames()) return "";
      if (s.pages_[buf.page].wired() || s.pages_.busied(buf.page)) return "";
      return absl::StrCat("buffer ", index, ": page ", buf.page, " is neither wired nor busy");
    });
  }

  static std::string CpumaskWithinCpus(const SfBufs& s) {
    return First(s, [&](SfBufIndex index, const SfBuf& buf) -> std::string {
      if (buf.cpumask.IsSubsetOf(s.pool_.all_cpus_)) return "";
      return absl::StrCat("buffer ", index, ": cpumask ", buf.cpumask.ToString(), ", CPUs ",
                          s.pool_.all_cpus_.ToString());
    });
  }

  static std::string SharedIsGoodEverywhere(const SfBufs& s) {
    return First(s, [&](SfBufIndex index, const SfBuf& buf) -> std::string {
      if (buf.ref_count == 0 || !buf.shared) return "";
      if (s.pool_.all_cpus_.IsSubsetOf(buf.cpumask)) return "";
      return absl::StrCat("buffer ", index, ": cpumask ", buf.cpumask.ToString(), ", CPUs ",
                          s.pool_.all_cpus_.ToString());
    });
  }
};

const SfBufInvariants::Check SfBufInvariants::kAll[] = {
    // References, the free list and the counts.
    {"sf-buf-free-list-links", FreeListLinks},
    {"sf-buf-held-iff-not-free", HeldIffNotFree},
    {"sf-buf-used-counts-held", UsedCountsHeld},
    {"sf-buf-used-and-free-are-all", UsedAndFreeAreAll},
    {"sf-buf-peak-covers-used", PeakCoversUsed},
    {"sf-buf-peak-never-falls", PeakNeverFalls},
    // The hash.
    {"sf-buf-hashed-iff-mapped", HashedIffMapped},
    {"sf-buf-hashed-in-bucket-of-page", HashedInBucketOfPage},
    {"sf-buf-twins-only-after-sleep", TwinsOnlyAfterSleep},
    // Sleepers.
    {"sf-buf-want-counts-sleepers", WantCountsSleepers},
    {"sf-buf-nobody-sleeps-beside-free", NobodySleepsBesideFree},
    // Pages and CPUs.
    {"sf-buf-held-page-is-pinned", HeldPageIsPinned},
    {"sf-buf-cpumask-within-cpus", CpumaskWithinCpus},
    {"sf-buf-shared-is-good-everywhere", SharedIsGoodEverywhere},
};

std::vector<SfBufs::Broken> SfBufs::BrokenInvariants() const {
  std::vector<Broken> broken;
  for (const SfBufInvariants::Check& check : SfBufInvariants::kAll) {
    std::string detail = check.find(*this);
    if (!detail.empty()) broken.push_back({check.name, std::move(detail)});
  }
  return broken;
}

void SfBufs::CheckInvariants() const {
  for (const Broken& broken : BrokenInvariants()) {
    sim::CheckFailed(__FILE__, __LINE__, broken.name, broken.detail);
  }
}

}  // namespace vmsim::vm
