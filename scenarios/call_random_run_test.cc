// Long random sequences of calls: against a naive model of one map's pages, and, where no model
// says what comes out, against the invariants of the machine. Each failure names its seed.
#include <array>
#include <string>

#include "absl/strings/str_cat.h"
#include "scenarios/run_text.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

// --- A model ---

constexpr int kPages = 40;

struct Page {
  bool mapped = true;
  bool readable = true;
  bool writable = true;
  bool wired = false;
  bool present = false;  // In the page table.
  bool unsure =
      false;  // Whether it is: a call failed on the way, or a fault next to it maps it, too.
};

// Makes steps on a map "m" and says what each must come to.
class ModelledSteps {
 public:
  explicit ModelledSteps(uint64_t seed) : random_(seed) {}

  std::string Steps(int count) {
    steps_ = absl::StrCat("steps { map { name: 'm' pages: ", kPages, " } }\n");
    for (int i = 0; i < count; ++i) AddStep();
    return steps_;
  }
  // "label" and what mincore must have counted.
  const std::vector<std::pair<std::string, int64_t>>& incore() const { return incore_; }

 private:
  template <typename Predicate>
  bool Any(Predicate predicate) const {
    for (int i = first_; i < end_; ++i) {
      if (predicate(pages_[static_cast<size_t>(i)])) return true;
    }
    return false;
  }
  template <typename Change>
  void Each(Change change) {
    for (int i = first_; i < end_; ++i) {
      Page& page = pages_[static_cast<size_t>(i)];
      if (page.mapped) change(page);
    }
  }
  bool AnyHole() const {
    return Any([](const Page& page) { return !page.mapped; });
  }

  void Draw() {
    first_ = static_cast<int>(random_.Below(kPages));
    end_ = first_ + 1 + static_cast<int>(random_.Below(static_cast<uint64_t>(kPages - first_)));
    if (random_.Below(2) == 0) end_ = std::min(end_, first_ + 4);
  }
  // In pages, or in bytes that reach into the same ones.
  std::string Range() {
    if (random_.Below(2) == 0) {
      return absl::StrCat("map: 'm' first_page: ", first_, " pages: ", end_ - first_);
    }
    const auto cut = static_cast<int>(random_.Below(2048));
    return absl::StrCat("map: 'm' offset_bytes: ", first_ * 4096 + cut,
                        " length_bytes: ", (end_ - first_) * 4096 - cut - (cut + 1) / 2);
  }
  void Call(const std::string& call, const std::string& fields, const char* error) {
    absl::StrAppend(&steps_, "steps { ", call, " { span { ", Range(), " } ", fields,
                    " } expect_errno: '", error, "' }\n");
  }

  void AddStep() {
    Draw();
    switch (random_.Below(10)) {
      case 0:
        return random_.Below(6) == 0 ? Unmap() : Touch(false);
      case 1:
      case 2:
        return Touch(true);
      case 3:
        return Lock();
      case 4:
        return Unlock();
      case 5:
        return Sync(random_.Below(2) == 0);
      case 6:
        return Protect(random_.Below(3));
      case 7:
        return Call("madvise", random_.Below(2) == 0 ? "advice: DONTNEED" : "advice: RANDOM", "0");
      case 8:
        return Call("minherit", "inheritance: COPY", "0");
      default:
        return AskIncore();
    }
  }

  void Unmap() {
    absl::StrAppend(&steps_, "steps { unmap { ", Range(), " } }\n");
    Each([](Page& page) { page = {.mapped = false}; });
  }

  // Only what does not end the process.
  void Touch(bool write) {
    if (Any([&](const Page& page) {
          return !page.mapped || !page.readable || (write && !page.writable);
        })) {
      return;
    }
    absl::StrAppend(&steps_, "steps { touch { map: 'm' first_page: ", first_,
                    " pages: ", end_ - first_, write ? " write: true" : "", " } }\n");
    Each([](Page& page) {
      page.present = true;
      page.unsure = false;
    });
  }

  void Lock() {
    if (Any([](const Page& page) { return !page.mapped || !page.readable; })) {
      Call("mlock", "", "ENOMEM");
      Each([](Page& page) { page.unsure = true; });
      return;
    }
    Call("mlock", "", "0");
    Each([](Page& page) {
      page.wired = page.present = true;
      page.unsure = false;
    });
  }

