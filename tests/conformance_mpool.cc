// Vectors mpool: sequences of calls on the buffer pool, recorded from 4.4BSD's library: revision
// 8.5 as in NetBSD, 8.7 as in FreeBSD. Results, calls on the file, LRU order and statistics.
#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sim/engine.h"
#include "tests/conformance.h"
#include "vfs/errno.h"
#include "vfs/mpool.h"
#include "vfs/mpool_recorder.h"

namespace vmsim::tests {
namespace {

using vfs::Mpool;
using vfs::MpoolCall;
using vfs::MpoolPage;
using vfs::MpoolRecorder;

constexpr int64_t kMostPagesize = 1 << 20;
// Of the file, at first.
constexpr int64_t kMostPages = 1 << 20;
constexpr int64_t kMostFileBytes = 1 << 26;
constexpr int64_t kMostBytes = int64_t{1} << 40;
constexpr int kMostErrno = 200;

uint32_t Natural(const Json& value) { return static_cast<uint32_t>(Int(value, 0, UINT32_MAX)); }

int ErrnoOf(const std::string& name) {
  for (int error = 1; error < kMostErrno; ++error) {
    if (vfs::ErrnoName(error) == name) return error;
  }
  throw BadVector("unknown error " + name);
}

Json CallJson(const MpoolCall& call) {
  if (call.name == "fsync") return {"fsync", call.result};
  if (call.name == "pread") return {"pread", call.pgno, call.result};
  if (call.name == "pwrite") return {"pwrite", call.pgno, call.result, call.tag};
  return {call.name, call.pgno, call.tag};
}

class MpoolWorld {
 public:
  explicit MpoolWorld(const Json& vector)
      : pagesize_(static_cast<uint32_t>(Int(vector.at("pagesize"), 4, kMostPagesize))),
        file_(engine_, pagesize_,
              Int(vector.at("file_bytes"), 0, std::min(kMostPages * pagesize_, kMostFileBytes))) {
    const std::string variant = vector.at("variant");
    if (variant != "8.5" && variant != "8.7") throw BadVector("unknown variant " + variant);
    options_.compat = variant == "8.5" ? vfs::MpoolCompat::k85 : vfs::MpoolCompat::k87;
    options_.new_contents = vfs::MpoolNewContents::kFaithful;
  }

  // What `op` does, as the vector says it.
  Json Run(const Json& op) {
    Json result = Do(op.at("op"), op);
    Json trace = Json::array();
    for (const MpoolCall& call : file_.TakeCalls()) trace.push_back(CallJson(call));
    if (!trace.empty()) result["trace"] = std::move(trace);
    result["lru"] = Lru();
    if (pool_ == nullptr) return result;
    pool_->CheckInvariants();
    result["cur"] = pool_->stats().curcache;
    result["np"] = pool_->stats().npages;
    return result;
  }

  Json Stats() const {
    if (pool_ == nullptr) return nullptr;
    const vfs::MpoolStats& stats = pool_->stats();
    return {{"cachehit", stats.cachehit},   {"cachemiss", stats.cachemiss},
            {"pagealloc", stats.pagealloc}, {"pageflush", stats.pageflush},
            {"pageget", stats.pageget},     {"pagenew", stats.pagenew},
            {"pageput", stats.pageput},     {"pageread", stats.pageread},
            {"pagewrite", stats.pagewrite}, {"curcache", stats.curcache},
            {"npages", stats.npages}};
  }

  // The file, as far as `want` lists its pages; that they are all is compared first.
  std::string FileDifference(const Json& want) const {
    std::string difference = Difference("final bytes", want.at("bytes"), file_.size());
    if (!difference.empty()) return difference;
    const Json& tags = want.at("tags");
    difference = Difference("final pages", static_cast<int64_t>(tags.size()),
                            (file_.size() + pagesize_ - 1) / pagesize_);
    for (size_t page = 0; difference.empty() && page < tags.size(); ++page) {
      difference = Difference(absl::StrCat("final tag of page ", page), tags[page],
                              file_.tag(static_cast<int64_t>(page)));
    }
    return difference;
  }

 private:
  Json Do(const std::string& what, const Json& op) {
    if (what == "open") return Open(op);
    if (what == "fail") return Fail(op);
    if (what == "truncate") {
      file_.Truncate(Int(op.at("bytes"), 0, kMostBytes));
      return {{"r", 0}};
    }
    if (pool_ == nullptr) return {{"r", "skip"}};
    if (what == "get") return Get(op);
    if (what == "new") return New(op);
    if (what == "sync") return StatusJson(pool_->Sync().RunToCompletion());
    if (what == "close") return Close();
    if (what == "filter") return Filter(op);
    if (what == "fill" || what == "put" || what == "delete") return OnHandle(what, op);
    throw BadVector("unknown operation " + what);
  }

  Json Open(const Json& op) {
    const std::string fd = op.at("fd");
    if (fd != "file" && fd != "pipe" && fd != "badfd") throw BadVector("unknown file " + fd);
    file_.set_stat({0, fd == "file", file_.size()});
    handles_.clear();
    vfs::MpoolOpenResult opened =
        Mpool::Open(engine_, "", fd == "badfd" ? nullptr : &file_, memory_, pagesize_,
                    Natural(op.at("maxcache")), options_)
            .RunToCompletion();
    pool_ = std::move(opened.pool);
    if (pool_ == nullptr) return Failure(nullptr, opened.error);
    return {{"r", "ok"}};
  }

