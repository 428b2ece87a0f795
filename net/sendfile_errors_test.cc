// Sendfile when calls fail, and when file and socket change while reads are under way.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/sendfile.h"
#include "net/sendfile_story.h"
#include "sim/counters.h"
#include "vfs/file_ops.h"

namespace vmsim::net {
namespace {

constexpr int64_t kPage = vm::kPageSize;
constexpr sim::SimTime kMs = sim::kMillisecond;

// ---- Errors.

TEST(SendfileErrorsTest, Arguments) {
  SendfileStory s(FileOf(kPage));
  EXPECT_EQ(s.Send({.offset = -1}), "EINVAL 0");
  EXPECT_EQ(s.Send({.nbytes = -1}), "EINVAL 0");
  EXPECT_EQ(s.Send({.header_bytes = -1}), "EINVAL 0");
  EXPECT_EQ(s.Send({.trailer_bytes = -1}), "EINVAL 0");
  EXPECT_EQ(s.world().Do(s.sendfile().Send({.socket = &s.sender()})).error, kEinval);
  EXPECT_EQ(s.world().Do(s.sendfile().Send({.vnode = &s.file()})).error, kEinval);
  EXPECT_EQ(s.stats().sf_syscalls, 0);
  EXPECT_EQ(s.Send({.offset = 96, .nbytes = INT64_MAX}), "4000");
  s.file().doomed = true;
  EXPECT_EQ(s.Send({}), "ENOENT 0");
  s.file().doomed = false;
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, NoConnection) {
  SendfileStory s(FileOf(kPage));
  s.sender(0).Shutdown(ShutdownHow::kWrite);
  EXPECT_EQ(s.Send({}, 0), "EPIPE 0");
  s.ClosePeer(1);
  EXPECT_EQ(s.Send({}, 1), "4096");  // It arrives at nobody's, and a reset comes back.
  EXPECT_EQ(s.Send({}, 1), "ENOTCONN 0");
  EXPECT_EQ(s.Leftovers(), "");
  SendfileStory::Options options = FileOf(kPage);
  options.local = true;
  SendfileStory local(options);
  local.ClosePeer();
  EXPECT_EQ(local.Send({}), "ENOTCONN 0");
}

TEST(SendfileErrorsTest, ASocketThatDoesNotWaitIsRefused) {
  SendfileStory::Options options = FileOf(100 * kPage);
  options.sender.send_buffer = 8 * kPage;
  options.receiver.receive_buffer = 2 * kPage;
  SendfileStory s(options);
  const SendfileRequest request = {.offset = 10, .nonblocking = true};
  s.Warm(0, 100);
  EXPECT_EQ(s.Send(request), "EAGAIN " + std::to_string(8 * kPage - 10));
  // Two pages went on at once, but that is less than half of the buffer.
  EXPECT_EQ(s.sender().connection()->config(0).send_low_water, 4 * kPage);
  EXPECT_EQ(s.Send(request), "EAGAIN 0");
  s.Drain();
  s.Run();
  EXPECT_EQ(s.received(), 8 * kPage - 10);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, ASignalEndsTheWaitForRoom) {
  SendfileStory::Options options = FileOf(100 * kPage);
  options.receiver.receive_buffer = 2 * kPage;
  SendfileStory s(options);
  const SendfileStory::Call* call = s.Start({});
  s.Run();
  const SendfileStory::Call* other = s.Start({});
  s.Run();
  EXPECT_EQ(call->thread->wait_message(), "sbwait");
  EXPECT_EQ(other->thread->wait_message(), "sblock");
  s.engine().Interrupt(other->thread);
  s.Run();
  EXPECT_EQ(other->Text(), "EINTR 0");
  s.engine().Interrupt(call->thread);
  s.Run();
  EXPECT_EQ(call->Text(), "EINTR 65536");
  s.Drain();
  s.Run();
  EXPECT_EQ(s.received(), 65536);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, AResetEndsTheWaitForRoom) {
  SendfileStory::Options options = FileOf(100 * kPage);
  options.receiver.receive_buffer = 2 * kPage;
  SendfileStory s(options);
  const SendfileStory::Call* call = s.Start({});
  s.Run();
  EXPECT_EQ(call->Text(), "...");
  EXPECT_EQ(s.sendfile().mbufs(), 14);
  s.ClosePeer();  // With data unread.
  s.Run();
  EXPECT_EQ(call->Text(), "EPIPE 65536");
  EXPECT_EQ(s.Leftovers(), "");
}

SendfileStory::Options BadDisk(int64_t pages, int64_t from_page) {
  SendfileStory::Options options = FileOf(pages * kPage);
  options.vfs.file.fragment_blocks = 1;
  options.vfs.file.gap_blocks = 1;
  // Blocks are 4 pages, and every second block of the disk is left out.
  options.vfs.faults = {{.kind = sim::DiskFaultKind::kEio,
                         .begin = from_page / 4 * 8 * kPage,
                         .end = (from_page / 4 * 8 + 4) * kPage}};
  return options;
}

TEST(SendfileErrorsTest, AReadThatFailsLaterTearsTheConnectionDown) {
  SendfileStory::Options options = BadDisk(12, 4);
  options.link.delay_ns = kMs;
  SendfileStory s(options);
  s.Warm(0, 1);
  s.Drain();
  const SendfileStory::Call* call = s.Start({});
  s.Run(s.engine().now() + 50 * sim::kMicrosecond);
  EXPECT_EQ(call->Text(), "49152");  // Promised.
  s.Run(s.engine().now() + kMs / 2);
  EXPECT_FALSE(s.sender().connected());
  EXPECT_TRUE(s.peer().connected());  // It will hear of it.
  s.Run();
  EXPECT_EQ(s.received(), 0);  // Not even page 0, which was valid: the round is one.
  EXPECT_EQ(s.sender().TryRead(1, IoMode::kNonBlocking).error, kEio);  // so_error, once.
  EXPECT_EQ(s.sender().TryRead(1, IoMode::kNonBlocking).error, 0);
  EXPECT_EQ(s.sender().TryWrite(1, IoMode::kNonBlocking).error, kEpipe);
  EXPECT_EQ(s.Send({}), "ENOTCONN 0");
  // The reader took the reset's ECONNRESET.
  EXPECT_FALSE(s.peer().connected());
  EXPECT_EQ(s.Pages(0, 12), "vvvv----vvvv");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, AReadThatFailsTearsALocalPairDown) {
  SendfileStory::Options options = BadDisk(8, 4);
  options.local = true;
  SendfileStory s(options);
  EXPECT_EQ(s.Send({}), "32768");
  EXPECT_EQ(s.sender().TryRead(1, IoMode::kNonBlocking).error, kEio);
  EXPECT_EQ(s.peer().TryRead(1, IoMode::kNonBlocking).error, kEconnreset);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, AReadThatCannotBeStartedIsAnError) {
  // Through buffers, reads are waited for.
  SendfileStory::Options options = BadDisk(12, 4);
  options.vfs.mount.style = vfs::PagerStyle::kBuffer;
  SendfileStory s(options);
  s.Drain();
  EXPECT_EQ(s.Send({.flags = kSfSync}), "EIO 0");
  EXPECT_TRUE(s.sender().connected());
  EXPECT_EQ(s.Send({.nbytes = 4 * kPage}), "16384");
  EXPECT_EQ(s.received(), 16384);
  EXPECT_EQ(s.sendfile().mbufs(), 0);
  EXPECT_EQ(s.file().object->paging_in_progress, 0);
  for (vm::Pindex i = 4; i < 12; ++i) {
    const vm::FrameIndex frame = s.file().object->Lookup(i);
    if (frame == vm::kNoFrame) continue;
    EXPECT_FALSE(s.vm().pages().busied(frame)) << i;
  }
}

TEST(SendfileErrorsTest, ASocketThatIsResetWhileItsPagesGetBufs) {
  // The second call is through with its reads and waits for a buffer when its peer goes.
  SendfileStory::Options options = SlowLink(16 * kPage);
  options.vfs.vfs.sf_bufs.nsfbufs = 2;
  options.sender.send_buffer = 2 * kPage;
  for (const bool warm : {true, false}) {
    SendfileStory s(options);
    s.Warm(0, 3);
    if (warm) s.Warm(4, 2);
    const sim::SimTime start = s.engine().now();
    s.sender(1).TryWrite(1, IoMode::kNonBlocking);
    s.Start({.nbytes = 3 * kPage}, 0);
    s.Run(start + kMs / 10);
    const SendfileStory::Call* second = s.Start({.offset = 4 * kPage, .nbytes = 2 * kPage}, 1);
    s.Run(start + kMs / 5);
    EXPECT_EQ(second->thread->wait_message(), "sfbufa");
    s.ClosePeer(1);
    s.Run();
    EXPECT_EQ(second->Text(), "ECONNRESET 0");
    EXPECT_EQ(s.Leftovers(), "");
  }
}

// The same, and the socket is shut for writing. Pages that are there are refused, and that is all.
// Pages that were still to come cannot be taken back: the kernel aborts the connection.
TEST(SendfileErrorsTest, ASocketThatIsShutWhileItsPagesGetBufs) {
  SendfileStory::Options options = SlowLink(16 * kPage);
  options.vfs.vfs.sf_bufs.nsfbufs = 2;
  options.sender.send_buffer = 2 * kPage;
  for (const bool warm : {true, false}) {
    SendfileStory s(options);
    s.Warm(0, 3);
    if (warm) s.Warm(4, 2);
    const sim::SimTime start = s.engine().now();
    s.Start({.nbytes = 3 * kPage}, 0);
    s.Run(start + kMs / 10);
    const SendfileStory::Call* second = s.Start({.offset = 4 * kPage, .nbytes = 2 * kPage}, 1);
    s.Run(start + kMs / 5);
    EXPECT_EQ(second->thread->wait_message(), "sfbufa");
    s.sender(1).Shutdown(ShutdownHow::kWrite);
    s.Run();
    EXPECT_EQ(second->Text(), "EPIPE 0");
    EXPECT_EQ(s.sender(1).connected(), warm);
    EXPECT_EQ(s.peer(1).connected(), warm);
    EXPECT_EQ(s.Leftovers(), "");
  }
}

// ---- The file and the socket while reads are under way.

TEST(SendfileErrorsTest, ATruncationWaitsForTheReads) {
  SendfileStory s(FileOf(8 * kPage));
  s.Drain();
  const SendfileStory::Call* call = s.Start({});
  int cut = -1;
  s.Run(50 * sim::kMicrosecond);
  EXPECT_EQ(call->Text(), "32768");
  s.world().Begin(s.world().vfs().ops().Truncate(s.world().open(), 5000), &cut);
  s.Run(60 * sim::kMicrosecond);
  EXPECT_EQ(cut, -1);
  s.Run();
  EXPECT_EQ(cut, 0);
  // What was promised was sent, whatever is in it. Pages behind the end are gone.
  EXPECT_EQ(s.received(), 32768);
  EXPECT_EQ(s.Pages(0, 8), "vv......");
  EXPECT_EQ(s.file().object->resident_page_count, 2u);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, PagesThatATruncationLeftBehindGoWhenTheyAreSent) {
  SendfileStory s(SlowLink(8 * kPage));
  s.Drain();
  s.Start({});
  s.Run(kMs + kMs / 2);
  EXPECT_EQ(s.world().Do(s.world().vfs().ops().Truncate(s.world().open(), 100)), 0);
  EXPECT_EQ(s.Pages(0, 8),
            "v._____"
            "_");
  s.Run();
  EXPECT_EQ(s.received(), 8 * kPage);
  EXPECT_EQ(s.Pages(0, 8), "v.......");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, AFileThatIsCutBetweenRoundsEndsTheCall) {
  SendfileStory::Options options = SlowLink(8 * kPage);
  options.sender.send_buffer = 2 * kPage;
  for (const int64_t size : {4 * kPage + 7, int64_t{100}}) {
    SendfileStory s(options);
    s.Drain();
    const SendfileStory::Call* call = s.Start({.trailer_bytes = 1000});
    s.Run(kMs + kMs / 2);
    EXPECT_EQ(call->Text(), "...");
    EXPECT_EQ(s.world().Do(s.world().vfs().ops().Truncate(s.world().open(), size)), 0);
    s.Run();
    // Cut in what is to come, it is sent as it is now; cut before, there is not even a trailer.
    const int64_t sent = size > kPage ? size + 1000 : call->result.sent;
    EXPECT_EQ(call->Text(), std::to_string(sent));
    EXPECT_EQ(sent % kPage == 0, size < kPage);
    EXPECT_EQ(s.received(), sent);
    EXPECT_EQ(s.Leftovers(), "");
  }
}

TEST(SendfileErrorsTest, ASenderThatIsClosedStillSends) {
  SendfileStory s(FileOf(4 * kPage));
  s.Drain();
  s.Start({});
  s.Run(50 * sim::kMicrosecond);
  s.CloseSender();
  s.Run();
  EXPECT_EQ(s.received(), 16384);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, ASocketThatIsResetInFlightGivesItsPagesBack) {
  SendfileStory s(FileOf(4 * kPage));
  s.sender().TryWrite(1, IoMode::kNonBlocking);
  s.Run();
  s.Start({});
  s.Run(s.engine().now() + 50 * sim::kMicrosecond);
  s.ClosePeer();  // With a byte unread.
  s.Run(s.engine().now() + 10 * sim::kMicrosecond);
  EXPECT_FALSE(s.sender().connected());
  EXPECT_EQ(s.sender().unsent(), 0);
  EXPECT_EQ(s.sendfile().mbufs(), 4);  // The disk still writes into them.
  s.Run();
  EXPECT_EQ(s.Pages(0, 4), "vvvv");
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, AFileThatIsGoneLivesUntilItIsRead) {
  SendfileStory s(FileOf(4 * kPage));
  vfs::VfsSystem& vfs = s.world().vfs();
  int error = 0;
  vfs::Vnode* vnode = vfs.Open("g", {.create = true, .mount = vfs.mounts()[0].get()}, &error);
  ASSERT_NE(vnode, nullptr);
  vfs::OpenFile open{.vnode = vnode};
  EXPECT_EQ(s.world().Do(vfs.ops().Truncate(open, 3 * kPage)), 0);  // A hole.
  s.Drain();
  SendfileResult result;
  s.world().Begin(s.sendfile().Send({.vnode = vnode, .socket = &s.sender()}), &result);
  EXPECT_EQ(s.world().Do(vfs.Unlink("g")), 0);
  s.world().Do(vfs.Close(*vnode));
  s.Run();
  EXPECT_EQ(result.error, 0);
  EXPECT_EQ(result.sent, 3 * kPage);
  EXPECT_EQ(s.received(), 3 * kPage);
  EXPECT_EQ(s.Leftovers(), "");
}

TEST(SendfileErrorsTest, ALocalPairTakesPagesOverAtOnce) {
  SendfileStory::Options options = FileOf(40 * kPage);
  options.local = true;
  options.sender.receive_buffer = 4 * kPage;
  SendfileStory s(options);
  const SendfileStory::Call* call = s.Start({});
  s.Run();
  EXPECT_EQ(call->Text(), "...");
  EXPECT_EQ(s.peer().unread(), 4 * kPage);
  EXPECT_EQ(s.sendfile().mbufs(), 12);  // A window of 4 pages went on since the first 16.
  s.Drain();
  s.Run();
  EXPECT_EQ(call->Text(), std::to_string(40 * kPage));
  EXPECT_EQ(s.received(), 40 * kPage);
  EXPECT_EQ(s.Leftovers(), "");
}

// A machine may be taken apart at any time.
TEST(SendfileErrorsTest, TheEndMayComeInTheMiddle) {
  for (sim::SimTime end = 0; end < 12 * kMs; end += 130 * sim::kMicrosecond) {
    SendfileStory::Options options = SlowLink(8 * kPage);
    options.vfs.vfs.sf_bufs.nsfbufs = 5;
    SendfileStory s(options);
    s.Drain();
    s.Start({.flags = kSfSync});
    s.Start({.flags = kSfSync}, 1);
    s.Run(end);
  }
}

TEST(SendfileErrorsTest, Counters) {
  SendfileStory s(FileOf(4 * kPage));
  sim::CounterRegistry registry;
  RegisterSendfileCounters(registry, s.stats());
  EXPECT_EQ(registry.size(), 9u);
  s.Drain();
  s.Send({});
  EXPECT_EQ(*registry.Find("sf_pages_read"), 4);
}

}  // namespace
}  // namespace vmsim::net
