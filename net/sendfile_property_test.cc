// Random files, machines and calls of sendfile: what arrives is what was sent, every page that goes
// is the right one and has the right contents, and nothing is left behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "net/sendfile.h"
#include "net/sendfile_story.h"
#include "sim/random.h"
#include "vfs/file_ops.h"
#include "vfs/page_bits.h"

namespace vmsim::net {
namespace {

constexpr int64_t kPage = vm::kPageSize;

class Trial {
 public:
  explicit Trial(uint64_t seed) : random_(seed) {}

  void Run() {
    SendfileStory::Options options = Machine();
    SendfileStory s(options);
    size_ = options.vfs.file.bytes;
    initial_ = s.file().size;
    truncates_ = Chance(4);
    s.set_watch([&] { Watch(s); });
    for (int i = 0; i < 6; ++i) {
      if (Chance(2)) s.Warm(static_cast<vm::Pindex>(Below(vfs::PagesOf(size_))), 1);
    }
    s.Drain(0);
    s.Drain(1);
    std::vector<Sent> calls;
    for (int i = 0; i < 8; ++i) {
      Sent call;
      call.request = Request();
      call.pair = static_cast<int>(Below(2));
      call.call = s.Start(call.request, call.pair);
      calls.push_back(call);
      if (Chance(2)) s.Run(s.engine().now() + Below(3 * sim::kMillisecond));
      if (Chance(6)) s.engine().Interrupt(calls[Below(calls.size())].call->thread);
      if (truncates_ && Chance(2)) Truncate(s);
    }
    s.Run();
    Check(s, calls);
  }

 private:
  struct Sent {
    SendfileRequest request;
    int pair = 0;
    const SendfileStory::Call* call = nullptr;
  };

  int64_t Below(int64_t n) { return static_cast<int64_t>(random_.Below(static_cast<uint64_t>(n))); }
  bool Chance(int n) { return Below(n) == 0; }

