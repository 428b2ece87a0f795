// Thousands of random calls on a pool and on a naive model of one: a list of pages, oldest first,
// and the file as a map of tags. After every call both must have done and counted the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/engine.h"
#include "sim/random.h"
#include "vfs/errno.h"
#include "vfs/mpool.h"
#include "vfs/mpool_recorder.h"

namespace vmsim::vfs {
namespace {

constexpr uint32_t kPagesize = 64;
constexpr MpoolTag kMask = MpoolRecorder::kMask;

// A fault in wait for the next read, write or fsync.
struct Fault {
  int error = 0;
  int64_t bytes = 0;
};

struct NaiveFile {
  int64_t size = 0;
  std::map<int64_t, MpoolTag> tags;
  std::map<MpoolRecorder::Op, Fault> faults;

  std::optional<Fault> Take(MpoolRecorder::Op op) {
    if (faults.count(op) == 0) return std::nullopt;
    const Fault fault = faults[op];
    faults.erase(op);
    return fault;
  }
};

struct NaivePage {
  int id = 0;  // Of the buffer.
  MpoolPgno pgno = 0;
  MpoolTag tag = 0;
  bool dirty = false;
  bool pinned = false;
};

// Errors: 0 good, kNoErrno a failure that sets none.
constexpr int kNoErrno = -1;

// The rules as they read, with no data structure that deserves the name.
class NaivePool {
 public:
  NaivePool(MpoolCompat compat, uint32_t maxcache, NaiveFile& file)
      : is_85_(compat == MpoolCompat::k85), maxcache_(maxcache), file_(file) {
    stats.npages = file.size / kPagesize;
  }

  int Get(MpoolPgno pgno, bool ignore_pin, int* id) {
    if (is_85_ && pgno >= stats.npages) return kEinval;
    ++stats.pageget;
    for (size_t i = pages.size(); i-- > 0;) {
      if (pages[i].pgno != pgno) continue;
      ++stats.cachehit;
      std::rotate(pages.begin() + static_cast<ptrdiff_t>(i),
                  pages.begin() + static_cast<ptrdiff_t>(i) + 1, pages.end());
      pages.back().pinned = true;
      *id = pages.back().id;
      return 0;
    }
    ++stats.cachemiss;
    NaivePage page;
    if (const int error = Buffer(&page); error != 0) return error;
    page.pgno = pgno;
    page.pinned = is_85_ || !ignore_pin;
    stats.pageread += is_85_;
    if (const int error = Read(&page); error != 0) {
      if (!is_85_) --stats.curcache;
      return error;
    }
    stats.pageread += !is_85_;
    if (filtered) page.tag ^= kMask;
    *id = page.id;
    pages.push_back(page);
    return 0;
  }

  int New(std::optional<MpoolPgno> number, int* id, MpoolPgno* pgno) {
    ++stats.pagenew;
    NaivePage page;
    if (const int error = Buffer(&page); error != 0) return error;
    page.pgno = *pgno = number.value_or(static_cast<MpoolPgno>(stats.npages));
    ++stats.npages;
    page.pinned = true;
    *id = page.id;
    pages.push_back(page);
    return 0;
  }

  void Put(int id, bool dirty) {
    ++stats.pageput;
    NaivePage& page = *Find(id);
    page.pinned = false;
    page.dirty |= dirty;
  }

  void Delete(int id) {
    pages.erase(Find(id));
    --stats.curcache;
  }

  int Sync() {
    for (NaivePage& page : pages) {
      if (!page.dirty) continue;
      if (const int error = Write(&page); error != 0) return error;
    }
    const std::optional<Fault> fault = file_.Take(MpoolRecorder::Op::kFsync);
    return fault.has_value() ? fault->error : 0;
  }

  std::vector<NaivePage>::iterator Find(int id) {
    return std::find_if(pages.begin(), pages.end(), [&](const NaivePage& p) { return p.id == id; });
  }

  std::vector<NaivePage> pages;  // Oldest first.
  MpoolStats stats;
  bool filtered = false;

 private:
  int Buffer(NaivePage* page) {
    if (stats.curcache >= maxcache_) {
      for (size_t i = 0; i < pages.size(); ++i) {
        if (pages[i].pinned) continue;
        if (pages[i].dirty) {
          if (const int error = Write(&pages[i]); error != 0) return error;
        }
        ++stats.pageflush;
        *page = NaivePage{pages[i].id, 0, pages[i].tag, false, false};
        pages.erase(pages.begin() + static_cast<ptrdiff_t>(i));
        return 0;
      }
    }
    ++stats.pagealloc;
    ++stats.curcache;
    *page = NaivePage{next_id_++, 0, 0, false, false};
    return 0;
  }

