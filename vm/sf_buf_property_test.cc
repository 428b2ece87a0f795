// Random use of sf_bufs against a naive model of them: lists are walked, sets are sets.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "sim/random.h"
#include "vm/sf_buf.h"
#include "vm/sf_buf_test_world.h"

namespace vmsim::vm {
namespace {

using Call = SfBufWorld::Call;

struct ModelBuf {
  int64_t page = -1;
  int refs = 0;
  bool touched = false;
  int64_t mapped = 0;  // When; the latest is found.
  std::set<int> clean;
};

class Model {
 public:
  Model(int bufs, int cpus) : cpus_(cpus), bufs_(bufs) {
    for (int i = 0; i < bufs; ++i) free_.push_back(i);
  }

  // -1: none.
  int Find(FrameIndex page) const {
    int found = -1;
    for (int i = 0; i < static_cast<int>(bufs_.size()); ++i) {
      if (bufs_[i].page != page) continue;
      if (found < 0 || bufs_[i].mapped > bufs_[found].mapped) found = i;
    }
    return found;
  }
  int Alloc(FrameIndex page, uint32_t flags, int cpu, bool look) {
    int got = look ? Find(page) : -1;
    if (got < 0) {
      if (free_.empty()) return -1;
      got = free_.front();
      if (bufs_[got].touched) bufs_[got].clean.clear();
      bufs_[got].page = page;
      bufs_[got].touched = false;
      bufs_[got].mapped = ++clock_;
    }
    ModelBuf& buf = bufs_[got];
    free_.erase(std::remove(free_.begin(), free_.end(), got), free_.end());
    ++buf.refs;
    peak_ = std::max(peak_, used());
    buf.clean.insert(cpu);
    for (int other = 0; other < cpus_ && (flags & kSfbCpuPrivate) == 0; ++other) {
      buf.clean.insert(other);
    }
    return got;
  }
  // Whether somebody could have it now.
  bool Free(int index) {
    if (--bufs_[index].refs > 0) return false;
    free_.push_back(index);
    return true;
  }

  int64_t used() const { return static_cast<int64_t>(bufs_.size() - free_.size()); }
  int64_t peak() const { return peak_; }
  ModelBuf& buf(int index) { return bufs_[index]; }
  std::vector<int> Held() const {
    std::vector<int> held;
    for (int i = 0; i < static_cast<int>(bufs_.size()); ++i) {
      if (bufs_[i].refs > 0) held.push_back(i);
    }
    return held;
  }
  std::string FreeList() const {
    std::string text;
    for (int i : free_) text += (text.empty() ? "" : " ") + std::to_string(i);
    return text;
  }

 private:
  int cpus_;
  std::vector<ModelBuf> bufs_;
  std::deque<int> free_;
  int64_t peak_ = 0;
  int64_t clock_ = 0;
};

// The real thing and the model, side by side.
class Pair {
 public:
  explicit Pair(uint64_t seed)
      : random_(seed),
        bufs_(1 + static_cast<int>(random_.Below(6))),
        cpus_(1 + static_cast<int>(random_.Below(4))),
        model_(bufs_, cpus_),
        world_(cpus_, SfBufWorld::Pool(static_cast<uint32_t>(bufs_))) {}

  int64_t waits() const { return waits_; }

  // Some things in one instant, then all that they cause.
  void Step() {
    for (uint64_t things = 1 + random_.Below(3); things > 0; --things) DoOne();
    world_.Run();
    Settle();
    Compare();
  }

 private:
  enum class Why { kNew, kWoken, kInterrupted };
  struct Ready {
    Call* call;
    Why why;
  };

  void DoOne() {
    switch (random_.Below(8)) {
      case 0:
      case 1: {
        const auto flags = static_cast<uint32_t>(random_.Below(8));
        ready_.push_back({world_.Start("t", Page(), flags), Why::kNew});
        return;
      }
      case 2: {
        const FrameIndex page = Page();
        const uint32_t flags = random_.Below(2) == 0 ? 0u : kSfbCpuPrivate;
        const int cpu = static_cast<int>(random_.Below(cpus_));
        const int want = model_.Alloc(page, flags, cpu, /*look=*/true);
        ASSERT_EQ(static_cast<int>(world_.bufs().TryAlloc(page, flags, cpu).buf), want);
        return;
      }
      case 3:
        return Signal();
      default:
        return UseOne();
    }
  }

