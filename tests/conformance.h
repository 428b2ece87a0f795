// tests/conformance.h: checking the production code against recorded vectors.
//
// A vector is one JSON object: a starting state, what was done, and what came of it. Each kind of
// vector has one function that does the same to vmsim's own code and says where the results part.
// To add a kind: write tests/conformance_KIND.cc, declare its function here, and name it in the
// table of conformance.cc and in tests/BUILD.bazel.
//
// Files are untrusted: a function may use at() and the helpers below freely, for whatever they and
// the code under test throw (a CHECK that fails throws here too) only fails that vector; but it
// limits every size it takes from the file, with Int().
#ifndef VMSIM_TESTS_CONFORMANCE_H_
#define VMSIM_TESTS_CONFORMANCE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace vmsim::tests {

using Json = nlohmann::json;

// The first difference between a vector and vmsim, or "" if there is none.
using RunVector = std::string (*)(const Json& vector);

std::string RunBioq(const Json& vector);
std::string RunBlist(const Json& vector);
std::string RunEpoll(const Json& vector);
std::string RunFaultReadahead(const Json& vector);
std::string RunMpool(const Json& vector);
std::string RunPageoutLaundry(const Json& vector);
std::string RunPageoutPass(const Json& vector);
std::string RunPageoutScan(const Json& vector);
std::string RunPageoutThresholds(const Json& vector);
std::string RunPidctrl(const Json& vector);
std::string RunSfbuf(const Json& vector);
std::string RunSwap(const Json& vector);

// The vector does not have the shape of its kind.
class BadVector : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// An integer between `low` and `high`; throws BadVector if it is something else.
int64_t Int(const Json& value, int64_t low, int64_t high);
inline int32_t Int32(const Json& value) {
  return static_cast<int32_t>(
      Int(value, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()));
}

// "", or "what: want 1, got 2".
std::string Difference(const std::string& what, const Json& want, const Json& got);

// Rows hold what was done, then what came of it. Compares the fields of row `index` from `first` on
// with the array `got`; "" or the first that differs, with the row.
std::string RowDifference(size_t index, const Json& row, size_t first, const Json& got);

}  // namespace vmsim::tests

#endif  // VMSIM_TESTS_CONFORMANCE_H_
