#include "net/blocking.h"

namespace vmsim::net {

sim::Task<IoResult> Read(Ref<File> file, int64_t n, sim::SimDuration timeout_ns) {
  auto attempt = [&] { return file->TryRead(n, IoMode::kBlocking); };
  co_return co_await Retry(*file, sim::kReadableEvents, timeout_ns, "read", attempt);
}

sim::Task<IoResult> Write(Ref<File> file, int64_t n, sim::SimDuration timeout_ns) {
  int64_t written = 0;
  auto attempt = [&]() -> IoResult {
    const IoResult some = file->TryWrite(n - written, IoMode::kBlocking);
    if (some.error != 0) return some;
    written += some.bytes;
    return written == n ? IoResult{.bytes = n} : IoResult{.error = kEagain};
  };
  const IoResult last = co_await Retry(*file, sim::kWritableEvents, timeout_ns, "write", attempt);
  if (written > 0) co_return IoResult{.bytes = written};
  co_return last;
}

}  // namespace vmsim::net
