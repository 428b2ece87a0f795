#include "sim/disk_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sim/disk_model_hdd.h"
#include "sim/disk_model_ssd.h"

namespace vmsim::sim {
namespace {

constexpr int64_t kPage = 4096;

DiskRequest ReadOf(int64_t offset, int64_t length) { return {offset, length, DiskOp::kRead}; }
DiskRequest WriteOf(int64_t offset, int64_t length) { return {offset, length, DiskOp::kWrite}; }

std::unique_ptr<DiskModel> Make(const DiskModelConfig& config) {
  auto model = MakeDiskModel(config);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

TEST(FixedDiskModelTest, BasePlusUnitsBegun) {
  const auto model = Make(FixedDiskConfig{});
  EXPECT_EQ(model->Start(0, ReadOf(0, kPage)), 102'000);
  EXPECT_EQ(model->Start(1'000'000, WriteOf(0, kPage + 1)), 1'104'000);
  EXPECT_EQ(model->Start(2'000'000, ReadOf(0, 32 * kPage)), 2'164'000);
  EXPECT_EQ(model->Start(3'000'000, {0, 0, DiskOp::kFlush}), 3'100'000);
}

TEST(FixedDiskModelTest, BusyServersMakeItWait) {
  FixedDiskConfig config;
  config.servers = 2;
  const auto model = Make(config);
  EXPECT_EQ(model->parallelism(), 2);
  EXPECT_EQ(model->Start(0, ReadOf(0, kPage)), 102'000);
  EXPECT_EQ(model->Start(0, ReadOf(0, 2 * kPage)), 104'000);
  EXPECT_EQ(model->Start(0, ReadOf(0, kPage)), 204'000);        // Behind the first.
  EXPECT_EQ(model->Start(103'000, ReadOf(0, kPage)), 206'000);  // Behind the second.
}

TEST(HddDiskModelTest, IntegerSquareRoot) {
  EXPECT_EQ(IntegerSquareRoot(0), 0u);
  EXPECT_EQ(IntegerSquareRoot(UINT64_MAX), UINT32_MAX);
  for (const uint64_t root : {1ull, 2ull, 3ull, 1000ull, 400'000ull, 4'294'967'295ull}) {
    EXPECT_EQ(IntegerSquareRoot(root * root), root);
    EXPECT_EQ(IntegerSquareRoot(root * root - 1), root - 1);
  }
}

TEST(HddDiskModelTest, SeekCurveOfTheHp97560) {
  const SeekCurve seek = HddDiskConfig::Hp97560().seek;
  EXPECT_EQ(seek.SeekTime(0), 0);
  EXPECT_EQ(seek.SeekTime(1), 3'640'000);
  EXPECT_EQ(seek.SeekTime(4), 4'040'000);
  EXPECT_EQ(seek.SeekTime(383), 11'068'154);  // 3.24 + 0.4 * 19.570385...
  EXPECT_EQ(seek.SeekTime(384), 11'072'000);  // 8 + 0.008 * 384
  EXPECT_EQ(seek.SeekTime(1961), 23'688'000);
}

TEST(HddDiskModelTest, SeekCurveOfTheModernDrive) {
  const SeekCurve seek = HddDiskConfig::Modern7200().seek;
  EXPECT_EQ(seek.SeekTime(1), 800'000);
  EXPECT_NEAR(static_cast<double>(seek.SeekTime(50'000)), 8.5e6, 1e3);
}

TEST(HddDiskModelTest, FirstReadOfTheHp97560) {
  const auto model = Make(HddDiskConfig::Hp97560());
  EXPECT_EQ(model->capacity_bytes(), int64_t{1962} * 19 * 72 * 512);
  // 2.2 ms of overhead, the rest of the turn until sector 0 is back, 8 of 72 sectors.
  EXPECT_EQ(model->Start(0, ReadOf(0, kPage)), 14'992'504 + 1'665'833);
}

// A drive for arithmetic on paper: a sector passes in 1 us, a turn takes 4. Track h of cylinder c
// is turned by h + 3 c sectors.
HddDiskConfig ToyDrive() {
  HddDiskConfig config;
  config.cylinders = 10;
  config.heads = 2;
  config.sectors_per_track = 4;
  config.rotation_ns = 4000;
  config.overhead_ns = 100;
  config.head_switch_ns = 900;
  config.track_skew_sectors = 1;
  config.cylinder_skew_sectors = 2;
  config.seek.sqrt_base_ns = 1500;
  config.seek.sqrt_coefficient_ns = 100;
  return config;
}

DiskRequest Sectors(int64_t first, int64_t end, DiskOp op = DiskOp::kRead) {
  return {first * 512, (end - first) * 512, op};
}

TEST(HddDiskModelTest, WaitsForTheSector) {
  HddDiskModel drive(ToyDrive());
  EXPECT_EQ(drive.Start(0, Sectors(1, 2)), 2000);     // 100 + 900 until sector 1, + 1000
  EXPECT_EQ(drive.Start(2000, Sectors(2, 3)), 7000);  // Missed by 100: 100 + 3900 + 1000
  EXPECT_EQ(drive.Start(7900, Sectors(0, 1, DiskOp::kWrite)), 9000);  // Just in time.
}

TEST(HddDiskModelTest, SwitchesFitIntoTheSkew) {
  HddDiskModel drive(ToyDrive());
  // Track 0 from 4000 to 8000, switch to 8900, track 1 from 9000 to 13000, seek of one cylinder to
  // 14600, its first track from 15000.
  EXPECT_EQ(drive.Start(0, Sectors(0, 9)), 16000);
  EXPECT_EQ(drive.cylinder(), 1);
  EXPECT_EQ(drive.head(), 0);
}

TEST(HddDiskModelTest, SeeksFromWhereTheArmIs) {
  HddDiskModel drive(ToyDrive());
  // Cylinder 4, head 1, sector 0 is slot (1 + 12) % 4 = 1. 100 + 1700 for 4 cylinders = 1800: wait
  // until 5000.
  EXPECT_EQ(drive.Start(0, Sectors(36, 37)), 6000);
  EXPECT_EQ(drive.cylinder(), 4);
  EXPECT_EQ(drive.head(), 1);
  // Back to head 0 of it, slot 0: 6100 + 900 = 7000, wait until 8000.
  EXPECT_EQ(drive.Start(6000, Sectors(32, 33)), 9000);
}

TEST(HddDiskModelTest, RequestsInsideAreServedInOrder) {
  HddDiskModel drive(ToyDrive());
  EXPECT_EQ(drive.Start(0, Sectors(1, 2)), 2000);
  EXPECT_EQ(drive.Start(0, Sectors(2, 3)), 7000);
  EXPECT_EQ(drive.Start(0, {0, 0, DiskOp::kFlush}), 7100);
  EXPECT_FALSE(drive.Supports(DiskOp::kDelete));
}

HddDiskConfig ToyDriveWithBuffer() {
  HddDiskConfig config = ToyDrive();
  config.buffer_bytes = 16 * 512;
  config.read_ahead_bytes = 4 * 512;
  return config;
}

TEST(HddDiskModelTest, ASequentialReadFindsTheStream) {
  HddDiskModel drive(ToyDriveWithBuffer());
  EXPECT_EQ(drive.Start(0, Sectors(0, 2)), 6000);
  EXPECT_EQ(drive.Start(6000, Sectors(2, 4)), 8000);  // No turn lost.
  EXPECT_EQ(drive.Start(9000, Sectors(0, 2)), 9100);  // Still in the buffer.
  // By 20100 the drive has read up to sector 8, the fence, and stopped.
  EXPECT_EQ(drive.Start(20000, Sectors(4, 6)), 20100);
  // It went on at 20100: seek to 21700, slot 3 at 23000, sectors 8 and 9.
  EXPECT_EQ(drive.Start(20100, Sectors(6, 10)), 25000);
}

TEST(HddDiskModelTest, AWriteEndsTheStream) {
  HddDiskModel drive(ToyDriveWithBuffer());
  EXPECT_EQ(drive.Start(0, Sectors(0, 2)), 6000);
  EXPECT_EQ(drive.Start(6000, Sectors(3, 4, DiskOp::kWrite)), 8000);
  EXPECT_EQ(drive.Start(8000, Sectors(0, 2)), 14000);  // From the medium: missed by 100.
}

TEST(HddDiskModelTest, AReadElsewhereLeavesTheArmWhereTheStreamWas) {
  HddDiskModel drive(ToyDriveWithBuffer());
  EXPECT_EQ(drive.Start(0, Sectors(2, 8)), 9000);
  EXPECT_EQ(drive.cylinder(), 0);
  // Sectors 8 to 11 of cylinder 1 have been read by 15000; the arm is there when it is called back
  // to cylinder 0: 30100 + 1600 = 31700, slot 0 at 32000.
  EXPECT_EQ(drive.Start(30000, Sectors(0, 1)), 33000);
}

TEST(SsdDiskModelTest, OneReadTakesOverheadDieAndChannel) {
  const auto model = Make(SsdDiskConfig{});
  EXPECT_EQ(model->parallelism(), 64);
  EXPECT_EQ(model->Start(0, ReadOf(0, kPage)), 70'120);  // 5 + 60 + 5.12 us
  EXPECT_EQ(model->Start(1'000'000, ReadOf(512, 512)), 1'065'640);
}

TEST(SsdDiskModelTest, ReadsOnDifferentDiesOverlap) {
  const auto model = Make(SsdDiskConfig{});
  EXPECT_EQ(model->Start(0, ReadOf(0, kPage)), 70'120);
  EXPECT_EQ(model->Start(0, ReadOf(1 * kPage, kPage)), 70'120);    // Another channel.
  EXPECT_EQ(model->Start(0, ReadOf(8 * kPage, kPage)), 75'240);    // Another die of channel 0.
  EXPECT_EQ(model->Start(0, ReadOf(32 * kPage, kPage)), 130'120);  // Die 0 again.
}

TEST(SsdDiskModelTest, ALongReadSpreadsOverAllDies) {
  // 32 pages: four transfers on each channel once all dies are done. The 33rd is die 0's second.
  EXPECT_EQ(Make(SsdDiskConfig{})->Start(0, ReadOf(0, 32 * kPage)), 65'000 + 4 * 5'120);
  EXPECT_EQ(Make(SsdDiskConfig{})->Start(0, ReadOf(0, 33 * kPage)), 130'120);
}

TEST(SsdDiskModelTest, WithoutACacheAWriteIsProgrammed) {
  SsdDiskConfig config;
  config.write_cache_units = 0;
  EXPECT_EQ(Make(config)->Start(0, WriteOf(0, kPage)), 610'120);
  EXPECT_EQ(Make(config)->Start(0, WriteOf(0, 32 * kPage)), 5'000 + 4 * 5'120 + 600'000);
}

TEST(SsdDiskModelTest, ACacheTakesWritesWhileItHasRoom) {
  SsdDiskConfig config;
  config.write_cache_units = 2;
  const auto model = Make(config);
  EXPECT_EQ(model->Start(0, WriteOf(0, 2 * kPage)), 5'000);
  // The third page waits for the first program, at 610.12 us, and is programmed 605.12 us later.
  EXPECT_EQ(model->Start(0, WriteOf(2 * kPage, kPage)), 610'120);
  EXPECT_EQ(model->Start(10'000, {0, 0, DiskOp::kFlush}), 1'215'240);
  EXPECT_EQ(model->Start(2'000'000, {0, 0, DiskOp::kFlush}), 2'005'000);
  EXPECT_EQ(model->Start(2'000'000, WriteOf(0, 2 * kPage)), 2'005'000);
  EXPECT_EQ(model->Start(2'000'000, {0, kPage, DiskOp::kDelete}), 2'005'000);
}

TEST(SsdDiskModelTest, AnErasePausesTheDieButNotItsChannel) {
  SsdDiskConfig config;
  config.write_cache_units = 0;
  config.programs_per_erase = 2;
  const auto model = Make(config);
  EXPECT_EQ(model->Start(0, WriteOf(0, kPage)), 610'120);
  EXPECT_EQ(model->Start(0, WriteOf(0, kPage)), 1'210'120);
  EXPECT_EQ(model->Start(0, ReadOf(0, kPage)), 1'210'120 + 3'000'000 + 65'120);
  EXPECT_EQ(model->Start(0, ReadOf(8 * kPage, kPage)), 70'120);
}

TEST(BusyTimelineTest, TakesTheFirstGapThatFits) {
  BusyTimeline line;
  EXPECT_EQ(line.Reserve(0, 10, 10), 20);
  EXPECT_EQ(line.Reserve(0, 40, 10), 50);
  EXPECT_EQ(line.Reserve(0, 0, 10), 10);  // Before both, touching the first.
  EXPECT_EQ(line.Reserve(0, 5, 21), 71);  // The gap of 20 is too short.
  EXPECT_EQ(line.Reserve(0, 5, 20), 40);  // Just fits, and joins what is around it.
  EXPECT_EQ(line.Reserve(0, 0, 1), 72);
  EXPECT_EQ(line.Reserve(72, 72, 5), 77);  // Everything before is forgotten.
  EXPECT_EQ(line.Reserve(73, 90, 5), 95);
  EXPECT_EQ(line.Reserve(80, 80, 10), 90);
}

struct Refusal {
  std::string_view name;
  DiskModelConfig config;
  std::string_view want;
};

template <typename Config, typename Edit>
DiskModelConfig With(Config config, Edit edit) {
  edit(config);
  return config;
}

TEST(DiskModelValidationTest, NamesTheField) {
  const auto hp = HddDiskConfig::Hp97560();
  const Refusal refusals[] = {
      {"no servers", With(FixedDiskConfig{}, [](auto& c) { c.servers = 0; }),
       "fixed.servers: 0 is"},
      {"negative", With(FixedDiskConfig{}, [](auto& c) { c.base_ns = -1; }),
       "fixed.base_ns: -1 is"},
      {"no unit", With(FixedDiskConfig{}, [](auto& c) { c.unit_bytes = 0; }),
       "fixed.unit_bytes: 0"},
      {"empty", HddDiskConfig{}, "hdd.cylinders: 0 is outside 1..10000000"},
      {"no turn", With(hp, [](auto& c) { c.rotation_ns = 0; }), "hdd.rotation_ns: 0"},
      {"overflow", With(hp, [](auto& c) { c.seek.sqrt_coefficient_ns = INT64_MAX; }),
       "hdd.seek.sqrt_coefficient_ns: 9223372036854775807"},
      {"fence", With(hp, [](auto& c) { c.buffer_bytes = 0; }), "do not fit hdd.buffer_bytes: 0"},
      {"channels", With(SsdDiskConfig{}, [](auto& c) { c.channels = 0; }), "ssd.channels: 0"},
      {"dies", With(SsdDiskConfig{}, [](auto& c) { c.dies_per_channel = -4; }),
       "ssd.dies_per_channel: -4"},
      {"odd unit", With(SsdDiskConfig{}, [](auto& c) { c.unit_bytes = 5000; }),
       "ssd.unit_bytes: 5000 is not a power of two"},
      {"bandwidth", With(SsdDiskConfig{}, [](auto& c) { c.channel_bytes_per_s = 0; }),
       "ssd.channel_bytes_per_s: 0"},
  };
  for (const Refusal& refusal : refusals) {
    const absl::Status status = MakeDiskModel(refusal.config).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.name;
    EXPECT_NE(std::string(status.message()).find(refusal.want), std::string::npos)
        << refusal.name << ": " << status;
  }
}

TEST(DiskModelValidationTest, AcceptsThePresets) {
  for (const DiskModelConfig& config :
       {DiskModelConfig(FixedDiskConfig{}), DiskModelConfig(SsdDiskConfig{}),
        DiskModelConfig(HddDiskConfig::Hp97560()), DiskModelConfig(HddDiskConfig::Modern7200())}) {
    EXPECT_TRUE(ValidateDiskModel(config).ok()) << ValidateDiskModel(config);
  }
}

// Random requests on every model: no completion before its start, none later than the worst case
// promises, and the same answers from a second device.
TEST(DiskModelPropertyTest, CompletionsStayWithinTheWorstCase) {
  SsdDiskConfig busy_ssd;
  busy_ssd.write_cache_units = 8;
  busy_ssd.programs_per_erase = 3;
  for (const DiskModelConfig& config :
       {DiskModelConfig(FixedDiskConfig{}), DiskModelConfig(busy_ssd),
        DiskModelConfig(HddDiskConfig::Hp97560()), DiskModelConfig(HddDiskConfig::Modern7200())}) {
    const auto model = Make(config);
    const auto twin = Make(config);
    uint64_t state = 12345;
    const auto draw = [&state](uint64_t m) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      return static_cast<int64_t>((state >> 33) % m);
    };
    SimTime now = 0;
    SimTime latest = 0;
    for (int i = 0; i < 5000; ++i) {
      const int64_t length = (1 + draw(64)) * 512;
      const DiskRequest request{draw(2'000'000) * 512, length,
                                draw(2) == 0 ? DiskOp::kRead : DiskOp::kWrite};
      const SimTime done = model->Start(now, request);
      ASSERT_GE(done, now);
      ASSERT_LE(done, std::max(now, latest) + model->WorstCase(length)) << "request " << i;
      ASSERT_EQ(done, twin->Start(now, request));
      latest = std::max(latest, done);
      if (draw(3) == 0) now += draw(20'000'000);
    }
  }
}

}  // namespace
}  // namespace vmsim::sim
