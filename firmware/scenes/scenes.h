// SPDX-License-Identifier: Apache-2.0
// Scenes: what a device with the demo's agent goes through, with a flash in RAM behind the registers of SPI1. The same
// code runs on the host, with OpenSSL, and on QEMU's Xtensa cores, with crypto_min*.c, and has to print the same.
#ifndef SCENES_H
#define SCENES_H

#include "device/pins.h"
#include "slotseal/statement.h"

// -- The device ---------------------------------------------------------------------------------------------------------

#define SCENE_OTADATA 0x0000u
#define SCENE_JOURNAL 0x2000u
#define SCENE_SLOT_0  0xA000u
#define SCENE_SLOT_1  0xF000u
#define SCENE_SLOT    0x5000u
#define SCENE_FLASH   0x14000u
#define SCENE_IMAGE   0x3000u ///< room for an image, its signature and padding
#define SCENE_WINDOW  4096u
#define SCENE_DEVICE  "240ac4123456"
/// The server of the pinned key set, and what is the device's there.
#define SCENE_SERVER "https://updates.example.com"
#define SCENE_BASE   SCENE_SERVER "/DEFAULT/controller/v1/" SCENE_DEVICE
#define SCENE_ACTION "7"

/// Stands in for flash encryption in the slots: what is sealed for another address does not decrypt. No cipher.
static inline uint8_t scene_pad(uint32_t address)
{
    uint32_t line = address / 16 * 2654435761u;
    return (uint8_t)(line >> 16 ^ address * 29);
}

// -- What is carried to it: made by make_scenes.c on the host ------------------------------------------------------------

struct scene_bytes {
    const uint8_t *bytes;
    uint32_t len;
};

/// A delivery, and what a device answers that runs version 1 in slot 0 and has accepted nothing yet.
struct scene_offer {
    const char *title;
    struct scene_bytes release, delivery;
    int16_t status; ///< of ss_agent_begin()
    uint8_t cause, reason;
};

extern const struct scene_offer scene_offers[];
extern const uint32_t scene_offer_count;

/// An update that begins well.
struct scene_update {
    struct scene_bytes release, delivery, sealed;
};

enum {
    SCENE_THERE,        ///< version 2 for slot 1
    SCENE_BACK,         ///< version 3 for slot 0
    SCENE_SEALED_WRONG, ///< version 2, sealed for slot 0, delivered for slot 1
    SCENE_OTHER_IMAGE,  ///< an image that is not the release's
    SCENE_UNSIGNED,     ///< an image whose signature does not hold
    SCENE_OF_NEXT_KEYS, ///< version 2 for slot 1, by the keys of the next key set
    SCENE_UPDATES
};
extern const struct scene_update scene_updates[SCENE_UPDATES];

/// The same update SCENE_THERE as a server offers it: the answer to GET deploymentBase.
extern const struct scene_bytes scene_deployment;

extern const struct ss_pins scene_pins;                          ///< of every version
extern const uint8_t scene_signing_key[64];                      ///< of secure boot V1
extern const struct scene_bytes scene_app;                       ///< version 1, signed, in plaintext
extern const struct scene_bytes scene_next_keys, scene_bad_keys; ///< key sets that follow, and must not
extern const struct scene_bytes scene_freshness;                 ///< a record for the device

/// ECDSA: tests/vectors/p256.data.
struct scene_signature {
    uint8_t key[64], digest[32], signature[64];
    int16_t status;
};
extern const struct scene_signature scene_signatures[];
extern const uint32_t scene_signature_count;

/// SHA-256 of bytes 0, 1, 2, … up to this length.
struct scene_digest {
    uint32_t len;
    uint8_t digest[32];
};
extern const struct scene_digest scene_digests[];
extern const uint32_t scene_digest_count;

// -- The flash ----------------------------------------------------------------------------------------------------------

struct scene_flash {
    uint8_t bytes[SCENE_FLASH];
    uint32_t changes;    ///< programs and erases so far
    uint32_t power_ends; ///< no change after so many; 0: never
    uint32_t stuck_at;   ///< a byte whose lowest bit does not program; 0: none
};
extern struct scene_flash scene_flash;

/// Plays all scenes and prints what happens; returns how many expectations failed.
uint32_t scenes_play(void);

#endif
