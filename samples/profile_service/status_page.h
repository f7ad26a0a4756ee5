#pragma once

namespace profile_service {

/// status_page.html, with {{nonce}} where the nonce of its Content-Security-Policy belongs.
extern const char kStatusPage[];

}  // namespace profile_service
