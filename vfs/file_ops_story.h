// vfs/file_ops_story.h: for tests of calls on files: what they return, what they ask the disk for, and
// what they promise, as texts that a person can write down beforehand.
//
//     FileStory s;
//     EXPECT_EQ(s.Write(kBlock + 700, 1000), "1000");
//     EXPECT_EQ(s.Disk(), "R1+1");
//     EXPECT_EQ(s.witness.Take(), "stored 33+3=3");
#ifndef VMSIM_VFS_FILE_OPS_STORY_H_
#define VMSIM_VFS_FILE_OPS_STORY_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vfs/errno.h"
#include "vfs/file_ops.h"
#include "vfs/trace_types.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {

inline constexpr int64_t kBlock = 16 << 10;  // Of VfsTestWorld's file: 32 sectors, 4 pages.

// The disk's requests since it was last asked, as "R0+8 W3+1": reads and writes, the first block on
// the disk, how many blocks. "+1.2" is a block and two sectors more.
class Requests final : public sim::TraceSink {
 public:
  explicit Requests(int32_t block_bytes) : per_block_(block_bytes / kSectorBytes) {}
  void OnRecords(const sim::TraceRecord* records, size_t count) override {
    for (size_t i = 0; i < count; ++i) {
      const sim::TraceRecord& r = records[i];
      if (r.type != trace::kFileRead && r.type != trace::kFileWrite) continue;
      const int64_t sectors = static_cast<int64_t>(r.b) / kSectorBytes;
      absl::StrAppend(&text_, text_.empty() ? "" : " ", r.type == trace::kFileRead ? "R" : "W",
                      static_cast<int64_t>(r.a) / per_block_, "+", sectors / per_block_);
      if (sectors % per_block_ != 0) absl::StrAppend(&text_, ".", sectors % per_block_);
    }
  }
  std::string Take() { return std::exchange(text_, ""); }

 private:
  int64_t per_block_;
  std::string text_;
};

// What was stored, promised and cut, as "stored 0+2=3 safe 0+2<=3 cut 7"; sectors and tags.
class Witness final : public DurabilityObserver {
 public:
  void OnStore(Vnode&, int64_t first, int64_t count, Tag tag) override {
    Add(absl::StrCat("stored ", first, "+", count, "=", tag));
  }
  void OnLost(Vnode&, int64_t first, int64_t count) override {
    Add(absl::StrCat("lost ", first, "+", count));
  }
  void OnTruncate(Vnode&, int64_t sector) override { Add(absl::StrCat("cut ", sector)); }
  void OnSafe(Vnode&, int64_t first, int64_t count, Tag tag) override {
    Add(absl::StrCat("safe ", first, "+", count, "<=", tag));
  }
  std::string Take() { return std::exchange(text_, ""); }

 private:
  void Add(const std::string& what) { absl::StrAppend(&text_, text_.empty() ? "" : " ", what); }

  std::string text_;
};

// Calls on the file "f". Results are "bytes" or the name of the error.
class FileStory {
 public:
  explicit FileStory(const VfsTestWorld::Options& options)
      : requests(options.mount.block_bytes), world(options) {
    world.world().trace().AddSink(&requests);
    world.vfs().ops().set_durability_observer(&witness);
  }
  FileStory() : FileStory(VfsTestWorld::Options()) {}
  // Nothing may be under way when the world ends.
  ~FileStory() { world.Run(); }

  std::string Read(int64_t offset, int64_t bytes) {
    tags.clear();
    return Text(world.Do(ops().Read(file(), offset, bytes, &tags)));
  }
  std::string Write(int64_t offset, int64_t bytes) {
    return Text(world.Do(ops().Write(file(), offset, bytes)));
  }
  std::string Fsync() { return Name(world.Do(ops().Fsync(file()))); }
  std::string Truncate(int64_t size) { return Name(world.Do(ops().Truncate(file(), size))); }
  // Everything that is under way comes to its end; then what the disk was asked for.
  std::string Disk() {
    world.Run();
    world.world().trace().Flush();
    return requests.Take();
  }
  // The next call goes on nowhere.
  void Jump() {
    file().reading = {.next = -1, .seqcount = 0};
    file().writing = {.next = -1, .seqcount = 0};
  }

  FileOps& ops() { return world.vfs().ops(); }
  OpenFile& file() { return world.open(); }
  Vnode& vnode() { return world.file(); }
  int64_t free_blocks() { return vnode().mount.space.free_blocks(); }

  static std::string Name(int error) { return error == 0 ? "0" : std::string(ErrnoName(error)); }
  static std::string Text(const IoResult& result) {
    if (result.error == 0) return absl::StrCat(result.bytes);
    EXPECT_EQ(result.bytes, 0);
    return Name(result.error);
  }

  Requests requests;
  Witness witness;
  std::vector<Tag> tags;
  VfsTestWorld world;
};

inline VfsTestWorld::Options WithFile(const FileLayout& file) {
  VfsTestWorld::Options options;
  options.file = file;
  return options;
}

inline sim::DiskFaultRule Fault(sim::DiskFaultKind kind, sim::DiskOp op, int64_t nth) {
  sim::DiskFaultRule rule;
  rule.kind = kind;
  rule.ops = sim::OpBit(op);
  rule.nth = nth;
  return rule;
}

inline VfsTestWorld::Options WithFault(const sim::DiskFaultRule& rule) {
  VfsTestWorld::Options options;
  options.faults = {rule};
  return options;
}

inline std::string Text(const std::vector<Tag>& tags) {
  std::string text;
  for (const Tag tag : tags) absl::StrAppend(&text, text.empty() ? "" : " ", tag);
  return text;
}

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_FILE_OPS_STORY_H_
