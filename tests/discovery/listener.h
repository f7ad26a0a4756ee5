#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "discovery/dns_watcher.h"
#include "userclient/endpoints.h"

namespace userclient::testing {

/// What a watcher has told so far.
class Listener {
 public:
  struct News {
    internal::EndpointNews news;
    Endpoints endpoints;
  };

  internal::DnsWatcherOptions Options(std::chrono::nanoseconds interval = std::chrono::milliseconds(20)) {
    return {.interval = interval,
            .lookup = {.timeout = kLimit},
            .on_endpoints =
                [this](internal::EndpointNews news, const Endpoints& endpoints) {
                  const std::lock_guard lock(mutex_);
                  news_.push_back({news, endpoints});
                  changed_.notify_all();
                },
            .on_failure =
                [this](const absl::Status& status) {
                  const std::lock_guard lock(mutex_);
                  failures_.push_back(status);
                  changed_.notify_all();
                }};
  }

  /// The first `count` pieces of news, once they are there.
  std::vector<News> Await(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kLimit, [&] { return news_.size() >= count; })) << "only " << news_.size() << " news";
    return news_;
  }

  /// All failures, once there is one more than now.
  std::vector<absl::Status> AwaitNextFailure() {
    std::unique_lock lock(mutex_);
    const size_t before = failures_.size();
    EXPECT_TRUE(changed_.wait_for(lock, kLimit, [&] { return failures_.size() > before; })) << "no failure";
    return failures_;
  }

  std::vector<News> news() const {
    const std::lock_guard lock(mutex_);
    return news_;
  }

 private:
  static constexpr std::chrono::seconds kLimit{30};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<News> news_;
  std::vector<absl::Status> failures_;
};

}  // namespace userclient::testing
