// SPDX-License-Identifier: Apache-2.0
// The inside of the sealer's service.
#ifndef SS_SERVER_SEALER_PARTS_H
#define SS_SERVER_SEALER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/message.h"
#include "server/sealer_cache.h"
#include "server/sealer_service.h"
#include "slotseal/update_check.h"
#include "vault/delivery.h"
#include "vault/personal.h"
#include "vault/release.h"

/// Name of the fact by which the vault knows a device's credential: "token sha256:HEX", "certificate sha256:HEX".
#define SS_SEALER_CREDENTIAL_FACT "credential"

/// Most requests of a channel that wait for the vault: beyond, the channel is not read.
#define SS_SEALER_JOBS_MAX 1024u
/// Of them uploads, each of up to SS_SEALER_UPLOAD_MAX bytes.
#define SS_SEALER_UPLOADS_MAX 2u
/// Bytes that wait to be sent, beyond which a channel is not read.
#define SS_SEALER_BACKLOG_MAX (4u << 20)
/// Bytes of answers that wait for a channel with that backlog, beyond which nothing more is done for it. What is under
/// way ends: up to SS_SEALER_FRESHNESS_MAX records, or SS_SEALER_BATCH deliveries.
#define SS_SEALER_ANSWERS_MAX (1u << 20)
/// Most deliveries that are sealed together: as many as a SHA-256 kernel has lanes.
#define SS_SEALER_BATCH 16u

/// What the vault's thread says to a session.
struct ss_sealer_answer {
    struct ss_sealer_answer *next;
    enum ss_frame_type type;
    uint64_t id;
    bool last; ///< it ends a job
    size_t len;
    uint8_t payload[];
};

/// One channel that is served.
struct ss_sealer_session {
    struct ss_sealer_service *service;
    struct ss_sealer_session *next; ///< of all of the service
    struct ss_channel *channel;
    pthread_mutex_t lock; ///< of what follows
    struct ss_sealer_answer *answers, **answers_end;
    size_t answer_bytes; ///< of all of them
    bool closed;
    bool lost;        ///< there was no memory for an answer: the channel has to end, then the front asks again
    unsigned holders; ///< the thread that runs it, and each of its jobs
    unsigned uploads; ///< of its jobs; each has megabytes
    int wake;         ///< eventfd: there are answers
    // Of the session's thread.
    bool greeted;
    bool lane;   ///< windows of deliveries that are ready, nothing else
    bool paused; ///< reading stopped although there was more
    bool held;   ///< answers stayed behind, because the channel has enough
    unsigned open_jobs, unacknowledged;
    uint8_t *scratch; ///< locked, SS_SEALER_SCRATCH bytes
    uint8_t *upload;
    size_t upload_len, upload_size;
    uint64_t upload_id;
    // Of the vault's thread.
    bool follows, waits_for_ack, told_all; ///< the registry: it wants it; a part is on its way; it got everything once
    int64_t told;                          ///< last change that it was told
    size_t told_sets;                      ///< pinned key sets that it was told, which comes first
};

#define SS_SEALER_SCRATCH (SS_SEALER_WINDOW_MAX + 32u)

struct ss_sealer_job {
    struct ss_sealer_job *next;
    struct ss_sealer_session *session; ///< held
    enum ss_frame_type type;           ///< what was asked; SS_FRAME_HELLO: follow the registry
    uint64_t id;
    union {
        struct ss_sealer_order order;
        struct ss_message_window window;
        char device[SS_SEALER_NAME_SIZE];
        struct {
            uint8_t *blob;
            size_t len;
        } upload;
        struct ss_message_freshness *freshness;
    } as;
};

struct ss_sealer_service {
    struct ss_sealer_service_options options;
    struct ss_sealer_cache *cache;
    pthread_t thread;
    pthread_mutex_t lock; ///< of jobs, sessions and stop
    pthread_cond_t wake;
    struct ss_sealer_job *jobs, **jobs_end;
    struct ss_sealer_session *sessions;
    bool stop;
    // Of the vault's thread.
    struct ss_vault *vault; ///< NULL: connection lost, is opened again
    int64_t seen;           ///< last change whose device was looked at for the cache
    int64_t polled_ms;      ///< when the registry was looked at
    int64_t complained_ms;  ///< when the log was told of the wrong delivery key; 0: never
    bool unlocked;          ///< the log was told that not all memory is locked
    bool missed;            ///< and that the vault cannot be opened
    uint8_t *scratch;
};

