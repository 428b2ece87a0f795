#include "net/sendfile.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/sendfile_story.h"
#include "sim/counters.h"
#include "vfs/file_ops.h"

namespace vmsim::net {
namespace {

constexpr int64_t kPage = vm::kPageSize;
constexpr sim::SimTime kMs = sim::kMillisecond;

// ---- What is read, and what is not.

TEST(SendfileTest, AllValidNeedsNoIo) {
  SendfileStory s(FileOf(5 * kPage));
  s.Warm(0, 5);
  const int64_t reads = s.world().reads();
  s.Drain();
  EXPECT_EQ(s.Send({.offset = 100, .nbytes = 3 * kPage}), "12288");
  EXPECT_EQ(s.received(), 12288);
  EXPECT_EQ(s.world().reads(), reads);
  EXPECT_EQ(s.stats().sf_syscalls, 1);
  EXPECT_EQ(s.stats().sf_noiocnt, 1);
  EXPECT_EQ(s.stats().sf_iocnt, 0);
  EXPECT_EQ(s.stats().sf_pages_valid, 4);  // Pages 0 to 3: the first and the last in part.
  EXPECT_EQ(s.stats().sf_pages_read, 0);
  EXPECT_EQ(s.Pages(0, 6), "vvvvv.");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, AColdFileIsQueuedAtOnceAndSentWhenTheDiskIsDone) {
  SendfileStory s(FileOf(4 * kPage));
  s.Drain();
  const SendfileStory::Call* call = s.Start({});
  s.Run(50 * sim::kMicrosecond);  // The disk takes 100.
  EXPECT_EQ(call->Text(), "16384");
  EXPECT_EQ(s.sender().unsent(), 16384);  // It takes up room.
  EXPECT_EQ(s.sender().connection()->send_buffer(0).ready(), 0);
  EXPECT_EQ(s.received(), 0);
  EXPECT_EQ(s.Pages(0, 4), "****");
  EXPECT_EQ(s.sendfile().rounds_reading(), 1);
  EXPECT_EQ(s.file().object->paging_in_progress, 2);  // The round's, and the pager's.
  EXPECT_FALSE(s.file().lock.held());
  s.Run();
  EXPECT_EQ(s.received(), 16384);
  EXPECT_EQ(s.stats().sf_iocnt, 1);
  EXPECT_EQ(s.stats().sf_pages_read, 4);
  EXPECT_EQ(s.stats().sf_noiocnt, 0);
  EXPECT_EQ(s.world().counters().v_vnodein, 1);
  EXPECT_EQ(s.Pages(0, 4), "vvvv");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, WhatIsWrittenMeanwhileWaitsForTheDisk) {
  SendfileStory s(FileOf(kPage));
  s.Drain();
  s.Start({});
  s.Run(50 * sim::kMicrosecond);
  EXPECT_EQ(s.sender().TryWrite(100, IoMode::kNonBlocking).bytes, 100);
  s.Run(90 * sim::kMicrosecond);
  EXPECT_EQ(s.received(), 0);
  EXPECT_EQ(s.sender().unsent(), kPage + 100);
  s.Run();
  EXPECT_EQ(s.received(), kPage + 100);
}

TEST(SendfileTest, HolesAreZerosWithoutIo) {
  // Fragments of one block of 4 pages, every second is a hole.
  SendfileStory::Options options = FileOf(16 * kPage);
  options.vfs.file.fragment_blocks = 1;
  options.vfs.file.hole_every = 2;
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({}), "65536");
  EXPECT_EQ(s.received(), 65536);
  EXPECT_EQ(s.world().reads(), 2);
  EXPECT_EQ(s.stats().sf_iocnt, 2);
  EXPECT_EQ(s.stats().sf_pages_read, 8);
  EXPECT_EQ(s.stats().sf_pages_valid, 0);
  EXPECT_EQ(s.Pages(0, 16), "vvvvvvvvvvvvvvvv");
  // Data in the first and third blocks, zeros in the others.
  EXPECT_EQ(s.world().Memory(31, 2), "1 0");
  EXPECT_EQ(s.world().Memory(63, 2), "0 1");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, ThePageThatTheFileEndsInIsEnoughInPart) {
  SendfileStory s(FileOf(5000));
  s.Drain();
  EXPECT_EQ(s.Send({}), "5000");
  EXPECT_EQ(s.Pages(0, 3), "vp.");
  EXPECT_EQ(s.world().reads(), 1);
  EXPECT_EQ(s.Send({.offset = 4500}), "500");
  EXPECT_EQ(s.Send({.offset = 5000}), "0");
  EXPECT_EQ(s.Send({.offset = 999'999}), "0");
  EXPECT_EQ(s.received(), 5500);
  EXPECT_EQ(s.world().reads(), 1);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, WhatAFileGrewByIsZerosInThePageThatItEndedIn) {
  SendfileStory s(FileOf(5000));
  s.Drain();
  EXPECT_EQ(s.Send({}), "5000");
  EXPECT_EQ(s.world().Do(s.world().vfs().ops().Truncate(s.world().open(), 8000)), 0);
  EXPECT_EQ(s.Send({.offset = 4096}), "3904");
  EXPECT_EQ(s.received(), 8904);
  EXPECT_EQ(s.Pages(0, 2), "vv");
  EXPECT_EQ(s.world().reads(), 1);
}

TEST(SendfileTest, ValidPagesInAndBehindARunAreLeftAlone) {
  SendfileStory s(FileOf(4 * kPage));
  s.Warm(1, 1);
  s.Warm(3, 1);
  EXPECT_EQ(s.Pages(0, 4), ".v.v");
  const int64_t reads = s.world().reads();
  s.Drain();
  s.Start({});
  s.Run(s.engine().now() + 50 * sim::kMicrosecond);
  EXPECT_EQ(s.Pages(0, 4), "*V*V");  // Not busy, so that a buffer may use them.
  s.Run();
  EXPECT_EQ(s.received(), 4 * kPage);
  EXPECT_EQ(s.world().reads(), reads + 1);
  EXPECT_EQ(s.stats().sf_iocnt, 1);
  EXPECT_EQ(s.stats().sf_pages_valid, 2);
  EXPECT_EQ(s.stats().sf_pages_bogus, 1);
  EXPECT_EQ(s.stats().sf_pages_read, 3);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, ARunEndsWhereTheDiskBlocksDo) {
  SendfileStory::Options options = FileOf(8 * kPage);
  options.vfs.file.fragment_blocks = 1;
  options.vfs.file.gap_blocks = 1;
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({.offset = 2 * kPage}), "24576");
  EXPECT_EQ(s.received(), 24576);
  EXPECT_EQ(s.stats().sf_iocnt, 2);  // Pages 2 and 3, then 4 to 7.
  EXPECT_EQ(s.stats().sf_pages_read, 6);
  EXPECT_EQ(s.Pages(0, 8), "..vvvvvv");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, MaxphysCutsRuns) {
  SendfileStory::Options options = FileOf(16 * kPage);
  options.vfs.tunables.maxphys = 6 * kPage;
  options.vfs.mount.block_bytes = 16 << 10;
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({}), "65536");
  EXPECT_EQ(s.received(), 65536);
  EXPECT_EQ(s.stats().sf_iocnt, 4);  // A block each: a second one would be cut in two.
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, OtherPagerStyles) {
  struct Style {
    vfs::PagerStyle style;
    int32_t block_bytes;
    int64_t sf_iocnt;
  };
  for (const Style& style :
       {Style{vfs::PagerStyle::kBuffer, 16 << 10, 2}, Style{vfs::PagerStyle::kGeneric, 1024, 2},
        Style{vfs::PagerStyle::kBuffer, 1024, 2}}) {
    SCOPED_TRACE(style.block_bytes);
    SendfileStory::Options options = FileOf(40 * kPage - 100);
    options.vfs.mount.style = style.style;
    options.vfs.mount.block_bytes = style.block_bytes;
    SendfileStory s(options);
    s.Warm(2, 1);
    s.Drain();
    EXPECT_EQ(s.Send({.offset = 10, .nbytes = 12 * kPage}), "49152");
    EXPECT_EQ(s.received(), 12 * kPage);
    EXPECT_EQ(s.Send({.offset = 30 * kPage}), std::to_string(10 * kPage - 100));
    EXPECT_EQ(s.stats().sf_iocnt, style.sf_iocnt);
    EXPECT_EQ(s.bufs().stats().nsfbufsused, 0);
    EXPECT_EQ(s.sendfile().mbufs(), 0);
    EXPECT_EQ(s.file().object->paging_in_progress, 0);
  }
}

// ---- Read-ahead.

TEST(SendfileTest, TheCallerSaysHowMuchToReadAhead) {
  SendfileStory s(FileOf(16 * kPage));
  s.Drain();
  EXPECT_EQ(s.Send({.nbytes = kPage, .flags = SendfileFlagsOf(3, kSfUserReadahead)}), "4096");
  EXPECT_EQ(s.stats().sf_rhpages_requested, 3);
  EXPECT_EQ(s.stats().sf_rhpages_read, 3);
  EXPECT_EQ(s.stats().sf_pages_read, 1);
  EXPECT_EQ(s.Pages(0, 6), "vvvv..");
  // Nothing more than that, though more is to be sent.
  EXPECT_EQ(s.Send({.offset = 8 * kPage, .nbytes = kPage, .flags = kSfUserReadahead}), "4096");
  EXPECT_EQ(s.stats().sf_rhpages_read, 3);
  EXPECT_EQ(s.Pages(8, 2), "v.");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, WhatIsToBeSentLaterIsReadAhead) {
  SendfileStory::Options options = FileOf(16 * kPage);
  options.sender.send_buffer = 2 * kPage;
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({.nbytes = 6 * kPage}), "24576");
  EXPECT_EQ(s.received(), 24576);
  EXPECT_EQ(s.stats().sf_iocnt, 1);
  EXPECT_EQ(s.stats().sf_pages_read, 2);
  EXPECT_EQ(s.stats().sf_rhpages_read, 4);
  EXPECT_EQ(s.stats().sf_pages_valid, 4);
  EXPECT_EQ(s.stats().sf_noiocnt, 2);
  EXPECT_EQ(s.Pages(0, 8), "vvvvvv..");
}

TEST(SendfileTest, ReadAheadEndsWithTheFile) {
  SendfileStory s(FileOf(3 * kPage + 1));
  s.Drain();
  EXPECT_EQ(s.Send({.nbytes = 1, .flags = SendfileFlagsOf(100, 0)}), "1");
  EXPECT_EQ(s.stats().sf_rhpages_requested, 100);
  EXPECT_EQ(s.stats().sf_rhpages_read, 3);
  EXPECT_EQ(s.Pages(0, 5), "vvvp.");
}

// ---- Busy pages.

TEST(SendfileTest, NodiskioSendsWhatIsBeforeABusyPage) {
  SendfileStory s(FileOf(4 * kPage));
  s.Warm(0, 4);
  s.Drain();
  s.StopCheckingMachine();
  const vm::FrameIndex busy = s.file().object->Lookup(2);
  ASSERT_TRUE(s.vm().pages().TryXbusy(busy));
  EXPECT_EQ(s.Send({.offset = 96, .flags = kSfNodiskio}), "EBUSY 8096");
  EXPECT_EQ(s.received(), 8096);
  EXPECT_EQ(s.stats().sf_busy, 1);
  EXPECT_EQ(s.Send({.offset = 2 * kPage, .flags = kSfNodiskio}), "EBUSY 0");
  EXPECT_EQ(s.Send({.offset = 2 * kPage, .header_bytes = 7, .flags = kSfNodiskio}), "EBUSY 7");
  EXPECT_EQ(s.stats().sf_busy, 3);
  EXPECT_EQ(s.received(), 8103);
  // Without the flag it waits.
  const SendfileStory::Call* call = s.Start({.offset = kPage});
  s.Run();
  EXPECT_EQ(call->Text(), "...");
  EXPECT_EQ(call->thread->wait_message(), "grbmaw");
  s.vm().pages().Xunbusy(busy);
  s.Run();
  EXPECT_EQ(call->Text(), "12288");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, NodiskioDoesReadFromDisk) {
  SendfileStory s(FileOf(4 * kPage));
  s.Drain();
  EXPECT_EQ(s.Send({.flags = kSfNodiskio}), "16384");
  EXPECT_EQ(s.received(), 16384);
  EXPECT_EQ(s.stats().sf_iocnt, 1);
  EXPECT_EQ(s.Leftovers(), "");
}

// ---- sf_bufs.

TEST(SendfileTest, ASlowLinkHoldsPagesUntilTheyAreSent) {
  SendfileStory s(SlowLink(8 * kPage));
  s.Warm(0, 8);
  s.Drain();
  const sim::SimTime start = s.engine().now();
  const SendfileStory::Call* call = s.Start({});
  s.Run(start + kMs / 2);
  EXPECT_EQ(call->Text(), "32768");  // All is queued.
  EXPECT_EQ(s.bufs().stats().nsfbufsused, 7);
  EXPECT_EQ(s.Pages(0, 8), "vVVVVVVV");
  s.Run(start + 4 * kMs + kMs / 2);
  EXPECT_EQ(s.bufs().stats().nsfbufsused, 3);
  EXPECT_EQ(s.Pages(0, 8), "vvvvvVVV");
  s.Run();
  EXPECT_EQ(s.received(), 32768);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, RoundsEndWhenThereAreNoMoreBufs) {
  SendfileStory::Options options = SlowLink(8 * kPage);
  options.vfs.vfs.sf_bufs.nsfbufs = 3;
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({.offset = 50}), std::to_string(8 * kPage - 50));
  EXPECT_EQ(s.received(), 8 * kPage - 50);
  EXPECT_GT(s.bufs().stats().sf_allocfail, 0);
  EXPECT_GT(s.bufs().stats().sf_allocwait, 0);
  EXPECT_EQ(s.bufs().stats().nsfbufspeak, 3);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, ASecondSenderWaitsForItsFirstBufAndASignalEndsThat) {
  SendfileStory::Options options = SlowLink(8 * kPage);
  options.vfs.vfs.sf_bufs.nsfbufs = 2;
  options.sender.send_buffer = 2 * kPage;
  SendfileStory s(options);
  s.Warm(0, 8);
  const sim::SimTime start = s.engine().now();
  s.Start({.nbytes = 3 * kPage}, 0);
  s.Run(start + kMs / 10);  // One page is on the link; two are in the buffer.
  EXPECT_EQ(s.bufs().stats().nsfbufsused, 2);
  const SendfileStory::Call* second = s.Start({.offset = 4 * kPage}, 1);
  const SendfileStory::Call* third = s.Start({.offset = 4 * kPage, .header_bytes = 9}, 1);
  s.Run(start + kMs / 5);
  EXPECT_EQ(second->thread->wait_message(), "sfbufa");
  EXPECT_EQ(third->thread->wait_message(), "sblock");  // One call at a time on a socket.
  s.engine().Interrupt(second->thread);
  s.Run(start + kMs / 2);
  EXPECT_EQ(second->Text(), "ENOBUFS 0");
  EXPECT_EQ(third->thread->wait_message(), "sfbufa");
  s.engine().Interrupt(third->thread);
  s.Run(start + kMs * 2 / 3);
  EXPECT_EQ(third->Text(), "ENOBUFS 9");  // The header went without the file.
  EXPECT_EQ(s.bufs().stats().sf_allocfail, 2);
  s.Run();
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, ABufThatFailsWaitsForTheReadsOfItsRound) {
  SendfileStory::Options options = FileOf(4 * kPage);
  options.vfs.vfs.sf_bufs.nsfbufs = 2;
  SendfileStory s(options);
  s.Drain();
  const SendfileStory::Call* call = s.Start({});
  s.Run(50 * sim::kMicrosecond);
  EXPECT_EQ(call->thread->wait_message(), "sfnosf");
  EXPECT_EQ(s.sender().unsent(), 0);
  s.Run();
  EXPECT_EQ(call->Text(), "16384");
  EXPECT_EQ(s.received(), 16384);
  EXPECT_EQ(s.stats().sf_iocnt, 1);
  EXPECT_EQ(s.stats().sf_pages_valid, 2);  // In the second round.
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, APageThatTwoSendIsMappedOnce) {
  SendfileStory s(SlowLink(2 * kPage));
  s.Warm(0, 2);
  s.Start({}, 0);
  s.Start({}, 1);
  s.Run(s.engine().now() + kMs / 10);
  EXPECT_EQ(s.bufs().stats().nsfbufsused,
            1);  // Page 0 went to both links; page 1 is in both buffers.
  EXPECT_EQ(s.vm().pages()[s.file().object->Lookup(1)].wire_count, 2);
  s.Run();
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, WithADirectMapNothingIsCounted) {
  SendfileStory::Options options = FileOf(8 * kPage);
  options.vfs.vfs.sf_bufs.direct_map = true;
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({}), "32768");
  EXPECT_EQ(s.received(), 32768);
  EXPECT_EQ(s.bufs().stats().nsfbufspeak, 0);
  EXPECT_EQ(s.Leftovers(), "");
}

