#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

#include "config/field_tables.h"

namespace userclient {

/// A sentence as the name of a test case: its words in PascalCase, cut short. The index keeps names apart.
inline std::string TestName(std::string_view sentence, size_t index) {
  constexpr size_t kLongest = 70;
  std::string name;
  bool word_begins = true;
  for (char c : sentence) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool of_a_name = lower || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (of_a_name && name.size() < kLongest) name += word_begins && lower ? static_cast<char>(c - 'a' + 'A') : c;
    word_begins = !of_a_name;
  }
  return name + "_" + std::to_string(index);
}

namespace internal {

// A table as a test parameter, shown by name and not by address.
inline void PrintTo(const ObjectSpec* spec, std::ostream* out) { *out << spec->name; }

}  // namespace internal
}  // namespace userclient
