#include "scenarios/errno_names.h"

#include "net/errno.h"
#include "sim/errno.h"
#include "vfs/errno.h"

namespace vmsim::scenarios {
namespace {

struct Name {
  int number;
  const char* name;
};

constexpr Name kNames[] = {
    {sim::kEperm, "EPERM"},
    {sim::kEnoent, "ENOENT"},
    {sim::kEsrch, "ESRCH"},
    {sim::kEintr, "EINTR"},
    {sim::kEio, "EIO"},
    {sim::kEnxio, "ENXIO"},
    {sim::kEbadf, "EBADF"},
    {sim::kEchild, "ECHILD"},
    {sim::kEnomem, "ENOMEM"},
    {sim::kEacces, "EACCES"},
    {sim::kEfault, "EFAULT"},
    {sim::kEbusy, "EBUSY"},
    {sim::kEexist, "EEXIST"},
    {sim::kEinval, "EINVAL"},
    {vfs::kEfbig, "EFBIG"},
    {sim::kEnospc, "ENOSPC"},
    {vfs::kEspipe, "ESPIPE"},
    {net::kEpipe, "EPIPE"},
    {sim::kEagain, "EAGAIN"},
    {sim::kEopnotsupp, "EOPNOTSUPP"},
    {net::kEconnreset, "ECONNRESET"},
    {net::kEnobufs, "ENOBUFS"},
    {net::kEnotconn, "ENOTCONN"},
    {sim::kEloop, "ELOOP"},
    {vfs::kEftype, "EFTYPE"},
};

}  // namespace

std::string ErrnoName(int number) {
  for (const Name& name : kNames) {
    if (name.number == number) return name.name;
  }
  return std::to_string(number);
}

std::optional<int> ErrnoNumber(std::string_view name) {
  if (name == "0") return 0;
  for (const Name& known : kNames) {
    if (name == known.name) return known.number;
  }
  return std::nullopt;
}

const std::vector<std::string>& ErrnoNames() {
  static const auto* const names = [] {
    auto* list = new std::vector<std::string>;
    for (const Name& name : kNames) list->push_back(name.name);
    return list;
  }();
  return *names;
}

}  // namespace vmsim::scenarios
