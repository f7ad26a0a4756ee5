#include "discovery/dns_watcher.h"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace userclient::internal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::nanoseconds kShortestGap = std::chrono::seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<DnsWatcher>> DnsWatcher::Start(DnsName name, DnsWatcherOptions options) {
  if (options.interval <= std::chrono::nanoseconds::zero()) {
    return absl::InvalidArgumentError("the interval between two DNS lookups must be more than 0");
  }
  std::unique_ptr<DnsWatcher> watcher(new DnsWatcher(std::move(name), std::move(options)));
  try {
    watcher->thread_ = std::thread([raw = watcher.get()] { raw->Run(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("no thread to watch ", watcher->name_.host, " with: ", error.what()));
  }
  return watcher;
}

DnsWatcher::DnsWatcher(DnsName name, DnsWatcherOptions options)
    : name_(std::move(name)), options_(std::move(options)), history_(options_.interval) {}

DnsWatcher::~DnsWatcher() { Stop(); }

void DnsWatcher::LookNow() {
  const std::lock_guard lock(mutex_);
  // Many may want it at once, and one word is enough.
  if (std::exchange(look_now_, true)) return;
  changed_.notify_all();
}

void DnsWatcher::Stop() {
  stop_.request_stop();
  if (std::this_thread::get_id() == thread_id_) return;
  const std::lock_guard lock(stopping_);
  if (thread_.joinable()) thread_.join();
}

DnsWatcher::Snapshot DnsWatcher::snapshot() const {
  const std::lock_guard lock(mutex_);
  return {.endpoints = history_.endpoints(),
          .last_success = history_.last_success(),
          .failure = history_.failure(),
          .lookups = history_.lookups(),
          .changes = history_.changes()};
}

void DnsWatcher::Run() {
  thread_id_ = std::this_thread::get_id();
  const std::stop_token stop = stop_.get_token();
  // Only spreads the lookups of many processes.
  std::minstd_rand random(static_cast<uint32_t>(Clock::now().time_since_epoch().count()) ^ static_cast<uint32_t>(getpid()));
  std::uniform_real_distribution<double> uniform;
  while (!stop.stop_requested()) {
    const Clock::time_point started = Clock::now();
    const DnsAnswer answer = LookUp(name_, options_.lookup, stop);
    if (stop.stop_requested()) return;
    const Clock::time_point ended = Clock::now();

    EndpointHistory::Step step;
    Endpoints endpoints;
    {
      const std::lock_guard lock(mutex_);
      step = history_.Note(answer, started, ended, uniform(random));
      endpoints = history_.endpoints();
      look_now_ = false;
    }
    Announce(step.news, endpoints, answer.status());
    WaitUntil(step.next, ended + (answer.status().ok() ? std::min(kShortestGap, options_.interval) : options_.interval));
  }
}

void DnsWatcher::Announce(EndpointNews news, const Endpoints& endpoints, const absl::Status& failure) const {
  switch (news) {
    case EndpointNews::kNone:
      return;
    case EndpointNews::kFailed:
      if (options_.on_failure) options_.on_failure(failure);
      return;
    case EndpointNews::kFirst:
    case EndpointNews::kChanged:
    case EndpointNews::kConfirmed:
      if (options_.on_endpoints) options_.on_endpoints(news, endpoints);
      return;
  }
}

void DnsWatcher::WaitUntil(Clock::time_point next, Clock::time_point earliest) {
  std::unique_lock lock(mutex_);
  const std::stop_token stop = stop_.get_token();
  changed_.wait_until(lock, stop, next, [this] { return look_now_; });
  changed_.wait_until(lock, stop, std::min(earliest, next), [] { return false; });
}

}  // namespace userclient::internal
