// SPDX-License-Identifier: Apache-2.0
// The inside of a vault, for the files that make it up.
#ifndef SS_VAULT_INTERNAL_H
#define SS_VAULT_INTERNAL_H

#include "slotseal/signing_key.h"
#include "vault/audit.h"
#include "vault/flash_key.h"
#include "vault/sql.h"
#include "vault/vault.h"

#define SS_VAULT_ID_SIZE 16
/// The layout that this program writes; schema.c.
#define SS_VAULT_SCHEMA ss_vault_schema_version()

/// Who wraps what. `serve` never opens the second one.
enum ss_vault_ring_id {
    SS_RING_VAULT,   ///< flash keys, releases, the vault's own keys
    SS_RING_SIGNING, ///< signing keys
    SS_RING_COUNT
};

/// An open wrapping key.
struct ss_ring_key {
    const struct ss_vault_key_ops *ops; ///< NULL: none
    void *key;
    int64_t version;
};

/// The wrapping keys of one kind: during a rewrap there are two, the old one and the new.
struct ss_ring {
    struct ss_ring_key keys[2];
    int64_t active; ///< version that new records are wrapped under; 0: the ring is closed
};

struct ss_vault {
    struct ss_sql *db;
    uint8_t id[SS_VAULT_ID_SIZE];
    struct ss_ring rings[SS_RING_COUNT];
    uint8_t *duplicate_key;      ///< SS_VAULT_DATA_KEY_SIZE bytes, locked: finds equal flash keys by HMAC
    ss_signing_key_t *audit_key; ///< signs the head of the audit log
    char actor[2 * SS_VAULT_NAME_SIZE];
};

// vault.c

/// A vault that is connected and knows nothing else yet.
SS_MUST_USE ss_status_t ss_vault_new(const char *url, bool create, const struct ss_vault_options *options,
                                     struct ss_vault **out, struct ss_error *err);
/// Opens the database of a vault, but none of its keys.
SS_MUST_USE ss_status_t ss_vault_open_locked(const char *url, const struct ss_vault_options *options,
                                             struct ss_vault **vault, struct ss_error *err);
/// Reads the vault's own keys, once its ring is open.
SS_MUST_USE ss_status_t ss_vault_load_keys(struct ss_vault *vault, struct ss_error *err);
/// SS_ERROR_ALREADY_EXISTS if the database has tables.
SS_MUST_USE ss_status_t ss_vault_require_empty(struct ss_vault *vault, struct ss_error *err);

// transaction.c

typedef ss_status_t (*ss_vault_work_fn)(struct ss_vault *vault, void *context, struct ss_error *err);

/// Runs @p work as one transaction that writes. Another writer's interference has it run again, so it must not change
/// anything but the database and its results. Its fault points are NAME:begin, NAME:commit (all is written, nothing
/// committed) and NAME:done (durable, not yet acknowledged).
SS_MUST_USE ss_status_t ss_vault_write(struct ss_vault *vault, const char *name, ss_vault_work_fn work, void *context,
                                       struct ss_error *err);
/// The same for the transaction that makes the tables.
SS_MUST_USE ss_status_t ss_vault_write_first(struct ss_vault *vault, const char *name, ss_vault_work_fn work,
                                             void *context, struct ss_error *err);
/// Runs @p work on one consistent picture of the vault.
SS_MUST_USE ss_status_t ss_vault_read(struct ss_vault *vault, ss_vault_work_fn work, void *context,
                                      struct ss_error *err);

// schema.c

/// The layout that this program writes.
int64_t ss_vault_schema_version(void);
/// Makes the tables, up to layout @p version. Within a transaction.
SS_MUST_USE ss_status_t ss_vault_schema_create(struct ss_sql *db, int64_t version, struct ss_error *err);
/// Brings tables of layout @p version up to date. Within a transaction.
SS_MUST_USE ss_status_t ss_vault_schema_update(struct ss_sql *db, int64_t version, struct ss_error *err);
/// Brings an older layout up to date. SS_ERROR_DOES_NOT_EXIST without tables, SS_ERROR_NOT_SUPPORTED for a newer one,
/// SS_ERROR_DATA_INVALID if the tables are not a vault's.
SS_MUST_USE ss_status_t ss_vault_schema_check(struct ss_vault *vault, struct ss_error *err);