// sealer_service.c

void ss_sealer_log(struct ss_sealer_service *service, const char *format, ...) SS_PRINTF(2, 3);
/// Hands a payload of @p len bytes to the session, which sends it.
void ss_sealer_answer(struct ss_sealer_session *session, enum ss_frame_type type, uint64_t id, bool last,
                      const uint8_t *payload, size_t len);
/// Ends a job with a status and a text.
void ss_sealer_refuse(const struct ss_sealer_job *job, ss_status_t status, const char *text);
/// Gives a job to the vault's thread, which frees it. False without memory.
bool ss_sealer_enqueue(struct ss_sealer_session *session, const struct ss_sealer_job *job);
/// The database did not answer: the vault is opened again with the next job.
void ss_sealer_vault_lost(struct ss_sealer_service *service);

// sealer_session.c

/// One holder less; the last one frees it.
void ss_sealer_session_release(struct ss_sealer_session *session);

// sealer_window.c

/// Seals the range into @p out. @p scratch has SS_SEALER_SCRATCH bytes of locked memory.
SS_MUST_USE ss_status_t ss_sealer_seal_range(const struct ss_sealer_ready *ready, const struct ss_message_window *w,
                                             uint8_t *scratch, uint8_t *out, struct ss_error *err);
/// Answers a WINDOW whose delivery was not ready.
void ss_sealer_do_window(struct ss_sealer_service *service, struct ss_sealer_job *job);

// sealer_image.c

/// The plaintext of a release as it lies in flash, from the cache or the vault: held until ss_sealer_image_release().
SS_MUST_USE ss_status_t ss_sealer_image_load(struct ss_sealer_service *service, const struct ss_vault_release *release,
                                             const struct ss_release *fields, void **image, struct ss_error *err);

/// What makes an image a device's own.
struct ss_sealer_personal {
    uint8_t tail[1 + 32]; ///< checksum and hash
    struct ss_vault_signature signature;
    struct ss_sealer_patch patches[SS_SEALER_PATCHES_MAX]; ///< point into this struct
    unsigned count;
};
/// For a product with a signing key per device: reads the signature and works out the patches. SS_ERROR_BAD_STATE: the
/// release was not signed for this device.
SS_MUST_USE ss_status_t ss_sealer_personal_load(struct ss_sealer_service *service, const struct ss_vault_device *device,
                                                const struct ss_vault_release *release, const struct ss_release *fields,
                                                void *image, struct ss_sealer_personal *personal, struct ss_error *err);
/// Applies @p count patches to the @p len bytes at @p offset of an image.
void ss_sealer_patch_range(const struct ss_sealer_patch *patches, unsigned count, uint32_t offset, uint8_t *bytes,
                           uint32_t len);
/// Prepares the cipher of a device.
SS_MUST_USE ss_status_t ss_sealer_cipher_init(struct ss_sealer_cipher *cipher, const struct ss_vault_device *device,
                                              const struct ss_vault_flash_key *key, struct ss_error *err);

// sealer_deliver.c

/// Does up to SS_SEALER_BATCH jobs of type DELIVER together.
void ss_sealer_do_deliver(struct ss_sealer_service *service, struct ss_sealer_job **jobs, size_t count);
void ss_sealer_do_opaque(struct ss_sealer_service *service, struct ss_sealer_job *job);

// sealer_upload.c, sealer_fresh.c

void ss_sealer_do_upload(struct ss_sealer_service *service, struct ss_sealer_job *job);
void ss_sealer_do_freshness(struct ss_sealer_service *service, struct ss_sealer_job *job);

// sealer_registry.c

/// Reads and verifies the release statement: @p fields point into @p release.
SS_MUST_USE ss_status_t ss_sealer_release_read(const struct ss_sealer_keys *keys,
                                               const struct ss_vault_release *release, uint64_t now,
                                               struct ss_release *fields, uint8_t reference[32], struct ss_error *err);
/// Reads what a fact says of a credential. False: it is dead.
bool ss_sealer_credential_parse(const char *fact, enum ss_sealer_credential *kind, uint8_t digest[32]);
/// Tells sessions what changed, and forgets ciphers of devices that have left.
void ss_sealer_follow(struct ss_sealer_service *service, bool now);

#endif
