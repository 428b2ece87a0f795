#include "net/mail_source.h"

#include <utility>

#include "sim/check.h"

namespace vmsim::net {
namespace {

template <typename Row>
int64_t SumWeights(const std::vector<Row>& rows) {
  int64_t sum = 0;
  for (const Row& row : rows) sum += row.weight;
  CHECK_GT(sum, 0, "a mail relay without sizes or remotes");
  return sum;
}

// The row that a draw below the sum of the weights falls in.
template <typename Row>
size_t RowAt(const std::vector<Row>& rows, int64_t at) {
  size_t row = 0;
  while (at >= rows[row].weight) at -= rows[row++].weight;
  return row;
}

}  // namespace

MailSource::MailSource(sim::Engine& engine, OpenFiles& relay, OpenFiles& clients,
                       const MailConfig& config, uint64_t seed)
    : engine_(engine),
      relay_(relay),
      clients_host_(clients),
      config_(config),
      interval_(config.mean_interval_ns),
      arrivals_(sim::NamedStream(seed, "mail.arrivals")),
      sizes_(sim::NamedStream(seed, "mail.sizes")),
      remotes_(sim::NamedStream(seed, "mail.remotes")),
      deferrals_(sim::NamedStream(seed, "mail.deferrals")),
      remote_weights_(SumWeights(config.remotes)),
      out_(engine, config.inbound),
      back_(engine, BackOf(config.inbound)),
      listener_(EventFd::Create(relay, 0)),
      next_(config.start_ns) {
  PlanArrival();
}

MailSource::~MailSource() {
  engine_.events().Cancel(arrival_);
  for (const auto& client : clients_) {
    if (!client->socket) continue;
    engine_.events().Cancel(client->turn);
    client->socket->EventUnregister(&client->entry);
  }
}

void MailSource::PlanArrival() {
  if (arrived_ == config_.messages) return;
  const sim::SimDuration wait = interval_.Draw(arrivals_);
  next_ = wait < sim::kNever - next_ ? next_ + wait : sim::kNever;
  arrival_ = engine_.events().Schedule(next_, sim::EventClass::kDevice, OnArrival, this, 0);
}

void MailSource::OnArrival(void* context, uint64_t) {
  auto* source = static_cast<MailSource*>(context);
  source->arrival_ = {};
  source->Arrive();
  source->PlanArrival();
}

// Everything is drawn, whether or not the relay has room: the stream stays in step.
void MailSource::Arrive() {
  ++arrived_;
  MailEnvelope envelope;
  envelope.arrived = engine_.now();
  envelope.remote = DrawRemote();
  const MailRemote& remote = config_.remotes[static_cast<size_t>(envelope.remote)];
  envelope.bytes = DrawSize(remote.sizes.empty() ? config_.sizes : remote.sizes);
  envelope.deferred = deferrals_.Below(100) < static_cast<uint64_t>(remote.defer_pct);
  const SocketPair pair = StreamSocket::CreatePair({relay_, config_.inbound_sockets, back_},
                                                   {clients_host_, config_.inbound_sockets, out_});
  if (!pair.a) {
    ++lost_;
    CHECK_EQ(listener_->TryAdd(1), 0);  // The relay is told all the same: one message less to come.
    return;
  }
  envelope.socket = pair.a;
  if (free_.empty()) {
    free_.push_back(clients_.size());
    clients_.push_back(std::make_unique<Client>(*this, clients_.size()));
  }
  Client& client = *clients_[free_.back()];
  free_.pop_back();
  client.socket = pair.b;
  client.left = envelope.bytes;
  client.socket->EventRegister(&client.entry);
  waiting_.push_back(std::move(envelope));
  CHECK_EQ(listener_->TryAdd(1), 0);
  Write(client);
}

int64_t MailSource::DrawSize(const std::vector<MailSize>& sizes) {
  const auto weights = static_cast<uint64_t>(SumWeights(sizes));
  const size_t row = RowAt(sizes, static_cast<int64_t>(sizes_.Below(weights)));
  const int64_t least = row == 0 ? 0 : sizes[row - 1].most_bytes;
  const int64_t span = sizes[row].most_bytes - least;
  return least + 1 + static_cast<int64_t>(sizes_.Below(static_cast<uint64_t>(span)));
}

int MailSource::DrawRemote() {
  return static_cast<int>(RowAt(config_.remotes, static_cast<int64_t>(remotes_.Below(
                                                     static_cast<uint64_t>(remote_weights_)))));
}

// Who is told may not write there and then: the connection is at work.
bool MailSource::OnNotify(void* context, sim::EventMask) {
  auto* client = static_cast<Client*>(context);
  if (!client->turn.valid()) {
    sim::Engine& engine = client->source.engine_;
    client->turn =
        engine.events().Schedule(engine.now(), sim::EventClass::kDevice, OnTurn, client, 0);
  }
  return false;
}

void MailSource::OnTurn(void* context, uint64_t) {
  auto* client = static_cast<Client*>(context);
  client->turn = {};
  client->source.Write(*client);
}

// A relay that hangs up (EPIPE, ECONNRESET) has refused the message.
void MailSource::Write(Client& client) {
  while (client.left > 0) {
    const IoResult result = client.socket->TryWrite(client.left, IoMode::kNonBlocking);
    if (result.error == kEagain) return;
    if (result.error != 0) break;
    client.left -= result.bytes;
  }
  Finish(client);
}

void MailSource::Finish(Client& client) {
  engine_.events().Cancel(client.turn);
  client.turn = {};
  client.socket->EventUnregister(&client.entry);
  client.socket.reset();
  free_.push_back(client.index);
}

MailEnvelope MailSource::Accept() {
  CHECK(!waiting_.empty(), "nobody waits to be accepted");
  MailEnvelope envelope = std::move(waiting_.front());
  waiting_.pop_front();
  return envelope;
}

}  // namespace vmsim::net
