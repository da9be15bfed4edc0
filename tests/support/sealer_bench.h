// SPDX-License-Identifier: Apache-2.0
// A small fleet with its vault, a sealer that serves it on threads of this process, and a front's client of it.
#ifndef SS_TESTS_SEALER_BENCH_H
#define SS_TESTS_SEALER_BENCH_H

#include <pthread.h>

#include "server/message.h"
#include "server/sealer.h"
#include "server/sealer_service.h"
#include "slotseal/release.h"
#include "vault/release.h"

#define BENCH_PRODUCT  "thermostat"
#define BENCH_PERSONAL "heater" ///< a product whose devices have signing keys of their own
#define BENCH_OTA_0    0x10000u
#define BENCH_OTA_1    0x160000u

/// The vault: both products, their key sets (sample keys 1 to 3 root, 4 release, 5 delivery, for both), devices "d1" … of
/// the first and "p1" … of the second, provisioned, with flash keys and tokens; no release. Between vault_bench_start()
/// and _stop().
struct sealer_fleet {
    const char *url;
    struct ss_vault *vault; ///< opened with its signing keys
    struct ss_sealer_keys *keys;
};
void sealer_fleet_make(struct sealer_fleet *fleet, unsigned devices, unsigned personal);
void sealer_fleet_free(struct sealer_fleet *fleet);
/// The flash key of device @p n of either product, 32 bytes.
void sealer_fleet_key(const char *device, uint8_t key[32]);

/// An app image of about @p size bytes, incompressible, the same for the same @p seed; with the 64 bytes of @p vk at
/// *@p vk_offset if that is not NULL. malloc()ed.
uint8_t *sealer_image(uint64_t seed, uint32_t size, const uint8_t *vk, uint32_t *vk_offset, size_t *len);

struct sealer_release {
    uint8_t *image;
    size_t len;
    uint8_t statement[SS_RELEASE_MAX];
    size_t statement_len;
};
/// Signs a release of @p product as sample key @p key does; @p personal: for secure boot V1, with a key inside.
void sealer_release_make(const char *product, const char *version, uint32_t size, uint64_t timestamp, unsigned key,
                         bool personal, struct sealer_release *release);
void sealer_release_add(struct ss_vault *vault, const char *product, const char *version,
                        const struct sealer_release *release);
void sealer_release_free(struct sealer_release *release);

/// The certificate of the fleet's upload key, PEM; malloc()ed.
uint8_t *sealer_upload_certificate(size_t *len);

/// A sealer: threads of this process.
struct sealer_side {
    struct ss_sealer_service *service;
    pthread_t threads[8];
    struct ss_channel *channels[8];
    unsigned count;
    int stop[2]; ///< a pipe; writing ends all channels
};
void sealer_side_start(struct sealer_side *side, const struct sealer_fleet *fleet,
                       const struct ss_sealer_service_options *options);
/// Serves one more channel.
void sealer_side_serve(struct sealer_side *side, struct ss_channel *channel);
/// Sends @p hello (NULL: none) and a frame as a front would, over @p sides (the front's, the sealer's), which it frees;
/// the sealer must end the channel. Not while others are served.
void sealer_side_expect_end(struct sealer_side *side, struct ss_channel *sides[2], const struct ss_message_hello *hello,
                            enum ss_frame_type type, const void *payload, size_t len);
/// Ends the channels and waits for them.
void sealer_side_stop(struct sealer_side *side);

/// A front: a client whose supervisor the test is.
struct front_side {
    struct ss_sealer *client;
    int control; ///< the supervisor's end
    int client_control;
};
void front_side_start(struct front_side *front, const struct ss_sealer_options *options);
void front_side_stop(struct front_side *front);
/// Gives both a channel to each other.
void front_side_connect(struct front_side *front, struct sealer_side *side, unsigned slots);
/// The same for a lane, of as many slots as a supervisor gives it.
void front_side_add_lane(struct front_side *front, struct sealer_side *side);
/// Waits until the front has as many lanes as it wants.
void front_side_wait_lanes(struct front_side *front);

/// Waits for an answer, at most a minute.
struct deliver_result {
    ss_status_t status;
    struct ss_sealer_delivery delivery;
    char text[SS_SEALER_TEXT_SIZE];
};
struct ss_sealer_order order_for(const char *device, const char *version, const char *slot);
struct deliver_result deliver(struct ss_sealer *client, const struct ss_sealer_order *order);
/// Reads @p len bytes of a delivery window by window to @p out.
ss_status_t fetch(struct ss_sealer *client, const char *device, const char *version, uint32_t address, uint32_t offset,
                  uint32_t len, uint8_t *out);
struct deliver_result may_be_opaque(struct ss_sealer *client, const char *device);
/// Asks for "d1" … "d@p count" at once; all must be delivered.
void deliver_all(struct ss_sealer *client, const char *version, const char *slot, unsigned count);
struct fresh_result {
    char device[SS_SEALER_NAME_SIZE];
    uint8_t record[SS_FRESHNESS_MAX];
    size_t len;
};
/// Records to @p results, which has room for all, and their number to *@p made.
ss_status_t get_fresh(struct ss_sealer *client, const char *product, const struct ss_sealer_fresh_device *devices,
                      size_t count, struct fresh_result *results, size_t *made);
struct upload_result {
    ss_status_t status;
    struct ss_sealer_upload upload;
    char text[SS_SEALER_TEXT_SIZE];
};
struct upload_result open_upload(struct ss_sealer *client, const uint8_t *blob, size_t len);

#endif