  void Unlock() {
    Call("munlock", "", AnyHole() ? "ENOMEM" : "0");
    if (!AnyHole()) Each([](Page& page) { page.wired = false; });
  }

  // Page by page, and the first that does not pass decides.
  void Sync(bool invalidate) {
    const char* error = "0";
    for (int i = end_ - 1; i >= first_; --i) {
      const Page& page = pages_[static_cast<size_t>(i)];
      if (!page.mapped) error = "ENOMEM";
      if (page.mapped && page.wired && invalidate) error = "EBUSY";
    }
    Call("msync", invalidate ? "invalidate: true" : "", error);
    if (!invalidate) return;
    Each([&](Page& page) { page.unsure |= page.present && !page.wired; });
  }

  // Wired pages keep some access: without, they would neither be wired nor not.
  void Protect(uint64_t kind) {
    if (kind == 0 && Any([](const Page& page) { return page.wired; })) return;
    const char* const fields[] = {"", "read: true", "read: true write: true"};
    Call("mprotect", fields[kind], "0");
    Each([&](Page& page) {
      page.readable = kind > 0;
      page.writable = kind > 1;
      if (kind == 0) page.unsure |= page.present;
    });
  }

  void AskIncore() {
    if (AnyHole()) return Call("mincore", "", "ENOMEM");
    if (Any([](const Page& page) { return page.unsure; })) return;
    int64_t present = 0;
    Each([&](Page& page) { present += page.present; });
    const std::string label = absl::StrCat("in", incore_.size());
    absl::StrAppend(&steps_, "steps { mincore { span { ", Range(), " } } label: '", label, "' }\n");
    incore_.emplace_back(label, present);
  }

  sim::SplitMix64 random_;
  std::array<Page, kPages> pages_;
  int first_ = 0;
  int end_ = 0;
  std::string steps_;
  std::vector<std::pair<std::string, int64_t>> incore_;
};

TEST(CallRandomRunTest, AgreesWithAModelOfPages) {
  int64_t answers = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    ModelledSteps modelled(seed);
    const std::string steps = modelled.Steps(60);
    const v1::Result result =
        RunText("memory { pages: 1000 } processes { name: 'p'\n" + steps + " }");
    ASSERT_EQ(Failed(result), Texts{}) << "seed " << seed << "\n" << steps;
    ASSERT_EQ(ProcessOf(result, "p").signal(), 0) << "seed " << seed << "\n" << steps;
    for (const auto& [label, pages] : modelled.incore()) {
      ASSERT_EQ(CallOf(result, "p", label).mincore().incore(), pages)
          << "seed " << seed << ", " << label << "\n"
          << steps;
      ++answers;
    }
    ASSERT_EQ(Counter(result, "v_free_count"), 1000) << "seed " << seed;
    ASSERT_EQ(Counter(result, "swap_reserved"), 0) << "seed " << seed;
  }
  EXPECT_GT(answers, 100);
}

// --- Whatever is called ---

// Steps of which any may fail, in a process and its children, in memory that is too small for them.
class AnySteps {
 public:
  explicit AnySteps(uint64_t seed) : random_(seed) {}

  std::string Steps(int count, int depth) {
    std::string steps;
    for (int i = 0; i < count; ++i) steps += Step(depth);
    return steps;
  }

 private:
  std::string Span() {
    const char* const map = random_.Below(2) == 0 ? "a" : random_.Below(2) == 0 ? "b" : "s";
    const uint64_t first = random_.Below(150);
    const uint64_t pages = 1 + random_.Below(random_.Below(2) == 0 ? 8 : 150 - first);
    return absl::StrCat("map: '", map, "' offset_bytes: ", first * 4096,
                        " length_bytes: ", pages * 4096);
  }
  std::string Call(const std::string& call) {
    return absl::StrCat("steps { ", call, " expect_errno: 'ANY' }\n");
  }
  std::string OneOf(std::initializer_list<const char*> words) {
    return words.begin()[random_.Below(words.size())];
  }

