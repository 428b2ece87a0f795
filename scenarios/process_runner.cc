#include "scenarios/process_runner.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scenarios/generators.h"
#include "scenarios/scenario_config.h"
#include "sim/random.h"
#include "sim/wait_channel.h"

namespace vmsim::scenarios {
namespace {

vm::Behavior BehaviorOf(v1::Map::Advice advice) {
  switch (advice) {
    case v1::Map::RANDOM:
      return vm::Behavior::kRandom;
    case v1::Map::SEQUENTIAL:
      return vm::Behavior::kSequential;
    default:
      return vm::Behavior::kNormal;
  }
}

// One pass over consecutive pages.
class TouchSource final : public ReferenceSource {
 public:
  TouchSource(uint64_t first, uint64_t pages, bool write)
      : next_(first), end_(first + pages), kinds_(write ? kStore : kLoad) {}
  size_t Fill(uint64_t* records, size_t capacity) override {
    const size_t n = std::min<uint64_t>(capacity, end_ - next_);
    for (size_t i = 0; i < n; ++i) records[i] = MakeRecord(next_++, kinds_, 1).word;
    return n;
  }

 private:
  uint64_t next_;
  uint64_t end_;
  uint32_t kinds_;
};

// Steps in a row that a thread does in one instant. More take a nanosecond's rest in between: a run
// that is busy without getting anywhere is one that its limits must be able to end.
constexpr int kMaxStepsInAnInstant = 256;

}  // namespace

ProcessRunner::ProcessRunner(sim::Engine& engine, vm::VmSystem& vm, vm::Process& process,
                             const v1::Process& config, const SharedInputs& inputs, uint64_t seed)
    : engine_(engine),
      vm_(vm),
      process_(process),
      config_(config),
      inputs_(inputs),
      seed_(seed),
      references_(engine, vm, process) {}

sim::Task<void> ProcessRunner::Run() {
  co_await sim::Pause(engine_, config_.start_ns(), "start");
  started_ = engine_.now();
  MapTraces(config_.steps());
  co_await RunSteps(config_.steps());
  co_await vm_.Exit(process_, exit_status_);
  ended_ = engine_.now();
}

sim::Task<void> ProcessRunner::RunSteps(const Steps& steps) {
  for (const v1::Step& step : steps) {
    if (finished()) break;
    co_await RunStep(step);
    if (engine_.now() != instant_) {
      instant_ = engine_.now();
      steps_in_instant_ = 0;
    } else if (++steps_in_instant_ >= kMaxStepsInAnInstant) {
      co_await sim::Pause(engine_, 1, "instant");
    }
  }
}

sim::Task<void> ProcessRunner::RunStep(const v1::Step& step) {
  switch (step.step_case()) {
    case v1::Step::kMap:
      Map(step.map());
      break;
    case v1::Step::kUnmap:
      co_await Unmap(step.unmap().map());
      break;
    case v1::Step::kTouch:
      co_await Touch(step.touch());
      break;
    case v1::Step::kGenerate:
      co_await Generate(step.generate());
      break;
    case v1::Step::kTrace:
      co_await Replay(step.trace());
      break;
    case v1::Step::kSleep:
      co_await SleepFor(step.sleep().ns());
      break;
    case v1::Step::kExit:
      exit_called_ = true;
      exit_status_ = step.exit().status();
      break;
    case v1::Step::kRepeat:
      for (int64_t i = 0; i < step.repeat().times() && !finished(); ++i) {
        co_await RunSteps(step.repeat().steps());
      }
      break;
    case v1::Step::STEP_NOT_SET:
      CHECK(false, "a step without content passed the check");
  }
}

// A signal ends the sleep early.
sim::Task<void> ProcessRunner::SleepFor(sim::SimDuration ns) {
  if (ns <= 0) co_return;
  co_await sleep_channel_.Sleep(engine_, sim::kPriorityUser, "nanslp",
                                {.timeout_ns = ns, .interruptible = true});
}

void ProcessRunner::Map(const v1::Map& map) {
  uint64_t pages = static_cast<uint64_t>(map.pages());
  vm::Object* object;
  if (map.shared_segment().empty()) {
    object = &vm_.CreateAnonymous(static_cast<uint32_t>(pages));
  } else {
    object = &vm_.objects()[inputs_.segments.at(map.shared_segment())];
    ++object->ref_count;
    object->flags &= ~vm::kObjOneMapping;
    if (pages == 0) pages = object->size - static_cast<uint64_t>(map.first_page());
  }
  const vm::PteSlot slot = vm_.page_tables().AllocateLeaf(static_cast<uint32_t>(pages));
  CHECK_NE(slot, 0u, "the scenario check bounds all maps together");
  const vm::Vpage start = process_.space.FindSpace(map_base_, pages);
  vm::MapEntry& entry =
      process_.space.Insert(start, static_cast<uint32_t>(pages), *object,
                            static_cast<vm::Pindex>(map.first_page()), slot, !map.read_only());
  entry.behavior = BehaviorOf(map.advice());
  maps_[map.name()] = start;
}

sim::Task<void> ProcessRunner::Unmap(const std::string& name) {
  const vm::Vpage start = maps_.at(name);
  maps_.erase(name);
  const vm::MapEntry* entry = process_.space.Lookup(start);
  const vm::PteSlot slot = entry->slot;
  const uint32_t pages = static_cast<uint32_t>(entry->pages());
  co_await vm_.Unmap(process_, start);
  vm_.page_tables().FreeLeaf(slot, pages);
}

sim::Task<void> ProcessRunner::Touch(const v1::Touch& touch) {
  const vm::MapEntry* entry = process_.space.Lookup(maps_.at(touch.map()));
  const uint64_t first = static_cast<uint64_t>(touch.first_page());
  const uint64_t pages =
      touch.pages() > 0 ? static_cast<uint64_t>(touch.pages()) : entry->pages() - first;
  TouchSource source(first, pages, touch.write());
  co_await references_.Run(source, entry->slot);
}

uint64_t ProcessRunner::NextSeed() {
  return sim::StreamSeed(seed_, absl::StrCat("generate.", generators_run_++));
}

sim::Task<void> ProcessRunner::Generate(const v1::Generate& generate) {
  const vm::MapEntry* entry = process_.space.Lookup(maps_.at(generate.map()));
  const uint64_t derived = NextSeed();
  const GeneratorConfig config =
      ToGeneratorConfig(generate, static_cast<int64_t>(entry->pages()), derived);
  auto source = MakeGenerator(config);
  CHECK(source.ok(), "the scenario check accepted it: ", source.status().message());
  co_await references_.Run(**source, entry->slot);
}

sim::Task<void> ProcessRunner::Replay(const v1::Trace& trace) {
  const TraceLayout& layout = inputs_.traces.at(trace.file());
  const vm::PteSlot base = trace_slots_.at(trace.file());
  VptTraceSource source(layout.records,
                        trace.has_repeat() ? static_cast<uint64_t>(trace.repeat()) : 1);
  co_await references_.Run(source, base);
}

// Maps the ranges of the process's traces at their addresses, before anything else is mapped, so
// that maps without an address of their own keep clear of them.
void ProcessRunner::MapTraces(const Steps& steps) {
  for (const v1::Step& step : steps) {
    if (step.has_trace()) MapTrace(step.trace().file(), inputs_.traces.at(step.trace().file()));
    if (step.has_repeat()) MapTraces(step.repeat().steps());
  }
}

void ProcessRunner::MapTrace(const std::string& file, const TraceLayout& layout) {
  const auto [it, is_new] = trace_slots_.try_emplace(file, 0);
  if (!is_new || layout.pages == 0) return;
  it->second = vm_.page_tables().AllocateLeaf(layout.pages);
  CHECK_NE(it->second, 0u, "the scenario check bounds all maps together");
  for (const TraceEntry& entry : layout.entries) {
    vm::Object& object = vm_.CreateAnonymous(entry.pages);
    process_.space.Insert(entry.start, entry.pages, object, 0, it->second + entry.first,
                          /*writable=*/true);
    map_base_ = std::max(map_base_, entry.start + entry.pages);
  }
}

}  // namespace vmsim::scenarios
