// Prints what scenarios/testdata/schema.txt should hold:
//
//   bazel run //scenarios:schema_dump > scenarios/testdata/schema.txt
#include <iostream>

#include "scenarios/schema_dump.h"

int main() {
  for (const auto& line : vmsim::scenarios::CurrentSchemaLines()) std::cout << line << '\n';
  return std::cout.flush() ? 0 : 1;
}
