#include "sim/trace.h"

#include <xxhash.h>

#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sim/check.h"

namespace vmsim::sim {
namespace {

// Abseil does not take std::string_view everywhere: Debian builds it with a string_view of its own.
absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

bool LessType(const TraceTypeInfo& info, uint16_t type) { return info.type < type; }

}  // namespace

void TraceCatalog::Add(std::span<const TraceTypeInfo> infos) {
  for (const TraceTypeInfo& info : infos) {
    CHECK_NE(info.type, 0, View(info.name));
    CHECK(!info.name.empty(), "type ", info.type);
    CHECK(Find(info.type) == nullptr, "type ", info.type, " twice: ", View(info.name));
    CHECK(FindByName(info.name) == nullptr, "name twice: ", View(info.name));
    types_.insert(std::lower_bound(types_.begin(), types_.end(), info.type, LessType), info);
  }
}

const TraceTypeInfo* TraceCatalog::Find(uint16_t type) const {
  const auto found = std::lower_bound(types_.begin(), types_.end(), type, LessType);
  return found != types_.end() && found->type == type ? &*found : nullptr;
}

const TraceTypeInfo* TraceCatalog::FindByName(std::string_view name) const {
  const auto found = std::find_if(types_.begin(), types_.end(),
                                  [name](const TraceTypeInfo& info) { return info.name == name; });
  return found != types_.end() ? &*found : nullptr;
}

void Trace::Flush() {
  CHECK(!flushing_, "a trace sink emitted or flushed");
  if (used_ == 0) return;
  flushing_ = true;
  const size_t count = used_;
  for (TraceSink* sink : sinks_) sink->OnRecords(buffer_.data(), count);
  CHECK_EQ(used_, count, "a trace sink emitted");
  used_ = 0;
  flushing_ = false;
}

void Trace::AddSink(TraceSink* sink) {
  CHECK(sink != nullptr);
  CHECK(std::find(sinks_.begin(), sinks_.end(), sink) == sinks_.end(), "sink attached twice");
  Flush();
  sinks_.push_back(sink);
}

void Trace::RemoveSink(TraceSink* sink) {
  Flush();
  CHECK_EQ(std::erase(sinks_, sink), size_t{1}, "sink not attached");
}

void DigestSink::FreeState::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

DigestSink::State DigestSink::NewState() {
  State state(XXH3_createState());
  CHECK(state != nullptr, "out of memory");
  return state;
}

DigestSink::DigestSink() : records_(NewState()) { XXH3_128bits_reset(records_.get()); }

DigestSink::~DigestSink() = default;

void DigestSink::OnRecords(const TraceRecord* records, size_t count) {
  XXH3_128bits_update(records_.get(), records, count * sizeof(TraceRecord));
}

void DigestSink::Add(std::string_view label, int64_t value) {
  // A record of type 0, which no event has, says how long the label after it is: so no two
  // different sequences of records and results are the same bytes.
  const TraceRecord header{.time = 0,
                           .type = 0,
                           .cpu = 0,
                           .actor = 0,
                           .a = label.size(),
                           .b = static_cast<uint64_t>(value)};
  results_.append(reinterpret_cast<const char*>(&header), sizeof(header));
  results_.append(label);
}

std::string DigestSink::Hex() const {
  const State state = NewState();
  XXH3_copyState(state.get(), records_.get());
  XXH3_128bits_update(state.get(), results_.data(), results_.size());
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

void CountingSink::OnRecords(const TraceRecord* records, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t type = records[i].type;
    if (type >= counts_.size()) counts_.resize(size_t{type} + 1);
    ++counts_[type];
  }
  total_ += static_cast<int64_t>(count);
}

void TextSink::OnRecords(const TraceRecord* records, size_t count) {
  text_.clear();
  for (size_t i = 0; i < count; ++i) AppendLine(records[i]);
  out_.write(text_.data(), static_cast<std::streamsize>(text_.size()));
}

void TextSink::AppendLine(const TraceRecord& record) {
  absl::StrAppend(&text_, record.time, " cpu", record.cpu, " actor=", record.actor, " ");
  const TraceTypeInfo* info = catalog_.Find(record.type);
  if (info == nullptr) {
    absl::StrAppend(&text_, "type_0x", absl::Hex(record.type), " a=", record.a, " b=", record.b,
                    "\n");
    return;
  }
  text_ += info->name;
  if (!info->a.empty()) absl::StrAppend(&text_, " ", View(info->a), "=", record.a);
  if (!info->b.empty()) absl::StrAppend(&text_, " ", View(info->b), "=", record.b);
  text_ += '\n';
}

void VectorSink::OnRecords(const TraceRecord* records, size_t count) {
  records_.insert(records_.end(), records, records + count);
}

}  // namespace vmsim::sim
