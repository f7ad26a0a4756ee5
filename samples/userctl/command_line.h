#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "commands.h"
#include "global_options.h"
#include "manual/program_view.h"

namespace userctl {

/// Adds every flag and command to `app`, with their help. Parsing fills `options` and sets `chosen`.
void DescribeCommandLine(CLI::App& app, GlobalOptions& options, Command& chosen);

/// The program and all its commands, as manuals and shells tell of them.
manual::ProgramView DescribeProgram();

/// What is wrong with a command line that `app` did not take.
std::string Explain(const CLI::App& app, const CLI::ParseError& error);

}  // namespace userctl
