// Bytes as the text of a scenario: parsed and checked. What is accepted survives printing: the
// printed text is accepted as well, and says the same.
#include <string>

#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "scenarios/scenario_reader.h"
#include "sim/check.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vmsim;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto file = scenarios::ParseScenario(text, "fuzz.txtpb");
  if (!file.ok()) {
    tests::CheckReadable(file.status());
    return 0;
  }
  std::string printed;
  CHECK(google::protobuf::TextFormat::PrintToString(file->scenario, &printed));
  const auto again = scenarios::ParseScenario(printed, "printed.txtpb");
  CHECK(again.ok(), again.status().ToString());
  CHECK(google::protobuf::util::MessageDifferencer::Equals(file->scenario, again->scenario),
        printed);
  return 0;
}
