// Vectors freebsd-fault-readahead: one map entry and its hard faults; the windows that they ask for
// and what they drop behind themselves.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sim/engine.h"
#include "tests/conformance.h"
#include "vm/config.h"
#include "vm/invariants.h"
#include "vm/map.h"
#include "vm/object.h"
#include "vm/page_array.h"
#include "vm/page_queues.h"
#include "vm/page_tables.h"
#include "vm/read_ahead.h"
#include "vm/reclaim.h"

namespace vmsim::tests {
namespace {

constexpr int64_t kMaxPages = 1 << 20;
// In the vectors with a shadow the page comes from a backing object this many pages further on.
constexpr int64_t kBackingOffset = 7;

// The queues without the daemons: all that dropping needs of reclaim.
class QueuesOnly final : public vm::Reclaim {
 public:
  explicit QueuesOnly(vm::PageQueues& queues) : queues_(queues) {}
  void Activate(vm::FrameIndex frame) override { queues_.Activate(frame); }
  void Deactivate(vm::FrameIndex frame) override { queues_.Deactivate(frame); }
  void DeactivateNoreuse(vm::FrameIndex frame) override { queues_.DeactivateNoreuse(frame); }
  void Launder(vm::FrameIndex frame) override { queues_.Launder(frame); }
  void Unswappable(vm::FrameIndex frame) override { queues_.Unswappable(frame); }
  void Reference(vm::FrameIndex frame) override { queues_.Reference(frame); }
  void Wire(vm::FrameIndex frame) override { queues_.Wire(frame); }
  void UnwireToQueue(vm::FrameIndex frame, vm::QueueId queue, bool noreuse) override {
    queues_.Release(frame, queue, noreuse);
  }
  void Free(vm::FrameIndex frame) override { queues_.DequeueDeferred(frame); }
  void Allocated(vm::FrameIndex frame) override { queues_.Dequeue(frame); }
  void Wakeup() override {}
  int64_t QueueLength(vm::QueueId queue) const override { return queues_.length(queue); }
  void CheckInvariants() const override { vm::CheckAllInvariants({.queues = &queues_}); }

 private:
  vm::PageQueues& queues_;
};

vm::Behavior BehaviorOf(const std::string& name) {
  if (name == "normal") return vm::Behavior::kNormal;
  if (name == "sequential") return vm::Behavior::kSequential;
  if (name == "random") return vm::Behavior::kRandom;
  throw BadVector(absl::StrCat("unknown behavior ", name));
}

class World {
 public:
  explicit World(const Json& vector)
      : start_(Int(vector.at("start"), 0, int64_t{1} << 47) / vm::kPageSize),
        length_(Int(vector.at("end"), 0, int64_t{1} << 47) / vm::kPageSize - start_),
        offset_(Int(vector.at("offset_pages"), 0, kMaxPages)),
        shadow_(Int(vector.at("shadow"), 0, 1) != 0),
        pages_(static_cast<uint32_t>(vector.at("resident").size() + 1)),
        page_tables_(pages_),
        objects_(pages_),
        queues_(pages_, engine_, 1, vm::SettingsOf(vm::FreebsdRevision::kR13_2)),
        reclaim_(queues_),
        read_ahead_(pages_, page_tables_, Int(vector.at("maxphys"), 1, 1 << 30),
                    Int(vector.at("superpage"), 0, 1 << 30)),
        space_(1, page_tables_) {
    if (length_ < 1 || length_ > kMaxPages) throw BadVector("the entry has no, or too many, pages");
    object_ = &objects_.Create(vm::ObjectType::kSwap, static_cast<uint32_t>(offset_ + length_));
    if (Int(vector.at("first_object_fictitious"), 0, 1) != 0) object_->flags |= vm::kObjFictitious;
    const auto pages = static_cast<uint32_t>(length_);
    entry_ =
        &space_.Insert(static_cast<vm::Vpage>(start_), pages, *object_,
                       static_cast<vm::Pindex>(offset_), page_tables_.AllocateLeaf(pages), true);
    entry_->behavior = BehaviorOf(vector.at("behavior"));
    entry_->read_ahead = Int32(vector.at("init_read_ahead"));
    entry_->next_read = static_cast<vm::Vpage>(
        Int(vector.at("init_next_read"), 0, int64_t{1} << 47) / vm::kPageSize);
    for (const Json& page : vector.at("resident")) AddResident(page);
  }

