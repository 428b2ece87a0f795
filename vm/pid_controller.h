// vm/pid_controller.h: how many pages the page daemon shall free, from how many are free.
//
// A discrete PID controller: the error is the setpoint less the input (both counts of pages), the
// output is
//
//     error / kpd  +  integral / kid  +  derivative / kdd
//
// each gain given as a divisor, each division on its own and truncating toward zero; a divisor
// below 1 divides by 1. Everything is 32-bit two's complement arithmetic that wraps, as in the
// kernel, so extreme inputs give the kernel's results too. All state starts at 0.
//
// Time is the kernel's tick counter, which wraps; `interval` is in ticks.
// Model: FreeBSD sys/kern/subr_pidctrl.c (pidctrl_init, pidctrl_classic, pidctrl_daemon).
#ifndef VMSIM_VM_PID_CONTROLLER_H_
#define VMSIM_VM_PID_CONTROLLER_H_

#include <cstdint>

namespace vmsim::vm {

struct PidParams {
  int32_t interval = 0;  // Ticks.
  int32_t setpoint = 0;  // Pages.
  int32_t bound = 0;  // The integral's bound, in setpoints of output: see PidController::bound().
  int32_t kpd = 1;    // Divisors of the proportional, integral and derivative terms.
  int32_t kid = 1;
  int32_t kdd = 1;

  friend bool operator==(const PidParams&, const PidParams&) = default;
};

class PidController {
 public:
  explicit PidController(const PidParams& params);

  // One full step at time `ticks`, whatever the interval; returns the output, which may be
  // negative. The integral stays within +-bound().
  int32_t Classic(int32_t ticks, int32_t input);

  // What to do now, never negative. The first call of an interval takes a step; a later call in the
  // same interval asks for the rest: the error is taken anew, as if what was asked for so far had
  // been there from the start, and only the increase is returned. The interval restarts at the tick
  // of the call that opens it. The integral stays within 0..bound().
  int32_t Daemon(int32_t ticks, int32_t input);

  int32_t bound() const { return bound_; }  // params.bound * setpoint * kid.
  int32_t setpoint() const { return params_.setpoint; }
  int32_t error() const { return error_; }
  int32_t olderror() const { return olderror_; }
  int32_t integral() const { return integral_; }
  int32_t derivative() const { return derivative_; }
  int32_t output() const { return output_; }  // Daemon: the sum of this interval.
  int32_t ticks() const { return ticks_; }    // When the last step or interval began.
  int32_t input() const { return input_; }    // Of the last call.

 private:
  friend struct InvariantsTestPeer;  // Plants defects.

  int32_t Sum() const;

  PidParams params_;
  int32_t bound_;
  int32_t error_ = 0;
  int32_t olderror_ = 0;
  int32_t integral_ = 0;
  int32_t derivative_ = 0;
  int32_t output_ = 0;
  int32_t ticks_ = 0;
  int32_t input_ = 0;
};

}  // namespace vmsim::vm

#endif  // VMSIM_VM_PID_CONTROLLER_H_
