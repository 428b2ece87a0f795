// Vectors freebsd-pidctrl: one controller, called again and again; all its state after each call.
#include "absl/strings/str_cat.h"
#include "tests/conformance.h"
#include "vm/pid_controller.h"

namespace vmsim::tests {

std::string RunPidctrl(const Json& vector) {
  const std::string function = vector.at("fn");
  if (function != "classic" && function != "daemon") {
    throw BadVector(absl::StrCat("unknown function ", function));
  }
  const Json& init = vector.at("init");
  vm::PidController pid({.interval = Int32(init.at("interval")),
                         .setpoint = Int32(init.at("setpoint")),
                         .bound = Int32(init.at("bound")),
                         .kpd = Int32(init.at("kpd")),
                         .kid = Int32(init.at("kid")),
                         .kdd = Int32(init.at("kdd"))});
  std::string difference = Difference("pc_bound", vector.at("pc_bound"), pid.bound());
  size_t index = 0;
  for (const Json& step : vector.at("steps")) {
    if (!difference.empty()) return difference;
    const int32_t ticks = Int32(step.at(0)), input = Int32(step.at(1));
    const int32_t result =
        function == "classic" ? pid.Classic(ticks, input) : pid.Daemon(ticks, input);
    difference = RowDifference(index++, step, 2,
                               {result, pid.error(), pid.olderror(), pid.integral(),
                                pid.derivative(), pid.output(), pid.ticks()});
  }
  return difference;
}

}  // namespace vmsim::tests
