// Feeds every file of the named folders to the target, once. Ends with 1 if there is none: a test of nothing is no test.

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace {

std::string Content(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.good() && !stream.eof()) {
    std::cerr << file << " cannot be read" << std::endl;
    std::exit(1);
  }
  return content;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> folders(argv + 1, argv + argc);
  size_t fed = 0;
  for (const std::string& folder : folders) {
    for (const std::filesystem::directory_entry& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      std::cout << entry.path().string() << std::endl;
      // Of its exact size and on the heap, so that a sanitizer sees a read beyond the end.
      const std::string content = Content(entry.path());
      const std::vector<char> bytes(content.begin(), content.end());
      userclient::fuzz::Feed({bytes.data(), bytes.size()});
      ++fed;
    }
  }
  if (fed == 0) {
    std::cerr << "no file to feed; usage: " << argv[0] << " FOLDER..." << std::endl;
    return 1;
  }
  userclient::fuzz::Feed({});
  std::cout << fed << " files, and nothing at all: all promises kept" << std::endl;
  return 0;
}
