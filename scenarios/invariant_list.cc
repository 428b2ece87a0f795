#include "scenarios/invariant_list.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "net/sendfile.h"
#include "vfs/vfs_invariants.h"

namespace vmsim::scenarios {
namespace {

using vm::CheckLevel;

// A part that keeps a list of its own.
struct PartInvariant {
  InvariantInfo info;
  std::string (*check)(Machine& machine);  // Empty if it holds.
};

// The first of what a part found broken.
template <typename Broken>
std::string First(const std::vector<Broken>& broken) {
  return broken.empty() ? "" : absl::StrCat(broken.front().name, ": ", broken.front().detail);
}

constexpr PartInvariant kParts[] = {
    {{"sendfile-sound", CheckLevel::kFull,
      "rounds of sendfile and their pages are in order (its own named checks)",
      "sys/kern/kern_sendfile.c"},
     [](Machine& machine) {
       return machine.vfs() == nullptr ? "" : First(machine.sendfile().BrokenInvariants());
     }},
    {{"mpools-sound", CheckLevel::kFull, "mpools are in order (their own named checks)",
      "4.4BSD lib/libc/db/mpool/mpool.c"},
     [](Machine& machine) {
       if (machine.mpools() == nullptr) return std::string();
       const auto broken = machine.mpools()->BrokenInvariants();
       return broken.empty() ? std::string() : std::string(broken.front());
     }},
    {{"mail-relay-sound", CheckLevel::kFull,
      "messages, residency and epoll of a mail relay are in order (their own named checks)",
      "net/mail_check.cc, net/residency_check.cc, net/epoll_invariants.cc"},
     [](Machine& machine) {
       return machine.mail() == nullptr ? "" : First(machine.mail()->BrokenInvariants());
     }},
};

}  // namespace

std::vector<InvariantInfo> ListInvariants() {
  std::vector<InvariantInfo> list;
  for (const vm::Invariant& invariant : vm::Invariants()) {
    list.push_back({invariant.name, invariant.level, invariant.what, invariant.source});
  }
  for (const vfs::VfsInvariant& invariant : vfs::VfsInvariants()) {
    list.push_back({invariant.name, invariant.level, invariant.what, invariant.source});
  }
  for (const PartInvariant& part : kParts) list.push_back(part.info);
  return list;
}

std::optional<vm::Violation> CheckAboveMemory(Machine& machine, vm::CheckLevel level) {
  if (machine.crash().has_value()) return std::nullopt;
  if (machine.vfs() != nullptr) {
    const std::optional<vm::Violation> violation = vfs::CheckVfs(*machine.vfs(), level);
    if (violation.has_value()) return violation;
  }
  for (const PartInvariant& part : kParts) {
    if (part.info.level > level) continue;
    std::string wrong = part.check(machine);
    if (!wrong.empty()) return vm::Violation{part.info.name, std::move(wrong)};
  }
  return std::nullopt;
}

}  // namespace vmsim::scenarios
