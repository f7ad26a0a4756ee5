#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace profile_service {

/// The head of a request as it was sent: its line and its headers. The library passes over what it does not understand, and
/// decodes values. A proxy that does neither, and shares its connections, may then find the end of the body elsewhere: what this
/// server takes for the next request was the rest of somebody else's body to it.
class RequestHead {
 public:
  /// Byte after byte. What follows the head is passed over.
  void Take(char c);
  /// Once it has come: whether everybody agrees on where the body ends, and on whom the request is for (RFC 9112, 2.2, 3.2, 5 and
  /// 6).
  bool IsSound() const;

 private:
  void EndLine();
  void TakeHeader(std::string_view header);

  /// What has come of the present line, its end included.
  std::string line_;
  bool first_ = true;
  bool ended_ = false;
  bool well_formed_ = true;
  bool http_1_0_ = false;
  std::vector<std::string> hosts_;
  std::vector<std::string> lengths_;
  std::vector<std::string> codings_;
};

}  // namespace profile_service
