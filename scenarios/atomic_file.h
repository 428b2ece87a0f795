// scenarios/atomic_file.h: output that is there whole, or not at all.
//
// Bytes go to a temporary file beside the target; Commit() gives it the target's name, replacing
// what had it. Without a Commit() the temporary file is removed, also after an error.
//
// Errors are absl::Status, name the file and say what the system said:
//   FailedPrecondition  it cannot be created; also if the target is there and is not a regular file
//                       (a folder, a device, a pipe), which a rename would replace
//   Unavailable         it cannot be written or renamed
#ifndef VMSIM_SCENARIOS_ATOMIC_FILE_H_
#define VMSIM_SCENARIOS_ATOMIC_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vmsim::scenarios {

class AtomicFile {
 public:
  static absl::StatusOr<std::unique_ptr<AtomicFile>> Create(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends `bytes`.
  absl::Status Write(std::string_view bytes);
  // Overwrites bytes that were already written, from `offset` on.
  absl::Status WriteAt(uint64_t offset, std::string_view bytes);
  // Closes the file and renames it to the target. Nothing may be written after this.
  absl::Status Commit();

  const std::string& path() const { return path_; }
  const std::string& temporary_path() const { return temporary_path_; }

 private:
  AtomicFile(std::string path, std::string temporary_path, int fd);
  absl::Status Error(int error, absl::string_view what) const;
  absl::Status WriteAll(uint64_t offset, std::string_view bytes);

  const std::string path_, temporary_path_;
  int fd_;  // -1 once closed.
  bool committed_ = false;
  uint64_t written_ = 0;
};

// Writes `bytes` to `path` in one go.
absl::Status WriteFileAtomically(const std::string& path, std::string_view bytes);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_ATOMIC_FILE_H_
