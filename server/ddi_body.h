// SPDX-License-Identifier: Apache-2.0
// What devices put into the bodies of their requests. Unknown fields are passed over, as hawkBit does: stock clients
// send some. What is read points into the JSON value.
#ifndef SS_SERVER_DDI_BODY_H
#define SS_SERVER_DDI_BODY_H

#include <jansson.h>

#include "server/store.h"

/// One more than a device may have, so that it is the store that counts them.
#define SS_DDI_ATTRIBUTES_MAX (SS_STORE_ATTRIBUTES_MAX + 1u)

struct ss_ddi_attributes {
    enum ss_store_attribute_mode mode;
    struct ss_store_attribute items[SS_DDI_ATTRIBUTES_MAX];
    size_t count;
    char rooms[SS_DDI_ATTRIBUTES_MAX][32]; ///< texts of numbers
};

/// The body of configData: `{"mode":…?, "data":{…}}`. Those beyond SS_DDI_ATTRIBUTES_MAX are dropped.
/// SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_ddi_read_attributes(const json_t *body, struct ss_ddi_attributes *out, struct ss_error *err);

/// Sets execution, finished, code, progress and messages of @p out from the body of feedback on an action or its
/// cancellation. @p messages has room for SS_STORE_MESSAGES_MAX; more are dropped. SS_ERROR_INVALID_ARGUMENT names what
/// is missing or wrong.
SS_MUST_USE ss_status_t ss_ddi_read_feedback(const json_t *body, const char **messages, struct ss_store_feedback *out,
                                             struct ss_error *err);
/// The same of a confirmation: `{"confirmation":"confirmed"|"denied", "code":…?, "details":[…]?}`.
SS_MUST_USE ss_status_t ss_ddi_read_confirmation(const json_t *body, const char **messages,
                                                 struct ss_store_feedback *out, struct ss_error *err);

/// What a device says it has: `{"name":…, "version":…}`. SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_ddi_read_installed(const json_t *body, const char **name, const char **version,
                                              struct ss_error *err);

#endif