  int Read(NaivePage* page) {
    const std::optional<Fault> fault = file_.Take(MpoolRecorder::Op::kRead);
    if (fault.has_value() && fault->error != 0) return fault->error;
    const int64_t start = int64_t{page->pgno} * kPagesize;
    int64_t bytes = file_.size <= start ? 0 : std::min<int64_t>(kPagesize, file_.size - start);
    if (fault.has_value()) bytes = std::min(bytes, fault->bytes);
    if (bytes == kPagesize) {
      page->tag = file_.tags[page->pgno];
      return 0;
    }
    if (is_85_) return kEftype;
    page->tag = 0;
    return bytes == 0 ? 0 : kEinval;
  }

  int Write(NaivePage* page) {
    ++stats.pagewrite;
    if (filtered) page->tag ^= kMask;
    const std::optional<Fault> fault = file_.Take(MpoolRecorder::Op::kWrite);
    if (fault.has_value() && fault->error != 0) return fault->error;
    const int64_t bytes = fault.has_value() ? fault->bytes : kPagesize;
    file_.tags[page->pgno] = page->tag;
    file_.size = std::max(file_.size, int64_t{page->pgno} * kPagesize + bytes);
    if (bytes < kPagesize) return kNoErrno;
    if (filtered) page->tag ^= kMask;
    page->dirty = false;
    return 0;
  }

  const bool is_85_;
  const uint32_t maxcache_;
  NaiveFile& file_;
  int next_id_ = 0;
};

// Both, side by side.
class Pair {
 public:
  Pair(MpoolCompat compat, uint64_t seed)
      : random_(seed), compat_(compat), file_(engine_, kPagesize, kPages * kPagesize) {
    naive_file_.size = kPages * kPagesize;
    for (MpoolPgno page = 0; page < kPages; ++page) naive_file_.tags[page] = 1000 + page;
    Open();
  }

  // One random call. What both did must be alike.
  void Step() {
    const uint64_t what = random_.Below(100);
    if (what < 40) return Get();
    if (what < 48) return New();
    if (what < 75) return Put();
    if (what < 79) return Delete();
    if (what < 85) return Fill();
    if (what < 89) return Sync();
    if (what < 94) return ArmFault();
    if (what < 96) return Truncate();
    if (what < 98) return Filter();
    if (random_.Below(20) == 0) Open();
  }

  void Compare() {
    pool_->CheckInvariants();
    ASSERT_EQ(Picture(*pool_), Picture(*naive_));
    for (const MpoolCounter& counter : kMpoolCounters) {
      ASSERT_EQ(pool_->stats().*counter.field, naive_->stats.*counter.field) << counter.info.name;
    }
    ASSERT_EQ(file_.size(), naive_file_.size);
    for (const auto& [page, tag] : naive_file_.tags) ASSERT_EQ(file_.tag(page), tag) << page;
  }

 private:
  static constexpr MpoolPgno kPages = 12;

  void Open() {
    if (pool_ != nullptr) pool_->Close().RunToCompletion();
    const auto maxcache = static_cast<uint32_t>(random_.Below(7));
    MpoolOptions options;
    options.compat = compat_;
    options.new_contents = MpoolNewContents::kFaithful;
    pool_ = Mpool::Open(engine_, "", &file_, memory_, kPagesize, maxcache, options)
                .RunToCompletion()
                .pool;
    naive_ = std::make_unique<NaivePool>(compat_, maxcache, naive_file_);
    held_.clear();
  }

  void Get() {
    const auto pgno = static_cast<MpoolPgno>(random_.Below(naive_->stats.npages + 3));
    const bool ignore_pin = random_.Below(8) == 0;
    int id = 0;
    const int want = naive_->Get(pgno, ignore_pin, &id);
    const MpoolPageResult got =
        pool_->Get(pgno, ignore_pin ? kMpoolIgnorePin : 0).RunToCompletion();
    Handed(want, got, id);
    if (want == 0) {
      ASSERT_EQ(got.pgno, pgno);
    }
  }

  void New() {
    std::optional<MpoolPgno> number;
    if (compat_ == MpoolCompat::k87 && random_.Below(3) == 0) {
      number = static_cast<MpoolPgno>(random_.Below(naive_->stats.npages + 5));
    }
    int id = 0;
    MpoolPgno pgno = 0;
    const int want = naive_->New(number, &id, &pgno);
    const MpoolPageResult got =
        pool_->New(number.has_value() ? kMpoolPageRequest : kMpoolPageNext, number.value_or(0))
            .RunToCompletion();
    Handed(want, got, id);
    if (want == 0) {
      ASSERT_EQ(got.pgno, pgno);
    }
  }

  void Handed(int want, const MpoolPageResult& got, int id) {
    ASSERT_EQ(static_cast<bool>(got.page), want == 0);
    ASSERT_EQ(got.error, want == kNoErrno ? 0 : want);
    if (want != 0) return;
    // One buffer has one name, on either side.
    for (const Held& held : held_) ASSERT_EQ(held.page == got.page, held.id == id);
    held_.push_back({got.page, id});
  }

  void Put() {
    const std::optional<Held> held = TakeHeld();
    if (!held.has_value()) return;
    const bool dirty = random_.Below(2) == 0;
    naive_->Put(held->id, dirty);
    ASSERT_EQ(pool_->Put(held->page, dirty ? kMpoolDirty : 0).RunToCompletion().result, 0);
  }

