// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "slotseal/link.h"

/// Messages about one status differ in what helps; those that are told apart are told apart by a word of theirs.
struct hint {
    ss_status_t status;
    const char *word; ///< in the message; NULL: any
    const char *text;
};

static const struct hint hints[] = {
    {SS_ERROR_NOT_PERMITTED, "ermi", // permission, permitted
     "join the group that owns the port (dialout): usermod -aG dialout USER, log in again"},
    {SS_ERROR_ALREADY_EXISTS, NULL, "close the other program: a serial monitor, an IDE, ModemManager"},
    {SS_ERROR_DOES_NOT_EXIST, NULL,
     "plug the board in and look for /dev/ttyUSB* or /dev/ttyACM*; some cables only charge"},
    {SS_ERROR_TIMEOUT, "boot mode", "hold the BOOT button (GPIO0 to GND) while the chip is reset"},
    {SS_ERROR_TIMEOUT, "does not hear", "check the wire from the adapter's TX to the chip's RX (GPIO3)"},
    {SS_ERROR_TIMEOUT, "no way to", "hold BOOT and press EN (RST), or use a reset command or a manual reset"},
    {SS_ERROR_TIMEOUT, "baud", "try a lower rate: long cables and some USB bridges do not carry this one"},
    {SS_ERROR_TIMEOUT, "something talks",
     "check that this is the chip's port; the chip may be running, or its crystal is unusual"},
    {SS_ERROR_TIMEOUT, "RFC 2217", "the server answers telnet, but not as a serial port; try socket://"},
    {SS_ERROR_TIMEOUT, NULL, "check power, cable, TX and RX; hold BOOT (GPIO0 to GND) and press EN (RST)"},
    {SS_ERROR_NOT_SUPPORTED, "stub", "reset the chip into its loader: hold BOOT and press EN (RST)"},
    {SS_ERROR_NOT_SUPPORTED, "not an ESP32", "choose the port of an ESP32"},
    {SS_ERROR_NOT_SUPPORTED, "way to reset", "press EN (RST) on the board, or use a reset command"},
    {SS_ERROR_NOT_SUPPORTED, "rate", "choose a rate that the adapter has: 115200, 460800, 921600"},
    {SS_ERROR_DATA_INVALID, NULL, "the line is noisy: try a lower rate and a shorter cable"},
    {SS_ERROR_DATA_CORRUPT, NULL,
     "the line or the flash is unreliable: try a lower rate, a shorter cable, a better supply"},
    {SS_ERROR_IO, "no flash", "check the flash's wiring and supply; GPIO12 high at reset means flash of 1.8 V"},
    {SS_ERROR_IO, "is gone", "plug the cable in again and repeat the command"},
};

const char *ss_link_hint(const struct ss_error *err)
{
    if (err->area != SS_AREA_LINK)
        return NULL;
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (hints[i].status == err->status && (!hints[i].word || strstr(err->message, hints[i].word)))
            return hints[i].text;
    return NULL;
}
