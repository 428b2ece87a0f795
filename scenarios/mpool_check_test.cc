// What is wrong with the steps that use buffer pools.
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scenarios/scenario_reader.h"

namespace vmsim::scenarios {
namespace {

constexpr char kMachine[] =
    "memory { pages: 2000 } disks { name: 'd' size_bytes: 33554432 }"
    "file_systems { name: 'fs' disk: 'd' } files { name: 'f' size_bytes: 65536 }"
    "connections { name: 'c' } ";

std::string Check(const std::string& text) {
  const auto file = ParseScenario(text, "s", {});
  return file.ok() ? "ok" : std::string(file.status().message());
}

struct Story {
  const char* name;
  const char* steps;
  const char* error;  // Part of the message; "ok" for none.
};

// A pool 'db' and a page 'a' are there; the step is steps[2].
constexpr Story kStories[] = {
    {"Open", "mpool_open { pool: 'x' file: 'f' pagesize_bytes: 4096 maxcache: 4 }", "ok"},
    {"OpenNameless", "mpool_open { file: 'f' pagesize_bytes: 4096 }",
     "steps[2].mpool_open.pool: is missing"},
    {"OpenOfNothing", "mpool_open { pool: 'x' pagesize_bytes: 4096 }",
     "steps[2].mpool_open: says not what to page from; add file"},
    {"OpenOfBoth", "mpool_open { pool: 'x' file: 'f' connection: 'c' pagesize_bytes: 4096 }",
     "steps[2].mpool_open: names file and connection; remove one of them"},
    {"OpenOfUnknownFile", "mpool_open { pool: 'x' file: 'g' pagesize_bytes: 4096 }",
     "steps[2].mpool_open.file: there is no file called \"g\""},
    {"OpenOfUnknownFileMayFail",
     "mpool_open { pool: 'x' file: 'g' pagesize_bytes: 4096 } expect_errno: 'ENOENT'", "ok"},
    {"OpenOfUnknownConnection", "mpool_open { pool: 'x' connection: 'd' pagesize_bytes: 4096 }",
     "steps[2].mpool_open.connection: there is no connection called \"d\""},
    {"OpenWithoutPagesize", "mpool_open { pool: 'x' file: 'f' }",
     "steps[2].mpool_open.pagesize_bytes: 0 is no page of whole sectors; use a multiple of 512"},
    {"OpenWithOddPagesize", "mpool_open { pool: 'x' file: 'f' pagesize_bytes: 1000 }",
     "steps[2].mpool_open.pagesize_bytes: 1000 is no page of whole sectors"},
    {"OpenWithOddPagesizeMayFail",
     "mpool_open { pool: 'x' file: 'f' pagesize_bytes: 1000 } expect_errno: 'EINVAL'", "ok"},
    {"OpenWithNegativePagesize",
     "mpool_open { pool: 'x' file: 'f' pagesize_bytes: -512 } expect_errno: 'EINVAL'",
     "steps[2].mpool_open.pagesize_bytes: -512 is outside 0..1073741824"},
    {"OpenWithLargePagesize", "mpool_open { pool: 'x' file: 'f' pagesize_bytes: 1073742336 }",
     "steps[2].mpool_open.pagesize_bytes: 1073742336 is outside"},
    {"OpenWithNegativeMaxcache",
     "mpool_open { pool: 'x' file: 'f' pagesize_bytes: 512 maxcache: -1 }",
     "steps[2].mpool_open.maxcache: -1 is outside 0..4294967295"},
    {"OpenWithLargeMaxcache",
     "mpool_open { pool: 'x' file: 'f' pagesize_bytes: 512 maxcache: 4294967295 }", "ok"},
    {"OpenWiredAndShared",
     "mpool_open { pool: 'x' file: 'f' pagesize_bytes: 512 wire: true shared: true }",
     "steps[2].mpool_open.wire: a process wires for itself alone"},
    {"Get", "mpool_get { pool: 'db' page: 4294967295 handle: 'b' ignore_pin: true }", "ok"},
    {"GetOfUnknownPool", "mpool_get { pool: 'dc' }",
     "steps[2].mpool_get.pool: no step opens a pool called \"dc\"; did you mean \"db\"?"},
    {"GetOfUnknownPoolMayFail", "mpool_get { pool: 'dc' } expect_errno: 'EINVAL'", "ok"},
    {"GetOfNegativePage", "mpool_get { pool: 'db' page: -1 } expect_errno: 'EINVAL'",
     "steps[2].mpool_get.page: -1 is outside 0..4294967295"},
    {"GetOfLargePage", "mpool_get { pool: 'db' page: 4294967296 }",
     "steps[2].mpool_get.page: 4294967296 is outside"},
    {"GetBehindTheLastNumber", "mpool_get { pool: 'db' page: 4294967290 random_pages: 7 }",
     "steps[2].mpool_get.random_pages: reaches behind page 4294967295"},
    {"GetUpToTheLastNumber", "mpool_get { pool: 'db' page: 4294967290 random_pages: 6 }", "ok"},
    {"GetWithOddHandle", "mpool_get { pool: 'db' handle: 'a\\tb' }", "steps[2].mpool_get.handle: "},
    {"New", "mpool_new { pool: 'db' page: 7 }", "ok"},
    {"NewOfNegativePage", "mpool_new { pool: 'db' page: -7 }",
     "steps[2].mpool_new.page: -7 is outside"},
    {"Put", "mpool_put { pool: 'db' handle: 'a' dirty: true }", "ok"},
    {"PutOfUnknownHandle", "mpool_put { pool: 'db' handle: 'aa' }",
     "steps[2].mpool_put.handle: no mpool_get or mpool_new gives a page the handle \"aa\"; did you "
     "mean \"a\"?"},
    {"PutOfUnknownHandleWithoutAName",
     "mpool_new { pool: 'db' } } steps { mpool_put { pool: 'db' handle: 'zz' }",
     "steps[3].mpool_put.handle: no mpool_get or mpool_new gives a page the handle \"zz\"; known "
     "are a; or add one"},
    {"PutOfUnknownHandleMayFail", "mpool_put { pool: 'db' handle: 'x' } expect_errno: 'EINVAL'",
     "ok"},
    {"PutWithoutHandle", "mpool_put { pool: 'db' }", "steps[2].mpool_put.handle: no mpool_get"},
    {"Touch", "mpool_touch { pool: 'db' handle: 'a' write: true }", "ok"},
    {"TouchOfUnknownHandle", "mpool_touch { pool: 'db' handle: 'x' }",
     "steps[2].mpool_touch.handle: no mpool_get"},
    {"Delete", "mpool_delete { pool: 'db' handle: 'a' } expect_errno: 'EOPNOTSUPP'", "ok"},
    {"DeleteOfUnknownHandle", "mpool_delete { pool: 'db' handle: 'x' }",
     "steps[2].mpool_delete.handle: no mpool_get"},
    {"Sync", "mpool_sync { pool: 'db' }", "ok"},
    {"SyncOfUnknownPool", "mpool_sync { pool: 'x' }", "steps[2].mpool_sync.pool: no step opens"},
    {"CloseNameless", "mpool_close {}", "steps[2].mpool_close.pool: is missing"},
    {"Access", "mpool_access { pool: 'db' times: 9 pages: 16 kind: ZIPF s10: 8 write_pct: 100 }",
     "ok"},
    {"AccessWithoutTimes", "mpool_access { pool: 'db' pages: 16 }",
     "steps[2].mpool_access.times: 0 is outside 1..1099511627776"},
    {"AccessWithoutPages", "mpool_access { pool: 'db' times: 1 }",
     "steps[2].mpool_access.pages: 0 is outside 1..4294967295; say how many pages there are"},
    {"AccessBehindTheLastNumber",
     "mpool_access { pool: 'db' times: 1 first_page: 4294967295 pages: 2 }",
     "steps[2].mpool_access.pages: reaches behind page 4294967295"},
    {"AccessOfAnotherKind", "mpool_access { pool: 'db' times: 1 pages: 16 kind: SEQUENTIAL }",
     "steps[2].mpool_access.kind: has an end; use UNIFORM, ZIPF, HOTSET or LOOP"},
    {"AccessWithOddExponent", "mpool_access { pool: 'db' times: 1 pages: 16 kind: ZIPF s10: 9 }",
     "steps[2].mpool_access.s10: 9 is not ten times a known Zipf exponent"},
    {"AccessOfTooFewForAHotset", "mpool_access { pool: 'db' times: 1 pages: 7 kind: HOTSET }",
     "steps[2].mpool_access.pages: 7 is outside 8.."},
    {"AccessOfTooManyForZipf", "mpool_access { pool: 'db' times: 1 pages: 268435457 kind: ZIPF }",
     "steps[2].mpool_access.pages: 268435457 is outside 1..268435456"},
    {"AccessWithManyWrites", "mpool_access { pool: 'db' times: 1 pages: 16 write_pct: 101 }",
     "steps[2].mpool_access.write_pct: 101 is outside 0..100"},
    {"TooManyAccesses", "mpool_access { pool: 'db' times: 1000000001 pages: 16 }",
     "more than 1000000000 steps would run"},
    {"AFileForWritesMakes",
     "open { file: 'g' create: true } } steps { mpool_open { pool: 'x' file: 'g' "
     "pagesize_bytes: 512 }",
     "ok"},
};

class MpoolStepTest : public testing::TestWithParam<Story> {};

TEST_P(MpoolStepTest, Says) {
  const std::string text = absl::StrCat(
      kMachine,
      "processes { name: 'p' steps { mpool_open { pool: 'db' file: 'f' pagesize_bytes: 4096 } }"
      "  steps { mpool_get { pool: 'db' handle: 'a' } } steps { ",
      GetParam().steps, " } }");
  if (std::string(GetParam().error) == "ok") {
    EXPECT_EQ(Check(text), "ok");
  } else {
    EXPECT_THAT(Check(text), testing::HasSubstr(GetParam().error));
  }
}
INSTANTIATE_TEST_SUITE_P(, MpoolStepTest, testing::ValuesIn(kStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(MpoolCheckTest, PoolsNeedAFileSystem) {
  EXPECT_THAT(Check("memory { pages: 2000 } processes { name: 'p' "
                    "steps { mpool_sync { pool: 'db' } } }"),
              testing::HasSubstr("steps[0].mpool_sync: the scenario has no file systems; add one"));
}

// A child's pools count, wherever they are opened.
TEST(MpoolCheckTest, AChildMayOpenWhatItsParentUses) {
  EXPECT_EQ(Check(absl::StrCat(
                kMachine,
                "processes { name: 'p' steps { fork { name: 'q' steps { repeat { times: 2 steps { "
                "mpool_open { pool: 'db' file: 'f' pagesize_bytes: 512 } } } } } } "
                "steps { mpool_sync { pool: 'db' } expect_errno: 'ANY' } }")),
            "ok");
}

}  // namespace
}  // namespace vmsim::scenarios
