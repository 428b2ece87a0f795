// Invariants of the page queues: their lists, markers, batches, and the pages' own idea of them.
#include <array>
#include <vector>

#include "vm/invariants_internal.h"

namespace vmsim::vm {
namespace {

constexpr std::array<std::string_view, kQueueCount> kQueueNames = {"inactive", "active", "laundry",
                                                                   "unswappable"};

absl::string_view Name(int queue) { return {kQueueNames[queue].data(), kQueueNames[queue].size()}; }

struct QueueList {
  std::vector<uint32_t> rows;  // Pages and markers, head first.
  std::string broken;          // Where the links lead astray; then `rows` ends there.
};

// A row that stands in two lists, or twice in one, has a neighbour that does not know it: so
// comparing both directions at each row is enough, and the walk ends.
QueueList Walk(const VmState& s, int q) {
  const PageQueues& queues = *s.queues;
  const uint32_t head = queues.head(static_cast<QueueId>(q));
  const uint32_t rows = s.queues->pages().frames() + PageArray::kMarkerRows;
  QueueList list;
  uint32_t from = head;
  do {
    const uint32_t to = queues.next(from);
    if (to >= rows || queues.prev(to) != from) {
      list.broken = absl::StrCat("queue ", Name(q), ": row ", from, " leads to row ", to,
                                 ", whose predecessor is ",
                                 to < rows ? absl::StrCat(queues.prev(to)) : "none: no such row");
      return list;
    }
    if (to != head) list.rows.push_back(to);
    from = to;
  } while (from != head && list.rows.size() <= rows);
  return list;
}

template <typename Check>
std::string EachQueue(const VmState& s, Check check) {
  for (int q = 0; q < kQueueCount; ++q) {
    const QueueList list = Walk(s, q);
    if (!list.broken.empty()) return {};  // That is queue-links' to report.
    std::string broken = check(q, list.rows);
    if (!broken.empty()) return broken;
  }
  return {};
}

std::string Links(const VmState& s) {
  for (int q = 0; q < kQueueCount; ++q) {
    QueueList list = Walk(s, q);
    if (!list.broken.empty()) return list.broken;
  }
  return {};
}

std::string Length(const VmState& s) {
  return EachQueue(s, [&](int q, const std::vector<uint32_t>& rows) -> std::string {
    int32_t linked = 0;
    for (const uint32_t row : rows) linked += s.queues->pages().is_page(row);
    const int32_t length = s.queues->length(static_cast<QueueId>(q));
    if (linked == length) return {};
    return absl::StrCat("queue ", Name(q), ": length ", length, ", linked pages ", linked);
  });
}

std::string LinkedInOwnQueue(const VmState& s) {
  return EachQueue(s, [&](int q, const std::vector<uint32_t>& rows) -> std::string {
    for (const uint32_t row : rows) {
      if (!s.queues->pages().is_page(row) ||
          s.queues->pages()[row].queue == static_cast<QueueId>(q))
        continue;
      return absl::StrCat(DescribePage(s.queues->pages(), row), ": linked in queue ", Name(q));
    }
    return {};
  });
}

std::string EnqueuedIffLinked(const VmState& s) {
  std::vector<bool> linked(s.queues->pages().frames() + PageArray::kMarkerRows);
  for (int q = 0; q < kQueueCount; ++q) {
    const QueueList list = Walk(s, q);
    if (!list.broken.empty()) return {};
    for (const uint32_t row : list.rows) linked[row] = true;
  }
  return NoPage(
      s.queues->pages(), "ENQUEUED if and only if a list holds it",
      [&](const Page& page, FrameIndex f) { return page.has(kPgaEnqueued) != linked[f]; });
}

std::string EnqueuedNamesQueue(const VmState& s) {
  return NoPage(s.queues->pages(), "no ENQUEUED without a queue", [](const Page& page, FrameIndex) {
    return page.has(kPgaEnqueued) && page.queue == QueueId::kNone;
  });
}

std::string RequeueHeadOnlyInactive(const VmState& s) {
  return NoPage(s.queues->pages(), "REQUEUE_HEAD on the inactive queue only",
                [](const Page& page, FrameIndex) {
                  return page.has(kPgaRequeueHead) && page.queue != QueueId::kInactive;
                });
}

// Markers belong to one list each. The scan markers are in theirs only while a scan runs.
std::string MarkersAtHome(const VmState& s) {
  const PageQueues& queues = *s.queues;
  return EachQueue(s, [&](int q, const std::vector<uint32_t>& rows) -> std::string {
    const auto queue = static_cast<QueueId>(q);
    int hands = 0;
    int inactheads = 0;
    for (const uint32_t row : rows) {
      if (s.queues->pages().is_page(row) || row == queues.scan_marker(queue)) continue;
      if (queue == QueueId::kInactive && row == queues.inacthead()) {
        ++inactheads;
      } else if (queue == QueueId::kActive && (row == queues.clock(0) || row == queues.clock(1))) {
        ++hands;
      } else {
        return absl::StrCat("queue ", Name(q), " holds marker row ", row, " of another queue");
      }
    }
    if (queue == QueueId::kInactive && inactheads != 1) {
      return absl::StrCat("the inactive queue has ", inactheads, " places for noreuse, expected 1");
    }
    if (queue == QueueId::kActive && hands != 2) {
      return absl::StrCat("the active queue has ", hands, " clock hands, expected 2");
    }
    return {};
  });
}

std::string ClockHandsOrder(const VmState& s) {
  const QueueList list = Walk(s, static_cast<int>(QueueId::kActive));
  bool met_far_hand = false;
  for (const uint32_t row : list.rows) {
    if (row == s.queues->clock(1)) met_far_hand = true;
    if (row == s.queues->clock(0) && met_far_hand) {
      return "the hand that ends the lap, clock[1], stands before the one that scans, clock[0]";
    }
  }
  return {};
}

// Without a place in a batch a page that waits to be linked would wait for ever. (A dequeue may do
// without: wiring leaves it to a scan.)
std::string PendingRequeueIsBatched(const VmState& s) {
  std::vector<bool> batched(size_t{s.queues->pages().frames()} * kQueueCount);
  for (int cpu = 0; cpu < s.queues->cpus(); ++cpu) {
    for (int q = 0; q < kQueueCount; ++q) {
      for (const FrameIndex frame : s.queues->pending(cpu, static_cast<QueueId>(q))) {
        if (s.queues->pages().is_page(frame)) batched[size_t{frame} * kQueueCount + q] = true;
      }
    }
  }
  return NoPage(s.queues->pages(), "a pending insertion in a batch of its queue",
                [&](const Page& page, FrameIndex frame) {
                  return (page.aflags & (kPgaRequeue | kPgaRequeueHead)) != 0 &&
                         page.queue != QueueId::kNone &&
                         !batched[size_t{frame} * kQueueCount + static_cast<size_t>(page.queue)];
                });
}

std::string BatchWithinLimit(const VmState& s) {
  for (int cpu = 0; cpu < s.queues->cpus(); ++cpu) {
    for (int q = 0; q < kQueueCount; ++q) {
      const size_t held = s.queues->pending(cpu, static_cast<QueueId>(q)).size();
      if (held <= static_cast<size_t>(s.queues->held_entries())) continue;
      return absl::StrCat("CPU ", cpu, ", queue ", Name(q), ": batch holds ", held,
                          " entries, at most ", s.queues->held_entries());
    }
  }
  return {};
}

// The inactive scan takes pages off their list and keeps them in hand while it runs. At any other
// time a page that names a queue is linked there or about to be. As in the kernel the scan forgets
// the dirty pages of a dead object; collapse may bring them to a live one.
std::string QueuedPageIsReachable(const VmState& s) {
  const QueueList list = Walk(s, static_cast<int>(QueueId::kInactive));
  if (!list.broken.empty()) return {};
  for (const uint32_t row : list.rows) {
    if (row == s.queues->scan_marker(QueueId::kInactive)) return {};
  }
  return NoPage(s.queues->pages(), "linked in its queue, or an operation pending",
                [](const Page& page, FrameIndex) {
                  const bool forgotten = page.queue == QueueId::kInactive && page.dirty != 0;
                  return page.queue != QueueId::kNone && !forgotten &&
                         (page.aflags & (kPgaEnqueued | kPgaQueueOpMask)) == 0;
                });
}

constexpr Invariant kInvariants[] = {
    {"queue-links", CheckLevel::kFull, "the lists of the queues are whole in both directions",
     "sys/vm/vm_page.c, vm_pqbatch_process_page", kNeedsQueues, Links},
    {"queue-length", CheckLevel::kFull, "a queue's length is the number of pages linked in it",
     "sys/vm/vm_pagequeue.h, vm_pagequeue_cnt_add", kNeedsQueues, Length},
    {"linked-in-own-queue", CheckLevel::kFull, "a page is linked in the queue that it names",
     "sys/vm/vm_page.c, vm_page_pqstate_commit_dequeue", kNeedsQueues, LinkedInOwnQueue},
    {"enqueued-iff-linked", CheckLevel::kFull, "ENQUEUED is set of linked pages and no others",
     "sys/vm/vm_page.c, vm_pqbatch_process_page", kNeedsQueues, EnqueuedIffLinked},
    {"enqueued-names-a-queue", CheckLevel::kFull, "an ENQUEUED page names a queue",
     "sys/vm/vm_page.c, vm_page_pqstate_commit_dequeue", kNeedsQueues, EnqueuedNamesQueue},
    {"requeue-head-only-inactive", CheckLevel::kFull,
     "only the inactive queue has a place for pages that will not be used again",
     "sys/vm/vm_page.c, vm_pqbatch_process_page", kNeedsQueues, RequeueHeadOnlyInactive},
    {"markers-at-home", CheckLevel::kFull,
     "inacthead stands once in the inactive queue, the clock hands in the active one",
     "sys/vm/vm_pagequeue.h, struct vm_domain", kNeedsQueues, MarkersAtHome},
    {"clock-hands-order", CheckLevel::kFull, "clock[0] does not overtake clock[1]",
     "sys/vm/vm_pageout.c, vm_pageout_scan_active", kNeedsQueues, ClockHandsOrder},
    {"pending-requeue-is-batched", CheckLevel::kFull,
     "a page that waits to be linked is in a batch of its queue",
     "sys/vm/vm_page.c, vm_page_pqbatch_submit", kNeedsQueues, PendingRequeueIsBatched},
    {"batch-within-limit", CheckLevel::kCheap, "a batch holds no more entries than it has room for",
     "sys/vm/vm_page.c, vm_page_pqbatch_submit", kNeedsQueues, BatchWithinLimit},
    {"queued-page-is-reachable", CheckLevel::kFull,
     "a page that names a queue is linked there or about to be, unless a scan holds it",
     "sys/vm/vm_pageout.c, vm_pageout_reinsert_inactive", kNeedsQueues, QueuedPageIsReachable},
};

}  // namespace

std::span<const Invariant> QueueInvariants() { return kInvariants; }

}  // namespace vmsim::vm
