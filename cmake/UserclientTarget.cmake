# userclient_target(<target>): what every target of this project shares. No global flags: a project that adds this one as a
# subdirectory keeps its own.
function(userclient_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # Sources use the same names in their unnamed namespaces, so they cannot be compiled together.
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF UNITY_BUILD OFF)
  userclient_export_all(${target})
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
  else()
    # Whatever the project that adds this one does without. Nothing throws into it.
    target_compile_options(${target} PRIVATE -fexceptions -frtti -Wno-missing-field-initializers)
  endif()
  if(USERCLIENT_SANITIZER)
    target_compile_options(${target} PRIVATE -fsanitize=${USERCLIENT_SANITIZER} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${USERCLIENT_SANITIZER})
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE AND USERCLIENT_SANITIZER MATCHES address)
      target_sources(${target} PRIVATE ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/asan_exit.cc)
    endif()
  endif()
endfunction()

# userclient_export_all(<target>): the headers do not mark what a shared library exports, so all of it is, also where the project that
# adds this one hides what is not marked.
function(userclient_export_all target)
  if(BUILD_SHARED_LIBS)
    set_target_properties(${target} PROPERTIES CXX_VISIBILITY_PRESET default VISIBILITY_INLINES_HIDDEN OFF)
  endif()
endfunction()

# userclient_precompile(<target> [headers...]): with USERCLIENT_PRECOMPILE_HEADERS, gRPC's headers and these are read once for all
# sources of a target that is made of many. It saves a builder that starts from nothing much of his time. The presets release and tidy
# go without, so that a missing include is noticed.
function(userclient_precompile target)
  if(USERCLIENT_PRECOMPILE_HEADERS)
    target_precompile_headers(${target} PRIVATE <algorithm> <functional> <map> <string> <vector> <grpcpp/grpcpp.h>
      <grpcpp/generic/generic_stub.h> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/synchronization/mutex.h> ${ARGN})
  endif()
endfunction()
