#include "vm/object_sync.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/errno.h"
#include "sim/wait_channel.h"
#include "vm/syscalls.h"
#include "vm/vm_test_world.h"

namespace vmsim::vm {
namespace {

// A file that answers each page's write as told, and notes what it is asked for: "2-5 si" is one
// write of pages 2 to 5 with the flags sync (s), inval (i), cluster ok (c), no reuse (n).
class ScriptedFile final : public Pager, public FileSync {
 public:
  explicit ScriptedFile(VmTestWorld& world) : world_(world) {}

  // A letter a page, as PagerResult: O B F P E A. Pages without one are answered O.
  void set_answers(std::string_view answers) { answers_ = answers; }
  void set_write_ns(sim::SimDuration ns) { write_ns_ = ns; }
  void set_fsync_works(bool works) { fsync_works_ = works; }
  // What happened since last asked.
  std::string TakeLog() { return std::exchange(log_, ""); }

  sim::Task<PagerResult> GetPages(Object&, std::span<const FrameIndex> frames, int* behind,
                                  int* ahead) override {
    for (const FrameIndex frame : frames) world_.vm().pages()[frame].valid = kPageBitsAll;
    *behind = *ahead = 0;
    co_return PagerResult::kOk;
  }
  sim::Task<void> PutPages(Object&, std::span<const FrameIndex> frames, int flags,
                           std::span<PagerResult> results) override {
    const PageArray& pages = world_.vm().pages();
    Note(pages[frames.front()].pindex, "-", pages[frames.back()].pindex, " ",
         (flags & kPutSync) != 0 ? "s" : "", (flags & kPutInval) != 0 ? "i" : "",
         (flags & kPutClusterOk) != 0 ? "c" : "", (flags & kPutNoReuse) != 0 ? "n" : "");
    if (write_ns_ > 0) co_await sim::Pause(world_.engine(), write_ns_, "filewr");
    for (size_t i = 0; i < frames.size(); ++i) results[i] = Put(frames[i]);
  }
  bool HasPage(const Object&, Pindex, int*, int*) const override { return true; }
  void PageUnswapped(Object&, Pindex) override {}
  void Dealloc(Object&) override {}

  sim::Task<void> Lock(Object&) override {
    Note("lock");
    co_return;
  }
  void Unlock(Object&) override { Note("unlock"); }
  sim::Task<bool> Fsync(Object&) override {
    Note("fsync");
    co_return fsync_works_;
  }

 private:
  PagerResult Put(FrameIndex frame) {
    Page& page = world_.vm().pages()[frame];
    EXPECT_TRUE(world_.vm().pages().sbusied(frame));
    EXPECT_FALSE(page.has(kPgaWriteable));
    const char letter = page.pindex < answers_.size() ? answers_[page.pindex] : 'O';
    const auto result = static_cast<PagerResult>(std::string_view("OBFPEA").find(letter));
    if (result == PagerResult::kOk) {
      page.dirty = 0;
      page.oflags &= static_cast<uint8_t>(~kVpoNoSync);
    }
    return result;
  }
  template <typename... Parts>
  void Note(const Parts&... parts) {
    absl::StrAppend(&log_, log_.empty() ? "" : "; ", parts...);
  }

  VmTestWorld& world_;
  std::string answers_;
  std::string log_;
  sim::SimDuration write_ns_ = 0;
  bool fsync_works_ = true;
};

// A file mapped by one process, its pages in the state that a word says, a letter a page: d dirty,
// c clean, n dirty and not for the syncer, i resident but invalid, . not resident.
class FileWorld {
 public:
  explicit FileWorld(std::string_view pages) : FileWorld(static_cast<uint32_t>(pages.size())) {
    for (uint32_t i = 0; i < pages.size(); ++i) Prepare(i, pages[i]);
  }
  explicit FileWorld(uint32_t size) : object_(MakeObject(size)), area_(w_.Share(object_, size)) {}

  VmTestWorld& w() { return w_; }
  ObjectSync& sync() { return w_.vm().sync(); }
  ScriptedFile& file() { return file_; }
  Object& object() { return object_; }
  const VmTestWorld::Area& area() const { return area_; }
  FrameIndex Frame(Pindex pindex) { return object_.Lookup(pindex); }
  std::string Picture() { return w_.Picture(object_, 0, object_.size); }

