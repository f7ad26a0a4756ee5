#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "call/watched_files.h"
#include "discovery/dns_watcher.h"
#include "policy/time.h"
#include "userclient/client_events.h"
#include "userclient/client_options.h"
#include "userclient/service_config.h"

namespace userclient::internal {

class ClientCore;

/// Looks after a client between its calls: follows the addresses of its target and the content of its files, has the client
/// changed accordingly, and tells the listener. It has a thread from the moment on when there is something to do, and one more
/// for the name if there is one to follow. *Thread-safe.*
class ClientKeeper {
 public:
  /// The core must live as long. The files are to be read for the first time before the core reads them.
  ClientKeeper(ClientCore& core, const ClientOptions& options, WatchedFiles config_files, ClientListener on_event);
  /// As Stop.
  ~ClientKeeper();

  ClientKeeper(const ClientKeeper&) = delete;
  ClientKeeper& operator=(const ClientKeeper&) = delete;

  /// Begins to follow and to watch. *Errors:* those of DnsWatcher::Start.
  absl::Status Start();

  /// New channels have been made: puts them to use when they are ready.
  void AwaitRenewal();

  /// A new config was published; it says how often the name is looked up.
  void OnConfig(const ServiceConfig& config, int version, const std::string& subject);

  /// Has the name looked up at once, as DnsWatcher::LookNow. *Never blocks.*
  void LookUpNow();

  /// What is known of the name; nullopt if there is none to follow, or it is not followed any more.
  std::optional<DnsWatcher::Snapshot> Resolution();

  /// Nothing is looked after any more. Waits for the listener if it is just being told something; in the listener it does not
  /// wait.
  void Stop();

 private:
  void StartThread();
  absl::StatusOr<std::unique_ptr<DnsWatcher>> NewWatcher(const DnsName& name, Duration interval);
  void Run();
  void CheckFiles();
  void CheckConfig();
  void CheckCredentials();
  void CarryOnRenewal(TimePoint now);
  void OnEndpoints(EndpointNews news, const Endpoints& endpoints);
  void OnLookupFailed(const absl::Status& status);
  void Queue(ClientEvent event);
  void Tell(const ClientEvent& event) const;

  ClientCore& core_;
  const std::string target_;
  const Duration check_interval_;
  const ClientListener on_event_;
  const std::optional<DnsName> name_;
  /// For the listener.
  const std::string credential_files_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool stopped_ = false;
  bool new_channels_wanted_ = false;
  bool renewing_ = false;
  /// The listener has heard why; a mere confirmation is not worth a word.
  bool announce_renewal_ = false;
  std::vector<ClientEvent> events_;
  Duration refresh_{};
  /// What the name has pointed to last.
  std::optional<Endpoints> endpoints_;
  std::unique_ptr<DnsWatcher> watcher_;
  /// A row of failed lookups has been told, and what came before it.
  bool failures_told_ = false;
  std::optional<TimePoint> last_success_then_;

  // Of the thread.
  WatchedFiles config_files_;
  /// What they hold could not be used when it was seen first; to be told if it stays.
  bool config_suspect_ = false;
  /// Which version the files became that were put to use last.
  int taken_version_ = 1;
  TimePoint check_files_at_ = TimePoint::max();
  std::optional<TimePoint> renewing_since_;
  TimePoint look_at_{};
  bool delay_told_ = false;

  std::mutex stopping_;
  // Guarded by mutex_ until stopped_, and by stopping_ from then on.
  std::thread thread_;
  /// That of thread_, for Stop.
  std::atomic<std::thread::id> thread_id_;
};

}  // namespace userclient::internal
