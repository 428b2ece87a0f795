#include "scenarios/generators.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "scenarios/page_sequences.h"
#include "scenarios/zipf.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

constexpr uint64_t kWriteStream = 0x5752495445;  // XORed to the seed.
constexpr uint64_t kMaxPages = (uint64_t{1} << 32) - 1;
constexpr uint64_t kMaxTablePages = kMaxZipfRanks;
constexpr size_t kRecordsAtATime =
    512;  // Records made at a time; they stay in the first-level cache.

constexpr std::pair<GeneratorKind, std::string_view> kNames[] = {
    {GeneratorKind::kSequential, "sequential"},
    {GeneratorKind::kLoop, "loop"},
    {GeneratorKind::kZigzag, "zigzag"},
    {GeneratorKind::kStrided, "strided"},
    {GeneratorKind::kChase, "chase"},
    {GeneratorKind::kUniform, "uniform"},
    {GeneratorKind::kZipf, "zipf"},
    {GeneratorKind::kHotset, "hotset"},
    {GeneratorKind::kPhases, "phases"},
};

// A page sequence of a given length, with loads and stores.
template <typename Pages>
class Generator final : public ReferenceSource {
 public:
  explicit Generator(const GeneratorConfig& config)
      : pages_(config),
        left_(GeneratorLength(config)),
        write_pct_(config.write_pct),
        writes_(config.seed ^ kWriteStream) {}

  size_t Fill(uint64_t* records, size_t capacity) override {
    const size_t count = std::min<uint64_t>(capacity, left_);
    for (size_t done = 0; done < count; done += kRecordsAtATime) {
      const size_t block = std::min(kRecordsAtATime, count - done);
      pages_.Fill(records + done, block);
      AddKinds(records + done, block);
    }
    left_ -= count;
    return count;
  }

 private:
  static constexpr uint64_t kOneLoad = MakeRecord(0, kLoad, 1).word;
  static constexpr uint64_t kOneStore = MakeRecord(0, kStore, 1).word;

  void AddKinds(uint64_t* records, size_t count) {
    if (write_pct_ == 0) {
      for (size_t i = 0; i < count; ++i) records[i] |= kOneLoad;
      return;
    }
    sim::SplitMix64 writes = writes_;
    for (size_t i = 0; i < count; ++i) {
      records[i] |= writes.Below(100) < write_pct_ ? kOneStore : kOneLoad;
    }
    writes_ = writes;
  }

  Pages pages_;
  uint64_t left_;
  const uint64_t write_pct_;
  sim::SplitMix64 writes_;
};

bool CountsPasses(GeneratorKind kind) {
  switch (kind) {
    case GeneratorKind::kSequential:
    case GeneratorKind::kLoop:
    case GeneratorKind::kZigzag:
    case GeneratorKind::kStrided:
    case GeneratorKind::kChase:
      return true;
    case GeneratorKind::kUniform:
    case GeneratorKind::kZipf:
    case GeneratorKind::kHotset:
    case GeneratorKind::kPhases:
      return false;
  }
  return false;
}

absl::Status CheckRange(absl::string_view field, uint64_t value, uint64_t low, uint64_t high) {
  if (low <= value && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": ", value, " is outside ", low, "..", high));
}

absl::Status CheckPages(const GeneratorConfig& config) {
  switch (config.kind) {
    case GeneratorKind::kHotset:
      return CheckRange("pages (of hotset)", config.pages, 8, kMaxPages);
    case GeneratorKind::kPhases:
      return CheckRange("pages (of phases)", config.pages, 4, kMaxPages);
    case GeneratorKind::kZipf:
      return CheckRange("pages (of zipf)", config.pages, 1, kMaxTablePages);
    case GeneratorKind::kChase:
      return CheckRange("pages (of chase)", config.pages, 1, kMaxTablePages);
    default:
      return CheckRange("pages", config.pages, 1, kMaxPages);
  }
}

absl::Status CheckLength(const GeneratorConfig& config) {
  if (!CountsPasses(config.kind)) return CheckRange("refs", config.refs, 1, kMaxReferences);
  if (config.kind == GeneratorKind::kSequential && config.passes != 1) {
    return absl::InvalidArgumentError(absl::StrCat("passes: sequential makes 1 pass, not ",
                                                   config.passes, "; use loop for more"));
  }
  return CheckRange("passes", config.passes, 1, kMaxReferences / config.pages);
}

absl::Status CheckKindsOwn(const GeneratorConfig& config) {
  switch (config.kind) {
    case GeneratorKind::kStrided:
      return CheckRange("stride", config.stride, 1, kMaxPages);
    case GeneratorKind::kHotset:
      return CheckRange("hot_pct", config.hot_pct, 0, 100);
    case GeneratorKind::kZipf:
      if (config.s10 == 8 || config.s10 == 10 || config.s10 == 12) return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat(
          "s10: ", config.s10, " is not ten times a known Zipf exponent; use 8, 10 or 12"));
    default:
      return absl::OkStatus();
  }
}

}  // namespace

std::string_view GeneratorKindName(GeneratorKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "unknown";
}

std::optional<GeneratorKind> GeneratorKindFromName(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

absl::Status ValidateGenerator(const GeneratorConfig& config) {
  if (GeneratorKindName(config.kind) == "unknown") {
    return absl::InvalidArgumentError(
        absl::StrCat("kind: ", static_cast<int>(config.kind), " is not a kind of generator"));
  }
  if (absl::Status status = CheckPages(config); !status.ok()) return status;
  if (absl::Status status = CheckLength(config); !status.ok()) return status;
  if (absl::Status status = CheckKindsOwn(config); !status.ok()) return status;
  return CheckRange("write_pct", config.write_pct, 0, 100);
}

uint64_t GeneratorLength(const GeneratorConfig& config) {
  return CountsPasses(config.kind) ? config.passes * config.pages : config.refs;
}

uint64_t GeneratorTableBytes(const GeneratorConfig& config) {
  if (config.kind == GeneratorKind::kChase) return 8 * config.pages;
  if (config.kind == GeneratorKind::kZipf) return 16 * config.pages + 256;
  return 0;
}

absl::StatusOr<std::unique_ptr<ReferenceSource>> MakeGenerator(const GeneratorConfig& config) {
  if (absl::Status status = ValidateGenerator(config); !status.ok()) return status;
  switch (config.kind) {
    case GeneratorKind::kSequential:
    case GeneratorKind::kLoop:
      return std::make_unique<Generator<LoopPages>>(config);
    case GeneratorKind::kZigzag:
      return std::make_unique<Generator<ZigzagPages>>(config);
    case GeneratorKind::kStrided:
      return std::make_unique<Generator<StridedPages>>(config);
    case GeneratorKind::kChase:
      return std::make_unique<Generator<ChasePages>>(config);
    case GeneratorKind::kUniform:
      return std::make_unique<Generator<UniformPages>>(config);
    case GeneratorKind::kZipf:
      return std::make_unique<Generator<ZipfPages>>(config);
    case GeneratorKind::kHotset:
      return std::make_unique<Generator<HotsetPages>>(config);
    case GeneratorKind::kPhases:
      return std::make_unique<Generator<PhasesPages>>(config);
  }
  return absl::InternalError("unreachable: the kind was validated");
}

}  // namespace vmsim::scenarios
