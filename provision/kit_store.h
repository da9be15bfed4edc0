// SPDX-License-Identifier: Apache-2.0
// The store of one provisioning run over a sealed kit: keys come from the kit, the journal goes into its folder.
#ifndef SS_PROVISION_KIT_STORE_H
#define SS_PROVISION_KIT_STORE_H

#include "provision/kit.h"
#include "provision/store.h"

struct ss_kit_store;

/// A store for the chip with @p mac. All is borrowed for the life of the store; the caller ends it by _close().
/// SS_ERROR_NOT_PERMITTED: the kit is not for this chip. SS_ERROR_IO: no journal can be kept in the kit's folder.
SS_MUST_USE ss_status_t ss_kit_store_open(const struct ss_kit *kit, const struct ss_kit_station *station,
                                          const uint8_t mac[6], struct ss_kit_store **store, struct ss_error *err);
/// NULL is allowed.
void ss_kit_store_close(struct ss_kit_store *store);

const struct ss_provision_store *ss_kit_store_functions(const struct ss_kit_store *store);
const struct ss_kit_device *ss_kit_store_device(const struct ss_kit_store *store);

#endif
