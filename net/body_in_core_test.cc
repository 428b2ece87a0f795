// The default test: where a page is in every state, what three kernels' mincore says, and that
// asking changes nothing.
#include "net/body_in_core.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "net/residency_story.h"
#include "sim/errno.h"
#include "vm/mincore.h"

namespace vmsim::net {
namespace {

using Story = ResidencyStory;
constexpr int64_t kPage = vm::kPageSize;

TEST(BodyRangeTest, IsWidenedToWholePages) {
  struct Case {
    uint64_t address, bytes, first, pages;
  };
  constexpr Case kCases[] = {
      {0, 0, 0, 0},       {4096, 0, 1, 0},    {4097, 0, 1, 0},    {4096, 1, 1, 1},
      {4096, 4096, 1, 1}, {4096, 4097, 1, 2}, {4097, 4096, 1, 2}, {8191, 1, 1, 1},
      {8191, 2, 1, 2},    {8191, 4096, 1, 2}, {8191, 4098, 1, 3}, {100, 3996, 0, 1},
  };
  for (const Case& c : kCases) {
    const BodyRange range{c.address, c.bytes};
    EXPECT_EQ(range.first_page(), c.first) << c.address << "+" << c.bytes;
    EXPECT_EQ(range.pages(), c.pages) << c.address << "+" << c.bytes;
  }
}

vm::FrameIndex FrameOf(Story& s, std::string_view page) {
  FoundPage found;
  PlaceOf(s.vm(), s.process().space, Story::PageOf(page), &found);
  return found.frame;
}

struct State {
  std::string_view name;
  std::string_view page;
  std::function<void(Story&)> make;
  char place;
};

std::vector<State> States() {
  return {
      {"FileNeverRead", "f0", [](Story&) {}, 'd'},
      {"FileRead", "f0", [](Story& s) { s.Warm("f0"); }, 'I'},
      {"FileReadByAnotherProcess", "f0",
       [](Story& s) { s.world().world().Touch(s.world().Map(1), 0); }, 'I'},
      {"FileEvicted", "f0",
       [](Story& s) {
         s.Warm("f0");
         ASSERT_TRUE(s.Evict("f0"));
       },
       'd'},
      {"FileInTransit", "f0",
       [](Story& s) {
         s.Plan("0 touch f0");
         s.Run(s.engine().now() + 50 * sim::kMicrosecond);
       },
       't'},
      {"FilePartlyValid", "f0",
       [](Story& s) {
         s.Warm("f0");
         s.world().StopChecking();
         s.vm().pages()[FrameOf(s, "f0")].valid = 0x0f;
       },
       'd'},
      {"HeapNeverTouched", "h0", [](Story&) {}, 'z'},
      {"HeapOnlyRead", "h0",
       [](Story& s) {
         s.Plan("0 touch h0");
         s.Run();
       },
       'I'},
      {"HeapWritten", "h0", [](Story& s) { s.Warm("h0"); }, 'I'},
      {"HeapInSwap", "h0", [](Story& s) { s.SwapOut(0, 1); }, 'd'},
      {"HeapComingFromSwap", "h0",
       [](Story& s) {
         s.SwapOut(0, 1);
         s.Plan("0 touch h0");
         s.Run(s.engine().now() + 50 * sim::kMicrosecond);
       },
       't'},
      {"HeapBackFromSwap", "h0",
       [](Story& s) {
         s.SwapOut(0, 1);
         s.Warm("h0");
       },
       'I'},
      {"HeapBeingWrittenOut", "h0",
       [](Story& s) {
         s.Warm("h0");
         FoundPage found;
         PlaceOf(s.vm(), s.process().space, Story::PageOf("h0"), &found);
         static std::vector<vm::PagerResult> results;
         s.world().world().StartPageOut(s.vm().objects()[found.object], 0, 1, true, &results);
         s.Run(s.engine().now() + 50 * sim::kMicrosecond);
         ASSERT_TRUE(s.vm().pages().sbusied(found.frame));
       },
       'I'},
      {"NothingMapped", "x0", [](Story&) {}, '-'},
      {"BehindTheEndOfTheFile", "f200",
       [](Story& s) {
         EXPECT_EQ(s.world().Do(s.world().vfs().ops().Truncate(s.world().open(), 100 * kPage)), 0);
       },
       'd'},
      {"Unmapped", "h0",
       [](Story& s) {
         s.Warm("h0");
         s.Plan("0 unmap");
         s.Run();
       },
       '-'},
  };
}

TEST(PlaceOfTest, APageInEveryState) {
  for (const State& state : States()) {
    SCOPED_TRACE(state.name);
    Story s;
    state.make(s);
    const int64_t faults = s.vm().counters().v_vm_faults;
    EXPECT_EQ(s.Places(state.page), std::string(1, state.place));
    EXPECT_EQ(s.vm().counters().v_vm_faults, faults);
    s.Run();
  }
}

// A child sees its parent's pages, in memory or in swap, until it has its own.
TEST(PlaceOfTest, CopyOnWriteParents) {
  Story s;
  s.Warm("h0 h1");
  s.SwapOut(2, 1);
  vm::Process& child = s.vm().CreateProcess("child", false);
  vm::Forker::LeafMap leaves;
  const vm::Vpage heap = Story::kHeapAt;
  s.process().space.Lookup(heap)->inheritance = vm::Inheritance::kCopy;
  EXPECT_EQ(s.world().Do(s.vm().Fork(s.process(), child, &leaves)), 0);
  // The parent writes page 0: a shadow of its own lies on top of what the two share.
  s.Warm("h0");
  const auto place = [&](vm::Process& process, vm::Vpage page) {
    return "Itdz-"[static_cast<int>(PlaceOf(s.vm(), process.space, page))];
  };
  std::string parents, children;
  for (vm::Vpage i = 0; i < 4; ++i) {
    parents += place(s.process(), heap + i);
    children += place(child, heap + i);
  }
  EXPECT_EQ(parents, "IIdz");
  EXPECT_EQ(children, "IIdz");
  FoundPage mine, theirs;
  PlaceOf(s.vm(), s.process().space, heap, &mine);
  PlaceOf(s.vm(), child.space, heap, &theirs);
  EXPECT_NE(mine.object, theirs.object);
}

// What a call returns and writes, as "0: 1 0" or "ENOMEM: 1".
std::string Ask(Story& s, MincoreConvention convention, uint64_t address, uint64_t length,
                bool vector = true) {
  std::vector<uint8_t> vec = {0xee};
  const int error =
      MincoreAs(convention, s.vm(), s.process(), address, length, vector ? &vec : nullptr);
  std::string text = error == 0              ? "0:"
                     : error == sim::kEfault ? "EFAULT:"
                                             : std::string(ErrnoName(error)) + ":";
  if (vec == std::vector<uint8_t>{0xee}) return text + " untouched";
  for (const uint8_t byte : vec) text += " " + std::to_string(byte);
  return text;
}

// The table of the header, a row a case: linux, netbsd, freebsd. Pages h0 written, h1 only read, h2
// never touched, h3 in swap; f0 read; x0 a hole behind the heap's last page.
TEST(MincoreAsTest, ThreeKernels) {
  struct Case {
    std::string_view name;
    uint64_t address, length;
    std::string_view linux, netbsd, freebsd;
    bool vector = true;
  };
  constexpr uint64_t kHeap = Story::kHeapAt * kPage;
  constexpr uint64_t kFile = Story::kFileAt * kPage;
  constexpr uint64_t kEnd = kHeap + 256 * kPage;
  constexpr uint8_t kUsed = 1 + 2 + 8, kStored = kUsed + 4 + 0x10;
  static_assert(kUsed == 11 && kStored == 31);
  constexpr Case kCases[] = {
      {"Written", kHeap, 4096, "0: 1", "0: 1", "0: 31"},
      {"OnlyRead", kHeap + 4096, 4096, "0: 1", "0: 1", "0: 11"},
      {"NeverTouched", kHeap + 8192, 4096, "0: 0", "0: 0", "0: 0"},
      {"InSwap", kHeap + 3 * 4096, 4096, "0: 0", "0: 0", "0: 0"},
      {"File", kFile, 8192, "0: 1 0", "0: 1 0", "0: 11 0"},
      {"OneByteIsOnePage", kHeap, 1, "0: 1", "0: 1", "0: 31"},
      {"PageAndAByteAreTwo", kHeap, 4097, "0: 1 1", "0: 1 1", "0: 31 11"},
      {"UnalignedStart", kHeap + 1, 4096, "EINVAL: untouched", "EINVAL: untouched", "0: 31 11"},
      {"LengthZero", kHeap, 0, "0: untouched", "EINVAL: untouched", "0: untouched"},
      {"LengthZeroInAHole", kEnd, 0, "0: untouched", "EINVAL: untouched", "0: untouched"},
      {"HoleBehind", kEnd - 4096, 8192, "ENOMEM: 0", "ENOMEM: 0", "ENOMEM: 0"},
      {"HoleAtOnce", kEnd, 4096, "ENOMEM:", "ENOMEM:", "ENOMEM:"},
      {"Wraps", kHeap, UINT64_MAX - 100, "ENOMEM: untouched", "ENOMEM: untouched",
       "ENOMEM: untouched"},
      {"BadVector", kHeap, 4096, "EFAULT: untouched", "EFAULT: untouched", "EFAULT: untouched",
       false},
      {"BadVectorAndNothingToWrite", kHeap, 0, "0: untouched", "EINVAL: untouched", "0: untouched",
       false},
      {"BadVectorAndUnaligned", kHeap + 1, 4096, "EINVAL: untouched", "EINVAL: untouched",
       "EFAULT: untouched", false},
  };
  Story s;
  s.SwapOut(3, 1);
  s.Warm("h0 f0");
  s.Plan("0 touch h1");
  s.Run();
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Ask(s, MincoreConvention::kLinux, c.address, c.length, c.vector), c.linux);
    EXPECT_EQ(Ask(s, MincoreConvention::kNetbsd, c.address, c.length, c.vector), c.netbsd);
    EXPECT_EQ(Ask(s, MincoreConvention::kFreebsd, c.address, c.length, c.vector), c.freebsd);
  }
}

