// What the programs tell man and the shells of themselves, asked of man and of the shells where they are installed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <ostream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/program.h"

namespace userclient::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr char kUserctl[] = USERCTL_PROGRAM;
constexpr char kUserServer[] = USER_SERVER_PROGRAM;

/// Where a program of this name is; empty if there is none.
std::string FindProgram(const std::string& name) {
  const char* const path = std::getenv("PATH");
  const std::vector<std::string> directories = absl::StrSplit(path == nullptr ? "" : path, ':');
  for (const std::string& directory : directories) {
    const std::string file = absl::StrCat(directory, "/", name);
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

/// The standard output of a program that ends well.
std::string Output(const std::vector<std::string>& arguments) {
  const Program::Result result = Program(arguments).Wait();
  EXPECT_EQ(result.exit_status, 0) << absl::StrJoin(arguments, " ") << "\n" << result.err;
  return result.out;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// ---- the manual page

struct Documented {
  std::string name{};
  std::string program{};
  std::vector<std::string> manual{};
  /// Of the program and its commands.
  std::vector<std::vector<std::string>> helps{};
};

void PrintTo(const Documented& documented, std::ostream* stream) { *stream << documented.name; }

std::vector<Documented> Programs() {
  const Documented server = {
      .name = "user_server", .program = kUserServer, .manual = {kUserServer, "--manual"}, .helps = {{kUserServer, "--help"}}};
  Documented userctl = {.name = "userctl", .program = kUserctl, .manual = {kUserctl, "manual"}, .helps = {{kUserctl, "--help"}}};
  for (const std::string command : {"get", "list", "create", "import", "watch", "activity", "lookup", "health", "resolve", "load",
                                    "config check", "config explain", "completion", "manual"}) {
    std::vector<std::string> help = {kUserctl};
    for (const std::string& word : std::vector<std::string>(absl::StrSplit(command, ' '))) help.push_back(word);
    help.emplace_back("--help");
    userctl.helps.push_back(std::move(help));
  }
  return {userctl, server};
}

class ManualTest : public ::testing::TestWithParam<Documented> {};

TEST_P(ManualTest, TellsOfEveryFlagOfEveryHelp) {
  // As man shows it, a minus is written \-.
  const std::string manual = absl::StrReplaceAll(Output(GetParam().manual), {{"\\-", "-"}});
  const std::regex flag("  (?:-[a-z],)?(--[a-z-]+)");

  int flags = 0;
  for (const std::vector<std::string>& arguments : GetParam().helps) {
    const std::string help = Output(arguments);
    for (std::sregex_iterator match(help.begin(), help.end(), flag), end; match != end; ++match, ++flags) {
      EXPECT_THAT(manual, HasSubstr(absl::StrCat("\\fB", (*match)[1].str(), "\\fR"))) << absl::StrJoin(arguments, " ");
    }
  }
  EXPECT_GT(flags, 20);
}

TEST_P(ManualTest, HasTheSectionsOfAManualPage) {
  const std::vector<std::string> lines = Lines(Output(GetParam().manual));

  EXPECT_THAT(lines, IsSupersetOf({".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH OPTIONS", ".SH \"EXIT STATUS\"",
                                   ".SH \"EXAMPLES\"", ".SH SEE ALSO"}));
}

TEST_P(ManualTest, HasNoLineThatManWouldTakeForAnUnknownMacro) {
  const std::set<std::string> macros = {".TH", ".SH", ".SS", ".PP", ".TP", ".RS", ".RE", ".nf", ".fi", ".nh"};

  for (const std::string& line : Lines(Output(GetParam().manual))) {
    if (!line.starts_with('.') && !line.starts_with('\'')) continue;
    EXPECT_THAT(macros, Contains(line.substr(0, line.find(' ')))) << line;
  }
}

TEST_P(ManualTest, ManTakesItWithoutAWarning) {
  const std::string man = FindProgram("man");
  if (man.empty()) GTEST_SKIP() << "no man here";
  const std::string script =
      absl::StrCat("unset MAN_KEEP_FORMATTING; ", absl::StrJoin(GetParam().manual, " "), " | ", man, " --warnings=w -l -");

  const Program::Result shown = Program({"/bin/sh", "-c", script}, {{"MANWIDTH", "80"}, {"LC_ALL", "C.UTF-8"}}).Wait();

  EXPECT_EQ(shown.exit_status, 0);
  EXPECT_THAT(shown.err, IsEmpty());
  EXPECT_THAT(shown.out, AllOf(HasSubstr("SYNOPSIS"), HasSubstr("--help"), HasSubstr("EXIT STATUS")));
}

INSTANTIATE_TEST_SUITE_P(Programs, ManualTest, ::testing::ValuesIn(Programs()),
                         [](const ::testing::TestParamInfo<Documented>& tested) { return tested.param.name; });

TEST(UserctlManualTest, TellsWhichFlagsGoTogether) {
  const std::string manual = absl::StrReplaceAll(Output({kUserctl, "manual"}), {{"\\-", "-"}});

  EXPECT_THAT(manual, AllOf(HasSubstr("the time between two looks; 5s by default (needs --watch)\n"),
                            HasSubstr("before its next call (INT in [1 - 1000]; not with --max-in-flight; not with --rate)\n")));
}

TEST(UserctlManualTest, HasACommandOfEveryHelp) {
  const std::string manual = Output({kUserctl, "manual"});

  EXPECT_THAT(manual, AllOf(HasSubstr("\n.SS \"\\fBuserctl config check\\fR [\\fIOPTION\\fR...] \\fIFILE\\fR\"\n"),
                            HasSubstr("\n.SS \"\\fBuserctl load\\fR [\\fIOPTION\\fR...] [\\fIID\\fR...]\"\n"),
                            HasSubstr("\n\\fBUSERCTL_TARGET\\fR\n")));
}

// ---- bash

/// What bash offers for the last of these words. The completion is really loaded, and asked as bash asks it.
std::vector<std::string> BashOffers(const std::string& script, const std::vector<std::string>& words) {
  const std::string program = words.front();
  std::string quoted;
  for (const std::string& word : words) absl::StrAppend(&quoted, " '", word, "'");
  const std::string asks = absl::StrCat("source <(", script, ") || exit 1\n", "complete -p ", program, " | grep -q -- '-F _",
                                        program, " ' || exit 2\n", "COMP_WORDS=(", quoted, ")\nCOMP_CWORD=", words.size() - 1,
                                        "\n_", program, "\n((${#COMPREPLY[@]} == 0)) || printf '%s\\n' \"${COMPREPLY[@]}\"\n");
  return Lines(Output({"/bin/bash", "--norc", "-c", asks}));
}

std::vector<std::string> Userctl(std::vector<std::string> words) {
  words.insert(words.begin(), "userctl");
  return BashOffers(absl::StrCat(kUserctl, " completion bash"), words);
}

TEST(BashCompletionTest, OffersCommands) {
  EXPECT_THAT(Userctl({"c"}), UnorderedElementsAre("create", "config", "completion"));
  EXPECT_THAT(Userctl({"config", ""}), UnorderedElementsAre("check", "explain"));
}

TEST(BashCompletionTest, OffersTheFlagsOfTheCommandAndOfTheProgram) {
  EXPECT_THAT(Userctl({"list", "--"}),
              AllOf(IsSupersetOf({"--limit", "--page-size", "--target", "--json", "--help"}), Not(Contains("--rate"))));
  EXPECT_THAT(Userctl({"load", "--ra"}), ElementsAre("--rate"));
}

TEST(BashCompletionTest, AFlagWithItsValueBeforeTheCommandIsNoCommand) {
  EXPECT_THAT(Userctl({"--target", "list", "ge"}), ElementsAre("get"));
  EXPECT_THAT(Userctl({"--target", "=", "list", "ge"}), ElementsAre("get"));
  EXPECT_THAT(Userctl({"--json", "load", "--du"}), ElementsAre("--duration"));
}

// Bash divides words at colons too.
TEST(BashCompletionTest, ATargetWithItsPortIsOneValue) {
  EXPECT_THAT(Userctl({"--target", "127.0.0.1", ":", "50051", "ge"}), ElementsAre("get"));
  EXPECT_THAT(Userctl({"--target", "=", "dns", ":", "///users", ":", "50051", "config", "ch"}), ElementsAre("check"));
  EXPECT_THAT(Userctl({"--target", "127.0.0.1", ":", "50051", "import", "--format", ""}), ElementsAre("csv", "jsonl"));
  EXPECT_THAT(Userctl({"--target", "users", ":", "g"}), IsEmpty());
  EXPECT_THAT(Userctl({"--target", "users", ":"}), IsEmpty());
}

TEST(BashCompletionTest, OffersChoices) {
  EXPECT_THAT(Userctl({"import", "--format", ""}), ElementsAre("csv", "jsonl"));
  EXPECT_THAT(Userctl({"import", "--format", "="}), ElementsAre("csv", "jsonl"));
  EXPECT_THAT(Userctl({"import", "--format", "=", "j"}), ElementsAre("jsonl"));
  EXPECT_THAT(Userctl({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
}

TEST(BashCompletionTest, OffersFilesWhereFilesAreMeant) {
  const std::string directory = std::string(kUserctl).substr(0, std::string(kUserctl).rfind('/'));
  const std::string begun = directory + "/userct";

  EXPECT_THAT(Userctl({"--config", begun}), Contains(kUserctl));
  EXPECT_THAT(Userctl({"import", begun}), Contains(kUserctl));
  EXPECT_THAT(Userctl({"config", "check", begun}), Contains(kUserctl));
  EXPECT_THAT(Userctl({"get", begun}), IsEmpty());
  EXPECT_THAT(Userctl({"--target", begun}), IsEmpty());
  EXPECT_THAT(Userctl({"get", "--key", begun}), Contains(kUserctl));
  EXPECT_THAT(Userctl({"create", "--key", begun}), Contains(kUserctl));
  EXPECT_THAT(Userctl({"create", "--idempotency-key", begun}), IsEmpty());
}

TEST(BashCompletionTest, KnowsTheServerToo) {
  const std::string script = absl::StrCat(kUserServer, " --completion bash");

  EXPECT_THAT(BashOffers(script, {"user_server", "--see"}), UnorderedElementsAre("--seed-users", "--seed-activity"));
}

// ---- fish and zsh

TEST(FishCompletionTest, OffersCommandsFlagsAndChoices) {
  const std::string fish = FindProgram("fish");
  if (fish.empty()) GTEST_SKIP() << "no fish here";
  const std::string asks = absl::StrCat(kUserctl,
                                        " completion fish | source\n"
                                        "complete -C 'userctl ge'\n"
                                        "complete -C 'userctl --target list config ch'\n"
                                        "complete -C 'userctl load --rat'\n"
                                        "complete -C 'userctl import --format j'\n"
                                        "complete -C 'userctl completion z'\n"
                                        "complete -C 'userctl get --rat'\n");

  const std::vector<std::string> offers = Lines(Output({fish, "--no-config", "-c", asks}));

  EXPECT_THAT(offers, ElementsAre(StartsWith("get\tShow users"), StartsWith("check\tSay whether"),
                                  StartsWith("--rate\tOpen loop"), StartsWith("jsonl"), "zsh"));
}

TEST(ZshCompletionTest, LoadsAndIsAskedForTheProgram) {
  const std::string zsh = FindProgram("zsh");
  if (zsh.empty()) GTEST_SKIP() << "no zsh here";
  // In a terminal of its own, where somebody types; the function shows what the line came to.
  const std::string asks = absl::StrCat(R"(
zmodload zsh/zpty || exit 1
zpty shell zsh -f -i
type() { zpty -n -w shell "$1"$'\n' }
expect() { local line; until [[ $line == *$1* ]]; do zpty -r shell line || exit 1; done }
type 'autoload -U compinit; compinit -u -D; source <()",
                                        kUserctl,
                                        R"( completion zsh); userctl() { print -r -- called: $@ }; print lo""aded'
expect loaded
type $'userctl config ch\t'; expect 'called: config check'
type $'userctl load --ra\t5'; expect 'called: load --rate=5'
type $'userctl import --format j\t'; expect 'called: import --format jsonl'
type $'userctl --target list comp\tz\t'; expect 'called: --target list completion zsh'
print all completed
)");

  EXPECT_THAT(Output({zsh, "-f", "-c", asks}), HasSubstr("all completed"));
}

}  // namespace
}  // namespace userclient::testing