// ---- Header and trailer.

TEST(SendfileTest, HeaderAndTrailer) {
  SendfileStory s(FileOf(kPage));
  s.Drain();
  EXPECT_EQ(s.Send({.header_bytes = 100, .trailer_bytes = 10}), "4206");
  EXPECT_EQ(s.received(), 4206);
  EXPECT_EQ(s.Send({.offset = kPage, .header_bytes = 100, .trailer_bytes = 10}), "10");
  EXPECT_EQ(s.received(), 4216);
}

TEST(SendfileTest, AHeaderThatFillsTheBufferGoesAlone) {
  SendfileStory::Options options = FileOf(2 * kPage);
  options.sender.send_buffer = 1000;
  options.link = {.bytes_per_second = 1'000'000, .queue_bytes = 1000};
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({.header_bytes = 2500, .trailer_bytes = 1700}), "12392");
  EXPECT_EQ(s.received(), 12392);
  EXPECT_EQ(s.Leftovers(), "");
}

// ---- SYNC and NOCACHE.

TEST(SendfileTest, SyncWaitsUntilEverythingIsSent) {
  for (const bool sync : {false, true}) {
    SendfileStory s(SlowLink(8 * kPage));
    s.Drain();
    const SendfileStory::Call* call = s.Start({.flags = sync ? kSfSync : 0u});
    s.Run();
    EXPECT_EQ(call->Text(), "32768");
    // The link takes the eighth page when it has sent the seventh.
    EXPECT_EQ(call->done_at / kMs, sync ? 7 : 0);
    EXPECT_EQ(s.Leftovers(), "");
  }
}

