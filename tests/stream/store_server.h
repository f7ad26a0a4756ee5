#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/program.h"

namespace userclient::testing {

/// A server process on a port that stays the same, and on a store that others share.
class StoreServer {
 public:
  StoreServer(std::string host, std::string store) : host_(std::move(host)), store_(std::move(store)) { Start("0"); }

  const std::string& address() const { return address_; }

  /// SIGKILL in the midst of whatever it does, and a new process in its place.
  void KillAndReplace() {
    program_->Signal(SIGKILL);
    program_->Wait();
    Start(address_.substr(address_.rfind(':') + 1));
  }

 private:
  void Start(const std::string& port) {
    program_ = std::make_unique<Program>(std::vector<std::string>{USER_SERVER_PROGRAM, "--listen", absl::StrCat(host_, ":", port),
                                                                  "--store", "sqlite:" + store_, "--log", "none"});
    const std::string line = program_->ReadLine();
    const std::string_view prefix = "listening on ";
    ASSERT_TRUE(line.starts_with(prefix)) << line;
    address_ = line.substr(prefix.size());
  }

  const std::string host_;
  const std::string store_;
  std::unique_ptr<Program> program_;
  std::string address_;
};

}  // namespace userclient::testing
