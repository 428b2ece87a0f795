// scenarios/clients.h: the connections of a scenario, and the clients at their other ends.
//
// Each connection has a link of its own, there and back; the client is a net/sink.h on a host of its
// own. This machine's end lives as long as the machine: no step closes it.
#ifndef VMSIM_SCENARIOS_CLIENTS_H_
#define VMSIM_SCENARIOS_CLIENTS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/file.h"
#include "net/link.h"
#include "net/sink.h"
#include "net/stream_socket.h"
#include "scenarios/scenario.pb.h"
#include "sim/counters.h"
#include "sim/engine.h"

namespace vmsim::scenarios {

class Clients {
 public:
  // `engine` outlives this; its threads have ended when this goes.
  Clients(const v1::Scenario& scenario, sim::Engine& engine);

  // This machine's end of the connection of that name. Requires: there is one.
  const net::Ref<net::StreamSocket>& Socket(const std::string& name) const;

  // connection.NAME.*; the registry reads this from then on.
  void RegisterCounters(sim::CounterRegistry& registry) const;
  static std::vector<std::string> CounterNames(const std::string& connection);

  struct Client {
    Client(const v1::Connection& connection, sim::Engine& engine, net::OpenFiles& here,
           net::OpenFiles& there);

    const std::string name;
    net::Link out;
    net::Link back;
    net::SocketPair sockets;  // This machine's end, and the client's.
    net::Sink sink;
  };

 private:
  net::OpenFiles here_;
  net::OpenFiles there_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::map<std::string, size_t> by_name_;
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_CLIENTS_H_
