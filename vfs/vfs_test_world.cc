#include "vfs/vfs_test_world.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/check.h"
#include "vfs/vfs_invariants.h"

namespace vmsim::vfs {

VfsTestWorld::VfsTestWorld(const Options& options)
    : world_({.frames = options.frames,
              .swap_pages = {4000},
              .tunables = options.tunables,
              .daemons = options.daemons}) {
  sim::DiskConfig config;
  config.name = "files";
  config.size_bytes = options.disk_bytes;
  config.model = sim::FixedDiskConfig{.base_ns = vm::kDiskNs, .per_unit_ns = 0};
  config.faults = options.faults;
  auto disk = sim::Disk::Create(config, /*id=*/9, /*run_seed=*/1, engine().events(), nullptr);
  CHECK(disk.ok(), disk.status().ToString());
  disk_ = *std::move(disk);
  vfs_ = std::make_unique<VfsSystem>(engine(), world_.trace(), vm(), options.vfs);
  MountConfig mount = options.mount;
  mount.size_bytes = options.disk_bytes;
  Vnode* file = vfs_->AddFile(vfs_->AddMount(mount, *disk_), "f", options.file);
  CHECK(file != nullptr, "the file does not fit");
  ++file->usecount;
  open_.vnode = file;
  if (options.daemons) vfs_->Start();
}

void VfsTestWorld::CheckInvariants() {
  if (!checking_) return;
  world_.CheckInvariants();
  const std::optional<vm::Violation> violation = CheckVfs(*vfs_, vm::CheckLevel::kFull);
  CHECK(!violation.has_value(), violation->ToString());
}

VfsTestWorld::~VfsTestWorld() {
  CheckInvariants();
  engine().DestroyThreads();
}

vm::VmTestWorld::Area VfsTestWorld::Map(uint32_t pages, vm::Pindex first, bool is_private) {
  vm::Process& process = vm().CreateProcess("mapper", /*protect=*/false);
  constexpr vm::Vpage kStart = 8192;
  vm::MapEntry entry;
  entry.object = file().object->id;
  entry.offset = first;
  entry.cow = entry.needs_copy = is_private;
  entry.inheritance = is_private ? vm::Inheritance::kCopy : vm::Inheritance::kShare;
  ++file().object->ref_count;
  CHECK_EQ(vm().Map(process, kStart, pages, entry), 0);
  const vm::PteSlot slot = process.space.Lookup(kStart)->slot;
  return {&process, file().object, kStart, slot, pages};
}

std::string VfsTestWorld::Tags(const SectorTags& tags, int64_t first, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : " ", tags.Get(first + i));
  }
  return text;
}

}  // namespace vmsim::vfs
