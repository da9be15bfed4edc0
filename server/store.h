// SPDX-License-Identifier: Apache-2.0
// What the server remembers: devices, what they told, actions and their history. (Releases, uploads, deliveries, key
// sets, operators: store_content.h.) SQLite or PostgreSQL holds it; any number of servers can share one PostgreSQL
// database, and several processes one SQLite file.
//
// Threads. One struct ss_store serves a whole process; every function may be called from any thread at any time, but
// ss_store_close(). ss_store_open() starts two threads (writer, watcher) with all signals blocked: call it after the
// last fork(). It connects again by itself when a database comes back, so files and sockets that the URL needs must
// stay reachable. Reads use a small pool of connections; writes of all threads queue for the one writer, which commits
// many at once: a call that writes blocks for about one sync of the disk, but the _start() forms return at once and
// call back on the writer's thread (the callback must not block nor write to the store by a blocking call).
//
// Cache. ss_store_device_get(), ss_store_device_touch() and ss_store_product_get() answer from memory once a device or
// product has been asked for, and ss_store_download_get() for the open and the installed action of a device; nothing
// else is cached. Their _peek() forms answer from memory or not at all, for threads that must not wait. What this
// process writes is dropped from its cache before the write is acknowledged; what another process writes is dropped
// when the watcher hears of it: PostgreSQL's NOTIFY (at once), SQLite's data_version (looked at every 50 ms). While the
// watcher has no connection, cached answers are given for SS_STORE_STALE_SECONDS, then SS_ERROR_IO.
//
// Durability. A write that returned SS_OK, or called back with it, is on disk. After SS_ERROR_IO it may or may not have
// been done, and may be repeated: nothing is done twice. There are two exceptions, both written when the store is
// closed, and lost if the process dies before: when a device was last seen is written in batches, once a minute; that
// it downloads (ss_store_action_downloading()) is written with the next write of anything, or SS_STORE_HINT_SECONDS
// later.
//
// All functions can fail with the following; the comments below list what else.
//   SS_ERROR_IO                   the database is not reachable, its disk is full, or other writers held it too long
//   SS_ERROR_DATA_CORRUPT         the database is damaged
//   SS_ERROR_INSUFFICIENT_MEMORY
// Lists call @p each on the caller's thread until it returns something other than SS_OK, which is returned then; it
// must not call the store. Times are seconds since 1970.
#ifndef SS_SERVER_STORE_H
#define SS_SERVER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/release.h"

/// Room for a device's id, a product's or operator's name: [A-Za-z0-9._-]{1,64} and a terminator. A product that is
/// sealed has at most SS_PRODUCT_NAME_MAX characters.
#define SS_STORE_NAME_SIZE 65
/// Room for a version, terminated: printable ASCII.
#define SS_STORE_VERSION_SIZE (SS_VERSION_MAX + 1u)
/// Room for the name of a slot, terminated: "ota_0" to "ota_15", "factory".
#define SS_STORE_SLOT_SIZE 17
/// Room for a cause or state that a device tells, terminated.
#define SS_STORE_WORD_SIZE 32
/// hawkBit's limits. A longer message is cut, further messages are dropped, further status entries refused.
#define SS_STORE_STATUSES_MAX   1000u
#define SS_STORE_MESSAGES_MAX   50u
#define SS_STORE_MESSAGE_SIZE   513u
#define SS_STORE_ATTRIBUTES_MAX 100u
#define SS_STORE_ATTRIBUTE_MAX  128u         ///< bytes of a key or a value
#define SS_STORE_ACTION_BYTES   (256u << 10) ///< of the history of an action, unless told otherwise
#define SS_STORE_DEVICE_BYTES   (16u << 20)  ///< of all histories of a device, unless told otherwise
#define SS_STORE_ACTIONS_MAX    2000u        ///< of a device, over its life; the oldest finished ones go
#define SS_STORE_STALE_SECONDS  60u
#define SS_STORE_HINT_SECONDS   5

struct ss_store;

struct ss_store_options {
    unsigned busy_ms;       ///< how long a writer waits for others, milliseconds; 0: 5,000
    unsigned readers;       ///< most connections for reading; 0: 8
    unsigned cache_devices; ///< most devices in the cache, about 1 KiB each; 0: 262,144
    unsigned seen_seconds;  ///< how often "last seen" is written; 0: 60
    unsigned probe_seconds; ///< how long ss_store_writable() believes the last write; 0: 10
};

