// SPDX-License-Identifier: Apache-2.0
// Images as they run: through the decrypting path, and by their canonical digest.
#include <string.h>

#include "core/bytes.h"
#include "device/agent_parts.h"
#include "slotseal/image.h"

#define UNIT 16u ///< of reading through the decrypting path

static ss_status_t digest_image(struct ss_agent *a, uint32_t address, uint32_t image_len, uint32_t vk_offset,
                                uint8_t digest[SS_CANONICAL_DIGEST_SIZE])
{
    ss_status_t status = ss_canonical_init(&a->hash.image, image_len, vk_offset);
    for (uint32_t at = 0; status == SS_OK && at < image_len; at += SS_AGENT_PIECE) {
        uint32_t len = image_len - at < SS_AGENT_PIECE ? image_len - at : SS_AGENT_PIECE;
        status = a->port->read_plain(a->context, address + at, a->room.in.piece, len);
        if (status == SS_OK)
            status = ss_canonical_update(&a->hash.image, a->room.in.piece, len);
    }
    if (status == SS_OK)
        return ss_canonical_finish(&a->hash.image, digest);
    ss_canonical_abort(&a->hash.image);
    return status;
}

static bool no_image(ss_status_t status)
{
    return status == SS_ERROR_DATA_INVALID || status == SS_ERROR_INVALID_ARGUMENT;
}

ss_status_t ss_agent_check_image(struct ss_agent *a)
{
    uint8_t digest[SS_CANONICAL_DIGEST_SIZE];
    ss_status_t status = digest_image(a, a->address, a->image_len, a->vk_offset, digest);
    if (no_image(status))
        return ss_agent_failed(a, SS_ERROR_DATA_CORRUPT, SS_CAUSE_DIGEST);
    if (status != SS_OK)
        return ss_agent_ended(a, status, SS_CAUSE_FLASH);
    if (memcmp(digest, a->digest, sizeof digest) != 0)
        return ss_agent_failed(a, SS_ERROR_DATA_CORRUPT, SS_CAUSE_DIGEST);
    return SS_OK;
}

// The length of the data of the segment whose header is at @p offset, a multiple of 4.
static ss_status_t segment_len(struct ss_agent *a, uint32_t address, uint32_t offset, uint32_t *len)
{
    uint8_t line[2 * UNIT];
    uint32_t from = offset / UNIT * UNIT;
    ss_status_t status = a->port->read_plain(a->context, address + from, line, sizeof line);
    *len = status == SS_OK ? ss_get_le32(line + (offset - from) + 4) : 0;
    return status;
}

// How long the image at @p address is, through its appended hash.
static ss_status_t measure(struct ss_agent *a, uint32_t address, uint32_t size, uint32_t *image_len)
{
    uint8_t header[2 * UNIT];
    uint32_t end = SS_IMAGE_HEADER_SIZE, len;
    ss_status_t status = a->port->read_plain(a->context, address, header, sizeof header);
    if (status != SS_OK)
        return status;
    if (header[0] != SS_IMAGE_MAGIC || header[1] == 0 || header[1] > SS_IMAGE_MAX_SEGMENTS)
        return SS_ERROR_DATA_INVALID;
    for (unsigned i = 0; i < header[1]; i++) {
        if (!ss_range_ok(end, 2 * UNIT, size))
            return SS_ERROR_DATA_INVALID;
        status = segment_len(a, address, end, &len);
        if (status != SS_OK)
            return status;
        end += SS_IMAGE_SEGMENT_HEADER_SIZE;
        if (!ss_range_ok(end, len, size))
            return SS_ERROR_DATA_INVALID;
        end += len;
    }
    // The checksum is the last byte of a line.
    end = (end / UNIT + 1) * UNIT + (header[SS_IMAGE_HEADER_SIZE - 1] ? SS_IMAGE_HASH_SIZE : 0);
    *image_len = end;
    return end <= size ? SS_OK : SS_ERROR_DATA_INVALID;
}

ss_status_t ss_agent_running_digest(struct ss_agent *agent, uint8_t digest[SS_CANONICAL_DIGEST_SIZE])
{
    const struct ss_agent_identity *id = agent->identity;
    uint32_t address = id->slots[id->running].address, image_len;
    agent->cause = SS_CAUSE_NONE;
    if (agent->receiving)
        return ss_agent_ended(agent, SS_ERROR_BAD_STATE, SS_CAUSE_ORDER);
    ss_status_t status = measure(agent, address, id->slots[id->running].size, &image_len);
    if (status == SS_OK)
        status = digest_image(agent, address, image_len, id->vk_offset, digest);
    if (no_image(status))
        return ss_agent_ended(agent, SS_ERROR_DATA_INVALID, SS_CAUSE_IMAGE);
    return status == SS_OK ? SS_OK : ss_agent_ended(agent, status, SS_CAUSE_FLASH);
}
