// Runs a fuzz target over a corpus: each file, and a fixed series of mutations of it.
//
//   lackey_fuzz_test [--mutations=N] [--save=FILE] FILE...
//
// N mutations (default 100) are made of each file. They depend on the file's bytes and its last
// name alone, so every run tries the same inputs. When an input fails, its file and its number are
// printed, and its bytes are saved: in FILE, or in "failed_input" in the folder that Bazel
// collects.
//
// An input fails by a CHECK, a sanitizer's report, a signal, more than 20 s of time, or 512 MiB of
// memory.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "sim/check.h"
#include "sim/random.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutations.h"

// Where a sanitizer is linked in: calls `callback` before it ends the process.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace vmsim::tests {
namespace {

constexpr unsigned kMaxSecondsPerInput = 20;
// AddressSanitizer keeps what inputs before have freed, so each is charged with what it adds.
constexpr long kMaxKibPerInput = 1 << 19;

// The input that runs, for whoever finds out that it fails: a signal handler reads them.
std::string current_place;
std::string current_bytes;
std::string save_path;

// Only what a signal handler may call, from here ...
void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

void ReportInput() {
  if (current_place.empty()) return;
  const int file = open(save_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file >= 0) {
    WriteAll(file, current_bytes);
    close(file);
  }
  WriteAll(STDERR_FILENO, "\nThe input that failed: ");
  WriteAll(STDERR_FILENO, current_place);
  WriteAll(STDERR_FILENO, file >= 0 ? "\nIts bytes are in: " : "\nIts bytes cannot be saved in: ");
  WriteAll(STDERR_FILENO, save_path);
  WriteAll(STDERR_FILENO, "\n");
}

void OnSignal(int signal) {
  if (signal == SIGALRM) WriteAll(STDERR_FILENO, "The input takes more than 20 s.\n");
  ReportInput();
  std::signal(signal, SIG_DFL);
  raise(signal);
}
// ... to here.

void WatchForFailures() {
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(ReportInput);
  std::signal(SIGALRM, OnSignal);
  std::signal(SIGABRT, OnSignal);
  // The sanitizers tell more about these.
  if (__sanitizer_set_death_callback != nullptr) return;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, OnSignal);
}

// The most memory that the process has had so far.
long PeakKib() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

void RunInput(const std::string& place, std::string bytes) {
  current_place = place;
  current_bytes = std::move(bytes);
  const long peak_before = PeakKib();
  alarm(kMaxSecondsPerInput);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current_bytes.data()),
                         current_bytes.size());
  alarm(0);
  CHECK_LE(PeakKib() - peak_before, kMaxKibPerInput, "KiB of memory");
  current_place.clear();
}

// Runs a file and `mutations` of it.
bool RunFile(const std::string& path, int mutations) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad()) {
    std::cerr << path << ": cannot be read; name files of a corpus\n";
    return false;
  }
  RunInput(path, bytes);
  const std::string name = path.substr(path.rfind('/') + 1);
  sim::SplitMix64 random = sim::NamedStream(sim::StreamSeed(0, bytes), name);
  for (int i = 1; i <= mutations; ++i) {
    RunInput(absl::StrCat(path, ", mutation ", i), Mutate(bytes, random));
  }
  return true;
}

std::string DefaultSavePath() {
  const char* folder = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  return absl::StrCat(folder != nullptr ? folder : ".", "/failed_input");
}

int Main(int argc, char** argv) {
  int mutations = 100;
  save_path = DefaultSavePath();
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--save=")) {
      save_path = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--mutations=")) {
      if (!absl::SimpleAtoi(argument, &mutations) || mutations < 0) {
        std::cerr << "--mutations=" << argument << ": give a number of 0 or more\n";
        return 64;
      }
    } else {
      paths.emplace_back(argument);
    }
  }
  if (paths.empty()) {
    std::cerr << "usage: " << argv[0] << " [--mutations=N] [--save=FILE] FILE...\n";
    return 64;
  }
  WatchForFailures();
  bool good = true;
  for (const std::string& path : paths) good = RunFile(path, mutations) && good;
  std::cout << paths.size() << " files, " << paths.size() * (1 + static_cast<size_t>(mutations))
            << " inputs\n";
  return good ? 0 : 66;
}

}  // namespace
}  // namespace vmsim::tests

int main(int argc, char** argv) { return vmsim::tests::Main(argc, argv); }
