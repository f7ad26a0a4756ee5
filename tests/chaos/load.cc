#include "tests/chaos/load.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace userclient::chaos {
namespace {

using std::chrono::nanoseconds;

constexpr size_t kThreads = 4;
constexpr size_t kUsers = 100;

/// Twice as many as wait at the same time while every call ends at its deadline.
size_t ThreadsFor(const Callers& callers) {
  if (!callers.blocking) return kThreads;
  return static_cast<size_t>(2 * callers.calls_per_second * callers.deadline / std::chrono::seconds(1) + 1);
}

}  // namespace

Load::Load(Caller& caller, const Callers& callers, Clock::time_point start, nanoseconds longest)
    : caller_(caller),
      callers_(callers),
      start_(start),
      end_(longest.count()),
      calls_(static_cast<size_t>(longest * callers.calls_per_second / nanoseconds(std::chrono::seconds(1)))) {
  for (int64_t number = 0; number < std::ssize(calls_); ++number) {
    const int64_t before = number / callers.at_once * callers.at_once;
    calls_[static_cast<size_t>(number)].due = nanoseconds(std::chrono::seconds(1)) * before / callers.calls_per_second;
  }
  const size_t threads = ThreadsFor(callers);
  for (size_t thread = 0; thread < threads; ++thread) {
    threads_.emplace_back([this, thread, threads] {
      StartCalls(thread, threads);
      ++threads_over_;
    });
  }
}

void Load::StartCalls(size_t first, size_t threads) {
  for (size_t number = first; number < calls_.size(); number += threads) {
    std::this_thread::sleep_until(start_ + calls_[number].due);
    if (calls_[number].due.count() >= end_) return;
    StartCall(number);
  }
}

void Load::StartCall(size_t number) {
  ++begun_;
  calls_[number].began = Clock::now() - start_;
  switch (callers_.rpc) {
    case Rpc::kGetUser:
      return GetUser(number);
    case Rpc::kCreateUser:
      return CreateUser(number);
  }
}

void Load::GetUser(size_t number) {
  user::v1::GetUserRequest request;
  request.set_user_id(absl::StrCat("u-", number % kUsers + 1));
  if (callers_.blocking) return End(number, caller_.GetUserBlocking(request, callers_.deadline));
  caller_.GetUser(request, callers_.deadline, [this, number](const absl::Status& status) { End(number, status); });
}

void Load::CreateUser(size_t number) {
  user::v1::CreateUserRequest request;
  const std::string email = absl::StrCat("chaos", number, "@example.com");
  request.set_email(email);
  request.set_display_name(absl::StrCat("Chaos ", number));
  caller_.CreateUser(request, callers_.deadline,
                     [this, number, email](const absl::StatusOr<user::v1::CreateUserResponse>& created) {
                       if (created.ok()) {
                         const std::lock_guard lock(mutex_);
                         acknowledged_.emplace(email, created->user().user_id());
                       }
                       End(number, created.status());
                     });
}

void Load::End(size_t number, const absl::Status& status) {
  calls_[number].ended = Clock::now() - start_;
  calls_[number].code = status.code();
  ++ended_;
}

std::vector<CallRecord> Load::Finish() {
  const Clock::time_point limit = start_ + nanoseconds(end_) + callers_.deadline + std::chrono::seconds(30);
  while (threads_over_ < threads_.size() || ended_ < begun_) {
    if (Clock::now() > limit) {
      std::fprintf(stderr, "chaos: calls do not end, 30 s after their deadline\n");
      std::fflush(stdout);
      std::_Exit(1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const nanoseconds end(end_);
  calls_.erase(std::find_if(calls_.begin(), calls_.end(), [&](const CallRecord& call) { return call.due >= end; }), calls_.end());
  return calls_;
}

Creations Load::creations() const {
  if (callers_.rpc != Rpc::kCreateUser) return {};
  return {.asked = std::ssize(calls_),
          .acknowledged = acknowledged_,
          .already_there = std::count_if(calls_.begin(), calls_.end(),
                                         [](const CallRecord& call) { return call.code == absl::StatusCode::kAlreadyExists; })};
}

}  // namespace userclient::chaos
