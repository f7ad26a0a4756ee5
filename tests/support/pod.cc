#include "tests/support/pod.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace userclient::testing {
namespace {

/// What follows `prefix` on a line.
std::string After(const std::string& prefix, const std::string& line) {
  EXPECT_TRUE(line.starts_with(prefix)) << line;
  return line.substr(std::min(prefix.size(), line.size()));
}

void SetDeadline(grpc::ClientContext& context, std::chrono::seconds limit) {
  context.set_deadline(std::chrono::system_clock::now() + limit);
}

}  // namespace

Pod::Pod(PodOptions options) : options_(std::move(options)), host_(absl::StrCat("127.0.0.", options_.number + 1)) { Launch(); }

void Pod::Launch() {
  // Should the test be killed without a chance to clean up, the kernel kills its pods, also those that stand still.
  std::vector<std::string> arguments = {"/usr/bin/setpriv",
                                        "--pdeathsig",
                                        "KILL",
                                        USER_SERVER_PROGRAM,
                                        "--listen",
                                        absl::StrCat(host_, ":", options_.port),
                                        "--admin",
                                        "127.0.0.1:0",
                                        "--seed-users",
                                        absl::StrCat(options_.seed_users),
                                        "--log",
                                        "none",
                                        "--name",
                                        absl::StrCat("pod-", options_.number)};
  arguments.insert(arguments.end(), options_.flags.begin(), options_.flags.end());
  program_.emplace(arguments);
}

const std::string& Pod::AwaitAddress() {
  if (faults_ != nullptr) return address_;
  address_ = After("listening on ", program_->ReadLine());
  EXPECT_TRUE(absl::SimpleAtoi(address_.substr(address_.rfind(':') + 1), &options_.port)) << address_;
  const std::string admin = absl::StrCat("127.0.0.1:", After("fault service on port ", program_->ReadErrorLine()));
  faults_ = v1::FaultService::NewStub(grpc::CreateChannel(admin, grpc::InsecureChannelCredentials()));
  return address_;
}

void Pod::Freeze() {
  frozen_ = true;
  program_->Signal(SIGSTOP);
}

void Pod::Thaw() {
  frozen_ = false;
  if (running()) program_->Signal(SIGCONT);
}

void Pod::Kill() {
  KeepCounters();
  program_->Signal(SIGKILL);
  EndDrain();
}

void Pod::BeginDrain() { program_->Signal(SIGTERM); }

void Pod::EndDrain() {
  // Its fault service ends last. Asked without a pause it would take the time of what is measured.
  while (KeepCounters()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  program_->Wait();
  program_.reset();
  faults_.reset();
  frozen_ = false;
  counted_before_.insert(counted_before_.end(), counted_.begin(), counted_.end());
  counted_.clear();
}

void Pod::Start() {
  Launch();
  AwaitAddress();
}

void Pod::SetFaults(std::string_view json) {
  grpc::ClientContext context;
  SetDeadline(context, std::chrono::seconds(30));
  v1::SetFaultsRequest request;
  request.set_faults_json(std::string(json));
  v1::SetFaultsResponse response;
  const grpc::Status status = faults_->SetFaults(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

bool Pod::KeepCounters() {
  if (frozen_) return false;
  grpc::ClientContext context;
  SetDeadline(context, std::chrono::seconds(30));
  v1::GetCountersResponse response;
  if (!faults_->GetCounters(&context, {}, &response).ok()) return false;
  counted_.assign(response.methods().begin(), response.methods().end());
  return true;
}

int64_t Pod::CountAttempts(const std::vector<std::string_view>& methods) {
  if (running()) {
    EXPECT_TRUE(KeepCounters()) << host_ << " does not tell what it has counted";
  }
  int64_t attempts = 0;
  for (const Counted* counted : {&counted_before_, &counted_}) {
    for (const v1::MethodCounters& method : *counted) {
      if (std::find(methods.begin(), methods.end(), std::string_view(method.method())) != methods.end()) {
        attempts += method.attempts();
      }
    }
  }
  return attempts;
}

void Pod::ResetCounters() {
  grpc::ClientContext context;
  SetDeadline(context, std::chrono::seconds(30));
  v1::ResetCountersResponse response;
  const grpc::Status status = faults_->ResetCounters(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  counted_before_.clear();
  counted_.clear();
}

}  // namespace userclient::testing
