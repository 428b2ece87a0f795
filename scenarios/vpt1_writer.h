// scenarios/vpt1_writer.h: writes VPT1 traces (scenarios/vpt1.h), compressed if the name ends in
// .zst.
//
// The header counts what follows it, so records go to a temporary file beside the target first;
// Finish() completes the header, compresses if asked to, and gives the file its name. Until then,
// and after an error, there is no target (or the old one) and the destructor leaves nothing behind.
// Memory does not depend on the number of records, only on the number of distinct pages.
//
// Errors: those of scenarios/atomic_file.h; InvalidArgument for a bad name, filter depth or record;
// ResourceExhausted beyond the limits.
#ifndef VMSIM_SCENARIOS_VPT1_WRITER_H_
#define VMSIM_SCENARIOS_VPT1_WRITER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scenarios/atomic_file.h"
#include "scenarios/distinct_pages.h"
#include "scenarios/vpt1.h"

namespace vmsim::scenarios {

struct Vpt1WriterOptions {
  std::string name;  // At most 24 printable ASCII characters.
  uint64_t filter_depth = 1;
  bool fetches_dropped = false;
  int zstd_level = 9;
  Vpt1Limits limits;
};

class Vpt1Writer {
 public:
  static absl::StatusOr<std::unique_ptr<Vpt1Writer>> Create(const std::string& path,
                                                            const Vpt1WriterOptions& options = {});

  // Adds records. A trace that has to end early ends with an error here, never with a cut file.
  absl::Status Append(std::span<const uint64_t> words);

  // Completes the file and returns its header. Nothing may be added after this.
  absl::StatusOr<Vpt1Header> Finish();

 private:
  Vpt1Writer(std::unique_ptr<AtomicFile> file, const Vpt1WriterOptions& options);
  absl::Status CheckRecord(VptRecord record) const;
  absl::Status CheckDistinctPages(uint64_t pages) const;
  absl::Status Compress();

  std::unique_ptr<AtomicFile> file_;  // The plain trace.
  const Vpt1WriterOptions options_;
  Vpt1Header header_;  // Counts what was added so far.
  DistinctPages pages_;
  std::string buffer_;  // Little-endian bytes on their way to the file.
};

// Writes a whole trace. The header's counts are made from the records.
absl::StatusOr<Vpt1Header> WriteVpt1(const std::string& path, std::span<const uint64_t> words,
                                     const Vpt1WriterOptions& options = {});

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_VPT1_WRITER_H_
