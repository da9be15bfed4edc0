// SPDX-License-Identifier: Apache-2.0
// The vault: products, devices, their flash keys and the journal of what was done to them. SQLite or PostgreSQL holds the
// records; everything secret in them is encrypted under a data key of its own, which a wrapping key wraps that the
// database never sees. docs/vault.md shows the layout.
//
// A handle is used by one thread at a time; threads and processes that work at once open one each. Every call that
// changes something is one transaction: when it returns SS_OK the change is durable, otherwise nothing has changed.
//
// All functions can fail with the following; the comments below list what else.
//   SS_ERROR_IO                   the database is not reachable, its disk is full, or other writers held it too long
//   SS_ERROR_DATA_CORRUPT         a record does not decrypt, or the database is damaged: somebody or something changed it
//   SS_ERROR_BAD_STATE            the vault was rewrapped since it was opened: what is new must not go under the old key
//   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
#ifndef SS_VAULT_VAULT_H
#define SS_VAULT_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/chip_info.h"
#include "slotseal/error.h"
#include "slotseal/partition_table.h"
#include "vault/key_source.h"
#include "vault/secure_boot.h"

/// Room for a name: 1 to 64 characters of A-Z a-z 0-9 . _ - and a terminator. Ids of devices, names of products, keys.
#define SS_VAULT_NAME_SIZE 65
/// Room for a chip's name as in slotseal/chip_info.h.
#define SS_VAULT_CHIP_SIZE 16
/// Room for a PEM public key, terminated.
#define SS_VAULT_PUBLIC_KEY_SIZE 1024
/// Longest flash key, bytes.
#define SS_VAULT_FLASH_KEY_MAX 64

struct ss_vault;

struct ss_vault_options {
    const char *key;         ///< where the vault key is: "passphrase", "file:PATH", "credential:NAME", "pkcs11:URI"
    const char *signing_key; ///< the same for the key that wraps signing keys; NULL leaves those closed
    ss_vault_ask_fn ask;     ///< asks a person for a passphrase or PIN; NULL: nobody is there
    void *ask_context;
    const char *actor;        ///< who works here, for audit log and journal; NULL: user@host
    unsigned busy_ms;         ///< how long to wait for other writers, milliseconds; 0: 15,000
    unsigned passphrase_cost; ///< create only: log2 of scrypt's N, 10 to 22; 0: 17 (128 MiB, some tenths of a second)
};

/// True if @p name can name a device, product, key or station: [A-Za-z0-9._-]{1,64}.
bool ss_vault_name_ok(const char *name);

/// Makes a new vault at @p url (`sqlite:PATH`, `postgresql://USER@HOST/DATABASE`) and opens it. A key file that does not
/// exist is made. The caller ends *@p vault by _close(); it is NULL on error.
///   SS_ERROR_ALREADY_EXISTS    there is a vault, or another database
///   SS_ERROR_INVALID_ARGUMENT  malformed URL or key source
///   SS_ERROR_NOT_PERMITTED     password in the URL, readable key file, nobody to ask for the passphrase
///   SS_ERROR_NOT_SUPPORTED     this build lacks the back end or the key source
SS_MUST_USE ss_status_t ss_vault_create(const char *url, const struct ss_vault_options *options,
                                        struct ss_vault **vault, struct ss_error *err);

/// Opens the vault at @p url. An older layout is brought up to date. *@p vault is NULL on error.
///   SS_ERROR_DOES_NOT_EXIST    no database, no vault in it, no such key file, credential or token
///   SS_ERROR_NOT_PERMITTED     wrong key or passphrase; else as _create()
///   SS_ERROR_NOT_SUPPORTED     the vault was written by a newer program, or as _create()
///   SS_ERROR_DATA_INVALID      not a vault
SS_MUST_USE ss_status_t ss_vault_open(const char *url, const struct ss_vault_options *options, struct ss_vault **vault,
                                      struct ss_error *err);

/// Wipes what it knows and disconnects. NULL is allowed.
void ss_vault_close(struct ss_vault *vault);

// Products

