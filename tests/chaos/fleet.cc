#include "tests/chaos/fleet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <numeric>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/sick/private_network.h"

namespace userclient::chaos {
namespace {

constexpr char kName[] = "users.cluster.test";

bool IsFree(const std::string& host, int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  const bool bound = bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(descriptor);
  return bound;
}

std::string HostOf(int number) { return absl::StrCat("127.0.0.", number + 1); }
std::string ProxyHostOf(int number) { return absl::StrCat("127.0.1.", number); }

/// Below the ports that the kernel hands out, so that nobody takes it while a pod is gone.
int PortFreeFor(int pods) {
  std::minstd_rand random(std::random_device{}());
  for (int tries = 0; tries < 100; ++tries) {
    const int port = std::uniform_int_distribution(20'000, 32'000)(random);
    int taken = 0;
    for (int number = 1; number <= pods; ++number) {
      if (!IsFree(HostOf(number), port) || !IsFree(ProxyHostOf(number), port)) ++taken;
    }
    if (taken == 0) return port;
  }
  absl::FPrintF(stderr, "chaos: no port is free at the %d addresses from %s on\n", pods, HostOf(1));
  std::exit(1);
}

/// GetUser and CreateUser that take so long.
std::string Work(std::chrono::milliseconds work) {
  return absl::StrFormat(R"({"method": "GetUser", "delay": "%.3fs"}, {"method": "CreateUser", "delay": "%.3fs"})",
                         std::chrono::duration<double>(work).count(), std::chrono::duration<double>(work).count());
}

std::string Faults(std::string_view entries) { return absl::StrCat(R"({"faults": [)", std::string(entries), "]}"); }

}  // namespace

Fleet::Fleet(const FleetPlan& plan) : plan_(plan), port_(PortFreeFor(plan.pods + plan.spare_pods)) {
  std::vector<std::string> flags = {"--faults", Faults(Work(plan.work)), "--seed-activity", absl::StrCat(plan.activity)};
  flags.insert(flags.end(), plan.flags.begin(), plan.flags.end());
  if (plan.tls) {
    certificates_ = std::make_unique<RotatingCertificates>();
    const std::vector<std::string> more = certificates_->ServerFlags();
    flags.insert(flags.end(), more.begin(), more.end());
  }
  if (plan.durable) flags.insert(flags.end(), {"--store", "sqlite:" + store_file()});
  const int all = plan.pods + plan.spare_pods;
  for (int number = 1; number <= all; ++number) {
    pods_.push_back(
        std::make_unique<testing::Pod>(testing::PodOptions{.number = number, .port = port_, .seed_users = 100, .flags = flags}));
    // A file that many open at once for the first time is not what is tried here.
    if (plan.durable) pods_.back()->AwaitAddress();
  }
  for (const auto& pod : pods_) pod->AwaitAddress();
  for (int number = plan.pods + 1; number <= all; ++number) pod(number).Kill();
  for (int number = 1; plan.proxies && number <= all; ++number) {
    auto proxy = testing::FaultProxy::Start(
        {.upstream = pod(number).AwaitAddress(), .listen_address = absl::StrCat(ProxyHostOf(number), ":", port_)});
    if (!proxy.ok()) {
      absl::FPrintF(stderr, "chaos: there is no proxy: %s\n", std::string(proxy.status().message()));
      std::exit(1);
    }
    proxies_.push_back(*std::move(proxy));
  }
  if (plan.dns) {
    name_server_ = std::make_unique<testing::Dnsmasq>("");
    Announce(plan.pods);
  }
}

Fleet::~Fleet() { Reconnect(); }

Reach Fleet::reach() const {
  Reach reach;
  if (certificates_ != nullptr) reach.root_certificates = certificates_->roots();
  if (name_server_ != nullptr) {
    reach.target = absl::StrCat("dns://", name_server_->authority(), "/", kName, ":", port_);
    return reach;
  }
  reach.target = "ipv4:";
  for (int number = 1; number <= plan_.pods; ++number) {
    absl::StrAppend(&reach.target, number == 1 ? "" : ",", plan_.proxies ? ProxyHostOf(number) : HostOf(number), ":", port_);
  }
  return reach;
}

void Fleet::Run(int pods) {
  for (int number = 1; number <= size(); ++number) {
    if (number <= pods && !pod(number).running()) pod(number).Start();
    if (number > pods && pod(number).running()) pod(number).BeginDrain();
  }
  // All at the same time: each is asked for its counters until it is gone.
  std::vector<std::jthread> ends;
  for (int number = pods + 1; number <= size(); ++number) {
    if (pod(number).running()) ends.emplace_back([&ended = pod(number)] { ended.EndDrain(); });
  }
}

void Fleet::Announce(int pods) {
  std::vector<int> first(static_cast<size_t>(pods));
  std::iota(first.begin(), first.end(), 1);
  Announce(first);
}

void Fleet::AnnounceRunning() {
  std::vector<int> running;
  for (int number = 1; number <= size(); ++number) {
    if (pod(number).running()) running.push_back(number);
  }
  Announce(running);
}

void Fleet::Announce(const std::vector<int>& numbers) {
  std::string records;
  for (const int number : numbers) absl::StrAppend(&records, HostOf(number), " ", kName, "\n");
  name_server_->Set(records);
}

void Fleet::Disturb(int number, std::string_view entries) {
  const std::string work = Work(plan_.work);
  pod(number).SetFaults(Faults(entries.empty() ? work : absl::StrCat(std::string(entries), ", ", work)));
}

void Fleet::SetWork(int number, std::chrono::milliseconds work) { pod(number).SetFaults(Faults(Work(work))); }

void Fleet::CutOff(int number) {
  cut_off_ = pod(number).host();
  testing::LoseWhatComesFrom(*cut_off_);
}

void Fleet::Reconnect() {
  if (cut_off_) testing::LoseNothingFrom(*cut_off_);
  cut_off_.reset();
}

std::vector<int64_t> Fleet::CountAttempts() {
  std::vector<int64_t> attempts;
  for (const auto& pod : pods_) {
    pod->Thaw();
    attempts.push_back(pod->CountAttempts({"GetUser", "CreateUser"}));
  }
  return attempts;
}

void Fleet::ResetCounters() {
  for (const auto& pod : pods_) {
    if (pod->running()) pod->ResetCounters();
  }
}

}  // namespace userclient::chaos
