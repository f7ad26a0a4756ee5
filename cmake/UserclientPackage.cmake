# `cpack`, for a build of this project on its own: an archive that holds the prefix, and on Debian two packages:
#   libuserclient-dev   headers, static libraries, CMake and pkg-config files, protos, service configs, documents
#   userclient-tools    userctl and user_server
set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_VENDOR "the userclient authors")
# Debian wants an address. Nobody can be reached at this one (RFC 2606): who publishes the packages gives theirs.
set(USERCLIENT_PACKAGE_MAINTAINER "${CPACK_PACKAGE_VENDOR} <authors@userclient.invalid>" CACHE STRING
  "Who answers for the Debian packages: Name <address>")
mark_as_advanced(USERCLIENT_PACKAGE_MAINTAINER)
set(CPACK_PACKAGE_CONTACT ${USERCLIENT_PACKAGE_MAINTAINER})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_COMPONENTS_ALL dev tools)

# userclient_debian_needs(<out> <package>): the very upstream version that is installed, because our libraries are static and compiled
# against it; a newer one of C++ has another ABI. Debian's own number: the one in protobuf's headers is another. Not set if no such
# package is installed.
function(userclient_debian_needs out package)
  execute_process(COMMAND dpkg-query --show "--showformat=\${Version}\n" ${package} OUTPUT_VARIABLE version ERROR_QUIET)
  if(NOT version MATCHES "^((([0-9]+:)?([0-9]+\\.)?)([0-9]+))")
    return()
  endif()
  math(EXPR next "${CMAKE_MATCH_5} + 1")
  set(${out} "${package} (>= ${CMAKE_MATCH_1}), ${package} (<< ${CMAKE_MATCH_2}${next}~)" PARENT_SCOPE)
endfunction()

find_program(USERCLIENT_DPKG_DEB dpkg-deb DOC "Where it is found, Debian packages are built too")
find_program(USERCLIENT_DPKG_SHLIBDEPS dpkg-shlibdeps DOC "Finds what packages the programs depend on")
mark_as_advanced(USERCLIENT_DPKG_DEB USERCLIENT_DPKG_SHLIBDEPS)
if(USERCLIENT_DPKG_DEB AND USERCLIENT_DPKG_SHLIBDEPS AND grpc_is_of_the_system AND NOT BUILD_SHARED_LIBS)
  userclient_debian_needs(needs_grpc libgrpc++-dev)
  userclient_debian_needs(needs_protobuf libprotobuf-dev)
  userclient_debian_needs(needs_absl libabsl-dev)
endif()
if(needs_grpc AND needs_protobuf AND needs_absl)
  list(APPEND CPACK_GENERATOR DEB)
  set(CPACK_DEB_COMPONENT_INSTALL ON)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
  set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
  set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
  set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/UserclientDebianFiles.cmake)
  set(CPACK_USERCLIENT_CHANGELOG ${PROJECT_SOURCE_DIR}/CHANGELOG.md)

  # Each package has a description of its own, whose first line is what lists show.
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
  set(CPACK_DEBIAN_DEV_PACKAGE_NAME libuserclient-dev)
  # libgrpc-dev's CMake files need all of these, and depends on few.
  string(JOIN ", " CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
    "${needs_grpc}" "${needs_protobuf}" "${needs_absl}" libgrpc-dev protobuf-compiler protobuf-compiler-grpc
    libc-ares-dev libre2-dev libssl-dev zlib1g-dev)
  # Without the first there is neither userclient::server nor userclient::testing, without the others not the observer of that name.
  set(recommends libsqlite3-dev)
  foreach(sink IN ITEMS prometheus opentelemetry)
    if(TARGET userclient_${sink})
      list(APPEND recommends ${sink}-cpp-dev)
    endif()
  endforeach()
  string(JOIN ", " CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS ${recommends})
  set(CPACK_DEBIAN_DEV_PACKAGE_SUGGESTS "userclient-tools")
  set(CPACK_COMPONENT_DEV_DESCRIPTION [[
resilient gRPC client SDK for C++ (development files)
userclient lets a gRPC caller live with a sick server: deadlines, retries,
hedging, circuit breakers, compartments, live endpoints, and streams that go
on where they broke; for user.v1.UserService, and around the stubs of any
other service.

This package holds headers, static libraries, CMake and pkg-config files,
protos, service configs and documents.]])

  set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME userclient-tools)
  set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION net)
  set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
  set(CPACK_COMPONENT_TOOLS_DESCRIPTION [[
command line and reference server of user.v1.UserService
userctl calls a user service, explains service configs, and puts load on
servers. user_server is a whole server of that service, which fails as it is
told to.]])
endif()

include(CPack)
