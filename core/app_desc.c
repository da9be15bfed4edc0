// SPDX-License-Identifier: Apache-2.0
#include "slotseal/app_desc.h"

#include <string.h>

#include "core/bytes.h"

// Fields in flash are padded with zeros, and unterminated when full.
static void get_string(char *out, const uint8_t *in, size_t size)
{
    memcpy(out, in, size);
    out[size] = 0;
    size_t used = strlen(out);
    memset(out + used, 0, size - used);
}

ss_status_t ss_app_desc_parse(const uint8_t *in, size_t len, struct ss_app_desc *out)
{
    memset(out, 0, sizeof *out);
    if (len < SS_APP_DESC_SIZE || ss_get_le32(in) != SS_APP_DESC_MAGIC)
        return SS_ERROR_DOES_NOT_EXIST;
    out->secure_version = ss_get_le32(in + 0x04);
    get_string(out->version, in + 0x10, 32);
    get_string(out->project_name, in + 0x30, 32);
    get_string(out->time, in + 0x50, 16);
    get_string(out->date, in + 0x60, 16);
    get_string(out->idf_version, in + 0x70, 32);
    memcpy(out->elf_sha256, in + SS_APP_DESC_ELF_SHA256_OFFSET, sizeof out->elf_sha256);
    out->min_efuse_blk_rev = ss_get_le16(in + 0xB0);
    out->max_efuse_blk_rev = ss_get_le16(in + 0xB2);
    out->mmu_page_log2 = in[0xB4];
    return SS_OK;
}

static bool printable(const uint8_t *in, size_t size)
{
    if (*in == 0)
        return false;
    for (size_t i = 0; i < size && in[i]; i++)
        if (in[i] < ' ' || in[i] > '~')
            return false;
    return true;
}

ss_status_t ss_bootloader_desc_parse(const uint8_t *in, size_t len, struct ss_bootloader_desc *out)
{
    memset(out, 0, sizeof *out);
    if (len < SS_BOOTLOADER_DESC_SIZE || in[0] != SS_BOOTLOADER_DESC_MAGIC || in[1] != 0 || in[2] != 0 ||
        !printable(in + 8, 32))
        return SS_ERROR_DOES_NOT_EXIST;
    out->secure_version = in[3];
    out->version = ss_get_le32(in + 4);
    get_string(out->idf_version, in + 8, 32);
    get_string(out->date_time, in + 0x28, 24);
    return SS_OK;
}
