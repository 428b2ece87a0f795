// Message residency with a hook: what it says, pulls and gets wrong, as whole deliveries.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "net/residency.h"
#include "net/residency_story.h"

namespace vmsim::net {
namespace {

using Options = ResidencyStory::Options;
using Counts = std::map<std::string, int64_t>;

const std::string kSentAtOnce = "0:CHECK@0 0?0@0 0:SENDING@0 0:DONE@0";
const std::string kPulledTwoPages =
    "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@208 0:CHECK'@208 0*In@208 0?0@208 0:SENDING@208 "
    "0:DONE@208";

// A hook that gives answers from a list, one a call with that `pull`, the last one for ever.
struct Answers {
  struct Answer {
    int code;
    int result;
  };
  std::vector<Answer> test;
  std::vector<Answer> pull;
  // Bytes that it references, from the beginning of the body.
  int64_t tests_bytes = 0;
  int64_t pulls_bytes = 0;
  Residency* residency = nullptr;
  size_t tests = 0;
  size_t pulls = 0;
};

sim::Task<int> Answer(void* closure, Message& message, int pull, int* result) {
  Answers& answers = *static_cast<Answers*>(closure);
  const int64_t bytes = pull == 1 ? answers.pulls_bytes : answers.tests_bytes;
  for (int64_t at = 0; at < bytes; at += vm::kPageSize) {
    const uint64_t address = message.body()[0].address + static_cast<uint64_t>(at);
    const int error = co_await answers.residency->Reference(message, address);
    if (error != 0) break;
  }
  const std::vector<Answers::Answer>& list = pull == 1 ? answers.pull : answers.test;
  size_t& next = pull == 1 ? answers.pulls : answers.tests;
  const Answers::Answer answer = list[std::min(next++, list.size() - 1)];
  *result = answer.result;
  co_return answer.code;
}

TEST(ResidencyHookedTest, Deliveries) {
  struct Case {
    std::string_view name;
    Answers answers;
    std::string_view warm;
    std::string want;
    Counts counts;
    std::string_view plan = "0 send 0";
    bool eio = false;
    bool literal = false;
  };
  using A = Answers;
  const A::Answer cont = {kIoCont, kNoResult}, in = {kIoDone, 0}, out = {kIoDone, 1};
  const std::vector<Case> cases = {
      // Off: never asks.
      {"AlwaysInCore",
       A{{in}, {in}},
       "",
       "0:CHECK@0 0?0@0 0:SENDING@0 0:DONE@208",
       {{"residency.sync_faults", 2}, {"residency.decided_default", 0}, {"hook.decided", 1}}},
      // Always pulls once; here the default does it.
      {"FirstOutThenIn",
       A{{out, in}, {cont}},
       "f0 f1",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@0 0:CHECK'@0 0*In@0 0?0@0 0:SENDING@0 0:DONE@0",
       {{"residency.pulls_completed", 1}, {"residency.page_hits", 2}}},
      {"ContinuesToTheDefault",
       A{{cont}, {cont}},
       "",
       kPulledTwoPages,
       {{"residency.decided_default", 2}, {"hook.0.decided", 0}, {"residency.pageins", 2}}},
      // It pulls one page and says so; the default pulls the other.
      {"PullsPart",
       A{{cont}, {cont}, 0, 4096},
       "",
       kPulledTwoPages,
       {{"residency.pageins", 2}, {"residency.page_hits", 1}, {"residency.pages_touched", 3}}},
      {"PullsAll",
       A{{cont}, {in}, 0, 8192},
       "",
       kPulledTwoPages,
       {{"residency.pageins", 2}, {"residency.pages_touched", 2}, {"hook.0.decided", 1}}},
      // It claims to have pulled, and has not.
      {"Lies",
       A{{cont}, {in}},
       "",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@0 0:CHECK'@0 0*In@0 0?1@0 0:QUEUED@0 "
       "0:PULLING@0 0!0@0 0:CHECK'@0 0*In@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!0@0 0:CHECK'@0 0*In@0 "
       "0?1@0 0:SENDING@0 0:DONE@208",
       {{"residency.bound_hits", 1},
        {"residency.rechecks_failed", 3},
        {"residency.sync_faults", 2}}},
      // It admits that its pull was in vain: no error, the scheduler asks again.
      {"PullsInVain",
       A{{out}, {out}},
       "f0 f1",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!1@0 0:CHECK'@0 0*In@0 0?1@0 0:QUEUED@0 "
       "0:PULLING@0 0!1@0 0:CHECK'@0 0*In@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!1@0 0:CHECK'@0 0*In@0 "
       "0?1@0 0:SENDING@0 0:DONE@0",
       {{"residency.bound_hits", 1}, {"residency.sync_faults", 0}}},
      {"ItsPullFails",
       A{{cont}, {in}, 0, 8192},
       "",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!E5@104 0:FAILED@104 0*Err@104",
       {{"residency.pulls_failed", 1}},
       "0 send 0",
       true},
      // An error of its own ends the matter, though it leaves the rest to the default.
      {"ItsPullFailsAndItContinues",
       A{{cont}, {cont}, 0, 4096},
       "",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!E5@104 0:FAILED@104 0*Err@104",
       {{"residency.pages_touched", 1}},
       "0 send 0",
       true},
      // A test that touches keeps the scheduler.
      {"FaultsInItsTest",
       A{{in}, {in}, 8192},
       "",
       "0:CHECK@0 0?0@208 0:SENDING@208 0:DONE@208",
       {{"hook.fault_in_test", 2},
        {"hook.fault_in_test_ns", 208'200},
        {"residency.sync_faults", 0}}},
      {"TouchesResidentPagesInItsTest",
       A{{in}, {in}, 8192},
       "f0 f1",
       kSentAtOnce,
       {{"hook.fault_in_test", 0}}},
      {"DeletedInItsTest",
       A{{in}, {in}, 8192},
       "",
       "0:CHECK@0 0?0@208 0:REMOVED@208",
       {{"residency.checks", 0}},
       "0 send 0; 50 delete 0"},
      {"BadResult",
       A{{{kIoDone, 7}, in}, {{kIoDone, -3}}},
       "f0 f1",
       "0:CHECK@0 0?1@0 0:QUEUED@0 0:PULLING@0 0!1@0 0:CHECK'@0 0*In@0 0?0@0 0:SENDING@0 0:DONE@0",
       {{"hook.bad_result", 2}, {"hook.bad_return", 0}}},
      // Literally: pulled because it is there; that it has gone meanwhile changes nothing.
      {"EvictedAfterALiteralPull",
       A{{in, out}, {cont}},
       "f0 f1",
       "0:CHECK@0 0?0@0 0:QUEUED@0 0:PULLING@0 0!0@0 0:CHECK'@0 0*In@0 0?1@0 0:SENDING@0 0:DONE@0",
       {{"residency.rechecks_failed", 1}, {"residency.bound_hits", 0}},
       "0 send 0",
       false,
       true},
      {"BadReturn",
       A{{{5, 0}}, {{-1, 0}}},
       "",
       kPulledTwoPages,
       {{"hook.bad_result", 0}, {"hook.bad_return", 3}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Options options;
    if (c.eio) options.vfs.faults = {{.kind = sim::DiskFaultKind::kEio, .nth = 1}};
    if (c.literal) options.residency.pull_when = PullWhen::kLiteral;
    Answers answers = c.answers;
    ResidencyStory s(options,
                     [&](ResidencyStory& story) { story.hooks().RegisterLast(Answer, &answers); });
    answers.residency = &s.residency();
    s.Make("f0+8192");
    s.Warm(c.warm);
    s.Plan(c.plan);
    EXPECT_EQ(s.Run(), c.want);
    for (const auto& [name, count] : c.counts) EXPECT_EQ(s.Counter(name), count) << name;
  }
}

}  // namespace
}  // namespace vmsim::net
