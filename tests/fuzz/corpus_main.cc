// Runs a fuzz target over a corpus: each file, and a fixed series of mutations of it.
//
//   lackey_fuzz_test [--mutations=N] [--save=FILE] FILE...
//
// N mutations (default 100) are made of each file. They depend on the file's bytes and its last name
// alone, so every run tries the same inputs. When an input fails, its file and its number are printed,
// and its bytes are saved: in FILE, or in "failed_input" in the folder that Bazel collects.
//
// An input fails by a CHECK, a sanitizer's report, a signal, more than 20 s of time, or more than 1 GiB
// of memory.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "sim/random.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutations.h"

// Where a sanitizer is linked in: calls `callback` before it ends the process.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace vmsim::tests {
namespace {

constexpr unsigned kMaxSecondsPerInput = 20;
constexpr long kMaxResidentKib = 1 << 20;

// The input that runs, for whoever finds out that it fails: a signal handler reads them.
std::string current_place;
std::string current_bytes;
std::string save_path;

// Only what a signal handler may call.
void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

void ReportInput() {
  if (current_place.empty()) return;
  WriteAll(STDERR_FILENO, "The input that failed: ");
  WriteAll(STDERR_FILENO, current_place);
  FILE* const none = nullptr;
  (void)none;
  WriteAll(STDERR_FILENO, "\nIts bytes are in ");
  WriteAll(STDERR_FILENO, save_path);
  WriteAll(STDERR_FILENO, "\n");
}
