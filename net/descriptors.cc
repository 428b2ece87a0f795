#include "net/descriptors.h"

#include <algorithm>
#include <utility>

namespace vmsim::net {

Ref<File> DescriptorTable::Get(int fd) const {
  return fd >= 0 && static_cast<size_t>(fd) < table_.size() ? table_[static_cast<size_t>(fd)]
                                                            : Ref<File>();
}

DescriptorResult DescriptorTable::Install(Ref<File> file) {
  if (!file) return {.error = kEnfile};
  while (lowest_free_ < table_.size() && table_[lowest_free_]) ++lowest_free_;
  if (lowest_free_ >= static_cast<size_t>(limit_)) return {.error = kEmfile};
  return InstallAt(static_cast<int>(lowest_free_), std::move(file));
}

DescriptorResult DescriptorTable::InstallAt(int fd, Ref<File> file) {
  if (!InRange(fd)) return {.error = kEbadf};
  if (!file) return {.error = kEnfile};
  const auto index = static_cast<size_t>(fd);
  if (index >= table_.size()) table_.resize(index + 1);
  // The old file, if there is one, ends only when the table is whole again.
  const Ref<File> old = std::exchange(table_[index], std::move(file));
  return {.fd = fd};
}

DescriptorResult DescriptorTable::Dup(int from, int to) {
  Ref<File> file = Get(from);
  if (!file) return {.error = kEbadf};
  return from == to ? DescriptorResult{.fd = to} : InstallAt(to, std::move(file));
}

int DescriptorTable::Close(int fd) {
  if (!Get(fd)) return kEbadf;
  const auto index = static_cast<size_t>(fd);
  lowest_free_ = std::min(lowest_free_, index);
  const Ref<File> old = std::exchange(table_[index], Ref<File>());
  return 0;
}

}  // namespace vmsim::net
