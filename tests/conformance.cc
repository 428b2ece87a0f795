// conformance KIND FILE: runs a file of recorded vectors (JSON Lines) against the production code.
//
// stdout: a line for each vector that fails, with its id and the first difference, then
// "N passed, M failed". Exit status: 0 all passed, 1 some failed, 64 usage, 65 a line is not a
// vector or the file has none, 66 the file cannot be read, 74 stdout cannot be written.
#include "tests/conformance.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "sim/check.h"

namespace vmsim::tests {
namespace {

struct Kind {
  std::string_view name;  // The vector file's name without .jsonl.
  RunVector run;
};
constexpr Kind kKinds[] = {
    {"epoll", RunEpoll},
    {"freebsd-bioq", RunBioq},
    {"freebsd-blist", RunBlist},
    {"freebsd-fault-readahead", RunFaultReadahead},
    {"freebsd-pageout-laundry", RunPageoutLaundry},
    {"freebsd-pageout-pass", RunPageoutPass},
    {"freebsd-pageout-scan", RunPageoutScan},
    {"freebsd-pageout-thresholds", RunPageoutThresholds},
    {"freebsd-pidctrl", RunPidctrl},
    {"freebsd-sfbuf", RunSfbuf},
    {"freebsd-swap", RunSwap},
    {"mpool", RunMpool},
};

constexpr int kExitFailed = 1, kExitUsage = 64, kExitData = 65, kExitNoInput = 66, kExitIo = 74;
constexpr size_t kLongestLine = size_t{64} << 20;  // Bytes; recorded vectors take 20 kB.

const Kind* FindKind(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

int Usage(std::FILE* to, int status) {
  std::fprintf(to, "usage: conformance KIND FILE\n\nKIND is one of:\n");
  for (const Kind& kind : kKinds) {
    std::fprintf(to, "  %.*s\n", static_cast<int>(kind.name.size()), kind.name.data());
  }
  return status;
}

// Lets a broken invariant of the code under test fail one vector instead of the process.
struct BrokenInvariant : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[noreturn]] void ThrowBrokenInvariant(std::string_view message) {
  throw BrokenInvariant(std::string(message));
}

std::string RunOne(const Kind& kind, const Json& vector) {
  try {
    return kind.run(vector);
  } catch (const BadVector& error) {
    return std::string("malformed vector: ") + error.what();
  } catch (const Json::exception& error) {
    return std::string("malformed vector: ") + error.what();
  } catch (const std::exception& error) {
    return error.what();
  }
}

enum class Line { kRead, kEnd, kTooLong };

Line ReadLine(std::streambuf& in, std::string& line) {
  constexpr int kEof = std::char_traits<char>::eof();
  line.clear();
  for (int c = in.sbumpc();; c = in.sbumpc()) {
    if (c == kEof) return line.empty() ? Line::kEnd : Line::kRead;
    if (c == '\n') return Line::kRead;
    if (line.size() == kLongestLine) return Line::kTooLong;
    line.push_back(static_cast<char>(c));
  }
}

// The vector in `line`; none if it is not one, and then `why` says so.
std::optional<Json> Parse(const std::string& line, std::string& why) {
  try {
    Json vector = Json::parse(line);
    if (vector.is_object()) return vector;
    why = "a vector is a JSON object";
  } catch (const Json::exception& error) {
    why = error.what();
  }
  return std::nullopt;
}

std::string IdOf(const Json& vector, int line_number) {
  const auto id = vector.find("id");
  if (id != vector.end() && id->is_string()) return id->get<std::string>();
  return "line " + std::to_string(line_number);
}

int RunFile(const Kind& kind, const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    std::fprintf(stderr, "conformance: %s: cannot be read\n", path);
    return kExitNoInput;
  }
  int line_number = 0, passed = 0, failed = 0;
  std::string line, why;
  for (Line got = ReadLine(*file.rdbuf(), line); got != Line::kEnd;
       got = ReadLine(*file.rdbuf(), line)) {
    ++line_number;
    if (got == Line::kRead && line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::optional<Json> vector;
    if (got == Line::kRead) {
      vector = Parse(line, why);
    } else {
      why = "the line is too long";
    }
    if (!vector.has_value()) {
      std::fprintf(stderr, "conformance: %s:%d: %s\n", path, line_number, why.c_str());
      return kExitData;
    }
    const std::string difference = RunOne(kind, *vector);
    ++(difference.empty() ? passed : failed);
    if (!difference.empty()) {
      std::printf("%s: %s\n", IdOf(*vector, line_number).c_str(), difference.c_str());
    }
  }
  if (passed + failed == 0) {
    std::fprintf(stderr, "conformance: %s: no vectors in it\n", path);
    return kExitData;
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  if (std::fflush(stdout) != 0) return kExitIo;
  return failed == 0 ? 0 : kExitFailed;
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") return Usage(stdout, 0);
  const Kind* kind = argc == 3 ? FindKind(argv[1]) : nullptr;
  if (kind == nullptr) return Usage(stderr, kExitUsage);
  sim::SetCheckFailureHandler(ThrowBrokenInvariant);
  try {
    return RunFile(*kind, argv[2]);
  } catch (const std::ios_base::failure& error) {
    std::fprintf(stderr, "conformance: %s: %s\n", argv[2], error.what());
    return kExitNoInput;
  }
}

}  // namespace
}  // namespace vmsim::tests

int main(int argc, char** argv) { return vmsim::tests::Main(argc, argv); }
