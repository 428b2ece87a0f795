#include "tests/pageout_world.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace vmsim::tests {
namespace {

using vm::FrameIndex;
using vm::ObjectType;
using vm::PagerResult;
using vm::QueueId;

constexpr int64_t kMaxPages = 1 << 20;

constexpr std::pair<const char*, QueueId> kQueueNames[] = {
    {"inactive", QueueId::kInactive},
    {"active", QueueId::kActive},
    {"laundry", QueueId::kLaundry},
    {"unswappable", QueueId::kUnswappable},
};
constexpr std::pair<const char*, PagerResult> kResultNames[] = {
    {"ok", PagerResult::kOk},     {"bad", PagerResult::kBad},     {"fail", PagerResult::kFail},
    {"pend", PagerResult::kPend}, {"error", PagerResult::kError}, {"again", PagerResult::kAgain},
};
constexpr std::pair<const char*, ObjectType> kTypeNames[] = {
    {"default", ObjectType::kDefault},
    {"swap", ObjectType::kSwap},
    {"vnode", ObjectType::kVnode},
};

template <typename Table>
auto Named(const Table& table, const Json& name) {
  const std::string text = name;
  const auto found = std::find_if(std::begin(table), std::end(table),
                                  [&](const auto& entry) { return entry.first == text; });
  if (found == std::end(table)) throw BadVector(absl::StrCat("unknown name ", text));
  return found->second;
}

bool Flag(const Json& value) { return Int(value, 0, 1) != 0; }

uint32_t PagesOf(const Json& vector) {
  return static_cast<uint32_t>(Int(vector.at("pages").size(), 0, kMaxPages));
}

vm::Costs NoCosts() {
  vm::Costs costs;
  costs.page_scan_ns = costs.scan_batch_ns = costs.daemon_pass_ns = 0;
  return costs;
}

}  // namespace

int RecordedPmap::TsReferenced(FrameIndex frame) {
  const int references = std::exchange(mappings_[frame].references, 0);
  return mapped(frame) ? references : 0;
}

void RecordedPmap::RemoveAll(FrameIndex frame) {
  if (!mapped(frame)) return;
  RemoveWrite(frame);
  if (std::exchange(mappings_[frame].references, 0) != 0) {
    pages_[frame].aflags |= vm::kPgaReferenced;
  }
  pages_[frame].mappings = 0;
}

void RecordedPmap::RemoveWrite(FrameIndex frame) {
  if (!IsModified(frame)) return;
  mappings_[frame].modified = false;
  pages_[frame].dirty = vm::kPageBitsAll;
}

sim::Task<PagerResult> ScriptedPager::GetPages(vm::Object&, std::span<const FrameIndex>, int*,
                                               int*) {
  co_return PagerResult::kFail;
}

sim::Task<void> ScriptedPager::PutPages(vm::Object& object, std::span<const FrameIndex> pages,
                                        int flags, std::span<PagerResult> results) {
  Json numbers = Json::array();
  for (const FrameIndex frame : pages) numbers.push_back(frame);
  clusters_.push_back({{"obj", object.id},
                       {"pindex", pages_[pages[0]].pindex},
                       {"flags", flags},
                       {"pages", std::move(numbers)}});
  const PagerResult result = results_.at(object.id);
  for (size_t i = 0; i < pages.size(); ++i) {
    results[i] = result;
    if (result == PagerResult::kOk) pages_[pages[i]].dirty = 0;
  }
  co_return;
}

PageoutWorld::PageoutWorld(const Json& vector, const WorldConfig& config)
    : engine_(sim::EngineConfig{.cpus = 1}),
      trace_(engine_.events().clock()),
      pages_(std::max(PagesOf(vector), 1u)),
      pmap_(pages_),
      objects_(pages_),
      domain_(engine_, config.thresholds, config.free_count),
      allocator_(pages_, domain_, objects_, counters_),
      pager_(pages_),
      reclaim_({engine_, trace_, pages_, pmap_, objects_, domain_, allocator_, counters_, host_},
               config.tunables, NoCosts(), config.revision, config.bugs, /*cpus=*/1),
      page_count_(PagesOf(vector)) {
  allocator_.set_reclaim(&reclaim_);
  reclaim_.set_swap_configured(config.swap_configured);
  for (const Json& row : vector.at("objects")) AddObject(row);
  while (pages_.TakeFree() != vm::kNoFrame) {
  }
  for (FrameIndex frame = 0; frame < page_count_; ++frame) {
    AddPage(frame, vector.at("pages")[frame]);
  }
  for (const auto& [name, entries] : vector.at("queues").items()) {
    FillQueue(Named(kQueueNames, name), entries);
  }
}

void PageoutWorld::AddObject(const Json& row) {
  const auto size = static_cast<uint32_t>(Int(row.at(3), 0, kMaxPages));
  vm::Object& object = objects_.Create(Named(kTypeNames, row.at(0)), size);
  object.ref_count = static_cast<int32_t>(Int(row.at(1), 0, 1 << 20));
  if (Flag(row.at(2))) object.flags |= vm::kObjDead;
  object.pager = &pager_;
  pager_.SetResult(object.id, Named(kResultNames, row.at(4)));
}

