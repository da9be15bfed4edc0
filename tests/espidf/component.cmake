# SPDX-License-Identifier: Apache-2.0
# The component's file as ESP-IDF reads it: cmake -DFOLDER=… [-DIDF_VERSION_MAJOR=… -DIDF_VERSION_MINOR=…]
# -DREQUIRES=… -DPROVIDER=… -P component.cmake. Every source and folder must be there.
cmake_minimum_required(VERSION 3.5)

function(idf_component_register)
  cmake_parse_arguments(given "" "" "SRCS;INCLUDE_DIRS;PRIV_INCLUDE_DIRS;PRIV_REQUIRES" ${ARGN})
  if(given_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "not known to ESP-IDF: ${given_UNPARSED_ARGUMENTS}")
  endif()
  foreach(path IN LISTS given_SRCS given_INCLUDE_DIRS given_PRIV_INCLUDE_DIRS)
    if(NOT EXISTS ${path})
      message(FATAL_ERROR "${path} is not there")
    endif()
  endforeach()
  if(NOT "${given_PRIV_REQUIRES}" STREQUAL "${REQUIRES}")
    message(FATAL_ERROR "requires ${given_PRIV_REQUIRES}, not ${REQUIRES}")
  endif()
  string(REGEX MATCHALL "crypto_[a-z]+\\.c" providers "${given_SRCS}")
  if(NOT "${providers}" STREQUAL "${PROVIDER}")
    message(FATAL_ERROR "${providers}, not ${PROVIDER}")
  endif()
endfunction()

include(${FOLDER}/CMakeLists.txt)
