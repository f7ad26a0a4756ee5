#pragma once

/// What a parser of foreign bytes promises for any bytes at all.
///
/// Each target defines Feed. libFuzzer calls it with what it makes up (`./run fuzz`), and corpus_main.cc with the files of the
/// seed corpus (an ordinary test). A promise that is broken ends the process, which is what libFuzzer takes for a find.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace userclient::fuzz {

/// Gives `bytes` to the parser and holds it to its promises. Defined by the target.
void Feed(std::string_view bytes);

/// Ends the process if a promise is broken; `seen` is shown with it.
inline void Require(bool holds, const char* promise, std::string_view seen = {}) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n  seen: %s\n", promise, std::string(seen).c_str());
  std::abort();
}

}  // namespace userclient::fuzz
