#include "scenarios/generators.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "scenarios/zipf.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

// All of a generator's records, asked for in pieces of changing size.
std::vector<uint64_t> Generate(const GeneratorConfig& config) {
  auto source = MakeGenerator(config);
  EXPECT_TRUE(source.ok()) << source.status();
  std::vector<uint64_t> records;
  if (!source.ok()) return records;
  for (size_t piece = 1;; piece = piece * 3 % 4001) {
    const size_t before = records.size();
    records.resize(before + piece);
    const size_t got = (*source)->Fill(records.data() + before, piece);
    records.resize(before + got);
    if (got == piece) continue;
    uint64_t word;
    EXPECT_EQ((*source)->Fill(&word, 1), 0u) << "the end stays";
    return records;
  }
}

// Vectors: what ran on a real Linux kernel. Each line has the first references ("w" marks a write),
// the length and a hash of one sequence.

const std::pair<std::string, GeneratorKind> kRecordedNames[] = {
    {"seqloop", GeneratorKind::kLoop},    {"zigzag", GeneratorKind::kZigzag},
    {"stride", GeneratorKind::kStrided},  {"chase", GeneratorKind::kChase},
    {"uniform", GeneratorKind::kUniform}, {"zipf", GeneratorKind::kZipf},
    {"hotscan", GeneratorKind::kHotset},  {"phase", GeneratorKind::kPhases},
};

GeneratorConfig RecordedConfig(const nlohmann::json& line) {
  GeneratorConfig config;
  for (const auto& [name, kind] : kRecordedNames) {
    if (line.at("workload") == name) config.kind = kind;
  }
  const nlohmann::json& params = line.at("params");
  config.pages = line.at("n");
  config.seed = line.at("seed");
  config.passes = params.value("passes", uint64_t{1});
  config.refs = params.value("refs", uint64_t{0});
  config.stride = params.value("stride", uint64_t{1});
  config.s10 = params.value("s10", 10u);
  config.hot_pct = params.value("hot_pct", 0u);
  config.write_pct = params.value("wpct", 0u);
  return config;
}

// FNV-1a over the references as 4-byte little-endian words: page | write << 31.
std::string RefsHash(const std::vector<uint64_t>& records) {
  uint64_t hash = 0xCBF29CE484222325;
  for (uint64_t word : records) {
    const VptRecord record = {word};
    const uint64_t reference = record.page() | (record.writes() ? uint64_t{1} << 31 : 0);
    for (int byte = 0; byte < 4; ++byte) {
      hash = (hash ^ (reference >> (8 * byte) & 0xff)) * 0x100000001B3;
    }
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

TEST(GeneratorsTest, RecordedSequences) {
  std::ifstream file("tests/vectors/linux_refs.jsonl");
  ASSERT_TRUE(file.is_open());
  int lines = 0;
  for (std::string text; std::getline(file, text); ++lines) {
    const nlohmann::json line = nlohmann::json::parse(text);
    SCOPED_TRACE(text.substr(0, 120));
    const GeneratorConfig config = RecordedConfig(line);
    const std::vector<uint64_t> records = Generate(config);
    ASSERT_EQ(records.size(), line.at("refs"));
    EXPECT_EQ(GeneratorLength(config), records.size());
    std::vector<std::string> first;
    for (size_t i = 0; i < line.at("first").size(); ++i) {
      const VptRecord record = {records[i]};
      first.push_back((record.writes() ? "w" : "") + std::to_string(record.page()));
    }
    EXPECT_EQ(first, line.at("first").get<std::vector<std::string>>());
    EXPECT_EQ(RefsHash(records), line.at("refs_hash"));
  }
  EXPECT_EQ(lines, 22);
}

// Property: the recipes written down as they are specified, one reference at a time.

std::vector<uint32_t> Shuffled(uint64_t pages, sim::SplitMix64& random, bool sattolo) {
  std::vector<uint32_t> order(pages);
  std::iota(order.begin(), order.end(), 0);
  for (uint64_t j = pages - 1; j > 0; --j) {
    std::swap(order[j], order[random.Below(sattolo ? j : j + 1)]);
  }
  return order;
}

std::vector<uint64_t> ByRecipe(const GeneratorConfig& c) {
  sim::SplitMix64 r(c.seed), p(c.seed ^ 0x5A495046), w(c.seed ^ 0x5752495445);
  std::vector<uint32_t> next, perm;
  if (c.kind == GeneratorKind::kChase) next = Shuffled(c.pages, r, true);
  if (c.kind == GeneratorKind::kZipf) perm = Shuffled(c.pages, p, false);
  const ZipfTable zipf(c.pages, c.s10);
  const uint64_t n = c.pages, h = n / 8;
  uint64_t at = 0, scanned = 0;
  std::vector<uint64_t> records;
  for (uint64_t i = 0; i < GeneratorLength(c); ++i) {
    uint64_t page = i % n;
    if (c.kind == GeneratorKind::kZigzag && i / n % 2 == 1) page = n - 1 - i % n;
    if (c.kind == GeneratorKind::kStrided) {
      const uint64_t k = i % n * c.stride;
      page = (k + k / n) % n;
    }
    if (c.kind == GeneratorKind::kChase) {
      page = at;
      at = next[at];
    }
    if (c.kind == GeneratorKind::kUniform) page = r.Below(n);
    if (c.kind == GeneratorKind::kZipf) page = perm[zipf.Rank(r.Below(zipf.total()))];
    if (c.kind == GeneratorKind::kHotset) {
      page = r.Below(100) < c.hot_pct ? r.Below(h) : h + scanned++ % (n - h);
    }
    if (c.kind == GeneratorKind::kPhases) {
      page = (i * 4 / c.refs * (n / 4) + r.Below(n * 3 / 8)) % n;
    }
    const bool write = c.write_pct > 0 && w.Below(100) < c.write_pct;
    records.push_back(MakeRecord(page, write ? kStore : kLoad, 1).word);
  }
  return records;
}

TEST(GeneratorsTest, AgreeWithTheRecipes) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    sim::SplitMix64 random(seed);
    GeneratorConfig config;
    config.kind = static_cast<GeneratorKind>(random.Below(9));
    config.pages = 8 + random.Below(random.Below(2) == 0 ? 20 : 3000);
    config.passes = config.kind == GeneratorKind::kSequential ? 1 : 1 + random.Below(4);
    config.refs = 1 + random.Below(5000);
    config.stride = 1 + random.Below(random.Below(2) == 0 ? 100 : (uint64_t{1} << 32) - 1);
    config.s10 = 8 + 2 * static_cast<uint32_t>(random.Below(3));
    config.hot_pct = static_cast<uint32_t>(random.Below(101));
    config.write_pct = random.Below(2) == 0 ? 0 : static_cast<uint32_t>(random.Below(101));
    config.seed = random.Next();
    ASSERT_EQ(Generate(config), ByRecipe(config))
        << "seed " << seed << ": " << GeneratorKindName(config.kind) << ", pages " << config.pages
        << ", stride " << config.stride << ", refs " << config.refs;
  }
}

