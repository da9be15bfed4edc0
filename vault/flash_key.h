// SPDX-License-Identifier: Apache-2.0
// Flash keys of devices. They come out only through calls that write an audit record first, durably.
#ifndef SS_VAULT_FLASH_KEY_H
#define SS_VAULT_FLASH_KEY_H

#include "vault/vault.h"

/// What a flash key is taken out for; it stands in the audit record.
enum ss_vault_purpose {
    SS_VAULT_FOR_SEAL,     ///< refused for devices that are replaced, revoked, lost or returned
    SS_VAULT_FOR_UNSEAL,   ///< decrypting what was read from the device
    SS_VAULT_FOR_BURN,     ///< writing it to the chip's eFuses
    SS_VAULT_FOR_REHEARSE, ///< burning it into a virtual chip
};

/// A flash key outside the vault. Keep it short and wipe it: ss_vault_flash_key_wipe().
struct ss_vault_flash_key {
    uint8_t bytes[SS_VAULT_FLASH_KEY_MAX];
    size_t len; ///< 16, 24, 32 or 64
};

/// Makes a new random flash key of @p len bytes for the device and stores it.
///   SS_ERROR_ALREADY_EXISTS    the device has one: a lost flash key is a lost device, it is never replaced
///   SS_ERROR_INVALID_ARGUMENT  @p len is none that the device's chip takes
///   SS_ERROR_DOES_NOT_EXIST
///   SS_ERROR_NOT_PERMITTED     it was forgotten: that cannot be undone for this record
SS_MUST_USE ss_status_t ss_vault_flash_key_generate(struct ss_vault *vault, const char *device, size_t len,
                                                    struct ss_error *err);

/// Stores a key that was made elsewhere: the bytes of an esptool key file. The statuses of _generate(), and
/// SS_ERROR_NOT_PERMITTED for a weak key (all bytes equal, or a short pattern repeated) and for one that another device
/// has or had.
SS_MUST_USE ss_status_t ss_vault_flash_key_import(struct ss_vault *vault, const char *device, const uint8_t *key,
                                                  size_t len, const char *source, struct ss_error *err);

/// Takes out the flash key of @p device for @p purpose; @p detail goes to the audit log (release and slot, for
/// instance; NULL: none). The audit record is durable before the key is written to @p key.
///   SS_ERROR_DOES_NOT_EXIST  no such device, or it has no key in the vault
///   SS_ERROR_NOT_PERMITTED   its key was forgotten, or its state forbids the purpose
/// @p key is all zero on error.
SS_MUST_USE ss_status_t ss_vault_flash_key(struct ss_vault *vault, const char *device, enum ss_vault_purpose purpose,
                                           const char *detail, struct ss_vault_flash_key *key, struct ss_error *err);

/// Takes it out to be written to a file. @p confirm must be the device's id, typed again; otherwise
/// SS_ERROR_NOT_PERMITTED. Statuses and audit as _flash_key().
SS_MUST_USE ss_status_t ss_vault_flash_key_export(struct ss_vault *vault, const char *device, const char *confirm,
                                                  const char *detail, struct ss_vault_flash_key *key,
                                                  struct ss_error *err);

/// Destroys it: its wrapped data key is overwritten and the back end told to keep no copy. @p confirm as above. What
/// backups still hold stays readable with the vault key that was current when they were made, until that key is gone,
/// too: see docs/vault.md. Statuses as _flash_key(); SS_ERROR_IO, with a message that says so, also when it is forgotten
/// but another program kept the back end from overwriting its copies.
SS_MUST_USE ss_status_t ss_vault_flash_key_forget(struct ss_vault *vault, const char *device, const char *confirm,
                                                  const char *detail, struct ss_error *err);

/// SS_OK if the device's key in the vault equals @p key; SS_ERROR_NOT_PERMITTED if it differs. Compared by keyed hash:
/// nothing is unwrapped, nothing audited. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_vault_flash_key_matches(struct ss_vault *vault, const char *device, const uint8_t *key,
                                                   size_t len, struct ss_error *err);

/// True for a key that nobody drew at random: all bytes equal, or a pattern of 1, 2, 4, 8 or 16 bytes repeated, or bytes
/// that count up or down.
bool ss_vault_flash_key_is_weak(const uint8_t *key, size_t len);

void ss_vault_flash_key_wipe(struct ss_vault_flash_key *key);

#endif