/// Opens the store at @p url (`sqlite:PATH`, `postgresql://…`); with @p create an empty database gets its tables
/// (schema slotseal_server). An older layout is brought up to date. *@p store is NULL on error. @p options may be NULL.
///   SS_ERROR_INVALID_ARGUMENT, SS_ERROR_NOT_PERMITTED (a password in it), SS_ERROR_NOT_SUPPORTED   the URL
///   SS_ERROR_DOES_NOT_EXIST   no database, or no store in it (not with @p create)
///   SS_ERROR_DATA_INVALID     the database holds something else
///   SS_ERROR_NOT_SUPPORTED    written by a newer program
SS_MUST_USE ss_status_t ss_store_open(const char *url, bool create, const struct ss_store_options *options,
                                      struct ss_store **store, struct ss_error *err);
/// Finishes what is queued (callbacks run), writes what was seen, ends the threads. No other call may be running. NULL
/// is allowed.
void ss_store_close(struct ss_store *store);
/// Most bytes that the history of an action may take, and all those of a device together: messages, and 64 an entry.
/// 0: SS_STORE_ACTION_BYTES, SS_STORE_DEVICE_BYTES. At once, for what comes from then on.
void ss_store_set_history(struct ss_store *store, uint64_t action_bytes, uint64_t device_bytes);
/// For /readyz: SS_OK if the database answers now.
SS_MUST_USE ss_status_t ss_store_ping(struct ss_store *store, struct ss_error *err);
/// For /readyz: SS_OK if the last write worked. Where that was probe_seconds ago, a small one is made and waited for, two
/// seconds at most. Why it failed, SS_ERROR_IO and others.
SS_MUST_USE ss_status_t ss_store_writable(struct ss_store *store, struct ss_error *err);

/// Called once when a write is done, on the writer's thread. @p err names what failed.
typedef void (*ss_store_done_fn)(void *context, ss_status_t status, const struct ss_error *err);

// Products

enum ss_store_kind {
    SS_STORE_SEALED, ///< known to a sealer (or pre-sealed); gets nothing but what is sealed for the device
    SS_STORE_OPAQUE, ///< files are served as they were uploaded
};
/// "sealed", "opaque". Never NULL.
const char *ss_store_kind_name(enum ss_store_kind kind);

struct ss_store_product {
    char name[SS_STORE_NAME_SIZE];
    enum ss_store_kind kind; ///< never changes
    uint32_t key_set;        ///< version of the newest key set; 0: none
};

/// Adds a product of kind opaque; a sealed one comes into being with its devices, key set or upload. SS_OK if it is
/// there already; SS_ERROR_NOT_PERMITTED if it is there and sealed; SS_ERROR_INVALID_ARGUMENT for its name.
SS_MUST_USE ss_status_t ss_store_product_add_opaque(struct ss_store *store, const char *name, struct ss_error *err);
/// From the cache. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_product_get(struct ss_store *store, const char *name, struct ss_store_product *out,
                                             struct ss_error *err);
/// The same from memory only, without waiting for the database: false if it is not there.
SS_MUST_USE bool ss_store_product_peek(struct ss_store *store, const char *name, struct ss_store_product *out);
SS_MUST_USE ss_status_t ss_store_product_list(struct ss_store *store,
                                              ss_status_t (*each)(void *context, const struct ss_store_product *product,
                                                                  struct ss_error *err),
                                              void *context, struct ss_error *err);

// Devices

enum ss_store_credential {
    SS_STORE_NO_CREDENTIAL,   ///< it is dead, or there was none: the device is refused
    SS_STORE_TOKEN,           ///< credential_hash: SHA-256 of the token's characters
    SS_STORE_CERTIFICATE,     ///< credential_hash: SHA-256 of the client certificate's DER, or of its PEM file
    SS_STORE_ANY_CERTIFICATE, ///< a certificate of the client CA with the device's id as CN; or the gateway token
};

/// A device as the sealer (or a pre-sealed folder, or an operator) knows it.
struct ss_store_registration {
    char id[SS_STORE_NAME_SIZE];
    char product[SS_STORE_NAME_SIZE];
    bool active; ///< a member of the fleet: provisioned, not replaced, revoked, lost or returned. Others are refused
    enum ss_store_credential credential;
    uint8_t credential_hash[32];
};

