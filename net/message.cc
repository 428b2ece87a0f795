#include "net/message.h"

#include "net/residency.h"

namespace vmsim::net {

std::string_view MessageStateName(MessageState state) {
  static constexpr std::string_view kNames[kMessageStates] = {
      "READY", "CHECK", "QUEUED", "PULLING", "CHECK'", "SENDING", "DONE", "FAILED", "REMOVED"};
  return kNames[static_cast<int>(state)];
}

Message::Message(OpenFiles& files, Residency& residency, uint32_t number, vm::Process& process,
                 std::span<const BodyRange> body)
    : File(files),
      residency_(&residency),
      number_(number),
      process_(process),
      body_(body.begin(), body.end()) {
  for (const BodyRange& range : body_) {
    bytes_ += static_cast<int64_t>(range.bytes);
    pages_ += static_cast<int64_t>(range.pages());
  }
  job_.message = this;
}

void Message::OnLastClose() {
  if (residency_ != nullptr) residency_->Forget(*this);
}

EventMask Message::Peek(EventMask mask) const {
  EventMask ready = 0;
  if (pulled_) ready |= sim::kEventIn;
  if (state_ == State::kFailed) ready |= sim::kEventErr;
  if (deleted_) ready |= sim::kEventHUp;
  return ready & (mask | sim::kUnaskedEvents);
}

}  // namespace vmsim::net
