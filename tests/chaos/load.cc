#include "tests/chaos/load.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace userclient::chaos {
namespace {

using std::chrono::nanoseconds;

constexpr size_t kThreads = 4;
constexpr size_t kUsers = 100;

}  // namespace

Load::Load(Caller& caller, const Callers& callers, Clock::time_point start, nanoseconds lasting)
    : caller_(caller),
      callers_(callers),
      start_(start),
      calls_(static_cast<size_t>(lasting * callers.calls_per_second / nanoseconds(std::chrono::seconds(1)))),
      unfinished_(std::ssize(calls_)) {
  for (int64_t number = 0; number < std::ssize(calls_); ++number) {
    const int64_t before = number / callers.at_once * callers.at_once;
    calls_[static_cast<size_t>(number)].due = nanoseconds(std::chrono::seconds(1)) * before / callers.calls_per_second;
  }
  for (size_t thread = 0; thread < kThreads; ++thread) {
    threads_.emplace_back([this, thread] { StartCalls(thread); });
  }
}

void Load::StartCalls(size_t first) {
  for (size_t number = first; number < calls_.size(); number += kThreads) {
    std::this_thread::sleep_until(start_ + calls_[number].due);
    StartCall(number);
  }
}

void Load::StartCall(size_t number) {
  calls_[number].began = Clock::now() - start_;
  if (callers_.rpc == Rpc::kGetUser) {
    user::v1::GetUserRequest request;
    request.set_user_id(absl::StrCat("u-", number % kUsers + 1));
    return caller_.GetUser(request, callers_.deadline, [this, number](const absl::Status& status) { End(number, status); });
  }
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
  --unfinished_;
}

std::vector<CallRecord> Load::Finish() {
  threads_.clear();
  const Clock::time_point limit = Clock::now() + callers_.deadline + std::chrono::seconds(30);
  while (unfinished_ > 0) {
    if (Clock::now() > limit) {
      std::fprintf(stderr, "chaos: calls do not end, 30 s after their deadline\n");
      std::fflush(stdout);
      std::_Exit(1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return calls_;
}

}  // namespace userclient::chaos
