// The hook point: who is asked in which order, and what becomes of answers that are none.
#include "net/residency_hook.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <string_view>

#include "net/residency_story.h"
#include "sim/wait_channel.h"

namespace vmsim::net {
namespace {

constexpr int kLeave = 99;  // A hook that does not touch *result.

// A closure: who it is, what it says, and where it writes that it was asked.
struct Voice {
  char name;
  int code = kIoCont;
  int result = kLeave;
  std::string* log = nullptr;
  sim::Engine* engine = nullptr;
  sim::SimDuration sleep_ns = 0;
  HookPoint* registers_at = nullptr;
  Voice* registers = nullptr;
};

sim::Task<int> Speak(void* closure, Message& message, int pull, int* result) {
  Voice& voice = *static_cast<Voice*>(closure);
  *voice.log += voice.name;
  if (pull == 1) *voice.log += '!';
  // Nobody sees what those before it left there.
  if (*result != kNoResult) *voice.log += '?';
  EXPECT_EQ(message.number(), 0u);
  if (voice.registers_at != nullptr) voice.registers_at->RegisterFirst(Speak, voice.registers);
  if (voice.sleep_ns > 0) co_await sim::Pause(*voice.engine, voice.sleep_ns, "hook");
  if (voice.result != kLeave) *result = voice.result;
  co_return voice.code;
}

class HookPointTest : public testing::Test {
 protected:
  HookPointTest() { story_.Make("f0+1"); }

  Voice& Add(Voice voice) {
    voice.log = &log_;
    voice.engine = &story_.engine();
    voices_.push_back(voice);
    return voices_.back();
  }
  // "DONE 1 by 2: abc", and the log is empty again.
  std::string Call(int pull = 0) {
    int result = 77;
    int decided_by = 77;
    const int code = story_.world().Do(point_.Call(story_.message(0), pull, &result, &decided_by));
    std::string text = code == kIoDone ? "DONE " : "CONT ";
    text += std::to_string(result) + " by " + std::to_string(decided_by) + ": " + log_;
    log_.clear();
    EXPECT_EQ(point_.BrokenOrder(), "");
    return text;
  }

