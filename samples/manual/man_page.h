#pragma once

#include <string>
#include <string_view>

#include "program_view.h"

namespace manual {

/// The page for man(1), section 1, in roff. It says what --help says, of the program and of every command. `see_also`: other
/// pages, as in "user_server(1)". In a footer indented lines are kept as they are, and a line before them that ends with a colon
/// is their heading: of the program, a section of its own.
std::string ManPage(const ProgramView& program, std::string_view version, std::string_view see_also);

}  // namespace manual
