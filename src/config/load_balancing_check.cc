#include "config/load_balancing_check.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "config/duration.h"
#include "config/object_reader.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

/// The beginnings of their names. With one of them in a service config, gRPC 1.51 ends the process (ring_hash at the first call)
/// or every call.
constexpr std::array<std::string_view, 7> kOfXdsAlone = {"cds_", "eds_", "lrs_", "priority_", "ring_hash_", "weighted_target_",
                                                         "xds_"};
constexpr std::string_view kOutlierDetection = "outlier_detection_experimental";
/// 1.51 looks at the clock for ever with an interval of 0.1 ms and less, and no call ends any more.
constexpr std::chrono::milliseconds kShortestInterval{10};

class Check {
 public:
  explicit Check(Problems& problems) : problems_(problems) {}

  bool good() const { return good_; }

  void List(const Json& list, const Path& path) {
    for (size_t index = 0; index < list.size(); ++index) Entry(list[index], path.At(index));
  }

 private:
  void Entry(const Json& entry, const Path& path) {
    if (!entry.is_object()) return Refuse(path, Concat("must be an object such as {\"round_robin\": {}}, not ", Describe(entry)));
    if (entry.size() != 1) {
      return Refuse(path, Concat("must have one key, the name of the policy, not ", std::to_string(entry.size())));
    }
    Policy(entry.begin().key(), *entry.begin(), path.Key(entry.begin().key()));
  }

  void Policy(std::string_view name, const Json& settings, const Path& path) {
    if (!settings.is_object()) return Refuse(path, Concat("must be an object, not ", Describe(settings)));
    const auto begins = [&](std::string_view beginning) { return name.starts_with(beginning); };
    if (std::any_of(kOfXdsAlone.begin(), kOfXdsAlone.end(), begins)) {
      return Refuse(path, "works under xDS alone; use round_robin, or an xds: target");
    }
    if (name == kOutlierDetection && settings.contains("interval")) Interval(settings.at("interval"), path.Key("interval"));
    if (settings.contains("childPolicy") && settings.at("childPolicy").is_array()) {
      List(settings.at("childPolicy"), path.Key("childPolicy"));
    }
  }

  void Interval(const Json& value, const Path& path) {
    if (!value.is_string()) return;
    const absl::StatusOr<std::chrono::nanoseconds> interval = ParseDuration(value.get_ref<const std::string&>());
    if (interval.ok() && *interval < kShortestInterval) Refuse(path, "must be at least 0.01s, or gRPC would do nothing else");
  }

  void Refuse(const Path& path, std::string_view what) {
    problems_.Add(path, what);
    good_ = false;
  }

  Problems& problems_;
  bool good_ = true;
};

}  // namespace

bool CheckLoadBalancing(const Json& list, const Path& path, Problems& problems) {
  Check check(problems);
  check.List(list, path);
  return check.good();
}

}  // namespace userclient::internal
