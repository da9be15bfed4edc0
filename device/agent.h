// SPDX-License-Identifier: Apache-2.0
// The agent: takes a sealed update on the device, writes the ciphertext as it is, verifies it, switches, and proves or
// takes back what it did. Portable: gnu99, no heap, no operating system, no printing; flash, otadata and storage come
// through a table of functions. Updates are pushed in: begin with the two statements, write bytes as they come, finish.
//
// Whatever is cut short is continued by beginning again with the same statements: how far it had come is found out by
// hashing what lies in the slot, so that storage that loses its records costs time and nothing else.
#ifndef SS_DEVICE_AGENT_H
#define SS_DEVICE_AGENT_H

#include "core/crypto.h"
#include "device/agent_record.h"
#include "slotseal/canonical.h"
#include "slotseal/otadata.h"
#include "slotseal/update_check.h"

#define SS_AGENT_SECTOR 4096u
/// Bytes written at a time.
#define SS_AGENT_PIECE 2048u
/// Bytes of ss_agent.room.scratch: the two statements of an update, or any other one.
#define SS_AGENT_SCRATCH SS_STATEMENT_MAX
/// So many failures of one delivery, and it is refused for good.
#define SS_AGENT_FAILURES_MAX 5u
/// So many boots of a new app without a confirmation, and it is taken back. Only where the bootloader does not do that:
/// it takes it back after one. Being taken back is a failure; power that goes during a trial looks the same.
#define SS_AGENT_TRIAL_BOOTS_MAX 3u

/// What the device is to the agent. Addresses are flash addresses, lengths bytes. Functions return SS_OK, or a status
/// that the agent hands on: SS_ERROR_IO for flash and storage that fail.
struct ss_agent_port {
    /// The flash as it is, ciphertext and all; any address and length.
    ss_status_t (*read_raw)(void *context, uint32_t address, void *out, size_t len);
    /// The flash as programs see it, decrypted where the chip does so. Multiples of 16.
    ss_status_t (*read_plain)(void *context, uint32_t address, void *out, size_t len);
    /// Programs erased flash with bytes as they are. Multiples of 16.
    ss_status_t (*write_raw)(void *context, uint32_t address, const void *in, size_t len);
    /// Erases one sector of 4 KiB.
    ss_status_t (*erase)(void *context, uint32_t address);
    /// The record as last stored. Storage that has lost it gives an older one, or one of zeros.
    ss_status_t (*load)(void *context, struct ss_agent_record *record);
    ss_status_t (*store)(void *context, const struct ss_agent_record *record);
    /// Keeps a key set that is in force from the next start on; the one that was in force becomes the previous one. May
    /// put it in force at once by changing the ring of the identity, which the agent looks at anew in every call.
    /// SS_ERROR_NOT_PERMITTED: the next start would not believe it (ss_trust_would_keep()).
    ss_status_t (*store_key_set)(void *context, const uint8_t *key_set, size_t len);
    /// What the bootloader will check before it starts the app in @p slot: the image, and its secure boot signature.
    /// SS_ERROR_DATA_INVALID, _DATA_CORRUPT or _INVALID_SIGNATURE for an app that would not start.
    ss_status_t (*verify)(void *context, unsigned slot);
    /// Makes the bootloader start @p slot next, on trial where it can (ESP-IDF: esp_ota_set_boot_partition()).
    ss_status_t (*select)(void *context, unsigned slot);
    /// The running app stays (esp_ota_mark_app_valid_cancel_rollback()).
    ss_status_t (*confirm)(void *context);
    /// The running app is unfit: the other slot starts next, as one that is confirmed
    /// (esp_ota_mark_app_invalid_rollback_and_reboot(), without the reboot).
    ss_status_t (*reject)(void *context);
    /// State of @p slot in otadata, enum ss_ota_state; SS_OTA_UNDEFINED if otadata does not say.
    ss_status_t (*state)(void *context, unsigned slot, uint32_t *state);
    /// False while the application does not want to be updated. NULL: never objects.
    bool (*willing)(void *context);
    /// Seconds since 1970, 0 if not known. NULL: never known.
    uint64_t (*now)(void *context);
};