  void Dirty(uint32_t page) { w_.Write(area_, page, 1); }
  // Has some other thread hold a page for a microsecond.
  void HoldBusy(Pindex pindex) { w_.Start("holder", HoldBody(Frame(pindex))); }

  // PageClean in a thread; the result is written when it is done.
  sim::Thread* StartClean(Pindex start, Pindex end, int flags, int* ok) {
    return w_.Start("clean", CleanBody(start, end, flags, ok));
  }
  bool Clean(Pindex start, Pindex end, int flags) {
    int ok = -1;
    w_.Finish(StartClean(start, end, flags, &ok));
    EXPECT_GE(ok, 0) << "still asleep";
    return ok == 1;
  }
  bool Sync(ObjectId id, Pindex offset, uint32_t pages, bool sync, bool invalidate) {
    int ok = -1;
    w_.Finish(w_.Start("sync", SyncBody(id, offset, pages, sync, invalidate, &ok)));
    EXPECT_GE(ok, 0) << "still asleep";
    return ok == 1;
  }
  sim::Thread* StartSyncMap(Process& process, Vpage start, Vpage end, bool sync, bool invalidate,
                            int* error) {
    return w_.Start("msync", SyncMapBody(process.space, start, end, sync, invalidate, error));
  }
  int SyncMap(Process& process, Vpage start, Vpage end, bool sync, bool invalidate = false) {
    int error = -1;
    w_.Finish(StartSyncMap(process, start, end, sync, invalidate, &error));
    return error;
  }
  // Maps pages of the file, or anonymous memory.
  void MapFile(Process& process, Vpage start, uint32_t pages, Pindex offset) {
    MapEntry entry;
    entry.object = object_.id;
    entry.offset = offset;
    ++object_.ref_count;
    ASSERT_EQ(w_.vm().Map(process, start, pages, entry), 0);
  }
  void MapAnonymous(Process& process, Vpage start, uint32_t pages) {
    ASSERT_EQ(w_.vm().Map(process, start, pages, MapEntry()), 0);
  }

 private:
  Object& MakeObject(uint32_t size) {
    Object& object = w_.vm().objects().Create(ObjectType::kVnode, size);
    object.pager = &file_;
    return object;
  }
  void Prepare(uint32_t page, char letter) {
    switch (letter) {
      case 'n':
        w_.EntryOf(area_).nosync = true;
        Dirty(page);
        w_.EntryOf(area_).nosync = false;
        break;
      case 'd':
        Dirty(page);
        break;
      case 'c':
        ASSERT_EQ(w_.Touch(area_, page), FaultResult::kSuccess);
        break;
      case 'i': {
        const FrameIndex frame = w_.vm().allocator().Alloc(object_, page, AllocClass::kNormal);
        w_.vm().reclaim().DeactivateNoreuse(frame);
        w_.vm().pages().Xunbusy(frame);
        break;
      }
      default:
        ASSERT_EQ(letter, '.');
    }
  }
  sim::Task<void> HoldBody(FrameIndex frame) {
    EXPECT_TRUE(w_.vm().pages().TryXbusy(frame));
    co_await sim::Pause(w_.engine(), 1000, "hold");
    w_.vm().pages().Xunbusy(frame);
  }
  sim::Task<void> CleanBody(Pindex start, Pindex end, int flags, int* ok) {
    *ok = co_await sync().PageClean(object_.id, start, end, flags);
  }
  sim::Task<void> SyncBody(ObjectId id, Pindex offset, uint32_t pages, bool sync, bool invalidate,
                           int* ok) {
    *ok = co_await w_.vm().sync().Sync(id, offset, pages, sync, invalidate);
  }
  sim::Task<void> SyncMapBody(AddressSpace& space, Vpage start, Vpage end, bool sync,
                              bool invalidate, int* error) {
    *error = co_await w_.vm().sync().SyncMap(space, start, end, sync, invalidate);
  }

