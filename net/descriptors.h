// net/descriptors.h: a process's descriptors, small numbers that refer to files.
//
// A file may have several (dup); it ends with its last one, unless a call that sleeps on it still
// holds it. Model: FreeBSD sys/kern/kern_descrip.c.
#ifndef VMSIM_NET_DESCRIPTORS_H_
#define VMSIM_NET_DESCRIPTORS_H_

#include <cstdint>
#include <vector>

#include "net/file.h"

namespace vmsim::net {

// An error, or the descriptor.
struct DescriptorResult {
  int error = 0;
  int fd = -1;
};

class DescriptorTable {
 public:
  // At most `limit` descriptors, 0..limit-1 (RLIMIT_NOFILE).
  explicit DescriptorTable(OpenFiles& files, int limit = 1'000'000)
      : files_(files), limit_(limit) {}
  DescriptorTable(const DescriptorTable&) = delete;
  DescriptorTable& operator=(const DescriptorTable&) = delete;

  OpenFiles& files() const { return files_; }
  int limit() const { return limit_; }

  // The file of `fd`; null if it has none (EBADF).
  Ref<File> Get(int fd) const;

  // Gives `file` the lowest free descriptor. EMFILE; ENFILE if `file` is null, which is how the
  // makers of files say so.
  DescriptorResult Install(Ref<File> file);
  // Gives `file` the descriptor `fd`, which is closed first. EBADF out of range; ENFILE as above.
  DescriptorResult InstallAt(int fd, Ref<File> file);
  // dup2: lets `to` refer to the file of `from`. EBADF.
  DescriptorResult Dup(int from, int to);
  // EBADF.
  int Close(int fd);

 private:
  bool InRange(int fd) const { return fd >= 0 && fd < limit_; }

  OpenFiles& files_;
  const int limit_;
  std::vector<Ref<File>> table_;
  size_t lowest_free_ = 0;  // No descriptor below it is free.
};

}  // namespace vmsim::net

#endif  // VMSIM_NET_DESCRIPTORS_H_
