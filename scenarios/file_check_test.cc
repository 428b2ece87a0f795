// What is wrong with file systems, files, connections, and the steps that use them.
#include "scenarios/file_check.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/file_config.h"
#include "scenarios/scenario_check.h"
#include "scenarios/scenario_reader.h"
#include "scenarios/scenario_totals.h"

namespace vmsim::scenarios {
namespace {

using testing::HasSubstr;

// 2048 pages of 4096 bytes: 256 blocks of 32 KiB.
constexpr char kDisk[] = "memory { pages: 2000 } disks { name: 'd' size_bytes: 8388608 } ";
constexpr char kProcess[] = " processes { name: 'p' }";

std::string Check(const std::string& text) {
  const auto file = ParseScenario(text, "s", {});
  return file.ok() ? "ok" : std::string(file.status().message());
}

struct Story {
  const char* name;
  const char* text;
  const char* error;  // Part of the message; "ok" for none.
};

class Stories : public testing::TestWithParam<Story> {
 protected:
  static void Expect(const std::string& text) {
    if (std::string(GetParam().error) == "ok") {
      EXPECT_EQ(Check(text), "ok");
    } else {
      EXPECT_THAT(Check(text), HasSubstr(GetParam().error));
    }
  }
};

std::string NameOf(const testing::TestParamInfo<Story>& info) { return info.param.name; }

// --- File systems, files, tunables ---

constexpr Story kMachineStories[] = {
    {"Nothing", "", "ok"},
    {"WholeDisk", "file_systems { name: 'a' disk: 'd' }", "ok"},
    {"Nameless", "file_systems { disk: 'd' }", "file_systems[0].name: is missing; give it a name"},
    {"SameName",
     "file_systems { name: 'a' disk: 'd' size_bytes: 32768 }"
     "file_systems { name: 'a' disk: 'd' }",
     "file_systems[1].name: another file system is called \"a\""},
    {"NoDisk", "file_systems { name: 'a' }", "file_systems[0].disk: is missing; name a disk"},
    {"UnknownDisk", "file_systems { name: 'a' disk: 'e' }",
     "file_systems[0].disk: there is no disk called \"e\""},
    {"OddBlock", "file_systems { name: 'a' disk: 'd' block_bytes: 5000 }",
     "file_systems[0].block_bytes: 5000 is not a power of two; use 512, 1024, ... or 65536"},
    {"SmallBlock", "file_systems { name: 'a' disk: 'd' block_bytes: 256 }",
     "file_systems[0].block_bytes: 256 is outside 512..65536"},
    {"LargeBlock", "file_systems { name: 'a' disk: 'd' block_bytes: 131072 }",
     "file_systems[0].block_bytes: 131072 is outside 512..65536"},
    {"SmallestBlock", "file_systems { name: 'a' disk: 'd' block_bytes: 512 iosize_max_bytes: 512 }",
     "ok"},
    {"BlockOfMaxphys",
     "file_systems { name: 'a' disk: 'd' block_bytes: 8192 } tunables { maxphys: 8192 }", "ok"},
    {"BlockAboveMaxphys",
     "file_systems { name: 'a' disk: 'd' block_bytes: 8192 } tunables { maxphys: 4096 }",
     "file_systems[0].block_bytes: 8192 is more than tunables.maxphys, which is 4096; use less, or "
     "a "
     "larger maxphys"},
    {"DefaultBlockAboveMaxphys", "file_systems { name: 'a' disk: 'd' } tunables { maxphys: 16384 }",
     "file_systems[0].block_bytes: 32768 is more than tunables.maxphys"},
    {"IosizeBelowABlock", "file_systems { name: 'a' disk: 'd' iosize_max_bytes: 16384 }",
     "file_systems[0].iosize_max_bytes: 16384 is less than a block; use 32768 or more"},
    {"OddIosize", "file_systems { name: 'a' disk: 'd' iosize_max_bytes: 50000 }",
     "file_systems[0].iosize_max_bytes: 50000 is not whole blocks; use a multiple of 32768"},
    {"OddOffset", "file_systems { name: 'a' disk: 'd' offset_bytes: 4096 }",
     "file_systems[0].offset_bytes: 4096 is not whole blocks"},
    {"OddSize", "file_systems { name: 'a' disk: 'd' size_bytes: 4096 }",
     "file_systems[0].size_bytes: 4096 is not whole blocks"},
    {"NegativeOffset", "file_systems { name: 'a' disk: 'd' offset_bytes: -32768 }",
     "file_systems[0].offset_bytes: -32768 is outside 0.."},
    {"TooLarge", "file_systems { name: 'a' disk: 'd' size_bytes: 8421376 }",
     "file_systems[0].size_bytes: 8421376 bytes do not fit: \"d\" has 8388608 from byte 0 on; use "
     "less or a larger disk"},
    {"BehindTheDisk", "file_systems { name: 'a' disk: 'd' offset_bytes: 8388608 }",
     "file_systems[0].offset_bytes: byte 8388608, where it would begin, is past the end of \"d\", "
     "which has 8388608 bytes; "},
    {"BehindSwap", "swap { disk: 'd' size_pages: 100 } file_systems { name: 'a' disk: 'd' }", "ok"},
    {"SwapTakesAll", "swap { disk: 'd' } file_systems { name: 'a' disk: 'd' }",
     "file_systems[0].offset_bytes: byte 8388608, where it would begin, is past the end"},
    {"OverSwap",
     "swap { disk: 'd' offset_pages: 8 size_pages: 100 }"
     "file_systems { name: 'a' disk: 'd' offset_bytes: 0 size_bytes: 65536 }",
     "file_systems[0]: bytes 0..65535 of \"d\" overlap swap[0], 32768..442367; change offset_bytes "
     "or size_bytes"},
    {"BeforeSwap",
     "swap { disk: 'd' offset_pages: 8 size_pages: 100 }"
     "file_systems { name: 'a' disk: 'd' offset_bytes: 0 }",
     "ok"},
    {"NoRoomBeforeSwap",
     "swap { disk: 'd' offset_pages: 4 size_pages: 100 }"
     "file_systems { name: 'a' disk: 'd' offset_bytes: 0 }",
     "file_systems[0].size_bytes: no block fits from byte 0 of \"d\" on"},
    {"OverAnother",
     "file_systems { name: 'a' disk: 'd' size_bytes: 65536 }"
     "file_systems { name: 'b' disk: 'd' offset_bytes: 32768 }",
     "file_systems[0]: bytes 0..65535 of \"d\" overlap file_systems[1]"},
    {"NoRoomForAnother",
     "file_systems { name: 'a' disk: 'd' } file_systems { name: 'b' disk: 'd' }",
     "file_systems[1].offset_bytes: byte 8388608, where it would begin, is past the end"},
    // Files.
    {"File", "file_systems { name: 'a' disk: 'd' } files { name: 'f' size_bytes: 8388608 }", "ok"},
    {"FileWithoutFileSystem", "files { name: 'f' }",
     "files[0].file_system: the scenario has no file systems; add one"},
    {"FileOfUnknownFileSystem",
     "file_systems { name: 'a' disk: 'd' }"
     "files { name: 'f' file_system: 'b' }",
     "files[0].file_system: there is no file system called \"b\""},
    {"WhichFileSystem",
     "file_systems { name: 'a' disk: 'd' size_bytes: 65536 } file_systems { name: 'b' disk: 'd' }"
     "files { name: 'f' }",
     "files[0].file_system: is missing; name a file system"},
    {"FilesOfOneName",
     "file_systems { name: 'a' disk: 'd' } files { name: 'f' } files { name: 'f' }",
     "files[1].name: another file is called \"f\""},
    {"NegativeFile", "file_systems { name: 'a' disk: 'd' } files { name: 'f' size_bytes: -1 }",
     "files[0].size_bytes: -1 is outside 0..17592186036224"},
    {"FilesThatDoNotFit",
     "file_systems { name: 'a' disk: 'd' } files { name: 'f' size_bytes: 8355840 }"
     "files { name: 'g' size_bytes: 32769 }",
     "files[1].size_bytes: the file needs 65536 bytes of \"a\", which has 32768 left; use less, or "
     "a larger file system"},
    {"HolesNeedNoRoom",
     "file_systems { name: 'a' disk: 'd' }"
     "files { name: 'f' size_bytes: 12582912 fragment_blocks: 2 hole_every: 3 }",
     "ok"},
    {"FewerHolesNeedMore",
     "file_systems { name: 'a' disk: 'd' }"
     "files { name: 'f' size_bytes: 12582912 fragment_blocks: 2 hole_every: 4 }",
     "files[0].size_bytes: the file needs 9437184 bytes"},
    {"TheLastHoleIsShort",  // Blocks: 255 there, of the hole behind them one.
     "file_systems { name: 'a' disk: 'd' }"
     "files { name: 'f' size_bytes: 8388608 fragment_blocks: 255 hole_every: 2 }"
     "files { name: 'g' size_bytes: 32768 }",
     "ok"},
    {"AllHole",
     "file_systems { name: 'a' disk: 'd' }"
     "files { name: 'f' size_bytes: 17592186036224 hole_every: 1 }",
     "ok"},
    {"TooManyFragments",
     "file_systems { name: 'a' disk: 'd' }"
     "files { name: 'f' size_bytes: 137438986240 fragment_blocks: 1 hole_every: 1 }",
     "files[0].fragment_blocks: the file has 4194305 fragments; use at most 4194304, of more "
     "blocks each"},
    {"TooManyPages",
     "file_systems { name: 'a' disk: 'd' }"
     "files { name: 'f' size_bytes: 17592186036224 hole_every: 1 }"
     "files { name: 'g' size_bytes: 17592186036224 hole_every: 1 }",
     "files[1].size_bytes: files have more than 4294967296 pages together"},
    // Tunables.
    {"Vfs",
     "vfs { filedelay_s: 10 hirunningspace: 1000000 lorunningspace: 500000 hidirtybuffers: 50 "
     "lodirtybuffers: 40 }",
     "ok"},
    {"NoDelay", "vfs { filedelay_s: 0 }", "vfs.filedelay_s: 0 is outside 1..30"},
    {"LowWithoutHigh", "vfs { lorunningspace: 5 }",
     "vfs.lorunningspace: 5 is more than hirunningspace, which is 0 (by the size of memory); set "
     "both"},
    {"MarksTooNear", "vfs { hidirtybuffers: 5 lodirtybuffers: 4 }",
     "vfs.hidirtybuffers: 5 is too near to lodirtybuffers, which is 4: writers that sleep would "
     "not "
     "be woken; use 6 or more"},
    {"MarkTooLow", "vfs { hidirtybuffers: 2 }",
     "vfs.hidirtybuffers: 2 is too near to lodirtybuffers, which is 1"},
    {"LowAboveHigh", "vfs { hidirtybuffers: 4 lodirtybuffers: 5 }",
     "vfs.lodirtybuffers: 5 is more than hidirtybuffers, which is 4; use less"},
    {"TooManySfBufs", "sf_bufs { nsfbufs: 65537 }", "sf_bufs.nsfbufs: 65537 is outside 0..65536"},
    {"SfBufsWithADirectMap", "sf_bufs { direct_map: true nsfbufs: 5 }",
     "sf_bufs.nsfbufs: with a direct map there is no pool of them"},
    // Connections.
    {"Connection", "connections { name: 'c' }", "ok"},
    {"ConnectionsOfOneName", "connections { name: 'c' } connections { name: 'c' }",
     "connections[1].name: another connection is called \"c\""},
    {"NoBuffer", "connections { name: 'c' send_buffer_bytes: 0 }",
     "connections[0].send_buffer_bytes: 0 is outside 1..1073741824"},
    {"NegativeRate", "connections { name: 'c' bytes_per_s: -1 }",
     "connections[0].bytes_per_s: -1 is outside 0..1000000000000"},
    {"LongDelay", "connections { name: 'c' delay_ns: 60000000001 }",
     "connections[0].delay_ns: 60000000001 is outside 0..60000000000"},
};

class FileMachineTest : public Stories {};
TEST_P(FileMachineTest, Check) { Expect(absl::StrCat(kDisk, GetParam().text, kProcess)); }
INSTANTIATE_TEST_SUITE_P(, FileMachineTest, testing::ValuesIn(kMachineStories), NameOf);

TEST(FileCountTest, TooManyFileSystems) {
  std::string text;
  for (int i = 0; i < 65; ++i)
    absl::StrAppend(&text, "file_systems { name: 'f", i, "' disk: 'd' }");
  EXPECT_THAT(Check(absl::StrCat(kDisk, text, kProcess)),
              HasSubstr("file_systems: there are 65; use at most 64"));
}

// --- Where file systems are ---

std::string Placed(const std::string& text) {
  const auto file = ParseScenario(absl::StrCat(kDisk, text, kProcess), "s", {});
  if (!file.ok()) return std::string(file.status().message());
  std::map<std::string, std::vector<DiskArea>> areas;
  std::string placed;
  for (const vfs::MountConfig& mount : PlaceFileSystems(file->scenario, &areas)) {
    absl::StrAppend(&placed, placed.empty() ? "" : " ", mount.name, ":", mount.offset_bytes, "+",
                    mount.size_bytes);
  }
  return placed;
}

TEST(PlaceFileSystemsTest, OneAfterTheOther) {
  EXPECT_EQ(Placed("file_systems { name: 'a' disk: 'd' }"), "a:0+8388608");
  // Behind 101 pages of swap, at the next whole block.
  EXPECT_EQ(Placed("swap { disk: 'd' size_pages: 101 } file_systems { name: 'a' disk: 'd' }"),
            "a:425984+7962624");
  EXPECT_EQ(Placed("swap { disk: 'd' offset_pages: 2040 } file_systems { name: 'a' disk: 'd' "
                   "offset_bytes: 0 }"),
            "a:0+8355840");
  EXPECT_EQ(Placed("file_systems { name: 'a' disk: 'd' size_bytes: 65536 }"
                   "file_systems { name: 'b' disk: 'd' block_bytes: 512 size_bytes: 512 }"
                   "file_systems { name: 'c' disk: 'd' }"),
            "a:0+65536 b:65536+512 c:98304+8290304");
  // What is left before another.
  EXPECT_EQ(Placed("file_systems { name: 'a' disk: 'd' offset_bytes: 4194304 }"
                   "file_systems { name: 'b' disk: 'd' offset_bytes: 32768 }"),
            "a:4194304+4194304 b:32768+4161536");
}

// --- Steps ---

constexpr char kFiles[] =
    "file_systems { name: 'a' disk: 'd' size_bytes: 4194304 } file_systems { name: 'b' disk: 'd' }"
    "files { name: 'f' file_system: 'a' size_bytes: 40961 }"
    "files { name: 'empty' file_system: 'b' } connections { name: 'c' } ";

constexpr Story kStepStories[] = {
    {"All",
     "steps { open { file: 'g' create: true exclusive: true append: true sync: true file_system: "
     "'b' } }"
     "steps { read { file: 'f' offset_bytes: 5 length_bytes: 7 times: 9 } }"
     "steps { write { file: 'g' length_bytes: 512 random_blocks: 100 } }"
     "steps { write { connection: 'c' length_bytes: 512 times: 3 } }"
     "steps { fsync { file: 'g' } } steps { truncate { file: 'g' size_bytes: 3 } }"
     "steps { sendfile { file: 'f' connection: 'c' user_readahead_pages: 65535 } }"
     "steps { unlink { file: 'g' } } steps { close { file: 'g' } } steps { crash {} }",
     "ok"},
    {"NoName", "steps { read { length_bytes: 1 } }",
     "steps[0].read.file: is missing; give it a name"},
    {"UnknownFile", "steps { read { file: 'ff' length_bytes: 1 } }",
     "steps[0].read.file: there is no file called \"ff\", and no step makes one; "},
    {"UnknownFileExpected", "steps { read { file: 'ff' length_bytes: 1 } expect_errno: 'ENOENT' }",
     "ok"},
    {"UnknownFileWhatever", "steps { close { file: 'ff' } expect_errno: 'ANY' }", "ok"},
    {"UnknownFileThatWorks", "steps { close { file: 'ff' } expect_errno: '0' }",
     "steps[0].close.file: there is no file called \"ff\""},
    // Made by anybody, at any time.
    {"MadeInAFork",
     "steps { read { file: 'g' length_bytes: 1 } } steps { repeat { times: 2 steps { fork { name: "
     "'c' steps { open { file: 'g' create: true file_system: 'a' } } } } } }",
     "ok"},
    {"OpenSomewhere", "steps { open { file: 'g' create: true } }",
     "steps[0].open.file_system: is missing; name a file system"},
    {"OpenInNoPlace", "steps { open { file: 'g' create: true file_system: 'd' } }",
     "steps[0].open.file_system: there is no file system called \"d\""},
    {"PlaceOfWhatIsThere", "steps { open { file: 'f' file_system: 'a' } }",
     "steps[0].open.file_system: says where to create the file; add create"},
    {"ExclusiveWithoutCreate", "steps { open { file: 'f' exclusive: true } }",
     "steps[0].open.exclusive: says nothing without create; add that"},
    {"NegativeOffset", "steps { read { file: 'f' offset_bytes: -1 } }",
     "steps[0].read.offset_bytes: -1 is negative, and the call would fail; use 0 or more, or "
     "expect_errno: \"EINVAL\""},
    {"NegativeOffsetExpected",
     "steps { read { file: 'f' offset_bytes: -1 } expect_errno: 'EINVAL' }", "ok"},
    {"FarOffset", "steps { read { file: 'f' offset_bytes: 4611686018427387905 } }",
     "steps[0].read.offset_bytes: 4611686018427387905 is outside "},
    {"NegativeLength", "steps { write { file: 'f' length_bytes: -1 } }",
     "steps[0].write.length_bytes: -1 is negative"},
    {"NegativeSize", "steps { truncate { file: 'f' size_bytes: -5 } }",
     "steps[0].truncate.size_bytes: -5 is negative"},
    {"NoTimes", "steps { read { file: 'f' times: 0 } }",
     "steps[0].read.times: 0 is outside 1..1099511627776"},
    {"TooManyTimes", "steps { read { file: 'f' times: 1000000001 } }",
     "more than 1000000000 steps would run"},
    {"RandomBlocksOfNothing", "steps { read { file: 'f' random_blocks: 5 } }",
     "steps[0].read.random_blocks: blocks are of length_bytes; use 1 or more"},
    {"RandomBlocksBeyondAFile",
     "steps { read { file: 'f' length_bytes: 1048576 random_blocks: 16777216 } }",
     "steps[0].read.random_blocks: 16777216 blocks of 1048576 bytes are more than a file can have"},
    {"FileAndConnection", "steps { write { file: 'f' connection: 'c' } }",
     "steps[0].write: names file and connection; remove one of them"},
    {"OffsetOfAConnection", "steps { write { connection: 'c' offset_bytes: 0 } }",
     "steps[0].write: a connection has no offsets"},
    {"UnknownConnection", "steps { write { connection: 'd' } }",
     "steps[0].write.connection: there is no connection called \"d\""},
    {"SendfileToNobody", "steps { sendfile { file: 'f' } }",
     "steps[0].sendfile.connection: is missing; name a connection"},
    {"SendfileReadahead",
     "steps { sendfile { file: 'f' connection: 'c' user_readahead_pages: 65536 } }",
     "steps[0].sendfile.user_readahead_pages: 65536 is outside 0..65535"},
    {"SendfileNegative", "steps { sendfile { file: 'f' connection: 'c' header_bytes: -1 } }",
     "steps[0].sendfile.header_bytes: -1 is negative"},
    {"LabelOfACrash", "steps { crash {} label: 'x' }",
     "steps[0].label: only system calls have a label; remove it"},
    {"AfterACrash", "steps { crash {} } steps { exit {} }",
     "steps[1]: comes after a crash and would never run; remove one of them"},
    // Maps.
    {"Map", "steps { map { name: 'm' file: 'f' } } steps { touch { map: 'm' first_page: 10 } }",
     "ok"},
    {"MapOfElevenPages",
     "steps { map { name: 'm' file: 'f' } } steps { touch { map: 'm' first_page: 11 } }",
     "steps[1].touch: page 11 is past the end of \"m\", which has 11 pages"},
    {"MapBehindTheEnd", "steps { map { name: 'm' file: 'f' first_page: 11 pages: 5 } }", "ok"},
    {"MapToAnEndThatIsBefore", "steps { map { name: 'm' file: 'f' first_page: 11 } }",
     "steps[0].map.pages: is missing, and from page 11 on \"f\" of 11 pages has none"},
    {"MapOfAnEmptyFile", "steps { map { name: 'm' file: 'empty' } }",
     "steps[0].map.pages: is missing, and from page 0 on"},
    {"MapOfANewFile",
     "steps { open { file: 'g' create: true file_system: 'a' } }"
     "steps { map { name: 'm' file: 'g' } }",
     "steps[1].map.pages: is missing; only for files that the scenario lists"},
    {"MapOfNoFile", "steps { map { name: 'm' kind: FILE pages: 5 } }",
     "steps[0].map.file: is missing; give it a name"},
    {"MapOfTheWrongKind", "steps { map { name: 'm' kind: ANONYMOUS file: 'f' } }",
     "steps[0].map.kind: a map of a file is of kind FILE"},
    {"MapOfTwoThings", "steps { map { name: 'm' file: 'f' shared_segment: 's' } }",
     "steps[0].map.shared_segment: this is a map of a file; remove one of the two"},
    {"MapBeyondAllFiles", "steps { map { name: 'm' file: 'f' first_page: 4294967290 pages: 6 } }",
     "steps[0].map.pages: reaches past the largest file; use fewer"},
    {"MapOfNothing", "steps { map { name: 'm' file: 'x' pages: 3 } }",
     "steps[0].map.file: there is no file called \"x\""},
    {"MapOfNothingExpected",
     "steps { map { name: 'm' file: 'x' pages: 3 } expect_errno: 'ENOENT' }", "ok"},
};

class FileStepTest : public Stories {};
TEST_P(FileStepTest, Check) {
  Expect(absl::StrCat(kDisk, kFiles, "processes { name: 'p' ", GetParam().text, " }"));
}
INSTANTIATE_TEST_SUITE_P(, FileStepTest, testing::ValuesIn(kStepStories), NameOf);

TEST(FileStepPlaceTest, WithoutFileSystems) {
  for (const char* step : {"read { file: 'f' }", "map { name: 'm' file: 'f' pages: 1 }",
                           "open { file: 'f' create: true }", "crash {}"}) {
    EXPECT_THAT(Check(absl::StrCat(kDisk, "processes { name: 'p' steps { ", step, " } }")),
                HasSubstr("the scenario has no file systems"));
  }
}

TEST(FileStepPlaceTest, SaysWhere) {
  EXPECT_THAT(Check(absl::StrCat(kDisk, "\nfile_systems { name: 'a' disk: 'd'\n  size_bytes: 1 }",
                                 kProcess)),
              HasSubstr("s:3:3: file_systems[0].size_bytes: 1 is not whole blocks"));
}

// --- Totals ---

int64_t FilePagesOf(const std::string& steps) {
  const auto file = ParseScenario(
      absl::StrCat(kDisk, kFiles, "processes { name: 'p' count: 2 ", steps, " }"), "s", {});
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return -1;
  const auto none = [](const std::string&) { return TraceSize(); };
  return CountTotals(file->scenario, none).file_pages;
}

// As large as any step can make them; "f" has 11 pages.
TEST(FileTotalsTest, FilesGrow) {
  EXPECT_EQ(FilePagesOf(""), 11);
  EXPECT_EQ(FilePagesOf("steps { read { file: 'f' offset_bytes: 99999 length_bytes: 99999 } }"),
            11);
  EXPECT_EQ(FilePagesOf("steps { truncate { file: 'f' size_bytes: 4096000 } }"), 1000);
  EXPECT_EQ(FilePagesOf("steps { truncate { file: 'f' } }"), 11);
  // At offsets they grow no further than that.
  EXPECT_EQ(FilePagesOf("steps { write { file: 'f' offset_bytes: 81920 length_bytes: 4096 "
                        "times: 5 } }"),
            21);
  EXPECT_EQ(FilePagesOf("steps { write { file: 'f' length_bytes: 4096 times: 5 random_blocks: 50 } "
                        "}"),
            50);
  // Each of two processes writes five times four pages more.
  EXPECT_EQ(FilePagesOf("steps { write { file: 'empty' length_bytes: 16384 times: 5 } }"), 11 + 40);
  EXPECT_EQ(FilePagesOf("steps { open { file: 'empty' append: true } }"
                        "steps { write { file: 'empty' offset_bytes: 0 length_bytes: 16384 } }"),
            11 + 12);
  // What cannot be written is not.
  EXPECT_EQ(FilePagesOf("steps { truncate { file: 'f' size_bytes: 17592186036225 } expect_errno: "
                        "'EFBIG' }"),
            11);
  EXPECT_EQ(FilePagesOf("steps { truncate { file: 'f' size_bytes: -1 } expect_errno: 'EINVAL' }"),
            11);
}

TEST(FileTotalsTest, ALargeFileNeedsMemoryOfTheHost) {
  CheckOptions options;
  options.max_host_bytes = 64 << 20;
  ReadOptions read;
  const std::string text =
      absl::StrCat(kDisk, kFiles,
                   "processes { name: 'p' steps { truncate { file: 'f' size_bytes: "
                   "17592186036224 } } }");
  const auto file = ParseScenario(text, "s", read);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(std::string(CheckScenario(file->scenario, ScenarioPlace(), options).message()),
              HasSubstr("memory: the run may need "));
}

}  // namespace
}  // namespace vmsim::scenarios
