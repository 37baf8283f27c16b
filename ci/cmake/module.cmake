# ord_module(NAME DEPS ...): one static library from the .c files of this
# folder, and one Criterion program per tests/test_*.c beside them.
# ord_program(NAME SOURCES ... DEPS ...): one executable in build/bin.
# ord_target_files(NAME FILES ...): what `ordeal` needs at run time to put a
# database on trial, laid out alike in the build tree and once installed.

find_package(PkgConfig REQUIRED)
pkg_check_modules(CRITERION IMPORTED_TARGET criterion)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(ORD_WERROR "warnings are errors" ON)
set(ORD_SANITIZE "" CACHE STRING "address,undefined or thread or empty")

add_compile_definitions(_GNU_SOURCE ORD_VERSION="${PROJECT_VERSION}")
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
  -Wmissing-prototypes -Wvla -Wundef -Wformat=2 -g
  -fno-omit-frame-pointer)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  # snprintf that cuts a sentence to its buffer is meant to.
  add_compile_options(-Wno-format-truncation)
endif()
if(ORD_WERROR)
  add_compile_options(-Werror)
endif()
if(ORD_SANITIZE)
  add_compile_options(-fsanitize=${ORD_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ORD_SANITIZE})
endif()
include_directories(${PROJECT_SOURCE_DIR})

# A leak does not fail a Criterion test unless it aborts.  With several jobs
# Criterion 2.4.1 itself leaks 48 bytes per worker where tests have a .timeout:
# ctest runs the programs side by side, so one job each costs little.
set(ORD_TEST_ENV
  "CRITERION_JOBS=1"
  "ASAN_OPTIONS=abort_on_error=1:detect_leaks=1"
  "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")

function(ord_module name)
  cmake_parse_arguments(arg "" "" "DEPS;PRIVATE_DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  if(NOT sources)
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${arg_DEPS} PRIVATE ${arg_PRIVATE_DEPS})
  ord_tests(${name} DEPS ${name})
endfunction()

function(ord_tests module)
  cmake_parse_arguments(arg "" "" "DEPS" ${ARGN})
  if(NOT BUILD_TESTING OR NOT CRITERION_FOUND)
    return()
  endif()
  file(GLOB tests CONFIGURE_DEPENDS
    ${CMAKE_CURRENT_SOURCE_DIR}/tests/test_*.c)
  foreach(test ${tests})
    get_filename_component(stem ${test} NAME_WE)
    set(program ${module}_${stem})
    file(GLOB helpers CONFIGURE_DEPENDS
      ${CMAKE_CURRENT_SOURCE_DIR}/tests/support_*.c)
    add_executable(${program} ${test} ${helpers})
    # Criterion's macros trip -Wconversion and friends even as system headers.
    target_compile_options(${program} PRIVATE
      -Wno-conversion -Wno-missing-prototypes -Wno-pedantic)
    target_link_libraries(${program} PRIVATE
      ${arg_DEPS} PkgConfig::CRITERION)
    add_test(NAME ${program} COMMAND ${program})
    set_tests_properties(${program} PROPERTIES
      ENVIRONMENT "${ORD_TEST_ENV};ORD_BIN=${CMAKE_BINARY_DIR}/bin;ORD_SOURCE=${PROJECT_SOURCE_DIR}"
      TIMEOUT 300)
  endforeach()
endfunction()

# All programs and no tests: what ci/demo builds.
add_custom_target(ord_programs)

function(ord_program name)
  cmake_parse_arguments(arg "" "DESTINATION" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  add_dependencies(ord_programs ${name})
  if(arg_DESTINATION)
    install(TARGETS ${name} DESTINATION ${arg_DESTINATION})
  endif()
endfunction()

# The client program NAME-client of somebody else's database: client.c, and
# SOURCES as a library for its tests.  It stands on LIBRARY, a target; where that
# is not there it is left out.  Its tests may play the server (targets/client).
function(ord_client name)
  cmake_parse_arguments(arg "" "LIBRARY" "SOURCES" ${ARGN})
  if(NOT TARGET ${arg_LIBRARY})
    message(STATUS "${name}-client is left out: no ${arg_LIBRARY}, with headers")
    return()
  endif()
  add_library(${name}_client STATIC ${arg_SOURCES})
  target_link_libraries(${name}_client PUBLIC ord_client ${arg_LIBRARY})
  ord_program(${name}-client SOURCES client.c DEPS ${name}_client
    DESTINATION ${CMAKE_INSTALL_BINDIR})
  ord_tests(${name}_client DEPS ${name}_client)
  get_property(tests DIRECTORY PROPERTY TESTS)
  foreach(test ${tests})
    target_sources(${test} PRIVATE
      ${PROJECT_SOURCE_DIR}/targets/client/tests/support_server.c)
  endforeach()
endfunction()

# Copies FILES to <build>/share/ordeal/targets/NAME and installs them there:
# bin/ordeal finds ../share/ordeal/targets from its own path.
function(ord_target_files name)
  cmake_parse_arguments(arg "" "" "FILES" ${ARGN})
  set(to ${CMAKE_BINARY_DIR}/share/ordeal/targets/${name})
  foreach(file ${arg_FILES})
    configure_file(${CMAKE_CURRENT_SOURCE_DIR}/${file} ${to}/${file} COPYONLY)
    set(kind FILES)
    if(file MATCHES "\\.(py|sh)$")
      set(kind PROGRAMS)
    endif()
    install(${kind} ${file}
      DESTINATION ${CMAKE_INSTALL_DATADIR}/ordeal/targets/${name})
  endforeach()
endfunction()
