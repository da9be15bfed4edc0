// SPDX-License-Identifier: Apache-2.0
// The front's side of the sealer: what the HTTP server calls. No vault, no key, no plaintext comes this way; what is
// answered is ciphertext, statements and refusals.
//
// A client has one thread of its own, which talks to the sealers that are connected: the local one, whose channels the
// supervisor passes in, or remote ones that connect over TLS. Requests may be made from any thread, never block, and
// are answered exactly once, by a callback *on the client's thread* (or, for ss_sealer_stop(), on the caller's): it
// must not block, may call every function here, and is the place for MHD_resume_connection(). It may run before the
// call that made the request has returned: suspend the connection first.
//
// When a sealer dies or is cut off in the middle, what it had not answered goes to the next one that is there; nobody
// notices but by the time it takes. What stays unanswered for `timeout_ms` gets SS_ERROR_TIMEOUT. Every request can be
// repeated without harm.
//
// Memory: a window that is handed out holds SS_SEALER_WINDOW_MAX bytes until _window_free(). There are `windows` of
// them; requests beyond that wait. A download that asks for the next window while it sends one holds two, 128 KiB.
#ifndef SS_SERVER_SEALER_H
#define SS_SERVER_SEALER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/delivery.h"
#include "slotseal/error.h"
#include "slotseal/freshness.h"
#include "slotseal/release.h"

/// Room for a device's id or a product's name, terminated.
#define SS_SEALER_NAME_SIZE 65
/// Room for a release's version, terminated.
#define SS_SEALER_VERSION_SIZE (SS_VERSION_MAX + 1)
/// Room for a slot's name, terminated: "ota_0" to "ota_15", "factory".
#define SS_SEALER_SLOT_SIZE 17
/// Longest range of one request, bytes.
#define SS_SEALER_WINDOW_MAX 65536u
/// Longest range that ss_sealer_window_now() copies at once, bytes.
#define SS_SEALER_RUN_MAX (4 * SS_SEALER_WINDOW_MAX)
/// Most lanes.
#define SS_SEALER_LANES_MAX 64u
/// Room for an ETag with its quotes, terminated.
#define SS_SEALER_ETAG_SIZE 40
/// Longest refusal, with its terminator.
#define SS_SEALER_TEXT_SIZE 256
/// Most devices of one freshness request.
#define SS_SEALER_FRESHNESS_MAX 256u
/// Longest upload, bytes: an image of 16 MiB, its statement and the envelope.
#define SS_SEALER_UPLOAD_MAX ((16u << 20) + 65536u)

struct ss_sealer;

/// A device as the sealer's vault has it; pushed to the front.
struct ss_sealer_device {
    char id[SS_SEALER_NAME_SIZE];
    char product[SS_SEALER_NAME_SIZE];
    bool active; ///< a member of the fleet: provisioned, not replaced, revoked, lost or returned
    enum ss_sealer_credential {
        SS_SEALER_NO_CREDENTIAL, ///< it must not be let in, whatever it shows
        SS_SEALER_TOKEN,
        SS_SEALER_CERTIFICATE,
    } credential;
    uint8_t digest[32]; ///< SHA-256 of the token's text, or of the certificate's file; zero without a credential
};

/// Where the front hears of sealers, and what it is told. Borrowed until ss_sealer_stop().
struct ss_sealer_options {
    int control; ///< the supervisor's socket, on which local channels arrive (server/supervise.h); -1: none
    // Remote sealers; all NULL: none. TLS 1.3 only, both sides show a certificate of `ca`.
    const char *listen;      ///< HOST:PORT
    const char *certificate; ///< PEM files
    const char *key;
    const char *ca;

    unsigned lanes;   ///< to the local sealer, for ss_sealer_window_now(): one for each thread that calls it; 0: none
    unsigned lane_ms; ///< what one may take to answer; 0: 100
    unsigned windows; ///< most windows in memory, all downloads together; 0: 256 (16 MiB)
    unsigned timeout_ms; ///< for one request, over all sealers that are tried; 0: 30,000

