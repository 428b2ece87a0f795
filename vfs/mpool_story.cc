#include "vfs/mpool_story.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "sim/check.h"
#include "vfs/errno.h"

namespace vmsim::vfs {

namespace {

std::vector<std::string> Split(std::string_view text, char separator) {
  return absl::StrSplit(absl::string_view(text.data(), text.size()), separator,
                        absl::SkipWhitespace());
}

int ErrnoOf(const std::string& name) {
  int error = 1;
  while (error < 100 && ErrnoName(error) != name) ++error;
  CHECK_LT(error, 100, "no error ", name);
  return error;
}

std::string ErrorText(int error) { return error == 0 ? "no errno" : std::string(ErrnoName(error)); }

std::string StatusText(const MpoolStatus& status) {
  return status.result == 0 ? "ok" : ErrorText(status.error);
}

std::string_view MisuseName(MpoolMisuse misuse) {
  switch (misuse) {
    case MpoolMisuse::kGetOfPinned:
      return "GetOfPinned";
    case MpoolMisuse::kPutOfUnpinned:
      return "PutOfUnpinned";
    case MpoolMisuse::kDeleteOfUnpinned:
      return "DeleteOfUnpinned";
    case MpoolMisuse::kCloseWithPinned:
      return "CloseWithPinned";
    case MpoolMisuse::kNotAPage:
      return "NotAPage";
    case MpoolMisuse::kUseAfterClose:
      return "UseAfterClose";
    case MpoolMisuse::kOutOfNumbers:
      return "OutOfNumbers";
  }
  return "";
}

}  // namespace

MpoolStory::MpoolStory(const Setup& setup)
    : setup_(setup), file_(engine_, kPagesize, setup.pages * kPagesize + setup.bytes), pages_(26) {
  CHECK_EQ(Open(), "ok");
}

std::string MpoolStory::Run(std::string_view script) {
  std::string result;
  for (const std::string& step : Split(script, ';')) {
    file_.TakeCalls();
    result = Step(Split(step, ' '));
    pool_->CheckInvariants();
  }
  return absl::StrCat(result, " | ", Calls(), " | ", Lru());
}

std::string MpoolStory::Step(const Words& words) {
  const std::string& what = words.at(0);
  if (what == "open") return Open();
  if (what == "get") return Get(words);
  if (what == "new") return New(words);
  if (what == "sync") return StatusText(pool_->Sync().RunToCompletion());
  if (what == "close") return StatusText(pool_->Close().RunToCompletion());
  if (what == "filter") {
    const bool on = words.at(1) == "on";
    pool_
        ->Filter(on ? MpoolRecorder::PageIn : nullptr, on ? MpoolRecorder::PageOut : nullptr,
                 &file_)
        .RunToCompletion();
    return "ok";
  }
  if (what == "put" || what == "delete" || what == "fill" || what == "see") return OnPage(words);
  return Spoil(words);
}

std::string MpoolStory::Open() {
  MpoolOpenResult opened =
      Mpool::Open(engine_, "key", &file_, memory_, kPagesize, setup_.maxcache, setup_.options)
          .RunToCompletion();
  if (opened.pool == nullptr) return ErrorText(opened.error);
  pool_ = std::move(opened.pool);
  return "ok";
}

std::string MpoolStory::Get(const Words& words) {
  const uint32_t flags = words.size() > 3 ? kMpoolIgnorePin : 0;
  const auto pgno = static_cast<MpoolPgno>(std::stoul(words.at(2)));
  return HandOut(words.at(1), pool_->Get(pgno, flags).RunToCompletion());
}

std::string MpoolStory::New(const Words& words) {
  uint32_t flags = 0;
  MpoolPgno requested = 0;
  if (words.size() > 2 && words[2] == "request") {
    flags = kMpoolPageRequest;
    requested = static_cast<MpoolPgno>(std::stoul(words.at(3)));
  } else if (words.size() > 2 && words[2] == "next") {
    flags = kMpoolPageNext;
  } else if (words.size() > 2) {
    flags = static_cast<uint32_t>(std::stoul(words.at(3)));
  }
  return HandOut(words.at(1), pool_->New(flags, requested).RunToCompletion());
}

std::string MpoolStory::OnPage(const Words& words) {
  const MpoolPage page = this->page(words.at(1).at(0));
  if (words[0] == "put") {
    const uint32_t flags = words.size() > 2 ? kMpoolDirty : 0;
    return StatusText(pool_->Put(page, flags).RunToCompletion());
  }
  if (words[0] == "delete") return StatusText(pool_->Delete(page).RunToCompletion());
  if (words[0] == "see") return absl::StrCat(pool_->contents(page)[0]);
  pool_->contents(page)[0] = std::stoul(words.at(2));
  return "ok";
}

std::string MpoolStory::Spoil(const Words& words) {
  using Op = MpoolRecorder::Op;
  const std::string& what = words.at(0);
  const std::string& which = words.at(1);
  const Op op = which == "read" ? Op::kRead : which == "write" ? Op::kWrite : Op::kFsync;
  if (what == "truncate") {
    file_.Truncate(std::stoll(which));
  } else if (what == "cut") {
    file_.CutNext(op, std::stoll(words.at(2)));
  } else if (what == "touch") {
    memory_.EndTouch(which == "swapped" ? MpoolTouch{0, true} : MpoolTouch{ErrnoOf(which), false});
  } else if (which == "alloc") {
    memory_.FailAllocate(ErrnoOf(words.at(2)));
  } else if (which == "wire") {
    memory_.FailWire(ErrnoOf(words.at(2)));
  } else {
    CHECK_EQ(what, "fail", "no such step");
    file_.FailNext(op, ErrnoOf(words.at(2)));
  }
  return "ok";
}

std::string MpoolStory::HandOut(const std::string& letter, const MpoolPageResult& result) {
  pages_[static_cast<size_t>(letter.at(0) - 'a')] = result.page;
  return result.page ? absl::StrCat(result.pgno) : ErrorText(result.error);
}

std::string MpoolStory::Calls() {
  std::vector<std::string> calls;
  for (const MpoolCall& call : file_.TakeCalls()) {
    std::string text(call.name);
    if (call.name == "fsync") {
      absl::StrAppend(&text, " ", call.result);
    } else {
      absl::StrAppend(&text, " ", call.pgno);
      if (call.name[1] != 'g') absl::StrAppend(&text, " ", call.result);
      if (call.name != "pread") absl::StrAppend(&text, " ", call.tag);
    }
    calls.push_back(text);
  }
  return absl::StrJoin(calls, ", ");
}

std::string MpoolStory::Lru() const {
  std::vector<std::string> pages;
  const MpoolBuckets& buckets = pool_->buckets();
  for (uint32_t i = buckets.oldest(); i != kNoBucket; i = buckets.Newer(i)) {
    pages.push_back(
        absl::StrCat(buckets[i].pgno, buckets[i].dirty ? "d" : "", buckets[i].pinned ? "P" : ""));
  }
  return absl::StrJoin(pages, " ");
}

std::string MpoolStory::Violations() const {
  std::vector<std::string> names;
  for (const MpoolViolation& violation : pool_->violations()) {
    const std::string_view name = MisuseName(violation.misuse);
    names.push_back(absl::StrCat(absl::string_view(name.data(), name.size()), " ", violation.pgno));
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace vmsim::vfs
