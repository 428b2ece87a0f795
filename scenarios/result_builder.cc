#include "scenarios/result_builder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "scenarios/errno_names.h"
#include "scenarios/expectations.h"
#include "scenarios/scenario_config.h"
#include "scenarios/steps.h"

namespace vmsim::scenarios {
namespace {

v1::CounterKind ToProto(sim::CounterKind kind) {
  switch (kind) {
    case sim::CounterKind::kCounter:
      return v1::COUNTER_KIND_COUNTER;
    case sim::CounterKind::kLevel:
      return v1::COUNTER_KIND_LEVEL;
    case sim::CounterKind::kTarget:
      return v1::COUNTER_KIND_TARGET;
  }
  return v1::COUNTER_KIND_UNSPECIFIED;
}

void FillHistogram(const sim::Histogram& histogram, const std::string& name,
                   v1::HistogramResult* out) {
  out->set_name(name);
  out->set_unit("ns");
  out->set_count(histogram.count());
  if (histogram.count() == 0) return;
  out->set_min(histogram.min());
  out->set_max(histogram.max());
  out->set_mean(histogram.Mean());
  out->set_p50(histogram.Percentile(50, 100));
  out->set_p90(histogram.Percentile(90, 100));
  out->set_p99(histogram.Percentile(99, 100));
  out->set_p999(histogram.Percentile(999, 1000));
  for (const sim::Histogram::Bucket& bucket : histogram.Buckets()) {
    v1::HistogramBucket* b = out->add_buckets();
    b->set_first(bucket.first);
    b->set_last(bucket.last);
    b->set_count(bucket.count);
  }
}

void AddCounters(const Machine& machine, v1::Result* result) {
  for (const sim::Counter* counter : machine.counters().SortedByName()) {
    v1::CounterValue* value = result->add_counters();
    value->set_name(counter->name());
    value->set_value(counter->value());
    value->set_unit(counter->unit());
    value->set_kind(ToProto(counter->kind()));
  }
}

void AddProcesses(const Machine& machine, v1::Result* result) {
  for (const auto& runner : machine.runners()) {
    const vm::Process& process = runner->process();
    v1::ProcessResult* out = result->add_processes();
    out->set_name(process.name);
    out->set_majflt(process.space.majflt);
    out->set_minflt(process.space.minflt);
    out->set_references(runner->references().references());
    out->set_oom_killed(process.oom_killed);
    out->set_signal(process.signal);
    out->set_exit_status(process.exit_status);
    out->set_cpu_time_ns(process.thread->cpu_time());
    out->set_stall_ns(runner->references().stall_ns());
    out->set_start_ns(runner->started());
    out->set_end_ns(runner->ended());
  }
}

// The relay's process makes no references of its own; its stall is the loop's.
void AddMailProcess(const Machine& machine, v1::Result* result) {
  if (machine.mail() == nullptr) return;
  const vm::Process& process = machine.mail_process();
  v1::ProcessResult* out = result->add_processes();
  out->set_name(process.name);
  out->set_majflt(process.space.majflt);
  out->set_minflt(process.space.minflt);
  out->set_oom_killed(process.oom_killed);
  out->set_signal(process.signal);
  out->set_exit_status(process.exit_status);
  out->set_cpu_time_ns(process.thread->cpu_time());
  out->set_stall_ns(machine.mail()->stats().stall_ns);
  out->set_end_ns(machine.mail_ended());
}

void AddCalls(const Machine& machine, v1::Result* result) {
  for (const auto& runner : machine.runners()) {
    for (const CallLog::Labelled& call : runner->calls().labelled()) {
      v1::CallResult* out = result->add_calls();
      out->set_process(runner->process().name);
      out->set_label(call.step->label());
      out->set_call(StepName(*call.step));
      out->set_times(call.times);
      out->set_failures(call.failures);
      if (call.times > 0) out->set_last_errno(ErrnoName(call.last_error));
      out->set_total_ns(call.total_ns);
      if (MovesBytes(*call.step)) out->set_bytes(call.bytes);
      if (!call.has_pages) continue;
      v1::MincoreResult* pages = out->mutable_mincore();
      pages->set_incore(call.pages.incore);
      pages->set_referenced(call.pages.referenced);
      pages->set_modified(call.pages.modified);
      pages->set_referenced_other(call.pages.referenced_other);
      pages->set_modified_other(call.pages.modified_other);
      pages->set_super(call.pages.super);
    }
  }
}

void AddCrash(const Machine& machine, v1::Result* result) {
  if (!machine.crash().has_value()) return;
  const CrashReport& crash = *machine.crash();
  v1::CrashResult* out = result->mutable_crash();
  out->set_time_ns(crash.time);
  out->set_writes_dropped(crash.writes.dropped);
  out->set_writes_kept(crash.writes.kept);
  out->set_writes_torn(crash.writes.torn);
  out->set_sectors_safe(crash.files.safe);
  out->set_sectors_lost(crash.files.lost);
  out->set_violations(crash.files.violations);
}

// Calls that came to another errno than they had to: expectations that do not hold.
void AddUnexpectedCalls(Machine& machine, v1::Result* result) {
  const UnexpectedCalls& unexpected = machine.unexpected_calls();
  for (const UnexpectedCalls::Call& call : unexpected.kept()) {
    const std::string& expected = call.step->expect_errno();
    v1::ExpectationResult* out = result->add_expectations();
    out->set_text(absl::StrCat("process[", call.process, "] ", call.path, ".", StepName(*call.step),
                               " errno == ", expected.empty() ? "0" : expected));
    out->set_got(call.error);
    out->set_got_name(ErrnoName(call.error));
  }
  if (unexpected.others() == 0) return;
  v1::ExpectationResult* out = result->add_expectations();
  out->set_text("other calls with an errno that was not expected == 0");
  out->set_got(unexpected.others());
}

void AddHistograms(Machine& machine, v1::Result* result) {
  const vm::FaultStats& faults = machine.vm().faults().stats();
  const sim::Histogram* const histograms[] = {&faults.soft(), &faults.zero(), &faults.hard(),
                                              &faults.all()};
  static_assert(std::size(histograms) == std::size(kHistogramNames));
  for (size_t i = 0; i < std::size(histograms); ++i) {
    FillHistogram(*histograms[i], kHistogramNames[i], result->add_histograms());
  }
  if (machine.mail() == nullptr) return;
  const net::MailRelay& mail = *machine.mail();
  const sim::Histogram* const of_mail[] = {&mail.stats().delivery_ns, &mail.stats().turn_ns,
                                           &mail.residency().pull_latency()};
  static_assert(std::size(of_mail) == std::size(kMailHistogramNames));
  for (size_t i = 0; i < std::size(of_mail); ++i) {
    FillHistogram(*of_mail[i], kMailHistogramNames[i], result->add_histograms());
  }
  for (int i = 0; i < machine.scenario().mail_relay().remotes_size(); ++i) {
    FillHistogram(mail.stats().remote_ns[static_cast<size_t>(i)],
                  RemoteHistogramName(machine.scenario().mail_relay().remotes(i).name()),
                  result->add_histograms());
  }
}

// What faults waited for, all of them and the slowest percent.
void AddWaits(Machine& machine, v1::Result* result) {
  const vm::FaultStats& faults = machine.vm().faults().stats();
  for (int i = 0; i < vm::kWaitCauses; ++i) {
    const auto cause = static_cast<vm::WaitCause>(i);
    const sim::Histogram& waits = faults.waits(cause);
    if (waits.count() == 0) continue;
    v1::WaitResult* out = result->add_fault_waits();
    out->set_cause(vm::WaitCauseName(cause));
    out->set_count(waits.count());
    out->set_total_ns(waits.sum());
    out->set_p50_ns(waits.Percentile(50, 100));
    out->set_p99_ns(waits.Percentile(99, 100));
    out->set_max_ns(waits.max());
  }
  std::stable_sort(
      result->mutable_fault_waits()->begin(), result->mutable_fault_waits()->end(),
      [](const v1::WaitResult& a, const v1::WaitResult& b) { return a.total_ns() > b.total_ns(); });
  if (faults.hard().count() == 0) return;
  const vm::FaultStats::Class slow = faults.SlowerThan(faults.hard().Percentile(99, 100));
  v1::SlowFaults* out = result->mutable_slow_faults();
  out->set_threshold_ns(vm::FaultStats::BoundOf(faults.hard().Percentile(99, 100)));
  out->set_faults(slow.faults);
  out->set_total_ns(slow.total_ns);
  for (int i = 0; i < vm::kWaitCauses; ++i) {
    if (slow.wait_ns[i] == 0) continue;
    v1::SlowFaults::Share* share = out->add_waits();
    share->set_cause(vm::WaitCauseName(static_cast<vm::WaitCause>(i)));
    share->set_total_ns(slow.wait_ns[i]);
  }
}

void AddSeries(Machine& machine, v1::Result* result) {
  const Sampler& sampler = machine.sampler();
  const sim::Series& series = sampler.series();
  v1::Series* out = result->mutable_series();
  out->set_interval_ns(sampler.interval());
  for (const int64_t time : series.times()) out->add_time_ns(time);
  for (size_t i = 0; i < series.column_names().size(); ++i) {
    v1::SeriesColumn* column = out->add_columns();
    column->set_name(sampler.columns()[i].name);
    column->set_unit(sampler.columns()[i].unit);
    column->set_kind(ToProto(sampler.columns()[i].kind));
    for (const int64_t value : series.column(i)) column->add_values(value);
  }
}

const char* ModelName(const v1::Disk& disk) {
  switch (disk.model_case()) {
    case v1::Disk::kFixed:
      return "fixed";
    case v1::Disk::kHdd:
      return "hdd";
    default:
      return "ssd";
  }
}

void AddDisks(Machine& machine, v1::Result* result) {
  for (size_t i = 0; i < machine.disks().size(); ++i) {
    sim::Disk& disk = *machine.disks()[i];
    const sim::DiskStats& stats = disk.stats();
    v1::DiskResult* out = result->add_disks();
    out->set_name(disk.name());
    out->set_model(ModelName(machine.scenario().disks(static_cast<int>(i))));
    out->set_reads(stats.reads());
    out->set_read_bytes(stats.read_bytes);
    out->set_writes(stats.writes());
    out->set_write_bytes(stats.write_bytes);
    out->set_errors(stats.errors);
    out->set_refused(stats.refused);
    out->set_split(stats.split);
    out->set_busy_ns(stats.busy_ns);
    out->set_queue_ns(stats.queue_ns);
    out->set_max_queue_length(stats.max_queue_length);
    FillHistogram(stats.wait_ns, "wait_ns", out->mutable_wait_ns());
    FillHistogram(stats.service_ns, "service_ns", out->mutable_service_ns());
  }
}

void AddReclaim(Machine& machine, v1::Result* result) {
  const vm::VmCounters& counters = machine.vm().counters();
  v1::ReclaimResult* out = result->mutable_reclaim();
  out->set_scanned_pages(counters.v_pdpages);
  out->set_freed_pages(counters.v_dfree);
  out->set_laundered_pages(counters.laundered_pages);
  out->set_reactivated_pages(counters.v_reactivated);
  out->set_refaults(counters.refaults);
}

}  // namespace

v1::Result BuildResult(Machine& machine) {
  machine.sampler().Finish();
  v1::Result result;
  const v1::Scenario& scenario = machine.scenario();
  result.set_schema_version(1);
  result.set_scenario(scenario.name());
  result.set_seed(machine.seed());
  result.set_digest(machine.FinishDigest());
  result.set_sim_time_ns(machine.engine().now());
  result.set_events_run(static_cast<int64_t>(machine.engine().events().events_run()));
  result.set_references(machine.references());
  result.set_policy(scenario.has_policy() ? scenario.policy() : "freebsd");
  result.set_revision(machine.vm().config().revision == vm::FreebsdRevision::kR15 ? "R15"
                                                                                  : "R13_2");
  result.set_memory_pages(machine.vm().pages().frames());
  result.set_cpus(machine.engine().config().cpus);
  AddCounters(machine, &result);
  AddProcesses(machine, &result);
  AddMailProcess(machine, &result);
  AddCalls(machine, &result);
  AddHistograms(machine, &result);
  AddSeries(machine, &result);
  AddDisks(machine, &result);
  AddWaits(machine, &result);
  AddReclaim(machine, &result);
  AddCrash(machine, &result);
  EvaluateExpectations(scenario, &result);
  AddUnexpectedCalls(machine, &result);
  return result;
}

}  // namespace vmsim::scenarios
