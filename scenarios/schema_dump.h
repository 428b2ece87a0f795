// scenarios/schema_dump.h: the fields of scenario.proto and result.proto as lines of text, to keep
// them compatible.
//
// Scenario files carry the names of fields and enum values, binary ones their numbers, and readers
// of results depend on both. testdata/schema.txt records them, one line each, sorted:
//
//   vmsim.v1.Touch.write = 4: singular bool
//   vmsim.v1.Costs.reference_ns = 1: optional int64
//   vmsim.v1.Step.map = 1: oneof step, vmsim.v1.Map
//   vmsim.v1.Disk.Scheduler.FIFO = 2: value
//   vmsim.v1.Disk reserved 12            a number or a name that was in use once
//   vmsim.v1.Disk reserved "rpm"
//
// scenarios/schema_test holds the protos against the record.
#ifndef VMSIM_SCENARIOS_SCHEMA_DUMP_H_
#define VMSIM_SCENARIOS_SCHEMA_DUMP_H_

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace vmsim::scenarios {

// Everything in `file`, in the order of the lines.
std::vector<std::string> SchemaLines(const google::protobuf::FileDescriptor& file);

// The lines of scenario.proto and result.proto together.
std::vector<std::string> CurrentSchemaLines();

// What is wrong with `current`, given what `recorded` promises; empty if nothing is. A recorded
// line has to be there still, unless it was a field or value of which number and name are now
// reserved. Every current line has to be recorded. Each message says what to do.
std::vector<std::string> CompareSchemas(const std::vector<std::string>& recorded,
                                        const std::vector<std::string>& current);

}  // namespace vmsim::scenarios

#endif  // VMSIM_SCENARIOS_SCHEMA_DUMP_H_