/// A partition table as it lies in flash.
struct ss_vault_table {
    uint8_t bytes[SS_TABLE_BINARY_SIZE]; ///< ss_table_to_binary()
    size_t len;                          ///< SS_TABLE_BINARY_SIZE; 0: none
    uint32_t address;                    ///< flash address of the table
    uint32_t flash_size;                 ///< bytes; 0: not said
};

/// What all devices of a kind share. The caller may fill one field by field, starting from all zero.
struct ss_vault_product {
    char name[SS_VAULT_NAME_SIZE];
    char chip[SS_VAULT_CHIP_SIZE]; ///< "esp32"
    enum ss_secure_boot_scheme secure_boot;
    bool per_device_sign_keys;         ///< each device has a signing key of its own
    char sign_key[SS_VAULT_NAME_SIZE]; ///< name of the product's signing key in the vault; "": signed elsewhere
    struct ss_vault_table table;
    char public_keys[3][SS_VAULT_PUBLIC_KEY_SIZE]; ///< PEM of the keys that its chips trust; "" where there is none
    int64_t created;                               ///< seconds since 1970; filled when read
};

/// Adds a product. SS_ERROR_ALREADY_EXISTS for its name. SS_ERROR_INVALID_ARGUMENT: a bad name, an unknown chip, no
/// table, a secure boot scheme that the chip lacks, or a per-device and a common signing key at once.
SS_MUST_USE ss_status_t ss_vault_product_add(struct ss_vault *vault, const struct ss_vault_product *product,
                                             struct ss_error *err);
/// Reads a product. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_vault_product_get(struct ss_vault *vault, const char *name, struct ss_vault_product *product,
                                             struct ss_error *err);
/// Calls @p each for every product, by name, until it returns something other than SS_OK, which is returned then.
/// @p each may call the vault.
SS_MUST_USE ss_status_t ss_vault_product_list(struct ss_vault *vault,
                                              ss_status_t (*each)(void *context, const struct ss_vault_product *product,
                                                                  struct ss_error *err),
                                              void *context, struct ss_error *err);

// Devices

enum ss_vault_device_state {
    SS_VAULT_DEVICE_REGISTERED,   ///< known, nothing irreversible done
    SS_VAULT_DEVICE_PROVISIONING, ///< the journal says how far
    SS_VAULT_DEVICE_PROVISIONED,  ///< a member of the fleet
    SS_VAULT_DEVICE_REPLACED,     ///< another device has taken its place: see replaced_by
    SS_VAULT_DEVICE_REVOKED,      ///< not trusted any more
    SS_VAULT_DEVICE_LOST,
    SS_VAULT_DEVICE_RETURNED, ///< back at the maker
};

/// "registered", "provisioning", … Never NULL.
const char *ss_vault_device_state_name(enum ss_vault_device_state state);
/// False if @p name is none of these.
bool ss_vault_device_state_from_name(const char *name, enum ss_vault_device_state *state);

/// What the vault has of a device's flash key.
enum ss_vault_flash_key_state {
    SS_VAULT_FLASH_KEY_NONE,      ///< none yet
    SS_VAULT_FLASH_KEY_PRESENT,   ///< wrapped in the vault
    SS_VAULT_FLASH_KEY_FORGOTTEN, ///< destroyed on purpose
};

#define SS_VAULT_CODING_NONE   0
#define SS_VAULT_CODING_3_4    1
#define SS_VAULT_CODING_REPEAT 2
#define SS_VAULT_CRYPT_CONFIG  0xF ///< what every tool assumes of FLASH_CRYPT_CONFIG
#define SS_VAULT_MAC_SIZE      6   ///< factory MAC, in the order it is printed in
#define SS_VAULT_MAC_ID_SIZE   13  ///< 12 hex digits and a terminator

