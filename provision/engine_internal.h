// SPDX-License-Identifier: Apache-2.0
// Inside of the engine: one procedure at work on one link, the real one or a rehearsal's.
#ifndef SS_PROVISION_ENGINE_INTERNAL_H
#define SS_PROVISION_ENGINE_INTERNAL_H

#include "provision/engine.h"

#define ENGINE_LOG_SIZE   (64u * 1024)
#define ENGINE_KEY_ID_LEN 17 ///< 16 hex digits

/// All borrowed but for `chip` and `log`.
struct engine_work {
    const struct ss_procedure *procedure;
    const struct ss_parts *parts;
    const struct ss_boot_profile *profile;
    const struct ss_provision_store *store; ///< NULL: nothing is journalled (rehearsal)
    const struct ss_provision_observer *observer;
    const char *device;
    const char (*key_ids)[ENGINE_KEY_ID_LEN]; ///< of what BLOCK1 and BLOCK2 are burned with; indices 1, 2
    struct ss_link *link;
    struct ss_step_evidence evidence;
    struct ss_provision_chip chip; ///< as last read
    bool confirmed;
    bool closed; ///< UART_DOWNLOAD_DIS is in effect: nothing can be read or burned any more
    size_t at;   ///< step under way
    char log[ENGINE_LOG_SIZE];
};

/// Connects, if that is not so, and reads everything but the flash's content. A chip other than the one before (by its
/// MAC) is refused; one that was never read takes any.
SS_MUST_USE ss_status_t engine_read_chip(struct engine_work *w, struct ss_error *err);

/// Goes through the procedure.
SS_MUST_USE ss_status_t engine_run(struct engine_work *w, struct ss_error *err);

/// SS_STEP_WRITE and SS_STEP_VERIFY.
SS_MUST_USE ss_status_t engine_write(struct engine_work *w, const struct ss_part *part, bool *found,
                                     struct ss_error *err);
SS_MUST_USE ss_status_t engine_verify(struct engine_work *w, struct ss_error *err);

/// SS_STEP_BOOT: runs the chip, keeps its log, and says whether an app was started.
SS_MUST_USE ss_status_t engine_boot(struct engine_work *w, struct ss_error *err);

/// True if FLASH_CRYPT_CNT is odd.
bool engine_encrypts(const struct ss_provision_chip *chip);

#endif