    /// The registry: all devices when a sealer connects, then those that changed. @p complete is true for the last part
    /// of the first time, when every device of that vault has been told. Called on a thread that is there for nothing
    /// else, so it may write to a database; the next part comes when it has returned true. False: try again later.
    bool (*devices)(void *context, const struct ss_sealer_device *devices, size_t count, bool complete);
    /// A key set that a sealer is pinned to: told before its devices, one after the other, the oldest of a product
    /// first. As devices(); whether it is one has not been looked at.
    bool (*key_set)(void *context, const uint8_t *statement, size_t len);
    /// A sealer is there, or the last one is gone; on the client's thread. NULL: not wanted.
    void (*connected)(void *context, bool connected);
    /// One line for the log; on any of the client's threads. NULL: not wanted.
    void (*log)(void *context, const char *text);
    void *context;
};

/// Starts the client. *@p sealer is NULL on error: SS_ERROR_IO (the address, a file), SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_sealer_start(const struct ss_sealer_options *options, struct ss_sealer **sealer,
                                        struct ss_error *err);
/// Answers what is open with SS_ERROR_IO, ends the threads and frees. No window may be held any more. NULL is allowed.
void ss_sealer_stop(struct ss_sealer *sealer);
/// True while there is a sealer; for /readyz.
bool ss_sealer_connected(struct ss_sealer *sealer);

// Deliveries

/// What a device told of itself (configData), as far as it decides. A field that it did not tell is 0 or "".
struct ss_sealer_told {
    char slot[SS_SEALER_SLOT_SIZE]; ///< that runs; without it nothing is sealed
    uint32_t epoch;                 ///< of the last delivery that it accepted
    uint64_t sequence;
    uint32_t secure_version;
    uint32_t bootloader; ///< SS_BOOTLOADER_*
    uint32_t key_set;    ///< version
    bool has_table;
    uint8_t table[32]; ///< SHA-256 of its partition table
};

struct ss_sealer_order {
    char device[SS_SEALER_NAME_SIZE];
    char version[SS_SEALER_VERSION_SIZE]; ///< a release of the device's product
    struct ss_sealer_told told;
};

/// A delivery: everything that deploymentBase says of it. The same on every node and after every restart, until the
/// device has accepted another one.
struct ss_sealer_delivery {
    uint8_t release[SS_RELEASE_MAX];
    size_t release_len;
    uint8_t statement[SS_DELIVERY_MAX];
    size_t statement_len;
    char slot[SS_SEALER_SLOT_SIZE]; ///< to be written, the one that does not run
    uint32_t address;               ///< of that slot in flash, bytes
    uint32_t length;                ///< of the ciphertext, bytes
    uint8_t sha256[32];             ///< of the ciphertext
    char etag[SS_SEALER_ETAG_SIZE]; ///< with its quotes
};

/// @p status and what comes with it:
///   SS_OK                     @p delivery is filled
///   SS_ERROR_NOT_PERMITTED    refused for good, @p text says why: the device, the release or both are not fit
///   SS_ERROR_DOES_NOT_EXIST   no such device or release in the vault
///   SS_ERROR_BAD_STATE        not yet: the slot that runs is not known, a signature for this device is missing
///   SS_ERROR_TIMEOUT, SS_ERROR_IO and others: the sealer is not to be had, or in trouble; later, again
/// @p delivery and @p text are good during the call only.
typedef void (*ss_sealer_deliver_fn)(void *context, ss_status_t status, const struct ss_sealer_delivery *delivery,
                                     const char *text);

/// Checks, seals and signs, the first time; answers from the vault's record then. SS_ERROR_INVALID_ARGUMENT for names
/// that are none, SS_ERROR_INSUFFICIENT_MEMORY: @p done is not called then.
SS_MUST_USE ss_status_t ss_sealer_deliver(struct ss_sealer *sealer, const struct ss_sealer_order *order,
                                          ss_sealer_deliver_fn done, void *context);

/// Whether an opaque release may be assigned to a device: SS_OK if the vault does not know the device, else
/// SS_ERROR_NOT_PERMITTED with a text. `delivery` is NULL.
SS_MUST_USE ss_status_t ss_sealer_may_be_opaque(struct ss_sealer *sealer, const char *device, ss_sealer_deliver_fn done,
                                                void *context);

// Windows