// Since 5.2 Linux tells nobody about the pages of a file that he may not write.
TEST(MincoreAsTest, LinuxConcealsFilesThatAreNotWritable) {
  Story s;
  s.Warm("f0 h0");
  s.process().space.Lookup(Story::kFileAt)->max_protection = vm::kProtRead;
  s.process().space.Lookup(Story::kHeapAt)->max_protection = vm::kProtRead;
  const uint64_t file = Story::kFileAt * kPage, heap = Story::kHeapAt * kPage;
  EXPECT_EQ(Ask(s, MincoreConvention::kLinux, file, 3 * kPage), "0: 1 1 1");
  EXPECT_EQ(Ask(s, MincoreConvention::kNetbsd, file, 3 * kPage), "0: 1 0 0");
  EXPECT_EQ(Ask(s, MincoreConvention::kFreebsd, file, 3 * kPage), "0: 11 0 0");
  EXPECT_EQ(Ask(s, MincoreConvention::kLinux, heap, 2 * kPage), "0: 1 0");
}

TEST(MincoreAsTest, LinuxTakesAPageForItsAnswers) {
  Story s;
  s.Warm("h0");
  const uint64_t heap = Story::kHeapAt * kPage;
  const int32_t free = s.vm().domain().free_count();
  s.vm().domain().ForceFreeCount(0);
  EXPECT_EQ(Ask(s, MincoreConvention::kLinux, heap, kPage), "EAGAIN: untouched");
  EXPECT_EQ(Ask(s, MincoreConvention::kLinux, heap, 0), "0: untouched");
  EXPECT_EQ(Ask(s, MincoreConvention::kNetbsd, heap, kPage), "0: 1");
  EXPECT_EQ(Ask(s, MincoreConvention::kFreebsd, heap, kPage), "0: 31");
  s.vm().domain().ForceFreeCount(free);
}

