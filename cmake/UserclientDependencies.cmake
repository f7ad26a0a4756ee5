# What userclient builds on. The order of the first two matters:
#   1. Protobuf's own CMake package, where it has one (Debian 12 has none). A gRPC that was built together with its Protobuf names its
#      targets and does not look for it; any other newer one looks for this package, and breaks if Protobuf was found in another way.
#   2. gRPC's, which finds an older Protobuf in the way that CMake knows.

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
find_program(USERCLIENT_GRPC_CPP_PLUGIN grpc_cpp_plugin DOC "gRPC's code generator for a cross build; else only looked for, to give a better error")
find_program(USERCLIENT_PROTOC protoc DOC "protoc for a cross build")
mark_as_advanced(USERCLIENT_GRPC_CPP_PLUGIN USERCLIENT_PROTOC)
if(NOT USERCLIENT_GRPC_CPP_PLUGIN AND EXISTS /etc/debian_version AND NOT CMAKE_CROSSCOMPILING AND NOT DEFINED gRPC_DIR)
  message(NOTICE "userclient: grpc_cpp_plugin is not on the PATH. If gRPC fails to load below: apt-get install protobuf-compiler-grpc")
endif()

userclient_find("g++" Threads)
if(NOT TARGET protobuf::libprotobuf)
  find_package(Protobuf CONFIG QUIET)
endif()
set(grpc_packages "libgrpc++-dev libgrpc-dev libabsl-dev libc-ares-dev libre2-dev libssl-dev zlib1g-dev protobuf-compiler-grpc")
userclient_find("${grpc_packages}" gRPC CONFIG)
# It goes on without what it does not find, and CMake would speak much later of targets that nobody here has named.
get_target_property(grpc_needs gRPC::grpc INTERFACE_LINK_LIBRARIES)
foreach(need IN LISTS grpc_needs)
  if(need MATCHES "^[A-Za-z0-9_-]+::" AND NOT TARGET ${need})
    message(FATAL_ERROR "userclient needs gRPC, and the gRPC in ${gRPC_DIR} needs ${need}, which was not found.\n"
      "On Debian: apt-get install ${grpc_packages}, or let `./run setup` do it. Elsewhere: add its prefix to CMAKE_PREFIX_PATH.")
  endif()
endforeach()
# Debian packages depend on Debian's own gRPC. /lib is /usr/lib, and comes first for whoever has /bin before /usr/bin on the PATH.
string(REGEX MATCH "^(/usr)?/(lib[^/]*|share)/" grpc_is_of_the_system "${gRPC_DIR}")
if(TARGET gRPC::ssl)
  message(WARNING "userclient: the gRPC in ${gRPC_DIR} has BoringSSL inside, which does not go together in one program with the OpenSSL "
    "that userclient checks certificates with: use no TLS with this build. Build gRPC with -DgRPC_SSL_PROVIDER=package.")
endif()
# gRPC's config has found it, where gRPC was built with the c-ares of the system.
if(NOT TARGET c-ares::cares)
  userclient_find("libc-ares-dev" c-ares)
endif()
if(NOT TARGET protobuf::libprotobuf)
  userclient_find("libprotobuf-dev protobuf-compiler" Protobuf)
endif()
userclient_find("libabsl-dev" absl CONFIG)
userclient_find("libssl-dev" OpenSSL 3.0)
userclient_find("nlohmann-json3-dev" nlohmann_json 3.11)
# The code generators: those of the packages found, or, because a cross build could not run these, the build machine's own.
if(CMAKE_CROSSCOMPILING)
  set(protoc ${USERCLIENT_PROTOC})
  set(grpc_cpp_plugin ${USERCLIENT_GRPC_CPP_PLUGIN})
  if(NOT protoc OR NOT grpc_cpp_plugin)
    message(FATAL_ERROR "userclient needs protoc and grpc_cpp_plugin of the machine that builds, which were not found.\n"
      "Give -DUSERCLIENT_PROTOC=FILE and -DUSERCLIENT_GRPC_CPP_PLUGIN=FILE, of the same versions as the libraries.")
  endif()
elseif(TARGET protobuf::protoc AND TARGET gRPC::grpc_cpp_plugin)
  set(protoc $<TARGET_FILE:protobuf::protoc>)
  set(grpc_cpp_plugin $<TARGET_FILE:gRPC::grpc_cpp_plugin>)
else()
  message(FATAL_ERROR "userclient needs protoc and grpc_cpp_plugin, which were not found.\n"
    "On Debian: apt-get install protobuf-compiler protobuf-compiler-grpc")
endif()
if(USERCLIENT_BUILD_SERVER)
  userclient_find("libsqlite3-dev" SQLite3)
  # CMake 4.3 calls it otherwise, and complains of the old name, also where the installed package is used.
  set(sqlite $<IF:$<TARGET_EXISTS:SQLite3::SQLite3>,SQLite3::SQLite3,SQLite::SQLite3>)
endif()
# Not needed, but used where they are. The system's opentelemetry-cpp goes with the Protobuf and Abseil of the system's gRPC alone; with
# another gRPC goes the one beside it, also in a prefix that CMake searches by itself (/usr/local).
set(opentelemetry_search "")
if(NOT grpc_is_of_the_system)
  set(opentelemetry_search HINTS ${gRPC_DIR}/../opentelemetry-cpp NO_CMAKE_SYSTEM_PATH NO_SYSTEM_ENVIRONMENT_PATH)
endif()
foreach(sink IN ITEMS prometheus opentelemetry)
  string(TOUPPER ${sink} SINK)
  if(USERCLIENT_BUILD_${SINK})
    find_package(${sink}-cpp CONFIG QUIET ${${sink}_search})
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
