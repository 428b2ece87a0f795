#include "scenarios/mail_config.h"

#include <vector>

namespace vmsim::scenarios {
namespace {

constexpr int64_t kDefaultMostBytes = 100'000;

net::LinkConfig ToLink(const v1::MailLink& link) {
  net::LinkConfig config;
  config.bytes_per_second = link.bytes_per_s();
  config.delay_ns = link.delay_ns();
  if (link.has_queue_bytes()) config.queue_bytes = link.queue_bytes();
  return config;
}

net::SocketConfig ToSockets(const v1::MailLink& link) {
  net::SocketConfig config;
  if (link.has_send_buffer_bytes()) config.send_buffer = link.send_buffer_bytes();
  if (link.has_receive_buffer_bytes()) config.receive_buffer = link.receive_buffer_bytes();
  return config;
}

std::vector<net::MailSize> ToSizes(const google::protobuf::RepeatedPtrField<v1::MailSize>& sizes) {
  std::vector<net::MailSize> rows;
  for (const v1::MailSize& size : sizes) {
    rows.push_back({size.most_bytes(), size.has_weight() ? size.weight() : 1});
  }
  return rows;
}

net::MailRemote ToRemote(const v1::MailRemote& remote) {
  net::MailRemote config;
  config.name = remote.name();
  if (remote.has_weight()) config.weight = remote.weight();
  if (remote.has_connections()) config.connections = remote.connections();
  config.sizes = ToSizes(remote.sizes());
  config.link = ToLink(remote.link());
  config.sockets = ToSockets(remote.link());
  config.read_bytes_per_second = remote.read_bytes_per_s();
  config.defer_pct = remote.defer_pct();
  config.defer_ns = remote.defer_ns();
  return config;
}

net::PullMode ToMode(v1::Residency::Mode mode) {
  switch (mode) {
    case v1::Residency::OFF:
      return net::PullMode::kOff;
    case v1::Residency::ALWAYS_PULL:
      return net::PullMode::kAlways;
    default:
      return net::PullMode::kHook;
  }
}

net::ResidencyConfig ToResidency(const v1::Residency& residency, const vm::Costs& costs) {
  net::ResidencyConfig config;
  if (residency.pull_when() == v1::Residency::LITERAL) config.pull_when = net::PullWhen::kLiteral;
  if (residency.has_max_pulls()) config.max_pulls = residency.max_pulls();
  config.wire_during_send = residency.wire_during_send();
  if (residency.has_workers()) config.pool.concurrency = residency.workers();
  if (residency.has_backlog()) config.pool.backlog = residency.backlog();
  config.test.call_ns = costs.syscall_ns;
  config.test.page_ns = costs.pte_ns;
  return config;
}

}  // namespace

std::string MailProcessName(const v1::MailRelay& relay) {
  return relay.name().empty() ? "relay" : relay.name();
}

net::MailConfig ToMailConfig(const v1::MailRelay& relay, const vm::Costs& costs) {
  net::MailConfig config;
  config.name = MailProcessName(relay);
  config.start_ns = relay.start_ns();
  config.messages = relay.messages();
  config.mean_interval_ns = relay.mean_interval_ns();
  config.sizes = ToSizes(relay.sizes());
  if (config.sizes.empty()) config.sizes.push_back({kDefaultMostBytes, 1});
  config.inbound = ToLink(relay.inbound());
  config.inbound_sockets = ToSockets(relay.inbound());
  if (relay.body() == v1::MailRelay::SPOOL) config.place = net::BodyPlace::kSpool;
  config.durable = relay.durable();
  for (const v1::MailRemote& remote : relay.remotes()) config.remotes.push_back(ToRemote(remote));
  if (relay.has_unlink_workers()) config.unlink.concurrency = relay.unlink_workers();
  if (relay.has_unlink_backlog()) config.unlink.backlog = relay.unlink_backlog();
  if (relay.has_store_workers()) config.store.concurrency = relay.store_workers();
  if (relay.has_max_resident_messages()) {
    config.max_resident_messages = relay.max_resident_messages();
  }
  if (relay.has_max_resident_active_queue()) {
    config.max_resident_active_queue = relay.max_resident_active_queue();
  }
  if (relay.has_max_resident_transfails()) {
    config.max_resident_transfails = relay.max_resident_transfails();
  }
  config.mode = ToMode(relay.residency().mode());
  config.residency = ToResidency(relay.residency(), costs);
  return config;
}

}  // namespace vmsim::scenarios
