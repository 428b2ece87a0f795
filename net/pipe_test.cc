#include "net/pipe.h"

#include <algorithm>
#include <deque>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "net/epoll_story.h"
#include "net/thread_story.h"
#include "sim/random.h"

namespace vmsim::net {
namespace {

struct Story {
  std::string_view name, text, want;
};

constexpr Story kStories[] = {
    {"BytesComeOutAgain", "pipe r w; write w 10; read r 4; read r 100; read r 1", "4 6 EAGAIN"},
    {"EndOfFileWithoutAWriter", "pipe r w; write w 3; close w; read r 2; read r 2; read r 2",
     "2 1 0"},
    {"EPIPE", "pipe r w; close r; write w 1; write w 0", "EPIPE"},
    {"EBADF_TheWrongEnd", "pipe r w; read w 1; write r 1", "EBADF EBADF"},
    {"NothingOfNothing", "pipe r w; read r 0; write w 0; close w; read r 0", "0 0"},
    // Slots.
    {"WholePagesFillSlots", "pipe r w 2; write w 4096; write w 4096; write w 1", "EAGAIN"},
    {"ALongWriteIsCutAtTheEnd", "pipe r w 2; write w 10000; read r 10000", "8192 8192"},
    {"SmallWritesShareAPage", "pipe r w 1; write w 1000; write w 3096; write w 1", "EAGAIN"},
    {"WhatDoesNotFitTakesANewPage",
     "pipe r w 2; write w 1000; write w 3097; write w 999; write w 1", "EAGAIN"},
    {"APageIsFilledAtItsEndOnly",
     // 96 bytes were read from the front of the page; its end is where it was.
     "pipe r w 1; write w 4096; read r 96; write w 1", "96 EAGAIN"},
    {"TheRestOfALongWriteGoesFirst",
     // 4097 is one page and a byte: the byte tops up, the page finds no slot.
     "pipe r w 1; write w 10; write w 4097; write w 4085; write w 1", "1 EAGAIN"},
    {"AnEmptiedPageIsFree", "pipe r w 1; write w 10; read r 10; write w 4096", "10"},
    // Readiness.
    {"ReadEnd", "pipe r w; poll r; write w 1; poll r; close w; poll r; read r 1; poll r",
     "() (in) (in hup) 1 (hup)"},
    {"WriteEnd", "pipe r w 1; poll w; write w 1; poll w; read r 1; poll w; close r; poll w",
     "(out) () 1 (out) (out err)"},
    {"AFullWriteEndWithoutReader", "pipe r w 1; write w 4096; close r; poll w", "(err)"},
    // Who is told, seen by edge-triggered watchers.
    {"EveryWriteTellsTheReader",
     "epoll e; pipe r w 1; add e r in,et; write w 4096; wait e; wait e; write w 1; wait e",
     "[r:in] [] EAGAIN [r:in]"},
    {"AWriteOfNothingTellsNobody",
     "epoll e; pipe r w; add e r in,et; write w 1; wait e; write w 0; wait e", "[r:in] []"},
    {"OnlyAPageOfAFullPipeTellsTheWriter",
     "epoll e; pipe r w 2; add e w out,et; wait e; write w 4096; read r 4096; wait e;"
     "write w 4096; write w 4096; read r 100; wait e; read r 3996; wait e; read r 4096; wait e",
     "[w:out] 4096 [] 100 [] 3996 [w:out] 4096 []"},
    {"ClosingTellsTheOtherEnd",
     "epoll e; pipe r w; pipe s x; add e r in,et; add e x out,et; wait e; close w; close s; wait "
     "e; "
     "wait e",
     "[x:out] [r:hup x:out,err] []"},
    {"WithoutReaderNoWriterIsTold",
     "epoll e; pipe r w; dup r q; add e w et; close r; wait e; "
     "close q; wait e",
     "[] [w:err]"},
};

class PipeStoryTest : public testing::TestWithParam<Story> {};
TEST_P(PipeStoryTest, Story) {
  EpollStory story;
  EXPECT_EQ(story.Run(GetParam().text), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(, PipeStoryTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// Against a model that keeps every byte with its page.
TEST(PipePropertyTest, AgreesWithANaiveModel) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    sim::SplitMix64 random(seed);
    ThreadStory s;
    const auto slots = static_cast<int>(1 + random.Below(5));
    const Pipe pipe = Pipe::Create(s.files, slots);
    struct Page {
      int64_t end, left;
    };
    std::deque<Page> pages;
    for (int step = 0; step < 400; ++step) {
      const auto n = static_cast<int64_t>(1 + random.Below(random.Below(2) == 0 ? 100 : 9000));
      int64_t moved = 0;
      IoResult got;
      if (random.Below(2) == 0) {
        const int64_t odd = n % kPipePageBytes;
        if (!pages.empty() && odd > 0 && pages.back().end + odd <= kPipePageBytes) {
          pages.back().end += odd;
          pages.back().left += odd;
          moved = odd;
        }
        while (moved < n && pages.size() < static_cast<size_t>(slots)) {
          const int64_t some = std::min(n - moved, kPipePageBytes);
          pages.push_back({some, some});
          moved += some;
        }
        got = pipe.writer->TryWrite(n, IoMode::kNonBlocking);
      } else {
        while (moved < n && !pages.empty()) {
          const int64_t some = std::min(n - moved, pages.front().left);
          pages.front().left -= some;
          moved += some;
          if (pages.front().left == 0) pages.pop_front();
        }
        got = pipe.reader->TryRead(n, IoMode::kNonBlocking);
      }
      ASSERT_EQ(got.bytes, moved) << "seed " << seed << " step " << step;
      ASSERT_EQ(got.error, moved > 0 ? 0 : kEagain);
      ASSERT_EQ(pipe.reader->Peek(sim::kEventIn) != 0, !pages.empty());
      ASSERT_EQ(pipe.writer->Peek(sim::kEventOut) != 0, pages.size() < static_cast<size_t>(slots));
    }
  }
}

// ---- Threads.

TEST(PipeThreadTest, AReaderSleepsUntilThereIsSomething) {
  ThreadStory s;
  const Pipe pipe = Pipe::Create(s.files);
  s.Spawn("r", s.Reader("r", Ref<File>(pipe.reader), 100));
  s.At(10, [&] { pipe.writer->TryWrite(30, IoMode::kNonBlocking); });
  EXPECT_EQ(s.Run(), "r:30@10");
}

TEST(PipeThreadTest, AWriterSleepsUntilAllIsTaken) {
  ThreadStory s;
  const Pipe pipe = Pipe::Create(s.files, 2);
  s.Spawn("w", s.Writer("w", Ref<File>(pipe.writer), 5 * kPipePageBytes));
  for (sim::SimTime when : {10, 20, 30}) {
    s.At(when, [&] { pipe.reader->TryRead(kPipePageBytes, IoMode::kNonBlocking); });
  }
  EXPECT_EQ(s.Run(), "w:20480@30");
}

TEST(PipeThreadTest, AWriterThatSleepsIsNoEdgeForTheReader) {
  ThreadStory s;
  const Pipe pipe = Pipe::Create(s.files, 1);
  const Ref<EventPoll> set = EventPoll::Create(s.files);
  ASSERT_EQ(set->AddEntry({pipe.reader.get(), 0}, kEdgeTriggered, sim::kEventIn, 0), 0);
  s.Spawn("w", s.Writer("w", Ref<File>(pipe.writer), kPipePageBytes + 1, 50));
  EXPECT_EQ(s.Run(), "w:4096@50");
  EXPECT_EQ(s.files.epoll().queued + s.files.epoll().already_queued, 1);
}

TEST(PipeThreadTest, TheOtherEndGoes) {
  ThreadStory s;
  Pipe pipe = Pipe::Create(s.files, 1), other = Pipe::Create(s.files, 1);
  s.Spawn("r", s.Reader("r", Ref<File>(pipe.reader), 1));
  s.Spawn("w", s.Writer("w", Ref<File>(other.writer), 2 * kPipePageBytes));
  s.At(10, [&] {
    pipe.writer.reset();
    other.reader.reset();
  });
  EXPECT_EQ(s.Run(), "r:0@10 w:4096@10");
  s.Spawn("v", s.Writer("v", Ref<File>(other.writer), 1));
  EXPECT_EQ(s.Run(), "v:EPIPE@10");
}

TEST(PipeThreadTest, EINTR) {
  ThreadStory s;
  const Pipe pipe = Pipe::Create(s.files, 1);
  sim::Thread* r = s.Spawn("r", s.Reader("r", Ref<File>(pipe.reader), 1));
  s.At(10, [&] { s.engine.Interrupt(r); });
  EXPECT_EQ(s.Run(), "r:EINTR@10");
  sim::Thread* w = s.Spawn("w", s.Writer("w", Ref<File>(pipe.writer), 5000));
  s.At(20, [&] { s.engine.Interrupt(w); });
  EXPECT_EQ(s.Run(), "w:4096@20");  // What it has written it has written.
}

using PipeDeathTest = testing::Test;
TEST(PipeDeathTest, Misuse) {
  ThreadStory s;
  EXPECT_DEATH(Pipe::Create(s.files, 0), "0 slots");
}

}  // namespace
}  // namespace vmsim::net
