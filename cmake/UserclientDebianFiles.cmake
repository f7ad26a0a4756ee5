# What Debian's policy wants of a package and no other archive needs. CPack runs this when the files of all packages lie in their places,
# one directory for each component, and makes the packages then.
if(NOT CPACK_GENERATOR STREQUAL DEB)
  return()
endif()

function(compress file)
  execute_process(COMMAND gzip -9 --no-name --force ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# SOURCE_DATE_EPOCH fixes both.
string(TIMESTAMP year "%Y" UTC)
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} COMPONENT)
  set(usr ${CPACK_TEMPORARY_DIRECTORY}/${component}${CPACK_PACKAGING_INSTALL_PREFIX})
  # 12.5: who may do what with it. 12.7: what has changed.
  set(doc ${usr}/share/doc/${CPACK_DEBIAN_${COMPONENT}_PACKAGE_NAME})
  file(WRITE ${doc}/copyright
"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: userclient
Upstream-Contact: ${CPACK_PACKAGE_CONTACT}

Files: *
Copyright: ${year} ${CPACK_PACKAGE_VENDOR}
License: Apache-2.0
 On Debian systems, the full text of the Apache License, Version 2.0, is in /usr/share/common-licenses/Apache-2.0.
")
  configure_file(${CPACK_USERCLIENT_CHANGELOG} ${doc}/changelog COPYONLY)
  compress(${doc}/changelog)
  file(WRITE ${doc}/changelog.Debian
"userclient (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Made by CPack from userclient ${CPACK_PACKAGE_VERSION}, whose changes are in changelog.gz.

 -- ${CPACK_PACKAGE_CONTACT}  ${now}
")
  compress(${doc}/changelog.Debian)
  # 12.1
  file(GLOB pages ${usr}/share/man/man1/*.1)
  foreach(page IN LISTS pages)
    compress(${page})
  endforeach()
endforeach()
