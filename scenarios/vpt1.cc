#include "scenarios/vpt1.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vmsim::scenarios {
namespace {

constexpr std::string_view kMagic = "VPT1";
constexpr uint64_t kVersion = 1;
constexpr uint64_t kFetchesDroppedFlag = 1;
constexpr size_t kWordBytes = 8;
constexpr size_t kChunkRecords = 8192;

enum Offset : size_t {
  kMagicAt = 0,
  kVersionAt = 4,
  kPageShiftAt = 6,
  kFlagsAt = 7,
  kRecordsAt = 8,
  kReferencesAt = 16,
  kDistinctPagesAt = 24,
  kFilterDepthAt = 32,
  kNameAt = 40,
};

uint64_t GetLittleEndian(const char* bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return value;
}

void PutLittleEndian(uint64_t value, size_t size, char* bytes) {
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
}

absl::Status Bad(const ByteSource& source, uint64_t offset, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(source.Place(offset), ": ", what));
}

// The name field up to its padding. False if anything but printable characters is in it.
bool DecodeName(std::string_view field, std::string* name) {
  const size_t length = std::min(field.find('\0'), field.size());
  *name = std::string(field.substr(0, length));
  return std::all_of(name->begin(), name->end(), [](char c) { return absl::ascii_isprint(c); }) &&
         field.find_first_not_of('\0', length) == std::string_view::npos;
}

}  // namespace

std::string EncodeVpt1Header(const Vpt1Header& header) {
  std::string bytes(kVpt1HeaderBytes, '\0');
  bytes.replace(kMagicAt, kMagic.size(), kMagic);
  PutLittleEndian(kVersion, 2, &bytes[kVersionAt]);
  PutLittleEndian(kVpt1PageShift, 1, &bytes[kPageShiftAt]);
  PutLittleEndian(header.fetches_dropped ? kFetchesDroppedFlag : 0, 1, &bytes[kFlagsAt]);
  PutLittleEndian(header.records, 8, &bytes[kRecordsAt]);
  PutLittleEndian(header.references, 8, &bytes[kReferencesAt]);
  PutLittleEndian(header.distinct_pages, 8, &bytes[kDistinctPagesAt]);
  PutLittleEndian(header.filter_depth, 8, &bytes[kFilterDepthAt]);
  header.name.copy(&bytes[kNameAt], kVpt1NameBytes);
  return bytes;
}

std::string Vpt1NameFromPath(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0.
  std::string name(path.substr(0, std::min(path.find('.', 1), kVpt1NameBytes)));
  for (char& c : name) {
    if (!absl::ascii_isgraph(c)) c = '_';
  }
  return name;
}

absl::StatusOr<std::unique_ptr<Vpt1Reader>> Vpt1Reader::Open(const std::string& path,
                                                             const Vpt1Limits& limits) {
  // One word more than a full file has: enough to see that there is something after its end.
  const uint64_t max_records = std::min(limits.max_records, uint64_t{1} << 56);
  const uint64_t max_bytes = kVpt1HeaderBytes + kWordBytes * (max_records + 1);
  absl::StatusOr<std::unique_ptr<ByteSource>> source = ByteSource::Open(path, {max_bytes});
  if (!source.ok()) return source.status();
  std::unique_ptr<Vpt1Reader> reader(new Vpt1Reader(*std::move(source), limits));
  if (absl::Status status = reader->ReadHeader(); !status.ok()) return status;
  return reader;
}

