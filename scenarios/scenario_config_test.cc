#include "scenarios/scenario_config.h"

#include <cstdint>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "scenarios/file_config.h"

namespace vmsim::scenarios {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// "Costs.page_zero_ns" to 300: what the comments of scenario.proto say a field's default is.
std::map<std::string, int64_t> DocumentedDefaults() {
  std::ifstream file("scenarios/scenario.proto");
  EXPECT_TRUE(file.is_open());
  std::map<std::string, int64_t> defaults;
  std::string line, message, comment;
  std::smatch match;
  while (std::getline(file, line)) {
    if (std::regex_search(line, match, std::regex(R"(^message (\w+) \{)"))) message = match[1];
    if (std::regex_search(line, match, std::regex(R"(^ *// ?(.*))"))) {
      comment += " " + match[1].str();
      continue;
    }
    std::smatch value;
    if (std::regex_search(line, match, std::regex(R"(^ +optional \w+ (\w+) = \d+;)")) &&
        std::regex_search(comment, value, std::regex(R"(Default:? ([0-9,]+))"))) {
      std::string digits = absl::StrReplaceAll(value[1].str(), {{",", ""}});
      int64_t number = 0;
      EXPECT_TRUE(absl::SimpleAtoi(digits, &number)) << line;
      defaults[message + "." + match[1].str()] = number;
    }
    comment.clear();
  }
  return defaults;
}

// Sets each integer field of `message` to its documented default. Returns the fields without one.
std::vector<std::string> SetDocumentedDefaults(Message& message) {
  static const auto* const defaults = new std::map<std::string, int64_t>(DocumentedDefaults());
  std::vector<std::string> missing;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor* field = message.GetDescriptor()->field(i);
    const auto it = defaults->find(message.GetDescriptor()->name() + "." + field->name());
    const auto* reflection = message.GetReflection();
    if (it == defaults->end()) {
      missing.push_back(field->name());
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
      reflection->SetInt64(&message, field, it->second);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
      reflection->SetInt32(&message, field, static_cast<int32_t>(it->second));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
      reflection->SetUInt32(&message, field, static_cast<uint32_t>(it->second));
    } else {
      missing.push_back(field->name());
    }
  }
  return missing;
}

std::vector<int64_t> Values(const vm::Costs& c) {
  return {c.reference_ns,     c.soft_fault_ns,    c.hard_fault_ns, c.page_zero_ns,
          c.page_copy_ns,     c.page_scan_ns,     c.scan_batch_ns, c.daemon_pass_ns,
          c.swap_io_setup_ns, c.tlb_shootdown_ns, c.syscall_ns,    c.pte_ns};
}

std::vector<int64_t> Values(const vm::Tunables& t) {
  return {t.hz,
          t.pageout_update_period_s,
          t.pageout_oom_seq,
          t.act_scan_laundry_weight,
          t.background_launder_rate_kb,
          t.background_launder_max_kb,
          t.disable_swapspace_pageouts,
          t.pageout_cpus_per_thread,
          t.pfault_oom_attempts,
          t.pfault_oom_wait_s,
          t.oom_pf_secs,
          t.swap_async_max,
          t.maxphys,
          t.maxswzone,
          t.overcommit,
          t.mincore_mapped,
          t.max_user_wired};
}

std::vector<int64_t> Values(const sim::FixedDiskConfig& c) {
  return {c.base_ns, c.per_unit_ns, c.unit_bytes, c.servers};
}

std::vector<int64_t> Values(const sim::SsdDiskConfig& c) {
  return {c.channels,    c.dies_per_channel,  c.queue_depth,       c.unit_bytes,
          c.read_ns,     c.program_ns,        c.erase_ns,          c.channel_bytes_per_s,
          c.overhead_ns, c.write_cache_units, c.programs_per_erase};
}

// A field that is not set has the documented default, for every field.
TEST(ScenarioConfigTest, CostsDefaultsAreDocumented) {
  v1::Costs costs;
  const std::vector<int64_t> unset = Values(ToCosts(costs));
  EXPECT_EQ(SetDocumentedDefaults(costs), std::vector<std::string>());
  EXPECT_EQ(Values(ToCosts(costs)), unset);
}

TEST(ScenarioConfigTest, VfsDefaultsAreDocumented) {
  v1::Scenario scenario;
  const vfs::VfsConfig unset = ToVfsConfig(scenario);
  EXPECT_EQ(SetDocumentedDefaults(*scenario.mutable_vfs()),
            (std::vector<std::string>{"hirunningspace", "lorunningspace", "hidirtybuffers",
                                      "lodirtybuffers"}));
  EXPECT_EQ(ToVfsConfig(scenario).filedelay_s, unset.filedelay_s);
}

TEST(ScenarioConfigTest, ConnectionDefaultsAreDocumented) {
  const auto values = [](const v1::Connection& c) {
    return std::vector<int64_t>{ToLinkConfig(c).queue_bytes, ToSocketConfig(c).send_buffer,
                                ToSocketConfig(c).receive_buffer};
  };
  v1::Connection connection;
  const std::vector<int64_t> unset = values(connection);
  EXPECT_EQ(SetDocumentedDefaults(connection),
            (std::vector<std::string>{"name", "bytes_per_s", "delay_ns", "read_bytes_per_s"}));
  EXPECT_EQ(values(connection), unset);
}

