// Random histories of reads, writes, truncations and syncs on one file, against an array of tags.
//
// Memory is a fraction of the file, so pages go and come back all the time; the page daemon, the
// buffer daemon and the syncer are at work. After each call the result, the size, what was read and
// the space on the disk are what the array says; after fsync and O_SYNC writes, so is the disk.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/random.h"
#include "vfs/errno.h"
#include "vfs/vfs_invariants.h"
#include "vfs/vfs_test_world.h"

namespace vmsim::vfs {
namespace {

constexpr int64_t kMaxBytes = 12 << 20;

struct Family {
  const char* name;
  int32_t block_bytes;
  PagerStyle style;
  int64_t disk_bytes;  // Some disks are smaller than files may become.
};

// The file as anybody would write it down: a tag a sector, and which blocks are on the disk.
class Model {
 public:
  Model(int64_t bytes, int64_t block_bytes, int64_t space)
      : size_(bytes),
        tags_(static_cast<size_t>(SectorsOf(bytes)), kInitialTag),
        block_bytes_(block_bytes),
        free_(space),
        mapped_(static_cast<size_t>(CeilDiv(bytes, block_bytes)), true) {
    free_ -= static_cast<int64_t>(mapped_.size());
  }

  // A write with tags from `next` on, one for each block. Returns the error; `*next` moves on.
  int Write(int64_t offset, int64_t bytes, Tag* next) {
    const int64_t old_size = size_;
    int error = 0;
    for (int64_t at = offset; at < offset + bytes && error == 0;) {
      const int64_t block = at / block_bytes_;
      const int64_t stop = std::min(offset + bytes, (block + 1) * block_bytes_);
      if (stop > size_) Resize(stop);
      if (!mapped_[block] && free_ == 0) {
        error = kEnospc;
        break;
      }
      if (!mapped_[block]) --free_;
      mapped_[block] = true;
      std::fill(tags_.begin() + at / kSectorBytes, tags_.begin() + SectorsOf(stop), *next);
      ++*next;
      at = stop;
    }
    if (error != 0 && size_ > old_size) Resize(old_size);
    return error;
  }

  void Resize(int64_t size) {
    size_ = size;
    tags_.resize(static_cast<size_t>(SectorsOf(size)), kZeroTag);
    const auto blocks = static_cast<size_t>(CeilDiv(size, block_bytes_));
    for (size_t i = blocks; i < mapped_.size(); ++i) free_ += mapped_[i] ? 1 : 0;
    mapped_.resize(blocks, false);
  }

  int64_t size() const { return size_; }
  int64_t free() const { return free_; }
  const std::vector<Tag>& tags() const { return tags_; }

 private:
  int64_t size_;
  std::vector<Tag> tags_;
  int64_t block_bytes_;
  int64_t free_;
  std::vector<bool> mapped_;
};

class History {
 public:
  History(const Family& family, uint64_t seed)
      : random_(seed),
        world_(OptionsOf(family, random_)),
        model_(world_.file().size, family.block_bytes, family.disk_bytes / family.block_bytes) {
    next_ = world_.vfs().bufs().newest_tag() + 1;
  }

  void Run(int calls) {
    for (int i = 0; i < calls && !testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE(testing::Message() << "call " << i);
      Step();
      ASSERT_EQ(world_.file().size, model_.size());
      ASSERT_EQ(world_.file().mount.space.free_blocks(), model_.free());
      ASSERT_EQ(world_.vfs().bufs().newest_tag() + 1, next_);
      const auto violation = CheckVfs(world_.vfs(), vm::CheckLevel::kFull);
      ASSERT_FALSE(violation.has_value()) << violation->ToString();
    }
    world_.Do(world_.vfs().ops().Truncate(world_.open(), 0));
    reclaimed += world_.counters().v_dfree;
  }

  static int64_t reclaimed;
  static int64_t full;

 private:
  static VfsTestWorld::Options OptionsOf(const Family& family, sim::SplitMix64& random) {
    VfsTestWorld::Options options;
    options.frames = 1000;
    options.disk_bytes = family.disk_bytes;
    options.mount.block_bytes = family.block_bytes;
    options.mount.iosize_max = 128 << 10;
    options.mount.style = family.style;
    const auto most = static_cast<uint64_t>(std::min(family.disk_bytes, kMaxBytes));
    options.file = {.bytes = static_cast<int64_t>(random.Below(most))};
    options.vfs.filedelay_s = 1;
    options.daemons = true;
    return options;
  }

  int64_t Length() {
    switch (random_.Below(4)) {
      case 0:
        return 1 + static_cast<int64_t>(random_.Below(600));
      case 1:
        return 1 + static_cast<int64_t>(random_.Below(20000));
      case 2:
        return 4096 * static_cast<int64_t>(1 + random_.Below(16));
      default:
        return 1 + static_cast<int64_t>(random_.Below(800000));
    }
  }
  // Often where something is: at the last call's end, at sectors, pages and blocks, at the end.
  int64_t Offset() {
    const auto any = static_cast<int64_t>(random_.Below(static_cast<uint64_t>(kMaxBytes)));
    switch (random_.Below(6)) {
      case 0:
        return std::min(world_.open().reading.next, kMaxBytes);
      case 1:
        return std::min(world_.open().writing.next, kMaxBytes);
      case 2:
        return any / 512 * 512;
      case 3:
        return any / 16384 * 16384;
      case 4:
        return model_.size();
      default:
        return any % (model_.size() + 10000);
    }
  }