  // What comes of one fault, as its row has it from field 2 on.
  Json Fault(const Json& row) {
    const int64_t page = Int(row.at(0), 0, length_ - 1);
    const auto vpage = static_cast<vm::Vpage>(start_ + page);
    const auto pindex = static_cast<vm::Pindex>(page + offset_ + (shadow_ ? kBackingOffset : 0));
    const vm::ReadAhead::Choice choice = read_ahead_.Choose(*entry_, *object_, vpage);
    const std::vector<bool> before = Inactive();
    read_ahead_.Drop(*entry_, *object_, choice.drop_start, choice.drop_end, reclaim_);
    const vm::ReadAhead::Window window = read_ahead_.WindowOf(*entry_, vpage, pindex, choice.pages);
    // The recorder did this step, as vm_fault does after a hard fault.
    const int64_t given_ahead = Int(row.at(7), 0, kMaxPages);
    entry_->next_read = vpage + static_cast<vm::Vpage>(given_ahead) + 1;
    return {choice.pages, entry_->read_ahead, window.behind,          window.ahead,
            row.at(6),    row.at(7),          Dropped(choice, before)};
  }

 private:
  void AddResident(const Json& page) {
    const vm::FrameIndex frame = pages_.TakeFree();
    objects_.Insert(frame, *object_,
                    static_cast<vm::Pindex>(Int(page.at(0), 0, offset_ + length_ - 1)));
    pages_.BusyInit(frame, vm::kUnbusied);
    pages_[frame].valid = Int(page.at(2), 0, 1) != 0 ? vm::kPageBitsAll : 0;
    if (Int(page.at(1), 0, 1) != 0) {
      queues_.Activate(frame);
    } else {
      queues_.Deactivate(frame);
    }
    queues_.Drain();
    if (Int(page.at(3), 0, 1) != 0) pages_.TryXbusy(frame);
    frames_.push_back(frame);
  }

  std::vector<bool> Inactive() const {
    std::vector<bool> inactive;
    for (const vm::FrameIndex frame : frames_) inactive.push_back(pages_[frame].inactive());
    return inactive;
  }

  Json Dropped(const vm::ReadAhead::Choice& choice, const std::vector<bool>& before) const {
    if (choice.drop_start == choice.drop_end) return nullptr;
    std::vector<int64_t> moved;
    for (size_t i = 0; i < frames_.size(); ++i) {
      if (!before[i] && pages_[frames_[i]].inactive()) moved.push_back(pages_[frames_[i]].pindex);
    }
    const auto first = static_cast<int64_t>(choice.drop_start) - start_;
    const auto end = static_cast<int64_t>(choice.drop_end) - start_;
    return {first, end, moved};
  }

  int64_t start_;  // Pages.
  int64_t length_;
  int64_t offset_;
  bool shadow_;
  sim::Engine engine_;
  vm::PageArray pages_;
  vm::PageTables page_tables_;
  vm::ObjectTable objects_;
  vm::PageQueues queues_;
  QueuesOnly reclaim_;
  vm::ReadAhead read_ahead_;
  vm::AddressSpace space_;
  vm::Object* object_ = nullptr;
  vm::MapEntry* entry_ = nullptr;
  std::vector<vm::FrameIndex> frames_;
};

}  // namespace

std::string RunFaultReadahead(const Json& vector) {
  World world(vector);
  size_t index = 0;
  for (const Json& row : vector.at("faults")) {
    const std::string difference = RowDifference(index++, row, 2, world.Fault(row));
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace vmsim::tests