TEST(ScenarioConfigTest, FileSystemDefaultsAreDocumented) {
  const auto values = [](const v1::FileSystem& fs) {
    v1::Scenario scenario;
    scenario.add_disks()->set_name("d");
    *scenario.add_file_systems() = fs;
    std::map<std::string, std::vector<DiskArea>> areas;
    const vfs::MountConfig mount = PlaceFileSystems(scenario, &areas)[0];
    return std::vector<int64_t>{mount.offset_bytes, mount.size_bytes, mount.block_bytes,
                                mount.iosize_max};
  };
  v1::FileSystem fs;
  fs.set_disk("d");
  const std::vector<int64_t> unset = values(fs);
  EXPECT_EQ(unset, (std::vector<int64_t>{0, kDefaultDiskBytes, 32768, 1 << 20}));
  EXPECT_EQ(SetDocumentedDefaults(fs),
            (std::vector<std::string>{"name", "disk", "offset_bytes", "size_bytes", "pager"}));
  EXPECT_EQ(values(fs), unset);
}

// What is set arrives.
TEST(ScenarioConfigTest, FilesAreTaken) {
  v1::File file;
  file.set_size_bytes(1);
  file.set_fragment_blocks(2);
  file.set_gap_blocks(3);
  file.set_hole_every(4);
  const vfs::FileLayout layout = ToFileLayout(file);
  EXPECT_EQ((std::vector<int64_t>{layout.bytes, layout.fragment_blocks, layout.gap_blocks,
                                  layout.hole_every}),
            (std::vector<int64_t>{1, 2, 3, 4}));
  v1::Scenario scenario;
  scenario.mutable_vfs()->set_filedelay_s(5);
  scenario.mutable_vfs()->set_hirunningspace(6);
  scenario.mutable_vfs()->set_lorunningspace(7);
  scenario.mutable_vfs()->set_hidirtybuffers(8);
  scenario.mutable_vfs()->set_lodirtybuffers(9);
  scenario.mutable_sf_bufs()->set_direct_map(true);
  scenario.mutable_sf_bufs()->set_nsfbufs(10);
  const vfs::VfsConfig vfs = ToVfsConfig(scenario);
  EXPECT_EQ((std::vector<int64_t>{vfs.filedelay_s, vfs.hirunningspace, vfs.lorunningspace,
                                  vfs.hidirtybuffers, vfs.lodirtybuffers, vfs.sf_bufs.direct_map,
                                  vfs.sf_bufs.nsfbufs}),
            (std::vector<int64_t>{5, 6, 7, 8, 9, 1, 10}));
  v1::Connection connection;
  connection.set_bytes_per_s(11);
  connection.set_delay_ns(12);
  connection.set_read_bytes_per_s(13);
  EXPECT_EQ(ToLinkConfig(connection).bytes_per_second, 11);
  EXPECT_EQ(ToLinkConfig(connection).delay_ns, 12);
  EXPECT_EQ(ToSinkConfig(connection).bytes_per_second, 13);
}

TEST(ScenarioConfigTest, TunablesDefaultsAreDocumented) {
  v1::Tunables tunables;
  const std::vector<int64_t> unset = Values(ToTunables(tunables));
  EXPECT_EQ(SetDocumentedDefaults(tunables),
            (std::vector<std::string>{"disable_swapspace_pageouts", "mincore_mapped"}));
  EXPECT_EQ(Values(ToTunables(tunables)), unset);
}

TEST(ScenarioConfigTest, DiskDefaultsAreDocumented) {
  v1::Disk fixed, ssd;
  fixed.mutable_fixed();
  ssd.mutable_ssd();
  const auto fixed_unset = Values(std::get<sim::FixedDiskConfig>(ToDiskConfig(fixed).model));
  const auto ssd_unset = Values(std::get<sim::SsdDiskConfig>(ToDiskConfig(ssd).model));
  EXPECT_EQ(SetDocumentedDefaults(*fixed.mutable_fixed()), std::vector<std::string>());
  EXPECT_EQ(SetDocumentedDefaults(*ssd.mutable_ssd()), std::vector<std::string>());
  EXPECT_EQ(Values(std::get<sim::FixedDiskConfig>(ToDiskConfig(fixed).model)), fixed_unset);
  EXPECT_EQ(Values(std::get<sim::SsdDiskConfig>(ToDiskConfig(ssd).model)), ssd_unset);

  const std::map<std::string, int64_t> documented = DocumentedDefaults();
  const sim::DiskConfig plain = ToDiskConfig(v1::Disk());
  EXPECT_EQ(plain.max_io_bytes, documented.at("Disk.max_io_bytes"));
  EXPECT_EQ(plain.batchsize, documented.at("Disk.elevator_batch"));
  EXPECT_EQ(plain.scheduler, sim::DiskScheduler::kElevator);
}

