#pragma once

#include <string>

namespace profile_service::testing {

/// Whether there is a browser to test with.
bool HasBrowser();

/// What the page has become after so many of its own seconds, as HTML. No other host is in reach.
std::string OpenPage(const std::string& url, int seconds);

}  // namespace profile_service::testing
