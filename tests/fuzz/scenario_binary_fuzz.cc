// Bytes as a binary scenario, read from a .binpb file. What is accepted is accepted again when it
// is written as binary and as text.
#include <string>

#include "google/protobuf/text_format.h"
#include "scenarios/scenario_reader.h"
#include "sim/check.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vmsim;
  static const tests::ScratchFile scratch("fuzz.binpb");
  scratch.Write(data, size);
  const auto file = scenarios::ReadScenario(scratch.path());
  if (!file.ok()) {
    tests::CheckReadable(file.status());
    return 0;
  }
  const std::string bytes = file->scenario.SerializeAsString();
  scratch.Write(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const auto again = scenarios::ReadScenario(scratch.path());
  CHECK(again.ok(), again.status().ToString());
  CHECK(again->scenario.SerializeAsString() == bytes);
  // Fields that this version does not know pass in binary, and are no part of the text.
  v1::Scenario known = file->scenario;
  known.DiscardUnknownFields();
  std::string printed;
  CHECK(google::protobuf::TextFormat::PrintToString(known, &printed));
  const auto text = scenarios::ParseScenario(printed, "printed.txtpb");
  CHECK(text.ok(), text.status().ToString());
  CHECK(text->scenario.SerializeAsString() == known.SerializeAsString(), printed);
  return 0;
}
