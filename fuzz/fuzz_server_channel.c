// SPDX-License-Identifier: Apache-2.0
// What a hostile peer sends on the channel between front and sealer: cut into frames, and each frame read as every message
// that there is. What reads as one is written again to the same bytes.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

static uint8_t again[SS_CHANNEL_PAYLOAD_MAX];

static void same(const struct ss_frame *f, size_t len)
{
    must(len == f->len && memcmp(again, f->payload, len) == 0);
}

static void requests(const struct ss_frame *f)
{
    struct ss_message_hello hello;
    struct ss_sealer_order order;
    struct ss_message_window window;
    char name[SS_SEALER_NAME_SIZE];
    uint32_t length;
    static struct ss_sealer_fresh_device devices[SS_SEALER_FRESHNESS_MAX];
    struct ss_message_freshness freshness = {.devices = devices};
    if (ss_message_get_hello(f, &hello))
        same(f, ss_message_put_hello(again, &hello));
    if (ss_message_get_order(f, &order))
        same(f, ss_message_put_order(again, &order));
    if (ss_message_get_window(f, &window)) {
        must(window.len > 0 && window.len <= SS_SEALER_RUN_MAX && window.offset + window.len > window.offset);
        same(f, ss_message_put_window(again, &window));
    }
    if (ss_message_get_length(f, &length))
        same(f, ss_message_put_length(again, length));
    if (ss_message_get_name(f, name)) {
        must(ss_message_name_ok(name));
        same(f, ss_message_put_name(again, name));
    }
    if (ss_message_get_freshness(f, &freshness))
        same(f, ss_message_put_freshness(again, &freshness));
}

static void answers(const struct ss_frame *f)
{
    struct ss_sealer_delivery delivery;
    struct ss_message_refusal refusal;
    struct ss_message_bytes bytes;
    struct ss_sealer_upload upload;
    struct ss_message_fresh fresh;
    static struct ss_sealer_device list[SS_MESSAGE_DEVICES_MAX];
    struct ss_message_devices devices = {.devices = list};
    if (ss_message_get_delivery(f, &delivery))
        same(f, ss_message_put_delivery(again, &delivery));
    if (ss_message_get_refusal(f, &refusal))
        same(f, ss_message_put_refusal(again, refusal.status, refusal.text));
    if (ss_message_get_bytes(f, &bytes))
        must(bytes.len <= SS_SEALER_RUN_MAX && (!bytes.bytes || bytes.bytes + bytes.len == f->payload + f->len));
    if (ss_message_get_upload(f, &upload))
        same(f, ss_message_put_upload(again, &upload));
    if (ss_message_get_fresh(f, &fresh))
        same(f, ss_message_put_fresh(again, &fresh));
    if (ss_message_get_devices(f, &devices))
        same(f, ss_message_put_devices(again, &devices));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    int sockets[2], memory;
    struct ss_channel *channel;
    struct ss_frame frame;
    size_t used = 0;
    // As one message, whatever its head would be.
    frame = (struct ss_frame){.payload = data, .len = len < SS_CHANNEL_PAYLOAD_MAX ? len : SS_CHANNEL_PAYLOAD_MAX};
    requests(&frame);
    answers(&frame);
    // And as a stream, in two pieces.
    must(ss_channel_pair(1, sockets, &memory, NULL) == SS_OK);
    must(ss_channel_local(sockets[0], memory, &channel, NULL) == SS_OK);
    for (size_t sent = 0, n; sent < len && sent < 100000; sent += n) {
        n = sent || len < 2 ? len - sent : len / 2;
        if (n > 50000)
            n = 50000;
        must(send(sockets[1], data + sent, n, MSG_NOSIGNAL) == (ssize_t)n);
        ss_status_t status = SS_OK;
        while (status == SS_OK) {
            status = ss_channel_receive(channel, &frame, NULL);
            if (status != SS_OK)
                break;
            must(frame.type >= SS_FRAME_HELLO && frame.type < SS_FRAME_TYPES && frame.len <= SS_CHANNEL_PAYLOAD_MAX);
            used += SS_CHANNEL_HEADER + frame.len;
            must(used <= len);
            requests(&frame);
            answers(&frame);
        }
        must(status == SS_ERROR_TIMEOUT || status == SS_ERROR_DATA_INVALID);
        if (status == SS_ERROR_DATA_INVALID)
            break;
    }
    close(sockets[1]);
    ss_channel_free(channel);
    return 0;
}
