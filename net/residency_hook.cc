#include "net/residency_hook.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/check.h"

namespace vmsim::net {

HookPoint::Registration* HookPoint::Add(ResidencyHook hook, void* closure, int64_t config_version) {
  CHECK(hook != nullptr, "no function to register");
  registrations_.push_back(
      std::make_unique<Registration>(Registration{hook, closure, config_version}));
  return registrations_.back().get();
}

void HookPoint::RegisterFirst(ResidencyHook hook, void* closure, int64_t config_version) {
  Chain chain = *chain_;
  chain.insert(chain.begin(), Add(hook, closure, config_version));
  chain_ = std::make_shared<const Chain>(std::move(chain));
}

void HookPoint::RegisterLast(ResidencyHook hook, void* closure, int64_t config_version) {
  Chain chain = *chain_;
  chain.push_back(Add(hook, closure, config_version));
  chain_ = std::make_shared<const Chain>(std::move(chain));
}

sim::Task<int> HookPoint::Call(Message& message, int pull, int* result, int* decided_by) {
  const std::shared_ptr<const Chain> chain = chain_;
  Running running(*this);
  running.functions = chain->size();
  ++stats_.calls;
  if (decided_by != nullptr) *decided_by = -1;
  int code = kIoCont;
  for (size_t i = 0; i < chain->size() && code == kIoCont; ++i) {
    Registration& function = *(*chain)[i];
    ++running.ran;
    ++stats_.ran;
    *result = kNoResult;
    co_await engine_.Consume(hook_ns_);
    const int said = co_await function.hook(function.closure, message, pull, result);
    if (Judge(said, result)) {
      code = kIoDone;
      ++running.settled;
      ++stats_.settled;
      ++function.decided;
      if (decided_by != nullptr) *decided_by = static_cast<int>(i);
    } else {
      ++running.continued;
      ++stats_.continued;
    }
  }
  if (code == kIoCont) {
    *result = kNoResult;
    ++stats_.exhausted;
  }
  const size_t expected = running.settled == 1 ? running.continued + 1 : running.functions;
  out_of_order_ += running.ran != expected;
  co_return code;
}

bool HookPoint::Judge(int code, int* result) {
  if (code != kIoCont && code != kIoDone) ++stats_.bad_return;
  if (code != kIoDone) return false;
  if (*result != kInCore && *result != kNotInCore) {
    ++stats_.bad_result;
    *result = kNotInCore;
  }
  return true;
}

std::string HookPoint::BrokenOrder() const {
  if (out_of_order_ != 0) {
    return absl::StrCat(out_of_order_, " calls went on after IO_DONE, or ended before it");
  }
  int64_t running = 0;
  for (const Running* call = running_; call != nullptr; call = call->next) {
    ++running;
    if (call->settled == 0 && call->ran <= call->functions && call->ran <= call->continued + 1) {
      continue;
    }
    return absl::StrCat("function ", call->ran, " of ", call->functions, " runs after ",
                        call->continued, " that continued and ", call->settled, " that settled");
  }
  const int64_t ended = stats_.calls - running;
  if (stats_.settled + stats_.exhausted != ended) {
    return absl::StrCat(ended, " calls ended, ", stats_.settled, " settled and ", stats_.exhausted,
                        " left to the caller");
  }
  return "";
}

}  // namespace vmsim::net