// ring.c

/// "vault", "signing".
const char *ss_ring_name(enum ss_vault_ring_id ring);
/// A wrapping key that is not in the database yet.
struct ss_ring_new {
    struct ss_ring_key key;
    uint8_t params[SS_VAULT_KEY_PARAMS_MAX];
    size_t params_len;
};
/// Makes a wrapping key as @p spec says; @p another: one in place of an older one. A person may be asked: not within a
/// transaction, which others wait for.
SS_MUST_USE ss_status_t ss_ring_prepare(enum ss_vault_ring_id ring, const char *spec, bool another,
                                        const struct ss_vault_options *options, struct ss_ring_new *made,
                                        struct ss_error *err);
/// True in @p same if @p made is the key that is active in @p ring.
SS_MUST_USE ss_status_t ss_ring_is_active(struct ss_vault *vault, enum ss_vault_ring_id ring,
                                          const struct ss_ring_new *made, bool *same, struct ss_error *err);
/// Ends a key that nobody has adopted.
void ss_ring_discard(struct ss_ring_new *made);
/// Stores @p made as the active version, whose number comes back; the one before it becomes `retiring`. Within a
/// transaction.
SS_MUST_USE ss_status_t ss_ring_store(struct ss_vault *vault, enum ss_vault_ring_id ring,
                                      const struct ss_ring_new *made, int64_t *version, struct ss_error *err);
/// The vault takes over the key of @p made, as @p version: from now on it wraps new records.
void ss_ring_adopt(struct ss_vault *vault, enum ss_vault_ring_id ring, struct ss_ring_new *made, int64_t version);
/// Opens the key of @p ring that is in @p state ("active", "retiring") where @p spec says it is.
///   SS_ERROR_NOT_PERMITTED    it is not the vault's key
///   SS_ERROR_DOES_NOT_EXIST   the ring has no key in that state, or the key is not where it should be
SS_MUST_USE ss_status_t ss_ring_open(struct ss_vault *vault, enum ss_vault_ring_id ring, const char *state,
                                     const char *spec, const struct ss_vault_options *options, struct ss_error *err);
/// True in @p has if @p ring has a key in @p state.
SS_MUST_USE ss_status_t ss_ring_has(struct ss_vault *vault, enum ss_vault_ring_id ring, const char *state, bool *has,
                                    struct ss_error *err);
/// SS_ERROR_BAD_STATE if another program has replaced the key of @p ring since it was opened here. Within a transaction
/// that writes: a record wrapped under a key that is being thrown away would be lost with it.
SS_MUST_USE ss_status_t ss_ring_check_active(struct ss_vault *vault, enum ss_vault_ring_id ring, struct ss_error *err);
void ss_ring_close(struct ss_ring *ring);
/// The open key of @p version, NULL if it is not open.
struct ss_ring_key *ss_ring_key(struct ss_ring *ring, int64_t version);

// secret.c: everything that is secret lies in one table, each under a data key of its own

/// The identity of a secret: it is authenticated with it, so that no record can stand in for another.
struct ss_secret_id {
    const char *kind;  ///< "flash-key", "signing-key", …
    const char *owner; ///< id of the device, name of the key, …
    const char *bound; ///< what must not change under it: the chip of a flash key; "" for none
};

/// Longest content of a secret, bytes.
#define SS_SECRET_MAX 8192

/// Stores a secret under a fresh data key. Within a transaction. SS_ERROR_ALREADY_EXISTS; SS_ERROR_NOT_PERMITTED if the
/// ring is closed.
SS_MUST_USE ss_status_t ss_secret_put(struct ss_vault *vault, enum ss_vault_ring_id ring, const struct ss_secret_id *id,
                                      const void *content, size_t len, struct ss_error *err);