/// What the agent is part of. Comes from the running image and the device's own storage; must stay as it is, beside the
/// ring (see store_key_set).
struct ss_agent_identity {
    struct ss_span product, device;
    const uint8_t *table_digest; ///< SHA-256 of the partition table, or NULL
    struct ss_key_ring ring;     ///< key sets in force
    struct {
        uint32_t address, size;
    } slots[2];              ///< ota_0 and ota_1
    uint32_t vk_offset;      ///< of the running app: where its own verification key lies, SS_VK_NONE without
    uint32_t secure_version; ///< lowest that it takes
    uint32_t bootloader;     ///< SS_BOOTLOADER_* bits that it is said to have; SS_NEEDS_NVS_KEYS if the table does
    uint32_t trial_seconds;  ///< a new app has so long to confirm itself, from its reset on; 0: any time
    uint32_t alarm_seconds;  ///< so long without news from the server, and there is an alarm; 0: never
    uint16_t chip;           ///< chip_id of image headers
    uint8_t scheme;          ///< enum ss_release_scheme
    uint8_t running;         ///< slot of the running app
};

/// Why the agent did not do what it was asked.
enum ss_agent_cause {
    SS_CAUSE_NONE,
    SS_CAUSE_STATEMENT,    ///< a statement is refused: see ss_agent.refusal and .refused
    SS_CAUSE_TRIAL,        ///< the running app is not confirmed yet, or a switch waits for the reset
    SS_CAUSE_UNWILLING,    ///< the application objects
    SS_CAUSE_GIVEN_UP,     ///< this delivery has failed too often
    SS_CAUSE_ORDER,        ///< called in the wrong order
    SS_CAUSE_TOO_MUCH,     ///< more bytes than the ciphertext has
    SS_CAUSE_TOO_LITTLE,   ///< finished before the last byte
    SS_CAUSE_WINDOW,       ///< a window's digest is wrong: its sectors were erased, ss_agent_wanted() is its start
    SS_CAUSE_SEALED_WRONG, ///< the first bytes do not decrypt to an image: wrong key, slot or crypt config
    SS_CAUSE_FLASH,        ///< what was written does not read back, or the flash or storage failed
    SS_CAUSE_DIGEST,       ///< the decrypted image is not the release
    SS_CAUSE_IMAGE,        ///< the bootloader would not start it
    SS_CAUSE_REJECTED,     ///< the new app found itself unfit
    SS_CAUSE_UNCONFIRMED,  ///< the new app did not confirm itself: it crashed, hung, or was never started
    SS_CAUSE_COUNT
};

/// Lower-case name with dashes; never NULL. In a file of its own: devices need not link it.
const char *ss_agent_cause_name(enum ss_agent_cause cause);

/// How the running app came to run; names are those that a server is told.
enum ss_agent_state {
    SS_STATE_CONFIRMED,   ///< nothing is pending
    SS_STATE_TRIAL,       ///< a new app runs and has not confirmed itself
    SS_STATE_ROLLED_BACK, ///< the last update was taken back, or never started; `record.cause` says why
};

/// What may be wrong with those who bring updates. An alarm is told; the agent does nothing else about it.
enum ss_agent_alarm {
    SS_ALARM_NONE,
    SS_ALARM_STALE,    ///< for too long no freshness record has come
    SS_ALARM_WITHHELD, ///< for too long they have named a release or a key set that nobody offers
};

