#pragma once

#include <string>
#include <string_view>

#include "program_view.h"

namespace manual {

// A script that completes the commands and flags of a program, values that are choices or files, and, where the shell shows them,
// their descriptions. Flags of the program are offered with every command.
//
//   source <(userctl completion bash)

/// bash 4 and newer; needs nothing of the package bash-completion.
std::string BashCompletion(const ProgramView& program);
/// To be sourced after compinit, or as `_PROGRAM` in a directory of fpath.
std::string ZshCompletion(const ProgramView& program);
std::string FishCompletion(const ProgramView& program);

/// By the name of the shell: bash, zsh or fish. Empty for any other.
std::string CompletionFor(std::string_view shell, const ProgramView& program);

}  // namespace manual
