#include "tests/sick/pods.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"

namespace userclient::testing {
namespace {

/// What follows `prefix` on a line.
std::string After(const std::string& prefix, const std::string& line) {
  EXPECT_TRUE(line.starts_with(prefix)) << line;
  return line.substr(std::min(prefix.size(), line.size()));
}

}  // namespace

Pod::Pod(int number)
    : host_(absl::StrCat("127.0.0.", number)),
      program_({USER_SERVER_PROGRAM, "--listen", host_ + ":0", "--admin", host_ + ":0", "--seed-users", "10000", "--log", "none",
                "--name", absl::StrCat("pod-", number)}) {}

const std::string& Pod::AwaitAddress() {
  if (!address_.empty()) return address_;
  address_ = After("listening on ", program_.ReadLine());
  const std::string admin = absl::StrCat(host_, ":", After("fault service on port ", program_.ReadErrorLine()));
  faults_ = v1::FaultService::NewStub(grpc::CreateChannel(admin, grpc::InsecureChannelCredentials()));
  return address_;
}

void Pod::Kill() {
  program_.Signal(SIGKILL);
  program_.Wait();
}

void Pod::SetFaults(std::string_view json) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::SetFaultsRequest request;
  request.set_faults_json(std::string(json));
  v1::SetFaultsResponse response;
  const grpc::Status status = faults_->SetFaults(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

Pods::Pods(int count) {
  for (int number = 1; number <= count; ++number) pods_.push_back(std::make_unique<Pod>(number));
  for (const std::unique_ptr<Pod>& pod : pods_) {
    absl::StrAppend(&target_, pod == pods_.front() ? "" : ",", pod->AwaitAddress());
  }
}

}  // namespace userclient::testing