void PageoutWorld::AddPage(FrameIndex frame, const Json& row) {
  vm::Page& page = pages_[frame];
  page.act_count = static_cast<uint8_t>(Int(row.at(2), 0, vm::kActMax));
  pmap_[frame].references = static_cast<int>(Int(row.at(3), 0, 1 << 20));
  if (Flag(row.at(4))) page.aflags |= vm::kPgaReferenced;
  if (Flag(row.at(5))) page.dirty = vm::kPageBitsAll;
  pmap_[frame].modified = Flag(row.at(6));
  page.mappings = Flag(row.at(7));
  if (Flag(row.at(8))) page.valid = vm::kPageBitsAll;
  constexpr uint16_t kBusyStates[] = {vm::kUnbusied, vm::kBusyExclusive, 1};
  pages_.BusyInit(frame, kBusyStates[Int(row.at(9), 0, 2)]);
  if (Flag(row.at(10))) {
    page.wire_count = 1;
    reclaim_.Wire(frame);
  }
  const int64_t object = Int(row.at(0), -1, static_cast<int64_t>(objects_.count()) - 1);
  if (object < 0) return;
  const auto pindex = static_cast<vm::Pindex>(Int(row.at(1), 0, kMaxPages));
  objects_.Insert(frame, objects_[static_cast<vm::ObjectId>(object)], pindex);
}

void PageoutWorld::FillQueue(QueueId queue, const Json& entries) {
  vm::PageQueues& queues = reclaim_.queues();
  const uint32_t head = queues.head(queue);
  for (const Json& entry : entries) {
    uint32_t row;
    if (entry.is_string()) {
      const std::string marker = entry;
      row = marker == "H" ? queues.inacthead() : queues.clock(marker == "C1" ? 1 : 0);
      if (Name(row) != entry) throw BadVector(absl::StrCat("unknown marker ", marker));
      queues.Unlink(row);
    } else {
      row = static_cast<uint32_t>(Int(entry, 0, static_cast<int64_t>(page_count_) - 1));
      pages_[row].queue = queue;
      pages_[row].aflags |= vm::kPgaEnqueued;
      queues.AddLength(queue, 1);
    }
    queues.LinkBefore(head, row);
  }
}

void PageoutWorld::SetReferences(const Json& references) {
  for (FrameIndex frame = 0; frame < page_count_; ++frame) pmap_[frame].references = 0;
  for (const Json& entry : references) {
    const auto frame = static_cast<FrameIndex>(Int(entry.at(0), 0, int64_t{page_count_} - 1));
    pmap_[frame].references = static_cast<int>(Int(entry.at(1), 0, 1 << 20));
  }
}

Json PageoutWorld::Name(uint32_t row) const {
  const vm::PageQueues& queues = const_cast<RecordedReclaim&>(reclaim_).queues();
  if (row == queues.inacthead()) return "H";
  if (row == queues.clock(0)) return "C0";
  if (row == queues.clock(1)) return "C1";
  return row;
}

Json PageoutWorld::Queues() {
  const vm::PageQueues& queues = reclaim_.queues();
  Json all = Json::object();
  for (const auto& [name, queue] : kQueueNames) {
    Json rows = Json::array();
    const uint32_t head = queues.head(queue);
    for (uint32_t row = queues.next(head); row != head; row = queues.next(row)) {
      rows.push_back(Name(row));
    }
    if (queue != QueueId::kUnswappable || !rows.empty()) all[name] = std::move(rows);
  }
  return all;
}

Json PageoutWorld::Pending() {
  Json all = Json::object();
  for (const auto& [name, queue] : kQueueNames) {
    const auto pending = reclaim_.queues().pending(/*cpu=*/0, queue);
    if (!pending.empty()) all[name] = Json(std::vector<uint32_t>(pending.begin(), pending.end()));
  }
  return all;
}

Json PageoutWorld::Lengths() {
  Json lengths = Json::array();
  for (const auto& [name, queue] : kQueueNames) lengths.push_back(reclaim_.QueueLength(queue));
  return lengths;
}

Json PageoutWorld::ActCounts() {
  Json counts = Json::array();
  for (FrameIndex frame = 0; frame < page_count_; ++frame) {
    counts.push_back(pages_[frame].act_count);
  }
  return counts;
}

Json PageoutWorld::PageRows() {
  Json rows = Json::array();
  for (FrameIndex frame = 0; frame < page_count_; ++frame) {
    const vm::Page& page = pages_[frame];
    const int queue = page.queue == QueueId::kNone ? -1 : static_cast<int>(page.queue);
    const int busy = page.busy == vm::kBusyFreed ? -1
                     : pages_.xbusied(frame)     ? 1
                     : pages_.sbusied(frame)     ? 2
                                                 : 0;
    rows.push_back({queue, page.act_count, page.has(vm::kPgaReferenced) ? 1 : 0,
                    page.dirty != 0 ? 1 : 0, busy, pmap_.mapped(frame) ? 1 : 0});
  }
  return rows;
}

Json PageoutWorld::TakeFreed() {
  Json freed = Json::array();
  for (FrameIndex frame = pages_.TakeFree(); frame != vm::kNoFrame; frame = pages_.TakeFree()) {
    freed.push_back(frame);
  }
  return freed;
}

}  // namespace vmsim::tests
