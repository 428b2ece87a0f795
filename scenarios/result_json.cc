#include "scenarios/result_json.h"

#include "nlohmann/json.hpp"

namespace vmsim::scenarios {
namespace {

using Json = nlohmann::ordered_json;

const char* KindName(v1::CounterKind kind) {
  switch (kind) {
    case v1::COUNTER_KIND_COUNTER:
      return "counter";
    case v1::COUNTER_KIND_LEVEL:
      return "level";
    case v1::COUNTER_KIND_TARGET:
      return "target";
    default:
      return "unknown";
  }
}

Json ToJson(const v1::HistogramResult& histogram) {
  Json buckets = Json::array();
  for (const v1::HistogramBucket& bucket : histogram.buckets()) {
    buckets.push_back({bucket.first(), bucket.last(), bucket.count()});
  }
  return Json{{"unit", histogram.unit()}, {"count", histogram.count()},
              {"min", histogram.min()},   {"max", histogram.max()},
              {"mean", histogram.mean()}, {"p50", histogram.p50()},
              {"p90", histogram.p90()},   {"p99", histogram.p99()},
              {"p999", histogram.p999()}, {"buckets", std::move(buckets)}};
}

Json ToJson(const v1::ProcessResult& process) {
  return Json{{"name", process.name()},
              {"majflt", process.majflt()},
              {"minflt", process.minflt()},
              {"references", process.references()},
              {"oom_killed", process.oom_killed()},
              {"signal", process.signal()},
              {"exit_status", process.exit_status()},
              {"cpu_time_ns", process.cpu_time_ns()},
              {"stall_ns", process.stall_ns()},
              {"start_ns", process.start_ns()},
              {"end_ns", process.end_ns()}};
}

Json ToJson(const v1::Series& series) {
  Json columns = Json::object();
  for (const v1::SeriesColumn& column : series.columns()) {
    columns[column.name()] = Json{
        {"unit", column.unit()}, {"kind", KindName(column.kind())}, {"values", column.values()}};
  }
  return Json{{"interval_ns", series.interval_ns()},
              {"time_ns", series.time_ns()},
              {"columns", std::move(columns)}};
}

Json ToJson(const v1::DiskResult& disk) {
  return Json{{"name", disk.name()},
              {"model", disk.model()},
              {"reads", disk.reads()},
              {"read_bytes", disk.read_bytes()},
              {"writes", disk.writes()},
              {"write_bytes", disk.write_bytes()},
              {"errors", disk.errors()},
              {"refused", disk.refused()},
              {"split", disk.split()},
              {"busy_ns", disk.busy_ns()},
              {"queue_ns", disk.queue_ns()},
              {"max_queue_length", disk.max_queue_length()},
              {"wait_ns", ToJson(disk.wait_ns())},
              {"service_ns", ToJson(disk.service_ns())}};
}

Json ToJson(const v1::WaitResult& wait) {
  return Json{{"cause", wait.cause()},   {"count", wait.count()},   {"total_ns", wait.total_ns()},
              {"p50_ns", wait.p50_ns()}, {"p99_ns", wait.p99_ns()}, {"max_ns", wait.max_ns()}};
}

Json ToJson(const v1::SlowFaults& slow) {
  Json waits = Json::object();
  for (const v1::SlowFaults::Share& share : slow.waits()) waits[share.cause()] = share.total_ns();
  return Json{{"threshold_ns", slow.threshold_ns()},
              {"faults", slow.faults()},
              {"total_ns", slow.total_ns()},
              {"waits_ns", std::move(waits)}};
}

Json ToJson(const v1::ReclaimResult& reclaim) {
  return Json{{"scanned_pages", reclaim.scanned_pages()},
              {"freed_pages", reclaim.freed_pages()},
              {"laundered_pages", reclaim.laundered_pages()},
              {"reactivated_pages", reclaim.reactivated_pages()},
              {"refaults", reclaim.refaults()}};
}

Json ToJson(const v1::CallResult& call) {
  Json json{{"process", call.process()},   {"label", call.label()},
            {"call", call.call()},         {"times", call.times()},
            {"failures", call.failures()}, {"last_errno", call.last_errno()},
            {"total_ns", call.total_ns()}};
  if (call.has_mincore()) {
    const v1::MincoreResult& pages = call.mincore();
    json["mincore"] = Json{{"incore", pages.incore()},
                           {"referenced", pages.referenced()},
                           {"modified", pages.modified()},
                           {"referenced_other", pages.referenced_other()},
                           {"modified_other", pages.modified_other()},
                           {"super", pages.super()}};
  }
  if (call.has_bytes()) json["bytes"] = call.bytes();
  return json;
}

Json ToJson(const v1::CrashResult& crash) {
  return Json{{"time_ns", crash.time_ns()},           {"writes_dropped", crash.writes_dropped()},
              {"writes_kept", crash.writes_kept()},   {"writes_torn", crash.writes_torn()},
              {"sectors_safe", crash.sectors_safe()}, {"sectors_lost", crash.sectors_lost()},
              {"violations", crash.violations()}};
}

Json ToJson(const v1::ExpectationResult& outcome) {
  Json json{{"text", outcome.text()}};
  if (outcome.has_got()) json["got"] = outcome.got();
  if (!outcome.got_name().empty()) json["got_name"] = outcome.got_name();
  json["passed"] = outcome.passed();
  return json;
}

template <typename Messages>
Json ListOf(const Messages& messages) {
  Json list = Json::array();
  for (const auto& message : messages) list.push_back(ToJson(message));
  return list;
}

void AddComparison(const v1::Result& result, Json& json);

Json ToJson(const v1::Result& result) {
  Json counters = Json::object();
  for (const v1::CounterValue& counter : result.counters()) {
    counters[counter.name()] = counter.value();
  }
  Json histograms = Json::object();
  for (const v1::HistogramResult& histogram : result.histograms()) {
    histograms[histogram.name()] = ToJson(histogram);
  }
  Json json{{"schema_version", result.schema_version()},
            {"scenario", result.scenario()},
            {"seed", result.seed()},
            {"digest", result.digest()},
            {"sim_time_ns", result.sim_time_ns()},
            {"events_run", result.events_run()},
            {"references", result.references()},
            {"policy", result.policy()},
            {"revision", result.revision()},
            {"memory_pages", result.memory_pages()},
            {"cpus", result.cpus()},
            {"counters", std::move(counters)},
            {"processes", ListOf(result.processes())},
            {"histograms", std::move(histograms)},
            {"series", ToJson(result.series())},
            {"disks", ListOf(result.disks())},
            {"fault_waits", ListOf(result.fault_waits())}};
  if (result.has_slow_faults()) json["slow_faults"] = ToJson(result.slow_faults());
  json["reclaim"] = ToJson(result.reclaim());
  json["calls"] = ListOf(result.calls());
  if (result.has_crash()) json["crash"] = ToJson(result.crash());
  if (!result.variants().empty()) AddComparison(result, json);
  json["expectations"] = ListOf(result.expectations());
  return json;
}

void AddComparison(const v1::Result& result, Json& json) {
  Json figures = Json::array();
  for (const v1::ComparedFigure& figure : result.figures()) {
    Json values = Json::object();
    for (int i = 0; i < figure.values_size(); ++i) {
      if (!figure.values(i).has_value()) continue;
      values[result.variants(i).name()] = figure.values(i).value();
    }
    figures.push_back(Json{{"text", figure.text()}, {"values", std::move(values)}});
  }
  json["figures"] = std::move(figures);
  Json variants = Json::object();
  for (const v1::VariantResult& variant : result.variants()) {
    variants[variant.name()] = ToJson(variant.result());
  }
  json["variants"] = std::move(variants);
}

// Bytes that are not UTF-8 become U+FFFD: a result is never withheld for a name.
std::string Compact(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The outer `levels` spread over lines, the rest compact: readable, and a diff shows what changed.
std::string Spread(const Json& json, int levels, int indent) {
  if (levels == 0 || !json.is_structured() || json.empty()) return Compact(json);
  const std::string margin(static_cast<size_t>(indent) + 2, ' ');
  std::string text = json.is_object() ? "{" : "[";
  const char* separator = "\n";
  for (auto it = json.begin(); it != json.end(); ++it) {
    text += separator + margin;
    if (json.is_object()) text += Compact(Json(it.key())) + ": ";
    text += Spread(*it, levels - 1, indent + 2);
    separator = ",\n";
  }
  return text + "\n" + std::string(static_cast<size_t>(indent), ' ') +
         (json.is_object() ? "}" : "]");
}

}  // namespace

std::string ResultToJson(const v1::Result& result) { return Spread(ToJson(result), 2, 0) + "\n"; }

std::string ResultToJsonLine(const v1::Result& result) { return Compact(ToJson(result)) + "\n"; }

}  // namespace vmsim::scenarios
