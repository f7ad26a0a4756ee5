#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "session.h"

namespace userctl {

/// Carries a command out; returns the exit status.
using Command = std::function<int(Session&)>;

// Each adds its commands to `app`. Parsing sets `chosen` to the one that the person asks for.

void AddGetCommand(CLI::App& app, Command& chosen);
void AddListCommand(CLI::App& app, Command& chosen);
void AddCreateCommand(CLI::App& app, Command& chosen);
void AddImportCommand(CLI::App& app, Command& chosen);
void AddWatchCommand(CLI::App& app, Command& chosen);
void AddActivityCommand(CLI::App& app, Command& chosen);
void AddLookupCommand(CLI::App& app, Command& chosen);
void AddHealthCommand(CLI::App& app, Command& chosen);
void AddResolveCommand(CLI::App& app, Command& chosen);
void AddLoadCommand(CLI::App& app, Command& chosen);
void AddConfigCommands(CLI::App& app, Command& chosen);
void AddCompletionCommand(CLI::App& app, Command& chosen);
void AddManualCommand(CLI::App& app, Command& chosen);

}  // namespace userctl