/// Adds or changes @p count devices of sealed products, as one write; devices that are as they were cost a read. A
/// device that ends up in another product, or not active any more, loses its open actions (CANCELED).
/// SS_ERROR_NOT_PERMITTED if a product is opaque; SS_ERROR_INVALID_ARGUMENT for a bad name. At most 1,000 at a time.
SS_MUST_USE ss_status_t ss_store_devices_put(struct ss_store *store, const struct ss_store_registration *devices,
                                             size_t count, struct ss_error *err);
/// Adds or changes a device of an opaque product. SS_ERROR_DOES_NOT_EXIST: no such product; SS_ERROR_NOT_PERMITTED: the
/// product is sealed, or the device belongs to a sealed one; SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_store_device_register(struct ss_store *store, const struct ss_store_registration *device,
                                                 struct ss_error *err);

/// Adds a device that registers itself; as _register(), but one that is known stays as it is, and *@p joined is false.
SS_MUST_USE ss_status_t ss_store_device_join(struct ss_store *store, const struct ss_store_registration *device,
                                             bool *joined, struct ss_error *err);

/// What a device told of itself, from its attributes (docs/device-protocol.md); all zero: nothing yet. Values that do
/// not follow the page count as not told.
struct ss_store_told {
    char slot[SS_STORE_SLOT_SIZE]; ///< "": not told, offer nothing
    char version[SS_STORE_VERSION_SIZE];
    char state[SS_STORE_WORD_SIZE];
    char cause[SS_STORE_WORD_SIZE];
    uint8_t digest[32];
    uint8_t table[32];
    bool has_digest, has_table;
    uint32_t epoch;
    uint64_t sequence;
    uint32_t key_set;
    uint32_t secure_version;
    uint32_t bootloader;
};

/// hawkBit's states of an action; as "last" also those of a status entry.
enum ss_store_state {
    SS_STORE_RUNNING,
    SS_STORE_CANCELING,
    SS_STORE_WAIT_FOR_CONFIRMATION,
    SS_STORE_FINISHED,
    SS_STORE_ERROR,
    SS_STORE_CANCELED,
    SS_STORE_WARNING,
    SS_STORE_RETRIEVED,
    SS_STORE_DOWNLOAD,
    SS_STORE_DOWNLOADED,
    SS_STORE_SCHEDULED,
    SS_STORE_CANCEL_REJECTED,
    SS_STORE_STATES,
};
/// "running", "canceling", "wait_for_confirmation", … Never NULL.
const char *ss_store_state_name(enum ss_store_state state);

/// When a device may switch to what it has downloaded: hawkBit's maintenance window, once or each day. All zero:
/// always.
struct ss_store_window {
    int64_t start;    ///< seconds since 1970; daily: seconds since midnight, UTC
    uint32_t seconds; ///< how long; 0: there is no window
    bool daily;
};
/// SS_ERROR_INVALID_ARGUMENT: a daily one that is shorter than a minute, longer than a day, or does not begin within
/// one; another one that is shorter than a minute, longer than SS_STORE_WINDOW_MAX, or over at @p now. "No window" is
/// fine.
SS_MUST_USE ss_status_t ss_store_window_check(const struct ss_store_window *window, int64_t now, struct ss_error *err);
/// Whether it is open; true without one.
bool ss_store_window_is_open(const struct ss_store_window *window, int64_t now);
/// Whether it will never open again.
bool ss_store_window_is_over(const struct ss_store_window *window, int64_t now);
/// In how many seconds it opens; 0 if it is open, over, or there is none.
uint32_t ss_store_window_wait(const struct ss_store_window *window, int64_t now);
#define SS_STORE_WINDOW_MAX 2592000u ///< 30 days

/// All that polling and fetching need to know of a device; a copy of what is cached.
struct ss_store_device {
    struct ss_store_registration registration;
    enum ss_store_kind kind; ///< of its product
    bool wants_attributes;   ///< hawkBit's configData link: first contact, after a success, or asked for
    bool auto_confirm;
    struct ss_store_told told;
    /// The oldest open action: what a poll is about. action 0: none.
    struct {
        int64_t action, release;
        enum ss_store_state state; ///< RUNNING, CANCELING or WAIT_FOR_CONFIRMATION
        bool forced;               ///< hawkBit's "forced", else "soft"
        bool download_only;
        struct ss_store_window window;
        bool retrieved; ///< ss_store_action_retrieved() was called
    } open;
    /// The last one that succeeded: hawkBit's installedBase. action 0: none.
    struct {
        int64_t action, release;
    } installed;
    int64_t freshness; ///< time of its freshness record; 0: none
    int64_t
        freshness_fetched; ///< time of the one that it fetched last; may be the later one, see SS_STORE_FRESHNESS_AGE
    uint64_t revision;     ///< another number whenever one of the above changes, but freshness_fetched; not comparable
                           ///< between processes
};