  VmTestWorld w_;
  ScriptedFile file_{w_};
  Object& object_;
  VmTestWorld::Area area_;
};

// ---------------------------------------------------------------------------------- PageClean

struct CleanStory {
  std::string_view name;
  std::string_view pages;
  Pindex start, end;
  int flags;
  std::string_view answers;
  std::string_view want_writes;
  std::string_view want_picture;
  bool want_ok;
  bool want_clean;  // The object counts as clean afterwards.
};

constexpr CleanStory kCleanStories[] = {
    {"DirtyNeighboursGoOutTogether", "ddd", 0, 0, 0, "", "0-2 c", "AAA", true, true},
    {"CleanAndAbsentPagesEndARun", "dcd.dd", 0, 0, 0, "", "0-0 c; 2-2 c; 4-5 c", "AAA.AA", true,
     true},
    {"InvalidPagesEndARun", "did", 0, 0, 0, "", "0-0 c; 2-2 c", "AIA", true, true},
    {"NothingResident", "...", 0, 0, 0, "", "", "...", true, true},
    {"OnlyTheRange", "dcdcd", 2, 3, 0, "", "2-2 c", "aAAAa", true, false},
    {"TheEndMayBeGiven", "dcd", 0, 3, 0, "", "0-0 c; 2-2 c", "AAA", true, true},
    {"TheRangeMayGoBeyondTheEnd", "dcd", 1, 99, 0, "", "2-2 c", "aAA", true, false},
    {"ARunMayLeaveTheRange", "dddd", 2, 3, 0, "", "0-3 c", "AAAA", true, false},
    {"Synchronously", "d", 0, 0, kCleanSync, "", "0-0 s", "A", true, true},
    {"Invalidating", "d", 0, 0, kCleanInval, "", "0-0 si", "A", true, true},
    {"TheSyncerPassesOverNosyncPages", "dnd", 0, 0, kCleanNoSync, "", "0-0 c; 2-2 c", "AaA", true,
     false},
    {"OthersWriteThem", "dnd", 0, 0, 0, "", "0-2 c", "AAA", true, true},
    {"AnErrorLeavesThePageDirty", "ddd", 0, 0, 0, "OEO", "0-2 c", "AaA", false, false},
    {"SoDoesAFileWithoutRoom", "ddd", 0, 0, 0, "OFO", "0-2 c", "AaA", false, false},
    {"WhatLiesBeyondTheFileIsLost", "ddd", 0, 0, 0, "OOB", "0-2 c", "AAA", true, true},
    // Page 1 is tried once more, by itself; then it is left behind, and the caller is told.
    {"PutOffInsideARun", "ddd", 0, 0, 0, "OAO", "0-2 c; 1-1 c", "AaA", false, false},
    {"PutOffAtOnce", "ddd", 0, 0, 0, "AOO", "0-2 c", "aAA", false, false},
    // The run of page 2 takes page 1 along; now the error is in the run's own part.
    {"AnErrorBehindAPutOffPageCountsLater", "dddd", 0, 0, 0, "OAEO", "0-3 c; 1-2 c; 1-2 c", "AaaA",
     false, false},
    {"OrNotAtAll", "dddd", 0, 2, 0, "OAEO", "0-3 c; 1-2 c", "AaaA", false, false},
    {"AnErrorInFrontOfTheRangeDoesNotCount", "dd", 1, 2, 0, "EO", "0-1 c", "aA", true, false},
};

class PageCleanStoryTest : public testing::TestWithParam<CleanStory> {};

TEST_P(PageCleanStoryTest, Story) {
  const CleanStory& story = GetParam();
  FileWorld f(story.pages);
  f.file().set_answers(story.answers);
  EXPECT_EQ(f.Clean(story.start, story.end, story.flags), story.want_ok);
  EXPECT_EQ(f.file().TakeLog(), story.want_writes);
  EXPECT_EQ(f.Picture(), story.want_picture);
  EXPECT_EQ(!f.object().might_be_dirty(), story.want_clean);
  EXPECT_EQ(f.object().paging_in_progress, 0);
}
INSTANTIATE_TEST_SUITE_P(, PageCleanStoryTest, testing::ValuesIn(kCleanStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(PageCleanRunTest, ARunHasAtMost32Pages) {
  FileWorld f(std::string(70, 'd'));
  EXPECT_TRUE(f.Clean(0, 0, 0));
  EXPECT_EQ(f.file().TakeLog(), "0-31 c; 32-63 c; 64-69 c");
}

TEST(PageCleanRunTest, ItGrowsForwardFirstThenBackward) {
  FileWorld f(std::string(70, 'd'));
  EXPECT_TRUE(f.Clean(40, 41, 0));
  EXPECT_EQ(f.file().TakeLog(), "38-69 c");
}

TEST(PageCleanRunTest, AndFewerOnASmallMachine) {
  FileWorld f(std::string(12, 'd'));
  f.sync().set_cluster_pages(8);
  EXPECT_TRUE(f.Clean(0, 0, 0));
  EXPECT_EQ(f.file().TakeLog(), "0-7 c; 8-11 c");
}

TEST(PageCleanRunTest, ABusyPageEndsIt) {
  FileWorld f("ddd");
  f.HoldBusy(1);
  EXPECT_TRUE(f.Clean(0, 1, 0));
  EXPECT_EQ(f.file().TakeLog(), "0-0 c");
  EXPECT_EQ(f.Picture(), "Axa");
}

TEST(PageCleanTest, ABusyPageIsWaitedFor) {
  FileWorld f("ddd");
  const sim::SimTime start = f.w().engine().now();
  f.HoldBusy(1);
  EXPECT_TRUE(f.Clean(0, 0, 0));
  EXPECT_EQ(f.w().engine().now(), start + 1000);
  EXPECT_EQ(f.file().TakeLog(), "0-0 c; 1-2 c");
  EXPECT_EQ(f.Picture(), "AAA");
}

TEST(PageCleanTest, APageBeingReadIsNot) {
  FileWorld f("did");
  f.HoldBusy(1);
  const sim::SimTime start = f.w().engine().now();
  EXPECT_TRUE(f.Clean(0, 0, 0));
  EXPECT_EQ(f.w().engine().now(), start);
  EXPECT_EQ(f.file().TakeLog(), "0-0 c; 2-2 c");
}

TEST(PageCleanTest, APageBeingWrittenStaysBusyWithItsPager) {
  FileWorld f("dd");
  f.file().set_answers("PP");
  EXPECT_TRUE(f.Clean(0, 0, 0));
  EXPECT_EQ(f.Picture(), "ss");
  EXPECT_EQ(f.object().paging_in_progress, 2);
  for (const Pindex pindex : {0u, 1u}) {  // As the pager does when the write is done.
    f.w().vm().pages()[f.Frame(pindex)].dirty = 0;
    f.w().vm().pages().Sunbusy(f.Frame(pindex));
    f.object().PipWakeup();
  }
}

TEST(PageCleanTest, OnlyPagesOfTheLaundryChangeQueue) {
  FileWorld f("dddd");
  f.w().vm().reclaim().Launder(f.Frame(0));
  f.w().vm().reclaim().Launder(f.Frame(1));
  f.w().vm().reclaim().Launder(f.Frame(2));
  f.file().set_answers("OBEO");
  EXPECT_FALSE(f.Clean(0, 0, 0));
  EXPECT_EQ(f.Picture(), "IIaA");
}

TEST(PageCleanTest, AWiredPageIsWrittenToo) {
  FileWorld f("d");
  f.w().vm().allocator().Wire(f.Frame(0));
  EXPECT_TRUE(f.Clean(0, 0, 0));
  EXPECT_EQ(f.file().TakeLog(), "0-0 c");
  EXPECT_EQ(f.w().PteAt(f.area(), 0) & (kPteValid | kPteWritable), kPteValid);
}

TEST(PageCleanTest, TheNextStoreFaultsAndMakesTheObjectDirtyAgain) {
  FileWorld f("dd");
  EXPECT_TRUE(f.Clean(0, 0, 0));
  ASSERT_FALSE(f.object().might_be_dirty());
  f.Dirty(1);
  EXPECT_TRUE(f.object().might_be_dirty());
  EXPECT_EQ(f.Picture(), "Aa");
  f.file().TakeLog();
  EXPECT_TRUE(f.Clean(0, 0, 0));
  EXPECT_EQ(f.file().TakeLog(), "1-1 c");
}

TEST(PageCleanTest, AnObjectThatCannotBeDirtyIsNotLookedAt) {
  FileWorld f("d");
  f.object().cleangeneration = f.object().generation;
  EXPECT_TRUE(f.Clean(0, 0, kCleanSync));
  EXPECT_EQ(f.file().TakeLog(), "");
  EXPECT_EQ(f.Picture(), "a");
}

TEST(PageCleanTest, AnonymousMemoryIsNotWritten) {
  FileWorld f("d");
  const VmTestWorld::Area area = f.w().Map(4);
  f.w().Write(area, 0, 4);
  EXPECT_TRUE(f.Sync(area.object->id, 0, 4, /*sync=*/true, /*invalidate=*/true));
  EXPECT_EQ(f.w().Picture(*area.object, 0, 4), "aaaa");
  EXPECT_EQ(f.w().counters().v_swapout, 0);
}

// Pages become dirty while the thread sleeps: on a busy page, or in a write.

TEST(PageCleanGenerationTest, AfterASleepOnABusyPageItStartsAgainIfSynchronous) {
  for (const int flags : {0, int{kCleanSync}}) {
    FileWorld f("dcdd");
    f.HoldBusy(2);
    int ok = -1;
    f.StartClean(0, 0, flags, &ok);
    f.w().RunFor(500);
    EXPECT_EQ(f.Picture(), "AAxa");
    f.Dirty(0);
    f.w().Run();
    EXPECT_EQ(ok, 1);
    EXPECT_EQ(f.file().TakeLog(), flags == 0 ? "0-0 c; 2-3 c" : "0-0 s; 0-0 s; 2-3 s");
    EXPECT_EQ(f.Picture(), flags == 0 ? "aAAA" : "AAAA");
    EXPECT_EQ(f.object().might_be_dirty(), flags == 0);
  }
}

TEST(PageCleanGenerationTest, AfterAWriteToo) {
  for (const int flags : {0, int{kCleanSync}}) {
    FileWorld f("cdd");
    f.file().set_write_ns(1000);
    int ok = -1;
    f.StartClean(0, 0, flags, &ok);
    f.w().RunFor(500);
    EXPECT_EQ(f.Picture(), "Ass");
    f.Dirty(0);
    f.w().Run();
    EXPECT_EQ(ok, 1);
    EXPECT_EQ(f.file().TakeLog(), flags == 0 ? "1-2 c" : "1-2 s; 0-0 s");
    EXPECT_EQ(f.Picture(), flags == 0 ? "aAA" : "AAA");
    EXPECT_EQ(f.object().might_be_dirty(), flags == 0);
  }
}

TEST(PageCleanGenerationTest, AnUndisturbedSleepGoesOnWhereItWas) {
  FileWorld f("dcd");
  f.file().set_write_ns(1000);
  EXPECT_TRUE(f.Clean(0, 0, kCleanSync));
  EXPECT_EQ(f.file().TakeLog(), "0-0 s; 2-2 s");
  EXPECT_FALSE(f.object().might_be_dirty());
}

// --------------------------------------------------------------------------------------- Sync

struct SyncStory {
  std::string_view name;
  Pindex offset;
  uint32_t pages;
  bool sync, invalidate;
  std::string_view answers;
  std::string_view want_log;
  std::string_view want_picture;
  bool want_ok;
};

// Of a file "dddd".
constexpr SyncStory kSyncStories[] = {
    {"AWholeFileIsWrittenInClustersAndThenFsynced", 0, 4, true, false, "",
     "lock; 0-3 c; fsync; unlock", "AAAA", true},
    {"PartOfItSynchronously", 0, 3, true, false, "", "lock; 0-3 s; unlock", "AAAA", true},
    {"AllButItsBeginningToo", 1, 3, true, false, "", "lock; 0-3 s; unlock", "AAAA", true},
    {"AsynchronouslyWithoutFsync", 0, 4, false, false, "", "lock; 0-3 c; unlock", "AAAA", true},
    {"MoreThanTheFileIsNotTheWholeFile", 0, 9, true, false, "", "lock; 0-3 s; unlock", "AAAA",
     true},
    {"BeyondTheFileIsNothing", 4, 2, true, true, "", "", "aaaa", true},
    {"InvalidatingFreesWhatIsClean", 0, 4, true, true, "", "lock; 0-3 si; unlock", "....", true},
    {"InvalidatingIsSynchronousInAnyCase", 0, 4, false, true, "", "lock; 0-3 si; unlock", "....",
     true},
    {"InvalidatingPart", 1, 2, true, true, "", "lock; 0-3 si; unlock", "A..A", true},
    {"InvalidatingKeepsWhatCouldNotBeWritten", 0, 4, true, true, "OEOO", "lock; 0-3 si; unlock",
     ".a..", false},
    {"AnErrorDoesNotKeepFromFsync", 0, 4, true, false, "OOOE", "lock; 0-3 c; fsync; unlock", "AAAa",
     false},
};

class SyncStoryTest : public testing::TestWithParam<SyncStory> {};

TEST_P(SyncStoryTest, Story) {
  const SyncStory& story = GetParam();
  FileWorld f("dddd");
  f.sync().set_file_sync(&f.file());
  f.file().set_answers(story.answers);
  EXPECT_EQ(f.Sync(f.object().id, story.offset, story.pages, story.sync, story.invalidate),
            story.want_ok);
  EXPECT_EQ(f.file().TakeLog(), story.want_log);
  EXPECT_EQ(f.Picture(), story.want_picture);
}
INSTANTIATE_TEST_SUITE_P(, SyncStoryTest, testing::ValuesIn(kSyncStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(SyncTest, AFailedFsyncIsAnError) {
  FileWorld f("d");
  f.sync().set_file_sync(&f.file());
  f.file().set_fsync_works(false);
  EXPECT_FALSE(f.Sync(f.object().id, 0, 1, /*sync=*/true, /*invalidate=*/false));
}

TEST(SyncTest, WithoutFsyncAWholeFileIsWrittenSynchronously) {
  FileWorld f("dd");
  EXPECT_TRUE(f.Sync(f.object().id, 0, 2, /*sync=*/true, /*invalidate=*/false));
  EXPECT_EQ(f.file().TakeLog(), "0-1 s");
}

TEST(SyncTest, ACleanFileIsInvalidatedWithoutItsLock) {
  FileWorld f("dcd");
  f.sync().set_file_sync(&f.file());
  ASSERT_TRUE(f.Clean(0, 0, 0));
  f.file().TakeLog();
  EXPECT_TRUE(f.Sync(f.object().id, 1, 2, /*sync=*/true, /*invalidate=*/true));
  EXPECT_EQ(f.file().TakeLog(), "");
  EXPECT_EQ(f.Picture(), "A..");
}

TEST(SyncTest, AWiredPageIsUnmappedButStays) {
  FileWorld f("d");
  f.w().vm().allocator().Wire(f.Frame(0));
  EXPECT_TRUE(f.Sync(f.object().id, 0, 1, /*sync=*/true, /*invalidate=*/true));
  EXPECT_EQ(f.Picture(), "N");
  EXPECT_TRUE(f.w().vm().pages()[f.Frame(0)].fully_valid());
  EXPECT_EQ(f.w().PteAt(f.area(), 0), 0u);
}

// top (2 pages) --1--> middle (3 pages) --2--> file: page 0 of top is page 3 of the file.
TEST(SyncTest, TheFileAtTheEndOfTheChainIsWrittenAsFarAsItIsSeen) {
  FileWorld f("dccddcd");
  Object& middle = f.w().vm().object_ops().AllocateAnon(3);
  Object& top = f.w().vm().object_ops().AllocateAnon(2);
  ++f.object().ref_count;
  f.w().vm().objects().SetBacking(middle, f.object(), 2);
  f.w().vm().objects().SetBacking(top, middle, 1);
  // Page 2 of top and what follows would be pages 5 and 6 of the file, but middle ends before.
  EXPECT_TRUE(f.Sync(top.id, 0, 9, /*sync=*/true, /*invalidate=*/false));
  EXPECT_EQ(f.file().TakeLog(), "3-4 s");
  EXPECT_EQ(f.Picture(), "aAAAAAa");
  EXPECT_TRUE(f.Sync(top.id, 2, 1, /*sync=*/true, /*invalidate=*/false));
  EXPECT_EQ(f.file().TakeLog(), "");
}

// ------------------------------------------------------------------------------------ SyncMap

// A process that maps, from virtual page 100 on:
//
//     100 101 102 103 | 104 105 | 106 107     110 111
//     file 0..3         no object  file 6..7    file 4..5
class MappedFile : public FileWorld {
 public:
  explicit MappedFile(std::string_view pages)
      : FileWorld(pages), process_(w().vm().CreateProcess("p", /*protect=*/false)) {
    MapFile(process_, 100, 4, 0);
    MapAnonymous(process_, 104, 2);
    MapFile(process_, 106, 2, 6);
    MapFile(process_, 110, 2, 4);
  }
  Process& process() { return process_; }
  int Sync(Vpage start, Vpage end, bool invalidate = false) {
    return SyncMap(process_, start, end, /*sync=*/true, invalidate);
  }
  sim::Task<void> Wire(Vpage start, Vpage end) {
    EXPECT_EQ(co_await w().vm().wiring().Wire(process_.space, start, end, /*holes_ok=*/false), 0);
  }

 private:
  Process& process_;
};

struct MapStory {
  std::string_view name;
  Vpage start, end;
  bool invalidate;
  int want_error;
  std::string_view want_writes;
};

// Of a file "dcdcdcdc".
constexpr MapStory kMapStories[] = {
    {"OneEntry", 100, 104, false, 0, "0-0 s; 2-2 s"},
    {"PartOfIt", 101, 103, false, 0, "2-2 s"},
    {"AnonymousMemoryHasNothing", 104, 106, false, 0, ""},
    {"SeveralEntries", 102, 107, false, 0, "2-2 s; 6-6 s"},
    {"SeveralEntriesInvalidated", 102, 107, true, 0, "2-2 si; 6-6 si"},
    {"AHoleAtTheEnd", 100, 109, false, sim::kEnomem, ""},
    {"AHoleInside", 106, 112, false, sim::kEnomem, ""},
    {"AHoleInFront", 98, 104, false, sim::kEnomem, ""},
    {"NothingAtAll", 200, 201, false, sim::kEnomem, ""},
    {"LengthZeroIsTheEntry", 111, 111, false, 0, "4-4 s"},
    {"LengthZeroInAHole", 108, 108, false, sim::kEnomem, ""},
};

class SyncMapStoryTest : public testing::TestWithParam<MapStory> {};

TEST_P(SyncMapStoryTest, Story) {
  const MapStory& story = GetParam();
  MappedFile f("dcdcdcdc");
  const int32_t references = f.object().ref_count;
  EXPECT_EQ(f.Sync(story.start, story.end, story.invalidate), story.want_error);
  EXPECT_EQ(f.file().TakeLog(), story.want_writes);
  EXPECT_EQ(f.object().ref_count, references);
}
INSTANTIATE_TEST_SUITE_P(, SyncMapStoryTest, testing::ValuesIn(kMapStories),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(SyncMapTest, AfterAnErrorTheOtherEntriesAreStillWritten) {
  MappedFile f("dcccccdc");
  f.file().set_answers("E");
  EXPECT_EQ(f.Sync(100, 108), sim::kEio);
  EXPECT_EQ(f.file().TakeLog(), "0-0 s; 6-6 s");
}

TEST(SyncMapTest, WhatTheUserWiredIsNotInvalidated) {
  MappedFile f("dcdcdcdc");
  f.w().Start("mlock", f.Wire(106, 108));
  f.w().Run();
  ASSERT_TRUE(f.process().space.Lookup(106)->user_wired);
  EXPECT_EQ(f.Sync(100, 108, /*invalidate=*/true), sim::kEbusy);
  EXPECT_EQ(f.file().TakeLog(), "");
  // What comes first decides.
  EXPECT_EQ(f.Sync(107, 112, /*invalidate=*/true), sim::kEbusy);
  EXPECT_EQ(f.Sync(98, 108, /*invalidate=*/true), sim::kEnomem);
  EXPECT_EQ(f.Sync(100, 108), 0);
  // To wire what may be written counts as writing it.
  EXPECT_EQ(f.file().TakeLog(), "0-0 s; 2-2 s; 6-7 s");
}

TEST(SyncMapTest, InvalidatingUnmapsAndFreesTheRange) {
  MappedFile f("cccccccc");
  const VmTestWorld::Area here{&f.process(), &f.object(), 100, f.process().space.Lookup(100)->slot,
                               4};
  f.w().Write(here, 1, 2);
  EXPECT_EQ(f.Sync(101, 102, /*invalidate=*/true), 0);
  EXPECT_EQ(f.file().TakeLog(), "1-2 si");
  EXPECT_EQ(f.Picture(), "A.AAAAAA");
  EXPECT_EQ(f.w().PteAt(here, 1), 0u);
  EXPECT_NE(f.w().PteAt(here, 2), 0u);
}

TEST(SyncMapTest, WhatStaysIsUnmappedToo) {
  MappedFile f("dcccccdc");
  const VmTestWorld::Area file{&f.process(), &f.object(), 100, f.process().space.Lookup(100)->slot,
                               4};
  const VmTestWorld::Area anonymous{&f.process(), nullptr, 104, f.process().space.Lookup(104)->slot,
                                    2};
  f.w().Write(file, 0, 1);
  f.w().Write(anonymous, 0, 2);
  f.file().set_answers("E");
  EXPECT_EQ(f.Sync(100, 105, /*invalidate=*/true), sim::kEio);
  EXPECT_EQ(f.Picture(), "a...AAaA");
  EXPECT_EQ(f.w().PteAt(file, 0), 0u);
  EXPECT_EQ(f.w().PteAt(anonymous, 0), 0u);
  EXPECT_NE(f.w().PteAt(anonymous, 1), 0u);
}

TEST(SyncMapTest, AnEntryThatGoesMeanwhileIsPassedOver) {
  MappedFile f("dcdcdcdc");
  f.file().set_write_ns(1000);
  int error = -1;
  f.StartSyncMap(f.process(), 100, 108, /*sync=*/true, /*invalidate=*/false, &error);
  f.w().RunFor(500);
  f.w().Start("munmap", f.w().vm().Unmap(f.process(), 106));
  f.w().Run();
  EXPECT_EQ(error, 0);
  EXPECT_EQ(f.file().TakeLog(), "0-0 s; 2-2 s");
}

TEST(SyncMapTest, AHoleThatComesMeanwhileIsPassedOver) {
  MappedFile f("dcdcdcdc");
  f.file().set_write_ns(1000);
  int error = -1;
  f.StartSyncMap(f.process(), 100, 108, /*sync=*/true, /*invalidate=*/false, &error);
  f.w().RunFor(500);
  f.w().Start("munmap", f.w().vm().Unmap(f.process(), 104));
  f.w().Run();
  EXPECT_EQ(error, 0);
  EXPECT_EQ(f.file().TakeLog(), "0-0 s; 2-2 s; 6-6 s");
}

TEST(SyncMapTest, TheEntryBeingWrittenMayGo) {
  MappedFile f("dcdcdcdc");
  f.file().set_write_ns(1000);
  int error = -1;
  f.StartSyncMap(f.process(), 100, 108, /*sync=*/true, /*invalidate=*/false, &error);
  f.w().RunFor(500);
  f.w().Start("munmap", f.w().vm().Unmap(f.process(), 100));
  f.w().Run();
  EXPECT_EQ(error, 0);
  EXPECT_EQ(f.file().TakeLog(), "0-0 s; 2-2 s; 6-6 s");
}

sim::Task<void> Msync(MappedFile& f, int flags) {
  EXPECT_EQ(co_await f.w().vm().syscalls().Msync(f.process(), 100 << kPageShift, 1, flags), 0);
}

TEST(MsyncTest, TheFlagsOfTheSystemCall) {
  const std::pair<int, std::string_view> kCases[] = {
      {kMsSync, "0-0 s"}, {kMsAsync, "0-0 c"}, {kMsInvalidate, "0-0 si"}};
  for (const auto& [flags, want] : kCases) {
    MappedFile f("dccccccc");
    f.w().Finish(f.w().Start("msync", Msync(f, flags)));
    EXPECT_EQ(f.file().TakeLog(), want);
  }
}

}  // namespace
}  // namespace vmsim::vm
