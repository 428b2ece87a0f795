// Bytes as a VPT1 trace file, plain or compressed. What is read whole agrees with its header.
#include "scenarios/reference_source.h"
#include "scenarios/vpt1.h"
#include "sim/check.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vmsim;
  static const tests::ScratchFile scratch("fuzz.vpt");
  scratch.Write(data, size);
  const scenarios::Vpt1Limits limits = {.max_records = 1 << 16, .max_distinct_pages = 1 << 12};
  const auto trace = scenarios::ReadVpt1(scratch.path(), limits);
  if (!trace.ok()) {
    tests::CheckReadable(trace.status());
    return 0;
  }
  CHECK_EQ(trace->records.size(), trace->header.records);
  CHECK_LE(trace->header.records, limits.max_records);
  CHECK_LE(trace->header.distinct_pages, limits.max_distinct_pages);
  uint64_t references = 0;
  for (const uint64_t word : trace->records) references += scenarios::VptRecord{word}.run();
  CHECK_EQ(references, trace->header.references);
  return 0;
}
