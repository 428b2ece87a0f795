#include "scenarios/trace_layout.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "scenarios/distinct_pages.h"

namespace vmsim::scenarios {
namespace {

constexpr uint64_t kMaxLayoutPages = (uint64_t{1} << 31) - 1;

// Number of `page` in the layout. A small direct-mapped cache of entries answers nearly all.
class PageNumbers {
 public:
  explicit PageNumbers(const std::vector<TraceEntry>& entries)
      : entries_(entries), cache_(kSlots, 0) {}

  uint64_t Of(uint64_t page) {
    uint32_t& slot = cache_[(page / kSameEntryPages) % kSlots];
    if (page - entries_[slot].start >= entries_[slot].pages) slot = Find(page);
    return entries_[slot].first + (page - entries_[slot].start);
  }

 private:
  static constexpr size_t kSlots = 4096;
  uint32_t Find(uint64_t page) const {
    const auto above =
        std::upper_bound(entries_.begin(), entries_.end(), page,
                         [](uint64_t p, const TraceEntry& entry) { return p < entry.start; });
    return static_cast<uint32_t>(above - entries_.begin() - 1);
  }
  const std::vector<TraceEntry>& entries_;
  std::vector<uint32_t> cache_;
};

}  // namespace

absl::StatusOr<TraceLayout> LayOutTrace(Vpt1Trace trace, const std::string& file) {
  DistinctPages pages;
  for (const uint64_t word : trace.records) pages.Add(VptRecord{word}.page());
  TraceLayout layout;
  uint64_t total = 0;
  for (const uint64_t page : pages.Sorted()) {
    TraceEntry* last = layout.entries.empty() ? nullptr : &layout.entries.back();
    if (last != nullptr && page - (last->start + last->pages - 1) < kSameEntryPages) {
      const uint32_t grown = static_cast<uint32_t>(page + 1 - last->start);
      total += grown - last->pages;
      last->pages = grown;
    } else {
      layout.entries.push_back({page, 1, static_cast<uint32_t>(total)});
      ++total;
    }
    if (total > kMaxLayoutPages) {
      return absl::InvalidArgumentError(absl::StrCat(file, ": its address ranges have more than ",
                                                     kMaxLayoutPages,
                                                     " pages; replay a shorter or denser trace"));
    }
  }
  layout.pages = static_cast<uint32_t>(total);
  layout.references = trace.header.references;
  layout.records = std::move(trace.records);
  PageNumbers numbers(layout.entries);
  for (uint64_t& word : layout.records) {
    word = (word & ~kMaxPage) | numbers.Of(VptRecord{word}.page());
  }
  return layout;
}

}  // namespace vmsim::scenarios
