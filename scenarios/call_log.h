// scenarios/call_log.h: what the system calls of a run came to.
//
// Calls with a label are summed up each by itself. Of calls that came to another errno than the
// scenario says, the first few are kept, one for each step of a process, and the rest is counted:
// whatever a run does, its result stays small.
#ifndef VMSIM_SCENARIOS_CALL_LOG_H_
#define VMSIM_SCENARIOS_CALL_LOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "scenarios/scenario.pb.h"
#include "scenarios/steps.h"
#include "sim/time.h"

namespace vmsim::scenarios {

// Pages with each of mincore's bits.
struct MincoreSums {
  int64_t incore = 0;
  int64_t referenced = 0;
  int64_t modified = 0;
  int64_t referenced_other = 0;
  int64_t modified_other = 0;
  int64_t super = 0;
};
MincoreSums SumMincore(const std::vector<uint8_t>& bytes);

// A call that has returned.
struct Outcome {
  int error = 0;
  sim::SimDuration took_ns = 0;
  const MincoreSums* pages = nullptr;  // Of a mincore that succeeded.
  int64_t bytes = 0;                   // That it moved.
};

// The calls of one machine that ended as they should not have.
class UnexpectedCalls {
 public:
  static constexpr size_t kMaxKept = 64;

  struct Call {
    std::string process;
    const v1::Step* step;
    std::string path;  // Of the step: "steps[1].repeat.steps[0]".
    int error;         // Of the first time.
  };

  // The step is one of `steps`, the process's.
  void Note(const std::string& process, const Steps& steps, const v1::Step& step, int error);

  const std::vector<Call>& kept() const { return kept_; }
  // Calls of other steps than those.
  int64_t others() const { return others_; }

 private:
  std::vector<Call> kept_;
  int64_t others_ = 0;
};

// The calls of one process.
class CallLog {
 public:
  struct Labelled {
    const v1::Step* step = nullptr;
    int64_t times = 0;
    int64_t failures = 0;
    int last_error = 0;
    sim::SimDuration total_ns = 0;
    bool has_pages = false;
    MincoreSums pages;  // Of the last mincore that succeeded.
    int64_t bytes = 0;  // Moved by all of them.
  };

  // `steps` and `unexpected` outlive the log.
  CallLog(const Steps& steps, UnexpectedCalls& unexpected);

  void Note(const std::string& process, const v1::Step& step, const Outcome& outcome);

  // In the steps' order.
  const std::vector<Labelled>& labelled() const { return labelled_; }

 private:
  const Steps& steps_;
  UnexpectedCalls& unexpected_;
  std::vector<Labelled> labelled_;
  std::map<const v1::Step*, size_t> index_;  // Into labelled_; only looked up.
};

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_CALL_LOG_H_