  SendfileStory::Options Machine() {
    SendfileStory::Options options;
    static constexpr int32_t kBlocks[] = {512, 2048, 4096, 8192, 16 << 10};
    options.vfs.mount.block_bytes = kBlocks[Below(5)];
    if (Chance(4)) options.vfs.mount.style = vfs::PagerStyle::kBuffer;
    options.vfs.file = {.bytes = 1 + Below(60 * kPage)};
    if (Chance(2)) options.vfs.file.fragment_blocks = 1 + Below(4);
    if (Chance(2)) options.vfs.file.gap_blocks = Below(3);
    if (options.vfs.file.fragment_blocks > 0 && Chance(2)) {
      // Holes in whole pages: where only a page's first block says what it is, there is no half.
      const int64_t blocks_per_page = std::max<int64_t>(1, kPage / options.vfs.mount.block_bytes);
      options.vfs.file.fragment_blocks *= blocks_per_page;
      options.vfs.file.hole_every = 2 + Below(2);
    }
    options.vfs.tunables.maxphys = static_cast<int32_t>((16 + Below(17)) * kPage);
    options.vfs.vfs.sf_bufs.nsfbufs = static_cast<uint32_t>(1 + Below(20));
    options.vfs.vfs.sf_bufs.direct_map = Chance(8);
    faulty_ = Chance(4);
    if (faulty_) {
      options.vfs.faults = {{.kind = sim::DiskFaultKind::kEio, .probability_ppm = 100'000}};
    }
    options.sender.send_buffer = 1 + Below(20 * kPage);
    options.receiver.receive_buffer = 1 + Below(20 * kPage);
    options.local = Chance(5);
    options.link = {.bytes_per_second = Chance(2) ? 0 : 1'000'000 + Below(100'000'000),
                    .delay_ns = Below(sim::kMillisecond),
                    .queue_bytes = 1000 + Below(50'000),
                    .segment_bytes = 500 + Below(20'000)};
    return options;
  }

  SendfileRequest Request() {
    static constexpr uint32_t kFlags[] = {kSfNodiskio, kSfMnowait, kSfSync, kSfUserReadahead,
                                          kSfNocache};
    SendfileRequest request;
    request.offset = Below(size_ + size_ / 8 + 1);
    request.nbytes = Chance(3) ? 0 : 1 + Below(size_);
    if (Chance(3)) request.header_bytes = Below(5000);
    if (Chance(3)) request.trailer_bytes = Below(5000);
    for (const uint32_t flag : kFlags) {
      if (Chance(4)) request.flags |= flag;
    }
    if (Chance(3)) request.flags |= SendfileFlagsOf(static_cast<int>(Below(12)), 0);
    return request;
  }

  void Truncate(SendfileStory& s) {
    const int64_t size = Below(size_ * 5 / 4 + 1);
    static_cast<void>(s.world().Do(s.world().vfs().ops().Truncate(s.world().open(), size)));
  }

  // Pages that are ready to be sent are those of the file, and what is needed of them is valid and
  // what the file has there: its initial contents, or zeros where it has a hole.
  void Watch(SendfileStory& s) {
    using Sfio = SendfileTestPeer::Sfio;
    if (truncates_) return;
    for (const auto& sfio : SendfileTestPeer::sfios(s.sendfile())) {
      if (!sfio->in_use || sfio->state != Sfio::State::kReady || sfio->error != 0) continue;
      for (size_t i = 0; i < sfio->pages.size(); ++i) {
        const vm::FrameIndex frame = sfio->pages[i].page;
        if (frame == vm::kNoFrame) continue;
        const vm::Page& page = s.vm().pages()[frame];
        const vm::Pindex pindex = sfio->span.pindex(static_cast<int>(i));
        ASSERT_EQ(page.object, s.file().object->id);
        ASSERT_EQ(page.pindex, pindex);
        const int64_t in_page = sfio->span.InPage(static_cast<int>(i));
        const uint8_t needed = vfs::PageBits(in_page, sfio->pages[i].bytes);
        ASSERT_EQ(page.valid & needed, needed) << "page " << pindex;
        for (int sector = 0; sector < vfs::kSectorsPerPage; ++sector) {
          if ((needed >> sector & 1) == 0) continue;
          const int64_t at = int64_t{pindex} * vfs::kSectorsPerPage + sector;
          const int64_t block = at * vfs::kSectorBytes / s.file().block_bytes();
          const vfs::Tag want = s.file().map.mapped(block) ? vfs::kInitialTag : vfs::kZeroTag;
          ASSERT_EQ(s.file().memory.Get(at), want) << "sector " << at;
        }
      }
    }
  }

  // What a call sends if nothing goes wrong.
  int64_t Expected(const SendfileRequest& request) const {
    const int64_t left = std::max<int64_t>(0, initial_ - request.offset);
    const int64_t file = request.nbytes == 0 ? left : std::min(request.nbytes, left);
    return file + (file > 0 ? request.header_bytes : 0) + request.trailer_bytes;
  }

  void Check(SendfileStory& s, const std::vector<Sent>& calls) {
    int64_t sent[2] = {};
    for (const Sent& call : calls) {
      ASSERT_TRUE(call.call->done) << call.call->thread->wait_message();
      const int error = call.call->result.error;
      const std::string text = call.call->Text();
      sent[call.pair] += call.call->result.sent;
      if (truncates_) continue;
      if (error == 0) {
        EXPECT_EQ(call.call->result.sent, Expected(call.request)) << text;
      }
      EXPECT_LE(call.call->result.sent, Expected(call.request)) << text;
      EXPECT_TRUE(error != kEbusy || (call.request.flags & kSfNodiskio) != 0) << text;
      const bool told = error == 0 || error == kEbusy || error == kEintr || error == kEnobufs;
      EXPECT_TRUE(told || faulty_) << text;
    }
    for (int pair = 0; pair < 2; ++pair) {
      if (s.sender(pair).connected()) {
        EXPECT_EQ(s.received(pair), sent[pair]);
        EXPECT_EQ(s.sender(pair).unsent(), 0);
      } else {
        EXPECT_TRUE(faulty_);
        EXPECT_LE(s.received(pair), sent[pair]);
      }
    }
    // Buffers of the file keep pages wired.
    if (s.file().bufs.empty()) {
      EXPECT_EQ(s.Leftovers(), "");
    }
    EXPECT_EQ(s.sendfile().mbufs(), 0);
    EXPECT_EQ(s.bufs().stats().nsfbufsused, 0);
    EXPECT_EQ(s.file().object->paging_in_progress, 0);
    EXPECT_EQ(s.Pages(0, 70).find('*'), std::string::npos);
  }

  sim::SplitMix64 random_;
  int64_t size_ = 0;
  int64_t initial_ = 0;
  bool faulty_ = false;
  bool truncates_ = false;
};

TEST(SendfilePropertyTest, WhatArrivesIsTheFile) {
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Trial(seed).Run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace vmsim::net