  Json Close() {
    const Json result = StatusJson(pool_->Close().RunToCompletion());
    pool_.reset();
    handles_.clear();
    return result;
  }

  Json Fail(const Json& op) {
    using Op = MpoolRecorder::Op;
    const std::string what = op.at("what");
    if (what != "pread" && what != "pwrite" && what != "fsync") {
      throw BadVector("unknown call " + what);
    }
    const Op call = what == "pread" ? Op::kRead : what == "pwrite" ? Op::kWrite : Op::kFsync;
    if (op.contains("short") && call != Op::kFsync) {
      file_.CutNext(call, Int(op.at("short"), 0, pagesize_));
    } else {
      file_.FailNext(call, ErrnoOf(op.at("errno")));
    }
    return {{"r", 0}};
  }

  Json Filter(const Json& op) {
    const bool on = Int(op.at("on"), 0, 1) == 1;
    pool_
        ->Filter(on ? MpoolRecorder::PageIn : nullptr, on ? MpoolRecorder::PageOut : nullptr,
                 on ? &file_ : nullptr)
        .RunToCompletion();
    return {{"r", 0}};
  }

  Json Get(const Json& op) {
    Json result =
        PageJson(op, pool_->Get(Natural(op.at("pgno")), Natural(op.at("flags"))).RunToCompletion());
    if (result["r"] == "ok") result["tag"] = pool_->contents(handles_[Handle(op)])[0];
    return result;
  }

  Json New(const Json& op) {
    return PageJson(
        op,
        pool_->New(Natural(op.at("flags")), Natural(op.value("pgno", Json(0)))).RunToCompletion());
  }

  // Fill, put or delete of a handle that is good.
  Json OnHandle(const std::string& what, const Json& op) {
    const bool is_85 = options_.compat == vfs::MpoolCompat::k85;
    const auto handle = handles_.find(Handle(op));
    if (handle == handles_.end() || !pool_->IsCached(handle->second) ||
        (what == "delete" && is_85)) {
      return {{"r", "skip"}};
    }
    const MpoolPage page = handle->second;
    if (what == "fill") {
      pool_->contents(page)[0] = Natural(op.at("tag"));
      return {{"r", 0}};
    }
    for (auto other = handles_.begin(); other != handles_.end();) {
      other = other->second == page ? handles_.erase(other) : std::next(other);
    }
    if (what == "delete") return StatusJson(pool_->Delete(page).RunToCompletion());
    const uint32_t flags = Int(op.at("dirty"), 0, 1) == 1 ? vfs::kMpoolDirty : 0;
    return StatusJson(pool_->Put(page, flags).RunToCompletion());
  }

  static int64_t Handle(const Json& op) { return Int(op.at("h"), 0, INT32_MAX); }

  Json PageJson(const Json& op, const vfs::MpoolPageResult& got) {
    handles_.erase(Handle(op));
    if (!got.page) return Failure(nullptr, got.error);
    handles_[Handle(op)] = got.page;
    return {{"r", "ok"}, {"pgno", got.pgno}};
  }
  static Json StatusJson(const vfs::MpoolStatus& status) {
    return status.result == 0 ? Json{{"r", 0}} : Failure(status.result, status.error);
  }
  static Json Failure(const Json& result, int error) {
    Json failure = {{"r", result}};
    if (error != 0) failure["err"] = vfs::ErrnoName(error);
    return failure;
  }

  Json Lru() const {
    if (pool_ == nullptr) return nullptr;
    Json pages = Json::array();
    const vfs::MpoolBuckets& buckets = pool_->buckets();
    for (uint32_t i = buckets.oldest(); i != vfs::kNoBucket; i = buckets.Newer(i)) {
      pages.push_back(
          absl::StrCat(buckets[i].pgno, buckets[i].dirty ? "d" : "", buckets[i].pinned ? "P" : ""));
    }
    return pages;
  }

  const uint32_t pagesize_;
  vfs::MpoolOptions options_;
  sim::Engine engine_;
  MpoolRecorder file_;
  vfs::MpoolHeap memory_;
  std::unique_ptr<Mpool> pool_;
  std::map<int64_t, MpoolPage> handles_;
};

std::string FirstDifference(const Json& vector) {
  const Json& ops = vector.at("ops");
  const Json& expect = vector.at("expect");
  if (ops.size() != expect.size()) throw BadVector("not one expectation for each operation");
  MpoolWorld world(vector);
  for (size_t i = 0; i < ops.size(); ++i) {
    const std::string difference =
        Difference(absl::StrCat("op ", i, " ", ops[i].dump()), expect[i], world.Run(ops[i]));
    if (!difference.empty()) return difference;
  }
  const std::string difference = Difference("stats", vector.at("stats"), world.Stats());
  return difference.empty() ? world.FileDifference(vector.at("final_file")) : difference;
}

}  // namespace

std::string RunMpool(const Json& vector) {
  const std::string name = vector.at("name");
  const std::string difference = FirstDifference(vector);
  return difference.empty() ? "" : absl::StrCat(name, ": ", difference);
}

}  // namespace vmsim::tests
