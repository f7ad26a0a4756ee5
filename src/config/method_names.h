#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/json_reader.h"
#include "config/problems.h"
#include "userclient/service_config.h"

namespace userclient::internal {

/// "service/method" as an error message says it; a wildcard is said in words.
std::string ToString(const MethodName& name);

/// Reads lists of method names. No name may stand twice in all the lists that one reader reads.
class MethodNamesReader {
 public:
  explicit MethodNamesReader(Problems& problems) : problems_(problems) {}

  std::vector<MethodName> Read(const Json& list, const Path& path);

 private:
  Problems& problems_;
  std::map<std::pair<std::string, std::string>, Path> seen_;
};

}  // namespace userclient::internal