TEST(ScenarioConfigTest, LimitsAndGeneratorDefaultsAreDocumented) {
  const std::map<std::string, int64_t> documented = DocumentedDefaults();
  const RunLimits limits = ToRunLimits({});
  EXPECT_EQ(limits.max_sim_time_ns, documented.at("Limits.max_sim_time_ns"));
  EXPECT_EQ(limits.max_events, documented.at("Limits.max_events"));
  EXPECT_EQ(limits.max_references, documented.at("Limits.max_references"));
  EXPECT_EQ(kDefaultSampleIntervalNs, documented.at("Scenario.sample_interval_ns"));
  const GeneratorConfig generator = ToGeneratorConfig({}, 100, 7);
  EXPECT_EQ(generator.passes, static_cast<uint64_t>(documented.at("Generate.passes")));
  EXPECT_EQ(generator.s10, documented.at("Generate.s10"));
  EXPECT_EQ(generator.hot_pct, documented.at("Generate.hot_pct"));
  EXPECT_EQ(generator.stride, static_cast<uint64_t>(documented.at("Generate.stride")));
  EXPECT_EQ(generator.seed, 7u);
}

// Each field lands in its own place: set alone, it changes the struct; two never change the same
// way.
template <typename Proto, typename Convert>
void ExpectEachFieldCounts(Convert convert) {
  const std::vector<int64_t> before = convert(Proto());
  ASSERT_EQ(before.size(), static_cast<size_t>(Proto::descriptor()->field_count()))
      << "Values() above lacks a field";
  for (int i = 0; i < Proto::descriptor()->field_count(); ++i) {
    const FieldDescriptor* field = Proto::descriptor()->field(i);
    Proto message;
    const auto* reflection = message.GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT64)
      reflection->SetInt64(&message, field, 77);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32)
      reflection->SetInt32(&message, field, 77);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32)
      reflection->SetUInt32(&message, field, 77);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL)
      reflection->SetBool(&message, field, true);
    std::vector<int64_t> expected = before;
    expected[static_cast<size_t>(i)] = field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL ? 1 : 77;
    EXPECT_EQ(convert(message), expected) << field->full_name();
  }
}

TEST(ScenarioConfigTest, EveryFieldIsUsed) {
  ExpectEachFieldCounts<v1::Costs>([](const v1::Costs& costs) { return Values(ToCosts(costs)); });
  ExpectEachFieldCounts<v1::Tunables>(
      [](const v1::Tunables& tunables) { return Values(ToTunables(tunables)); });
  ExpectEachFieldCounts<v1::FixedModel>([](const v1::FixedModel& model) {
    v1::Disk disk;
    *disk.mutable_fixed() = model;
    return Values(std::get<sim::FixedDiskConfig>(ToDiskConfig(disk).model));
  });
  ExpectEachFieldCounts<v1::SsdModel>([](const v1::SsdModel& model) {
    v1::Disk disk;
    *disk.mutable_ssd() = model;
    return Values(std::get<sim::SsdDiskConfig>(ToDiskConfig(disk).model));
  });
}

TEST(ScenarioConfigTest, HddPresetsCanBeChangedInPart) {
  v1::Disk disk;
  disk.mutable_hdd()->set_preset(v1::HddModel::HP97560);
  disk.mutable_hdd()->set_heads(4);
  disk.mutable_hdd()->mutable_seek()->set_linear_base_ns(5);
  const auto model = std::get<sim::HddDiskConfig>(ToDiskConfig(disk).model);
  const sim::HddDiskConfig preset = sim::HddDiskConfig::Hp97560();
  EXPECT_EQ(model.cylinders, preset.cylinders);
  EXPECT_EQ(model.heads, 4);
  EXPECT_EQ(model.seek.linear_base_ns, 5);
  EXPECT_EQ(model.seek.sqrt_base_ns, preset.seek.sqrt_base_ns);
  // As large as its geometry.
  EXPECT_EQ(ToDiskConfig(disk).size_bytes, preset.cylinders * 4 * preset.sectors_per_track * 512);
}

TEST(ScenarioConfigTest, FaultRules) {
  v1::Disk disk;
  v1::DiskFault* fault = disk.add_faults();
  fault->set_kind(v1::DiskFault::TORN_WRITE);
  fault->set_op(v1::DiskFault::WRITE);
  fault->set_offset_bytes(4096);
  fault->set_length_bytes(8192);
  fault->set_from_ns(10);
  fault->set_nth(3);
  const sim::DiskFaultRule rule = ToDiskConfig(disk).faults.at(0);
  EXPECT_EQ(rule.kind, sim::DiskFaultKind::kTorn);
  EXPECT_EQ(rule.ops, sim::OpBit(sim::DiskOp::kWrite));
  EXPECT_EQ(rule.begin, 4096);
  EXPECT_EQ(rule.end, 12288);
  EXPECT_EQ(rule.from, 10);
  EXPECT_EQ(rule.until, sim::kNever);
  EXPECT_EQ(rule.nth, 3);
  EXPECT_EQ(rule.prefix_sectors, -1);
}

}  // namespace
}  // namespace vmsim::scenarios
