// SPDX-License-Identifier: Apache-2.0
// A virtual chip as a port of the serial client, in this process: for rehearsals, and for tests that cut the power
// thousands of times. The chip's board has the usual circuit: DTR alone holds GPIO0 low, RTS alone holds EN low.
//
// Time is modelled: waiting for an answer that does not come takes none. A power cut (ss_power.cut_at) ends inside the
// port: control never leaves through code of the client. The host sees what it would see of a real chip without power:
// writing works, nothing ever comes back, and DTR and RTS change nothing.
#ifndef SS_PROVISION_VIRTUAL_PORT_H
#define SS_PROVISION_VIRTUAL_PORT_H

#include "chip/boot.h"
#include "slotseal/link_port.h"

/// Switches @p chip (borrowed) on and gives a port to it. Closing the port switches it off; the chip stays with the
/// caller. @p profile (borrowed) is what is compiled into its bootloader; NULL: guessed at each boot.
/// @p download: GPIO0 is held low while it is switched on, so that nothing in its flash runs.
/// SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_virtual_port_new(struct ss_vchip *chip, const struct ss_boot_profile *profile, bool download,
                                            struct ss_link_port **port, struct ss_error *err);

/// The last boot from flash; `profile.source` and all else are zero before the first. Valid until the next one.
const struct ss_boot_result *ss_virtual_port_boot(const struct ss_link_port *port);

#endif
