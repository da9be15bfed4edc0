// SPDX-License-Identifier: Apache-2.0
// What the server hands out: releases, the bytes of uploads and artifacts, deliveries, key sets, certificates,
// freshness records; and who may operate it. Threads, durability and common statuses: store.h.
#ifndef SS_SERVER_STORE_CONTENT_H
#define SS_SERVER_STORE_CONTENT_H

#include "server/store.h"
#include "slotseal/delivery.h"

/// Room for a reason that people read, terminated.
#define SS_STORE_REASON_SIZE 256
/// Largest upload and artifact, bytes: hawkBit's limit.
#define SS_STORE_BLOB_MAX ((uint64_t)1 << 30)
/// Room for an artifact's file name, terminated: [A-Za-z0-9._+-], not beginning with a dot.
#define SS_STORE_FILE_SIZE     129
#define SS_STORE_ARTIFACTS_MAX 50u
/// Room for an ETag with its quotes, terminated.
#define SS_STORE_ETAG_SIZE 72

// Bytes, in chunks. Blobs never change once they are complete.

/// Reads up to @p size bytes of blob @p blob from @p offset on; *@p len is less only at its end, 0 behind it. Memory is
/// a chunk (64 KiB) at most. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_blob_read(struct ss_store *store, int64_t blob, uint64_t offset, uint8_t *out,
                                           size_t size, size_t *len, struct ss_error *err);

// Uploads. One is begun, gets its bytes in order, and is ended; until then it can be continued by whoever has the
// bytes.

enum ss_store_upload_state {
    SS_STORE_UPLOAD_OPEN,     ///< bytes are missing
    SS_STORE_UPLOAD_COMPLETE, ///< sealed: waits for a sealer. An opaque file: waits for its release
    SS_STORE_UPLOAD_ACCEPTED, ///< became part of a release; a sealed upload's bytes are gone from here
    SS_STORE_UPLOAD_REFUSED,  ///< see reason; its bytes are gone
};
const char *ss_store_upload_state_name(enum ss_store_upload_state state);

struct ss_store_upload {
    int64_t id;
    enum ss_store_kind kind; ///< SEALED: encrypted to the sealer's upload key. OPAQUE: a file as it will be served
    enum ss_store_upload_state state;
    uint64_t length, received; ///< bytes
    uint8_t sha256[32];        ///< of all of it, as announced
    int64_t blob;
    int64_t release; ///< ACCEPTED: the release that it became or belongs to
    char operator_name[SS_STORE_NAME_SIZE];
    char reason[SS_STORE_REASON_SIZE];
    int64_t created, changed;
};

/// Begins an upload, or finds the one of this kind, length and digest that is OPEN or COMPLETE: go on at its
/// `received`.
/// SS_ERROR_INVALID_ARGUMENT: length 0; SS_ERROR_INSUFFICIENT_SPACE: above SS_STORE_BLOB_MAX.
SS_MUST_USE ss_status_t ss_store_upload_begin(struct ss_store *store, enum ss_store_kind kind, uint64_t length,
                                              const uint8_t sha256[32], const char *operator_name,
                                              struct ss_store_upload *out, struct ss_error *err);
/// SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_upload_get(struct ss_store *store, int64_t id, struct ss_store_upload *out,
                                            struct ss_error *err);
/// Appends bytes: @p offset must be `received`, and @p len a multiple of 64 KiB unless it is the end; at most 1 MiB at
/// a time. The last part compares the digest and makes it COMPLETE, or REFUSED. @p out (may be NULL): as it is then.
///   SS_ERROR_BAD_STATE            another offset (out->received says where), or it is not OPEN
///   SS_ERROR_INVALID_ARGUMENT     a part of another size
///   SS_ERROR_DATA_CORRUPT         the digest differs: the upload is REFUSED
SS_MUST_USE ss_status_t ss_store_upload_append(struct ss_store *store, int64_t id, uint64_t offset,
                                               const uint8_t *bytes, size_t len, struct ss_store_upload *out,
                                               struct ss_error *err);
/// The oldest sealed upload that is COMPLETE, with an id above @p after. SS_ERROR_DOES_NOT_EXIST: none.
SS_MUST_USE ss_status_t ss_store_upload_next(struct ss_store *store, int64_t after, struct ss_store_upload *out,
                                             struct ss_error *err);

// Releases

enum ss_store_release_state {
    SS_STORE_RELEASE_READY,   ///< may be assigned
    SS_STORE_RELEASE_REVOKED, ///< not assigned any more; what is under way goes on
};

