#include "load_caller.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace userctl {
namespace {

using std::chrono::steady_clock;
using user::v1::CreateUserRequest;
using user::v1::GetUserRequest;
using userclient::PendingCall;

std::string RandomName() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8));
}

}  // namespace

/// A call under way.
struct LoadCaller::Flight {
  CallKind kind = CallKind::kGet;
  steady_clock::time_point due;
  Done done{};
  userclient::CallReport report{};
};

LoadCaller::LoadCaller(userclient::UserClient client, CallMix mix, std::vector<std::string> ids,
                       std::optional<std::chrono::nanoseconds> timeout, std::stop_token stop)
    : client_(std::move(client)),
      mix_(std::move(mix)),
      ids_(std::move(ids)),
      timeout_(timeout),
      stop_(std::move(stop)),
      run_(RandomName()) {}

CallOutcome LoadCaller::Call(int64_t number, steady_clock::time_point due) {
  Flight flight{.kind = mix_.KindOf(number), .due = due};
  const userclient::CallOptions options = OptionsFor(flight);
  absl::Status status;
  switch (flight.kind) {
    case CallKind::kGet:
      status = client_.GetUser(NextGet(), options).status();
      break;
    case CallKind::kList:
      status = client_.ListUsers({}, options).status();
      break;
    case CallKind::kCreate:
      status = client_.CreateUser(NextCreate(), options).status();
      break;
  }
  return OutcomeOf(flight, status);
}

void LoadCaller::Start(int64_t number, steady_clock::time_point due, Done done) {
  const auto flight = std::make_shared<Flight>(Flight{.kind = mix_.KindOf(number), .due = due, .done = std::move(done)});
  userclient::CallOptions options = OptionsFor(*flight);
  switch (flight->kind) {
    case CallKind::kGet:
      return Finish(client_.GetUserAsync(NextGet(), std::move(options)), flight);
    case CallKind::kList:
      return Finish(client_.ListUsersAsync({}, std::move(options)), flight);
    case CallKind::kCreate:
      return Finish(client_.CreateUserAsync(NextCreate(), std::move(options)), flight);
  }
}

template <typename Response>
void LoadCaller::Finish(PendingCall<Response> pending, std::shared_ptr<Flight> flight) const {
  std::move(pending).Then([this, flight = std::move(flight)](const absl::StatusOr<Response>& answer) {
    flight->done(OutcomeOf(*flight, answer.status()));
  });
}

CallOutcome LoadCaller::OutcomeOf(const Flight& flight, const absl::Status& status) const {
  return {.kind = flight.kind,
          .status = status,
          .latency = steady_clock::now() - flight.due,
          .report = flight.report,
          .cut_off = absl::IsCancelled(status) && stop_.stop_requested()};
}

userclient::CallOptions LoadCaller::OptionsFor(Flight& flight) const {
  return {.timeout = timeout_, .stop = stop_, .report = &flight.report};
}

GetUserRequest LoadCaller::NextGet() {
  GetUserRequest request;
  request.set_user_id(ids_[gets_++ % ids_.size()]);
  return request;
}

CreateUserRequest LoadCaller::NextCreate() {
  const uint64_t number = creates_++;
  CreateUserRequest request;
  request.set_email(absl::StrCat("load-", run_, "-", number, "@example.com"));
  request.set_display_name("userctl load");
  return request;
}

}  // namespace userctl
