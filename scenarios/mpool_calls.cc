#include "scenarios/mpool_calls.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "scenarios/generators.h"
#include "scenarios/scenario_config.h"
#include "scenarios/steps.h"
#include "sim/check.h"
#include "vfs/errno.h"

namespace vmsim::scenarios {
namespace {

constexpr size_t kReadAhead = 64;

vfs::MpoolOptions OptionsOf(const v1::MpoolOpen& open) {
  vfs::MpoolOptions options;
  if (open.compat() == v1::MpoolOpen::V8_7) options.compat = vfs::MpoolCompat::k87;
  options.strict = open.strict();
  options.wire_buffers = open.wire();
  return options;
}

}  // namespace

MpoolCalls::MpoolCalls(ProcessHost& host, vm::Process& process, FileCalls& files)
    : host_(host),
      process_(process),
      files_(files),
      seed_(sim::StreamSeed(host.seed(), process.name)),
      random_(sim::NamedStream(seed_, "random_pages")) {}

sim::Task<int> MpoolCalls::Run(const v1::Step& step) {
  co_await host_.engine().Consume(host_.vm().config().costs.reference_ns);
  if (step.has_mpool_open()) co_return co_await Open(step.mpool_open());
  Mine* const mine = Find(PoolOf(step));
  if (mine == nullptr) co_return vfs::kEinval;
  co_return co_await RunIn(*mine, step);
}

sim::Task<int> MpoolCalls::RunIn(Mine& mine, const v1::Step& step) {
  vfs::Mpool& pool = *mine.pool->pool;
  vfs::MpoolStatus status;
  switch (step.step_case()) {
    case v1::Step::kMpoolGet:
      co_return co_await Get(mine, step.mpool_get());
    case v1::Step::kMpoolNew:
      co_return co_await New(mine, step.mpool_new());
    case v1::Step::kMpoolTouch: {
      const vfs::MpoolPage page = PageOf(mine, step.mpool_touch().handle());
      co_return co_await Touch(mine, page, step.mpool_touch().write());
    }
    case v1::Step::kMpoolPut:
      status = co_await pool.Put(PageOf(mine, step.mpool_put().handle()),
                                 step.mpool_put().dirty() ? vfs::kMpoolDirty : 0);
      break;
    case v1::Step::kMpoolDelete:
      status = co_await pool.Delete(PageOf(mine, step.mpool_delete().handle()));
      break;
    case v1::Step::kMpoolSync:
      status = co_await pool.Sync();
      break;
    case v1::Step::kMpoolClose:
      status = co_await pool.Close();
      break;
    case v1::Step::kMpoolAccess:
      co_return co_await Access(mine, step);
    default:
      CHECK(false, "no call on pools");
  }
  co_return status.error;
}

MpoolCalls::Mine* MpoolCalls::Find(const std::string& pool) {
  const auto it = pools_.find(pool);
  return it == pools_.end() ? nullptr : &it->second;
}

vfs::MpoolPage MpoolCalls::PageOf(const Mine& mine, const std::string& handle) {
  const auto it = mine.handles.find(handle);
  return it == mine.handles.end() ? vfs::MpoolPage() : it->second;
}

// --- Which pools there are ---

// What the pool stands on: file and memory. ENOENT, ENOMEM.
int MpoolCalls::Back(const v1::MpoolOpen& open, OpenPool& made) {
  const auto pagesize = static_cast<uint32_t>(open.pagesize_bytes());
  if (open.connection().empty()) {
    if (const int error = files_.OpenIfClosed(open.file()); error != 0) return error;
    made.pages = std::make_unique<vfs::VnodeMpoolFile>(
        *host_.vfs(), host_.mpools()->words(), pagesize,
        [&made, &engine = host_.engine()] { return made.Descriptor(engine); });
  } else {
    made.pages = std::make_unique<vfs::StreamMpoolFile>(host_.engine(),
                                                        host_.vm().config().costs.syscall_ns);
  }
  if (open.shared() && pagesize > 0) {
    made.area = vfs::VmMpoolMemory::Area(host_.vm(), process_, pagesize,
                                         std::max<int64_t>(open.maxcache(), 1));
    made.memory = made.area.get();
    return made.memory == nullptr ? vfs::kEnomem : 0;
  }
  if (heap_ == nullptr) heap_ = vfs::VmMpoolMemory::Heap(host_.vm(), process_);
  made.memory = heap_.get();
  return 0;
}

sim::Task<int> MpoolCalls::Open(const v1::MpoolOpen& open) {
  if (Mine* const old = Find(open.pool()); old != nullptr) {
    co_await old->pool->pool->Close();
    Leave(*old);
    pools_.erase(open.pool());
  }
  const auto made = std::make_shared<OpenPool>();
  made->name = open.pool();
  made->file = open.file();
  made->users.push_back({&process_, &files_});
  if (const int error = Back(open, *made); error != 0) co_return error;
  vfs::MpoolOpenResult opened =
      co_await vfs::Mpool::Open(host_.engine(), "", made->pages.get(), *made->memory,
                                static_cast<uint32_t>(open.pagesize_bytes()),
                                static_cast<uint32_t>(open.maxcache()), OptionsOf(open));
  if (opened.pool == nullptr) co_return opened.error;
  made->pool = std::move(opened.pool);
  pools_[open.pool()] = {made, {}};
  host_.mpools()->Enter(made);
  co_return 0;
}

void MpoolCalls::Leave(Mine& mine) {
  OpenPool& pool = *mine.pool;
  pool.users.erase(
      std::find_if(pool.users.begin(), pool.users.end(),
                   [this](const OpenPool::User& user) { return user.process == &process_; }));
  if (pool.area != nullptr) pool.area->Detach(process_);
  if (pool.users.empty()) host_.mpools()->Leave(pool);
}

void MpoolCalls::Inherit(const MpoolCalls& parent) {
  for (const auto& [name, theirs] : parent.pools_) {
    if (theirs.pool->area == nullptr) continue;
    theirs.pool->users.push_back({&process_, &files_});
    theirs.pool->area->Attach(process_);
    pools_[name] = theirs;
  }
}

void MpoolCalls::LeaveAll() {
  for (auto& [name, mine] : pools_) Leave(mine);
  pools_.clear();
}

// --- Pages ---

sim::Task<int> MpoolCalls::Get(Mine& mine, const v1::MpoolGet& get) {
  auto pgno = static_cast<uint64_t>(get.page());
  if (get.random_pages() > 0) pgno += random_.Below(static_cast<uint64_t>(get.random_pages()));
  const vfs::MpoolPageResult got = co_await mine.pool->pool->Get(
      static_cast<vfs::MpoolPgno>(pgno), get.ignore_pin() ? vfs::kMpoolIgnorePin : 0);
  if (got.page) mine.handles[get.handle()] = got.page;
  co_return got.error;
}

sim::Task<int> MpoolCalls::New(Mine& mine, const v1::MpoolNew& call) {
  const vfs::MpoolPageResult made =
      co_await mine.pool->pool->New(call.has_page() ? vfs::kMpoolPageRequest : vfs::kMpoolPageNext,
                                    static_cast<vfs::MpoolPgno>(call.page()));
  if (made.page) mine.handles[call.handle()] = made.page;
  co_return made.error;
}

// The program's own references. While they sleep another process may have closed the pool, or used
// the buffer of a page that is not pinned.
sim::Task<int> MpoolCalls::Touch(Mine& mine, vfs::MpoolPage page, bool write) {
  vfs::Mpool& pool = *mine.pool->pool;
  if (!pool.IsCached(page)) co_return vfs::kEinval;
  const vfs::MpoolTouch touch =
      co_await pool.Touch(page, write ? vfs::MpoolAccess::kWrite : vfs::MpoolAccess::kRead);
  if (touch.error != 0) {
    if (!process_.killed()) host_.vm().Kill(process_, mine.pool->memory->last_signal());
    co_return touch.error;
  }
  if (!write || !pool.IsCached(page)) co_return 0;
  for (vfs::MpoolTag& word : pool.contents(page)) word = host_.mpools()->NewWord();
  co_return 0;
}

sim::Task<int> MpoolCalls::Access(Mine& mine, const v1::Step& step) {
  vfs::Mpool& pool = *mine.pool->pool;
  const VptRecord record = NextOf(step);
  const vfs::MpoolPageResult got = co_await pool.Get(static_cast<vfs::MpoolPgno>(
      static_cast<uint64_t>(step.mpool_access().first_page()) + record.page()));
  if (!got.page) co_return got.error;
  const int error = co_await Touch(mine, got.page, record.writes());
  if (error != 0) co_return error;
  const vfs::MpoolStatus put = co_await pool.Put(got.page, record.writes() ? vfs::kMpoolDirty : 0);
  co_return put.error;
}

// Where the step left off when it ran the last time it goes on.
VptRecord MpoolCalls::NextOf(const v1::Step& step) {
  Stream& stream = streams_[&step];
  if (stream.source == nullptr) {
    const uint64_t seed = sim::StreamSeed(seed_, absl::StrCat("mpool_access.", streams_.size()));
    auto source = MakeGenerator(ToGeneratorConfig(step.mpool_access(), seed));
    CHECK(source.ok(), "the scenario check accepted it: ", source.status().message());
    stream.source = *std::move(source);
  }
  if (stream.next == stream.records.size()) {
    stream.records.resize(kReadAhead);
    stream.records.resize(stream.source->Fill(stream.records.data(), kReadAhead));
    stream.next = 0;
    CHECK(!stream.records.empty(), "a recipe has come to an end");
  }
  return VptRecord{stream.records[stream.next++]};
}

}  // namespace vmsim::scenarios
