// SPDX-License-Identifier: Apache-2.0
#include "device/pins.h"

// Empty: `slotseal keyset embed` puts a fleet's key set in.
SS_PINS_DEFINE(demo_pins);
