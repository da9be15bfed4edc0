// SPDX-License-Identifier: Apache-2.0
// Download mode: the serial loader in the ESP32's mask ROM, and the flasher stub that tools load through it. Bytes from
// the line go in, bytes for the line come out by a callback; no time, no sockets.
//
// Sources: esptool's documentation, "Serial Protocol" and "Flasher Stub"; behaviour of esptool 4.12 and 5.3 against it.
//
// A stub is not run but recognised: it announces itself with the word "OHAI", which is a constant in its text or data.
// When a program that holds these bytes is started, the loader answers as the stub from then on.
#ifndef SS_CHIP_LOADER_H
#define SS_CHIP_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "chip/chip.h"
#include "slotseal/error.h"

#define SS_LOADER_BAUD 115200u ///< rate at which the mask ROM starts

/// Who listens on the UART.
enum ss_loader_mode {
    SS_LOADER_ROM,     ///< the mask ROM's loader
    SS_LOADER_STUB,    ///< the flasher stub
    SS_LOADER_PROGRAM, ///< a program from RAM was started that is no stub: nobody answers until a reset
    SS_LOADER_RESET,   ///< a command asked for a reset; whoever drives the chip does it
    SS_LOADER_FLASH,   ///< a command asked to start what is in flash, without a reset
};

/// Takes bytes that the chip sends; @p bytes is valid during the call.
typedef void (*ss_loader_write_fn)(void *context, const uint8_t *bytes, size_t len);

struct ss_loader;

/// A loader for @p chip (borrowed), which answers to @p write. SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_loader_new(struct ss_vchip *chip, ss_loader_write_fn write, void *context,
                                      struct ss_loader **loader, struct ss_error *err);

/// NULL is allowed.
void ss_loader_free(struct ss_loader *loader);

/// Back to the mask ROM's loader with empty RAM: what a reset of the chip does here. The chip itself is reset by
/// ss_chip_reset(). The rate of the line stays, because the ROM finds it out by listening.
void ss_loader_reset(struct ss_loader *loader);

/// Takes @p len bytes from the line and answers what they ask for. Bytes are ignored in the modes in which nobody
/// listens. A power cut (ss_power.cut_at) leaves it by longjmp; the loader can then be reset or freed.
void ss_loader_take(struct ss_loader *loader, const uint8_t *bytes, size_t len);

enum ss_loader_mode ss_loader_mode(const struct ss_loader *loader);

/// The rate at which the line runs: what the transport said last, or a command of the host.
uint32_t ss_loader_baud(const struct ss_loader *loader);
/// Tells at which rate the host opened the line; 0 is ignored.
void ss_loader_set_baud(struct ss_loader *loader, uint32_t baud);

#endif
