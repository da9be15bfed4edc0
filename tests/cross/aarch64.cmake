# SPDX-License-Identifier: Apache-2.0
# The ciphers and their own unit tests, built for 64-bit ARM without any library and run under qemu's user emulation.
find_program(SS_AARCH64_CC aarch64-linux-gnu-gcc)
find_program(SS_AARCH64_RUN NAMES qemu-aarch64 qemu-aarch64-static)
if(NOT SS_AARCH64_CC OR NOT SS_AARCH64_RUN)
  message(STATUS "No aarch64 compiler or qemu-aarch64: its kernels are not tested")
  return()
endif()

set(dir ${CMAKE_CURRENT_BINARY_DIR}/aarch64)
file(MAKE_DIRECTORY ${dir})
set(flags -std=gnu11 -O2 -g -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wcast-qual
  -DSS_VECTOR_DIR="${CMAKE_CURRENT_SOURCE_DIR}/vectors" -DSS_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
  -DSS_TEST_MATERIAL="${SS_TEST_MATERIAL}"
  -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR} -I${CMAKE_CURRENT_SOURCE_DIR}
  -I${CMAKE_CURRENT_SOURCE_DIR}/cross)
if(SS_WERROR)
  list(APPEND flags -Werror)
endif()

# aarch64_object(SOURCE out-variable)
function(aarch64_object source out)
  get_filename_component(name ${source} NAME)
  set(object ${dir}/${name}.o)
  set(cpu)
  if(name MATCHES "_armv8\\.c$")
    set(cpu -march=armv8-a+crypto -O3)
  endif()
  add_custom_command(OUTPUT ${object} DEPFILE ${object}.d COMMENT "Building ${name} for aarch64"
    COMMAND ${SS_AARCH64_CC} ${flags} ${cpu} -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
    DEPENDS ${source} VERBATIM)
  set(${out} ${object} PARENT_SCOPE)
endfunction()

set(core ${PROJECT_SOURCE_DIR}/core)
file(GLOB sources CONFIGURE_DEPENDS ${core}/kernels/*.c ${core}/kernels/aarch64/*.c)
list(APPEND sources ${core}/flash_cipher.c ${core}/flash_xts.c ${core}/flash_range.c ${core}/efuse_extend.c
  ${core}/seal_many.c ${core}/crc32.c ${core}/error.c
  ${CMAKE_CURRENT_SOURCE_DIR}/support/vectors.c ${CMAKE_CURRENT_SOURCE_DIR}/cross/crypto_none.c)
set(objects)
foreach(source IN LISTS sources)
  aarch64_object(${source} object)
  list(APPEND objects ${object})
endforeach()

set(programs)
foreach(name IN ITEMS flash_cipher flash_xts seal_many)
  aarch64_object(${CMAKE_CURRENT_SOURCE_DIR}/unit/test_${name}.c object)
  set(program ${dir}/test_${name})
  add_custom_command(OUTPUT ${program} COMMENT "Linking test_${name} for aarch64"
    COMMAND ${SS_AARCH64_CC} -static ${object} ${objects} -o ${program} DEPENDS ${object} ${objects} VERBATIM)
  list(APPEND programs ${program})
  add_test(NAME kernels/aarch64/${name} COMMAND ${SS_AARCH64_RUN} ${program})
endforeach()
add_custom_target(tests-aarch64 ALL DEPENDS ${programs})
