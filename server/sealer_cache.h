// SPDX-License-Identifier: Apache-2.0
// What a sealer keeps ready: ciphers of devices that are downloading, and plaintext of the releases that they download.
// Both lie in locked memory and are bounded; what was not used for longest goes first. All threads share one cache.
#ifndef SS_SERVER_SEALER_CACHE_H
#define SS_SERVER_SEALER_CACHE_H

#include "server/sealer.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/flash_xts.h"

struct ss_sealer_cache;

/// The cipher of a device, whatever its chip.
struct ss_sealer_cipher {
    bool is_xts;
    union {
        struct ss_flash_cipher esp32;
        struct ss_flash_xts xts;
    } as;
};

/// Seals @p len bytes for @p address; both multiples of 16.
SS_MUST_USE ss_status_t ss_sealer_cipher_seal(const struct ss_sealer_cipher *cipher, uint32_t address,
                                              const uint8_t *in, uint8_t *out, size_t len, struct ss_error *err);

/// Which delivery: of what release, for which slot of which device.
struct ss_sealer_key {
    char device[SS_SEALER_NAME_SIZE];
    char version[SS_SEALER_VERSION_SIZE];
    uint32_t address;
};

/// A piece of the image that is a device's own: verification key, checksum and hash, signature.
struct ss_sealer_patch {
    uint32_t offset, len;
    const uint8_t *bytes;
};
#define SS_SEALER_PATCHES_MAX 3u

/// Everything that sealing a range of a delivery needs. While it is held, it stays.
struct ss_sealer_ready {
    const struct ss_sealer_cipher *cipher;
    const uint8_t *plain; ///< of the release, padded with 0xFF to `length`
    uint32_t length;      ///< bytes
    const struct ss_sealer_patch *patches;
    unsigned patch_count;
    void *entry, *image; ///< the cache's own
};

/// Room for @p ciphers deliveries, and for @p plaintext bytes of images: one image is kept whatever its size. NULL
/// without memory.
struct ss_sealer_cache *ss_sealer_cache_new(unsigned ciphers, uint64_t plaintext);
/// Wipes all of it. Nothing may be held.
void ss_sealer_cache_free(struct ss_sealer_cache *cache);

/// True if all of it is there; then it is held until ss_sealer_cache_release().
bool ss_sealer_cache_get(struct ss_sealer_cache *cache, const struct ss_sealer_key *key, struct ss_sealer_ready *ready);
void ss_sealer_cache_release(struct ss_sealer_cache *cache, struct ss_sealer_ready *ready);

/// The plaintext of a release, held; NULL if it is not there. Ended by ss_sealer_image_release().
void *ss_sealer_image_get(struct ss_sealer_cache *cache, const char *product, const char *version);
/// Makes room for an image of @p len bytes, all 0xFF, held by the caller and seen by nobody else until
/// ss_sealer_image_done(). NULL without memory.
void *ss_sealer_image_new(struct ss_sealer_cache *cache, const char *product, const char *version, uint32_t len);
uint8_t *ss_sealer_image_bytes(void *image);
uint32_t ss_sealer_image_len(const void *image);
/// Whether @p image was found good for slot @p address before; and that it was. Of the vault's thread alone.
bool ss_sealer_image_is_checked(const void *image, uint32_t address);
void ss_sealer_image_set_checked(void *image, uint32_t address);
/// The image is complete: others may have it.
void ss_sealer_image_done(struct ss_sealer_cache *cache, void *image);
void ss_sealer_image_release(struct ss_sealer_cache *cache, void *image);

/// Keeps a delivery ready: copies cipher and patches. False if all room is held.
bool ss_sealer_cache_put(struct ss_sealer_cache *cache, const struct ss_sealer_key *key,
                         const struct ss_sealer_cipher *cipher, void *image, const struct ss_sealer_patch *patches,
                         unsigned patch_count);
/// Forgets the cipher of a device: it left the fleet. What is held stays until it is released.
void ss_sealer_cache_forget(struct ss_sealer_cache *cache, const char *device);

#endif
