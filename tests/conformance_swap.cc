// Vectors freebsd-swap: the limits computed at boot; and lists of operations on swap devices and on
// the metadata of a few objects.
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/conformance.h"
#include "vm/swap_blocks.h"
#include "vm/swap_params.h"
#include "vm/swap_space.h"

namespace vmsim::tests {
namespace {

constexpr uint32_t kObjectPages = 100'000;
constexpr int64_t kMostObjects = 1000;
constexpr int64_t kMostDevBlocks = int64_t{1} << 31;  // 1 TiB.

uint32_t Natural(const Json& value, int64_t most = UINT32_MAX) {
  return static_cast<uint32_t>(Int(value, 0, most));
}

int64_t Number(vm::SwapBlock block) { return block == vm::kNoSwapBlock ? -1 : int64_t{block}; }

// The machine that a list of operations works on.
class SwapMachine {
 public:
  std::string Run(size_t index, const Json& op) {
    const std::string what = op.at(0);
    if (what == "b") return RowDifference(index, op, 4, Build(op));
    if (what == "h") return RowDifference(index, op, 3, HasPage(op));
    if (what == "l") return RowDifference(index, op, 3, FindLeast(op));
    if (what == "on") return RowDifference(index, op, 2, WithTail(SwapOn(op)));
    if (what == "g") return RowDifference(index, op, 2, WithTail(Get(op)));
    if (what == "p") return RowDifference(index, op, 3, WithTail(Free(op)));
    if (what == "c") return RowDifference(index, op, 3, WithTail(SetClosing(op)));
    if (what == "mf") return RowDifference(index, op, 4, WithTail(FreeRange(op)));
    if (what == "rs") return RowDifference(index, op, 4, WithTail(Reserve(op)));
    throw BadVector(absl::StrCat("row ", index, ": unknown operation ", what));
  }

 private:
  Json SwapOn(const Json& op) {
    const vm::SwapDevice& device =
        space_.device(space_.SwapOn(static_cast<uint64_t>(Int(op.at(1), 0, kMostDevBlocks))));
    return {device.first, device.end, space_.total()};
  }
  Json Get(const Json& op) {
    const vm::SwapSpace::Extent got = space_.Get(Natural(op.at(1)));
    return {Number(got.first), got.count};
  }
  Json Free(const Json& op) {
    space_.Free(Natural(op.at(1)), Natural(op.at(2)));
    return Json::array();
  }
  Json SetClosing(const Json& op) {
    space_.SetClosing(Int32(op.at(1)), Int(op.at(2), 0, 1) == 1);
    return Json::array();
  }
  Json Build(const Json& op) {
    const int64_t block = Int(op.at(3), -1, UINT32_MAX - 1);
    return {Number(Object(op)
                       .Build(meta_, Pindex(op),
                              block < 0 ? vm::kNoSwapBlock : static_cast<vm::SwapBlock>(block))
                       .value())};
  }
  Json HasPage(const Json& op) {
    const vm::SwapBlocks::Neighbours run = Object(op).HasPage(Pindex(op));
    return {int{run.present}, run.before, run.after};
  }
  Json FindLeast(const Json& op) { return {Object(op).FindLeast(Pindex(op))}; }
  // No page is resident, so every block counts.
  Json FreeRange(const Json& op) {
    return {Object(op).FreeRange(meta_, space_, Pindex(op), Natural(op.at(3)),
                                 [](uint64_t) { return true; })};
  }
  Json Reserve(const Json& op) {
    const bool done = Object(op).Reserve(meta_, space_, Pindex(op), Natural(op.at(3)));
    return {done ? 0 : -1};
  }

  Json WithTail(Json result) const {
    for (int64_t value : {space_.avail(), int64_t{space_.full()}, int64_t{space_.almost_full()},
                          int64_t{space_.rotor()}}) {
      result.push_back(value);
    }
    return result;
  }

  vm::SwapBlocks& Object(const Json& op) {
    std::unique_ptr<vm::SwapBlocks>& object = objects_[Int(op.at(1), 0, kMostObjects)];
    if (object == nullptr) object = std::make_unique<vm::SwapBlocks>(kObjectPages);
    return *object;
  }
  static vm::Pindex Pindex(const Json& op) { return Natural(op.at(2)); }

  vm::SwapMeta meta_;
  vm::SwapSpace space_;
  std::map<int64_t, std::unique_ptr<vm::SwapBlocks>> objects_;
};

std::string RunInit(const Json& vector) {
  const int64_t most = std::numeric_limits<int64_t>::max() / vm::kSwapMetaPages;
  const vm::SwapParams params =
      vm::ComputeSwapParams(Int(vector.at("maxphys"), 0, most),
                            static_cast<uint64_t>(Int(vector.at("page_count"), 0, most)),
                            static_cast<uint64_t>(Int(vector.at("maxswzone"), 0, most)));
  const Json got = {{"sizeof_swblk", vm::kSwblkBytes},
                    {"cluster_max", params.cluster_max},
                    {"async_writes", params.async_writes},
                    {"swap_maxpages", params.swap_maxpages},
                    {"meta_pages", vm::kSwapMetaPages},
                    {"lowat", vm::kSwapLowat},
                    {"hiwat", vm::kSwapHiwat}};
  for (const auto& [name, value] : got.items()) {
    const std::string difference = Difference(name, vector.at(name), value);
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace

std::string RunSwap(const Json& vector) {
  if (vector.at("kind") == "init") return RunInit(vector);
  SwapMachine machine;
  size_t index = 0;
  for (const Json& op : vector.at("ops")) {
    const std::string difference = machine.Run(index++, op);
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace vmsim::tests