/// A release. The caller of _accept() and _add_presealed() fills what is marked so.
struct ss_store_release {
    int64_t id;                          ///< also the DDI software module's id
    char product[SS_STORE_NAME_SIZE];    ///< filled by the caller
    char version[SS_STORE_VERSION_SIZE]; ///< filled by the caller; unique within the product
    enum ss_store_kind kind;
    enum ss_store_release_state state;
    uint8_t statement[SS_RELEASE_MAX]; ///< release statement, filled by the caller; of a sealed one only
    size_t statement_len;
    uint8_t digest[32];      ///< canonical SHA-256 of the image; of a sealed one, filled by the caller
    uint32_t length;         ///< of the image file, bytes; of a sealed one, filled by the caller
    uint32_t secure_version; ///< filled by the caller
    char operator_name[SS_STORE_NAME_SIZE];
    int64_t created;
};

/// The sealer has opened upload @p upload and it is good: it becomes a release (or finds the one that has the same
/// statement), its bytes are deleted. Repeating it is harmless. *@p release is its id.
///   SS_ERROR_DOES_NOT_EXIST; SS_ERROR_BAD_STATE: not COMPLETE
///   SS_ERROR_ALREADY_EXISTS   the product has another release of this version: the upload is REFUSED
///   SS_ERROR_NOT_PERMITTED    the product is opaque: the upload is REFUSED
SS_MUST_USE ss_status_t ss_store_upload_accept(struct ss_store *store, int64_t upload,
                                               const struct ss_store_release *fields, int64_t *release,
                                               struct ss_error *err);
/// Adds a sealed release that came without an upload, or finds the one that has the same statement. Statuses as
/// _accept().
SS_MUST_USE ss_status_t ss_store_release_add_presealed(struct ss_store *store, const struct ss_store_release *fields,
                                                       int64_t *release, struct ss_error *err);
/// The sealer refuses upload @p upload; or somebody gives up one that is OPEN or COMPLETE. SS_ERROR_DOES_NOT_EXIST,
/// SS_ERROR_BAD_STATE.
SS_MUST_USE ss_status_t ss_store_upload_refuse(struct ss_store *store, int64_t upload, const char *reason,
                                               struct ss_error *err);

/// A file of an opaque release.
struct ss_store_artifact {
    char file[SS_STORE_FILE_SIZE];
    uint64_t length;
    int64_t blob;
    uint8_t sha1[20], md5[16], sha256[32];
    int64_t created;
};
struct ss_store_file {
    const char *file; ///< name that it is served by
    int64_t upload;   ///< COMPLETE, of kind OPAQUE
};
/// Makes an opaque release of uploaded files. SS_ERROR_ALREADY_EXISTS for its version (SS_OK if files and digests are
/// the same); SS_ERROR_DOES_NOT_EXIST: product or upload; SS_ERROR_NOT_PERMITTED: the product is sealed, or an upload
/// is;
/// SS_ERROR_BAD_STATE: an upload is not COMPLETE; SS_ERROR_INVALID_ARGUMENT: names, number.
SS_MUST_USE ss_status_t ss_store_release_add_opaque(struct ss_store *store, const char *product, const char *version,
                                                    const struct ss_store_file *files, size_t count,
                                                    const char *operator_name, int64_t *release, struct ss_error *err);
/// SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_release_get(struct ss_store *store, int64_t id, struct ss_store_release *out,
                                             struct ss_error *err);
SS_MUST_USE ss_status_t ss_store_release_find(struct ss_store *store, const char *product, const char *version,
                                              struct ss_store_release *out, struct ss_error *err);
/// By product and id; @p product NULL: all.
SS_MUST_USE ss_status_t ss_store_release_list(struct ss_store *store, const char *product,
                                              ss_status_t (*each)(void *context, const struct ss_store_release *release,
                                                                  struct ss_error *err),
                                              void *context, struct ss_error *err);
/// SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_release_revoke(struct ss_store *store, int64_t id, struct ss_error *err);
/// By file name. None for a sealed release: its artifact is made for each device.
SS_MUST_USE ss_status_t ss_store_artifact_list(struct ss_store *store, int64_t release,
                                               ss_status_t (*each)(void *context,
                                                                   const struct ss_store_artifact *artifact,
                                                                   struct ss_error *err),
                                               void *context, struct ss_error *err);
/// SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_artifact_get(struct ss_store *store, int64_t release, const char *file,
                                              struct ss_store_artifact *out, struct ss_error *err);