/// The agent. Memory of the caller's; all zero before ss_agent_start(). Fields other than `cause`, `refusal`,
/// `refused`, `record` and `room.scratch` are private.
struct ss_agent {
    enum ss_agent_cause cause;      ///< of the last call
    struct ss_refusal refusal;      ///< with SS_CAUSE_STATEMENT
    enum ss_statement_kind refused; ///< which of the two
    struct ss_agent_record record;  ///< as stored
    const struct ss_agent_port *port;
    void *context;
    const struct ss_agent_identity *identity;
    bool receiving;
    bool leaving;                ///< the other slot was selected: nothing but a reset can follow
    uint32_t address, slot_size; ///< of the slot that is written
    uint32_t length, window;     ///< of ciphertext and window
    uint32_t position;           ///< bytes taken, including those in `room.in.piece`
    uint32_t image_len, vk_offset;
    uint32_t uptime;  ///< seconds, as last told
    uint32_t hour;    ///< uptime of the last whole hour counted
    uint32_t key_set; ///< newest version taken since the start
    uint8_t digest[SS_STATEMENT_DIGEST_SIZE];
    union {
        struct ss_hash window;
        struct ss_canonical image;
    } hash;
    union {
        struct {
            uint8_t digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE];
            uint8_t piece[SS_AGENT_PIECE];
        } in;
        /// Nobody's while no update is received (ss_agent_receiving()): the caller may keep anything here between
        /// calls, and what ss_agent_begin(), ss_agent_key_set() and ss_agent_freshness() are given may lie here.
        uint8_t scratch[SS_AGENT_SCRATCH];
    } room;
};

/// What a start found out.
enum ss_agent_found {
    SS_FOUND_NOTHING,     ///< the app runs as it did
    SS_FOUND_TRIAL,       ///< a new app runs: ss_agent_confirm() or ss_agent_reject() is due
    SS_FOUND_ROLLED_BACK, ///< a new app was taken back, or never started
    SS_FOUND_TAKE_BACK,   ///< a new app was not confirmed in time: the old slot is selected, reset now
};

/// Called once after each reset, as early as possible: a crash before it cannot be counted as a failed trial.
/// Statuses of the port; SS_CAUSE_FLASH then, and the agent is not usable.
SS_MUST_USE ss_status_t ss_agent_start(struct ss_agent *agent, const struct ss_agent_port *port, void *context,
                                       const struct ss_agent_identity *identity, enum ss_agent_found *found);

/// Called now and then, at least every few minutes: @p uptime is the number of seconds since the reset. Ends a trial
/// that takes too long, and counts how long nothing came from the server where the device has no clock. *@p found is
/// SS_FOUND_TAKE_BACK if the new app has not confirmed itself in time: reset now; else SS_FOUND_NOTHING.
/// Statuses of the port (SS_CAUSE_FLASH).
SS_MUST_USE ss_status_t ss_agent_tick(struct ss_agent *agent, uint32_t uptime, enum ss_agent_found *found);

enum ss_agent_state ss_agent_state(const struct ss_agent *agent);
/// "confirmed", "trial", "rolled-back". Never NULL.
const char *ss_agent_state_name(enum ss_agent_state state);

/// SS_BOOTLOADER_* bits that the bootloader has, and SS_NEEDS_NVS_KEYS: what the identity says without what has turned
/// out to be missing. An app may be built for a bootloader with rollback and run under an older one.
uint32_t ss_agent_bootloader(const struct ss_agent *agent);

/// The canonical digest of the running app, as it lies in flash. Not while an update is received.
/// SS_ERROR_BAD_STATE (SS_CAUSE_ORDER), SS_ERROR_DATA_INVALID (SS_CAUSE_IMAGE), statuses of the port and the hash
/// provider (SS_CAUSE_FLASH).
SS_MUST_USE ss_status_t ss_agent_running_digest(struct ss_agent *agent, uint8_t digest[SS_CANONICAL_DIGEST_SIZE]);

/// Stores what whoever reports to a server has to know after a reset: the server's number of the delivery, and what it
/// has not been told yet (its own code, 0: nothing). The agent only keeps both. Statuses of the port.
SS_MUST_USE ss_status_t ss_agent_note_action(struct ss_agent *agent, uint64_t action, uint8_t unreported);

/// The new app has proved itself: it stays. SS_ERROR_BAD_STATE if there is no trial; statuses of the port.
SS_MUST_USE ss_status_t ss_agent_confirm(struct ss_agent *agent);
/// The new app is unfit: the old slot is selected, and its delivery never accepted again. The caller resets.
/// Statuses as _confirm().
SS_MUST_USE ss_status_t ss_agent_reject(struct ss_agent *agent);

