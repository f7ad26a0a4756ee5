#include "tests/chaos/documents.h"

#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace userclient::chaos {
namespace {

absl::Status WriteFile(const std::filesystem::path& file, const std::string& content) {
  std::ofstream stream(file, std::ios::binary);
  stream << content;
  stream.close();
  if (stream.fail()) return absl::UnavailableError(absl::StrCat(file.string(), " could not be written"));
  return absl::OkStatus();
}

}  // namespace

std::string ReadFile(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

absl::Status WriteResults(const std::filesystem::path& directory, const std::vector<Result>& results) {
  std::error_code ignored;  // What comes of it is seen when the files are written.
  std::filesystem::create_directories(directory, ignored);
  absl::Status written = WriteFile(directory / "result.md", absl::StrCat("# Chaos\n\n", Markdown(results)));
  written.Update(WriteFile(directory / "result.json", JsonText(results)));
  return written;
}

absl::Status WriteDocuments(const std::filesystem::path& directory, const std::vector<Result>& results) {
  constexpr std::string_view kBegin = "<!-- results: written by ./run chaos --write -->\n";
  constexpr std::string_view kEnd = "<!-- end of the results -->\n";
  std::string document = ReadFile(directory / "chaos.md");
  const size_t begin = document.find(kBegin);
  const size_t end = document.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    return absl::FailedPreconditionError(absl::StrCat((directory / "chaos.md").string(), " has no marks for the results"));
  }
  document.replace(begin + kBegin.size(), end - begin - kBegin.size(), absl::StrCat("\n", Markdown(results), "\n"));
  absl::Status written = WriteFile(directory / "chaos.md", document);
  written.Update(WriteFile(directory / "chaos.json", JsonText(results)));
  return written;
}

}  // namespace userclient::chaos