// Deliveries: what a sealer made of a release for one slot of one device, kept for as long as it can be used.

struct ss_store_delivery {
    char device[SS_STORE_NAME_SIZE];
    int64_t release;
    char slot[SS_STORE_SLOT_SIZE]; ///< that it is sealed for
    uint8_t statement[SS_DELIVERY_MAX];
    size_t statement_len;
    uint32_t address, length;      ///< flash address; bytes of ciphertext
    uint8_t sha256[32];            ///< of the ciphertext
    char etag[SS_STORE_ETAG_SIZE]; ///< as in the header, with its quotes; the same on every node
    uint32_t epoch;
    uint64_t sequence;
    uint64_t expiry; ///< 0: none
    int64_t blob;    ///< pre-sealed: the ciphertext; 0: the sealer makes it
    int64_t created;
};

/// SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_delivery_get(struct ss_store *store, const char *device, int64_t release,
                                              const char *slot, struct ss_store_delivery *out, struct ss_error *err);
/// The delivery for the slot that a device which runs @p running ("ota_N" or "factory") writes next: of those that are
/// there, the first one behind it, as ESP-IDF goes round (esp_ota_get_next_update_partition()).
/// SS_ERROR_DOES_NOT_EXIST: none, or none but for the slot that runs.
SS_MUST_USE ss_status_t ss_store_delivery_next(struct ss_store *store, const char *device, int64_t release,
                                               const char *running, struct ss_store_delivery *out,
                                               struct ss_error *err);

/// What a download needs of a delivery.
struct ss_store_download {
    int64_t release;
    char slot[SS_STORE_SLOT_SIZE];
    char version[SS_STORE_VERSION_SIZE]; ///< of the release
    char etag[SS_STORE_ETAG_SIZE];
    uint32_t address, length;
    int64_t blob, created;
};
/// From the cache, where that of the open action and that of the installed one stay with their device: whatever drops
/// the device drops them, too. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_download_get(struct ss_store *store, const char *device, int64_t release,
                                              const char *slot, struct ss_store_download *out, struct ss_error *err);
/// The same from memory only, without waiting for the database: false if it is not there.
SS_MUST_USE bool ss_store_download_peek(struct ss_store *store, const char *device, int64_t release, const char *slot,
                                        struct ss_store_download *out);
/// Keeps @p delivery, unless another node was quicker; *@p kept (may be NULL) is the one that counts from now on.
/// @p replaces: the etag of the delivery that it takes the place of (expired, or the device has accepted its sequence);
/// "" or NULL: none. SS_ERROR_DOES_NOT_EXIST for device or release.
SS_MUST_USE ss_status_t ss_store_delivery_put(struct ss_store *store, const struct ss_store_delivery *delivery,
                                              const char *replaces, struct ss_store_delivery *kept,
                                              struct ss_error *err);

/// True if @p there is at least as good as @p delivery: of a later epoch or sequence, or the same and valid as long.
bool ss_store_delivery_covers(const struct ss_store_delivery *there, const struct ss_store_delivery *delivery);
/// Keeps @p delivery (blob is ignored) and its ciphertext, d->length bytes, as one write; takes the place of what is
/// there for its device, release and slot, unless that covers it. SS_ERROR_DOES_NOT_EXIST for device or
/// release.
SS_MUST_USE ss_status_t ss_store_delivery_put_presealed(struct ss_store *store,
                                                        const struct ss_store_delivery *delivery,
                                                        const uint8_t *ciphertext, struct ss_error *err);

// Key sets and CA certificates: public, signed or pinned by their digest.

/// What was done with a pinned key set.
struct ss_store_trusted {
    char product[SS_STORE_NAME_SIZE];
    uint32_t version;
    bool added;       ///< it was not there
    unsigned removed; ///< times that something contradicted it, and was removed
};
/// Takes a key set that this server has been told to trust, by its sealer or its configuration. It is where the chain
/// hangs: what is in the store under its version, or just above or below it, and does not fit is removed.
/// *@p done may be NULL. SS_ERROR_DATA_INVALID, SS_ERROR_INVALID_SIGNATURE, SS_ERROR_NOT_PERMITTED (its own roots have
/// not signed it, or the product is opaque).
SS_MUST_USE ss_status_t ss_store_key_set_trust(struct ss_store *store, const uint8_t *statement, size_t len,
                                               struct ss_store_trusted *done, struct ss_error *err);
