// tests/pageout_world.h: a recorded memory system, built of the production classes.
//
// Vectors of page-out describe objects, pages and queues in one JSON form. A PageoutWorld is such a
// situation, with two stand-ins: the recording's own small pmap, and a pager that answers every
// write of an object with one fixed result. Time costs nothing, so scans run without an engine's
// thread.
//
//   objects  [type, ref_count, dead, size in pages, pager result]
//   pages    [object, pindex, act_count, references, referenced, dirty, modified, mapped, valid,
//   busy,
//            wired]
//   queues   page numbers and the markers H, C0, C1, head first
#ifndef VMSIM_TESTS_PAGEOUT_WORLD_H_
#define VMSIM_TESTS_PAGEOUT_WORLD_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/engine.h"
#include "sim/trace.h"
#include "tests/conformance.h"
#include "vm/freebsd_reclaim.h"

namespace vmsim::tests {

// The pmap under which the vectors were recorded: a reference count, a modified bit and whether it
// is mapped, for each page. Unlike the production one it does not fold the modified bit into the
// page when asked for references.
class RecordedPmap {
 public:
  struct Mapping {
    int references = 0;
    bool modified = false;
  };

  explicit RecordedPmap(vm::PageArray& pages) : pages_(pages), mappings_(pages.frames()) {}

  Mapping& operator[](vm::FrameIndex frame) { return mappings_[frame]; }
  bool mapped(vm::FrameIndex frame) const { return pages_[frame].mappings != 0; }

  int TsReferenced(vm::FrameIndex frame);
  bool IsModified(vm::FrameIndex frame) const { return mapped(frame) && mappings_[frame].modified; }
  void RemoveAll(vm::FrameIndex frame);
  void RemoveWrite(vm::FrameIndex frame);
  int64_t TakeInvalidations() { return 0; }
  void Prefetch(const vm::Page&) const {}

 private:
  vm::PageArray& pages_;
  std::vector<Mapping> mappings_;
};

// Answers every page of an object alike, and notes what it was asked to write.
class ScriptedPager final : public vm::Pager {
 public:
  explicit ScriptedPager(vm::PageArray& pages) : pages_(pages) {}

  void SetResult(vm::ObjectId object, vm::PagerResult result) { results_[object] = result; }
  const Json& clusters() const { return clusters_; }

  sim::Task<vm::PagerResult> GetPages(vm::Object&, std::span<const vm::FrameIndex>, int*,
                                      int*) override;
  sim::Task<void> PutPages(vm::Object& object, std::span<const vm::FrameIndex> pages, int flags,
                           std::span<vm::PagerResult> results) override;
  bool HasPage(const vm::Object&, vm::Pindex, int*, int*) const override { return false; }
  void PageUnswapped(vm::Object&, vm::Pindex) override {}
  void Dealloc(vm::Object&) override {}

 private:
  vm::PageArray& pages_;
  std::map<vm::ObjectId, vm::PagerResult> results_;
  Json clusters_ = Json::array();
};

class CountingHost final : public vm::Host {
 public:
  void OutOfMemory(vm::OomReason) override { ++oom; }
  void KickSyncer() override { ++syncer_kicks; }

  int oom = 0;
  int syncer_kicks = 0;
};

struct WorldConfig {
  vm::PageoutThresholds thresholds;
  vm::Tunables tunables;
  vm::PlantedBugs bugs;
  vm::FreebsdRevision revision = vm::FreebsdRevision::kR13_2;
  bool swap_configured = false;
  int32_t free_count = 0;
};

class PageoutWorld {
 public:
  using RecordedReclaim = vm::FreebsdReclaimOf<RecordedPmap>;

  // `vector` has the objects, pages and queues. Throws BadVector.
  PageoutWorld(const Json& vector, const WorldConfig& config);
  PageoutWorld(const PageoutWorld&) = delete;
  PageoutWorld& operator=(const PageoutWorld&) = delete;

  RecordedReclaim& reclaim() { return reclaim_; }
  vm::Domain& domain() { return domain_; }
  vm::VmCounters& counters() { return counters_; }
  const ScriptedPager& pager() const { return pager_; }
  const CountingHost& host() const { return host_; }

  // `references` lists [page, count] of all pages that have any.
  void SetReferences(const Json& references);

  // As the vectors show it.
  Json Queues();
  Json Pending();
  Json Lengths();
  Json ActCounts();
  // [queue, act_count, referenced, dirty, busy, mapped] of each page.
  Json PageRows();
  // Pages freed since last asked, in order.
  Json TakeFreed();

 private:
  void AddObject(const Json& row);
  void AddPage(vm::FrameIndex frame, const Json& row);
  void FillQueue(vm::QueueId queue, const Json& entries);
  Json Name(uint32_t row) const;

  sim::Engine engine_;
  sim::Trace trace_;
  vm::PageArray pages_;
  RecordedPmap pmap_;
  vm::ObjectTable objects_;
  vm::Domain domain_;
  vm::VmCounters counters_;
  vm::PageAllocator allocator_;
  ScriptedPager pager_;
  CountingHost host_;
  RecordedReclaim reclaim_;
  uint32_t page_count_;
};

// The vector functions with a defect planted, for the test that they see it.
std::string RunPageoutScanWith(const Json& vector, const vm::PlantedBugs& bugs);
std::string RunPageoutPassWith(const Json& vector, const vm::PlantedBugs& bugs);

}  // namespace vmsim::tests

#endif  // VMSIM_TESTS_PAGEOUT_WORLD_H_
