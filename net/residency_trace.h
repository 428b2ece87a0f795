// net/residency_trace.h: the events that message residency writes to the trace (sim/trace.h).
#ifndef VMSIM_NET_RESIDENCY_TRACE_H_
#define VMSIM_NET_RESIDENCY_TRACE_H_

#include <array>
#include <cstdint>

#include "sim/trace.h"

namespace vmsim::net::trace {

// The actor is the message's number.
enum : uint16_t {
  kMessageState = 0x340,   // a: MessageState; b: errno
  kMessageAnswer = 0x341,  // a: pull, 0 or 1; b: result, or 2 + errno if there is none
  kMessageBlock = 0x342,   // a: jobs on the queue. The submitter waits for the pool's backlog.
};

inline constexpr std::array kResidencyTypes = {
    sim::TraceTypeInfo{kMessageState, "message_state", "state", "errno"},
    sim::TraceTypeInfo{kMessageAnswer, "message_answer", "pull", "result"},
    sim::TraceTypeInfo{kMessageBlock, "message_block", "queued", ""},
};

}  // namespace vmsim::net::trace

#endif  // VMSIM_NET_RESIDENCY_TRACE_H_
