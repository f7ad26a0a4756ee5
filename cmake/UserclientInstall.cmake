# The package: find_package(userclient CONFIG) and pkg-config. Two export sets, because only the server needs SQLite:
#   userclientTargets        userclient::userclient, userclient::proto
#   userclientServerTargets  userclient::server, userclient::testing
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/userclient)
set(data_dir ${CMAKE_INSTALL_DATADIR}/userclient)

# Libraries.
install(TARGETS userclient userclient_proto EXPORT userclientTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
set(server_targets)
foreach(name IN ITEMS server testing)
  if(TARGET userclient_${name})
    set_target_properties(userclient_${name} PROPERTIES EXPORT_NAME ${name})
    list(APPEND server_targets userclient_${name})
  endif()
endforeach()
if(server_targets)
  install(TARGETS ${server_targets} EXPORT userclientServerTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

# Headers, each set only with the library that it belongs to.
set(left_out)
foreach(name IN ITEMS server testing)
  if(NOT TARGET userclient_${name})
    list(APPEND left_out PATTERN ${name} EXCLUDE)
  endif()
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/userclient DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" ${left_out})
get_target_property(generated_dir userclient_proto BINARY_DIR)
install(DIRECTORY ${generated_dir}/user ${generated_dir}/userclient DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.pb.h")

# Programs and data.
foreach(program IN ITEMS userctl user_server)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto/ DESTINATION ${data_dir}/proto FILES_MATCHING PATTERN "*.proto")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/service_config DESTINATION ${data_dir} FILES_MATCHING PATTERN "*.json")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# find_package.
install(EXPORT userclientTargets NAMESPACE userclient:: DESTINATION ${package_dir})
if(server_targets)
  install(EXPORT userclientServerTargets NAMESPACE userclient:: DESTINATION ${package_dir})
endif()
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/userclientConfig.cmake.in userclientConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(userclientConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/userclientConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/userclientConfigVersion.cmake
  DESTINATION ${package_dir})

# pkg-config. Paths are relative to the file, so that an unpacked archive works wherever it lies.
file(RELATIVE_PATH prefix_from_pkgconfig
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" prefix_from_pkgconfig "${prefix_from_pkgconfig}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/userclient.pc.in userclient.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/userclient.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# `cpack`, for a build of this project on its own: one archive that holds the prefix.
if(PROJECT_IS_TOP_LEVEL)
  set(CPACK_GENERATOR TGZ)
  set(CPACK_PACKAGE_VENDOR "the userclient authors")
  set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
  set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
  set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/package)
  set(CPACK_VERBATIM_VARIABLES ON)
  include(CPack)
endif()
