#include "scenarios/vpt1_writer.h"

#include <zstd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "scenarios/byte_source.h"
#include "sim/check.h"

namespace vmsim::scenarios {
namespace {

constexpr size_t kChunkBytes = size_t{1} << 17;

struct FreeCctx {
  void operator()(ZSTD_CCtx* cctx) const { ZSTD_freeCCtx(cctx); }
};
using Compressor = std::unique_ptr<ZSTD_CCtx, FreeCctx>;

// Compresses `bytes` into `file`; `last` ends the frame.
absl::Status CompressChunk(ZSTD_CCtx* cctx, std::string_view bytes, bool last, AtomicFile& file) {
  std::vector<char> out_bytes(ZSTD_CStreamOutSize());
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  bool done = false;
  while (!done) {
    ZSTD_outBuffer out = {out_bytes.data(), out_bytes.size(), 0};
    const size_t left = ZSTD_compressStream2(cctx, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) {
      return absl::ResourceExhaustedError(
          absl::StrCat(file.path(), ": zstd cannot compress: ", ZSTD_getErrorName(left)));
    }
    if (absl::Status status = file.Write({out_bytes.data(), out.pos}); !status.ok()) return status;
    done = last ? left == 0 : in.pos == in.size;
  }
  return absl::OkStatus();
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isprint(c); });
}

}  // namespace

Vpt1Writer::Vpt1Writer(std::unique_ptr<AtomicFile> file, const Vpt1WriterOptions& options)
    : file_(std::move(file)), options_(options) {
  header_.fetches_dropped = options.fetches_dropped;
  header_.filter_depth = options.filter_depth;
  header_.name = options.name;
}

absl::StatusOr<std::unique_ptr<Vpt1Writer>> Vpt1Writer::Create(const std::string& path,
                                                               const Vpt1WriterOptions& options) {
  if (options.name.size() > kVpt1NameBytes || !IsPrintable(options.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": a trace's name is at most ", kVpt1NameBytes,
                     " printable ASCII characters; choose another name"));
  }
  if (options.filter_depth == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": filter depth 0; use 1 or more"));
  }
  absl::StatusOr<std::unique_ptr<AtomicFile>> file = AtomicFile::Create(path);
  if (!file.ok()) return file.status();
  std::unique_ptr<Vpt1Writer> writer(new Vpt1Writer(*std::move(file), options));
  // Room for the header, which Finish() fills in.
  absl::Status status = writer->file_->Write(std::string(kVpt1HeaderBytes, '\0'));
  if (!status.ok()) return status;
  return writer;
}

absl::Status Vpt1Writer::CheckRecord(VptRecord record) const {
  if (record.run() == 0 || record.kinds() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_->path(), ": record ", header_.records, " (page ", record.page(),
                     ") has ", record.run() == 0 ? "an empty run" : "no reference kind"));
  }
  if (header_.records >= options_.limits.max_records) {
    return absl::ResourceExhaustedError(
        absl::StrCat(file_->path(), ": the trace has more records than the limit of ",
                     options_.limits.max_records,
                     "; import less of it, use a greater depth or raise the limit"));
  }
  return absl::OkStatus();
}

absl::Status Vpt1Writer::Append(std::span<const uint64_t> words) {
  buffer_.clear();
  for (uint64_t word : words) {
    const VptRecord record = {word};
    if (absl::Status status = CheckRecord(record); !status.ok()) return status;
    ++header_.records;
    header_.references += record.run();
    pages_.Add(record.page());
    for (int byte = 0; byte < 8; ++byte) buffer_.push_back(static_cast<char>(word >> (8 * byte)));
    if (buffer_.size() >= kChunkBytes) {
      if (absl::Status status = file_->Write(buffer_); !status.ok()) return status;
      buffer_.clear();
    }
  }
  if (absl::Status status = CheckDistinctPages(pages_.AtLeast()); !status.ok()) return status;
  return file_->Write(buffer_);
}

absl::Status Vpt1Writer::CheckDistinctPages(uint64_t pages) const {
  if (pages <= options_.limits.max_distinct_pages) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(file_->path(), ": the trace has more distinct pages than the limit of ",
                   options_.limits.max_distinct_pages, "; import less of it or raise the limit"));
}

absl::StatusOr<Vpt1Header> Vpt1Writer::Finish() {
  CHECK(file_ != nullptr, "finished twice");
  header_.distinct_pages = pages_.Count();
  absl::Status status = CheckDistinctPages(header_.distinct_pages);
  if (status.ok()) status = file_->WriteAt(0, EncodeVpt1Header(header_));
  if (status.ok()) {
    status = absl::EndsWith(file_->path(), ".zst") ? Compress() : file_->Commit();
  }
  file_.reset();
  if (!status.ok()) return status;
  return header_;
}

// The plain trace stays a temporary file; its compressed form gets the name.
absl::Status Vpt1Writer::Compress() {
  absl::StatusOr<std::unique_ptr<ByteSource>> plain = ByteSource::Open(file_->temporary_path());
  if (!plain.ok()) return plain.status();
  absl::StatusOr<std::unique_ptr<AtomicFile>> compressed = AtomicFile::Create(file_->path());
  if (!compressed.ok()) return compressed.status();

  Compressor cctx(ZSTD_createCCtx());
  if (cctx == nullptr) return absl::ResourceExhaustedError("no memory for a zstd encoder");
  ZSTD_CCtx_setParameter(cctx.get(), ZSTD_c_compressionLevel, options_.zstd_level);
  ZSTD_CCtx_setParameter(cctx.get(), ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setPledgedSrcSize(cctx.get(), kVpt1HeaderBytes + 8 * header_.records);

  std::vector<char> chunk(kChunkBytes);
  bool last = false;
  while (!last) {
    const absl::StatusOr<size_t> got = (*plain)->Read(chunk.data(), chunk.size());
    if (!got.ok()) return got.status();
    last = *got < chunk.size();
    absl::Status status = CompressChunk(cctx.get(), {chunk.data(), *got}, last, **compressed);
    if (!status.ok()) return status;
  }
  return (*compressed)->Commit();
}

absl::StatusOr<Vpt1Header> WriteVpt1(const std::string& path, std::span<const uint64_t> words,
                                     const Vpt1WriterOptions& options) {
  absl::StatusOr<std::unique_ptr<Vpt1Writer>> writer = Vpt1Writer::Create(path, options);
  if (!writer.ok()) return writer.status();
  if (absl::Status status = (*writer)->Append(words); !status.ok()) return status;
  return (*writer)->Finish();
}

}  // namespace vmsim::scenarios
