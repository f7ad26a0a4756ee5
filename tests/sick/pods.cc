#include "tests/sick/pods.h"

#include "absl/strings/str_cat.h"

namespace userclient::testing {

Pods::Pods(int count) {
  for (int number = 1; number <= count; ++number) pods_.push_back(std::make_unique<Pod>(PodOptions{.number = number}));
  for (const std::unique_ptr<Pod>& pod : pods_) {
    absl::StrAppend(&target_, pod == pods_.front() ? "" : ",", pod->AwaitAddress());
  }
}

}  // namespace userclient::testing