  void Step() {
    const uint64_t what = random_.Below(100);
    if (what < 40) {
      Write();
    } else if (what < 80) {
      Read();
    } else if (what < 88) {
      ASSERT_EQ(world_.Do(world_.vfs().ops().Fsync(world_.open())), 0);
      ExpectOnDisk(0, static_cast<int64_t>(model_.tags().size()));
    } else if (what < 94) {
      const int64_t size = Offset();
      ASSERT_EQ(world_.Do(world_.vfs().ops().Truncate(world_.open(), size)), 0);
      model_.Resize(size);
    } else {
      world_.world().RunFor(static_cast<int64_t>(random_.Below(2'000'000'000)));
    }
  }

  void Write() {
    OpenFile& file = world_.open();
    file.sync = random_.Below(8) == 0;
    file.append = random_.Below(8) == 0;
    file.advise_noreuse = random_.Below(8) == 0;
    int64_t offset = Offset();
    const int64_t bytes = Length();
    SCOPED_TRACE(testing::Message()
                 << "write " << offset << "+" << bytes << " of " << model_.size());
    const IoResult wrote = world_.Do(world_.vfs().ops().Write(file, offset, bytes));
    if (file.append) offset = model_.size();
    const int error = model_.Write(offset, bytes, &next_);
    ASSERT_EQ(wrote.error, error);
    ASSERT_EQ(wrote.bytes, error == 0 ? bytes : 0);
    full += error == kEnospc ? 1 : 0;
    if (file.sync && error == 0) {
      const int64_t first = offset / kSectorBytes;
      ExpectOnDisk(first, SectorsOf(offset + bytes) - first);
    }
  }

  void Read() {
    const int64_t offset = Offset();
    const int64_t bytes = Length();
    SCOPED_TRACE(testing::Message()
                 << "read " << offset << "+" << bytes << " of " << model_.size());
    std::vector<Tag> tags;
    const IoResult read = world_.Do(world_.vfs().ops().Read(world_.open(), offset, bytes, &tags));
    const int64_t inside = std::clamp<int64_t>(model_.size() - offset, 0, bytes);
    ASSERT_EQ(read.error, 0);
    ASSERT_EQ(read.bytes, inside);
    const auto first = model_.tags().begin() + std::min(offset, model_.size()) / kSectorBytes;
    const auto end = inside == 0 ? first : model_.tags().begin() + SectorsOf(offset + inside);
    ASSERT_EQ(tags, std::vector<Tag>(first, end));
  }

  void ExpectOnDisk(int64_t first, int64_t count) {
    for (int64_t sector = first; sector < first + count; ++sector) {
      ASSERT_EQ(world_.file().medium.Get(sector), model_.tags()[static_cast<size_t>(sector)])
          << "sector " << sector;
    }
  }

  sim::SplitMix64 random_;
  VfsTestWorld world_;
  Model model_;
  Tag next_ = 0;
};

int64_t History::reclaimed = 0;
int64_t History::full = 0;

class FileOpsPropertyTest : public testing::TestWithParam<Family> {};

TEST_P(FileOpsPropertyTest, AFileIsAnArrayOfSectors) {
  constexpr int kHistories = 6;
  History::reclaimed = History::full = 0;
  for (int i = 0; i < kHistories && !HasFailure(); ++i) {
    const uint64_t seed = sim::StreamSeed(static_cast<uint64_t>(i), GetParam().name);
    SCOPED_TRACE(testing::Message() << "history " << i << " seed " << seed);
    History history(GetParam(), seed);
    history.Run(250);
  }
  // The histories are worth something: pages were taken away, and small disks were full.
  EXPECT_GT(History::reclaimed, 100 * kHistories);
  EXPECT_EQ(History::full > 0, GetParam().disk_bytes < kMaxBytes);
}

constexpr Family kFamilies[] = {
    {"sectors", 512, PagerStyle::kGeneric, 32 << 20},
    {"pages", 4096, PagerStyle::kGeneric, 32 << 20},
    {"blocks", 16384, PagerStyle::kGeneric, 32 << 20},
    {"buffers", 32768, PagerStyle::kBuffer, 32 << 20},
    {"largest", 65536, PagerStyle::kGeneric, 32 << 20},
    {"full", 16384, PagerStyle::kGeneric, 8 << 20},
};
INSTANTIATE_TEST_SUITE_P(Families, FileOpsPropertyTest, testing::ValuesIn(kFamilies),
                         [](const testing::TestParamInfo<Family>& family) {
                           return std::string(family.param.name);
                         });

}  // namespace
}  // namespace vmsim::vfs