/// @p id may point into @p out. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_device_get(struct ss_store *store, const char *id, struct ss_store_device *out,
                                            struct ss_error *err);
/// As _get(), and notes that the device was seen now; costs nothing more.
SS_MUST_USE ss_status_t ss_store_device_touch(struct ss_store *store, const char *id, struct ss_store_device *out,
                                              struct ss_error *err);
/// As _get(), from memory only, without waiting for the database: false if it is not there.
SS_MUST_USE bool ss_store_device_peek(struct ss_store *store, const char *id, struct ss_store_device *out);
/// Notes that the device was seen now, without waiting. False if it is not in memory, where such notes are kept:
/// _touch() gets it there.
SS_MUST_USE bool ss_store_device_saw(struct ss_store *store, const char *id);

/// Which devices to list; all zero is all.
struct ss_store_device_filter {
    const char *product; ///< NULL: any
    const char *after;   ///< ids behind this one; NULL: from the first
    unsigned limit;      ///< 0: 1,000
};
/// A device in a list.
struct ss_store_device_row {
    struct ss_store_registration registration;
    int64_t seen; ///< when it was last seen, as far as it is written; 0: never
    char slot[SS_STORE_SLOT_SIZE];
    char version[SS_STORE_VERSION_SIZE];
    int64_t action;            ///< the oldest open one; 0: none
    enum ss_store_state state; ///< of it
};
/// By id.
SS_MUST_USE ss_status_t ss_store_device_list(struct ss_store *store, const struct ss_store_device_filter *filter,
                                             ss_status_t (*each)(void *context, const struct ss_store_device_row *row,
                                                                 struct ss_error *err),
                                             void *context, struct ss_error *err);
/// When a device was last seen, as far as this process knows or it is written; 0: never. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_device_seen(struct ss_store *store, const char *id, int64_t *seen,
                                             struct ss_error *err);

// Attributes (configData)

enum ss_store_attribute_mode { SS_STORE_MERGE, SS_STORE_REPLACE, SS_STORE_REMOVE };
struct ss_store_attribute {
    const char *key, *value; ///< printable UTF-8, at most SS_STORE_ATTRIBUTE_MAX bytes; value is ignored for REMOVE
};

/// Stores what a device told; clears wants_attributes. Nothing is written (but the flag) if nothing changes.
///   SS_ERROR_DOES_NOT_EXIST       404
///   SS_ERROR_INVALID_ARGUMENT     400: empty, too long or unprintable
///   SS_ERROR_INSUFFICIENT_SPACE   429: more than SS_STORE_ATTRIBUTES_MAX
SS_MUST_USE ss_status_t ss_store_attributes_put(struct ss_store *store, const char *device,
                                                enum ss_store_attribute_mode mode,
                                                const struct ss_store_attribute *attributes, size_t count,
                                                struct ss_error *err);
/// The same, without waiting. Anything but SS_OK: @p done is not called.
SS_MUST_USE ss_status_t ss_store_attributes_put_start(struct ss_store *store, const char *device,
                                                      enum ss_store_attribute_mode mode,
                                                      const struct ss_store_attribute *attributes, size_t count,
                                                      ss_store_done_fn done, void *context, struct ss_error *err);
/// By key.
SS_MUST_USE ss_status_t ss_store_attribute_list(struct ss_store *store, const char *device,
                                                ss_status_t (*each)(void *context, const char *key, const char *value,
                                                                    struct ss_error *err),
                                                void *context, struct ss_error *err);
/// Asks the device for its attributes at its next poll. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_attributes_ask(struct ss_store *store, const char *device, struct ss_error *err);

// Actions

