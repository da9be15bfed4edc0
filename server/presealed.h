// SPDX-License-Identifier: Apache-2.0
// What was sealed elsewhere: a folder of ciphertext and statements, made by `slotseal preseal` where the vault is, and
// served without a sealer, a vault or any key.
//
//   FOLDER/objects/HEX       files by their SHA-256: key sets, release and delivery statements, ciphertext
//   FOLDER/PRODUCT.index     what belongs together; written last, replaced whole
//
// An index is lines of words, each ending in a newline; names and numbers as in statements, hashes in 64 hex digits:
//
//   slotseal-presealed 1
//   product NAME
//   key-set HASH                       of the file; the first is the oldest
//   release HASH
//   device ID active|gone none|token:HASH|certificate:HASH
//   sealed ID SLOT HASH HASH           delivery statement; ciphertext
//   end N                              lines before this one
//
// Everything but the list of devices is signed: slots, addresses, lengths and digests are those of the statements.
// docs/presealed.md has the rest.
#ifndef SS_SERVER_PRESEALED_H
#define SS_SERVER_PRESEALED_H

#include "server/key_sets.h"
#include "server/store_content.h"

/// Longest index, bytes: some hundred thousand devices.
#define SS_PRESEALED_INDEX_MAX (64u << 20)
#define SS_PRESEALED_SUFFIX    ".index"

enum ss_presealed_kind {
    SS_PRESEALED_PRODUCT,
    SS_PRESEALED_KEY_SET,
    SS_PRESEALED_RELEASE,
    SS_PRESEALED_DEVICE,
    SS_PRESEALED_SEALED,
};

/// A line of an index.
struct ss_presealed_entry {
    enum ss_presealed_kind kind;
    char name[SS_STORE_NAME_SIZE]; ///< PRODUCT: its name; DEVICE, SEALED: the device's id
    char slot[SS_STORE_SLOT_SIZE]; ///< SEALED
    bool active;                   ///< DEVICE
    enum ss_store_credential credential;
    uint8_t hash[32];       ///< DEVICE: of the credential; KEY_SET, RELEASE, SEALED: of the statement's file
    uint8_t ciphertext[32]; ///< SEALED
};

/// Reads an index. The whole of it is looked at before the first line is handed to @p each, in order, until that
/// returns something other than SS_OK, which is returned then. SS_ERROR_DATA_INVALID names the line;
/// SS_ERROR_NOT_SUPPORTED: a newer format.
SS_MUST_USE ss_status_t ss_presealed_parse(const char *text, size_t len,
                                           ss_status_t (*each)(void *context, const struct ss_presealed_entry *entry,
                                                               struct ss_error *err),
                                           void *context, struct ss_error *err);

struct ss_presealed_report {
    unsigned products, key_sets, releases, devices;
    unsigned deliveries; ///< in the folder
    unsigned taken;      ///< of these, new to the store
    unsigned expired;    ///< of these, past their expiry: passed over
    bool again;          ///< something could not be read, or written: another try may go better
};

/// Has the store trust @p sets, the key sets that somebody answers for: those of a folder must be these, or follow.
/// @p told (may be NULL) hears of each. Statuses of ss_store_key_set_trust().
SS_MUST_USE ss_status_t ss_presealed_trust(struct ss_store *store, const struct ss_key_sets *sets,
                                           void (*told)(ss_status_t status, const struct ss_store_trusted *done,
                                                        const struct ss_error *err),
                                           struct ss_error *err);

/// Brings everything in @p folder to the store. Each statement is verified with the key sets that the folder has (which
/// are or follow those in the store, or are refused), each ciphertext compared with its statement, and a delivery
/// appears with its ciphertext or not at all. What is there already costs a look; an interrupted load is repeated. An
/// index that is bad does not keep others from being loaded; the status is that of the first.
///   SS_ERROR_IO                 the folder or a file cannot be read
///   SS_ERROR_DATA_INVALID       an index or a statement is none
///   SS_ERROR_DATA_CORRUPT       a file is not what its name or its statement says
///   SS_ERROR_INVALID_SIGNATURE, SS_ERROR_NOT_PERMITTED, SS_ERROR_DOES_NOT_EXIST   who signed it, or for what
SS_MUST_USE ss_status_t ss_presealed_load(struct ss_store *store, const char *folder,
                                          struct ss_presealed_report *report, struct ss_error *err);

struct ss_presealed;

/// Loads @p folder now and whenever an index in it changes (looked at every five seconds), on a thread of its own that
/// has all signals blocked; @p log (may be NULL) hears of each load, on that thread. *@p out is NULL on error:
/// SS_ERROR_INSUFFICIENT_MEMORY. Ended before the store is closed.
SS_MUST_USE ss_status_t ss_presealed_start(struct ss_store *store, const char *folder,
                                           void (*log)(void *context, ss_status_t status, const char *text),
                                           void *context, struct ss_presealed **out, struct ss_error *err);
/// Waits for the delivery that is being loaded. NULL is allowed.
void ss_presealed_stop(struct ss_presealed *presealed);

#endif