  // Frees, references or touches a buffer that is in use.
  void UseOne() {
    const std::vector<int> held = model_.Held();
    if (held.empty()) return;
    const int index = held[random_.Below(held.size())];
    ModelBuf& buf = model_.buf(index);
    const uint64_t what = random_.Below(6);
    const int cpu = static_cast<int>(random_.Below(cpus_));
    if (what == 0) {
      ++buf.refs;
      world_.bufs().Ref(index);
    } else if (what == 1 && buf.clean.count(cpu) > 0) {
      buf.touched = true;
      world_.bufs().Touch(index, cpu);
    } else {
      world_.bufs().Free(index);
      if (!model_.Free(index)) return;
      for (Call* call : asleep_) ready_.push_back({call, Why::kWoken});
      asleep_.clear();
    }
  }

  void Signal() {
    if (asleep_.empty()) return;
    const size_t which = random_.Below(asleep_.size());
    Call* call = asleep_[which];
    world_.engine().Interrupt(call->thread);
    if ((call->flags & kSfbCatch) == 0) return;
    asleep_.erase(asleep_.begin() + static_cast<std::ptrdiff_t>(which));
    ready_.push_back({call, Why::kInterrupted});
  }

  // What the threads did that ran, in the order in which they became ready.
  void Settle() {
    for (const auto& [call, why] : ready_) {
      int want = -1;
      if (why != Why::kInterrupted) {
        want = model_.Alloc(call->page, call->flags, call->cpu, why == Why::kNew);
        const bool waits = why == Why::kWoken || (call->flags & kSfbNoWait) == 0;
        if (want < 0 && waits) {
          EXPECT_FALSE(call->done);
          asleep_.push_back(call);
          ++waits_;
          continue;
        }
      }
      EXPECT_TRUE(call->done);
      EXPECT_EQ(static_cast<int>(call->got), want);
    }
    ready_.clear();
  }

  void Compare() {
    world_.bufs().CheckInvariants();
    const SfBufStats& stats = world_.bufs().stats();
    EXPECT_EQ(stats.nsfbufsused, model_.used());
    EXPECT_EQ(stats.nsfbufspeak, model_.peak());
    EXPECT_EQ(stats.sf_allocwait, waits_);
    EXPECT_EQ(world_.bufs().alloc_want(), asleep_.size());
    EXPECT_EQ(world_.FreeList(), model_.FreeList());
    for (int i = 0; i < bufs_; ++i) {
      const SfBuf& buf = world_.bufs().pool().buf(i);
      const ModelBuf& want = model_.buf(i);
      EXPECT_EQ(buf.page, static_cast<FrameIndex>(want.page));
      EXPECT_EQ(static_cast<int>(buf.ref_count), want.refs);
      std::set<int> clean;
      buf.cpumask.ForEach([&clean](int cpu) { clean.insert(cpu); });
      EXPECT_EQ(clean, want.clean);
    }
  }

  FrameIndex Page() { return static_cast<FrameIndex>(random_.Below(2 * bufs_ + 2)); }

  sim::SplitMix64 random_;
  int bufs_;
  int cpus_;
  Model model_;
  SfBufWorld world_;
  std::vector<Ready> ready_;
  std::vector<Call*> asleep_;
  int64_t waits_ = 0;
};

TEST(SfBufPropertyTest, BehavesAsTheNaiveModel) {
  constexpr uint64_t kSeeds = 200;
  constexpr int kSteps = 200;
  int64_t waits = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Pair pair(seed);
    for (int step = 0; step < kSteps; ++step) {
      pair.Step();
      if (HasFailure()) FAIL() << "step " << step;
    }
    waits += pair.waits();
  }
  EXPECT_GT(waits, 1000);  // Else this says nothing about sleeping.
}

}  // namespace
}  // namespace vmsim::vm
