#include "vm/pid_controller.h"

#include <algorithm>

namespace vmsim::vm {
namespace {

// Signed 32-bit arithmetic that wraps, which plain `int` leaves undefined.
int32_t Add(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
int32_t Subtract(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}
int32_t Multiply(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}

// Not std::clamp: a bound that wrapped may lie below `low`, and then `low` wins.
int32_t Clamp(int32_t value, int32_t low, int32_t high) {
  return std::max(std::min(value, high), low);
}

}  // namespace

PidController::PidController(const PidParams& params)
    : params_(params), bound_(Multiply(Multiply(params.bound, params.setpoint), params.kid)) {}

int32_t PidController::Classic(int32_t ticks, int32_t input) {
  ticks_ = ticks;
  input_ = input;
  olderror_ = error_;
  error_ = Subtract(params_.setpoint, input);
  integral_ = Clamp(Add(integral_, error_), Subtract(0, bound_), bound_);
  derivative_ = Subtract(error_, olderror_);
  output_ = Sum();
  return output_;
}

int32_t PidController::Daemon(int32_t ticks, int32_t input) {
  int32_t change = Subtract(params_.setpoint, input);
  if (static_cast<uint32_t>(Subtract(ticks, ticks_)) >= static_cast<uint32_t>(params_.interval)) {
    ticks_ = ticks;
    olderror_ = error_;
    error_ = 0;
    output_ = 0;
  } else {
    change = Subtract(change, Subtract(error_, output_));
  }
  input_ = input;
  error_ = Add(error_, change);
  integral_ = Clamp(Add(integral_, change), 0, bound_);
  derivative_ = Subtract(error_, olderror_);
  const int32_t increase = std::max(Subtract(Sum(), output_), 0);
  output_ = Add(output_, increase);
  return increase;
}

int32_t PidController::Sum() const {
  return Add(Add(error_ / std::max(params_.kpd, 1), integral_ / std::max(params_.kid, 1)),
             derivative_ / std::max(params_.kdd, 1));
}

}  // namespace vmsim::vm
