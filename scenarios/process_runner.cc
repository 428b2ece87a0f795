#include "scenarios/process_runner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scenarios/generators.h"
#include "scenarios/saturating.h"
#include "scenarios/scenario_config.h"
#include "sim/errno.h"
#include "sim/random.h"

namespace vmsim::scenarios {
namespace {

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

ProcessRunner::ProcessRunner(ProcessHost& host, vm::Process& process, const Program& program)
    : host_(host),
      engine_(host.engine()),
      vm_(host.vm()),
      process_(process),
      program_(program),
      seed_(sim::StreamSeed(host.seed(), process.name)),
      references_(engine_, vm_, process),
      file_calls_(host, process),
      mpool_calls_(host, process, file_calls_),
      system_calls_(host, process, maps_, file_calls_),
      calls_(program.steps, host.unexpected_calls()) {}

sim::Task<void> ProcessRunner::Run() {
  if (parent_ == nullptr) {
    co_await sim::Pause(engine_, program_.start_ns, "start");
    started_ = engine_.now();
    KeepClearOfTraces(program_.steps);
  }
  // As execve ends a process whose image does not fit.
  if (!MapTraces(program_.steps)) vm_.Kill(process_, vm::kSigKill);
  co_await RunSteps(program_.steps, {});
  mpool_calls_.LeaveAll();
  co_await file_calls_.CloseAll();
  co_await vm_.Exit(process_, exit_status_);
  ended_ = engine_.now();
  if (parent_ != nullptr) parent_->child_ended_.WakeAll();
}

sim::Task<void> ProcessRunner::RunSteps(const Steps& steps, Turn turn) {
  for (const v1::Step& step : steps) {
    if (finished()) break;
    co_await RunStep(step, turn);
    co_await RestIfStuck();
  }
}

// After each step, and each of a step's calls.
sim::Task<void> ProcessRunner::RestIfStuck() {
  if (engine_.now() != instant_) {
    instant_ = engine_.now();
    steps_in_instant_ = 0;
  } else if (++steps_in_instant_ >= kMaxStepsInAnInstant) {
    co_await sim::Pause(engine_, 1, "instant");
  }
}

sim::Task<void> ProcessRunner::RunStep(const v1::Step& step, Turn turn) {
  switch (step.step_case()) {
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
      co_await Repeat(step.repeat(), turn);
      break;
    case v1::Step::kCrash:
      co_await Crash();
      break;
    case v1::Step::STEP_NOT_SET:
      CHECK(false, "a step without content passed the check");
      break;
    default:
      co_await RunCalls(step, turn);
      break;
  }
}

sim::Task<void> ProcessRunner::Repeat(const v1::Repeat& repeat, Turn turn) {
  const int64_t first = SaturatingMultiply(turn.run, repeat.times());
  const int64_t runs = SaturatingMultiply(turn.runs, repeat.times());
  for (int64_t i = 0; i < repeat.times() && !finished(); ++i) {
    co_await RunSteps(repeat.steps(), {SaturatingAdd(first, i), runs});
  }
}

// A signal ends the sleep early.
sim::Task<void> ProcessRunner::SleepFor(sim::SimDuration ns) {
  if (ns <= 0) co_return;
  co_await sleep_channel_.Sleep(engine_, sim::kPriorityUser, "nanslp",
                                {.timeout_ns = ns, .interruptible = true});
}

// Nothing follows: nobody wakes the thread.
sim::Task<void> ProcessRunner::Crash() {
  host_.Crash();
  co_await sleep_channel_.Sleep(engine_, sim::kPriorityUser, "crash");
}

// --- References ---

// A reference to memory of which nothing is mapped any more; where some still is, the fault path
// finds out.
void ProcessRunner::FaultOutside() {
  vm_.Kill(process_, vm::SignalOf(vm::FaultResult::kInvalidAddress));
}

sim::Task<void> ProcessRunner::Touch(const v1::Touch& touch) {
  const Region& region = maps_.At(touch.map());
  if (!ProcessMaps::IsMapped(process_.space, region)) {
    FaultOutside();
    co_return;
  }
  const uint64_t first = static_cast<uint64_t>(touch.first_page());
  const uint64_t pages =
      touch.pages() > 0 ? static_cast<uint64_t>(touch.pages()) : region.pages - first;
  TouchSource source(first, pages, touch.write());
  co_await references_.Run(source, region.slot);
}

uint64_t ProcessRunner::NextSeed() {
  return sim::StreamSeed(seed_, absl::StrCat("generate.", generators_run_++));
}

sim::Task<void> ProcessRunner::Generate(const v1::Generate& generate) {
  const Region& region = maps_.At(generate.map());
  const uint64_t derived = NextSeed();
  if (!ProcessMaps::IsMapped(process_.space, region)) {
    FaultOutside();
    co_return;
  }
  const GeneratorConfig config =
      ToGeneratorConfig(generate, static_cast<int64_t>(region.pages), derived);
  auto source = MakeGenerator(config);
  CHECK(source.ok(), "the scenario check accepted it: ", source.status().message());
  co_await references_.Run(**source, region.slot);
}

sim::Task<void> ProcessRunner::Replay(const v1::Trace& trace) {
  const TraceLayout& layout = host_.inputs().traces.at(trace.file());
  if (layout.records.empty()) co_return;
  if (!ProcessMaps::IsMapped(process_.space, layout)) {
    FaultOutside();
    co_return;
  }
  VptTraceSource source(layout.records,
                        trace.has_repeat() ? static_cast<uint64_t>(trace.repeat()) : 1);
  co_await references_.Run(source, maps_.TraceSlot(trace.file()));
}

// Maps the ranges of the process's traces at their addresses, before anything else is mapped.
bool ProcessRunner::MapTraces(const Steps& steps) {
  for (const v1::Step& step : steps) {
    if (step.has_repeat() && !MapTraces(step.repeat().steps())) return false;
    if (!step.has_trace()) continue;
    const std::string& file = step.trace().file();
    if (!maps_.MapTrace(vm_, process_, file, host_.inputs().traces.at(file))) return false;
  }
  return true;
}

// Maps without an address of their own must leave room for the traces of children, too.
void ProcessRunner::KeepClearOfTraces(const Steps& steps) {
  for (const v1::Step& step : steps) {
    if (step.has_repeat()) KeepClearOfTraces(step.repeat().steps());
    if (step.has_fork()) KeepClearOfTraces(step.fork().steps());
    if (step.has_trace()) maps_.KeepClearOf(host_.inputs().traces.at(step.trace().file()));
  }
}

// --- System calls ---

sim::Task<void> ProcessRunner::RunCalls(const v1::Step& step, Turn turn) {
  const int64_t calls = CallsOf(step);
  for (int64_t i = 0; i < calls && !finished(); ++i) {
    if (i > 0) co_await RestIfStuck();
    co_await RunCall(step, turn);
  }
}

// A call that a signal ended has not returned to anybody.
sim::Task<void> ProcessRunner::RunCall(const v1::Step& step, Turn turn) {
  const sim::SimTime start = engine_.now();
  MincoreSums pages;
  int error;
  int64_t bytes = 0;
  if (step.has_fork()) {
    error = co_await Fork(step.fork(), turn);
  } else if (step.has_wait()) {
    error = co_await Wait();
  } else if (FileCalls::Handles(step)) {
    const vfs::IoResult result = co_await file_calls_.Run(step);
    error = result.error;
    bytes = result.bytes;
  } else if (IsMpoolCall(step)) {
    error = co_await mpool_calls_.Run(step);
  } else {
    error = co_await system_calls_.Run(step, &pages);
  }
  if (process_.killed()) co_return;
  const bool answered = step.has_mincore() && error == 0;
  calls_.Note(process_.name, step,
              {error, engine_.now() - start, answered ? &pages : nullptr, bytes});
}

sim::Task<int> ProcessRunner::Fork(const v1::Fork& fork, Turn turn) {
  const Program program{fork.steps(), 0, SaturatingMultiply(program_.members, turn.runs),
                        program_.index * turn.runs + turn.run};
  vm::Process& child =
      vm_.CreateProcess(MemberName(fork.name(), program.members, program.index), false);
  child.memlock_limit = process_.memlock_limit;
  // While its memory is copied nobody may choose it as a victim (PRS_NEW).
  child.exiting = true;
  vm::Forker::LeafMap leaves;
  if (const int error = co_await vm_.Fork(process_, child, &leaves); error != 0) {
    child.exited = true;
    co_return error;
  }
  child.exiting = false;
  auto runner = std::make_unique<ProcessRunner>(host_, child, program);
  runner->Inherit(*this, leaves);
  children_.push_back(&host_.StartChild(std::move(runner)));
  co_return 0;
}

void ProcessRunner::Inherit(ProcessRunner& parent, const vm::Forker::LeafMap& leaves) {
  parent_ = &parent;
  maps_ = parent.maps_.ForChild(leaves);
  file_calls_.Inherit(parent.file_calls_);
  mpool_calls_.Inherit(parent.mpool_calls_);
  started_ = engine_.now();
}

bool ProcessRunner::AllChildrenEnded() const {
  return std::all_of(children_.begin(), children_.end(),
                     [](const ProcessRunner* child) { return child->ended() >= 0; });
}

sim::Task<int> ProcessRunner::Wait() {
  co_await engine_.Consume(vm_.config().costs.syscall_ns);
  if (children_.empty()) co_return sim::kEchild;
  while (!AllChildrenEnded()) {
    const int error =
        co_await child_ended_.Sleep(engine_, sim::kPriorityUser, "wait", {.interruptible = true});
    if (error != sim::kAwakened) co_return error;
  }
  children_.clear();
  co_return 0;
}

}  // namespace vmsim::scenarios