struct ss_store_action {
    int64_t id;
    char device[SS_STORE_NAME_SIZE];
    int64_t release;
    char version[SS_STORE_VERSION_SIZE]; ///< of the release
    enum ss_store_state state;           ///< RUNNING, CANCELING, WAIT_FOR_CONFIRMATION, FINISHED, ERROR, CANCELED; of
                                         ///< download-only ones also DOWNLOADED
    enum ss_store_state last;            ///< of the newest status entry
    bool active;                         ///< state is one of the first three
    bool forced;
    bool download_only;
    struct ss_store_window window;
    bool retrieved;
    bool has_code;
    int32_t code; ///< the last that the device told
    char operator_name[SS_STORE_NAME_SIZE];
    int64_t created, changed;
};

struct ss_store_assignment {
    const char *device;
    int64_t release;
    bool forced;                   ///< else soft
    bool confirm;                  ///< the device's user is asked first, unless the device has auto-confirm
    bool download_only;            ///< it ends when the device has downloaded; nothing is installed
    struct ss_store_window window; ///< when it may be installed; not with download_only
    const char *operator_name;
};

/// Assigns a release to a device: a new action, to whose id *@p action is set. Open actions for other releases turn to
/// CANCELING, and the device is told to stop those first, as in hawkBit; so do those for the same release that are
/// download-only, or have a window, when the new one differs in that. If an open action has this release already, that
/// is it: nothing is written and *@p created (may be NULL) is false.
///   SS_ERROR_INVALID_ARGUMENT the window: ss_store_window_check(), or it is one of a download-only action
///   SS_ERROR_DOES_NOT_EXIST   no such device or release
///   SS_ERROR_NOT_PERMITTED    the device is not active; another product; a sealed product and an opaque release
///   SS_ERROR_BAD_STATE        the release is not ready
SS_MUST_USE ss_status_t ss_store_assign(struct ss_store *store, const struct ss_store_assignment *assignment,
                                        int64_t *action, bool *created, struct ss_error *err);
/// Asks the device to stop: CANCELING until it answers. @p force: CANCELED at once, whatever the device does.
///   SS_ERROR_DOES_NOT_EXIST; SS_ERROR_BAD_STATE: over already, or (not with @p force) CANCELING already
SS_MUST_USE ss_status_t ss_store_cancel(struct ss_store *store, int64_t action, bool force, const char *operator_name,
                                        struct ss_error *err);

/// An action of @p device; NULL: of any. SS_ERROR_DOES_NOT_EXIST, also for an action of another device.
SS_MUST_USE ss_status_t ss_store_action_get(struct ss_store *store, const char *device, int64_t action,
                                            struct ss_store_action *out, struct ss_error *err);
/// Newest first; of @p device, or of all (NULL). @p before: ids below it, 0: all. @p limit 0: 100.
SS_MUST_USE ss_status_t ss_store_action_list(struct ss_store *store, const char *device, int64_t before, unsigned limit,
                                             ss_status_t (*each)(void *context, const struct ss_store_action *action,
                                                                 struct ss_error *err),
                                             void *context, struct ss_error *err);

/// A status entry. Pointers are good during the call.
struct ss_store_status {
    int64_t number; ///< within its action, from 1
    int64_t time;
    enum ss_store_state state;
    bool has_code;
    int32_t code;
    bool has_progress;
    uint32_t count, of;          ///< progress
    const char *const *messages; ///< the first is the device's `details[0]`
    size_t message_count;
};
/// Newest first, at most @p limit (0: all).
SS_MUST_USE ss_status_t ss_store_status_list(struct ss_store *store, int64_t action, unsigned limit,
                                             ss_status_t (*each)(void *context, const struct ss_store_status *status,
                                                                 struct ss_error *err),
                                             void *context, struct ss_error *err);

/// The device has fetched deploymentBase: RETRIEVED, once an action. Does not wait, and nobody is told if it fails: the
/// next fetch tries again. Call it while open.retrieved is false.
void ss_store_action_retrieved(struct ss_store *store, const char *device, int64_t action);
/// The device fetches a whole artifact: a DOWNLOAD entry of now with the file's name, in order with what this process
/// writes after it, if the history has room and the action is not over. Those of one file that come while the entry
/// waits are counted in it ("3 times"), up to what is written next. Does not wait either, and need not survive: see
/// Durability. Where 4,096 of them wait, because the database does not answer, further ones are forgotten.
void ss_store_action_downloading(struct ss_store *store, const char *device, int64_t action, const char *file);

// Feedback