struct Body {
  std::string_view name;
  std::string_view body;
  std::string_view warm;
  std::string_view want;  // "in 2/0/0 1": pages, absent, of those zero fill, calls.
};
constexpr Body kBodies[] = {
    {"Empty", "", "", "in 0/0/0 0"},
    {"EmptyRange", "f0+0", "", "in 0/0/0 0"},
    {"EmptyRangeInAHole", "x0+0", "", "in 0/0/0 0"},
    {"OneByte", "f0+1", "f0", "in 1/0/0 1"},
    {"OnePage", "f0+4096", "f0", "in 1/0/0 1"},
    {"OnePageAndAByte", "f0+4097", "f0", "out 2/1/0 1"},
    {"OnePageUnaligned", "f1+4096", "f0", "out 2/1/0 1"},
    {"OnePageUnalignedInCore", "f1+4096", "f0 f1", "in 2/0/0 1"},
    {"LastPageIsAbsent", "f0+16384", "f0 f1 f2", "out 4/1/0 1"},
    {"FirstPageIsAbsent", "f0+16384", "f1 f2 f3", "out 4/1/0 1"},
    {"TwoRanges", "f0+4096,h0+4096", "f0 h0", "in 2/0/0 2"},
    {"SecondRangeIsAbsent", "f0+4096,f4096+1", "f0", "out 2/1/0 2"},
    {"UntouchedHeap", "h0+8192", "h0", "out 2/1/1 1"},
    {"HoleBehind", "h1044480+4097", "h255", "ENOMEM"},
    {"HoleInTheSecond", "f0+1,x0+1", "f0", "ENOMEM"},
};