  void Delete() {
    if (compat_ == MpoolCompat::k85) return;
    const std::optional<Held> held = TakeHeld();
    if (!held.has_value()) return;
    naive_->Delete(held->id);
    ASSERT_EQ(pool_->Delete(held->page).RunToCompletion().result, 0);
  }

  void Fill() {
    const std::optional<Held> held = TakeHeld();
    if (!held.has_value()) return;
    const MpoolTag tag = random_.Below(100'000);
    naive_->Find(held->id)->tag = tag;
    pool_->contents(held->page)[0] = tag;
    held_.push_back(*held);
  }

  void Sync() {
    const int want = naive_->Sync();
    const MpoolStatus got = pool_->Sync().RunToCompletion();
    ASSERT_EQ(got.result, want == 0 ? 0 : -1);
    ASSERT_EQ(got.error, want == kNoErrno ? 0 : want);
  }

  void ArmFault() {
    const auto op = static_cast<MpoolRecorder::Op>(random_.Below(3));
    if (op != MpoolRecorder::Op::kFsync && random_.Below(2) == 0) {
      const int64_t bytes = 4 + static_cast<int64_t>(random_.Below(kPagesize - 4));
      file_.CutNext(op, bytes);
      naive_file_.faults[op] = {0, bytes};
    } else {
      const int error = random_.Below(2) == 0 ? kEio : kEnospc;
      file_.FailNext(op, error);
      naive_file_.faults[op] = {error, 0};
    }
  }

  void Truncate() {
    const int64_t pages = 4 + static_cast<int64_t>(random_.Below(kPages));
    const int64_t bytes = pages * kPagesize + (random_.Below(2) == 0 ? 20 : 0);
    file_.Truncate(bytes);
    naive_file_.size = bytes;
    const int64_t first_gone = (bytes + kPagesize - 1) / kPagesize;
    naive_file_.tags.erase(naive_file_.tags.lower_bound(first_gone), naive_file_.tags.end());
  }

  void Filter() {
    naive_->filtered = random_.Below(2) == 0;
    pool_
        ->Filter(naive_->filtered ? MpoolRecorder::PageIn : nullptr,
                 naive_->filtered ? MpoolRecorder::PageOut : nullptr, &file_)
        .RunToCompletion();
  }

  struct Held {
    MpoolPage page;
    int id;
  };
  // A random page that was handed out and is still in the pool; its holders have it no longer.
  std::optional<Held> TakeHeld() {
    if (held_.empty()) return std::nullopt;
    const Held held = held_[random_.Below(held_.size())];
    held_.erase(std::remove_if(held_.begin(), held_.end(),
                               [&](const Held& other) { return other.page == held.page; }),
                held_.end());
    const bool there = naive_->Find(held.id) != naive_->pages.end();
    EXPECT_EQ(pool_->IsCached(held.page), there);
    return there ? std::optional<Held>(held) : std::nullopt;
  }

  static std::string Describe(MpoolPgno pgno, bool dirty, bool pinned, MpoolTag tag) {
    return std::to_string(pgno) + (dirty ? "d" : "") + (pinned ? "P" : "") + "=" +
           std::to_string(tag) + " ";
  }
  static std::string Picture(const NaivePool& naive) {
    std::string text;
    for (const NaivePage& p : naive.pages) text += Describe(p.pgno, p.dirty, p.pinned, p.tag);
    return text;
  }
  static std::string Picture(const Mpool& pool) {
    std::string text;
    const MpoolBuckets& all = pool.buckets();
    for (uint32_t i = all.oldest(); i != kNoBucket; i = all.Newer(i)) {
      text += Describe(all[i].pgno, all[i].dirty, all[i].pinned, all[i].tags[0]);
    }
    return text;
  }

  sim::SplitMix64 random_;
  const MpoolCompat compat_;
  sim::Engine engine_;
  MpoolRecorder file_;
  MpoolHeap memory_;
  std::unique_ptr<Mpool> pool_;
  NaiveFile naive_file_;
  std::unique_ptr<NaivePool> naive_;
  std::vector<Held> held_;
};

class MpoolPropertyTest : public testing::TestWithParam<std::tuple<MpoolCompat, uint64_t>> {};

TEST_P(MpoolPropertyTest, DoesAsTheNaiveModelDoes) {
  const auto [compat, seed] = GetParam();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Pair pair(compat, seed);
  for (int step = 0; step < 3000; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    pair.Step();
    pair.Compare();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(, MpoolPropertyTest,
                         testing::Combine(testing::Values(MpoolCompat::k85, MpoolCompat::k87),
                                          testing::Range(uint64_t{1}, uint64_t{21})),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param) == MpoolCompat::k85
                                                  ? "Rev85"
                                                  : "Rev87") +
                                  "Seed" + std::to_string(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace vmsim::vfs
