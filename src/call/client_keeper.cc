#include "call/client_keeper.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_join.h"
#include "call/attempt_rules.h"
#include "call/callback_thread.h"
#include "call/client_core.h"
#include "userclient/credentials.h"

namespace userclient::internal {
namespace {

// How often new channels are asked whether they are READY: at first, and when it takes long.
constexpr Duration kLook = std::chrono::milliseconds(10);
constexpr Duration kPatientLook = std::chrono::seconds(1);
constexpr Duration kLongRenewal = std::chrono::seconds(10);

/// Now, and an interval that may mean "never".
TimePoint NowAnd(Duration interval) {
  const TimePoint now = Now();
  return now + std::min(interval, TimePoint::max() - now);
}

std::string CredentialFiles(const std::optional<Credentials>& credentials) {
  if (!credentials) return {};
  std::vector<std::string> files;
  const MutualTlsOptions& tls = credentials->options();
  for (const auto& file : {tls.root_certificates.value_or(""), tls.certificate_chain, tls.private_key}) {
    if (!file.empty()) files.push_back(file.string());
  }
  return absl::StrJoin(files, ", ");
}

}  // namespace

ClientKeeper::ClientKeeper(ClientCore& core, const ClientOptions& options, WatchedFiles config_files, ClientListener on_event)
    : core_(core),
      target_(options.target),
      check_interval_(options.file_check_interval),
      on_event_(std::move(on_event)),
      name_(DnsNameOf(options.target)),
      credential_files_(CredentialFiles(options.credentials)),
      config_files_(std::move(config_files)) {}

ClientKeeper::~ClientKeeper() { Stop(); }

absl::Status ClientKeeper::Start() {
  const bool any_file = !config_files_.empty() || core_.HasCredentialFiles();
  if (any_file && check_interval_ > Duration::zero()) {
    check_files_at_ = NowAnd(check_interval_);
    StartThread();
  }
  if (!name_) return absl::OkStatus();
  const Duration refresh = core_.config()->dns_refresh;
  absl::StatusOr<std::unique_ptr<DnsWatcher>> watcher = NewWatcher(*name_, refresh);
  if (!watcher.ok()) return watcher.status();
  const std::lock_guard lock(mutex_);
  watcher_ = *std::move(watcher);
  refresh_ = refresh;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<DnsWatcher>> ClientKeeper::NewWatcher(const DnsName& name, Duration interval) {
  return DnsWatcher::Start(
      name, {.interval = interval,
             .on_endpoints = [this](EndpointNews news, const Endpoints& endpoints) { OnEndpoints(news, endpoints); },
             .on_failure = [this](const absl::Status& status) { OnLookupFailed(status); }});
}

void ClientKeeper::Stop() {
  std::unique_ptr<DnsWatcher> watcher;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    watcher = std::move(watcher_);
  }
  changed_.notify_all();
  // Without the lock, which its thread may be waiting for.
  watcher.reset();
  // Before the other lock, which is held by whoever waits for this thread.
  if (std::this_thread::get_id() == thread_id_) return;
  const std::lock_guard stopping(stopping_);
  if (thread_.joinable()) thread_.join();
}

void ClientKeeper::StartThread() {
  const std::lock_guard lock(mutex_);
  // Once it is to end, the thread is Stop's, which may be waiting for the very one that comes here.
  if (stopped_ || thread_.joinable()) return;
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    // No thread is to be had now. Whatever happens next tries again.
  }
}

// ---- What the keeper is told

void ClientKeeper::AwaitRenewal() {
  {
    const std::lock_guard lock(mutex_);
    renewing_ = true;
    announce_renewal_ = true;
  }
  StartThread();
  changed_.notify_all();
}

void ClientKeeper::OnConfig(const ServiceConfig& config, int version, const std::string& subject) {
  std::unique_ptr<DnsWatcher> old;
  bool another = false;
  {
    const std::lock_guard lock(mutex_);
    events_.push_back({.kind = ClientEvent::Kind::kConfigReloaded, .subject = subject, .config_version = version});
    // Started once, it has no watcher only if there was no thread for one the last time.
    const bool started = refresh_ > Duration::zero() && !stopped_;
    another = started && (watcher_ == nullptr || refresh_ != config.dns_refresh);
    if (another) old = std::move(watcher_);
  }
  if (another) {
    old.reset();
    // Without a thread to be had, the name is not followed until the next config.
    absl::StatusOr<std::unique_ptr<DnsWatcher>> watcher = NewWatcher(*name_, config.dns_refresh);
    const std::lock_guard lock(mutex_);
    if (!watcher.ok()) {
      events_.push_back({.kind = ClientEvent::Kind::kLookupFailed, .subject = target_, .status = watcher.status()});
    } else if (!stopped_) {
      watcher_ = *std::move(watcher);
      refresh_ = config.dns_refresh;
    }
  }
  StartThread();
  changed_.notify_all();
}

void ClientKeeper::LookUpNow() {
  const std::lock_guard lock(mutex_);
  if (watcher_ != nullptr) watcher_->LookNow();
}

std::optional<DnsWatcher::Snapshot> ClientKeeper::Resolution() {
  const std::lock_guard lock(mutex_);
  if (watcher_ == nullptr) return std::nullopt;
  return watcher_->snapshot();
}

