// sim/check.h: invariants of the simulator itself.
//
// CHECK(condition, ...) ends the process when `condition` is false: it prints the file, the line,
// the condition and the values that follow it, then calls the failure handler (abort() unless a
// program sets another: the vmsim command exits with status 70). A CHECK guards against bugs in
// vmsim; input can never fail one, that is what absl::Status at the edges is for.
//
// CHECKs are on in every build. Keep them out of the loop over resident references.
#ifndef VMSIM_SIM_CHECK_H_
#define VMSIM_SIM_CHECK_H_

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace vmsim::sim {

// Called after the message has gone to stderr. Must not return.
using CheckFailureHandler = void (*)(std::string_view message);
void SetCheckFailureHandler(CheckFailureHandler handler);

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              std::string_view detail);

namespace check_internal {
inline std::string Detail() { return {}; }
template <typename... Parts>
std::string Detail(const Parts&... parts) {
  return absl::StrCat(parts...);
}
}  // namespace check_internal
}  // namespace vmsim::sim

#define VMSIM_CHECK(condition, ...)                                                 \
  do {                                                                              \
    if (__builtin_expect(!(condition), 0))                                          \
      ::vmsim::sim::CheckFailed(__FILE__, __LINE__, #condition,                     \
                                ::vmsim::sim::check_internal::Detail(__VA_ARGS__)); \
  } while (false)

#define VMSIM_CHECK_OP(a, op, b, ...)                                                             \
  do {                                                                                            \
    const auto vmsim_check_a = (a);                                                               \
    const auto vmsim_check_b = (b);                                                               \
    if (__builtin_expect(!(vmsim_check_a op vmsim_check_b), 0))                                   \
      ::vmsim::sim::CheckFailed(__FILE__, __LINE__, #a " " #op " " #b,                            \
                                absl::StrCat(vmsim_check_a, " vs ", vmsim_check_b, " ",           \
                                             ::vmsim::sim::check_internal::Detail(__VA_ARGS__))); \
  } while (false)

#define CHECK(condition, ...) VMSIM_CHECK(condition, ##__VA_ARGS__)
#define CHECK_EQ(a, b, ...) VMSIM_CHECK_OP(a, ==, b, ##__VA_ARGS__)
#define CHECK_NE(a, b, ...) VMSIM_CHECK_OP(a, !=, b, ##__VA_ARGS__)
#define CHECK_LT(a, b, ...) VMSIM_CHECK_OP(a, <, b, ##__VA_ARGS__)
#define CHECK_LE(a, b, ...) VMSIM_CHECK_OP(a, <=, b, ##__VA_ARGS__)
#define CHECK_GT(a, b, ...) VMSIM_CHECK_OP(a, >, b, ##__VA_ARGS__)
#define CHECK_GE(a, b, ...) VMSIM_CHECK_OP(a, >=, b, ##__VA_ARGS__)

#endif  // VMSIM_SIM_CHECK_H_
