#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "call_mix.h"
#include "circuit_log.h"
#include "load_caller.h"
#include "load_live.h"
#include "load_loop.h"
#include "load_plan.h"
#include "load_recorder.h"
#include "load_result.h"
#include "user_ids.h"
#include "userclient/service_config.h"
#include "userctl/commands.h"
#include "userctl/duration.h"
#include "userctl/exit_status.h"
#include "userctl/method_view.h"
#include "userctl/option_checks.h"
#include "userctl/terminal_width.h"

namespace userctl {
namespace {

using std::chrono::steady_clock;
using user::v1::ListUsersRequest;
using userclient::UserClient;

constexpr double kUsualRate = 100;
constexpr double kLowestRate = 0.001;
constexpr int kHighestRate = 1'000'000;
constexpr std::chrono::seconds kUsualDuration(10);
constexpr int kMostIdsFromServer = 1000;
constexpr std::chrono::milliseconds kLookEvery(50);
constexpr size_t kNarrowestSummary = 40;

struct LoadOptions {
  /// As they were given.
  std::vector<std::string> ids{};
  LoadPlan plan{};
  std::optional<int> concurrency{};
};

/// One run of the command.
class Load {
 public:
  Load(const LoadOptions& options, Session& session) : options_(options), session_(session), plan_(PlanOf(options)) {}

  int Run() {
    absl::StatusOr<std::vector<std::string>> ids = ExpandIds(options_.ids);
    if (!ids.ok()) return session_.FailUsage(ids.status());
    if (!ids->empty() && !plan_.mix.Contains(CallKind::kGet)) {
      return session_.FailUsage(absl::InvalidArgumentError(
          absl::StrCat("ids are for get, which is not in --mix ", plan_.mix.ToText(), ": leave them out, or add it")));
    }
    const absl::StatusOr<std::vector<std::string>> compartments = CompartmentsWithBreaker();
    if (!compartments.ok()) return session_.FailUsage(compartments.status());
    const auto circuits = std::make_shared<CircuitLog>(*compartments);
    const std::optional<UserClient> client =
        session_.Connect([circuits](std::string_view compartment, const userclient::CircuitTransition& transition) {
          circuits->Note(compartment, transition);
        });
    if (!client) return kWrongUsage;
    if (ids->empty() && plan_.mix.Contains(CallKind::kGet)) {
      ids = IdsFromServer(*client);
      if (!ids.ok()) return session_.Fail("load: list", ids.status());
      if (ids->empty()) {
        return session_.FailUsage(absl::NotFoundError("the server has no users to ask for: give their ids, as in 'u-{1..1000}'"));
      }
    }
    LoadCaller caller(*client, plan_.mix, *std::move(ids), session_.options().timeout, session_.stop());
    if (plan_.warm_up) Make(WarmUpOf(plan_), caller, *circuits);
    return Tell(Make(plan_, caller, *circuits));
  }

 private:
  static LoadPlan PlanOf(const LoadOptions& options) {
    LoadPlan plan = options.plan;
    if (options.concurrency) {
      plan.concurrency = *options.concurrency;
    } else if (!plan.rate) {
      plan.rate = kUsualRate;
    }
    if (!plan.duration && !plan.calls) plan.duration = kUsualDuration;
    return plan;
  }

  static LoadPlan WarmUpOf(LoadPlan plan) {
    plan.duration = plan.warm_up;
    plan.calls.reset();
    return plan;
  }

  /// Of the methods that are called. *Errors:* those of the config.
  absl::StatusOr<std::vector<std::string>> CompartmentsWithBreaker() const {
    const std::optional<std::string>& file = session_.options().config;
    const absl::StatusOr<userclient::ServiceConfig> config =
        file ? userclient::ServiceConfig::Load(*file) : userclient::ServiceConfig::Default();
    if (!config.ok()) return config.status();
    std::vector<std::string> compartments;
    for (const CallMix::Part& part : plan_.mix.parts()) {
      const userclient::BulkheadConfig* bulkhead = config->FindBulkhead(ServiceName(), MethodOf(part.kind));
      if (bulkhead != nullptr && bulkhead->circuit_breaker) compartments.push_back(bulkhead->name);
    }
    return compartments;
  }

  absl::StatusOr<std::vector<std::string>> IdsFromServer(const UserClient& client) {
    std::vector<std::string> ids;
    ListUsersRequest request;
    request.set_page_size(kMostIdsFromServer);
    userclient::UserList users = client.ListAllUsers(request, session_.call_options());
    for (const user::v1::User& user : users) {
      ids.emplace_back(user.user_id());
      if (ids.size() == kMostIdsFromServer) return ids;
    }
    if (!users.status().ok()) return users.status();
    return ids;
  }

  LoadResult Make(const LoadPlan& plan, LoadCaller& caller, const CircuitLog& circuits) {
    const bool live_is_disturbed = session_.options().verbose;
    StatusLine::Style style = live_is_disturbed ? StatusLine::Style::kLines : StatusLine::StyleOfStandardError();
    if (session_.json()) style = StatusLine::Style::kNone;
    const size_t transitions_before = circuits.entries().size();
    LoadLive live(style, plan, transitions_before);
    LoadRecorder recorder;
    LoadResult result = {.plan = plan, .target = session_.options().target, .began = steady_clock::now()};
    std::future<int64_t> never_begun = std::async(std::launch::async, [&]() -> int64_t {
      if (plan.rate) return RunOpenLoop(plan, caller, recorder, session_.stop());
      RunClosedLoop(plan, caller, recorder, session_.stop());
      return 0;
    });
    while (never_begun.wait_for(kLookEvery) != std::future_status::ready) live.Update(recorder.tally(), circuits);
    result.elapsed = steady_clock::now() - result.began;
    live.End(circuits);
    result.tally = recorder.tally();
    result.never_begun = never_begun.get();
    result.transitions = circuits.entries();
    result.transitions.erase(result.transitions.begin(),
                             result.transitions.begin() + static_cast<std::ptrdiff_t>(transitions_before));
    result.circuits = circuits.states();
    result.interrupted = session_.stop().stop_requested();
    return result;
  }

