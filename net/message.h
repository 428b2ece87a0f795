// net/message.h: a message on its way: where its body lies in memory, and how far it has come.
//
//     READY -> CHECK -- in core --> SENDING -> DONE
//                |                     ^
//                v                     | in core, or pulled often enough
//             QUEUED -> PULLING -> CHECK'      In: the pull is over, ask again
//                ^                     |
//                '---- still absent ---'
//
// Any state may end in FAILED, or in REMOVED when the message is deleted. net/residency.h moves it.
//
// A message can be watched, and counts as an open file of its host: kEventIn from the end of a pull
// until the scheduler asks again, kEventErr while it has failed, kEventHUp from its deletion on.
// It is natural to watch it one-shot and to arm it again for each pull.
//
// The body is a list of byte ranges in the address space of one process, on the heap or in a mapped
// spool file. The ranges belong to whoever made the message; they may be unmapped under its feet,
// and are holes then.
//
// Source: Momentum's reference page of the hook message_body_in_core.
#ifndef VMSIM_NET_MESSAGE_H_
#define VMSIM_NET_MESSAGE_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "net/body_in_core.h"
#include "net/file.h"
#include "net/ref.h"
#include "net/worker_pool.h"
#include "vm/process.h"

namespace vmsim::net {

class Residency;

// The numbers appear in traces.
enum class MessageState : uint8_t {
  kReady,
  kCheck,    // The scheduler is asking.
  kQueued,   // On the pool's queue.
  kPulling,  // A worker's.
  kRecheck,  // CHECK': pulled, and the scheduler is to ask again, or is asking.
  kSending,
  kDone,
  kFailed,
  kRemoved,
};
inline constexpr int kMessageStates = 9;
// "READY", "CHECK", "QUEUED", "PULLING", "CHECK'", "SENDING", "DONE", "FAILED", "REMOVED".
std::string_view MessageStateName(MessageState state);

class Message final : public File {
 public:
  using State = MessageState;

  // Its number among all messages, from 0, in order of creation.
  uint32_t number() const { return number_; }
  vm::Process& process() const { return process_; }
  std::span<const BodyRange> body() const { return body_; }
  int64_t bytes() const { return bytes_; }
  // Pages that the ranges touch; one that two ranges share counts twice.
  int64_t pages() const { return pages_; }

  State state() const { return state_; }
  bool deleted() const { return deleted_; }
  // Why it has failed, or what went wrong last.
  int error() const { return error_; }
  // Pulls of this delivery that have been queued.
  int pulls() const { return pulls_; }
  // A thread is asking whether it is in core.
  bool checking() const { return checking_; }
  // The answer to the last question with pull 0; -1: none yet.
  int last_result() const { return last_result_; }
  // Who runs its pull: a worker, kInlineWorker or kNoWorker.
  int worker() const { return job_.worker; }

  std::string_view kind() const override { return "message"; }
  EventMask Peek(EventMask mask) const override;

 private:
  friend class Residency;
  friend class ResidencyInvariants;
  friend struct ResidencyTestPeer;

  struct Job : PoolJob {
    Message* message = nullptr;
  };

  Message(OpenFiles& files, Residency& residency, uint32_t number, vm::Process& process,
          std::span<const BodyRange> body);
  void OnLastClose() override;

  Residency* residency_;  // Null when that has gone.
  const uint32_t number_;
  vm::Process& process_;
  const std::vector<BodyRange> body_;
  int64_t bytes_ = 0;
  int64_t pages_ = 0;

  State state_ = State::kReady;
  bool deleted_ = false;
  bool checking_ = false;
  bool pulled_ = false;  // A pull completed that the scheduler has not asked after.
  int error_ = 0;
  int pull_error_ = 0;  // The first access of the pull under way that failed.
  int pulls_ = 0;
  int last_result_ = -1;
  sim::SimTime asked_at_ = 0;  // When the pull under way was submitted.
  Job job_;
  FoundPage reading_;                  // The page that its worker waits for at the moment.
  std::vector<vm::FrameIndex> wired_;  // While it is being sent.
  Ref<Message> hold_;                  // While somebody works on it.
  Message* prev_ = nullptr;            // All messages, in order of creation.
  Message* next_ = nullptr;
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_MESSAGE_H_