/// A chip with a name. The caller may fill one field by field, starting from all zero.
struct ss_vault_device {
    char id[SS_VAULT_NAME_SIZE]; ///< the same in certificates, paths and statements
    char product[SS_VAULT_NAME_SIZE];
    uint8_t mac[SS_VAULT_MAC_SIZE];
    char chip[SS_VAULT_CHIP_SIZE]; ///< "": that of the product, when added
    uint16_t chip_revision;        ///< major * 100 + minor
    uint8_t crypt_config;          ///< FLASH_CRYPT_CONFIG, 0 to 15
    uint8_t coding_scheme;         ///< SS_VAULT_CODING_…
    enum ss_vault_device_state state;
    char sign_key[SS_VAULT_NAME_SIZE];       ///< its own signing key in the vault; "": none
    char replaced_by[SS_VAULT_NAME_SIZE];    ///< the device that took its place; "": none
    struct ss_vault_table table;             ///< its own partition table; len 0: the product's
    enum ss_vault_flash_key_state flash_key; ///< filled when read
    int64_t created, changed;                ///< seconds since 1970; filled when read
};

/// The id that a device has by default: its MAC as 12 lower-case hex digits.
void ss_vault_mac_id(const uint8_t mac[SS_VAULT_MAC_SIZE], char id[SS_VAULT_MAC_ID_SIZE]);

/// Adds a device, with state REGISTERED or PROVISIONED (one that was provisioned elsewhere). SS_ERROR_ALREADY_EXISTS for
/// its id or MAC; SS_ERROR_DOES_NOT_EXIST for the product; SS_ERROR_INVALID_ARGUMENT for values out of range, a MAC of
/// zeros or a multicast one, or a chip that is not the product's.
SS_MUST_USE ss_status_t ss_vault_device_add(struct ss_vault *vault, const struct ss_vault_device *device,
                                            struct ss_error *err);
/// Reads a device by its id. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_vault_device_get(struct ss_vault *vault, const char *id, struct ss_vault_device *device,
                                            struct ss_error *err);
/// Reads the device with this MAC. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_vault_device_find_mac(struct ss_vault *vault, const uint8_t mac[SS_VAULT_MAC_SIZE],
                                                 struct ss_vault_device *device, struct ss_error *err);
/// Stores revision, crypt config, coding scheme, signing key and table of @p device; id, product, MAC and chip never
/// change and state has a call of its own. SS_ERROR_DOES_NOT_EXIST, SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_vault_device_update(struct ss_vault *vault, const struct ss_vault_device *device,
                                               struct ss_error *err);
/// Changes the state, recorded in the audit log with @p reason ("" for none). @p replaced_by is for REPLACED only, else
/// NULL. A device that is replaced, revoked, lost or returned gives no flash key for sealing any more; it may come back
/// to PROVISIONED. SS_ERROR_DOES_NOT_EXIST for either device; SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_vault_device_set_state(struct ss_vault *vault, const char *id,
                                                  enum ss_vault_device_state state, const char *replaced_by,
                                                  const char *reason, struct ss_error *err);

/// Which devices to list; all zero is all.
struct ss_vault_device_filter {
    const char *product; ///< NULL: any
    bool by_state;
    enum ss_vault_device_state state; ///< with by_state
};

/// Calls @p each for every device that passes @p filter (NULL: all), by id, until it returns something other than SS_OK,
/// which is returned then. Memory use does not grow with their number; @p each may call the vault.
SS_MUST_USE ss_status_t ss_vault_device_list(struct ss_vault *vault, const struct ss_vault_device_filter *filter,
                                             ss_status_t (*each)(void *context, const struct ss_vault_device *device,
                                                                 struct ss_error *err),
                                             void *context, struct ss_error *err);

/// Facts about a device that are no secret: label data, who provisioned it where, digest of its credential.
/// Sets @p name (a name as above) to @p value, up to 4,096 bytes of UTF-8; NULL removes it. SS_ERROR_DOES_NOT_EXIST for
/// the device; SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_vault_device_set_fact(struct ss_vault *vault, const char *id, const char *name,
                                                 const char *value, struct ss_error *err);
/// Reads a fact, terminated. SS_ERROR_DOES_NOT_EXIST; SS_ERROR_BUFFER_TOO_SMALL.
SS_MUST_USE ss_status_t ss_vault_device_fact(struct ss_vault *vault, const char *id, const char *name, char *value,
                                             size_t size, struct ss_error *err);

// Flash keys: flash_key.h. The journal: journal.h. The audit log: audit.h.

#endif
