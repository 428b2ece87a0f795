// Vectors freebsd-bioq: requests that enter and leave one elevator queue; its position, barrier and
// counts after each operation.
#include "absl/strings/str_cat.h"
#include "sim/bioq.h"
#include "tests/conformance.h"

namespace vmsim::tests {
namespace {

using sim::Bioq;

constexpr int64_t kMostRequests = 1'000'000;

uint32_t Id(const Json& value) { return static_cast<uint32_t>(Int(value, 0, kMostRequests)); }
int64_t Shown(uint32_t id) { return id == Bioq::kNone ? -1 : int64_t{id}; }

sim::DiskRequest Request(const Json& op) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 2;  // Ends do not overflow.
  return {.offset = Int(op.at(2), 0, kMost),
          .length = Int(op.at(3), 0, kMost),
          .op = static_cast<sim::DiskOp>(Int(op.at(4), 1, 10)),
          .ordered = Int(op.at(5), 0, 1) == 1};
}

Json Order(const Bioq& queue) {
  Json ids = Json::array();
  for (uint32_t id = queue.First(); id != Bioq::kNone; id = queue.Next(id)) ids.push_back(id);
  return ids;
}

std::string RunOp(Bioq& queue, size_t index, const Json& op) {
  const std::string what = op.at(0);
  size_t first_result = 1;
  Json got = Json::array();
  if (what == "s" || what == "t" || what == "h") {
    first_result = 6;
    const auto insert = what == "s"   ? &Bioq::Disksort
                        : what == "t" ? &Bioq::InsertTail
                                      : &Bioq::InsertHead;
    (queue.*insert)(Id(op.at(1)), Request(op));
  } else if (what == "x") {
    got.push_back(Shown(queue.Takefirst()));
  } else if (what == "r") {
    first_result = 2;
    queue.Remove(Id(op.at(1)));
  } else if (what == "p") {
    got.push_back(Shown(queue.First()));
  } else if (what == "o") {
    got.push_back(Order(queue));
  } else if (what == "f") {
    first_result = 2;  // The error that the requests end with does not matter to the queue.
    Json ids = Json::array();
    queue.Flush([&ids](uint32_t id) { ids.push_back(id); });
    got.push_back(std::move(ids));
  } else {
    throw BadVector(absl::StrCat("row ", index, ": unknown operation ", what));
  }
  for (int64_t value :
       {queue.last_offset(), Shown(queue.insert_point()), queue.total(), queue.batched()}) {
    got.push_back(value);
  }
  return RowDifference(index, op, first_result, got);
}

}  // namespace

std::string RunBioq(const Json& vector) {
  Bioq queue(Int32(vector.at("batchsize")));
  size_t index = 0;
  for (const Json& op : vector.at("ops")) {
    const std::string difference = RunOp(queue, index++, op);
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace vmsim::tests
