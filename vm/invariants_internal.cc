#include "vm/invariants_internal.h"

#include "vm/swap_pager.h"

namespace vmsim::vm {
namespace {

// Where a thread sleeps that holds neither a page nor an object: daemons between two rounds, and
// programs that asked for it.
bool SleepsIdly(std::string_view message) {
  for (const std::string_view idle :
       {"psleep", "pwait", "launds", "laundp", "nanslp", "qsleep", "syncer"}) {
    if (message == idle) return true;
  }
  return false;
}

std::string BusyText(const Page& page) {
  const uint16_t state = page.busy & ~kBusyWaiters;
  std::string text = state == kUnbusied        ? "no"
                     : state == kBusyExclusive ? "exclusive"
                     : state == kBusyFreed     ? "freed"
                     : state <= kBusyMaxShared ? absl::StrCat("shared by ", state)
                                               : absl::StrCat("0x", absl::Hex(state));
  if ((page.busy & kBusyWaiters) != 0) text += " waiters";
  return text;
}

std::string QueueText(QueueId queue) {
  switch (queue) {
    case QueueId::kInactive:
      return "inactive";
    case QueueId::kActive:
      return "active";
    case QueueId::kLaundry:
      return "laundry";
    case QueueId::kUnswappable:
      return "unswappable";
    case QueueId::kNone:
      return "none";
  }
  return absl::StrCat(static_cast<int>(queue));
}

}  // namespace

bool AtRest(const VmState& state) {
  if (state.engine == nullptr) return false;
  if (state.swap_pager != nullptr && state.swap_pager->transfers() != 0) return false;
  if (state.files != nullptr && state.files->IoUnderWay()) return false;
  for (const auto& thread : state.engine->threads()) {
    if (thread->done()) continue;
    if (thread->state() != sim::Thread::State::kSleeping || !SleepsIdly(thread->wait_message())) {
      return false;
    }
  }
  return true;
}

std::string DescribePage(const PageArray& pages, FrameIndex frame) {
  const Page& page = pages[frame];
  const std::string owner = page.object == kNoObject
                                ? "no object"
                                : absl::StrCat("object ", page.object, " pindex ", page.pindex);
  const auto hex = [](uint8_t bits) { return absl::Hex(bits, absl::kZeroPad2); };
  return absl::StrCat(absl::StrCat("frame ", frame, " (", owner, ", queue ", QueueText(page.queue),
                                   ", busy ", BusyText(page), ", wired ", page.wire_count),
                      absl::StrCat(", mappings ", absl::Hex(page.mappings), ", valid ",
                                   hex(page.valid), ", dirty ", hex(page.dirty)),
                      absl::StrCat(", act ", page.act_count, ", aflags ", hex(page.aflags),
                                   ", oflags ", hex(page.oflags), ")"));
}

}  // namespace vmsim::vm
