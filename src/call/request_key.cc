#include "call/request_key.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "telemetry/trace_context.h"

namespace userclient::internal {
namespace {

/// With its length before it, so that no two lists of texts look alike.
void Append(std::string_view text, std::string& key) {
  const uint64_t size = text.size();
  key.append(reinterpret_cast<const char*>(&size), sizeof(size));
  key.append(text);
}

}  // namespace

std::string RequestKey(const google::protobuf::MessageLite& request, const Metadata& metadata) {
  std::vector<const Metadata::value_type*> pairs;
  for (const Metadata::value_type& pair : metadata) {
    if (!IsTraceHeader(pair.first)) pairs.push_back(&pair);
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const auto* a, const auto* b) { return a->first < b->first; });

  std::string key;
  for (const Metadata::value_type* pair : pairs) {
    Append(pair->first, key);
    Append(pair->second, key);
  }
  // No key of metadata is empty: here they end.
  Append({}, key);
  {
    google::protobuf::io::StringOutputStream stream(&key);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    // Cannot fail: a request that is too large for it has been refused before.
    static_cast<void>(request.SerializePartialToCodedStream(&coded));
  }
  return key;
}

}  // namespace userclient::internal
