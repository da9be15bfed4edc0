// SPDX-License-Identifier: Apache-2.0
// Carries a procedure out on one chip: reads the chip, prepares what goes into its flash, rehearses the whole on a
// virtual chip with the same eFuses, and only then does it. What is done already is seen on the chip itself, so the same
// calls continue what was interrupted anywhere; the journal adds what a chip cannot say: that a key which nobody can
// read any more was read back once.
//
// No global state: one run a link, as many at once as there are threads or processes; the functions of one run, and its
// store, are called from one thread.
//
//     begin  →  (show procedure, states, warnings)  →  rehearse  →  execute  →  end
#ifndef SS_PROVISION_ENGINE_H
#define SS_PROVISION_ENGINE_H

#include "chip/boot.h"
#include "provision/doctor.h"
#include "provision/procedure.h"
#include "slotseal/link.h"

/// What is wanted. All borrowed for the life of the run.
struct ss_provision_job {
    struct ss_procedure_options options; ///< coding and revision are filled in from the chip
    const struct ss_partition_table *table;
    const uint8_t *bootloader;
    size_t bootloader_len;
    const uint8_t *app;
    size_t app_len;
    const uint8_t *embedded_key; ///< ss_parts_input.embedded_key
    const struct ss_part_data *data;
    size_t data_count;
    struct ss_parts *prepared; ///< host-sealed only: what goes into this chip's flash, made elsewhere. It is taken over
                               ///< and left empty; bootloader, app and data are not looked at. NULL: they are
    const struct ss_provision_store *store;
};

/// Told while a run goes on; each may be NULL.
struct ss_provision_observer {
    void *context;
    /// Before the first step that cannot be undone; false ends the run (SS_ERROR_NOT_PERMITTED), the chip untouched
    /// by such a step. NULL: nobody asks.
    bool (*confirm)(void *context, const char *device, const struct ss_step *step);
    /// A step begins (BEFORE), is done and read back (AFTER), or was found done (NOTE).
    void (*step)(void *context, size_t index, const struct ss_step *step, enum ss_journal_phase phase);
    /// A line of the chip's log while it boots.
    void (*log)(void *context, const char *line);
};

struct ss_provision;

/// Connects (the link is open), reads the chip, gets or makes its keys, prepares its flash, builds the procedure and
/// judges every step by the chip. Nothing on the chip is changed. The caller ends *@p run with ss_provision_end().
/// SS_ERROR_NOT_PERMITTED, the reason in @p err: the chip is in a state that this procedure does not lead out of;
/// *@p run is set nevertheless, so that the doctor can look at it: ss_provision_chip(). Otherwise NULL on error.
/// Statuses of ss_procedure_build(), ss_parts_make(), the link and the store.
SS_MUST_USE ss_status_t ss_provision_begin(const struct ss_provision_job *job, struct ss_link *link,
                                           struct ss_provision **run, struct ss_error *err);
/// Wipes and frees; NULL is allowed. The link stays open.
void ss_provision_end(struct ss_provision *run);

const char *ss_provision_device(const struct ss_provision *run);
/// Names the flash key in journal and records without telling anything about it: 16 hex digits.
const char *ss_provision_key_id(const struct ss_provision *run);
const struct ss_provision_chip *ss_provision_chip(const struct ss_provision *run);
const struct ss_procedure *ss_provision_procedure(const struct ss_provision *run);
const struct ss_parts *ss_provision_parts(const struct ss_provision *run);
const struct ss_procedure_warnings *ss_provision_warnings(const struct ss_provision *run);
/// State of a step when the chip was last read.
enum ss_step_state ss_provision_state(const struct ss_provision *run, size_t index);

/// What a rehearsal came to. Plain data, large.
struct ss_rehearsal {
    struct ss_boot_result boot; ///< of the virtual chip's last boot
    enum ss_boot_basis basis;   ///< the weakest that it rests on
    bool skipped;               ///< only protection bits of a chip that has booted are left
    struct ss_efuse window;     ///< of the virtual chip, afterwards
};

/// Runs the same procedure on a virtual chip with this chip's eFuses and flash size, unreadable key blocks filled in
/// from the store, boots it with the bootloader's profile, and judges log, eFuses and flash as on the real one. Nothing
/// is journalled. Required before each ss_provision_execute().
/// It does not end well there: the statuses of _execute(), @p err says at which step.
SS_MUST_USE ss_status_t ss_provision_rehearse(struct ss_provision *run, struct ss_rehearsal *rehearsal,
                                              struct ss_error *err);

/// Carries out what is left. Journals before and after each step; stops at the first thing that is not as it should be.
/// SS_ERROR_BAD_STATE: not rehearsed. SS_ERROR_NOT_SUPPORTED: ss_link_can_run() is false; nothing was begun.
/// SS_ERROR_NOT_PERMITTED: not confirmed, or the chip is in an unexpected state.
/// SS_ERROR_DATA_CORRUPT: what was read back is not what was written, or the chip does not boot. SS_ERROR_IO: link.
/// The store's statuses. After any of them the same calls, from ss_provision_begin() on, continue.
/// @p observer may be NULL.
SS_MUST_USE ss_status_t ss_provision_execute(struct ss_provision *run, const struct ss_provision_observer *observer,
                                             struct ss_error *err);

/// True if UART_DOWNLOAD_DIS is in effect after the last boot: what came after it could not be checked or burned.
bool ss_provision_closed(const struct ss_provision *run);

/// Reads the beginning of the flash and has the doctor say what state the chip is in: after a refusal.
/// Statuses of the link and of ss_doctor_examine().
SS_MUST_USE ss_status_t ss_provision_explain(struct ss_provision *run, struct ss_doctor_report *report,
                                             struct ss_error *err);

/// What the chip said when it booted, '\n' after each line; "" before.
const char *ss_provision_log(const struct ss_provision *run);

#endif
