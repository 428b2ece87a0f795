#include "vm/freebsd_reclaim.h"

#include <vector>

#include "sim/check.h"

namespace vmsim::vm {
namespace reclaim_internal {
namespace {

void CheckFreePage(const Page& page, FrameIndex frame) {
  CHECK_EQ(page.object, kNoObject, "free page with an owner, frame=", frame);
  CHECK(page.effective_queue() == QueueId::kNone, "free page on a queue, frame=", frame);
  CHECK_EQ(page.wire_count, 0, "frame=", frame);
  CHECK_EQ(page.valid, 0, "frame=", frame);
  CHECK_EQ(page.dirty, 0, "frame=", frame);
  CHECK_EQ(page.mappings, 0u, "frame=", frame);
}

}  // namespace

RevisionSettings Settings(FreebsdRevision revision, const PlantedBugs& bugs) {
  RevisionSettings settings = SettingsOf(revision);
  if (bugs.wrong_batch_size) {
    settings.batch_slots = SettingsOf(revision == FreebsdRevision::kR13_2 ? FreebsdRevision::kR15
                                                                          : FreebsdRevision::kR13_2)
                               .batch_slots;
  }
  return settings;
}

void CheckPages(const PageoutContext& ctx) {
  for (FrameIndex frame = 0; frame < ctx.pages.frames(); ++frame) {
    const Page& page = ctx.pages[frame];
    if ((page.busy & ~kBusyWaiters) == kBusyFreed) {
      CheckFreePage(page, frame);
      continue;
    }
    if (page.effective_queue() != QueueId::kNone) {
      CHECK_NE(page.object, kNoObject, "queued page without an owner, frame=", frame);
    }
    CHECK_EQ(page.dirty & ~page.valid, 0, "dirty but not valid, frame=", frame);
    CHECK_LE(page.act_count, kActMax, "frame=", frame);
    if (page.mappings != 0) CHECK(page.fully_valid(), "mapped but not valid, frame=", frame);
    const bool being_written = (page.oflags & kVpoSwapInProg) != 0 && ctx.pages.sbusied(frame);
    if (being_written) CHECK(!page.has(kPgaWriteable), "written while writeable, frame=", frame);
  }
}

void CheckObjects(const PageoutContext& ctx) {
  std::vector<uint32_t> resident(ctx.objects.id_limit());
  for (FrameIndex frame = 0; frame < ctx.pages.frames(); ++frame) {
    const Page& page = ctx.pages[frame];
    if (page.object == kNoObject) continue;
    CHECK(page.object < resident.size() && ctx.objects.exists(page.object), "frame=", frame);
    const Object& object = ctx.objects[page.object];
    CHECK_LT(page.pindex, object.size, "frame=", frame);
    CHECK_EQ(object.Lookup(page.pindex), frame, "object=", object.id, " pindex=", page.pindex);
    ++resident[page.object];
  }
  for (ObjectId id = 0; id < resident.size(); ++id) {
    if (!ctx.objects.exists(id)) continue;
    CHECK_EQ(ctx.objects[id].resident_page_count, resident[id], "object=", id);
    CHECK_GE(ctx.objects[id].paging_in_progress, 0, "object=", id);
  }
}

}  // namespace reclaim_internal

template class FreebsdReclaimOf<PageTables>;

}  // namespace vmsim::vm