TEST(BodyInCoreTest, Bodies) {
  for (const Body& body : kBodies) {
    SCOPED_TRACE(body.name);
    Story s;
    s.Warm(body.warm);
    BodyInCore test(s.engine(), s.vm(), {.audit = true});
    const std::vector<BodyRange> ranges = Story::Body(body.body);
    const sim::SimTime start = s.engine().now();
    const std::string before = s.Digest();
    const CoreAnswer answer = s.world().Do(test.Ask(s.process(), ranges));
    const std::string numbers = std::to_string(answer.pages) + "/" + std::to_string(answer.absent) +
                                "/" + std::to_string(answer.zero_fill) + " " +
                                std::to_string(answer.calls);
    EXPECT_EQ(answer.error != 0 ? std::string(ErrnoName(answer.error))
                                : (answer.in_core ? "in " : "out ") + numbers,
              body.want);
    EXPECT_EQ(s.engine().now() - start, answer.calls * 500 + answer.pages * 20);
    EXPECT_EQ(test.changes(), 0);
    EXPECT_EQ(s.Digest(), before);
  }
}

TEST(BodyInCoreTest, WhatChangesWouldBeSeen) {
  Story s;
  s.Warm("f0 h0");
  s.world().StopChecking();
  const std::vector<BodyRange> body = Story::Body("f0+1,h0+1");
  // Each of these a call could change; the fingerprints before and after would differ.
  const vm::FrameIndex frame = FrameOf(s, "f0");
  const std::vector<std::function<void()>> changes = {
      [&] { s.vm().pages()[frame].aflags ^= vm::kPgaReferenced; },
      [&] { s.vm().pages()[frame].act_count ^= 1; },
      [&] { s.vm().pages().links(frame).next ^= 1; },
      [&] {
        const vm::MapEntry* entry = s.process().space.Lookup(Story::kFileAt);
        s.vm().page_tables().entries()[entry->slot] ^= vm::kPteAccessed;
      },
  };
  for (const auto& change : changes) {
    const auto print = [&] { return BodyFingerprint(s.vm(), s.process().space, body[0]); };
    const uint64_t before = print();
    EXPECT_EQ(print(), before);
    change();
    EXPECT_NE(print(), before);
    change();
    EXPECT_EQ(print(), before);
  }
}

}  // namespace
}  // namespace vmsim::net
