#include "net/epoll.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "net/epoll_story.h"

namespace vmsim::net {
namespace {

// What the three modes make of one story; "" where it is the same as in linux.
struct Story {
  std::string_view name, text, linux_want, gvisor2019_want = "", gvisor_vfs2_want = "";
};

constexpr Story kStories[] = {
    // Level, edge, one-shot.
    {"LevelIsReportedUntilItIsDrained",
     "epoll e; eventfd a; add e a in; wait e; write a 1; wait e; wait e; read a 8; wait e",
     "[] [a:in] [a:in] 8 []"},
    {"EdgeIsReportedOnceANotification",
     "epoll e; eventfd a; add e a in,et; write a 1; wait e; wait e; write a 1; wait e",
     "[a:in] [] [a:in]"},
    {"AWriteOfNothingIsAnEdgeToo",
     "epoll e; eventfd a 1; add e a in,et; wait e; write a 0; wait e; wait e", "[a:in] [a:in] []"},
    {"TheStateIsReportedNotTheEdge",
     "epoll e; eventfd a; add e a in,out,et; wait e; write a 1; wait e; read a 8; wait e",
     "[a:out] [a:in,out] 8 [a:out]"},
    {"AddedReadyIsReported", "epoll e; eventfd a 1; add e a in,et; wait e; wait e", "[a:in] []"},
    {"OneShotIsReportedOnce", "epoll e; eventfd a 1; add e a in,oneshot; wait e; write a 1; wait e",
     "[a:in] []"},
    {"AnUpdateRevivesOneShot",
     "epoll e; eventfd a 1; add e a in,oneshot; wait e; mod e a in,oneshot; wait e; wait e",
     "[a:in] [a:in] []"},
    {"OneShotBeatsEdge", "epoll e; eventfd a 1; add e a in,et,oneshot; wait e; write a 1; wait e",
     "[a:in] []"},
    {"AnUpdateReportsAnEdgeAgain",
     "epoll e; eventfd a 1; add e a in,et; wait e; mod e a in,et; wait e; wait e",
     "[a:in] [a:in] []"},
    {"AnUpdateToWhatIsNotReady",
     "epoll e; pipe r w 1; add e w out; write w 1; mod e w -; wait e; wait e", "[] []"},
    {"RemovedIsNotReported", "epoll e; eventfd a 1; add e a in; del e a; wait e", "[]"},
    {"ErrAndHupNeedNoAsking", "epoll e; pipe r w; add e w -; add e r -; wait e; close r; wait e",
     "[] [w:err]"},
    {"FiredIsDeafToHup",
     "epoll e; pipe r w; add e r in,oneshot; write w 1; wait e; close w; wait e", "[r:in] []"},

    // Order.
    {"FirstReadyFirstReported",
     "epoll e; eventfd a; eventfd b; eventfd c; add e a in; add e b in; add e c in;"
     "write c 1; write a 1; write b 1; wait e",
     "[c:in a:in b:in]"},
    {"RoundRobin",
     "epoll e; eventfd a 1; eventfd b 1; eventfd c 1; add e a in; add e b in; add e c in;"
     "wait e 2; wait e 2; wait e 2; wait e 3",
     "[a:in b:in] [c:in a:in] [b:in c:in] [a:in b:in c:in]"},
    {"DrainedAndRefilledKeepsItsPlace",
     "epoll e; eventfd a 1; eventfd b 1; add e a in; add e b in; read a 8; write a 1; wait e",
     "8 [a:in b:in]"},
    {"FoundIdleGoesToTheTail",
     "epoll e; eventfd a 1; eventfd b 1; add e a in; add e b in; read a 8; wait e; write a 1; wait "
     "e",
     "8 [b:in] [b:in a:in]"},
    {"AnUpdateOfAQueuedEntry",
     "epoll e; eventfd a 1; eventfd b 1; add e a in; add e b in; mod e a in; wait e", "[a:in b:in]",
     "[b:in a:in]", "[a:in b:in]"},
    {"WhoRegisteredLastIsToldFirst",
     "epoll e; eventfd a; dup a b; add e a in; add e b in; write a 1; wait e", "[b:in a:in]",
     "[a:in b:in]", "[a:in b:in]"},
    {"WaitOfOneTakesTheFirst",
     "epoll e; eventfd a 1; eventfd b 1; add e a in,et; add e b in,et; wait e 1; wait e 1; wait e "
     "1",
     "[a:in] [b:in] []"},

    // Descriptors.
    {"AClosedFileIsForgotten", "epoll e; eventfd a 1; add e a in; close a; wait e; del e a",
     "[] EBADF"},
    {"ADuplicateKeepsTheEntryAlive",
     "epoll e; eventfd a 1; dup a b; add e a in; close a; wait e; close b; wait e", "[a:in] []"},
    {"AReusedNumberIsAnotherEntry",
     "epoll e; eventfd a; dup a b; add e a in; close a; reopen a; add e a in; write b 1; wait e; "
     "write a 1; wait e; del e a; wait e; del e a",
     "[a:in] [a:in a:in] [a:in] ENOENT"},
    {"ClosingTheSetForgetsAll", "epoll e; eventfd a; add e a in; close e; write a 1; wait e",
     "EBADF"},

    // Sets that watch sets.
    {"ASetIsReadableWhileSomethingInItIs",
     "epoll e; epoll o; eventfd a; add e a in; add o e in; wait o; write a 1; wait o; poll e; "
     "read a 8; poll e; wait o",
     "[] [e:in] (in) 8 () []"},
    {"ASetAddedReady", "epoll e; epoll o; eventfd a 1; add e a in; add o e in; wait o", "[e:in]"},
    {"AnOuterEdgePerNotification",
     "epoll e; epoll o; eventfd a 1; add e a in; add o e in,et; wait o; write a 1; wait o",
     "[e:in] [e:in]", "[e:in] []", "[e:in] []"},
    {"AFiredEntryMayStillTellTheOuterSet",
     "epoll e; epoll o; eventfd a 1; eventfd b 1; add e a in,oneshot; wait e; add e b in; "
     "add o e in,et; wait o; write a 1; wait o; wait e",
     "[a:in] [e:in] [] [b:in]", "", "[a:in] [e:in] [e:in] [b:in]"},
    {"AskingForOtherEventsTidiesUpToo",
     "epoll e; epoll o; eventfd a 1; eventfd b; add e a in,et; add e b in; read a 8; add o e out;"
     "write b 1; write a 1; wait e",
     "8 [b:in a:in]", "8 [a:in b:in]", "8 [a:in b:in]"},

    // Errors, in their order.
    {"EEXIST", "epoll e; eventfd a; add e a in; add e a out; add e a in", "EEXIST EEXIST"},
    {"ENOENT", "epoll e; eventfd a; mod e a in; del e a; add e a in; del e a; del e a",
     "ENOENT ENOENT ENOENT"},
    {"EBADF", "epoll e; eventfd a; add e z in; add z a in; add z z in; wait z; wait z 0",
     "EBADF EBADF EBADF EBADF EBADF", "EBADF EBADF EBADF EBADF EBADF",
     "EBADF EBADF EBADF EBADF EINVAL"},
    {"EINVAL_itself", "epoll e; add e e in; mod e e in; del e e", "EINVAL EINVAL EINVAL",
     "EINVAL ENOENT ENOENT", "EINVAL EINVAL EINVAL"},
    {"EINVAL_not_a_set", "epoll e; eventfd a; add a e in; wait a; add a a in",
     "EINVAL EINVAL EINVAL", "EBADF EBADF EBADF", "EINVAL EINVAL EINVAL"},
    {"EINVAL_max", "epoll e; wait e 0; wait e -1; wait e 178956971; wait e 178956970",
     "EINVAL EINVAL EINVAL []", "[] [] [] []", ""},
    {"EINVAL_exclusive",
     "epoll e; epoll f; eventfd a; add e a in,exclusive,oneshot; add e a in,rdhup,exclusive; "
     "add e a pri,exclusive; add e f in,exclusive; mod e a in,exclusive; "
     "add e a in,out,err,hup,et,exclusive; mod e a in; del e a",
     "EINVAL EINVAL EINVAL EINVAL EINVAL EINVAL", "EEXIST EEXIST EEXIST", "EEXIST EEXIST EEXIST"},
    {"EPERM", "epoll e; file f; add e f in; mod e f in; del e f", "EPERM EPERM EPERM", " ",
     "EPERM ENOENT ENOENT"},
    {"EPERM_before_EINVAL", "file f; eventfd a; add a f in", "EPERM", "EBADF", "EINVAL"},
    {"ELOOP_cycle", "epoll e; epoll f; epoll g; add e f in; add f g in; add g e in; add f e in",
     "ELOOP ELOOP"},
    {"ELOOP_before_EEXIST_or_after",
     "epoll a; epoll b; epoll c; epoll d; epoll e; epoll f; epoll g; add a b in; "
     "add b c in; add c d in; add d e in; add e f in; add f g in; add a b in; add b a in",
     // Of the five links down from b, linux refused e-f; in the others a-b is too long by now.
     "ELOOP EEXIST ELOOP", "EEXIST ELOOP", "ELOOP ELOOP"},
    {"ENOSYS", "epoll e; read e 8; write e 8", "EINVAL EINVAL", "ENOSYS ENOSYS", ""},
    {"EAGAIN", "eventfd a; read a 8", "EAGAIN"},
};

struct Case {
  const Story* story;
  EpollMode mode;
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const Story& story : kStories) {
    for (const EpollMode mode :
         {EpollMode::kLinux, EpollMode::kGvisor2019, EpollMode::kGvisorVfs2}) {
      cases.push_back({&story, mode});
    }
  }
  return cases;
}

class EpollStoryTest : public testing::TestWithParam<Case> {};

TEST_P(EpollStoryTest, Story) {
  const auto& [story, mode] = GetParam();
  std::string_view want = story->linux_want;
  if (mode == EpollMode::kGvisor2019 && !story->gvisor2019_want.empty()) {
    want = story->gvisor2019_want;
  }
  if (mode == EpollMode::kGvisorVfs2 && !story->gvisor_vfs2_want.empty()) {
    want = story->gvisor_vfs2_want;
  }
  if (want == " ") want = "";
  EpollStory run(mode);
  EXPECT_EQ(run.Run(story->text), want);
}

INSTANTIATE_TEST_SUITE_P(, EpollStoryTest, testing::ValuesIn(AllCases()), [](const auto& info) {
  return std::string(info.param.story->name) + "_" + std::string(RulesOf(info.param.mode).name);
});

TEST(EpollErrorTest, ENOSPC) {
  EpollStory story(EpollMode::kLinux, {.epoll_watches = 2});
  EXPECT_EQ(story.Run("epoll e; epoll f; eventfd a; eventfd b; add e a in; add f a in; add e b in"),
            "ENOSPC");
  EXPECT_EQ(story.Run("del f a; add e b in"), "");
  EpollStory gvisor(EpollMode::kGvisor2019, {.epoll_watches = 0});
  EXPECT_EQ(gvisor.Run("epoll e; eventfd a; add e a in"), "");  // Knows no such limit.
}

TEST(EpollErrorTest, ENOMEM) {
  EpollStory story(EpollMode::kLinux, {.epoll_bytes = kEpollEntryBytes});
  EXPECT_EQ(story.Run("epoll e; eventfd a; eventfd b; add e a in; add e b in; add e a in"),
            "ENOMEM EEXIST");
  EXPECT_EQ(story.Run("close a; add e b in"), "");
}

TEST(EpollErrorTest, ENFILE) {
  EpollStory story(EpollMode::kLinux, {.files = 2});
  EXPECT_EQ(story.Run("epoll e; eventfd a; epoll f; eventfd b; pipe r w; sockets x y; timer t"),
            "ENFILE ENFILE ENFILE ENFILE ENFILE");
  EXPECT_EQ(story.calls().Create().error, kEnfile);
  EXPECT_EQ(story.Run("close a; epoll g"), "");
}

TEST(EpollErrorTest, EMFILE) {
  sim::Engine engine;
  OpenFiles files(engine);
  DescriptorTable descriptors(files, 1);
  EpollCalls calls(descriptors, EpollMode::kLinux);
  EXPECT_EQ(calls.Create().fd, 0);
  EXPECT_EQ(calls.Create().error, kEmfile);
}

TEST(EpollErrorTest, EINVAL_unknown_command) {
  EpollStory story;
  story.Run("epoll e; eventfd a");
  const auto command = static_cast<EpollCommand>(7);
  EXPECT_EQ(story.calls().Ctl(story.fd("e"), command, story.fd("a"), {}), kEinval);
}

TEST(EpollErrorTest, AreCounted) {
  EpollStory story(EpollMode::kLinux, {.epoll_watches = 1});
  story.Run(
      "epoll e; epoll f; eventfd a; eventfd b; file u; add z a in; mod e a in; add e a in; add e a "
      "in; add e e in; add e u in; add e b in; wait e 0; del e a; add e f in; add f e in");
  const EpollStats& stats = story.stats();
  EXPECT_EQ(stats.ebadf, 1);
  EXPECT_EQ(stats.enoent, 1);
  EXPECT_EQ(stats.eexist, 1);
  EXPECT_EQ(stats.einval, 2);
  EXPECT_EQ(stats.eperm, 1);
  EXPECT_EQ(stats.enospc, 1);
  EXPECT_EQ(stats.eloop, 1);
  EXPECT_EQ(stats.adds, 2);
  EXPECT_EQ(stats.removes, 1);
  EXPECT_EQ(stats.entries, 1);
}

TEST(EpollStatsTest, CountWhatBecameOfNotifications) {
  EpollStory story;
  story.Run("epoll e; eventfd a; eventfd b; add e a in; add e b in,oneshot");
  story.Run("write a 1; write a 1; read a 8");  // Queued, again, and not asked for.
  story.Run("write b 1; wait e; write b 1");    // a is stale; b fires, and is deaf then.
  const EpollStats& stats = story.stats();
  EXPECT_EQ(stats.queued, 2);
  EXPECT_EQ(stats.already_queued, 1);
  EXPECT_EQ(stats.filtered, 1);
  EXPECT_EQ(stats.disabled, 1);
  EXPECT_EQ(stats.stale, 1);
  EXPECT_EQ(stats.delivered, 1);
  EXPECT_EQ(stats.requeues, 0);
  EXPECT_EQ(stats.longest_ready, 2);
  EXPECT_EQ(stats.ready_ns.count(), 1);
}

TEST(EpollStatsTest, TimeFromReadyToDelivery) {
  EpollStory story;
  story.Run("epoll e; eventfd a; add e a in; write a 1");
  story.engine().events().AdvanceTo(300);
  story.Run("wait e; wait e");  // Level: ready anew since the first.
  EXPECT_EQ(story.stats().ready_ns.max(), 300);
  EXPECT_EQ(story.stats().ready_ns.min(), 0);
  EXPECT_EQ(story.stats().requeues, 2);
}

// ---- What the calls of a set do that no system call does.

TEST(EventPollTest, UnregisteredKeepsWhatIsReady) {
  EpollStory story;
  story.Run("epoll e; eventfd a; eventfd b; add e a in,et; add e b in; write a 1");
  story.set("e").UnregisterEpollWaiters();
  story.CheckInvariants();
  EXPECT_EQ(story.Run("write b 1; wait e; wait e; write a 1; wait e"), "[a:in] [] []");
}

TEST(EventPollTest, RegisteredAgainFindsAllThatIsReady) {
  for (const EpollMode mode : {EpollMode::kLinux, EpollMode::kGvisor2019, EpollMode::kGvisorVfs2}) {
    EpollStory story(mode);
    story.Run("epoll e; eventfd a; eventfd b; eventfd c; add e a in; add e b in; add e c in");
    story.set("e").UnregisterEpollWaiters();
    story.Run("write a 1; write b 1; write c 1; eventfd d 1; add e d in; mod e d in");
    story.set("e").RegisterEpollWaiters();
    EXPECT_EQ(story.Run("wait e"), "[d:in a:in b:in c:in]");
    EXPECT_EQ(story.Run("read a 8; read b 8; read c 8; wait e; write b 1; wait e"),
              "8 8 8 [d:in] [d:in b:in]");
  }
}

TEST(EventPollTest, ReleaseForgetsAllAndMayBeRepeated) {
  EpollStory story;
  story.Run("epoll e; epoll o; eventfd a 1; eventfd b; add e a in; add e b in; add o e in");
  story.set("e").Release();
  story.set("e").Release();
  EXPECT_EQ(story.set("e").size(), 0);
  EXPECT_TRUE(story.file("a")->queue().empty());
  EXPECT_EQ(story.stats().forgotten, 2);
  EXPECT_EQ(story.Run("wait o; wait e; add e a in; wait e"), "[] [] [a:in]");
}

TEST(EventPollTest, MaskOfReadinessCounts) {
  EpollStory story;
  story.Run("epoll e; eventfd a 1; add e a in");
  EXPECT_EQ(story.set("e").Readiness(sim::kEventOut), 0u);
  EXPECT_EQ(story.set("e").Readiness(sim::kEventIn), sim::kEventIn);
  EXPECT_EQ(story.set("e").Peek(sim::kEventOut), 0u);
}

// The mistake of 2019: err outside of the mask made the set readable, and the read gave nothing.
TEST(EventPollTest, ErrOutsideOfTheMaskIsNotReadable) {
  EpollStory story(EpollMode::kGvisor2019);
  story.Run("epoll e; pipe r w");
  EXPECT_EQ(story.set("e").AddEntry(story.id("w"), kLevelTriggered, sim::kEventPri, 1), 0);
  story.Run("close r");
  EXPECT_EQ(story.Run("poll e; wait e"), "() []");
}

TEST(EventPollTest, SilentFilesAreCounted) {
  // A file that becomes ready and tells nobody.
  struct Silent final : File {
    using File::File;
    std::string_view kind() const override { return "silent"; }
    EventMask Peek(EventMask mask) const override { return ready & mask; }
    EventMask ready = 0;
  };
  EpollStory story;
  story.Run("epoll e; eventfd a 1; add e a in,et; wait e");
  const Ref<Silent> silent(new Silent(story.files()));
  EXPECT_EQ(story.set("e").AddEntry({silent.get(), 99}, kLevelTriggered, sim::kEventIn, 0), 0);
  EXPECT_EQ(story.set("e").CountSilentFiles(), 0);
  silent->ready = sim::kEventIn;
  EXPECT_EQ(story.set("e").CountSilentFiles(), 1);
  story.CheckInvariants();  // Nothing of the set's is wrong.
}

// A file that counts how often it is asked.
struct Asked final : File {
  using File::File;
  std::string_view kind() const override { return "asked"; }
  EventMask Peek(EventMask mask) const override {
    ++times;
    return ready & mask;
  }
  void Become(EventMask events) {
    ready = events;
    Notify(events);
  }
  EventMask ready = 0;
  mutable int64_t times = 0;
};

// What a read costs depends on what it returns, not on what is watched.
TEST(EventPollTest, AReadAsksOnlyThoseThatAreQueued) {
  sim::Engine engine;
  OpenFiles files(engine);
  const Ref<EventPoll> set = EventPoll::Create(files);
  std::vector<Ref<Asked>> watched;
  for (int i = 0; i < 1000; ++i) {
    watched.emplace_back(new Asked(files));
    ASSERT_EQ(set->AddEntry({watched.back().get(), i}, kEdgeTriggered, sim::kEventIn,
                            static_cast<uint64_t>(i)),
              0);
  }
  for (const Ref<Asked>& file : watched) file->times = 0;
  for (const int i : {700, 3, 999}) watched[static_cast<size_t>(i)]->Become(sim::kEventIn);
  std::vector<EpollEvent> events;
  EXPECT_EQ(set->ReadEvents(100, &events), 3);
  EXPECT_EQ(events[0].data, 700u);
  int64_t asked = 0;
  for (const Ref<Asked>& file : watched) asked += file->times;
  EXPECT_EQ(asked, 3);
}

// A file that notifies while it is asked: it was off the list by then, so it is queued again.
struct Hasty final : File {
  using File::File;
  std::string_view kind() const override { return "hasty"; }
  EventMask Peek(EventMask mask) const override { return mask & sim::kEventIn; }
  EventMask Readiness(EventMask mask) override {
    if (in_a_hurry) Notify(sim::kEventIn);
    return Peek(mask);
  }
  bool in_a_hurry = false;
};

TEST(EventPollTest, ANotificationDuringAReadIsTheNextReads) {
  for (const EntryFlags flags : {kEdgeTriggered, kLevelTriggered}) {
    sim::Engine engine;
    OpenFiles files(engine);
    const Ref<EventPoll> set = EventPoll::Create(files);
    const Ref<Hasty> file(new Hasty(files));
    ASSERT_EQ(set->AddEntry({file.get(), 0}, flags, sim::kEventIn, 5), 0);
    file->in_a_hurry = true;
    std::vector<EpollEvent> events;
    EXPECT_EQ(set->ReadEvents(10, &events), 1);
    EXPECT_EQ(set->ready_size(), 1);
    file->in_a_hurry = false;
    EXPECT_EQ(set->ReadEvents(10, &events), 1);
    set->CheckInvariants();
  }
}

}  // namespace
}  // namespace vmsim::net
