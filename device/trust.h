// SPDX-License-Identifier: Apache-2.0
// Which key sets are in force. Decided anew at each start, from the pins in the app and from what the device has stored
// since. Storage is not believed: flash encryption leaves NVS alone, so whoever can write flash can write it. What counts
// is a chain of root signatures from the pinned set: to the stored one before the current, and from there to the current
// one. Storage that has lost both costs time: the fleet's sets are fetched again, one after the other.
//
// So between two updates of an app the root keys can be replaced twice; a third time only in a key set that enough of the
// pinned root keys have signed as well. A new app brings new pins.
#ifndef SS_DEVICE_TRUST_H
#define SS_DEVICE_TRUST_H

#include "slotseal/key_set.h"

/// Key set statements. `pinned` is required; {NULL, 0}: not stored.
struct ss_trust_sets {
    struct ss_span pinned;   ///< from the app, see device/pins.h: believed as it is
    struct ss_span current;  ///< the newest that was stored
    struct ss_span previous; ///< the one that was in force before it, the pinned one included
};

/// What the ring points into, and what it came from.
struct ss_trust {
    struct ss_trust_sets chosen; ///< `pinned`; `current` in force; `previous`, or none: spans of what was given
    struct ss_key_set sets[2];   ///< current, previous
};

/// Finds the sets in force: *@p ring points into @p trust, and that into the statements, which have to stay. A stored
/// set that does not follow is left out. SS_OK; SS_ERROR_DATA_INVALID: the pinned one is no key set (*@p ring is all NULL
/// then); statuses of the crypto provider that are none of a verdict, such as SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_trust_choose(const struct ss_trust_sets *sets, struct ss_trust *trust,
                                        struct ss_key_ring *ring);

/// Whether a next start would take the key set @p next, after @p trust, as the current one: asked before it is stored.
/// That it may follow the one in force has been checked (ss_key_set_check_next()).
/// SS_OK; SS_ERROR_NOT_PERMITTED: its root keys are too far from the pinned ones, the app has to be updated first;
/// statuses of ss_trust_choose().
SS_MUST_USE ss_status_t ss_trust_would_keep(const struct ss_trust *trust, struct ss_span next);

#endif
