// The invariants of sendfile, one small check each.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "net/sendfile.h"
#include "sim/check.h"

namespace vmsim::net {

// Each check returns "", or what is wrong.
class SendfileInvariants {
 public:
  struct Check {
    const char* name;
    std::string (*find)(const Sendfile&);
  };
  static const Check kAll[];

 private:
  using Sfio = Sendfile::Sfio;

  // Calls visit(sfio) for each round in progress until it returns something.
  template <typename Visit>
  static std::string First(const Sendfile& s, Visit visit) {
    for (const auto& sfio : s.sfios_) {
      if (!sfio->in_use) continue;
      const std::string wrong = visit(*sfio);
      if (!wrong.empty()) return absl::StrCat("sfio ", sfio->index, ": ", wrong);
    }
    return "";
  }
  static bool HasMbuf(const Sfio::Mbuf& page) {
    return page.page != vm::kNoFrame && page.buf != vm::kNoSfBuf;
  }

  static std::string NiosBalance(const Sendfile& s) {
    return First(s, [](const Sfio& sfio) -> std::string {
      const int want = (sfio.call_holds ? 1 : 0) + sfio.started - sfio.done;
      if (sfio.nios == want && sfio.done <= sfio.started) return "";
      return absl::StrCat("nios is ", sfio.nios, ", the call holds ", sfio.call_holds ? 1 : 0, ", ",
                          sfio.started, " reads began, ", sfio.done, " ended");
    });
  }

  static std::string ObjectIsPaging(const Sendfile& s) {
    return First(s, [&](const Sfio& sfio) -> std::string {
      if (sfio.nios == 0) return "";
      int rounds = 0;
      for (const auto& other : s.sfios_) {
        rounds += other->in_use && other->nios > 0 && other->object == sfio.object;
      }
      if (sfio.object->paging_in_progress >= rounds) return "";
      return absl::StrCat("object ", sfio.object->id, " has ", sfio.object->paging_in_progress,
                          " paging operations, and ", rounds, " rounds");
    });
  }

  static std::string PagesWired(const Sendfile& s) {
    return First(s, [&](const Sfio& sfio) -> std::string {
      for (const Sfio::Mbuf& page : sfio.pages) {
        if (page.page == vm::kNoFrame || s.vm_.pages()[page.page].wired()) continue;
        return absl::StrCat("page ", page.page, " is not wired");
      }
      return "";
    });
  }

  static std::string BufsShowPages(const Sendfile& s) {
    const vm::SfBufs& bufs = s.vfs_.sf_bufs();
    return First(s, [&](const Sfio& sfio) -> std::string {
      for (const Sfio::Mbuf& page : sfio.pages) {
        if (!HasMbuf(page)) continue;
        const bool held = bufs.direct_map() || bufs.pool().buf(page.buf).ref_count > 0;
        const vm::FrameIndex shown = bufs.direct_map() ? page.buf : bufs.pool().buf(page.buf).page;
        if (held && shown == page.page) continue;
        return absl::StrCat("sf_buf ", page.buf, held ? " shows page " : " is free, page ", shown,
                            ", not ", page.page);
      }
      return "";
    });
  }

  // xfsize over the pages that are kept, by the kernel's own cases.
  static std::string QueuedBytes(const Sendfile& s) {
    return First(s, [](const Sfio& sfio) -> std::string {
      if (sfio.state == Sfio::State::kPaging) return "";
      const auto [off, len] = sfio.span;
      int64_t sum = 0;
      int64_t queued = 0;
      const int count = static_cast<int>(sfio.pages.size());
      for (int i = 0; i < count; ++i) {
        const int64_t rest = (off + len) % vm::kPageSize;
        if (i == 0) {
          sum += std::min(vm::kPageSize - off % vm::kPageSize, len);
        } else {
          sum += i == count - 1 && rest != 0 ? rest : vm::kPageSize;
        }
        queued += sfio.pages[i].bytes;
      }
      if (sum == len && queued == len) return "";
      return absl::StrCat(len, " bytes of the file in ", count, " pages that have ", sum, ", and ",
                          queued, " in mbufs");
    });
  }

  static std::string MbufCounts(const Sendfile& s) {
    int64_t all = 0;
    std::string wrong = First(s, [&](const Sfio& sfio) -> std::string {
      int mbufs = 0;
      for (const Sfio::Mbuf& page : sfio.pages) mbufs += HasMbuf(page);
      all += mbufs;
      if (mbufs == sfio.mbufs) return "";
      return absl::StrCat("counts ", sfio.mbufs, " mbufs, has ", mbufs);
    });
    if (wrong.empty() && all != s.mbufs_) wrong = absl::StrCat(all, " mbufs, counted ", s.mbufs_);
    return wrong;
  }

  static std::string SyncCounts(const Sendfile& s) {
    return First(s, [&](const Sfio& sfio) -> std::string {
      if (sfio.sync == nullptr) return "";
      int64_t mbufs = 0;
      for (const auto& other : s.sfios_) {
        if (other->in_use && other->sync == sfio.sync) mbufs += other->mbufs;
      }
      if (mbufs == sfio.sync->count) return "";
      return absl::StrCat("its call waits for ", sfio.sync->count, " mbufs, and has ", mbufs);
    });
  }
};

const SendfileInvariants::Check SendfileInvariants::kAll[] = {
    {"nios-balance", NiosBalance}, {"object-is-paging", ObjectIsPaging},
    {"pages-wired", PagesWired},   {"sf-bufs-show-pages", BufsShowPages},
    {"queued-bytes", QueuedBytes}, {"mbuf-counts", MbufCounts},
    {"sync-counts", SyncCounts},
};

std::vector<Sendfile::Broken> Sendfile::BrokenInvariants() const {
  std::vector<Broken> broken;
  for (const SendfileInvariants::Check& check : SendfileInvariants::kAll) {
    std::string detail = check.find(*this);
    if (!detail.empty()) broken.push_back({check.name, std::move(detail)});
  }
  return broken;
}

void Sendfile::CheckInvariants() const {
  const std::vector<Broken> broken = BrokenInvariants();
  CHECK(broken.empty(), "sendfile: ", broken.front().name, ": ", broken.front().detail);
}

}  // namespace vmsim::net