std::string Pages(const GeneratorConfig& config) {
  std::string text;
  for (uint64_t word : Generate(config)) {
    text += (text.empty() ? "" : " ") + std::to_string(VptRecord{word}.page());
  }
  return text;
}

TEST(GeneratorsTest, SmallSequences) {
  EXPECT_EQ(Pages({.kind = GeneratorKind::kSequential, .pages = 4}), "0 1 2 3");
  EXPECT_EQ(Pages({.kind = GeneratorKind::kLoop, .pages = 3, .passes = 2}), "0 1 2 0 1 2");
  EXPECT_EQ(Pages({.kind = GeneratorKind::kZigzag, .pages = 3, .passes = 3}), "0 1 2 2 1 0 0 1 2");
  EXPECT_EQ(Pages({.kind = GeneratorKind::kStrided, .pages = 6, .stride = 2}), "0 2 4 1 3 5");
  for (GeneratorKind kind : {GeneratorKind::kLoop, GeneratorKind::kZigzag, GeneratorKind::kStrided,
                             GeneratorKind::kChase}) {
    EXPECT_EQ(Pages({.kind = kind, .pages = 1, .passes = 3}), "0 0 0") << GeneratorKindName(kind);
  }
  EXPECT_EQ(Pages({.kind = GeneratorKind::kUniform, .pages = 1, .refs = 2}), "0 0");
  EXPECT_EQ(Pages({.kind = GeneratorKind::kZipf, .pages = 1, .refs = 2}), "0 0");
  EXPECT_EQ(Pages({.kind = GeneratorKind::kHotset, .pages = 8, .refs = 9, .hot_pct = 0}),
            "1 2 3 4 5 6 7 1 2");
}

TEST(GeneratorsTest, WritesDoNotMovePages) {
  for (const auto& [name, kind] : kRecordedNames) {
    GeneratorConfig config = {.kind = kind, .pages = 100, .passes = 10, .refs = 1000, .seed = 9};
    const std::vector<uint64_t> reads = Generate(config);
    config.write_pct = 100;
    const std::vector<uint64_t> writes = Generate(config);
    ASSERT_EQ(reads.size(), writes.size());
    for (size_t i = 0; i < reads.size(); ++i) {
      ASSERT_EQ(VptRecord{writes[i]}, MakeRecord(VptRecord{reads[i]}.page(), kStore, 1)) << name;
    }
  }
}

