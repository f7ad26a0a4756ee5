#include "config/method_names.h"

#include <cstddef>
#include <optional>
#include <string_view>

#include "config/field_tables.h"
#include "config/object_reader.h"
#include "config/text.h"

namespace userclient::internal {
namespace {

// Neither can be part of the path of a gRPC call, so a name with one would never match.
bool HasSlashOrBlank(std::string_view name) { return name.find_first_of("/ \t\r\n") != std::string_view::npos; }

bool IsWellFormed(const MethodName& name, const ObjectReader& reader) {
  if (HasSlashOrBlank(name.service)) {
    reader.problems().Add(reader.PathTo("service"),
                          Concat("must be a full name such as \"user.v1.UserService\", not ", Quote(name.service)));
    return false;
  }
  if (HasSlashOrBlank(name.method)) {
    reader.problems().Add(reader.PathTo("method"), Concat("must be a name such as \"GetUser\", not ", Quote(name.method)));
    return false;
  }
  if (name.service.empty() && !name.method.empty()) {
    reader.problems().Add(reader.path(), Concat("names the method ", Quote(name.method), " without its service"));
    return false;
  }
  return true;
}

}  // namespace

std::string ToString(const MethodName& name) {
  if (name.service.empty()) return "every method";
  if (name.method.empty()) return Concat("every method of ", name.service);
  return Concat(name.service, "/", name.method);
}

std::vector<MethodName> MethodNamesReader::Read(const Json& list, const Path& path) {
  std::vector<MethodName> names;
  for (size_t index = 0; index < list.size(); ++index) {
    const ObjectReader reader(list[index], kMethodNameSpec, path.At(index), problems_);
    // A name that is wrong in itself is reported once, and not as a double of another.
    const std::optional<std::string> service = reader.String("service");
    const std::optional<std::string> method = reader.String("method");
    if (!list[index].is_object() || service.has_value() != reader.Has("service") || method.has_value() != reader.Has("method"))
      continue;
    MethodName name = {service.value_or(""), method.value_or("")};
    if (!IsWellFormed(name, reader)) continue;
    const auto [first, is_new] = seen_.try_emplace({name.service, name.method}, reader.path());
    if (!is_new) {
      problems_.Add(reader.path(), Concat(ToString(name), " already stands at ", first->second.text()));
      continue;
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace userclient::internal