/// Begins, or continues, an update. Everything is checked before anything is erased: both statements
/// (ss_update_check()), that the running app is confirmed, that the application is willing. The statements are not
/// needed afterwards. *@p wanted is the offset of the first byte that is wanted: 0, or where it goes on; the length if
/// none is missing.
///   SS_ERROR_BAD_STATE       SS_CAUSE_TRIAL
///   SS_ERROR_NOT_PERMITTED   SS_CAUSE_UNWILLING, SS_CAUSE_GIVEN_UP
///   others                   as ss_update_check() (SS_CAUSE_STATEMENT), of the port (SS_CAUSE_FLASH)
SS_MUST_USE ss_status_t ss_agent_begin(struct ss_agent *agent, const uint8_t *release, size_t release_len,
                                       const uint8_t *delivery, size_t delivery_len, uint32_t *wanted);

/// Takes the next key set of the fleet, if ss_key_set_check_next() lets it follow the one in force, and stores it. It
/// counts from the next start on. An update that is under way is abandoned.
/// Statuses of ss_statement_parse(), ss_key_set_parse() and ss_key_set_check_next() (SS_CAUSE_STATEMENT), also if the
/// port says SS_ERROR_NOT_PERMITTED; others of the port.
SS_MUST_USE ss_status_t ss_agent_key_set(struct ss_agent *agent, const uint8_t *key_set, size_t len);

/// Takes a freshness record: signed by a delivery key in force, for this device, not older than the last one, nor from
/// the future where the time is known. Allowed at any time but while an update is received.
/// Statuses of ss_statement_parse(), ss_freshness_parse(), ss_key_ring_verify() and ss_freshness_check()
/// (SS_CAUSE_STATEMENT); SS_ERROR_BAD_STATE (SS_CAUSE_ORDER); of the port (SS_CAUSE_FLASH).
SS_MUST_USE ss_status_t ss_agent_freshness(struct ss_agent *agent, const uint8_t *record, size_t len);

/// Whether those who bring updates may be keeping some back, by what freshness records say, the identity's
/// `alarm_seconds`, and the port's clock or, without one, the hours that ss_agent_tick() has counted.
enum ss_agent_alarm ss_agent_alarm(const struct ss_agent *agent);
/// "none", "stale", "withheld". Never NULL.
const char *ss_agent_alarm_name(enum ss_agent_alarm alarm);

/// True between an ss_agent_begin() that went well and the end of the update.
bool ss_agent_receiving(const struct ss_agent *agent);

/// Erases at once whatever an update that is under way has still to write, instead of sector by sector as it comes: for
/// transports that cannot wait 45 ms now and then. SS_ERROR_BAD_STATE (SS_CAUSE_ORDER); SS_ERROR_IO (SS_CAUSE_FLASH):
/// the update has ended.
SS_MUST_USE ss_status_t ss_agent_erase_ahead(struct ss_agent *agent);

/// The offset of the next byte that is wanted.
uint32_t ss_agent_wanted(const struct ss_agent *agent);

/// The next @p len bytes of ciphertext, any number. Sectors are erased as they are reached, written, and read back.
///   SS_ERROR_BAD_STATE           SS_CAUSE_ORDER: no update is under way
///   SS_ERROR_INSUFFICIENT_SPACE  SS_CAUSE_TOO_MUCH: nothing of it was taken
///   SS_ERROR_DATA_CORRUPT        SS_CAUSE_WINDOW: go on at ss_agent_wanted(); SS_CAUSE_GIVEN_UP if once too often
///   SS_ERROR_DATA_INVALID        SS_CAUSE_SEALED_WRONG: the update has ended
///   SS_ERROR_IO                  SS_CAUSE_FLASH: the update has ended
SS_MUST_USE ss_status_t ss_agent_write(struct ss_agent *agent, const void *in, size_t len);

/// After the last byte: erases the rest of the slot, verifies the whole image through the decrypting path and against
/// the release, and selects the slot. SS_OK: reset to try the new app. Otherwise the running app stays selected.
///   SS_ERROR_BAD_STATE       SS_CAUSE_ORDER, SS_CAUSE_TOO_LITTLE
///   SS_ERROR_DATA_CORRUPT    SS_CAUSE_DIGEST
///   others                   of the port's verify (SS_CAUSE_IMAGE) and other functions (SS_CAUSE_FLASH)
SS_MUST_USE ss_status_t ss_agent_finish(struct ss_agent *agent);

#endif