  ResidencyStory story_;
  HookPoint point_{story_.engine()};
  std::deque<Voice> voices_;
  std::string log_;
};

TEST_F(HookPointTest, NobodyIsRegistered) {
  EXPECT_FALSE(point_.HasHook());
  EXPECT_EQ(Call(), "CONT -1 by -1: ");
  EXPECT_EQ(point_.stats().exhausted, 1);
}

// Among several `first` the latest runs first, among several `last` the earliest.
TEST_F(HookPointTest, FirstPrependsAndLastAppends) {
  const std::string_view order = "aAbBcC";
  for (const char name : order) {
    Voice& voice = Add({name});
    if (name >= 'a') {
      point_.RegisterFirst(Speak, &voice, /*config_version=*/name);
    } else {
      point_.RegisterLast(Speak, &voice, /*config_version=*/name);
    }
  }
  EXPECT_TRUE(point_.HasHook());
  EXPECT_EQ(Call(), "CONT -1 by -1: cbaABC");
  EXPECT_EQ(Call(1), "CONT -1 by -1: c!b!a!A!B!C!");
  std::string versions;
  for (const HookPoint::Registration* r : point_.chain()) {
    versions += static_cast<char>(r->config_version);
  }
  EXPECT_EQ(versions, "cbaABC");
}

struct Chain {
  std::string_view name;
  std::vector<Voice> voices;  // In the order in which they run.
  std::string_view want;
  int bad_result, bad_return;
};

TEST_F(HookPointTest, ChainsAsTheyAreJudged) {
  const std::vector<Chain> chains = {
      {"DoneInTheMiddle", {{'a'}, {'b', kIoDone, 0}, {'c', kIoDone, 1}}, "DONE 0 by 1: ab", 0, 0},
      {"DoneAtOnce", {{'a', kIoDone, 1}, {'b'}}, "DONE 1 by 0: a", 0, 0},
      {"DoneByTheLast", {{'a'}, {'b'}, {'c', kIoDone, 0}}, "DONE 0 by 2: abc", 0, 0},
      {"AllContinue", {{'a'}, {'b'}, {'c'}}, "CONT -1 by -1: abc", 0, 0},
      {"ResultBesideContIsDiscarded",
       {{'a', kIoCont, 0}, {'b', kIoCont, 1}, {'c', kIoDone, 1}},
       "DONE 1 by 2: abc",
       0,
       0},
      {"NonsenseBesideContIsDiscarded", {{'a', kIoCont, 5}, {'b'}}, "CONT -1 by -1: ab", 0, 0},
      {"DoneWithoutAResult", {{'a', kIoDone}, {'b', kIoDone, 0}}, "DONE 1 by 0: a", 1, 0},
      {"DoneWithResultMinusOne", {{'a', kIoDone, -1}}, "DONE 1 by 0: a", 1, 0},
      {"DoneWithResultTwo", {{'a', kIoDone, 2}}, "DONE 1 by 0: a", 1, 0},
      {"DoneWithAHugeResult", {{'a', kIoDone, INT32_MIN}}, "DONE 1 by 0: a", 1, 0},
      {"CodeTwo", {{'a', 2, 0}, {'b', kIoDone, 1}}, "DONE 1 by 1: ab", 0, 1},
      {"CodeMinusOne", {{'a', -1}, {'b'}}, "CONT -1 by -1: ab", 0, 1},
      {"CodeAndResultAreNonsense", {{'a', 7, 7}}, "CONT -1 by -1: a", 0, 1},
      {"EverybodyIsWrong", {{'a', 2}, {'b', 3}, {'c', kIoDone, 9}}, "DONE 1 by 2: abc", 1, 2},
  };
  for (const Chain& chain : chains) {
    SCOPED_TRACE(chain.name);
    HookPoint point(story_.engine());
    for (const Voice& voice : chain.voices) point.RegisterLast(Speak, &Add(voice));
    for (int pull = 0; pull <= 1; ++pull) {
      int result = 77;
      int decided_by = 77;
      const int code = story_.world().Do(point.Call(story_.message(0), pull, &result, &decided_by));
      std::string log = log_;
      log_.clear();
      std::erase(log, '!');
      EXPECT_EQ((code == kIoDone ? "DONE " : "CONT ") + std::to_string(result) + " by " +
                    std::to_string(decided_by) + ": " + log,
                chain.want);
      EXPECT_EQ(point.BrokenOrder(), "");
    }
    EXPECT_EQ(point.stats().bad_result, 2 * chain.bad_result);
    EXPECT_EQ(point.stats().bad_return, 2 * chain.bad_return);
    EXPECT_EQ(point.stats().calls, 2);
  }
}

TEST_F(HookPointTest, OneFunctionTwiceWithTwoClosures) {
  point_.RegisterLast(Speak, &Add({'a'}));
  point_.RegisterLast(Speak, &Add({'b', kIoDone, 0}));
  EXPECT_EQ(Call(), "DONE 0 by 1: ab");
  EXPECT_EQ(Call(), "DONE 0 by 1: ab");
  EXPECT_EQ(point_.chain()[0]->decided, 0);
  EXPECT_EQ(point_.chain()[1]->decided, 2);
  EXPECT_EQ(point_.chain()[0]->hook, point_.chain()[1]->hook);
}

TEST_F(HookPointTest, WhoIsRegisteredDuringACallIsAskedNextTime) {
  Voice& late = Add({'z', kIoDone, 0});
  Voice& early = Add({'a'});
  early.registers_at = &point_;
  early.registers = &late;
  point_.RegisterLast(Speak, &early);
  point_.RegisterLast(Speak, &Add({'b', kIoDone, 1}));
  EXPECT_EQ(Call(), "DONE 1 by 1: ab");
  EXPECT_EQ(Call(), "DONE 0 by 0: z");
}

// A call that sleeps keeps the chain that it began with, while another takes the new one.
TEST_F(HookPointTest, CallsThatSleepKeepTheirChain) {
  Voice& slow = Add({'s'});
  slow.sleep_ns = 1000;
  point_.RegisterLast(Speak, &slow);
  int results[2];
  int codes[2];
  sim::Thread* first =
      story_.world().Begin(point_.Call(story_.message(0), 0, &results[0]), &codes[0]);
  story_.Run(story_.engine().now() + 500);
  EXPECT_FALSE(first->done());
  EXPECT_EQ(point_.BrokenOrder(), "");
  point_.RegisterFirst(Speak, &Add({'f'}));
  point_.RegisterLast(Speak, &Add({'l', kIoDone, 0}));
  story_.world().Begin(point_.Call(story_.message(0), 0, &results[1]), &codes[1]);
  story_.Run();
  EXPECT_EQ(log_, "sfsl");
  EXPECT_EQ(codes[0], kIoCont);
  EXPECT_EQ(codes[1], kIoDone);
  EXPECT_EQ(results[1], 0);
  EXPECT_EQ(point_.BrokenOrder(), "");
}

TEST_F(HookPointTest, EachFunctionCostsItsCaller) {
  HookPoint point(story_.engine(), /*hook_ns=*/300);
  for (int i = 0; i < 3; ++i) point.RegisterLast(Speak, &Add({'a', i == 1 ? kIoDone : kIoCont, 0}));
  int result;
  const sim::SimTime start = story_.engine().now();
  story_.world().Do(point.Call(story_.message(0), 0, &result));
  EXPECT_EQ(story_.engine().now() - start, 600);
}

}  // namespace
}  // namespace vmsim::net
