// SPDX-License-Identifier: Apache-2.0
// What the frames of a channel say (server/channel.h). Reading checks every field: names are names, numbers are in
// their range, nothing is left over. Writing never fails: what it writes always fits SS_CHANNEL_PAYLOAD_MAX.
//
// Texts are a length (1 byte) and bytes; statements a length (2 bytes) and bytes; numbers little endian.
#ifndef SS_SERVER_MESSAGE_H
#define SS_SERVER_MESSAGE_H

#include "server/channel.h"

struct ss_message_hello {
    uint32_t version;
    uint32_t slots; ///< of the shared memory that the side sees
};

struct ss_message_window {
    char device[SS_SEALER_NAME_SIZE];
    char version[SS_SEALER_VERSION_SIZE];
    uint32_t address, offset, len;
    uint32_t slot;      ///< of the shared memory, SS_CHANNEL_NO_SLOT: none
    uint32_t processor; ///< on which the front waits for it; counts on a lane
};

/// Answers other than what was asked for, and SS_OK where there is nothing else to say.
struct ss_message_refusal {
    ss_status_t status;
    char text[SS_SEALER_TEXT_SIZE];
};

struct ss_message_bytes {
    uint32_t len;
    const uint8_t *bytes; ///< in the frame; NULL: in the shared memory
};

struct ss_message_fresh {
    char device[SS_SEALER_NAME_SIZE];
    const uint8_t *record; ///< in the frame
    size_t len;
};

struct ss_message_freshness {
    char product[SS_SEALER_NAME_SIZE];
    size_t count;
    struct ss_sealer_fresh_device *devices; ///< room for SS_SEALER_FRESHNESS_MAX, the caller's
};

/// Most devices of one DEVICES frame.
#define SS_MESSAGE_DEVICES_MAX 256u

struct ss_message_devices {
    bool complete;
    size_t count;
    struct ss_sealer_device *devices; ///< room for SS_MESSAGE_DEVICES_MAX, the caller's
};

// Each writes at most SS_CHANNEL_PAYLOAD_MAX bytes to @p out and returns their number.
size_t ss_message_put_hello(uint8_t *out, const struct ss_message_hello *m);
size_t ss_message_put_order(uint8_t *out, const struct ss_sealer_order *m);
size_t ss_message_put_delivery(uint8_t *out, const struct ss_sealer_delivery *m);
size_t ss_message_put_window(uint8_t *out, const struct ss_message_window *m);
/// Of the text, what fits SS_SEALER_TEXT_SIZE; messages of libraries may hold what is no printable ASCII: '?' is sent.
size_t ss_message_put_refusal(uint8_t *out, ss_status_t status, const char *text);
size_t ss_message_put_name(uint8_t *out, const char *name);
size_t ss_message_put_length(uint8_t *out, uint32_t len);
size_t ss_message_put_upload(uint8_t *out, const struct ss_sealer_upload *m);
size_t ss_message_put_freshness(uint8_t *out, const struct ss_message_freshness *m);
size_t ss_message_put_fresh(uint8_t *out, const struct ss_message_fresh *m);
size_t ss_message_put_devices(uint8_t *out, const struct ss_message_devices *m);

// Each reads the payload of @p frame; false if it is not exactly one such message. What is set then is not to be used.
bool ss_message_get_hello(const struct ss_frame *frame, struct ss_message_hello *m);
bool ss_message_get_order(const struct ss_frame *frame, struct ss_sealer_order *m);
bool ss_message_get_delivery(const struct ss_frame *frame, struct ss_sealer_delivery *m);
bool ss_message_get_window(const struct ss_frame *frame, struct ss_message_window *m);
bool ss_message_get_refusal(const struct ss_frame *frame, struct ss_message_refusal *m);
bool ss_message_get_name(const struct ss_frame *frame, char name[SS_SEALER_NAME_SIZE]);
bool ss_message_get_length(const struct ss_frame *frame, uint32_t *len);
bool ss_message_get_bytes(const struct ss_frame *frame, struct ss_message_bytes *m);
bool ss_message_get_upload(const struct ss_frame *frame, struct ss_sealer_upload *m);
bool ss_message_get_freshness(const struct ss_frame *frame, struct ss_message_freshness *m);
bool ss_message_get_fresh(const struct ss_frame *frame, struct ss_message_fresh *m);
bool ss_message_get_devices(const struct ss_frame *frame, struct ss_message_devices *m);

/// Puts into the channel what both sides begin with. False without memory.
bool ss_message_greet(struct ss_channel *channel);
/// Whether @p hello is of this version and of a side that sees the memory of @p channel.
bool ss_message_hello_fits(const struct ss_message_hello *hello, const struct ss_channel *channel);

/// A version of a release: printable ASCII, 1 to SS_VERSION_MAX characters.
bool ss_message_version_ok(const char *version);
/// An id of a device, a name of a product.
bool ss_message_name_ok(const char *name);

#endif
