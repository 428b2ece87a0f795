// scenarios/vpt1.h: the VPT1 trace file, vmsim's own compact form of a page reference stream.
//
// Little-endian: a header of 64 bytes, then `records` words of 8 bytes (the layout is in
// scenarios/reference_source.h). A .vpt.zst file is the same bytes, compressed with zstd.
//
//   offset size
//        0    4  magic "VPT1"
//        4    2  version, 1
//        6    1  page shift, 12
//        7    1  flags: bit 0 = instruction fetches were dropped
//        8    8  records
//       16    8  references: the sum of all run lengths
//       24    8  distinct pages
//       32    8  filter depth K: 1 = each record is a maximal run of references to one page;
//                more = references to the K most recently referenced pages were folded into those
//                pages' newest records, so that the records are in order of first touch
//       40   24  name, ASCII, padded with zeros
//
// A file is read in pieces and checked as it goes; nothing is believed that the bytes don't bear
// out, and memory grows with the records that are really there. By the time the reader reports the
// end, all of this is checked: magic, version, page shift, no unknown flags, filter depth of at
// least 1, a printable name, exactly as many bytes as the header's records make, no record with an
// empty run or without a kind, and the header's counts of references and distinct pages. All page
// numbers (36 bits) and all combinations of kinds (4 bits) are in range by the layout.
//
// Errors are absl::Status and name the file, the byte and the fix; those of the bytes themselves
// come from scenarios/byte_source.h.
//   InvalidArgument    not a VPT1 file, or one that contradicts itself
//   DataLoss           a file that was cut short
//   ResourceExhausted  more records or pages than the limits
#ifndef VMSIM_SCENARIOS_VPT1_H_
#define VMSIM_SCENARIOS_VPT1_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scenarios/byte_source.h"
#include "scenarios/distinct_pages.h"
#include "scenarios/reference_source.h"

namespace vmsim::scenarios {

inline constexpr size_t kVpt1HeaderBytes = 64;
inline constexpr size_t kVpt1NameBytes = 24;
inline constexpr int kVpt1PageShift = 12;

struct Vpt1Header {
  bool fetches_dropped = false;
  uint64_t records = 0;
  uint64_t references = 0;
  uint64_t distinct_pages = 0;
  uint64_t filter_depth = 1;
  std::string name;  // At most 24 printable ASCII characters.

  friend bool operator==(const Vpt1Header&, const Vpt1Header&) = default;
};

struct Vpt1Limits {
  uint64_t max_records = uint64_t{1} << 27;         // 1 GiB in memory.
  uint64_t max_distinct_pages = uint64_t{1} << 26;  // 256 GiB of 4 KiB pages.
};

// The bytes of a header. Requires: a valid header.
std::string EncodeVpt1Header(const Vpt1Header& header);

// Makes a name that a header can hold: the last part of `path` without its suffixes, other than
// printable characters replaced by '_', cut to 24.
std::string Vpt1NameFromPath(std::string_view path);

class Vpt1Reader {
 public:
  // Opens a plain or compressed file ("-": standard input) and checks its header.
  static absl::StatusOr<std::unique_ptr<Vpt1Reader>> Open(const std::string& path,
                                                          const Vpt1Limits& limits = {});

  const Vpt1Header& header() const { return header_; }

  // Reads the next records into `words`. Returns how many; 0 at the end, when every check has been
  // made. Requires: `words` is not empty.
  absl::StatusOr<size_t> Read(std::span<uint64_t> words);

 private:
  Vpt1Reader(std::unique_ptr<ByteSource> source, const Vpt1Limits& limits)
      : source_(std::move(source)), limits_(limits) {}
  absl::Status ReadHeader();
  absl::Status CheckRecords(std::span<const uint64_t> words);
  absl::Status CheckDistinctPages(uint64_t pages) const;
  absl::Status CheckEnd();

  std::unique_ptr<ByteSource> source_;
  const Vpt1Limits limits_;
  Vpt1Header header_;
  uint64_t records_ = 0, references_ = 0;  // Read so far.
  DistinctPages pages_;
};

struct Vpt1Trace {
  Vpt1Header header;
  std::vector<uint64_t> records;
};

// Reads a whole file.
absl::StatusOr<Vpt1Trace> ReadVpt1(const std::string& path, const Vpt1Limits& limits = {});

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_VPT1_H_
