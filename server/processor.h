// SPDX-License-Identifier: Apache-2.0
// Which processor a thread runs on. Two threads that pass bytes to each other and wait for each other stay on one: the
// bytes are in its cache, and nobody has to be woken up elsewhere.
#ifndef SS_SERVER_PROCESSOR_H
#define SS_SERVER_PROCESSOR_H

#include <stdint.h>

#define SS_PROCESSOR_ANY UINT32_MAX

/// The processor for number @p index of several: those that this process may use, one after the other.
/// SS_PROCESSOR_ANY if there is one only, or they cannot be told.
uint32_t ss_processor_choose(unsigned index);
/// Binds the calling thread to @p processor, unless it is there already. One that does not exist, or may not be used any
/// more, is passed over.
void ss_processor_stay(uint32_t processor);

#endif
