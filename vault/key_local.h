// SPDX-License-Identifier: Apache-2.0
// A wrapping key that is here, in locked memory: what passphrase, file and credential have in common. Internal to vault/.
#ifndef SS_VAULT_KEY_LOCAL_H
#define SS_VAULT_KEY_LOCAL_H

#include "vault/key_source.h"

/// Length of a key file or credential, bytes.
#define SS_KEY_LOCAL_SIZE 32

/// Room for a key of SS_KEY_LOCAL_SIZE bytes, to be filled by the caller; NULL without memory.
uint8_t *ss_key_local_new(void);
/// The functions of struct ss_vault_key_ops for such a key.
ss_status_t ss_key_local_wrap(void *key, const uint8_t data_key[SS_VAULT_DATA_KEY_SIZE], const uint8_t *aad,
                              size_t aad_len, uint8_t wrapped[SS_VAULT_WRAPPED_MAX], size_t *len, struct ss_error *err);
ss_status_t ss_key_local_unwrap(void *key, const uint8_t *wrapped, size_t len, const uint8_t *aad, size_t aad_len,
                                uint8_t data_key[SS_VAULT_DATA_KEY_SIZE], struct ss_error *err);
void ss_key_local_close(void *key);

/// Reads at most @p size bytes of a secret from @p fd to its end, without a stream's buffer. The number to *@p len.
/// SS_ERROR_IO; SS_ERROR_INVALID_ARGUMENT if there is more.
ss_status_t ss_key_read_fd(int fd, uint8_t *out, size_t size, size_t *len, struct ss_error *err);
/// Opens the credential @p name in $CREDENTIALS_DIRECTORY for reading. SS_ERROR_DOES_NOT_EXIST;
/// SS_ERROR_INVALID_ARGUMENT for a name with a slash.
ss_status_t ss_key_open_credential(const char *name, int *fd, struct ss_error *err);

extern const struct ss_vault_key_ops ss_vault_key_passphrase;
extern const struct ss_vault_key_ops ss_vault_key_file;
extern const struct ss_vault_key_ops ss_vault_key_credential;

/// The source that @p spec ("file:/path") names; *@p location is what follows the colon, "" without one.
/// SS_ERROR_INVALID_ARGUMENT if there is no such source.
ss_status_t ss_key_source_find(const char *spec, const struct ss_vault_key_ops **ops, const char **location,
                               struct ss_error *err);

#endif
