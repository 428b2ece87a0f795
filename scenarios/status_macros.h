// scenarios/status_macros.h: leaving a function with an error, in one line.
#ifndef VMSIM_SCENARIOS_STATUS_MACROS_H_
#define VMSIM_SCENARIOS_STATUS_MACROS_H_

#include "absl/status/status.h"

// Returns the status of `expression` from the function unless it is OK.
#define VMSIM_RETURN_IF_ERROR(expression)                                                  \
  do {                                                                                     \
    if (absl::Status vmsim_status = (expression); !vmsim_status.ok()) return vmsim_status; \
  } while (false)

#endif  // VMSIM_SCENARIOS_STATUS_MACROS_H_