TEST(GeneratorsTest, LargestSizes) {
  // No tables: the largest number of pages costs nothing.
  constexpr uint64_t kMaxPages = (uint64_t{1} << 32) - 1;
  uint64_t word;
  for (GeneratorKind kind :
       {GeneratorKind::kLoop, GeneratorKind::kZigzag, GeneratorKind::kStrided,
        GeneratorKind::kUniform, GeneratorKind::kHotset, GeneratorKind::kPhases}) {
    const GeneratorConfig config = {.kind = kind,
                                    .pages = kMaxPages,
                                    .passes = kMaxReferences / kMaxPages,
                                    .refs = kMaxReferences,
                                    .stride = kMaxPages};
    auto source = MakeGenerator(config);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ((*source)->Fill(&word, 1), 1u);
    EXPECT_LT(VptRecord{word}.page(), kMaxPages);
    EXPECT_LE(GeneratorLength(config), kMaxReferences);
    EXPECT_EQ(GeneratorTableBytes(config), 0u);
  }
}

struct BadConfig {
  std::string_view want;
  GeneratorConfig config;
};
const BadConfig kBadConfigs[] = {
    {"kind: 77 ", {.kind = static_cast<GeneratorKind>(77), .pages = 1}},
    {"pages: 0 is outside 1..4294967295", {.kind = GeneratorKind::kSequential}},
    {"pages: 4294967296 is outside",
     {.kind = GeneratorKind::kUniform, .pages = uint64_t{1} << 32, .refs = 1}},
    {"pages (of zipf): 268435457 is outside 1..268435456",
     {.kind = GeneratorKind::kZipf, .pages = (1 << 28) + 1, .refs = 1}},
    {"pages (of chase): 268435457", {.kind = GeneratorKind::kChase, .pages = (1 << 28) + 1}},
    {"pages (of hotset): 7 is outside 8..",
     {.kind = GeneratorKind::kHotset, .pages = 7, .refs = 1}},
    {"pages (of phases): 3 is outside 4..",
     {.kind = GeneratorKind::kPhases, .pages = 3, .refs = 1}},
    {"passes: sequential makes 1 pass, not 2",
     {.kind = GeneratorKind::kSequential, .pages = 1, .passes = 2}},
    {"passes: 0 is outside", {.kind = GeneratorKind::kLoop, .pages = 1, .passes = 0}},
    {"passes: 18446744073709551615 is outside 1..1152921504606846976",
     {.kind = GeneratorKind::kChase, .pages = 1, .passes = ~uint64_t{0}}},
    {"passes: 4294967297 is outside 1..268435456",
     {.kind = GeneratorKind::kLoop, .pages = uint64_t{0xffffffff}, .passes = 0x100000001}},
    {"refs: 0 is outside", {.kind = GeneratorKind::kUniform, .pages = 1}},
    {"refs: 1152921504606846977 is outside",
     {.kind = GeneratorKind::kPhases, .pages = 8, .refs = kMaxReferences + 1}},
    {"stride: 0 is outside", {.kind = GeneratorKind::kStrided, .pages = 8, .stride = 0}},
    {"stride: 4294967296 is outside",
     {.kind = GeneratorKind::kStrided, .pages = 8, .stride = uint64_t{1} << 32}},
    {"s10: 9 ", {.kind = GeneratorKind::kZipf, .pages = 8, .refs = 1, .s10 = 9}},
    {"hot_pct: 101 is outside 0..100",
     {.kind = GeneratorKind::kHotset, .pages = 8, .refs = 1, .hot_pct = 101}},
    {"write_pct: 101 is outside 0..100",
     {.kind = GeneratorKind::kLoop, .pages = 8, .write_pct = 101}},
};

TEST(GeneratorsTest, BadConfigsNameTheField) {
  for (const BadConfig& bad : kBadConfigs) {
    const absl::Status status = MakeGenerator(bad.config).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << bad.want << ": " << status;
    EXPECT_EQ(std::string(status.message()).rfind(bad.want, 0), 0u) << status;
    EXPECT_EQ(ValidateGenerator(bad.config), status);
  }
}

TEST(GeneratorsTest, Names) {
  for (int kind = 0; kind <= static_cast<int>(GeneratorKind::kPhases); ++kind) {
    const auto name = GeneratorKindName(static_cast<GeneratorKind>(kind));
    EXPECT_EQ(GeneratorKindFromName(name), static_cast<GeneratorKind>(kind)) << name;
  }
  EXPECT_EQ(GeneratorKindFromName("zipfian"), std::nullopt);
}

}  // namespace
}  // namespace vmsim::scenarios
