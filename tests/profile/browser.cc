#include "tests/profile/browser.h"

#include <gtest/gtest.h>

#include "tests/e2e/program.h"
#include "tests/profile/profile_service_process.h"

namespace profile_service::testing {

bool HasBrowser() { return CHROMIUM_PROGRAM[0] != '\0'; }

std::string OpenPage(const std::string& url, int seconds) {
  const ScratchDirectory profile;
  const userclient::testing::Program::Result result =
      userclient::testing::Program(
          {CHROMIUM_PROGRAM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
           "--disable-background-networking", "--disable-component-update", "--no-first-run",
           "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + profile.path(),
           "--virtual-time-budget=" + std::to_string(seconds * 1000), "--dump-dom", url},
          {{"HOME", profile.path()}})
          .Wait(std::chrono::seconds(90));
  EXPECT_EQ(result.exit_status, 0) << result.err;
  return result.out;
}

}  // namespace profile_service::testing
