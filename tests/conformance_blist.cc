// Vectors freebsd-blist: allocations, frees, fills and resizes of one list; after each operation
// the number of free blocks and the cursor, at the end the free extents.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/conformance.h"
#include "vm/blist.h"

namespace vmsim::tests {
namespace {

using vm::Blist;

constexpr int64_t kMostBlocks = int64_t{1} << 28;  // 1 TiB of swap.
constexpr size_t kMostExtents = 64;                // More are not listed.

uint32_t Blocks(const Json& value) { return static_cast<uint32_t>(Int(value, 0, kMostBlocks)); }

std::string RunOp(Blist& list, size_t index, const Json& op) {
  const std::string what = op.at(0);
  size_t first_result = 3;
  Json got = Json::array();
  if (what == "a") {
    const Blist::Extent extent = list.Alloc(Blocks(op.at(1)), Blocks(op.at(2)));
    got = {extent.count == 0 ? -1 : int64_t{extent.first}, extent.count};
  } else if (what == "f") {
    list.Free(Blocks(op.at(1)), Blocks(op.at(2)));
  } else if (what == "l") {
    got = {list.Fill(Blocks(op.at(1)), Blocks(op.at(2)))};
  } else if (what == "r") {
    list.Resize(Blocks(op.at(1)), Int(op.at(2), 0, 1) == 1);
  } else {
    throw BadVector(absl::StrCat("row ", index, ": unknown operation ", what));
  }
  got.push_back(list.avail());
  got.push_back(list.cursor());
  return RowDifference(index, op, first_result, got);
}

Json FreeExtents(const Blist& list) {
  uint32_t largest = 0;
  Json extents = Json::array();
  for (Blist::Extent e = list.NextFree(0); e.count > 0; e = list.NextFree(e.first + e.count)) {
    largest = std::max(largest, e.count);
    extents.push_back({e.first, e.count});
  }
  Json state = {{"nranges", extents.size()}, {"largest", largest}};
  if (extents.size() <= kMostExtents) state["free"] = std::move(extents);
  return state;
}

}  // namespace

std::string RunBlist(const Json& vector) {
  const uint32_t blocks = Blocks(vector.at("blocks"));
  std::string difference = Difference("radix", vector.at("radix"), Blist::Radix(blocks));
  if (!difference.empty()) return difference;
  Blist list(blocks);
  size_t index = 0;
  for (const Json& op : vector.at("ops")) {
    difference = RunOp(list, index++, op);
    if (!difference.empty()) return difference;
  }
  if (!vector.contains("final")) return "";
  return Difference("final", vector.at("final"), FreeExtents(list));
}

}  // namespace vmsim::tests
