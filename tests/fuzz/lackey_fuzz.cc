// Bytes as a text of valgrind's lackey. Whatever the depth of the filter, the records hold the same
// number of references, and an error is the same error.
#include <span>

#include "scenarios/byte_source.h"
#include "scenarios/lackey.h"
#include "scenarios/reference_source.h"
#include "sim/check.h"
#include "tests/fuzz/fuzz_target.h"

namespace vmsim::tests {
namespace {

struct Outcome {
  absl::Status status;
  uint64_t accesses = 0;
  uint64_t references = 0;
};

Outcome Read(const ScratchFile& scratch, uint32_t filter_depth) {
  scenarios::LackeyOptions options;
  options.filter_depth = filter_depth;
  options.byte_limits.max_bytes = 1 << 20;
  auto source = scenarios::ByteSource::Open(scratch.path(), options.byte_limits);
  if (!source.ok()) return {source.status()};
  Outcome outcome;
  const auto summary =
      scenarios::ReadLackeyRecords(**source, options, [&](std::span<const uint64_t> words) {
        for (const uint64_t word : words) {
          const scenarios::VptRecord record{word};
          CHECK(record.run() > 0 && record.kinds() != 0, "record ", word);
          outcome.references += record.run();
        }
        return absl::OkStatus();
      });
  outcome.status = summary.status();
  if (summary.ok()) outcome.accesses = summary->accesses;
  return outcome;
}

}  // namespace
}  // namespace vmsim::tests

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vmsim;
  static const tests::ScratchFile scratch("fuzz.log");
  scratch.Write(data, size);
  const tests::Outcome whole = tests::Read(scratch, 1);
  const tests::Outcome filtered = tests::Read(scratch, 4);
  CHECK(whole.status == filtered.status, whole.status.ToString(), " and then ",
        filtered.status.ToString());
  if (!whole.status.ok()) {
    tests::CheckReadable(whole.status);
    return 0;
  }
  CHECK_EQ(whole.accesses, filtered.accesses);
  CHECK_EQ(whole.references, filtered.references);
  // An access touches one page, or two.
  CHECK_GE(whole.references, whole.accesses);
  CHECK_LE(whole.references, 2 * whole.accesses);
  return 0;
}
