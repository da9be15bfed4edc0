// SPDX-License-Identifier: Apache-2.0
// The form of a backup. Internal to vault/. Integers are little endian.
//
//   "slotseal vault backup 1\n"                       24 bytes
//   vault id (16) | layout (le64) | time (le64)
//   then, as often as needed:
//     'T' | name | columns (le16) | name …            rows of this table follow; a name is le16 length and bytes
//     'R' | value …                                   one for each column
//   'E' | SHA-256 of all before it | ES256 signature r|s by the vault's audit key
//
//   value:  0                       NULL
//           1 | le64                integer
//           2 | le32 length | bytes text
//           3 | le32 length | bytes blob
//
// The signature is over SHA-256("slotseal vault backup 1" 00 | that SHA-256).
#ifndef SS_VAULT_BACKUP_FORMAT_H
#define SS_VAULT_BACKUP_FORMAT_H

#include "vault/sql.h"

#define SS_BACKUP_MAGIC       "slotseal vault backup 1\n"
#define SS_BACKUP_MAGIC_SIZE  24
#define SS_BACKUP_COLUMNS     24
#define SS_BACKUP_NAME_SIZE   32
#define SS_BACKUP_VALUE_MAX   (256u << 10)
#define SS_BACKUP_ROW_MAX     (512u << 10)
#define SS_BACKUP_DIGEST_SIZE 32

struct ss_backup_head {
    uint8_t vault_id[16];
    int64_t layout, time;
};

/// What a backup is read from: writes exactly @p len bytes to @p out, or fails. SS_ERROR_DATA_CORRUPT at its end.
struct ss_backup_source {
    ss_status_t (*read)(void *context, void *out, size_t len, struct ss_error *err);
    bool (*at_end)(void *context);
    void *context;
};

/// What is to be done with it; a status other than SS_OK ends the reading and is returned.
struct ss_backup_handler {
    ss_status_t (*head)(void *context, const struct ss_backup_head *head, struct ss_error *err);
    ss_status_t (*table)(void *context, const char *name, char (*columns)[SS_BACKUP_NAME_SIZE], size_t count,
                         struct ss_error *err);
    ss_status_t (*row)(void *context, const struct ss_sql_value *values, size_t count, struct ss_error *err);
    void *context;
};

/// Reads a backup and checks its hash; @p digest and @p signature are for the caller to verify. Names are of a-z, 0-9 and
/// _ only, and tables those that a vault has. SS_ERROR_DATA_INVALID: not a backup, or malformed; SS_ERROR_DATA_CORRUPT:
/// cut short, or the hash disagrees; SS_ERROR_INSUFFICIENT_MEMORY; what the handler returns.
SS_MUST_USE ss_status_t ss_backup_parse(const struct ss_backup_source *source, const struct ss_backup_handler *handler,
                                        uint8_t digest[SS_BACKUP_DIGEST_SIZE], uint8_t signature[64],
                                        struct ss_error *err);

/// A table of a vault.
struct ss_backup_table {
    const char *name;
    const char *order;  ///< its key
    const char *number; ///< the key, if it is one rising number, else NULL
};
/// All of them, ended by a NULL name; those that others refer to come first.
extern const struct ss_backup_table ss_backup_tables[];

#endif
