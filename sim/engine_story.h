// sim/engine_story.h: small worlds of threads and channels, told in text. For tests.
//
//     cpus 2; slice 10; grain 5; switch 1      settings; the defaults are 1, 10, 5, 0
//     thread a 120: run 10, say x, sleep c 84  a thread's name, priority and what it does
//     at 50 device: wake c, interrupt a        an event and its class
//
// Statements end with ';' or a line. Threads are created in the order of the text at time 0. They
// do:
//
//     run N            consume N ns of CPU time
//     say X            X@now goes to the log
//     sleep C P        sleep on channel C at priority P; options: "timeout N", "intr". Then the log
//                      gets name:woken@now, name:timeout@now or name:eintr@now
//     pause N          sleep for N ns
//     yield            let equals run
//     wake C, wakeall C, interrupt NAME, stop
//
// Events do the last line's. Text that is not of this form fails a CHECK.
#ifndef VMSIM_SIM_ENGINE_STORY_H_
#define VMSIM_SIM_ENGINE_STORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/engine.h"
#include "sim/wait_channel.h"

namespace vmsim::sim {

// How threads consume what "run" says; no story may depend on it.
enum class ConsumeStyle {
  kWhole,      // One Consume().
  kPieces,     // Consume() of 1 ns at a time.
  kReferences  // As a loop over resident references does: as far as Budget() allows.
};

class EngineStory {
 public:
  explicit EngineStory(std::string_view text, ConsumeStyle style = ConsumeStyle::kWhole);
  ~EngineStory();

  Engine& engine() { return *engine_; }
  Thread* thread(const std::string& name) const { return threads_.at(name); }
  // What was said so far, separated by blanks.
  const std::string& log() const { return log_; }
  // What a thread's text consumes in all.
  SimDuration WorkOf(const std::string& name) const;

 private:
  using Words = std::vector<std::string>;
  using Actions = std::vector<Words>;
  struct Event {
    EngineStory* story;
    Actions actions;
  };

  void Configure(EngineConfig& config, const Words& setting) const;
  void Schedule(const std::string& text);
  void Say(const std::string& what);
  bool DoNow(const Words& action);
  Task<void> Body(std::string name);
  Task<void> Do(const std::string& name, const Words& action);
  Task<void> Run(SimDuration ns);
  Task<void> Sleep(const std::string& name, const Words& action);

  const ConsumeStyle style_;
  std::string log_;
  std::map<std::string, WaitChannel> channels_;
  std::map<std::string, Actions> texts_;
  std::map<std::string, Thread*> threads_;
  std::vector<std::unique_ptr<Event>> events_;
  std::unique_ptr<Engine> engine_;  // Last: its threads sleep on the channels.
};

// The log of a story run to its end.
std::string RunStory(std::string_view text, ConsumeStyle style = ConsumeStyle::kWhole);

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_ENGINE_STORY_H_
