#include "scenarios/steps.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "sim/check.h"

namespace vmsim::scenarios {
namespace {

void CollectLabelled(const Steps& steps, std::vector<const v1::Step*>& found) {
  for (const v1::Step& step : steps) {
    if (!step.label().empty()) found.push_back(&step);
    if (step.has_repeat()) CollectLabelled(step.repeat().steps(), found);
  }
}

void CollectPools(const Steps& steps, std::set<std::string>& pools) {
  for (const v1::Step& step : steps) {
    if (step.has_mpool_open()) pools.insert(step.mpool_open().pool());
    if (step.has_repeat()) CollectPools(step.repeat().steps(), pools);
    if (step.has_fork()) CollectPools(step.fork().steps(), pools);
  }
}

}  // namespace

const std::string& StepName(const v1::Step& step) {
  const auto* field = v1::Step::descriptor()->FindFieldByNumber(step.step_case());
  CHECK(field != nullptr, "an empty step has no name");
  return field->name();
}

bool IsCall(const v1::Step& step) {
  switch (step.step_case()) {
    case v1::Step::kTouch:
    case v1::Step::kGenerate:
    case v1::Step::kTrace:
    case v1::Step::kSleep:
    case v1::Step::kExit:
    case v1::Step::kRepeat:
    case v1::Step::kCrash:
    case v1::Step::STEP_NOT_SET:
      return false;
    default:
      return true;
  }
}

int64_t CallsOf(const v1::Step& step) {
  if (step.has_read() && step.read().has_times()) return step.read().times();
  if (step.has_write() && step.write().has_times()) return step.write().times();
  if (step.has_mpool_access()) return step.mpool_access().times();
  return 1;
}

bool MovesBytes(const v1::Step& step) {
  return step.has_read() || step.has_write() || step.has_sendfile();
}

bool IsMpoolCall(const v1::Step& step) {
  switch (step.step_case()) {
    case v1::Step::kMpoolOpen:
    case v1::Step::kMpoolGet:
    case v1::Step::kMpoolNew:
    case v1::Step::kMpoolTouch:
    case v1::Step::kMpoolPut:
    case v1::Step::kMpoolDelete:
    case v1::Step::kMpoolSync:
    case v1::Step::kMpoolClose:
    case v1::Step::kMpoolAccess:
      return true;
    default:
      return false;
  }
}

const std::string& PoolOf(const v1::Step& step) {
  switch (step.step_case()) {
    case v1::Step::kMpoolOpen:
      return step.mpool_open().pool();
    case v1::Step::kMpoolGet:
      return step.mpool_get().pool();
    case v1::Step::kMpoolNew:
      return step.mpool_new().pool();
    case v1::Step::kMpoolTouch:
      return step.mpool_touch().pool();
    case v1::Step::kMpoolPut:
      return step.mpool_put().pool();
    case v1::Step::kMpoolDelete:
      return step.mpool_delete().pool();
    case v1::Step::kMpoolSync:
      return step.mpool_sync().pool();
    case v1::Step::kMpoolClose:
      return step.mpool_close().pool();
    default:
      CHECK(step.has_mpool_access(), "step ", StepName(step), " is not about a pool");
      return step.mpool_access().pool();
  }
}

std::set<std::string> PoolNames(const v1::Scenario& scenario) {
  std::set<std::string> pools;
  for (const v1::Process& process : scenario.processes()) CollectPools(process.steps(), pools);
  return pools;
}

v1::Map::Kind KindOf(const v1::Map& map) {
  if (map.kind() != v1::Map::KIND_UNSPECIFIED) return map.kind();
  if (!map.file().empty()) return v1::Map::FILE;
  return map.shared_segment().empty() ? v1::Map::ANONYMOUS : v1::Map::SHARED_ANONYMOUS;
}

v1::Span SpanOf(const v1::Unmap& unmap) {
  v1::Span span;
  span.set_map(unmap.map());
  span.set_first_page(unmap.first_page());
  span.set_pages(unmap.pages());
  if (unmap.has_offset_bytes()) span.set_offset_bytes(unmap.offset_bytes());
  if (unmap.has_length_bytes()) span.set_length_bytes(unmap.length_bytes());
  return span;
}

bool IsWhole(const v1::Unmap& unmap) {
  return unmap.first_page() == 0 && unmap.pages() == 0 && !unmap.has_offset_bytes() &&
         !unmap.has_length_bytes();
}

std::vector<const v1::Step*> LabelledSteps(const Steps& steps) {
  std::vector<const v1::Step*> found;
  CollectLabelled(steps, found);
  return found;
}

std::string StepPath(const Steps& steps, const v1::Step& step) {
  for (int i = 0; i < steps.size(); ++i) {
    const std::string path = absl::StrCat("steps[", i, "]");
    if (&steps[i] == &step) return path;
    if (!steps[i].has_repeat()) continue;
    const std::string inner = StepPath(steps[i].repeat().steps(), step);
    if (!inner.empty()) return absl::StrCat(path, ".repeat.", inner);
  }
  return "";
}

std::string MemberName(const std::string& name, int64_t members, int64_t index) {
  return members > 1 ? absl::StrCat(name, ".", index) : name;
}

std::vector<int> SwapDevicesOn(const v1::Scenario& scenario, const std::string& disk) {
  std::vector<int> found;
  for (int i = 0; i < scenario.swap_size(); ++i) {
    if (scenario.swap(i).disk() == disk) found.push_back(i);
  }
  return found;
}

}  // namespace vmsim::scenarios