/// Publishes a key set: one that follows the newest of its product as devices demand it (ss_key_set_check_next()).
/// SS_OK if it is there already. *@p version (may be NULL) is its version.
///   SS_ERROR_DATA_INVALID, SS_ERROR_INVALID_SIGNATURE, SS_ERROR_NOT_PERMITTED   as those; none of the product is
///                             trusted so far: the first one is never believed
SS_MUST_USE ss_status_t ss_store_key_set_put(struct ss_store *store, const uint8_t *statement, size_t len,
                                             uint32_t *version, struct ss_error *err);
/// The next key set above version @p after of @p product. SS_ERROR_DOES_NOT_EXIST; SS_ERROR_BUFFER_TOO_SMALL (room for
/// SS_KEY_SET_MAX is enough).
SS_MUST_USE ss_status_t ss_store_key_set_after(struct ss_store *store, const char *product, uint32_t after,
                                               uint8_t *out, size_t size, size_t *len, struct ss_error *err);
/// Longest certificate, bytes of DER.
#define SS_STORE_CA_MAX 8192u
/// Stores a certificate under its SHA-256, which comes back. SS_ERROR_INVALID_ARGUMENT: too long or no DER sequence.
SS_MUST_USE ss_status_t ss_store_ca_put(struct ss_store *store, const uint8_t *der, size_t len, uint8_t sha256[32],
                                        struct ss_error *err);
/// SS_ERROR_DOES_NOT_EXIST; SS_ERROR_BUFFER_TOO_SMALL.
SS_MUST_USE ss_status_t ss_store_ca_get(struct ss_store *store, const uint8_t sha256[32], uint8_t *out, size_t size,
                                        size_t *len, struct ss_error *err);

// Freshness records

struct ss_store_freshness {
    const char *device;
    int64_t time;
    const uint8_t *record;
    size_t len; ///< at most SS_FRESHNESS_MAX
};
/// Seconds after which a device is to have another record. One that is dated so far ahead is replaced, too, by whatever
/// comes: it was made while a clock was wrong, and devices that know the time refuse it.
#define SS_STORE_FRESHNESS_AGE 86400
/// Keeps the newest record of each device; devices that are not known are passed over. At most 1,000 at a time.
SS_MUST_USE ss_status_t ss_store_freshness_put(struct ss_store *store, const struct ss_store_freshness *records,
                                               size_t count, struct ss_error *err);
/// The record of @p device, and notes that it was fetched (written in a batch, as "last seen").
/// SS_ERROR_DOES_NOT_EXIST; SS_ERROR_BUFFER_TOO_SMALL (room for SS_FRESHNESS_MAX is enough).
SS_MUST_USE ss_status_t ss_store_freshness_fetch(struct ss_store *store, const char *device, uint8_t *out, size_t size,
                                                 size_t *len, struct ss_error *err);
/// Devices whose record is more than SS_STORE_FRESHNESS_AGE away from @p now, by id, up to @p limit (0: 1,000): whom the
/// sealer is to be asked for. @p each gets the time of the record, 0 for none.
SS_MUST_USE ss_status_t ss_store_freshness_due(struct ss_store *store, const char *product, int64_t now,
                                               const char *after, unsigned limit,
                                               ss_status_t (*each)(void *context, const char *device, int64_t time,
                                                                   struct ss_error *err),
                                               void *context, struct ss_error *err);

// Operators: people and programs that use the management API. A token is 43 characters of base64url (32 random bytes);
// the store knows its SHA-256.

/// Length of a token's text and its room, terminated.
#define SS_STORE_TOKEN_SIZE 44
/// Makes an operator and a token, which is nowhere else from then on. SS_ERROR_ALREADY_EXISTS;
/// SS_ERROR_INVALID_ARGUMENT.
SS_MUST_USE ss_status_t ss_store_operator_add(struct ss_store *store, const char *name, char token[SS_STORE_TOKEN_SIZE],
                                              struct ss_error *err);
/// Whose token it is. SS_ERROR_DOES_NOT_EXIST. The look-up is by digest: how long it takes tells nothing of tokens.
SS_MUST_USE ss_status_t ss_store_operator_find(struct ss_store *store, const char *token, size_t len,
                                               char name[SS_STORE_NAME_SIZE], struct ss_error *err);
/// The token is void at once. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_operator_remove(struct ss_store *store, const char *name, struct ss_error *err);
SS_MUST_USE ss_status_t ss_store_operator_list(struct ss_store *store,
                                               ss_status_t (*each)(void *context, const char *name, int64_t created,
                                                                   struct ss_error *err),
                                               void *context, struct ss_error *err);

#endif
