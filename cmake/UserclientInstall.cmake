# The package: find_package(userclient CONFIG) and pkg-config. One export set for each library that not all of it needs:
#   userclientTargets                 userclient::userclient, userclient::proto
#   userclientServerTargets           userclient::server, userclient::testing: SQLite
#   userclient_prometheusTargets      userclient::prometheus: prometheus-cpp
#   userclient_opentelemetryTargets   userclient::opentelemetry: opentelemetry-cpp
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/userclient)
set(data_dir ${CMAKE_INSTALL_DATADIR}/userclient)

# The parts that are packed apart (UserclientPackage.cmake): dev, what one builds with, and tools, what one runs.
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME dev)

# Libraries. Shared ones (BUILD_SHARED_LIBS) change their name with the minor version, because below 1.0 the interface may.
foreach(library IN ITEMS userclient userclient_proto userclient_server userclient_testing)
  if(TARGET ${library})
    set_target_properties(${library} PROPERTIES
      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  endif()
endforeach()
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

# Observers, each with an export set of its own, because each needs a library of its own.
set(sinks)
foreach(sink IN ITEMS prometheus opentelemetry)
  if(TARGET userclient_${sink})
    list(APPEND sinks ${sink})
    set_target_properties(userclient_${sink} PROPERTIES
      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    install(TARGETS userclient_${sink} EXPORT userclient_${sink}Targets
      ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
      RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(EXPORT userclient_${sink}Targets NAMESPACE userclient:: DESTINATION ${package_dir})
  endif()
endforeach()

# Headers, each set only with the library that it belongs to.
set(left_out)
foreach(name IN ITEMS server testing)
  if(NOT TARGET userclient_${name})
    list(APPEND left_out PATTERN ${name} EXCLUDE)
  endif()
endforeach()
foreach(sink IN ITEMS prometheus opentelemetry)
  if(NOT sink IN_LIST sinks)
    list(APPEND left_out PATTERN ${sink}.h EXCLUDE)
  endif()
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/userclient DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" ${left_out})
get_target_property(generated_dir userclient_proto BINARY_DIR)
install(DIRECTORY ${generated_dir}/user DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.pb.h")
# What the library writes for itself stays with it; the service that a running server takes faults from is for all.
install(FILES ${generated_dir}/userclient/v1/fault_service.pb.h ${generated_dir}/userclient/v1/fault_service.grpc.pb.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/userclient/v1)
install(FILES ${generated_dir}/userclient/version.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/userclient)

# Programs and data.
foreach(program IN ITEMS userctl user_server)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
  endif()
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto/ DESTINATION ${data_dir}/proto FILES_MATCHING PATTERN "*.proto")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/service_config DESTINATION ${data_dir} FILES_MATCHING PATTERN "*.json")

# Documents, which link to each other as they do in the source.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/CHANGELOG.md ${PROJECT_SOURCE_DIR}/README.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
  FILES_MATCHING PATTERN "*.md" PATTERN "*.svg" PATTERN "grafana_dashboard.json" PATTERN "prometheus_alarms.yaml")
# To be copied: each is a project of its own.
foreach(sample IN ITEMS quickstart own_service profile_service)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/samples/${sample} DESTINATION ${CMAKE_INSTALL_DOCDIR}/samples)
endforeach()

# Shared libraries find each other, and programs find them, wherever the prefix lies.
if(BUILD_SHARED_LIBS)
  foreach(target IN ITEMS userclient userclient_proto userclient_server userclient_testing userclient_prometheus userclient_opentelemetry)
    if(TARGET ${target})
      set_target_properties(${target} PROPERTIES INSTALL_RPATH "\$ORIGIN")
    endif()
  endforeach()
  file(RELATIVE_PATH lib_from_bin ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  foreach(target IN ITEMS userctl user_server)
    if(TARGET ${target})
      set_target_properties(${target} PROPERTIES INSTALL_RPATH "\$ORIGIN/${lib_from_bin}")
    endif()
  endforeach()
endif()

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
foreach(sink IN LISTS sinks)
  set(sink_needs_prometheus prometheus-cpp-core)
  set(sink_needs_opentelemetry opentelemetry_api)
  set(sink_needs ${sink_needs_${sink}})
  configure_file(${CMAKE_CURRENT_LIST_DIR}/userclient-sink.pc.in userclient-${sink}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/userclient-${sink}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()

if(PROJECT_IS_TOP_LEVEL)
  include(UserclientPackage)
endif()
