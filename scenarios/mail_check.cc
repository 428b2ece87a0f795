#include "scenarios/mail_check.h"

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "net/mail_config.h"
#include "scenarios/check_rules.h"
#include "scenarios/file_config.h"
#include "scenarios/status_macros.h"

namespace vmsim::scenarios {
namespace {

constexpr int64_t kMaxTimeNs = 100'000'000'000'000'000;
constexpr int64_t kMaxWeight = 1'000'000'000;
constexpr int64_t kMaxBodyBytes = int64_t{1} << 30;
constexpr int64_t kMaxRate = int64_t{1} << 50;
constexpr int64_t kMaxBufferBytes = int64_t{1} << 40;
constexpr int kMaxSizes = 256;
constexpr int kMaxRemotes = 1024;
constexpr int64_t kMaxConnections = 100'000;

// Of the relay, or of a remote.
template <typename Owner>
absl::Status CheckSizes(const ScenarioPlace& place, const FieldRef& at, const Owner& relay) {
  if (relay.sizes_size() > kMaxSizes) {
    return place.Error({&at, "sizes"},
                       absl::StrCat("has ", relay.sizes_size(), " rows; use at most ", kMaxSizes));
  }
  int64_t before = 0;
  for (int i = 0; i < relay.sizes_size(); ++i) {
    const FieldRef row{&at, "sizes", i};
    const v1::MailSize& size = relay.sizes(i);
    VMSIM_RETURN_IF_ERROR(CheckInRange(place, {&row, "most_bytes"}, size.most_bytes(), before + 1,
                                       kMaxBodyBytes, "rows ascend"));
    if (size.has_weight()) {
      VMSIM_RETURN_IF_ERROR(CheckInRange(place, {&row, "weight"}, size.weight(), 1, kMaxWeight));
    }
    before = size.most_bytes();
  }
  return absl::OkStatus();
}

absl::Status CheckLink(const ScenarioPlace& place, const FieldRef& at, const v1::MailLink& link) {
  constexpr IntegerRule kRules[] = {
      {"bytes_per_s", 0, kMaxRate},
      {"delay_ns", 0, 60'000'000'000},
      {"queue_bytes", 1, kMaxBufferBytes},
      {"send_buffer_bytes", 1, kMaxBufferBytes},
      {"receive_buffer_bytes", 1, kMaxBufferBytes},
  };
  return CheckIntegers(place, at, link, kRules);
}

absl::Status CheckRemotes(const ScenarioPlace& place, const FieldRef& at,
                          const v1::MailRelay& relay) {
  constexpr IntegerRule kRules[] = {
      {"weight", 1, kMaxWeight},
      {"connections", 1, kMaxConnections},
      {"read_bytes_per_s", 0, kMaxRate},
      {"defer_pct", 0, 100},
      {"defer_ns", 0, 1'000'000'000'000'000},
  };
  if (relay.remotes_size() < 1 || relay.remotes_size() > kMaxRemotes) {
    return place.Error({&at, "remotes"}, absl::StrCat("has ", relay.remotes_size(),
                                                      " remotes; use 1 to ", kMaxRemotes));
  }
  std::set<std::string> names;
  int64_t connections = 0;
  for (int i = 0; i < relay.remotes_size(); ++i) {
    const FieldRef remote{&at, "remotes", i};
    const v1::MailRemote& config = relay.remotes(i);
    VMSIM_RETURN_IF_ERROR(CheckNewName(place, {&remote, "name"}, config.name(), "remote", names));
    VMSIM_RETURN_IF_ERROR(CheckIntegers(place, remote, config, kRules));
    VMSIM_RETURN_IF_ERROR(CheckLink(place, {&remote, "link"}, config.link()));
    VMSIM_RETURN_IF_ERROR(CheckSizes(place, remote, config));
    connections += config.has_connections() ? config.connections() : net::MailRemote().connections;
  }
  if (connections > kMaxConnections) {
    return place.Error(
        {&at, "remotes"},
        absl::StrCat("have ", connections, " connections together; use at most ", kMaxConnections));
  }
  return absl::OkStatus();
}

absl::Status CheckBody(const v1::Scenario& scenario, const ScenarioPlace& place,
                       const FieldRef& at) {
  const v1::MailRelay& relay = scenario.mail_relay();
  const bool spool = relay.body() == v1::MailRelay::SPOOL;
  if (!spool && (relay.durable() || !relay.spool_file_system().empty())) {
    return place.Error({&at, relay.durable() ? "durable" : "spool_file_system"},
                       "is about a spool; set body: SPOOL, or remove it");
  }
  for (const char* field :
       {"max_resident_messages", "max_resident_active_queue", "max_resident_transfails"}) {
    const auto* descriptor = v1::MailRelay::descriptor()->FindFieldByName(field);
    if (spool || !relay.GetReflection()->HasField(relay, descriptor)) continue;
    return place.Error({&at, field}, "is about a spool; set body: SPOOL, or remove it");
  }
  if (spool && FindFileSystem(scenario, relay.spool_file_system()) < 0) {
    return place.Error({&at, "spool_file_system"},
                       relay.spool_file_system().empty()
                           ? "is missing, and there is not one file system; name one"
                           : "there is no such file system; add it to file_systems");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckMailRelay(const v1::Scenario& scenario, const ScenarioPlace& place) {
  constexpr IntegerRule kRules[] = {
      {"start_ns", 0, kMaxTimeNs},
      {"messages", 1, 10'000'000},
      {"mean_interval_ns", 0, int64_t{1} << 53},
      {"unlink_workers", 0, 4096},
      {"unlink_backlog", 1, int64_t{1} << 40},
      {"store_workers", 0, 4096},
      {"max_resident_messages", 0, 10'000'000},
      {"max_resident_active_queue", -1, 10'000'000},
      {"max_resident_transfails", -1, 10'000'000},
  };
  constexpr IntegerRule kResidencyRules[] = {
      {"workers", 0, 4096},
      {"backlog", 1, int64_t{1} << 40},
      {"max_pulls", 0, 1'000'000},
  };
  if (!scenario.has_mail_relay()) return absl::OkStatus();
  const v1::MailRelay& relay = scenario.mail_relay();
  const FieldRef root, at{&root, "mail_relay"};
  if (!relay.name().empty()) {
    VMSIM_RETURN_IF_ERROR(CheckName(place, {&at, "name"}, relay.name()));
  }
  VMSIM_RETURN_IF_ERROR(CheckIntegers(place, at, relay, kRules));
  VMSIM_RETURN_IF_ERROR(CheckSizes(place, at, relay));
  VMSIM_RETURN_IF_ERROR(CheckLink(place, {&at, "inbound"}, relay.inbound()));
  VMSIM_RETURN_IF_ERROR(CheckRemotes(place, at, relay));
  VMSIM_RETURN_IF_ERROR(CheckBody(scenario, place, at));
  const FieldRef residency{&at, "residency"};
  const v1::Residency& config = relay.residency();
  if (config.pull_when() == v1::Residency::LITERAL && config.mode() != v1::Residency::HOOK &&
      config.mode() != v1::Residency::MODE_UNSPECIFIED) {
    return place.Error({&residency, "pull_when"},
                       "LITERAL turns the meaning of this mode round; use it with mode HOOK");
  }
  return CheckIntegers(place, residency, config, kResidencyRules);
}

}  // namespace vmsim::scenarios
