// SPDX-License-Identifier: Apache-2.0
// Releases: plaintext images, encrypted in the vault, with the statement that says what they are.
#ifndef SS_VAULT_RELEASE_H
#define SS_VAULT_RELEASE_H

#include "vault/vault.h"

/// Room for a version, terminated: as much as an app descriptor holds.
#define SS_VAULT_VERSION_SIZE 33
/// Longest release statement, bytes.
#define SS_VAULT_STATEMENT_MAX 1024
/// Largest image, bytes: all the flash that these chips can address.
#define SS_VAULT_RELEASE_MAX (16u << 20)

/// What is known of a release without decrypting it. The caller fills all but `created`.
struct ss_vault_release {
    char product[SS_VAULT_NAME_SIZE];
    char version[SS_VAULT_VERSION_SIZE]; ///< printable ASCII; unique within the product
    uint32_t length;                     ///< of the image file, bytes
    uint32_t secure_version;
    uint8_t digest[32];                        ///< canonical SHA-256, as the statement has it
    uint8_t statement[SS_VAULT_STATEMENT_MAX]; ///< signed release statement
    size_t statement_len;                      ///< 0: none
    int64_t created;                           ///< seconds since 1970
};

/// Stores @p image, release->length bytes, in encrypted chunks. SS_ERROR_ALREADY_EXISTS for product and version;
/// SS_ERROR_DOES_NOT_EXIST for the product; SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_vault_release_add(struct ss_vault *vault, const struct ss_vault_release *release,
                                             const uint8_t *image, struct ss_error *err);
/// What is known of a release. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_vault_release_get(struct ss_vault *vault, const char *product, const char *version,
                                             struct ss_vault_release *release, struct ss_error *err);
/// Calls @p each for the releases of @p product (NULL: all), by product and time, until it returns something other than
/// SS_OK, which is returned then. @p each may call the vault.
SS_MUST_USE ss_status_t ss_vault_release_list(struct ss_vault *vault, const char *product,
                                              ss_status_t (*each)(void *context, const struct ss_vault_release *release,
                                                                  struct ss_error *err),
                                              void *context, struct ss_error *err);

/// An image that is being read; a chunk of it at a time is decrypted, in locked memory.
struct ss_vault_image;

/// Opens the image of a release; recorded in the audit log first, with @p detail (NULL: none). The caller ends *@p image,
/// before it closes the vault. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_vault_image_open(struct ss_vault *vault, const char *product, const char *version,
                                            const char *detail, struct ss_vault_image **image, struct ss_error *err);
/// Its length, bytes.
uint32_t ss_vault_image_len(const struct ss_vault_image *image);
/// Decrypts @p len bytes from @p offset on. SS_ERROR_INVALID_ARGUMENT beyond the end; SS_ERROR_DATA_CORRUPT for chunks
/// that are not the image's: @p out is wiped then.
SS_MUST_USE ss_status_t ss_vault_image_read(struct ss_vault_image *image, uint32_t offset, uint8_t *out, size_t len,
                                            struct ss_error *err);
/// Wipes and frees; NULL is allowed.
void ss_vault_image_close(struct ss_vault_image *image);

#endif