  int Tell(const LoadResult& result) {
    session_.output().Line(session_.json() ? LoadJson(result)
                                           : LoadText(result, TerminalWidth(kNarrowestSummary), session_.options().verbose));
    if (result.interrupted) return ExitStatusOf(absl::StatusCode::kCancelled);
    return ExitStatusOf(result.tally.CommonestFailure());
  }

  const LoadOptions& options_;
  Session& session_;
  const LoadPlan plan_;
};

/// What is wrong with it, or nothing. CLI::Range looks for what lies outside, and finds nothing wrong with NaN.
std::string CheckRate(const std::string& text) {
  double rate = 0;
  const bool fine = absl::SimpleAtod(text, &rate) && rate >= kLowestRate && rate <= kHighestRate;
  return fine ? "" : absl::StrCat("\"", text, "\" is no number from ", kLowestRate, " to ", kHighestRate);
}

/// *Throws* what CLI11 expects of the function of a flag.
std::chrono::nanoseconds DurationOf(const std::string& flag, const std::string& text) {
  const absl::StatusOr<std::chrono::nanoseconds> duration = ParseDuration(text);
  if (!duration.ok()) throw CLI::ValidationError(flag, std::string(duration.status().message()));
  return *duration;
}

void AddPaceOptions(CLI::App* load, const std::shared_ptr<LoadOptions>& options) {
  CLI::Option* rate =
      load->add_option("--rate", options->plan.rate,
                       "Open loop: so many calls begin in a second, however long they take; 100 without --rate and --concurrency")
          ->check(CheckRate)
          ->type_name("R");
  CLI::Option* concurrency =
      load->add_option("--concurrency", options->concurrency,
                       "Closed loop: so many callers, each of which waits for its answer before its next call")
          ->check(WholeNumber(1, 1000))
          ->excludes(rate)
          ->type_name("N");
  load->add_option("--max-in-flight", options->plan.max_in_flight,
                   "Open loop: a call that is due waits while so many are under way")
      ->check(WholeNumber(1, 1'000'000).description(""))
      ->excludes(concurrency)
      ->capture_default_str()
      ->type_name("N");
  load->add_option_function<std::string>(
          "--duration", [options](const std::string& text) { options->plan.duration = DurationOf("--duration", text); },
          "No call begins after this time: 500ms, 30s, 5m; 10s without --duration and --calls")
      ->type_name("D");
  load->add_option_function<std::string>(
          "--warm-up", [options](const std::string& text) { options->plan.warm_up = DurationOf("--warm-up", text); },
          "First make calls for so long that are not counted: connections and caches may not be what is to be measured")
      ->type_name("D");
  load->add_option("--calls", options->plan.calls, "No more calls than this; with --duration, what comes first")
      ->check(PositiveNumber())
      ->type_name("N");
}

}  // namespace

void AddLoadCommand(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<LoadOptions>();
  CLI::App* load = app.add_subcommand("load", "Make many calls at a steady pace, and show what became of them");
  load->add_option("ID", options->ids,
                   "The users to get, in turn; u-{1..1000} is a thousand. Without any, the first that list shows")
      ->check(Text());
  AddPaceOptions(load, options);
  load->add_option_function<std::string>(
          "--mix",
          [options](const std::string& text) {
            absl::StatusOr<CallMix> mix = CallMix::Parse(text);
            if (!mix.ok()) throw CLI::ValidationError("--mix", std::string(mix.status().message()));
            options->plan.mix = *std::move(mix);
          },
          "What to call: get (without this flag), list, create, or a mix such as get=90,create=10. create makes users that stay")
      ->type_name("MIX");
  load->footer(
      "While it runs, standard error tells every two seconds, on a terminal all the time, of calls per second, failures, the\n"
      "latency of calls that are OK, calls in flight and circuit breakers, and of each change of a breaker. Then standard "
      "output\n"
      "has the summary; with --json it is one document, and there is nothing before it. --verbose adds, attempt by attempt, the\n"
      "first call with each failure and the slowest one. --timeout is for one call.\n\n"
      "In an open loop latency counts from when a call was due, so that a server that stalls cannot hide what it does to the "
      "calls\n"
      "after. The summary says when this machine was too slow for the rate, so that its calls began late.\n\n"
      "In a closed loop a caller that the client itself refuses (an open breaker, a full compartment) waits 10 ms.\n\n"
      "Ctrl-C ends it with the summary of what there was; calls under way are cancelled and not counted.\n\n"
      "Exit status: 0 if every call was answered, else 64 + the code of the commonest failure; 65 after Ctrl-C.\n\n"
      "Examples:\n"
      "  userctl --target 127.0.0.1:50051 load --rate 500 --duration 30s 'u-{1..1000}'\n"
      "  userctl --target dns:///users.example.com:50051 --config prod.json load --concurrency 64 --mix get=90,list=10\n"
      "  userctl --target 127.0.0.1:50051 --json load --calls 10000 --rate 1000 | jq .load.latency_ms.ok");
  load->callback([options, &chosen] { chosen = [options](Session& session) { return Load(*options, session).Run(); }; });
}

}  // namespace userctl
