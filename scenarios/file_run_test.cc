// Files: what each call comes to, what it moves, what it costs, and what maps of files see.
#include <string>

#include "scenarios/run_text.h"

namespace vmsim::scenarios {
namespace {

// A disk of 1024 blocks; 100 us a request and 2 us a page. "f" has ten pages, "odd" a page and a
// half.
constexpr char kMachine[] =
    "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {} }"
    "file_systems { name: 'fs' disk: 'd' }"
    "files { name: 'f' size_bytes: 40960 } files { name: 'odd' size_bytes: 6144 } ";

v1::Result RunSteps(const std::string& steps, const std::string& more = "") {
  return RunText(std::string(kMachine) + more + " processes { name: 'p' " + steps + " }");
}

int64_t BytesOf(const v1::Result& result, const std::string& process, const std::string& label) {
  return CallOf(result, process, label).bytes();
}

// --- Errors ---

struct Story {
  const char* name;
  const char* steps;  // Each step says itself what it must come to.
  int signal = 0;     // That ends the process.
};

constexpr Story kStories[] = {
    // Names.
    {"OpenOfNothing", "steps { open { file: 'x' } expect_errno: 'ENOENT' }"},
    {"UseOfNothing",
     "steps { read { file: 'x' length_bytes: 1 } expect_errno: 'ENOENT' }"
     "steps { write { file: 'x' length_bytes: 1 } expect_errno: 'ENOENT' }"
     "steps { fsync { file: 'x' } expect_errno: 'ENOENT' }"
     "steps { truncate { file: 'x' } expect_errno: 'ENOENT' }"
     "steps { unlink { file: 'x' } expect_errno: 'ENOENT' }"},
    {"Create",
     "steps { open { file: 'g' create: true } }"
     "steps { open { file: 'g' create: true } }"
     "steps { open { file: 'g' create: true exclusive: true } expect_errno: 'EEXIST' }"
     "steps { open { file: 'f' create: true exclusive: true } expect_errno: 'EEXIST' }"
     "steps { open { file: 'h' create: true exclusive: true } }"},
    {"CloseOfWhatIsNotOpen",
     "steps { close { file: 'f' } expect_errno: 'EBADF' }"
     "steps { open { file: 'f' } } steps { close { file: 'f' } }"
     "steps { close { file: 'f' } expect_errno: 'EBADF' }"
     "steps { fsync { file: 'f' } } steps { close { file: 'f' } }"},
    {"UnlinkTakesTheName",
     "steps { open { file: 'f' } } steps { unlink { file: 'f' } }"
     "steps { unlink { file: 'f' } expect_errno: 'ENOENT' }"
     // What is open can be used on,
     "steps { read { file: 'f' length_bytes: 40960 } }"
     "steps { write { file: 'f' length_bytes: 10000 } }"
     "steps { fsync { file: 'f' } }"
     // until it is closed.
     "steps { close { file: 'f' } }"
     "steps { read { file: 'f' length_bytes: 1 } expect_errno: 'ENOENT' }"
     "steps { open { file: 'f' create: true exclusive: true } }"},
    {"MapOfNothing",
     "steps { map { name: 'm' file: 'x' pages: 3 } expect_errno: 'ENOENT' }"
     "steps { touch { map: 'm' } }",
     11},
    // Numbers.
    {"NegativeOffset",
     "steps { read { file: 'f' offset_bytes: -1 length_bytes: 1 } expect_errno: 'EINVAL' }"
     "steps { write { file: 'f' offset_bytes: -1 length_bytes: 1 } expect_errno: 'EINVAL' }"},
    {"NegativeLength",
     "steps { read { file: 'f' length_bytes: -1 } expect_errno: 'EINVAL' }"
     "steps { write { file: 'f' length_bytes: -1 } expect_errno: 'EINVAL' }"
     "steps { truncate { file: 'f' size_bytes: -1 } expect_errno: 'EINVAL' }"},
    {"LengthBeyondACall",
     "steps { read { file: 'f' length_bytes: 1099511627777 } expect_errno: 'EINVAL' }"
     "steps { read { file: 'f' length_bytes: 1099511627776 } }"
     "steps { write { file: 'f' length_bytes: 1099511627777 } expect_errno: 'EINVAL' }"},
    {"BeyondTheLargestFile",
     "steps { write { file: 'f' offset_bytes: 17592186036224 length_bytes: 1 } "
     "expect_errno: 'EFBIG' }"
     "steps { truncate { file: 'f' size_bytes: 17592186036225 } expect_errno: 'EFBIG' }"
     "steps { read { file: 'f' offset_bytes: 4000000000000000000 length_bytes: 1 } }"},
    {"NothingAtAll",
     "steps { read { file: 'f' length_bytes: 0 } } steps { write { file: 'f' length_bytes: 0 } }"},
    // Maps.
    {"TouchBehindTheEnd",
     "steps { map { name: 'm' file: 'f' first_page: 8 pages: 5 } }"
     "steps { touch { map: 'm' pages: 2 } } steps { touch { map: 'm' first_page: 2 pages: 1 } }",
     10},
    {"TouchOfTheLastPage",
     "steps { map { name: 'm' file: 'odd' } } steps { touch { map: 'm' write: true } }"},
    {"TouchAfterTruncate",
     "steps { map { name: 'm' file: 'f' } } steps { touch { map: 'm' write: true } }"
     "steps { truncate { file: 'f' size_bytes: 8193 } }"
     "steps { touch { map: 'm' pages: 3 } } steps { touch { map: 'm' first_page: 3 pages: 1 } }",
     10},
    {"TouchAfterExtension",
     "steps { map { name: 'm' file: 'f' pages: 11 } }"
     "steps { truncate { file: 'f' size_bytes: 45056 } } steps { touch { map: 'm' write: true } }"},
    {"WriteThroughAReadOnlyMap",
     "steps { map { name: 'm' file: 'f' read_only: true } } steps { touch { map: 'm' } }"
     "steps { touch { map: 'm' write: true } }",
     11},
    {"MapOfWhatIsUnlinked",
     "steps { map { name: 'm' file: 'f' } } steps { touch { map: 'm' pages: 5 write: true } }"
     "steps { unlink { file: 'f' } } steps { close { file: 'f' } }"
     "steps { touch { map: 'm' write: true } } steps { msync { span { map: 'm' } } }"},
    // Clients.
    {"SendfileOfNothing",
     "steps { sendfile { file: 'x' connection: 'c' } expect_errno: 'ENOENT' }"},
    {"SendfileOfNegativeNumbers",
     "steps { sendfile { file: 'f' connection: 'c' offset_bytes: -1 } expect_errno: 'EINVAL' }"
     "steps { sendfile { file: 'f' connection: 'c' length_bytes: -1 } expect_errno: 'EINVAL' }"
     "steps { sendfile { file: 'f' connection: 'c' header_bytes: -1 } expect_errno: 'EINVAL' }"
     "steps { write { connection: 'c' length_bytes: -1 } expect_errno: 'EINVAL' }"},
    {"SendfileWithoutRoom",
     "steps { write { connection: 'slow' length_bytes: 8192 } }"
     "steps { sendfile { file: 'f' connection: 'slow' nonblocking: true } expect_errno: 'EAGAIN' "
     "}"},
};

constexpr char kClients[] =
    "connections { name: 'c' bytes_per_s: 1000000000 delay_ns: 1000 }"
    "connections { name: 'slow' read_bytes_per_s: 1 send_buffer_bytes: 4096 "
    "  receive_buffer_bytes: 4096 queue_bytes: 4096 }";

class FileErrnoTest : public testing::TestWithParam<Story> {};

TEST_P(FileErrnoTest, IsAsExpected) {
  const v1::Result result = RunSteps(GetParam().steps, kClients);
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(ProcessOf(result, "p").signal(), GetParam().signal);
}

INSTANTIATE_TEST_SUITE_P(, FileErrnoTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

// A file system of two blocks, one of them in use.
TEST(FileRunTest, TheFileSystemIsFull) {
  const v1::Result result = RunText(
      "memory { pages: 2000 } disks { name: 'd' size_bytes: 65536 fixed {} }"
      "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 5 }"
      "processes { name: 'p'"
      "  steps { open { file: 'g' create: true } }"
      "  steps { write { file: 'g' length_bytes: 32769 } expect_errno: 'ENOSPC' }"
      "  steps { read { file: 'g' offset_bytes: 0 length_bytes: 1 } label: 'none' }"
      "  steps { write { file: 'g' length_bytes: 32768 } }"
      "  steps { write { file: 'f' offset_bytes: 32768 length_bytes: 1 } expect_errno: 'ENOSPC' }"
      "  steps { unlink { file: 'g' } } steps { close { file: 'g' } }"
      "  steps { write { file: 'f' offset_bytes: 32768 length_bytes: 1 } } }");
  EXPECT_EQ(Failed(result), Texts{});
  // A write that cannot be finished leaves the size.
  EXPECT_EQ(BytesOf(result, "p", "none"), 0);
}

// The block of "f" that begins at page 8 is bad.
TEST(FileRunTest, ABadDisk) {
  const v1::Result result = RunText(
      "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {}"
      "  faults { kind: BAD_RANGE op: READ offset_bytes: 32768 length_bytes: 32768 } }"
      "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 65536 }"
      "processes { name: 'p'"
      "  steps { read { file: 'f' length_bytes: 32768 } label: 'good' }"
      "  steps { read { file: 'f' length_bytes: 1 } expect_errno: 'EIO' label: 'bad' }"
      // A part of a block cannot be written either: the rest would have to be read.
      "  steps { write { file: 'f' offset_bytes: 40000 length_bytes: 1 } expect_errno: 'EIO' }"
      "  steps { map { name: 'm' file: 'f' } }"
      "  steps { touch { map: 'm' pages: 8 } }"
      "  steps { touch { map: 'm' first_page: 8 } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(BytesOf(result, "p", "good"), 32768);
  EXPECT_EQ(BytesOf(result, "p", "bad"), 0);
  EXPECT_EQ(ProcessOf(result, "p").signal(), 10);
  EXPECT_GT(Counter(result, "disk.d.faults.bad_range"), 0);
}

// Sixteen times the block is written; then the data are lost, and the next fsync says so once.
TEST(FileRunTest, ADiskThatDoesNotWrite) {
  const v1::Result result = RunText(
      "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {}"
      "  faults { kind: BAD_RANGE op: WRITE offset_bytes: 0 length_bytes: 32768 } }"
      "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 65536 }"
      "processes { name: 'p'"
      "  steps { write { file: 'f' length_bytes: 65536 } }"
      "  steps { repeat { times: 20 steps { fsync { file: 'f' } expect_errno: 'ANY' } } }"
      "  steps { fsync { file: 'f' } }"
      "  steps { open { file: 'f' sync: true } }"
      "  steps { write { file: 'f' length_bytes: 4096 } expect_errno: 'EIO' } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "buf_write_giveups"), 1);
}

TEST(FileRunTest, ADiskThatIsGone) {
  const v1::Result result = RunText(
      "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {}"
      "  faults { kind: GONE from_ns: 1000000 } }"
      "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 65536 }"
      "processes { name: 'p'"
      "  steps { write { file: 'f' length_bytes: 65536 } }"
      "  steps { sleep { ns: 2000000 } }"
      "  steps { fsync { file: 'f' } expect_errno: 'ENXIO' }"
      "  steps { close { file: 'f' } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "buf_write_giveups"), 2);
}

// --- What moves ---

TEST(FileRunTest, ReadsGoOnWhereTheyEnded) {
  const v1::Result result = RunSteps(
      "steps { read { file: 'odd' length_bytes: 4096 } label: 'a' }"
      "steps { read { file: 'odd' length_bytes: 4096 } label: 'b' }"
      "steps { read { file: 'odd' length_bytes: 4096 } label: 'end' }"
      "steps { read { file: 'odd' offset_bytes: 6143 length_bytes: 4096 } label: 'last' }"
      "steps { read { file: 'odd' offset_bytes: 6144 length_bytes: 4096 } label: 'behind' }"
      // Opening again begins again.
      "steps { open { file: 'odd' } } steps { read { file: 'odd' length_bytes: 10 } label: 'new' }"
      "steps { close { file: 'odd' } }"
      "steps { read { file: 'odd' length_bytes: 9000 times: 3 } label: 'all' }");
  EXPECT_EQ(BytesOf(result, "p", "a"), 4096);
  EXPECT_EQ(BytesOf(result, "p", "b"), 2048);
  EXPECT_EQ(BytesOf(result, "p", "end"), 0);
  EXPECT_EQ(BytesOf(result, "p", "last"), 1);
  EXPECT_EQ(BytesOf(result, "p", "behind"), 0);
  EXPECT_EQ(BytesOf(result, "p", "new"), 10);
  EXPECT_EQ(BytesOf(result, "p", "all"), 6144);
  EXPECT_EQ(CallOf(result, "p", "all").times(), 3);
  EXPECT_EQ(Counter(result, "file_reads"), 9);
  EXPECT_EQ(Counter(result, "file_read_bytes"), 6144 + 1 + 10 + 6144);
}

TEST(FileRunTest, WritesGoOnToo) {
  const v1::Result result = RunSteps(
      "steps { open { file: 'g' create: true } }"
      "steps { write { file: 'g' length_bytes: 1000 times: 5 } label: 'w' }"
      "steps { write { file: 'g' offset_bytes: 0 length_bytes: 100 } }"
      "steps { write { file: 'g' length_bytes: 1 } }"
      "steps { read { file: 'g' offset_bytes: 0 length_bytes: 10000 } label: 'r' }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(BytesOf(result, "p", "w"), 5000);
  EXPECT_EQ(BytesOf(result, "p", "r"), 5001);
}

TEST(FileRunTest, AppendedWritesGoToTheEnd) {
  const v1::Result result = RunSteps(
      "steps { open { file: 'odd' append: true } }"
      "steps { write { file: 'odd' length_bytes: 100 } }"
      "steps { read { file: 'odd' length_bytes: 1 } label: 'behind' }"
      "steps { write { file: 'odd' offset_bytes: 0 length_bytes: 100 } }"
      "steps { read { file: 'odd' offset_bytes: 0 length_bytes: 10000 } label: 'all' }");
  EXPECT_EQ(BytesOf(result, "p", "behind"), 0);
  EXPECT_EQ(BytesOf(result, "p", "all"), 6144 + 200);
}

// Parent and child share one offset: the parent reads a page, the child two, the parent what is
// left.
TEST(FileRunTest, AChildSharesTheOffset) {
  const v1::Result result = RunSteps(
      "steps { read { file: 'odd' length_bytes: 1000 } }"
      "steps { fork { name: 'c'"
      "  steps { read { file: 'odd' length_bytes: 2000 } label: 'r' }"
      // A file that it opens itself it has for itself.
      "  steps { read { file: 'f' length_bytes: 5000 } } } }"
      "steps { wait {} }"
      "steps { read { file: 'odd' length_bytes: 9999 } label: 'rest' }"
      "steps { read { file: 'f' length_bytes: 99999 } label: 'f' }");
  EXPECT_EQ(BytesOf(result, "c", "r"), 2000);
  EXPECT_EQ(BytesOf(result, "p", "rest"), 6144 - 3000);
  EXPECT_EQ(BytesOf(result, "p", "f"), 40960);
}

// Several processes that share an offset read each byte once, however their calls overlap.
TEST(FileRunTest, WhoSharesAnOffsetHasItToHimself) {
  const v1::Result result = RunText(
      "memory { pages: 2000 } cpus { count: 4 } disks { name: 'd' size_bytes: 33554432 fixed {} }"
      "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 1000000 }"
      "processes { name: 'p' steps { open { file: 'f' } }"
      "  steps { repeat { times: 3 steps { fork { name: 'c'"
      "    steps { read { file: 'f' length_bytes: 10000 times: 40 } label: 'r' } } } } }"
      "  steps { read { file: 'f' length_bytes: 10000 times: 40 } label: 'r' }"
      "  steps { wait {} } }");
  int64_t bytes = BytesOf(result, "p", "r");
  for (const char* child : {"c.0", "c.1", "c.2"}) bytes += BytesOf(result, child, "r");
  EXPECT_EQ(bytes, 1000000);
}

// A child that closes leaves the parent's; an unlinked file stays until both have.
TEST(FileRunTest, AFileIsOpenUntilTheLastHasClosedIt) {
  const v1::Result result = RunSteps(
      "steps { open { file: 'f' } } steps { unlink { file: 'f' } }"
      "steps { fork { name: 'c' steps { close { file: 'f' } }"
      "  steps { read { file: 'f' length_bytes: 1 } expect_errno: 'ENOENT' } } }"
      "steps { fork { name: 'd' steps { read { file: 'f' length_bytes: 8192 } } } }"
      "steps { wait {} }"
      "steps { read { file: 'f' length_bytes: 99999 } label: 'rest' }"
      // Exits close.
      "steps { exit { status: 0 } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(BytesOf(result, "p", "rest"), 40960 - 8192);
  EXPECT_GE(Counter(result, "v_free_count"), 1998);  // All but those of "odd" and the new "f".
}

TEST(FileRunTest, RandomBlocksAreWholeAndInsideTheFile) {
  const std::string steps =
      "steps { read { file: 'f' length_bytes: 4096 times: 50 random_blocks: 10 } label: 'r' }"
      "steps { write { file: 'f' offset_bytes: 4096 length_bytes: 512 times: 50 random_blocks: 64 }"
      "  label: 'w' }"
      "steps { read { file: 'f' offset_bytes: 0 length_bytes: 99999 } label: 'all' }";
  const v1::Result result = RunSteps(steps);
  EXPECT_EQ(BytesOf(result, "p", "r"), 50 * 4096);
  EXPECT_EQ(BytesOf(result, "p", "w"), 50 * 512);
  EXPECT_EQ(BytesOf(result, "p", "all"), 40960);
  EXPECT_EQ(RunSteps(steps).digest(), result.digest());
}

// 1024 draws from 1024 blocks leave 1/e of them out, and those of two processes 1/e^2: 139. If both
// drew alike, it would be 377.
TEST(FileRunTest, RandomBlocksAreDrawnByProcess) {
  const std::string text =
      "memory { pages: 4000 } disks { name: 'd' size_bytes: 33554432 fixed {} }"
      "file_systems { name: 'fs' disk: 'd' block_bytes: 4096 iosize_max_bytes: 4096 }"
      "files { name: 'f' size_bytes: 4194304 }"
      "processes { name: 'p' count: 2"
      "  steps { read { file: 'f' length_bytes: 4096 times: 1024 random_blocks: 1024 } } }";
  const v1::Result result = RunText(text);
  EXPECT_GT(Counter(result, "disk.d.read_bytes"), 860 * 4096);
  EXPECT_LT(Counter(result, "disk.d.read_bytes"), 910 * 4096);
  RunOptions other;
  other.seed = 7;
  EXPECT_NE(RunText(text, other).digest(), result.digest());
}

// --- What it costs ---

TEST(FileRunTest, ACachedReadCostsTheCallAndTheCopies) {
  const v1::Result result = RunSteps(
      "steps { read { file: 'f' length_bytes: 40960 } label: 'cold' }"
      "steps { read { file: 'f' offset_bytes: 0 length_bytes: 40960 } label: 'warm' }"
      "steps { read { file: 'f' offset_bytes: 4095 length_bytes: 2 } label: 'two pages' }"
      "steps { open { file: 'f' } label: 'open' } steps { close { file: 'f' } label: 'close' }"
      "steps { unlink { file: 'f' } label: 'unlink' }");
  EXPECT_EQ(CallOf(result, "p", "warm").total_ns(), 500 + 10 * 500);
  EXPECT_EQ(CallOf(result, "p", "two pages").total_ns(), 500 + 2 * 500);
  EXPECT_EQ(CallOf(result, "p", "open").total_ns(), 500);
  EXPECT_EQ(CallOf(result, "p", "close").total_ns(), 500);
  EXPECT_EQ(CallOf(result, "p", "unlink").total_ns(), 500);
  EXPECT_GT(CallOf(result, "p", "cold").total_ns(), 100'000 + 10 * 2000);
  EXPECT_EQ(Counter(result, "disk.d.read_bytes"), 40960);
}

// What is written stays in memory until somebody wants it on the disk.
TEST(FileRunTest, WritesWaitForNobodyUnlessAsked) {
  const char* const write = "steps { write { file: 'f' length_bytes: 40960 } label: 'w' }";
  const v1::Result lazy = RunSteps(write);
  EXPECT_EQ(CallOf(lazy, "p", "w").total_ns(), 500 + 10 * 500);
  EXPECT_EQ(Counter(lazy, "disk.d.write_bytes"), 0);
  EXPECT_EQ(Counter(lazy, "vfs.numdirtybuffers"), 2);
  const v1::Result fsynced =
      RunSteps(std::string(write) + "steps { fsync { file: 'f' } label: 's' }");
  EXPECT_EQ(Counter(fsynced, "disk.d.write_bytes"), 40960);
  EXPECT_EQ(Counter(fsynced, "vfs.numdirtybuffers"), 0);
  EXPECT_GT(CallOf(fsynced, "p", "s").total_ns(), 100'000);
  const v1::Result sync = RunSteps("steps { open { file: 'f' sync: true } }" + std::string(write));
  EXPECT_GT(CallOf(sync, "p", "w").total_ns(), 100'000);
  EXPECT_EQ(Counter(sync, "disk.d.write_bytes"), 40960);
  // The syncer comes after vfs.filedelay_s.
  const v1::Result synced = RunSteps(std::string(write) + "steps { sleep { ns: 10000000000 } }",
                                     "vfs { filedelay_s: 5 } ");
  EXPECT_EQ(Counter(synced, "disk.d.write_bytes"), 40960);
  EXPECT_EQ(Counter(synced, "syncer_fsyncs"), 1);
}

TEST(FileRunTest, HolesCostNoIo) {
  const v1::Result result = RunText(
      "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {} }"
      "file_systems { name: 'fs' disk: 'd' block_bytes: 4096 }"
      "files { name: 'f' size_bytes: 65536 fragment_blocks: 2 gap_blocks: 3 hole_every: 2 }"
      "processes { name: 'p' steps { read { file: 'f' length_bytes: 65536 } label: 'r' } }");
  EXPECT_EQ(BytesOf(result, "p", "r"), 65536);
  EXPECT_EQ(Counter(result, "disk.d.read_bytes"), 32768);
}

// --- Maps ---

TEST(FileRunTest, AMapReadsTheFile) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' file: 'f' } } steps { touch { map: 'm' } }"
      "steps { read { file: 'f' length_bytes: 40960 } label: 'r' }");
  EXPECT_EQ(Counter(result, "v_vnodepgsin"), 10);
  EXPECT_GT(ProcessOf(result, "p").majflt(), 0);
  // They are the same pages.
  EXPECT_EQ(CallOf(result, "p", "r").total_ns(), 500 + 10 * 500);
  EXPECT_EQ(Counter(result, "disk.d.read_bytes"), 40960);
}

// Pages of a block are written with the block.
TEST(FileRunTest, MsyncWritesWhatAMapDirtied) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' file: 'f' } }"
      "steps { touch { map: 'm' first_page: 2 pages: 3 write: true } }"
      "steps { msync { span { map: 'm' } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "v_vnodepgsout"), 3);
  EXPECT_EQ(Counter(result, "disk.d.write_bytes"), 32768);
}

// What is written through a private map is the process's own: the file is not written, and swap
// is reserved for it.
TEST(FileRunTest, APrivateMapCopies) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' file: 'f' private: true } }"
      "steps { touch { map: 'm' pages: 4 write: true } }"
      "steps { touch { map: 'm' write: true } }"
      "steps { msync { span { map: 'm' } } } steps { fsync { file: 'f' } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "v_cow_faults"), 10);
  EXPECT_EQ(Counter(result, "disk.d.write_bytes"), 0);
}

TEST(FileRunTest, AForkSharesAMapOfAFile) {
  const v1::Result result = RunSteps(
      "steps { map { name: 'm' file: 'f' } }"
      "steps { fork { name: 'c' steps { touch { map: 'm' write: true } } } } steps { wait {} }"
      "steps { touch { map: 'm' write: true } } steps { msync { span { map: 'm' } } }");
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(Counter(result, "v_cow_faults"), 0);
  EXPECT_EQ(Counter(result, "v_vnodepgsin"), 10);
  EXPECT_EQ(Counter(result, "disk.d.write_bytes"), 40960);
}

TEST(FileRunTest, PagersDifferInWhatTheyRead) {
  const auto run = [](const char* pager) {
    return RunText(std::string("memory { pages: 2000 } "
                               "disks { name: 'd' size_bytes: 33554432 fixed {} }"
                               "file_systems { name: 'fs' disk: 'd' pager: ") +
                   pager +
                   " } files { name: 'f' size_bytes: 1048576 }"
                   "processes { name: 'p' steps { map { name: 'm' file: 'f' advice: RANDOM } }"
                   "  steps { touch { map: 'm' first_page: 100 pages: 1 } } }");
  };
  EXPECT_EQ(Counter(run("GENERIC"), "disk.d.read_bytes"), 4096);
  EXPECT_EQ(Counter(run("BUFFER"), "disk.d.read_bytes"), 32768);
}

// --- Clients ---

TEST(FileRunTest, SendfileSendsAFile) {
  const v1::Result result = RunSteps(
      "steps { sendfile { file: 'f' connection: 'c' header_bytes: 100 trailer_bytes: 10"
      "  sync: true } label: 'all' }"
      "steps { sendfile { file: 'f' connection: 'c' offset_bytes: 40000 length_bytes: 5000"
      "  sync: true } label: 'end' }"
      "steps { sleep { ns: 1000000 } }",
      kClients);
  EXPECT_EQ(Failed(result), Texts{});
  EXPECT_EQ(BytesOf(result, "p", "all"), 40960 + 110);
  EXPECT_EQ(BytesOf(result, "p", "end"), 960);
  EXPECT_EQ(Counter(result, "connection.c.read_bytes"), 40960 + 110 + 960);
  EXPECT_EQ(Counter(result, "connection.c.unsent_bytes"), 0);
  EXPECT_EQ(Counter(result, "sf_syscalls"), 2);
  EXPECT_EQ(Counter(result, "disk.d.read_bytes"), 40960);
}

// 8 ns a byte; what the client has not taken the writer waits for.
TEST(FileRunTest, WritesToAClientWaitForRoom) {
  const v1::Result result = RunSteps(
      "steps { write { connection: 'c' length_bytes: 1000000 } label: 'w' }"
      "steps { sleep { ns: 100000000 } }",
      "connections { name: 'c' bytes_per_s: 125000000 delay_ns: 1000 } ");
  EXPECT_EQ(BytesOf(result, "p", "w"), 1000000);
  EXPECT_EQ(Counter(result, "connection.c.read_bytes"), 1000000);
  EXPECT_EQ(Counter(result, "connection.c.link_busy_ns"), 8'000'000);
  EXPECT_GT(CallOf(result, "p", "w").total_ns(), 8 * (1000000 - 212992 - 262144));
  EXPECT_LT(CallOf(result, "p", "w").total_ns(), 8'000'000);
}

// --- Power failure ---

// Two blocks were promised, the two after them were not.
TEST(FileRunTest, ACrashKeepsWhatWasPromised) {
  const v1::Result result = RunSteps(
      "steps { open { file: 'g' create: true } }"
      "steps { write { file: 'g' length_bytes: 65536 } } steps { fsync { file: 'g' } }"
      "steps { write { file: 'g' length_bytes: 65536 } }"
      "steps { repeat { times: 1 steps { crash {} } } }"
      "steps { write { file: 'g' length_bytes: 65536 } label: 'never' }");
  EXPECT_EQ(Failed(result), Texts{});
  ASSERT_TRUE(result.has_crash());
  EXPECT_EQ(result.crash().sectors_safe(), 128);
  EXPECT_EQ(result.crash().sectors_lost(), 128);
  EXPECT_EQ(result.crash().violations(), 0);
  EXPECT_EQ(result.crash().time_ns(), result.sim_time_ns());
  EXPECT_EQ(CallOf(result, "p", "never").times(), 0);
  EXPECT_EQ(ProcessOf(result, "p").end_ns(), -1);
}

// The disk says that it has stored what it has not.
TEST(FileRunTest, ADiskThatLiesBreaksPromises) {
  const auto run = [](const char* fault) {
    return RunText(absl::StrCat(
        "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 fixed {} faults { ", fault,
        " } } file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 65536 }"
        "processes { name: 'p' steps { write { file: 'f' length_bytes: 4096 } }"
        "  steps { fsync { file: 'f' } } steps { crash {} } }"));
  };
  const v1::Result torn = run("kind: TORN_WRITE prefix_sectors: 3");
  EXPECT_EQ(Failed(torn), Texts{});
  EXPECT_EQ(torn.crash().sectors_safe(), 3);
  EXPECT_EQ(torn.crash().violations(), 5);
  // A write that comes short says so.
  const v1::Result cut = run("kind: SHORT_TRANSFER op: WRITE prefix_sectors: 3 nth: 1");
  EXPECT_EQ(Failed(cut), Texts{});
  EXPECT_EQ(cut.crash().sectors_safe(), 8);
  EXPECT_EQ(cut.crash().violations(), 0);
  // One that owns up to it is believed, and the write made again.
  const v1::Result owned = run("kind: TORN_WRITE prefix_sectors: 3 report_error: true nth: 1");
  EXPECT_EQ(Failed(owned), Texts{});
  EXPECT_EQ(owned.crash().sectors_safe(), 8);
  EXPECT_EQ(owned.crash().violations(), 0);
}

// Writes under way are dropped, kept or torn, by the seed.
TEST(FileRunTest, ACrashFindsWritesUnderWay) {
  int64_t dropped = 0, kept = 0, torn = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    RunOptions options;
    options.seed = seed;
    const v1::Result result = RunText(
        std::string(kMachine) +
            "processes { name: 'w' count: 3 steps { open { file: 'f' sync: true } }"
            "  steps { write { file: 'f' length_bytes: 8192 times: 1000 random_blocks: 5 } } }"
            "processes { name: 'p' start_ns: 5000000 steps { crash {} } }",
        options);
    EXPECT_EQ(result.crash().violations(), 0);
    // As soon as the process got a CPU.
    EXPECT_GE(result.crash().time_ns(), 5'000'000);
    EXPECT_LT(result.crash().time_ns(), 5'100'000);
    dropped += result.crash().writes_dropped();
    kept += result.crash().writes_kept();
    torn += result.crash().writes_torn();
  }
  EXPECT_GT(dropped, 0);
  EXPECT_GT(kept, 0);
  EXPECT_GT(torn, 0);
}

// --- Without files ---

// But for a look of the buffer daemon each second, which takes the CPU twice in this run.
TEST(FileRunTest, FilesThatNobodyUsesChangeNothingElse) {
  const char* const text =
      "memory { pages: 1000 } disks { name: 'd' size_bytes: 33554432 fixed {} }"
      "swap { disk: 'd' size_pages: 4000 }"
      "processes { name: 'p' steps { map { name: 'm' pages: 1500 } }"
      "  steps { generate { map: 'm' kind: UNIFORM refs: 5000 write_pct: 50 } } }";
  const v1::Result without = RunText(text);
  const v1::Result with = RunText(std::string(text) + "file_systems { name: 'fs' disk: 'd' }");
  EXPECT_GE(with.sim_time_ns(), without.sim_time_ns());
  EXPECT_LT(with.sim_time_ns(), without.sim_time_ns() + 100'000);
  EXPECT_EQ(Counter(with, "v_swappgsin"), Counter(without, "v_swappgsin"));
  for (const v1::CounterValue& counter : without.counters()) {
    EXPECT_NE(counter.name().substr(0, 5), "file_");
  }
}

}  // namespace
}  // namespace vmsim::scenarios
