// net/mail_source.h: the clients of a mail relay, on hosts of their own.
//
//     Poisson process --> client k: connects, says how large its body is and where it goes,
//                         writes it as the connection takes it, closes
//
// All is drawn from streams of the source's own: when messages arrive, how large they are and where
// they go depends on nothing that the relay does. Clients read and write in device events and take
// no CPU.
#ifndef VMSIM_NET_MAIL_SOURCE_H_
#define VMSIM_NET_MAIL_SOURCE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "net/eventfd.h"
#include "net/mail_config.h"
#include "net/stream_socket.h"
#include "sim/engine.h"
#include "sim/exponential.h"
#include "sim/random.h"

namespace vmsim::net {

// What a client says before the body.
struct MailEnvelope {
  Ref<StreamSocket> socket;  // The relay's end.
  sim::SimTime arrived = 0;
  int64_t bytes = 0;
  int remote = 0;         // Index into the config's.
  bool deferred = false;  // The remote will refuse the first attempt.
};

class MailSource {
 public:
  // All outlive this, and the sockets. `config` has at least one size and one remote, each with
  // weight.
  MailSource(sim::Engine& engine, OpenFiles& relay, OpenFiles& clients, const MailConfig& config,
             uint64_t seed);
  ~MailSource();
  MailSource(const MailSource&) = delete;
  MailSource& operator=(const MailSource&) = delete;

  // Readable while clients wait to be accepted. Null: the relay has no room for a file.
  const Ref<EventFd>& listener() const { return listener_; }
  // Accepts the client that has waited longest. Requires: one waits.
  MailEnvelope Accept();
  bool HasWaiting() const { return !waiting_.empty(); }

  int64_t arrived() const { return arrived_; }
  // Clients that the relay had no file for.
  int64_t lost() const { return lost_; }

 private:
  // Writes its body.
  struct Client {
    Client(MailSource& source, size_t index)
        : source(source), index(index), entry(OnNotify, this, sim::kWritableEvents) {}
    MailSource& source;
    const size_t index;
    Ref<StreamSocket> socket;
    int64_t left = 0;
    sim::WaiterEntry entry;
    sim::EventId turn;
  };

  static void OnArrival(void* source, uint64_t);
  static bool OnNotify(void* client, sim::EventMask);
  static void OnTurn(void* client, uint64_t);
  void PlanArrival();
  void Arrive();
  void Write(Client& client);
  void Finish(Client& client);
  int64_t DrawSize(const std::vector<MailSize>& sizes);
  int DrawRemote();

  sim::Engine& engine_;
  OpenFiles& relay_;
  OpenFiles& clients_host_;
  const MailConfig& config_;
  const sim::Exponential interval_;
  sim::SplitMix64 arrivals_, sizes_, remotes_, deferrals_;
  int64_t remote_weights_ = 0;
  Link out_;  // Clients to relay.
  Link back_;
  Ref<EventFd> listener_;
  std::deque<MailEnvelope> waiting_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<size_t> free_;
  sim::EventId arrival_;
  sim::SimTime next_ = 0;
  int64_t arrived_ = 0;
  int64_t lost_ = 0;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_MAIL_SOURCE_H_