TEST(SendfileTest, SyncEndsWhenTheConnectionDoes) {
  SendfileStory s(SlowLink(8 * kPage));
  const SendfileStory::Call* call = s.Start({.flags = kSfSync});
  s.Run(2 * kMs);
  EXPECT_EQ(call->thread->wait_message(), "sfsync");
  s.engine().Interrupt(call->thread);  // Not ended by a signal.
  s.Run(2 * kMs + kMs / 2);
  EXPECT_EQ(call->Text(), "...");
  s.ClosePeer();
  s.Run();
  EXPECT_EQ(call->Text(), "32768");
  EXPECT_LT(call->done_at, 4 * kMs);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, NocacheFreesWhatWasSent) {
  SendfileStory s(FileOf(8 * kPage));
  s.Warm(0, 8);
  s.Drain();
  EXPECT_EQ(s.Send({.nbytes = 2 * kPage, .flags = kSfNocache}), "8192");
  EXPECT_EQ(s.Pages(0, 3), "..v");
  // The last page in part, and nothing to be sent after it: it goes, too.
  EXPECT_EQ(s.Send({.offset = 2 * kPage, .nbytes = kPage + 5, .flags = kSfNocache}), "4101");
  EXPECT_EQ(s.Pages(2, 3), "..v");
  // With read-ahead it stays.
  const uint32_t flags = SendfileFlagsOf(1, kSfNocache);
  EXPECT_EQ(s.Send({.offset = 4 * kPage, .nbytes = kPage + 5, .flags = flags}), "4101");
  EXPECT_EQ(s.Pages(4, 3), ".vv");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, NocacheLeavesWhatOthersUse) {
  SendfileStory s(FileOf(4 * kPage));
  const auto area = s.world().Map(2);
  EXPECT_EQ(s.world().world().Touch(area, 0), vm::FaultResult::kSuccess);
  EXPECT_EQ(s.world().world().Touch(area, 1, /*write=*/true), vm::FaultResult::kSuccess);
  s.Run();
  s.Warm(2, 2);
  ASSERT_EQ(s.Pages(0, 4), "vvvv");
  s.Drain();
  EXPECT_EQ(s.Send({.flags = kSfNocache}), "16384");
  EXPECT_EQ(s.Pages(0, 4), "vv..");  // 0 is mapped, 1 is mapped and dirty.
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileTest, NocacheLeavesTheRestOfAPageThatComesNext) {
  SendfileStory::Options options = FileOf(8 * kPage);
  options.sender.send_buffer = 6000;  // Rounds of less than two pages: the kernel sends one.
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({.offset = 10, .flags = kSfNocache}), std::to_string(8 * kPage - 10));
  EXPECT_EQ(s.received(), 8 * kPage - 10);
  EXPECT_EQ(s.Pages(0, 8), "........");
  EXPECT_EQ(s.world().reads(), 1);  // None of them twice.
  EXPECT_EQ(s.Leftovers(), "");
}

