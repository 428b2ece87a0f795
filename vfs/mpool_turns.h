// vfs/mpool_turns.h: one call on a pool at a time, first come first served.
//
//   const MpoolTurns::Turn turn = co_await turns_.Take();
//
// The library that is modelled is synchronous and knows no threads: a buffer is invisible until its
// read is done. Callers of one pool therefore queue, whatever their priorities. Who leaves hands
// the turn to the next, so nobody who comes meanwhile gets in between.
#ifndef VMSIM_VFS_MPOOL_TURNS_H_
#define VMSIM_VFS_MPOOL_TURNS_H_

#include <utility>

#include "sim/engine.h"
#include "sim/task.h"
#include "sim/wait_channel.h"

namespace vmsim::vfs {

class MpoolTurns {
 public:
  explicit MpoolTurns(sim::Engine& engine) : engine_(engine) {}

  // Lasts until it is destroyed.
  class Turn {
   public:
    explicit Turn(MpoolTurns* turns) : turns_(turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->Pass();
    }

   private:
    MpoolTurns* turns_;
  };

  sim::Task<Turn> Take() {
    if (taken_) {
      co_await channel_.Sleep(engine_, sim::kPriorityUser, "mpool");
    }
    taken_ = true;
    co_return Turn(this);
  }

  bool taken() const { return taken_; }

 private:
  void Pass() {
    if (!channel_.WakeOne()) taken_ = false;
  }

  sim::Engine& engine_;
  sim::WaitChannel channel_;
  bool taken_ = false;
};

}  // namespace vmsim::vfs

#endif  // VMSIM_VFS_MPOOL_TURNS_H_
