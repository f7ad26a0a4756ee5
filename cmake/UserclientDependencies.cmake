# What userclient builds on. The order matters: gRPC's config first, then Protobuf in whatever mode the distribution offers
# (Debian 12 ships no protobuf-config.cmake, and gRPC 1.83 breaks if Protobuf is found before it).

# userclient_find(<debian packages> <find_package arguments>): find_package, or an error that says what to install.
macro(userclient_find packages name)
  find_package(${name} ${ARGN} QUIET)
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "userclient needs ${name} (find_package(${name} ${ARGN})), which was not found. ${${name}_NOT_FOUND_MESSAGE}\n"
      "On Debian: apt-get install ${packages}, or let `./run setup` do it. Elsewhere: add its prefix to CMAKE_PREFIX_PATH.")
  endif()
endmacro()

# libgrpc-dev's CMake files demand the code generator, which is in a package that libgrpc-dev does not depend on; without it CMake's
# own error speaks of a broken installation.
find_program(USERCLIENT_GRPC_CPP_PLUGIN grpc_cpp_plugin DOC "gRPC's code generator; only looked for, to give a better error")
mark_as_advanced(USERCLIENT_GRPC_CPP_PLUGIN)
if(NOT USERCLIENT_GRPC_CPP_PLUGIN AND EXISTS /etc/debian_version AND NOT CMAKE_CROSSCOMPILING AND NOT DEFINED gRPC_DIR)
  message(NOTICE "userclient: grpc_cpp_plugin is not on the PATH. If gRPC fails to load below: apt-get install protobuf-compiler-grpc")
endif()

userclient_find("g++" Threads)
userclient_find("libgrpc++-dev libgrpc-dev libabsl-dev libc-ares-dev libre2-dev libssl-dev zlib1g-dev protobuf-compiler-grpc" gRPC CONFIG)
# gRPC's config has found it, where gRPC was built with the c-ares of the system.
if(NOT TARGET c-ares::cares)
  userclient_find("libc-ares-dev" c-ares)
endif()
userclient_find("libprotobuf-dev protobuf-compiler" Protobuf)
userclient_find("libabsl-dev" absl CONFIG)
userclient_find("libssl-dev" OpenSSL 3.0)
userclient_find("nlohmann-json3-dev" nlohmann_json 3.11)
if(NOT TARGET protobuf::protoc)
  message(FATAL_ERROR "userclient needs protoc, which was not found.\nOn Debian: apt-get install protobuf-compiler")
endif()
if(USERCLIENT_BUILD_SERVER)
  userclient_find("libsqlite3-dev" SQLite3)
endif()
# Not needed, but used where they are.
foreach(sink IN ITEMS prometheus opentelemetry)
  string(TOUPPER ${sink} SINK)
  if(USERCLIENT_BUILD_${SINK})
    find_package(${sink}-cpp CONFIG QUIET)
    if(NOT ${sink}-cpp_FOUND)
      message(STATUS "userclient: no ${sink}-cpp, so userclient::${sink} is left out. ${${sink}-cpp_NOT_FOUND_MESSAGE}")
    endif()
  endif()
endforeach()
if(USERCLIENT_BUILD_SAMPLES)
  userclient_find("libcli11-dev" CLI11)
endif()
if(USERCLIENT_BUILD_TESTS)
  userclient_find("libgtest-dev libgmock-dev" GTest)
endif()
