#include "net/send_buffer.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sim/random.h"

namespace vmsim::net {
namespace {

// Segments are named by letters; `freed` says which have gone, in order.
struct Memory {
  std::string freed;

  static void Free(void* memory, uint64_t letter) {
    static_cast<Memory*>(memory)->freed += static_cast<char>(letter);
  }
  ExternalSegment Segment(int64_t bytes, char letter) {
    return {bytes, Free, this, static_cast<uint64_t>(letter)};
  }
};

std::string Levels(const SendBuffer& buffer) {
  return std::to_string(buffer.ready()) + " of " + std::to_string(buffer.used());
}

TEST(SendBufferTest, PlainBytesAreOneNumber) {
  SendBuffer buffer;
  buffer.Append(10);
  buffer.Append(5);
  EXPECT_EQ(Levels(buffer), "15 of 15");
  buffer.Take(12);
  EXPECT_EQ(Levels(buffer), "3 of 3");
}

TEST(SendBufferTest, ASegmentIsFreedWithItsLastByte) {
  Memory memory;
  SendBuffer buffer;
  buffer.Append(10);
  buffer.AppendExternal(memory.Segment(100, 'a'), true);
  buffer.AppendExternal(memory.Segment(100, 'b'), true);
  buffer.Append(7);
  EXPECT_EQ(Levels(buffer), "217 of 217");
  EXPECT_EQ(buffer.external_segments(), 2);
  buffer.Take(109);
  EXPECT_EQ(memory.freed, "");
  buffer.Take(2);
  EXPECT_EQ(memory.freed, "a");
  buffer.Take(99);
  EXPECT_EQ(memory.freed, "ab");
  buffer.Take(7);
  EXPECT_EQ(Levels(buffer), "0 of 0");
  buffer.Append(3);
  EXPECT_EQ(Levels(buffer), "3 of 3");
}

TEST(SendBufferTest, WhatIsNotReadyHoldsUpAllBehindIt) {
  Memory memory;
  SendBuffer buffer;
  buffer.Append(10);
  const SendBuffer::SegmentId a = buffer.AppendExternal(memory.Segment(100, 'a'), false);
  const SendBuffer::SegmentId b = buffer.AppendExternal(memory.Segment(100, 'b'), false);
  EXPECT_EQ(b, a + 1);
  buffer.Append(7);
  buffer.AppendExternal(memory.Segment(50, 'c'), true);
  const SendBuffer::SegmentId d = buffer.AppendExternal(memory.Segment(20, 'd'), false);
  EXPECT_EQ(Levels(buffer), "10 of 287");
  buffer.MarkReady(d, 1);  // Behind the first that is not.
  EXPECT_EQ(Levels(buffer), "10 of 287");
  buffer.MarkReady(a, 1);
  EXPECT_EQ(Levels(buffer), "110 of 287");
  buffer.Take(110);
  EXPECT_EQ(memory.freed, "a");
  buffer.MarkReady(b, 1);
  EXPECT_EQ(Levels(buffer), "177 of 177");
  buffer.Take(177);
  EXPECT_EQ(memory.freed, "abcd");
}

TEST(SendBufferTest, ClearFreesWhatIsReadyAndTheRestLater) {
  Memory memory;
  {
    SendBuffer buffer;
    buffer.AppendExternal(memory.Segment(100, 'a'), true);
    const SendBuffer::SegmentId b = buffer.AppendExternal(memory.Segment(100, 'b'), false);
    const SendBuffer::SegmentId c = buffer.AppendExternal(memory.Segment(100, 'c'), false);
    buffer.AppendExternal(memory.Segment(100, 'd'), false);
    buffer.AppendExternal(memory.Segment(100, 'e'), true);  // Blocked, but ready.
    buffer.Clear();
    EXPECT_EQ(Levels(buffer), "0 of 0");
    EXPECT_EQ(memory.freed, "ae");
    buffer.MarkReady(b, 1);  // Nobody is there to send it.
    EXPECT_EQ(memory.freed, "aeb");
    EXPECT_EQ(Levels(buffer), "0 of 0");
    buffer.FreeNotReady(c, 1);
    EXPECT_EQ(memory.freed, "aebc");
    buffer.Clear();
    EXPECT_EQ(memory.freed, "aebc");
  }
  EXPECT_EQ(memory.freed, "aebcd");
}

TEST(SendBufferDeathTest, ASegmentIsMarkedOnce) {
  Memory memory;
  SendBuffer buffer;
  const SendBuffer::SegmentId a = buffer.AppendExternal(memory.Segment(100, 'a'), false);
  EXPECT_DEATH(buffer.FreeNotReady(a, 1), "in use");
  buffer.MarkReady(a, 1);
  EXPECT_DEATH(buffer.MarkReady(a, 1), "was ready");
  EXPECT_DEATH(buffer.MarkReady(a + 1, 1), "no such segment");
}

// Against a list of single bytes.
TEST(SendBufferPropertyTest, IsAQueueOfBytes) {
  constexpr uint64_t kSeed = 20240806;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  sim::SplitMix64 random(kSeed);
  for (int round = 0; round < 20; ++round) {
    struct Byte {
      int segment;  // -1: plain.
    };
    std::vector<int> freed;
    auto free = [](void* list, uint64_t segment) {
      static_cast<std::vector<int>*>(list)->push_back(static_cast<int>(segment));
    };
    std::deque<Byte> bytes;
    std::vector<bool> ready;
    std::vector<int> want_freed;
    std::vector<SendBuffer::SegmentId> ids;
    SendBuffer buffer;
    const auto ready_bytes = [&] {
      int64_t n = 0;
      for (const Byte& byte : bytes) {
        if (byte.segment >= 0 && !ready[byte.segment]) break;
        ++n;
      }
      return n;
    };
    for (int step = 0; step < 400; ++step) {
      const int64_t n = static_cast<int64_t>(random.Next() % 9) + 1;
      switch (random.Next() % 4) {
        case 0:
          buffer.Append(n);
          bytes.insert(bytes.end(), static_cast<size_t>(n), Byte{-1});
          break;
        case 1: {
          const bool is_ready = random.Next() % 2 == 0;
          const int segment = static_cast<int>(ids.size());
          ids.push_back(
              buffer.AppendExternal({n, free, &freed, static_cast<uint64_t>(segment)}, is_ready));
          ready.push_back(is_ready);
          bytes.insert(bytes.end(), static_cast<size_t>(n), Byte{segment});
          break;
        }
        case 2: {
          for (size_t i = 0; i < ids.size(); ++i) {
            if (ready[i] || random.Next() % 3 != 0) continue;
            buffer.MarkReady(ids[i], 1);
            ready[i] = true;
          }
          break;
        }
        default: {
          const int64_t take = std::min(n * 2, ready_bytes());
          buffer.Take(take);
          for (int64_t i = 0; i < take; ++i) {
            const int segment = bytes.front().segment;
            bytes.pop_front();
            const bool last = bytes.empty() || bytes.front().segment != segment;
            if (segment >= 0 && last) want_freed.push_back(segment);
          }
        }
      }
      ASSERT_EQ(buffer.used(), static_cast<int64_t>(bytes.size())) << "step " << step;
      ASSERT_EQ(buffer.ready(), ready_bytes()) << "step " << step;
      ASSERT_EQ(freed, want_freed) << "step " << step;
    }
    buffer.Clear();
    for (size_t i = 0; i < ids.size(); ++i) {
      if (!ready[i]) buffer.MarkReady(ids[i], 1);
    }
    std::sort(freed.begin(), freed.end());
    ASSERT_EQ(freed.size(), ids.size());
    for (size_t i = 0; i < freed.size(); ++i) ASSERT_EQ(freed[i], static_cast<int>(i));
  }
}

}  // namespace
}  // namespace vmsim::net