void ClientKeeper::OnEndpoints(EndpointNews news, const Endpoints& endpoints) {
  {
    const std::lock_guard lock(mutex_);
    const std::optional<Endpoints> before = std::exchange(endpoints_, endpoints);
    // A name that was there from the beginning is no news to the channels, which look it up themselves. One that was not may be
    // waited for by channels that have failed to find it, and that will be in no hurry to look again.
    const bool from_the_beginning = !before && (watcher_ == nullptr || watcher_->snapshot().lookups < 2);
    // The first word of a new watcher, which looks at other times than the one before.
    const bool nothing_new = before && *before == endpoints;
    if (news == EndpointNews::kFirst && (from_the_beginning || nothing_new)) return;
    new_channels_wanted_ = true;
    if (news != EndpointNews::kConfirmed) {
      announce_renewal_ = true;
      events_.push_back({.kind = ClientEvent::Kind::kEndpointsChanged, .subject = target_, .endpoints = endpoints});
    }
  }
  StartThread();
  changed_.notify_all();
}

void ClientKeeper::OnLookupFailed(const absl::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    const std::optional<TimePoint> success = watcher_ == nullptr ? std::nullopt : watcher_->snapshot().last_success;
    if (std::exchange(failures_told_, true) && last_success_then_ == success) return;
    last_success_then_ = success;
    events_.push_back({.kind = ClientEvent::Kind::kLookupFailed, .subject = target_, .status = status});
  }
  StartThread();
  changed_.notify_all();
}

// ---- The thread

void ClientKeeper::Run() {
  thread_id_ = std::this_thread::get_id();
  while (true) {
    std::vector<ClientEvent> events;
    bool new_channels_wanted = false;
    {
      std::unique_lock lock(mutex_);
      const auto something = [&] {
        return stopped_ || new_channels_wanted_ || !events_.empty() || (renewing_ && !renewing_since_);
      };
      const TimePoint wake = std::min(check_files_at_, renewing_since_ ? look_at_ : TimePoint::max());
      if (wake == TimePoint::max()) {
        changed_.wait(lock, something);
      } else {
        changed_.wait_until(lock, wake, something);
      }
      if (stopped_) return;
      events.swap(events_);
      new_channels_wanted = std::exchange(new_channels_wanted_, false);
      renewing_ |= new_channels_wanted;
    }
    for (const ClientEvent& event : events) Tell(event);
    if (new_channels_wanted) {
      core_.RenewChannels();
      renewing_since_.reset();
    }
    CheckFiles();
    CarryOnRenewal(Now());
  }
}

void ClientKeeper::CheckFiles() {
  if (Now() < check_files_at_) return;
  check_files_at_ = NowAnd(check_interval_);
  CheckConfig();
  CheckCredentials();
}

void ClientKeeper::CheckConfig() {
  if (config_files_.empty()) return;
  const bool changed = config_files_.Changed();
  // What was in use before it was broken, or could not be read, and still is.
  const bool restored = config_files_.HoldWhatWasTaken() && core_.config_version() == taken_version_;
  // A second time, too, if it has stayed: what was wrong may have been the reading.
  const bool suspect = std::exchange(config_suspect_, false);
  if (changed ? restored : !suspect) return;
  absl::Status status = core_.ReloadConfigFile();
  if (status.ok()) {
    config_files_.NoteTaken();
    taken_version_ = core_.config_version();
  } else if (changed) {
    config_suspect_ = true;
  } else {
    // It has stayed, so it is not a file that is just being written.
    Queue({.kind = ClientEvent::Kind::kConfigRefused,
           .subject = config_files_.files().front().string(),
           .status = std::move(status)});
  }
}

void ClientKeeper::CheckCredentials() {
  const absl::StatusOr<bool> changed = core_.LookAtCredentials();
  if (!changed.ok()) {
    Queue({.kind = ClientEvent::Kind::kCredentialsRefused, .subject = credential_files_, .status = changed.status()});
  } else if (*changed) {
    Queue({.kind = ClientEvent::Kind::kCredentialsReloaded, .subject = credential_files_});
  }
}

void ClientKeeper::CarryOnRenewal(TimePoint now) {
  {
    const std::lock_guard lock(mutex_);
    // Before the look, so that nobody's renewal that begins behind it is forgotten.
    if (!std::exchange(renewing_, false)) return;
  }
  if (!renewing_since_) {
    renewing_since_ = now;
    delay_told_ = false;
  }
  if (core_.CarryOnRenewal()) {
    renewing_since_.reset();
    const std::lock_guard lock(mutex_);
    if (!renewing_ && std::exchange(announce_renewal_, false)) {
      events_.push_back({.kind = ClientEvent::Kind::kChannelsRenewed, .subject = target_});
    }
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    renewing_ = true;
  }
  const bool long_since = now - *renewing_since_ >= kLongRenewal;
  look_at_ = now + (long_since ? kPatientLook : kLook);
  if (long_since && !std::exchange(delay_told_, true)) {
    Queue({.kind = ClientEvent::Kind::kRenewalDelayed, .subject = target_});
  }
}

void ClientKeeper::Queue(ClientEvent event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
}

void ClientKeeper::Tell(const ClientEvent& event) const {
  if (!on_event_) return;
  // Whoever destroys the client in here must not wait for this thread.
  const CallbackScope scope;
  on_event_(event);
}

}  // namespace userclient::internal
