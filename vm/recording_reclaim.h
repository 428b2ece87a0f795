// vm/recording_reclaim.h: stand-ins for the neighbours of a memory system's parts. For tests.
//
// RecordingReclaim notes every verb and keeps no queue, RecordingPager notes releases of backing
// store, RecordingHost notes requests for a kill.
#ifndef VMSIM_VM_RECORDING_RECLAIM_H_
#define VMSIM_VM_RECORDING_RECLAIM_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vm/host.h"
#include "vm/object.h"
#include "vm/pager.h"
#include "vm/reclaim.h"

namespace vmsim::vm {

class RecordingReclaim final : public Reclaim {
 public:
  void Activate(FrameIndex frame) override { Note("activate ", frame); }
  void Deactivate(FrameIndex frame) override { Note("deactivate ", frame); }
  void DeactivateNoreuse(FrameIndex frame) override { Note("noreuse ", frame); }
  void Launder(FrameIndex frame) override { Note("launder ", frame); }
  void Unswappable(FrameIndex frame) override { Note("unswappable ", frame); }
  void Reference(FrameIndex frame) override { Note("reference ", frame); }
  void Wire(FrameIndex frame) override { Note("wire ", frame); }
  void UnwireToQueue(FrameIndex frame, QueueId queue, bool noreuse) override {
    Note("unwire ", frame, " to ", static_cast<int>(queue), noreuse ? " noreuse" : "");
  }
  void Free(FrameIndex frame) override { Note("free ", frame); }
  void Allocated(FrameIndex frame) override { Note("allocated ", frame); }
  void Wakeup() override { Note("wakeup"); }
  int64_t QueueLength(QueueId) const override { return 0; }
  void CheckInvariants() const override {}

  // What was said since the last time, separated by "; ".
  std::string Take() { return std::exchange(log_, ""); }

 private:
  template <typename... Parts>
  void Note(const Parts&... parts) {
    absl::StrAppend(&log_, log_.empty() ? "" : "; ", parts...);
  }

  std::string log_;
};

class RecordingPager final : public Pager {
 public:
  sim::Task<PagerResult> GetPages(Object&, std::span<const FrameIndex>, int*, int*) override {
    co_return PagerResult::kFail;
  }
  sim::Task<void> PutPages(Object&, std::span<const FrameIndex>, int,
                           std::span<PagerResult>) override {
    co_return;
  }
  bool HasPage(const Object&, Pindex, int*, int*) const override { return false; }
  void PageUnswapped(Object& object, Pindex pindex) override {
    unswapped.push_back({object.id, pindex});
  }
  void Dealloc(Object& object) override { ended.push_back(object.id); }

  std::vector<std::pair<ObjectId, Pindex>> unswapped;
  std::vector<ObjectId> ended;
};

class RecordingHost final : public Host {
 public:
  void OutOfMemory(OomReason reason) override { reasons.push_back(reason); }
  void KickSyncer() override { ++syncer_kicks; }

  std::vector<OomReason> reasons;
  int syncer_kicks = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_RECORDING_RECLAIM_H_
