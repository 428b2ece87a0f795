#include "tests/fuzz/mutations.h"

#include <algorithm>
#include <iterator>

namespace vmsim::tests {
namespace {

struct Part {
  size_t begin;
  size_t length;
};

// Half of all parts are short.
Part Choose(const std::string& bytes, sim::SplitMix64& random) {
  const size_t begin = random.Below(bytes.size());
  const size_t longest = bytes.size() - begin;
  const size_t bound = random.Below(2) == 0 ? std::min<size_t>(longest, 16) : longest;
  return {begin, 1 + random.Below(bound)};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The decimal number at or after a place drawn at random; of length 0 if there is none.
Part ChooseNumber(const std::string& bytes, sim::SplitMix64& random) {
  const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(random.Below(bytes.size()));
  const auto begin = std::find_if(from, bytes.end(), IsDigit);
  const auto end = std::find_if_not(begin, bytes.end(), IsDigit);
  return {static_cast<size_t>(begin - bytes.begin()), static_cast<size_t>(end - begin)};
}

void ReplaceNumber(std::string& bytes, sim::SplitMix64& random) {
  constexpr const char* kNumbers[] = {"0",
                                      "1",
                                      "-1",
                                      "127",
                                      "999",
                                      "4096",
                                      "65536",
                                      "2147483647",
                                      "4294967296",
                                      "1000000000000000000",
                                      "9223372036854775807",
                                      "18446744073709551615"};
  const Part number = ChooseNumber(bytes, random);
  const char* with = kNumbers[random.Below(std::size(kNumbers))];
  if (number.length > 0) bytes.replace(number.begin, number.length, with);
}

void ReplaceDigit(std::string& bytes, sim::SplitMix64& random) {
  const Part number = ChooseNumber(bytes, random);
  const char digit = static_cast<char>('0' + random.Below(10));
  if (number.length > 0) bytes[number.begin] = digit;
}

void RepeatPart(std::string& bytes, sim::SplitMix64& random) {
  const Part part = Choose(bytes, random);
  const std::string copy = bytes.substr(part.begin, part.length);
  const uint64_t times = 1 + random.Below(8);
  std::string copies;
  for (uint64_t i = 0; i < times && copies.size() < kMaxMutatedBytes; ++i) copies += copy;
  bytes.insert(random.Below(bytes.size() + 1), copies);
}

void ChangeOnce(std::string& bytes, sim::SplitMix64& random) {
  if (bytes.empty()) {
    bytes += static_cast<char>(random.Below(256));
    return;
  }
  const size_t at = random.Below(bytes.size());
  const uint64_t change = random.Below(8);
  switch (change) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
      break;
    case 1:
      bytes[at] = static_cast<char>(random.Below(256));
      break;
    case 2:
      bytes.resize(at);
      break;
    case 3:
      RepeatPart(bytes, random);
      break;
    case 4: {
      const Part part = Choose(bytes, random);
      bytes.erase(part.begin, part.length);
      break;
    }
    case 5: {
      const Part part = Choose(bytes, random);
      bytes.replace(part.begin, part.length, part.length, '\0');
      break;
    }
    case 6:
      ReplaceNumber(bytes, random);
      break;
    default:
      ReplaceDigit(bytes, random);
      break;
  }
}

}  // namespace

std::string Mutate(const std::string& seed, sim::SplitMix64& random) {
  std::string bytes = seed;
  const uint64_t changes = 1 + random.Below(4);
  for (uint64_t i = 0; i < changes; ++i) {
    ChangeOnce(bytes, random);
    if (bytes.size() > kMaxMutatedBytes) bytes.resize(kMaxMutatedBytes);
  }
  return bytes;
}

}  // namespace vmsim::tests