/// Reads a secret of at most @p size bytes. @p id->bound must be what it was stored with. SS_ERROR_DOES_NOT_EXIST;
/// SS_ERROR_DATA_CORRUPT; SS_ERROR_NOT_PERMITTED if the ring is closed. @p out is wiped on error.
SS_MUST_USE ss_status_t ss_secret_get(struct ss_vault *vault, const struct ss_secret_id *id, void *out, size_t size,
                                      size_t *len, struct ss_error *err);
/// Overwrites and deletes it. Within a transaction. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_secret_forget(struct ss_vault *vault, const struct ss_secret_id *id, struct ss_error *err);

/// A row of the table of secrets, without what is secret.
struct ss_secret_entry {
    char kind[24], owner[SS_VAULT_NAME_SIZE], bound[SS_VAULT_NAME_SIZE];
    enum ss_vault_ring_id ring;
    int64_t version;
};
/// The entry behind @p entry (all zero: the first) in the order of kind and owner; @p found is false behind the last.
SS_MUST_USE ss_status_t ss_secret_next(struct ss_vault *vault, struct ss_secret_entry *entry, bool *found,
                                       struct ss_error *err);
/// Wraps the data key of @p entry anew, under the active key of its ring. Within a transaction. Statuses as _get().
SS_MUST_USE ss_status_t ss_secret_rewrap(struct ss_vault *vault, const struct ss_secret_entry *entry,
                                         struct ss_error *err);

// aad.c

/// What is authenticated beside a ciphertext: length-prefixed, so that two lists never give the same bytes.
struct ss_aad {
    uint8_t bytes[512];
    size_t len; ///< SIZE_MAX: it did not fit
};
void ss_aad_start(struct ss_aad *aad, const char *what, const struct ss_vault *vault);
void ss_aad_text(struct ss_aad *aad, const char *text);
void ss_aad_number(struct ss_aad *aad, int64_t number);

// flash_key.c

/// Reads a device's flash key within a transaction, without a record: the caller writes one. @p confirmed: the purpose
/// does not matter. Statuses as ss_vault_flash_key().
SS_MUST_USE ss_status_t ss_flash_key_within(struct ss_vault *vault, const char *id, enum ss_vault_purpose purpose,
                                            bool confirmed, struct ss_vault_flash_key *key, struct ss_error *err);

// registry.c

/// Notes that a device changed, for those who follow the registry. Within a transaction that writes.
SS_MUST_USE ss_status_t ss_registry_touch(struct ss_vault *vault, const char *device, struct ss_error *err);

// audit_write.c

/// Appends a record. Within a transaction.
SS_MUST_USE ss_status_t ss_audit_append(struct ss_vault *vault, enum ss_vault_action action, const char *subject,
                                        const char *detail, struct ss_error *err);

// check.c

struct ss_vault_report;
/// ss_vault_check() within a transaction.
SS_MUST_USE ss_status_t ss_vault_check_within(struct ss_vault *vault, struct ss_vault_report *report,
                                              struct ss_error *err);

// backup.c

/// What the signature of a backup is over, from the hash of its content.
SS_MUST_USE ss_status_t ss_backup_signed_digest(const uint8_t content[32], uint8_t out[32], struct ss_error *err);

// product.c

/// SS_ERROR_INVALID_ARGUMENT unless @p table holds a sound table.
SS_MUST_USE ss_status_t ss_vault_check_table(const struct ss_vault_table *table, struct ss_error *err);

// text.c

int64_t ss_vault_now(void);
/// SS_ERROR_INVALID_ARGUMENT unless @p name can name a @p what.
SS_MUST_USE ss_status_t ss_vault_check_name(const char *what, const char *name, struct ss_error *err);
/// SS_ERROR_INVALID_ARGUMENT unless @p text is UTF-8 of at most @p max bytes.
SS_MUST_USE ss_status_t ss_vault_check_text(const char *what, const char *text, size_t max, struct ss_error *err);

#endif
