#include "tls/read_file.h"

#include <array>
#include <cerrno>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace userclient::internal {

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  const bool opened = stream.is_open();
  std::string text;
  std::array<char, 4096> buffer;
  while (opened && (stream.read(buffer.data(), buffer.size()) || stream.gcount() > 0)) {
    text.append(buffer.data(), static_cast<size_t>(stream.gcount()));
  }
  // A directory can be opened, and turns out bad.
  if (!opened || stream.bad()) {
    return absl::ErrnoToStatus(errno != 0 ? errno : EIO, absl::StrCat("cannot read ", path.string()));
  }
  return text;
}

}  // namespace userclient::internal