  std::string Step(int depth) {
    switch (random_.Below(14)) {
      case 0:
      case 1:
      case 2: {
        const uint64_t first = random_.Below(140);
        return absl::StrCat("steps { touch { map: '", OneOf({"a", "b", "s"}),
                            "' first_page: ", first, " pages: ", 1 + random_.Below(150 - first),
                            " write: ", OneOf({"true", "true", "false"}), " } }\n");
      }
      case 3:
        return absl::StrCat("steps { generate { map: '", OneOf({"a", "b"}),
                            "' kind: UNIFORM refs: 100 write_pct: 50 } }\n");
      case 4:
        if (random_.Below(8) != 0) return "";
        return Call("unmap { " + Span() + " }");
      case 5:
        return Call("mlock { span { " + Span() + " } }");
      case 6:
        return Call("munlock { span { " + Span() + " } }");
      case 7:
        return Call("madvise { span { " + Span() + " } advice: " +
                    OneOf({"FREE", "DONTNEED", "WILLNEED", "RANDOM", "NORMAL", "NOSYNC"}) + " }");
      case 8:
        return Call("minherit { span { " + Span() +
                    " } inheritance: " + OneOf({"SHARE", "COPY", "COPY", "NONE", "ZERO"}) + " }");
      case 9:
        return Call("mprotect { span { " + Span() +
                    " } read: true write: " + OneOf({"true", "true", "false"}) + " }");
      case 10:
        return Call("msync { span { " + Span() + " } invalidate: " + OneOf({"true", "false"}) +
                    " }");
      case 11:
        return random_.Below(2) == 0 ? Call("mincore { span { " + Span() + " } }")
                                     : Call("wait {}");
      case 12:
        if (random_.Below(4) == 0)
          return Call(
              OneOf({"swapoff { swap: 0 force: true }", "swapoff { swap: 0 }", "swapon { swap: 0 }",
                     "mlockall { current: true }", "mlockall { future: true }", "munlockall {}"}));
        return "steps { sleep { ns: 3000000 } }\n";
      default:
        if (depth == 0) return "";
        return absl::StrCat("steps { fork { name: 'c", children_++, "'\n", Steps(12, depth - 1),
                            "} expect_errno: 'ANY' }\n");
    }
  }

  sim::SplitMix64 random_;
  int children_ = 0;
};

TEST(CallRandomRunTest, InvariantsHoldWhateverIsCalled) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    AnySteps any(seed);
    std::string text = absl::StrCat(
        "seed: ", seed, " memory { pages: 1000 } cpus { count: ", 1 + seed % 3, " }\n",
        "tunables { max_user_wired_pages: 250 mincore_mapped: ", seed % 2 == 0 ? "true" : "false",
        " overcommit: ", seed % 5 == 0 ? 1 : 0, " }\n",
        "freebsd { revision: ", seed % 4 == 0 ? "R13_2" : "R15", " }\n",
        "disks { name: 'd' size_bytes: 8388608 fixed {} }\n",
        "disks { name: 'e' size_bytes: 33554432 fixed {} }\n",
        "swap { disk: 'd' } swap { disk: 'e' } shared_segments { name: 'seg' pages: 150 }\n",
        "limits { max_sim_time_ns: 3000000000000 }\n");
    for (const char* name : {"p", "q"}) {
      absl::StrAppend(&text, "processes { name: '", name, "'\n",
                      "steps { map { name: 'a' pages: 400 } expect_errno: 'ANY' }\n",
                      "steps { map { name: 'b' pages: 150 } expect_errno: 'ANY' }\n",
                      "steps { map { name: 's' shared_segment: 'seg' private: ",
                      std::string(name) == "q" ? "true" : "false", " } expect_errno: 'ANY' }\n",
                      any.Steps(40, 2), "}\n");
    }
    const auto file = ParseScenario(text, "s", {});
    ASSERT_TRUE(file.ok()) << file.status();
    RunOptions options;
    options.check = vm::CheckLevel::kFull;
    options.check_interval_events = 32;
    options.max_events = 300000;
    const auto result = RunScenario(file->scenario, options);
    ASSERT_TRUE(result.ok()) << "seed " << seed << ": " << result.status() << "\n" << text;
    ASSERT_EQ(Failed(*result), Texts{}) << "seed " << seed;
    // What is left is the segment's.
    ASSERT_EQ(Counter(*result, "swap_reserved"), 150) << "seed " << seed << "\n" << text;
    ASSERT_EQ(Counter(*result, "v_wire_count"), 0) << "seed " << seed << "\n" << text;
    ASSERT_GE(Counter(*result, "v_free_count") + 150, 1000) << "seed " << seed << "\n" << text;
  }
}

}  // namespace
}  // namespace vmsim::scenarios
