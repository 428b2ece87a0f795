// sim/trace.h: the event trace: what happened, when, on which CPU, to whom.
//
// Every part emits one record of 32 bytes for each thing that a person would want to see: a fault,
// a page queued, a request done. The trace is always on, because the digest of a run is made of it;
// so emitting is a store into a fixed buffer, and sinks see 256 records at a time. A sink computes
// something (a digest, counts) or writes something (text). Sinks see every record, once, in the
// order of emission; where one batch ends and the next begins means nothing.
//
// Types are numbers that each layer declares with the labels of the two arguments; which argument
// means what is the type's own business:
//
//     0 never used    1-0xff sim    0x100-0x1ff vm    0x200-0x2ff vfs    0x300-0x3ff net
#ifndef VMSIM_SIM_TRACE_H_
#define VMSIM_SIM_TRACE_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sim/time.h"

struct XXH3_state_s;  // xxhash.h stays out of this header.

namespace vmsim::sim {

// One event. The bytes in memory are what the digest is taken of and what a trace file holds:
// little-endian fields without padding.
struct TraceRecord {
  int64_t time;    // SimTime, ns.
  uint16_t type;   // Of a TraceTypeInfo.
  uint16_t cpu;    // The CPU whose thread emitted it.
  uint32_t actor;  // Who: a thread's, process's or device's number, as the type says.
  uint64_t a;
  uint64_t b;

  bool operator==(const TraceRecord&) const = default;
};
static_assert(std::endian::native == std::endian::little, "digests are of little-endian records");
static_assert(sizeof(TraceRecord) == 32 && std::has_unique_object_representations_v<TraceRecord>);
static_assert(offsetof(TraceRecord, time) == 0 && offsetof(TraceRecord, type) == 8 &&
              offsetof(TraceRecord, cpu) == 10 && offsetof(TraceRecord, actor) == 12 &&
              offsetof(TraceRecord, a) == 16 && offsetof(TraceRecord, b) == 24);

// What a type is called. A label "" says that the argument is not used. The texts must live as
// long as the program: types are constants.
struct TraceTypeInfo {
  uint16_t type;
  std::string_view name;
  std::string_view a;
  std::string_view b;
};

// The types that can occur in a machine's trace, collected from its layers.
class TraceCatalog {
 public:
  // Adds a layer's types. Requires: numbers (not 0) and names (not empty) are new.
  void Add(std::span<const TraceTypeInfo> infos);

  // The info of a type; null if nobody declared it.
  const TraceTypeInfo* Find(uint16_t type) const;
  const TraceTypeInfo* FindByName(std::string_view name) const;

  // All of them, by number.
  const std::vector<TraceTypeInfo>& types() const { return types_; }

 private:
  std::vector<TraceTypeInfo> types_;  // Sorted by type.
};

class TraceSink {
 public:
  virtual ~TraceSink() = default;
  // Takes the next `count` records, which are gone when the call returns. Must not emit.
  virtual void OnRecords(const TraceRecord* records, size_t count) = 0;
};

class Trace {
 public:
  static constexpr size_t kBufferRecords = 256;

  // `clock` is read at each Emit() and must outlive the trace.
  explicit Trace(const SimTime* clock) : clock_(clock) {}
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  // Sinks may be gone by now, so what was not flushed is lost: Flush() at the end of a run.
  ~Trace() = default;

  // The CPU of the records to come; whoever switches CPUs says so.
  void set_cpu(uint16_t cpu) { cpu_ = cpu; }

  void Emit(uint16_t type, uint32_t actor, uint64_t a, uint64_t b) {
    // Tested before the store, so that a sink that emits meets the CHECK in Flush(), not memory.
    if (__builtin_expect(used_ == kBufferRecords, 0)) Flush();
    buffer_[used_++] = {*clock_, type, cpu_, actor, a, b};
  }

  // Hands what is in the buffer to the sinks, in the order in which they were added.
  void Flush();

  // `sink` sees the records emitted from now on, until it is removed. Not owned.
  // Requires: it is not attached yet.
  void AddSink(TraceSink* sink);
  // Gives `sink` what is pending, then nothing more. Requires: it is attached.
  void RemoveSink(TraceSink* sink);

 private:
  const SimTime* clock_;
  size_t used_ = 0;
  uint16_t cpu_ = 0;
  bool flushing_ = false;
  std::vector<TraceSink*> sinks_;
  alignas(64) std::array<TraceRecord, kBufferRecords> buffer_;
};

// The digest of a trajectory: XXH3, 128 bits, over all records as they lie in memory, then over the
// results that were added. Two runs with the same digest did the same things at the same times.
class DigestSink final : public TraceSink {
 public:
  DigestSink();
  ~DigestSink() override;

  void OnRecords(const TraceRecord* records, size_t count) override;

  // Adds a result of the run (a counter, the last draw of a random stream), so that runs that
  // differ only there have different digests. Results come after the records whenever they are
  // added, in the order of the calls.
  void Add(std::string_view label, int64_t value);

  // The digest of the records flushed and the results added so far: 32 lower-case hexadecimal
  // digits, most significant first. May be called at any time, and changes nothing.
  std::string Hex() const;

 private:
  struct FreeState {
    void operator()(XXH3_state_s* state) const;
  };
  using State = std::unique_ptr<XXH3_state_s, FreeState>;
  static State NewState();

  State records_;
  std::string results_;
};

// How many records there were of each type.
class CountingSink final : public TraceSink {
 public:
  void OnRecords(const TraceRecord* records, size_t count) override;

  int64_t count(uint16_t type) const { return type < counts_.size() ? counts_[type] : 0; }
  int64_t total() const { return total_; }

 private:
  std::vector<int64_t> counts_;  // By type, as far as the largest seen.
  int64_t total_ = 0;
};

// A line of text for each record, times in ns:
//
//     1500 cpu0 actor=2 disk_read offset=4096 length=16384
//
// A type that the catalog does not know prints as type_0x123 with both arguments as a and b. Both
// arguments of the constructor must outlive the sink. Whether writing failed is the stream's to
// say.
class TextSink final : public TraceSink {
 public:
  TextSink(std::ostream& out, const TraceCatalog& catalog) : out_(out), catalog_(catalog) {}

  void OnRecords(const TraceRecord* records, size_t count) override;

 private:
  void AppendLine(const TraceRecord& record);

  std::ostream& out_;
  const TraceCatalog& catalog_;
  std::string text_;  // A batch's lines, written at once.
};

// Keeps every record, without bound: for tests.
class VectorSink final : public TraceSink {
 public:
  void OnRecords(const TraceRecord* records, size_t count) override;

  const std::vector<TraceRecord>& records() const { return records_; }
  void Clear() { records_.clear(); }

 private:
  std::vector<TraceRecord> records_;
};

}  // namespace vmsim::sim

#endif  // VMSIM_SIM_TRACE_H_
