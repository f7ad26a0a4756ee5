#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/chaos/measures.h"
#include "tests/chaos/scenario.h"
#include "tests/chaos/way.h"

namespace userclient::chaos {

struct Result {
  /// As it was played.
  Scenario scenario{};
  /// Why it was not; then there is nothing else.
  std::optional<std::string> skipped{};
  Way way = Way::kUserclient;
  Measures measures{};
  /// Of userclient.
  std::vector<std::string> missed{};
};

/// The script, as text: "3 s kill pod 1, 8 s start pod 1".
std::string ScriptText(const Scenario& scenario);

/// The head of a table for a terminal, and a line of it.
std::string TableHead();
std::string TableLine(const Result& result);

/// The machine and the software under it, without a date.
std::string Machine();

/// All results as Markdown: a table for each scenario.
std::string Markdown(const std::vector<Result>& results);

/// All results with every second of them, for a program.
std::string JsonText(const std::vector<Result>& results);

}  // namespace userclient::chaos