absl::Status Vpt1Reader::ReadHeader() {
  char bytes[kVpt1HeaderBytes] = {};
  const absl::StatusOr<size_t> got = source_->Read(bytes, sizeof(bytes));
  if (!got.ok()) return got.status();
  if (*got < kMagic.size() || std::string_view(bytes + kMagicAt, kMagic.size()) != kMagic) {
    return Bad(*source_, kMagicAt,
               "is not a VPT1 trace (its first bytes are not \"VPT1\"); convert it with "
               "\"vmsim import\"");
  }
  if (*got < sizeof(bytes)) {
    return absl::DataLossError(absl::StrCat(source_->Place(*got), ": the file ends inside its ",
                                            kVpt1HeaderBytes, "-byte header; copy it again"));
  }
  const uint64_t version = GetLittleEndian(bytes + kVersionAt, 2);
  if (version != kVersion) {
    return Bad(*source_, kVersionAt,
               absl::StrCat("version ", version, " is not known, only ", kVersion,
                            "; use a newer vmsim or import the trace again"));
  }
  const uint64_t shift = GetLittleEndian(bytes + kPageShiftAt, 1);
  if (shift != kVpt1PageShift) {
    return Bad(*source_, kPageShiftAt,
               absl::StrCat("page shift ", shift, " is not supported; import the trace again with ",
                            "4 KiB pages (shift 12)"));
  }
  const uint64_t flags = GetLittleEndian(bytes + kFlagsAt, 1);
  if ((flags & ~kFetchesDroppedFlag) != 0) {
    return Bad(*source_, kFlagsAt,
               absl::StrCat("flags ", flags, " has unknown bits; import the trace again"));
  }
  header_.fetches_dropped = (flags & kFetchesDroppedFlag) != 0;
  header_.records = GetLittleEndian(bytes + kRecordsAt, 8);
  header_.references = GetLittleEndian(bytes + kReferencesAt, 8);
  header_.distinct_pages = GetLittleEndian(bytes + kDistinctPagesAt, 8);
  header_.filter_depth = GetLittleEndian(bytes + kFilterDepthAt, 8);
  if (header_.filter_depth == 0) {
    return Bad(*source_, kFilterDepthAt, "filter depth 0 makes no sense; import the trace again");
  }
  if (!DecodeName(std::string_view(bytes + kNameAt, kVpt1NameBytes), &header_.name)) {
    return Bad(*source_, kNameAt, "the name is not zero-padded ASCII; import the trace again");
  }
  if (header_.records > limits_.max_records) {
    return absl::ResourceExhaustedError(absl::StrCat(
        source_->Place(kRecordsAt), ": ", header_.records, " records are more than the limit of ",
        limits_.max_records, "; use a shorter trace or raise the limit"));
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> Vpt1Reader::Read(std::span<uint64_t> words) {
  const size_t want = std::min<uint64_t>(words.size(), header_.records - records_);
  if (want == 0) {
    if (absl::Status status = CheckEnd(); !status.ok()) return status;
    return size_t{0};
  }
  const absl::StatusOr<size_t> got = source_->Read(words.data(), want * kWordBytes);
  if (!got.ok()) return got.status();
  if (*got < want * kWordBytes) {
    return absl::DataLossError(
        absl::StrCat(source_->Place(source_->offset()), ": the file ends after ",
                     records_ + *got / kWordBytes, " of the ", header_.records,
                     " records that its header says; it was cut short, copy it again"));
  }
  for (uint64_t& word : words.first(want)) {
    word = GetLittleEndian(reinterpret_cast<const char*>(&word), kWordBytes);
  }
  if (absl::Status status = CheckRecords(words.first(want)); !status.ok()) return status;
  return want;
}

absl::Status Vpt1Reader::CheckRecords(std::span<const uint64_t> words) {
  for (uint64_t word : words) {
    const VptRecord record = {word};
    if (record.run() == 0 || record.kinds() == 0) {
      return Bad(*source_, kVpt1HeaderBytes + kWordBytes * records_,
                 absl::StrCat("record ", records_, " (page ", record.page(), ") has ",
                              record.run() == 0 ? "an empty run" : "no reference kind",
                              "; the file is damaged, import the trace again"));
    }
    pages_.Add(record.page());
    references_ += record.run();
    ++records_;
  }
  return CheckDistinctPages(pages_.AtLeast());
}

absl::Status Vpt1Reader::CheckDistinctPages(uint64_t pages) const {
  if (pages <= limits_.max_distinct_pages) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(source_->Place(source_->offset()), ": more distinct pages than the limit of ",
                   limits_.max_distinct_pages, "; use a shorter trace or raise the limit"));
}

absl::Status Vpt1Reader::CheckEnd() {
  const uint64_t end = source_->offset();
  char byte;
  const absl::StatusOr<size_t> got = source_->Read(&byte, 1);
  if (!got.ok()) return got.status();
  if (*got > 0) {
    return Bad(*source_, end,
               absl::StrCat("trailing bytes after the ", header_.records,
                            " records that the header says; import the trace again"));
  }
  if (references_ != header_.references) {
    return Bad(
        *source_, kReferencesAt,
        absl::StrCat("the header says ", header_.references, " references, the runs add up to ",
                     references_, "; the file is damaged, import the trace again"));
  }
  if (pages_.Count() != header_.distinct_pages) {
    return Bad(*source_, kDistinctPagesAt,
               absl::StrCat("the header says ", header_.distinct_pages,
                            " distinct pages, the records have ", pages_.Count(),
                            "; the file is damaged, import the trace again"));
  }
  return CheckDistinctPages(header_.distinct_pages);
}

absl::StatusOr<Vpt1Trace> ReadVpt1(const std::string& path, const Vpt1Limits& limits) {
  absl::StatusOr<std::unique_ptr<Vpt1Reader>> reader = Vpt1Reader::Open(path, limits);
  if (!reader.ok()) return reader.status();
  Vpt1Trace trace;
  trace.header = (*reader)->header();
  uint64_t chunk[kChunkRecords];
  while (true) {
    const absl::StatusOr<size_t> got = (*reader)->Read(chunk);
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    trace.records.insert(trace.records.end(), chunk, chunk + *got);
  }
  trace.records.shrink_to_fit();
  return trace;
}

}  // namespace vmsim::scenarios
