#include "scenarios/clients.h"

#include "absl/strings/str_cat.h"
#include "scenarios/file_config.h"

namespace vmsim::scenarios {
namespace {

using Client = Clients::Client;

struct ClientCounter {
  sim::CounterInfo info;
  int64_t (*compute)(const void* client);
};

const Client& Of(const void* client) { return *static_cast<const Client*>(client); }

constexpr ClientCounter kCounters[] = {
    {{"unsent_bytes", "bytes", "Bytes in the send buffer.", sim::CounterKind::kLevel},
     [](const void* c) { return Of(c).sockets.a->unsent(); }},
    {{"sent_bytes", "bytes", "Bytes that have left on the link."},
     [](const void* c) { return Of(c).out.stats().bytes; }},
    {{"read_bytes", "bytes", "Bytes that the client has read."},
     [](const void* c) { return Of(c).sink.bytes_read(); }},
    {{"link_busy_ns", "ns", "Time with something on the link."},
     [](const void* c) { return Of(c).out.stats().busy_ns; }},
};

std::string CounterName(const std::string& connection, std::string_view counter) {
  return absl::StrCat("connection.", connection, ".",
                      absl::string_view(counter.data(), counter.size()));
}

net::SocketPair Connect(const v1::Connection& connection, net::OpenFiles& here,
                        net::OpenFiles& there, net::Link& out, net::Link& back) {
  const net::SocketConfig config = ToSocketConfig(connection);
  return net::StreamSocket::CreatePair({here, config, out}, {there, config, back});
}

}  // namespace

Clients::Client::Client(const v1::Connection& connection, sim::Engine& engine, net::OpenFiles& here,
                        net::OpenFiles& there)
    : name(connection.name()),
      out(engine, ToLinkConfig(connection)),
      back(engine, net::BackOf(ToLinkConfig(connection))),
      sockets(Connect(connection, here, there, out, back)),
      sink(engine, sockets.b, ToSinkConfig(connection)) {}

Clients::Clients(const v1::Scenario& scenario, sim::Engine& engine)
    : here_(engine), there_(engine) {
  for (const v1::Connection& connection : scenario.connections()) {
    by_name_[connection.name()] = clients_.size();
    clients_.push_back(std::make_unique<Client>(connection, engine, here_, there_));
  }
}

const net::Ref<net::StreamSocket>& Clients::Socket(const std::string& name) const {
  return clients_[by_name_.at(name)]->sockets.a;
}

void Clients::RegisterCounters(sim::CounterRegistry& registry) const {
  for (const auto& client : clients_) {
    for (const ClientCounter& counter : kCounters) {
      const std::string name = CounterName(client->name, counter.info.name);
      registry.Register({name, counter.info.unit, counter.info.help, counter.info.kind},
                        counter.compute, client.get());
    }
  }
}

std::vector<std::string> Clients::CounterNames(const std::string& connection) {
  std::vector<std::string> names;
  for (const ClientCounter& counter : kCounters) {
    names.push_back(CounterName(connection, counter.info.name));
  }
  return names;
}

}  // namespace vmsim::scenarios