// ---- The invariants find what is broken.

TEST(SendfileInvariantsTest, EachIsFound) {
  using Peer = SendfileTestPeer;
  struct Case {
    const char* name;
    void (*break_it)(SendfileStory&, Peer::Sfio&);
    void (*mend_it)(SendfileStory&, Peer::Sfio&);
  };
  const Case cases[] = {
      {"nios-balance", [](SendfileStory&, Peer::Sfio& sfio) { ++sfio.done; },
       [](SendfileStory&, Peer::Sfio& sfio) { --sfio.done; }},
      {"object-is-paging",
       [](SendfileStory&, Peer::Sfio& sfio) { sfio.object->paging_in_progress -= 2; },
       [](SendfileStory&, Peer::Sfio& sfio) { sfio.object->paging_in_progress += 2; }},
      {"pages-wired",
       [](SendfileStory& s, Peer::Sfio& sfio) { --s.vm().pages()[sfio.pages[1].page].wire_count; },
       [](SendfileStory& s, Peer::Sfio& sfio) { ++s.vm().pages()[sfio.pages[1].page].wire_count; }},
      {"sf-bufs-show-pages",
       [](SendfileStory&, Peer::Sfio& sfio) { std::swap(sfio.pages[0].buf, sfio.pages[1].buf); },
       [](SendfileStory&, Peer::Sfio& sfio) { std::swap(sfio.pages[0].buf, sfio.pages[1].buf); }},
      {"queued-bytes", [](SendfileStory&, Peer::Sfio& sfio) { ++sfio.pages[1].bytes; },
       [](SendfileStory&, Peer::Sfio& sfio) { --sfio.pages[1].bytes; }},
      {"mbuf-counts", [](SendfileStory& s, Peer::Sfio&) { ++Peer::mbufs(s.sendfile()); },
       [](SendfileStory& s, Peer::Sfio&) { --Peer::mbufs(s.sendfile()); }},
      {"sync-counts", [](SendfileStory&, Peer::Sfio& sfio) { ++sfio.sync->count; },
       [](SendfileStory&, Peer::Sfio& sfio) { --sfio.sync->count; }},
  };
  SendfileStory s(FileOf(3 * kPage));
  s.Start({.flags = kSfSync});
  s.Run(50 * sim::kMicrosecond);
  Peer::Sfio& sfio = *Peer::sfios(s.sendfile())[0];
  ASSERT_TRUE(sfio.in_use);
  for (const Case& c : cases) {
    EXPECT_TRUE(s.sendfile().BrokenInvariants().empty());
    c.break_it(s, sfio);
    const std::vector<Sendfile::Broken> broken = s.sendfile().BrokenInvariants();
    ASSERT_EQ(broken.size(), 1u) << c.name;
    EXPECT_STREQ(broken[0].name, c.name);
    c.mend_it(s, sfio);
  }
}

}  // namespace
}  // namespace vmsim::net
