// SPDX-License-Identifier: Apache-2.0
#include "slotseal/seal.h"

#include <string.h>

#include "core/crypto.h"
#include "core/seal_parts.h"
#include "slotseal/content.h"
#include "slotseal/flash_cipher.h"
#include "slotseal/flash_xts.h"

static ss_status_t crypt_esp32(const struct ss_seal_params *params, bool seal, const uint8_t *in, uint8_t *out,
                               size_t len, struct ss_error *err)
{
    struct ss_flash_cipher cipher;
    ss_status_t status = ss_flash_cipher_init(&cipher, params->key, params->key_len, params->crypt_config, err);
    if (status == SS_OK && seal)
        status = ss_flash_cipher_seal(&cipher, params->address, in, out, len, err);
    else if (status == SS_OK)
        status = ss_flash_cipher_unseal(&cipher, params->address, in, out, len, err);
    ss_flash_cipher_wipe(&cipher);
    return status;
}

static ss_status_t crypt_xts(const struct ss_seal_params *params, bool seal, const uint8_t *in, uint8_t *out,
                             size_t len, struct ss_error *err)
{
    struct ss_flash_xts cipher;
    ss_status_t status = ss_flash_xts_init(&cipher, params->key, params->key_len, err);
    if (status == SS_OK && seal)
        status = ss_flash_xts_seal(&cipher, params->address, in, out, len, err);
    else if (status == SS_OK)
        status = ss_flash_xts_unseal(&cipher, params->address, in, out, len, err);
    ss_flash_xts_wipe(&cipher);
    return status;
}

static ss_status_t apply_cipher(const struct ss_seal_params *params, bool seal, const uint8_t *in, uint8_t *out,
                                size_t len, struct ss_error *err)
{
    if (ss_seal_chip(params)->scheme == SS_FLASH_SCHEME_ESP32)
        return crypt_esp32(params, seal, in, out, len, err);
    return crypt_xts(params, seal, in, out, len, err);
}

/// Seals the whole blocks of @p in, then the padding with what is left in front of it: so that nothing is written to
/// @p out before the cipher has accepted key and range, also when out is not in.
static ss_status_t seal_padded(const struct ss_seal_params *params, const uint8_t *in, size_t len, uint8_t *out,
                               size_t padded_len, struct ss_error *err)
{
    uint8_t tail[SS_SEAL_MAX_PAD];
    size_t whole = len / SS_SEAL_BLOCK * SS_SEAL_BLOCK;
    size_t tail_len = padded_len - whole;
    struct ss_seal_params end = *params;

    end.address += (uint32_t)whole;
    memset(tail, 0xFF, sizeof tail);
    memcpy(tail, in + whole, len - whole);
    ss_status_t status = apply_cipher(&end, true, tail, tail, tail_len, err);
    if (status == SS_OK)
        status = apply_cipher(params, true, in, out, whole, err);
    if (status == SS_OK)
        memcpy(out + whole, tail, tail_len);
    ss_wipe(tail, sizeof tail);
    return status;
}

ss_status_t ss_seal(const struct ss_seal_params *params, const uint8_t *in, size_t len, uint8_t *out, size_t size,
                    size_t *out_len, struct ss_seal_report *report, struct ss_error *err)
{
    struct ss_seal_report own;
    if (!report)
        report = &own;

    *out_len = 0;
    ss_status_t status = ss_seal_check(params, in, len, report, err);
    if (status != SS_OK)
        return status;
    if (size < report->padded_len) {
        *out_len = report->padded_len;
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_SEAL, "output holds %zu bytes, %zu are needed",
                            size, report->padded_len);
    }
    status = seal_padded(params, in, len, out, report->padded_len, err);
    if (status == SS_OK)
        *out_len = report->padded_len;
    return status;
}

/// Statuses of the content checks that mean the same for the caller of ss_unseal(): this is not what was sealed.
static ss_status_t refuse_result(const struct ss_seal_params *params, const uint8_t *out, size_t len,
                                 ss_status_t status, struct ss_error *err)
{
    bool esp32 = ss_seal_chip(params)->scheme == SS_FLASH_SCHEME_ESP32;
    if (ss_content_classify(out, len) == SS_CONTENT_NOISE || status == SS_ERROR_DATA_INVALID)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SEAL,
                            "result is no %s: wrong flash key%s not sealed at all", ss_seal_kind_name(params->kind),
                            esp32 ? ", address or FLASH_CRYPT_CONFIG, or" : " or address, or");
    return ss_error_prefix(err, status, "result");
}

ss_status_t ss_unseal(const struct ss_seal_params *params, const uint8_t *in, size_t len, uint8_t *out, size_t size,
                      size_t *out_len, struct ss_seal_report *report, struct ss_error *err)
{
    struct ss_seal_params place = *params;
    struct ss_seal_report own;
    if (!report)
        report = &own;

    *out_len = 0;
    *report = (struct ss_seal_report){.plaintext_len = len};
    place.pad_unit = SS_SEAL_BLOCK;
    ss_status_t status = ss_seal_check_place(&place, len, &report->padded_len, err);
    if (status != SS_OK)
        return status;
    if (report->padded_len != len)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SEAL,
                            "sealed data is %zu bytes, not a multiple of 16: cut off, or signed after sealing", len);
    if (size < len) {
        *out_len = len;
        return ss_error_set(err, SS_ERROR_BUFFER_TOO_SMALL, SS_AREA_SEAL, "output holds %zu bytes, %zu are needed",
                            size, len);
    }
    status = apply_cipher(params, false, in, out, len, err);
    if (status != SS_OK)
        return status;
    status = ss_seal_check_content(params, out, len, report, err);
    if (status != SS_OK) {
        status = refuse_result(params, out, len, status, err);
        ss_wipe(out, len);
        return status;
    }
    *out_len = len;
    return SS_OK;
}
