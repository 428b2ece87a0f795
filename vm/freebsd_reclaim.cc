#include "vm/freebsd_reclaim.h"

namespace vmsim::vm {
namespace reclaim_internal {

RevisionSettings Settings(FreebsdRevision revision, const PlantedBugs& bugs) {
  RevisionSettings settings = SettingsOf(revision);
  if (bugs.wrong_batch_size) {
    settings.batch_slots = SettingsOf(revision == FreebsdRevision::kR13_2 ? FreebsdRevision::kR15
                                                                          : FreebsdRevision::kR13_2)
                               .batch_slots;
  }
  return settings;
}

}  // namespace reclaim_internal

template class FreebsdReclaimOf<PageTables>;

}  // namespace vmsim::vm
