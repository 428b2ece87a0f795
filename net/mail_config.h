// net/mail_config.h: what a mail relay is told (net/mail_relay.h).
#ifndef VMSIM_NET_MAIL_CONFIG_H_
#define VMSIM_NET_MAIL_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "net/connection.h"
#include "net/link.h"
#include "net/residency.h"
#include "net/worker_pool.h"
#include "sim/time.h"

namespace vmsim::net {

// Bodies of more than the row before has, up to `most_bytes`, all equally likely.
struct MailSize {
  int64_t most_bytes = 0;  // Ascending from row to row.
  int64_t weight = 0;
};

// Where messages go.
struct MailRemote {
  std::string name;
  int64_t weight = 1;                 // Its share of the messages.
  std::vector<MailSize> sizes;        // Of messages to it; empty: as everybody's.
  int connections = 8;                // That the relay keeps open to it.
  LinkConfig link;                    // They share it.
  SocketConfig sockets;               // At both ends.
  int64_t read_bytes_per_second = 0;  // How fast each of its connections is read; 0: at once.
  int defer_pct = 0;                  // Of first attempts, put off (451).
  sim::SimDuration defer_ns = 0;      // When the relay tries again.
};

enum class BodyPlace : uint8_t {
  kHeap,   // Anonymous memory.
  kSpool,  // A mapped file for each body (use_mmap).
};

// What decides whether a body is pulled before it is sent.
enum class PullMode : uint8_t {
  kHook,    // message_body_in_core, with its default test.
  kOff,     // Nobody asks: every body is sent at once.
  kAlways,  // Every body is pulled once, wherever it is.
};

struct MailConfig {
  std::string name = "relay";
  // Arrivals, a Poisson process.
  sim::SimTime start_ns = 0;
  int64_t messages = 0;
  sim::SimDuration mean_interval_ns = 0;
  std::vector<MailSize> sizes;
  // Clients bring them, each on a connection of its own; these share the link.
  LinkConfig inbound;
  SocketConfig inbound_sockets;

  BodyPlace place = BodyPlace::kHeap;
  // Spool files are on the disk before a message counts as received.
  bool durable = false;
  std::vector<MailRemote> remotes;
  // Above these, bodies in a spool are written and dropped from memory by the SwapOut pool
  // (max_resident_messages and so on).
  int64_t max_resident_messages = 0;       // That the relay has; 0: any number.
  int64_t max_resident_active_queue = -1;  // That wait for one remote; -1: any number.
  int64_t max_resident_transfails = -1;    // That one remote has put off; -1: any number.

  PullMode mode = PullMode::kHook;
  ResidencyConfig residency;
  WorkerPoolConfig store{.name = "SwapOut", .concurrency = 5};
  WorkerPoolConfig unlink{.name = "Unlink", .concurrency = 6, .backlog = 100};
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_MAIL_CONFIG_H_
