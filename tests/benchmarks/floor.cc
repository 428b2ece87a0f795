#include "tests/benchmarks/floor.h"

#include <time.h>

#include <memory>

#include "scenarios/generators.h"
#include "scenarios/reference_source.h"
#include "sim/check.h"

namespace vmsim::benchmarks {
namespace {

using scenarios::VptRecord;

// How many records ahead the table is prefetched: enough for a miss of the last cache.
constexpr size_t kAhead = 24;

static_assert(scenarios::kStore == 4 && scenarios::kModify == 8);

inline uint64_t TouchPage(VptRecord record, uint32_t* table) {
  const uint32_t kinds = record.kinds();
  const uint32_t old_entry = table[record.page()];
  const uint32_t entry = old_entry | kAccessed | ((kinds >> 1 | kinds >> 2) & kModified);
  if (entry != old_entry) table[record.page()] = entry;
  return record.run();
}

scenarios::GeneratorConfig ConfigOf(Floor::Pattern pattern) {
  scenarios::GeneratorConfig config;
  config.pages = Floor::kPages;
  config.write_pct = 20;
  config.seed = 1;
  if (pattern == Floor::Pattern::kZipf) {
    config.kind = scenarios::GeneratorKind::kZipf;
    config.refs = Floor::kReferences;
    config.s10 = 10;
  } else {
    config.kind = scenarios::GeneratorKind::kLoop;
    config.passes = Floor::kReferences / Floor::kPages;
  }
  return config;
}

}  // namespace

uint64_t TouchPages(std::span<const uint64_t> records, std::span<uint32_t> table) {
  uint64_t references = 0;
  const size_t last_ahead = records.size() > kAhead ? records.size() - kAhead : 0;
  size_t i = 0;
  for (; i < last_ahead; ++i) {
    __builtin_prefetch(&table[VptRecord{records[i + kAhead]}.page()], 1);
    references += TouchPage(VptRecord{records[i]}, table.data());
  }
  for (; i < records.size(); ++i) references += TouchPage(VptRecord{records[i]}, table.data());
  return references;
}

Floor::Floor(Pattern pattern) : records_(kReferences), table_(kPages) {
  auto source = scenarios::MakeGenerator(ConfigOf(pattern));
  CHECK(source.ok(), source.status().ToString());
  CHECK_EQ((*source)->Fill(records_.data(), records_.size()), records_.size());
  TouchPages(records_, table_);
}

double Floor::MeasureNs() {
  const int64_t start = ThreadCpuNs();
  const uint64_t references = TouchPages(records_, table_);
  const int64_t end = ThreadCpuNs();
  CHECK_EQ(references, kReferences);
  return static_cast<double>(end - start) / static_cast<double>(kReferences);
}

Floor& Floor::Zipf() {
  static Floor floor(Pattern::kZipf);
  return floor;
}

Floor& Floor::Sequential() {
  static Floor floor(Pattern::kSequential);
  return floor;
}

int64_t ThreadCpuNs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace vmsim::benchmarks