/// Sealed bytes. Give it back as soon as they are sent.
struct ss_sealer_window {
    const uint8_t *bytes;
    size_t len;
};

/// @p window is NULL unless @p status is SS_OK; then it is the receiver's until ss_sealer_window_free(). Statuses as
/// for deliveries; SS_ERROR_DOES_NOT_EXIST: there is no such delivery, or not any more. @p text is good during the
/// call.
typedef void (*ss_sealer_window_fn)(void *context, ss_status_t status, struct ss_sealer_window *window,
                                    const char *text);

/// Bytes @p offset to @p offset + @p len of what was sealed of release @p version for slot @p address of @p device: of
/// a delivery that ss_sealer_deliver() made at some time, on whatever node. Any range within its length, at most
/// SS_SEALER_WINDOW_MAX bytes, not empty. Statuses of the call as for ss_sealer_deliver().
SS_MUST_USE ss_status_t ss_sealer_window(struct ss_sealer *sealer, const char *device, const char *version,
                                         uint32_t address, uint32_t offset, uint32_t len, ss_sealer_window_fn done,
                                         void *context);
/// The same range, up to SS_SEALER_RUN_MAX bytes, at once: the caller waits while a local sealer that has the delivery
/// ready seals it, and gets the bytes in @p out. No window is held. From any thread. Anything but SS_OK means that it
/// has to be asked for by ss_sealer_window(), which also tells what is wrong: there is no local sealer, all lanes are
/// in use, it does not answer in time, or the delivery is not ready.
SS_MUST_USE ss_status_t ss_sealer_window_now(struct ss_sealer *sealer, const char *device, const char *version,
                                             uint32_t address, uint32_t offset, uint32_t len, uint8_t *out);
/// From any thread; NULL is allowed.
void ss_sealer_window_free(struct ss_sealer *sealer, struct ss_sealer_window *window);

// Uploads

/// A release that was opened and found good.
struct ss_sealer_upload {
    char product[SS_SEALER_NAME_SIZE];
    char version[SS_SEALER_VERSION_SIZE];
    uint8_t statement[SS_RELEASE_MAX];
    size_t statement_len;
    uint8_t digest[32]; ///< canonical SHA-256
    uint32_t image_len; ///< of the image file, bytes
    bool already;       ///< the vault had it: an upload may be repeated
    bool personal;      ///< of a product whose devices have signing keys of their own: `release personalize` is next
};

/// SS_OK; SS_ERROR_NOT_PERMITTED, SS_ERROR_INVALID_SIGNATURE, SS_ERROR_DATA_INVALID, SS_ERROR_DATA_CORRUPT: refused for
/// good; SS_ERROR_ALREADY_EXISTS: another release has this product and version. Others: later, again.
typedef void (*ss_sealer_upload_fn)(void *context, ss_status_t status, const struct ss_sealer_upload *upload,
                                    const char *text);

/// Has the sealer open @p blob (server/upload.h), check what is in it and keep it in the vault. @p blob, made by
/// malloc(), at most SS_SEALER_UPLOAD_MAX bytes, is the client's from here on if SS_OK is returned. One is under way at
/// a time, others wait.
SS_MUST_USE ss_status_t ss_sealer_open_upload(struct ss_sealer *sealer, uint8_t *blob, size_t len,
                                              ss_sealer_upload_fn done, void *context);

// Freshness

struct ss_sealer_fresh_device {
    char id[SS_SEALER_NAME_SIZE];
    char version[SS_SEALER_VERSION_SIZE]; ///< the release that it is to run; "": any
};

/// Called for each device with its record, then once with SS_OK and a NULL device; or once with a refusal.
typedef void (*ss_sealer_freshness_fn)(void *context, ss_status_t status, const char *device, const uint8_t *record,
                                       size_t len, const char *text);

/// Records for up to SS_SEALER_FRESHNESS_MAX devices of @p product, with one signature for all of them. Devices that
/// are no active members of the product get none. @p devices is copied.
SS_MUST_USE ss_status_t ss_sealer_freshness(struct ss_sealer *sealer, const char *product,
                                            const struct ss_sealer_fresh_device *devices, size_t count,
                                            ss_sealer_freshness_fn done, void *context);

#endif
