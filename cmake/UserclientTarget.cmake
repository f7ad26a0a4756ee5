# userclient_target(<target>): what every target of this project shares. No global flags: a project that adds this one as a
# subdirectory keeps its own.
function(userclient_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers)
  endif()
  if(USERCLIENT_SANITIZER)
    target_compile_options(${target} PRIVATE -fsanitize=${USERCLIENT_SANITIZER} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PUBLIC -fsanitize=${USERCLIENT_SANITIZER})
  endif()
endfunction()
