# SPDX-License-Identifier: Apache-2.0
# One list of warnings and hardening flags for every host target.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_compile_options(
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wpointer-arith -Wcast-qual -Wwrite-strings
  -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -fno-common -fstack-protector-strong
  # The same binary wherever it is built: libraries' error macros put __FILE__ into it.
  -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)
add_compile_definitions(_GNU_SOURCE)

if(SS_WERROR)
  add_compile_options(-Werror)
endif()
if(SS_SANITIZE)
  add_compile_options(-fsanitize=${SS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SS_SANITIZE})
endif()
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT SS_SANITIZE)
  add_compile_definitions(_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
if(SS_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
