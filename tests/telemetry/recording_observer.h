#pragma once

/// An observer that writes down what it is told, one story a call.

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "userclient/observer.h"

namespace userclient::testing {

class RecordingObserver final : public Observer {
 public:
  /// What was told of one call, in order: "start GetUser", "attempt 0 first attempt", "ended 0 UNAVAILABLE", "end OK".
  using Story = std::vector<std::string>;

  /// Of the calls that have ended, in the order in which they began.
  std::vector<Story> stories() const {
    const std::lock_guard lock(mutex_);
    std::vector<Story> ended;
    for (const Story& story : stories_) {
      if (!story.empty() && story.back().starts_with("end ")) ended.push_back(story);
    }
    return ended;
  }
  /// Calls that have begun.
  size_t begun() const {
    const std::lock_guard lock(mutex_);
    return stories_.size();
  }
  std::vector<CallReport> reports() const {
    const std::lock_guard lock(mutex_);
    return reports_;
  }
  /// What was told besides calls.
  std::vector<std::string> news() const {
    const std::lock_guard lock(mutex_);
    return news_;
  }
  /// Of the client that was made last.
  ObservedClient client() const {
    const std::lock_guard lock(mutex_);
    return client_;
  }

  /// Sent with every attempt, with its number behind the value.
  void Send(std::string key, std::string value) { sent_ = {std::move(key), std::move(value)}; }

  void OnClientStart(const ObservedClient& client) override {
    const std::lock_guard lock(mutex_);
    client_ = client;
    news_.push_back("client of " + client.service);
  }
  void OnClientEnd(const ObservedClient& client) override { AddNews("end of the client of " + client.service); }

  std::unique_ptr<CallState> OnCallStart(const ObservedCall& call, const CallOptions& /*options*/) override {
    const std::lock_guard lock(mutex_);
    const std::string method(call.method.substr(call.method.find('/') + 1));
    stories_.push_back({absl::StrCat(call.flight ? "flight " : "start ", method)});
    return std::make_unique<Number>(stories_.size() - 1);
  }
  void OnAttemptStart(const ObservedCall& /*call*/, const ObservedAttempt& attempt, CallState* state,
                      Metadata& metadata) override {
    if (!sent_.first.empty()) metadata.emplace_back(sent_.first, absl::StrCat(sent_.second, attempt.number));
    Add(state, absl::StrCat("attempt ", attempt.number, " ", std::string(AttemptReasonName(attempt.reason))));
  }
  void OnAttemptEnd(const ObservedCall& /*call*/, const ObservedAttempt& attempt, const AttemptReport& report,
                    CallState* state) override {
    Add(state, absl::StrCat("ended ", attempt.number, " ", absl::StatusCodeToString(report.status.code())));
  }
  void OnCallEnd(const ObservedCall& /*call*/, const CallReport& report, const absl::Status& status, CallState* state) override {
    Add(state, "end " + absl::StatusCodeToString(status.code()));
    const std::lock_guard lock(mutex_);
    reports_.push_back(report);
  }

  void OnCircuitChange(const ObservedClient& /*client*/, std::string_view compartment,
                       const CircuitTransition& transition) override {
    AddNews(absl::StrCat("circuit of ", std::string(compartment), " ", std::string(CircuitStateName(transition.to))));
  }
  void OnClientEvent(const ObservedClient& /*client*/, const ClientEvent& event) override {
    AddNews(std::string(ClientEventName(event.kind)));
  }

 private:
  struct Number final : public CallState {
    explicit Number(size_t n) : number(n) {}
    const size_t number;
  };

  void Add(CallState* state, std::string line) {
    const std::lock_guard lock(mutex_);
    stories_[static_cast<Number&>(*state).number].push_back(std::move(line));
  }
  void AddNews(std::string line) {
    const std::lock_guard lock(mutex_);
    news_.push_back(std::move(line));
  }

  std::pair<std::string, std::string> sent_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Story> stories_;
  std::vector<CallReport> reports_;
  std::vector<std::string> news_;
  ObservedClient client_;
};

}  // namespace userclient::testing
