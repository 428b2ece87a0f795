// scenarios/reference_source.h: streams of page references.
//
// A record is one 64-bit word: a run of references to one page.
//
//     63           40 39   36 35                     0
//    +---------------+-------+------------------------+
//    |  run length   | kinds |      page number       |
//    +---------------+-------+------------------------+
//
// Run lengths are 1 to kMaxRun; a longer run goes on in another record. Kinds are those seen
// anywhere in the run. The page number counts from the start of what is referenced: a mapping (the
// generators) or an address space (traces). It is the word of a VPT1 trace file (scenarios/vpt1.h).
#ifndef VMSIM_SCENARIOS_REFERENCE_SOURCE_H_
#define VMSIM_SCENARIOS_REFERENCE_SOURCE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace vmsim::scenarios {

inline constexpr int kPageBits = 36;
inline constexpr int kRunShift = 40;
inline constexpr uint64_t kMaxPage = (uint64_t{1} << kPageBits) - 1;
inline constexpr uint64_t kMaxRun = (uint64_t{1} << (64 - kRunShift)) - 1;  // 16777215.
inline constexpr uint64_t kOneReference = uint64_t{1} << kRunShift;

enum ReferenceKind : uint32_t {
  kFetch = 1,
  kLoad = 2,
  kStore = 4,
  kModify = 8,  // A load and a store to the same place, as one reference.
};
inline constexpr uint32_t kWriteKinds = kStore | kModify;

struct VptRecord {
  uint64_t word;

  constexpr uint64_t page() const { return word & kMaxPage; }
  constexpr uint32_t kinds() const { return static_cast<uint32_t>(word >> kPageBits) & 15; }
  constexpr uint64_t run() const { return word >> kRunShift; }
  constexpr bool writes() const { return (kinds() & kWriteKinds) != 0; }

  friend constexpr bool operator==(VptRecord, VptRecord) = default;
};

// Requires: page <= kMaxPage, kinds in 1..15, run in 1..kMaxRun.
constexpr VptRecord MakeRecord(uint64_t page, uint32_t kinds, uint64_t run) {
  return {page | uint64_t{kinds} << kPageBits | run << kRunShift};
}

// A stream of records that is read once. The call is virtual, so ask for hundreds at a time.
class ReferenceSource {
 public:
  virtual ~ReferenceSource() = default;
  // Writes the next records, at most `capacity`, to `records`. Returns how many; fewer than
  // `capacity` only at the end, and 0 from then on.
  virtual size_t Fill(uint64_t* records, size_t capacity) = 0;

  // The next records, as many as are at hand, without a copy if the source has them in memory;
  // until the next call. Empty at the end. At least kLookAhead words behind the last one can be
  // read, whatever is in them.
  virtual std::span<const uint64_t> Next() {
    if (block_.empty()) block_.resize(kBlock + kLookAhead);
    return {block_.data(), Fill(block_.data(), kBlock)};
  }

  static constexpr size_t kBlock = 2048;    // Records at a time.
  static constexpr size_t kLookAhead = 24;  // Words that a reader may look ahead.

 private:
  std::vector<uint64_t> block_;
};

// Replays records that are in memory, `repeat` times over. They must outlive the source.
class VptTraceSource final : public ReferenceSource {
 public:
  explicit VptTraceSource(std::span<const uint64_t> records, uint64_t repeat = 1)
      : records_(records), passes_left_(records.empty() ? 0 : repeat) {}

  size_t Fill(uint64_t* records, size_t capacity) override {
    size_t done = 0;
    while (done < capacity && passes_left_ > 0) {
      const size_t n = std::min(capacity - done, records_.size() - next_);
      std::copy_n(records_.data() + next_, n, records + done);
      done += n;
      next_ += n;
      if (next_ == records_.size()) {
        next_ = 0;
        --passes_left_;
      }
    }
    return done;
  }

  // Everything but a pass's last words, behind which there is nothing to look ahead to.
  std::span<const uint64_t> Next() override {
    if (passes_left_ == 0 || records_.size() - next_ <= kLookAhead) return ReferenceSource::Next();
    const std::span<const uint64_t> rest = records_.subspan(next_);
    next_ = records_.size() - kLookAhead;
    return rest.first(rest.size() - kLookAhead);
  }

 private:
  std::span<const uint64_t> records_;
  uint64_t passes_left_;
  size_t next_ = 0;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_REFERENCE_SOURCE_H_
