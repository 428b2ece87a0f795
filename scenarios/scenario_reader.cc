#include "scenarios/scenario_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "scenarios/scenario_override.h"
#include "scenarios/status_macros.h"
#include "scenarios/text_hints.h"
#include "scenarios/text_parse.h"

namespace vmsim::scenarios {
namespace {

// A path in messages: as it is, unless it could do something to a terminal.
std::string Shown(const std::string& path) {
  for (const char c : path) {
    if (c < 0x20 || c == 0x7f) return Quoted(path);
  }
  return path;
}

absl::Status OpenError(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError(
        absl::StrCat(Shown(path), ": there is no such file; check the path"));
  }
  return absl::PermissionDeniedError(absl::StrCat(
      Shown(path), ": cannot be opened: ", strerror(error), "; check its permissions"));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ > STDIN_FILENO) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

absl::Status TooLarge(const std::string& path, int64_t max_bytes) {
  return absl::InvalidArgumentError(absl::StrCat(
      Shown(path), ": is larger than the ", max_bytes,
      " bytes that a scenario may have; make it smaller, or raise --max-scenario-bytes"));
}

// Reads the whole file, whose size is looked at first; a pipe is read until it is too long.
absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  // Opening must not wait for the other end of a named pipe, nor take over a terminal.
  const Descriptor file(path == "-"
                            ? STDIN_FILENO
                            : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.get() < 0) return OpenError(path, errno);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return OpenError(path, errno);
  if (S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Shown(path), ": is a folder; name a scenario file in it"));
  }
  if (path != "-" && !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Shown(path), ": is not a regular file; use - to read standard input"));
  }
  if (S_ISREG(info.st_mode) && info.st_size > max_bytes) return TooLarge(path, max_bytes);
  std::string bytes;
  char buffer[65536];
  while (true) {
    const ssize_t n = read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return OpenError(path, errno);
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(n));
    if (static_cast<int64_t>(bytes.size()) > max_bytes) return TooLarge(path, max_bytes);
  }
}

absl::Status ParseBinary(const std::string& bytes, const std::string& name,
                         v1::Scenario* scenario) {
  const google::protobuf::LogSilencer silence;  // It would tell stderr about bad UTF-8.
  if (scenario->ParseFromString(bytes)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name,
      ": is not a binary scenario: cut short, corrupt, or nested more than 100 deep; write it "
      "again, or use a .txtpb file"));
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// "scenarios/quick start.txtpb" becomes "quick_start".
std::string NameFromPath(const std::string& path) {
  std::string name = path == "-" ? "stdin" : path.substr(path.rfind('/') + 1);
  if (const size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0) name.resize(dot);
  for (char& c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '.' || c == '_';
    if (!plain) c = '_';
  }
  return name.substr(0, 64);
}

absl::StatusOr<ScenarioFile> Parse(const std::string& bytes, const std::string& path, bool binary,
                                   const ReadOptions& options) {
  ScenarioFile file;
  const std::string shown = path == "-" ? "<stdin>" : Shown(path);
  auto lines = binary ? nullptr : std::make_unique<ScenarioPlace::LineTree>();
  VMSIM_RETURN_IF_ERROR(binary ? ParseBinary(bytes, shown, &file.scenario)
                               : ParseText(bytes, shown, &file.scenario, lines.get()));
  file.place = ScenarioPlace(shown, std::move(lines));
  file.base_dir = FolderOf(path);
  for (const std::string& text : options.overrides) {
    absl::StatusOr<std::string> field = ApplyOverride(text, &file.scenario);
    if (!field.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(shown, ": ", field.status().message()));
    }
    file.place.AddOverride(*std::move(field), text);
  }
  VMSIM_RETURN_IF_ERROR(CheckScenario(file.scenario, file.place, options.check));
  if (file.scenario.name().empty()) file.scenario.set_name(NameFromPath(path));
  return file;
}

}  // namespace

absl::StatusOr<ScenarioFile> ReadScenario(const std::string& path, const ReadOptions& options) {
  absl::StatusOr<std::string> bytes = ReadFile(path, options.max_file_bytes);
  if (!bytes.ok()) return bytes.status();
  return Parse(*bytes, path, absl::EndsWith(path, ".binpb"), options);
}

absl::StatusOr<ScenarioFile> ParseScenario(const std::string& text, const std::string& name,
                                           const ReadOptions& options) {
  return Parse(text, name, false, options);
}

}  // namespace vmsim::scenarios