enum ss_store_execution {
    SS_STORE_EXECUTION_CLOSED,
    SS_STORE_EXECUTION_PROCEEDING,
    SS_STORE_EXECUTION_CANCELED,
    SS_STORE_EXECUTION_SCHEDULED,
    SS_STORE_EXECUTION_REJECTED,
    SS_STORE_EXECUTION_RESUMED,
    SS_STORE_EXECUTION_DOWNLOAD,
    SS_STORE_EXECUTION_DOWNLOADED,
};
/// False if @p name is no execution.
bool ss_store_execution_from_name(const char *name, enum ss_store_execution *execution);

enum ss_store_finished { SS_STORE_FINISHED_NONE, SS_STORE_FINISHED_SUCCESS, SS_STORE_FINISHED_FAILURE };
/// "none", "success", "failure"; false for others.
bool ss_store_finished_from_name(const char *name, enum ss_store_finished *finished);

/// Which resource it was posted to.
enum ss_store_feedback_to { SS_STORE_TO_DEPLOYMENT, SS_STORE_TO_CANCEL, SS_STORE_TO_CONFIRMATION };

struct ss_store_feedback {
    const char *device;
    int64_t action;
    enum ss_store_feedback_to to;
    enum ss_store_execution execution; ///< not for TO_CONFIRMATION
    enum ss_store_finished finished;   ///< TO_CONFIRMATION: SUCCESS is "confirmed", FAILURE "denied"
    bool has_code;
    int32_t code;
    bool has_progress;
    uint32_t count, of;
    const char *const *messages; ///< UTF-8; capped and cut
    size_t message_count;
};

/// What a device says of an action, with the effects of hawkBit: closed/success and closed/none finish it,
/// closed/failure fails it, canceled cancels it, downloaded ends one that is download-only; on a cancellation
/// closed/success and closed/none cancel the action, closed/failure and rejected have it go on; everything else is an
/// entry in the history.
///   SS_ERROR_DOES_NOT_EXIST       404: no such action of this device; it waits for confirmation, or (TO_CONFIRMATION)
///                                 does not
///   SS_ERROR_BAD_STATE            410: the action is over
///   SS_ERROR_NOT_SUPPORTED        405 (TO_CANCEL): nobody asked to cancel it
///   SS_ERROR_INSUFFICIENT_SPACE   429: SS_STORE_STATUSES_MAX entries, or the bytes of ss_store_set_history(); what
///                                 changes the action's state is always taken then, without its messages
SS_MUST_USE ss_status_t ss_store_feedback(struct ss_store *store, const struct ss_store_feedback *feedback,
                                          struct ss_error *err);
/// The same, without waiting; @p feedback is copied. Anything but SS_OK: @p done is not called.
SS_MUST_USE ss_status_t ss_store_feedback_start(struct ss_store *store, const struct ss_store_feedback *feedback,
                                                ss_store_done_fn done, void *context, struct ss_error *err);

/// An opaque device says which version of its product it has, however it came by it (hawkBit's offline assignment):
/// what is open for that release is FINISHED, or else there is a new action without operator that is FINISHED at once.
/// Other open actions stay as they are. *@p recorded (may be NULL) is false if that was known, and nothing was written.
///   SS_ERROR_DOES_NOT_EXIST   no such device; @p product is not its own, or has no such version
///   SS_ERROR_NOT_PERMITTED    the device is sealed: it tells what runs by its attributes
SS_MUST_USE ss_status_t ss_store_installed_put(struct ss_store *store, const char *device, const char *product,
                                               const char *version, bool *recorded, struct ss_error *err);

/// The device's user lets all updates pass, or not any more. What waits now goes on. SS_ERROR_BAD_STATE (409): it is so
/// already; SS_ERROR_DOES_NOT_EXIST. Initiator and remark go to the history of what went on by it; both may be "".
SS_MUST_USE ss_status_t ss_store_auto_confirm(struct ss_store *store, const char *device, bool on,
                                              const char *initiator, const char *remark, struct ss_error *err);

// Numbers, for /metrics

struct ss_store_counts {
    uint64_t devices, releases, actions_open, actions_finished, actions_failed, actions_canceled;
    // of this process
    uint64_t cache_hits, cache_misses, cached, writes, commits, queued;
};
/// Counts rows: once a scrape, not once a poll.
SS_MUST_USE ss_status_t ss_store_count(struct ss_store *store, struct ss_store_counts *counts, struct ss_error *err);

#endif
