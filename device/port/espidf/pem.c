// SPDX-License-Identifier: Apache-2.0
// Keys and certificates as PEM text: the one form that esp_http_client takes in every version, and several certificates in
// one text.
#include <mbedtls/pem.h>
#include <stdlib.h>
#include <string.h>

#include "core/crypto.h"
#include "device/port/espidf/idf.h"

#define BEGIN "-----BEGIN "

static bool is_pem(const struct ss_idf_blob *blob)
{
    return blob->len > sizeof BEGIN && memcmp(blob->p, BEGIN, sizeof BEGIN - 1) == 0 && blob->p[blob->len - 1] == '\0';
}

// Base64 in lines, and the two that frame them.
static size_t room_for(size_t der_len)
{
    return der_len * 3 / 2 + 128;
}

static ss_status_t append(struct ss_idf_blob *pem, const char *header, const char *footer, const uint8_t *der,
                          size_t len)
{
    size_t used = pem->len ? pem->len - 1 : 0, size = used + room_for(len), written;
    uint8_t *text = malloc(size);
    if (!text)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    if (used)
        memcpy(text, pem->p, used);
    if (mbedtls_pem_write_buffer(header, footer, der, len, text + used, size - used, &written) != 0) {
        ss_wipe(text, size);
        free(text);
        return SS_ERROR_GENERIC;
    }
    ss_idf_blob_free(pem);
    *pem = (struct ss_idf_blob){text, used + written};
    return SS_OK;
}

ss_status_t ss_idf_pem_append(struct ss_idf_blob *pem, const uint8_t *der, size_t len)
{
    return append(pem, "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", der, len);
}

static ss_status_t convert(struct ss_idf_blob *blob, const char *header, const char *footer)
{
    struct ss_idf_blob pem = {0};
    ss_status_t status = append(&pem, header, footer, blob->p, blob->len);
    if (status != SS_OK)
        return status;
    ss_idf_blob_free(blob);
    *blob = pem;
    return SS_OK;
}

ss_status_t ss_idf_certificate_to_pem(struct ss_idf_blob *certificate)
{
    if (is_pem(certificate))
        return SS_OK;
    if (certificate->len < 4 || certificate->p[0] != 0x30)
        return SS_ERROR_DATA_INVALID;
    return convert(certificate, "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n");
}

// The element behind the version says what kind of key it is: an octet string in RFC 5915, a sequence in RFC 5208 and
// 5958, an integer in RFC 8017 A.1.2. 0: no key.
static uint8_t second_tag(const struct ss_idf_blob *der)
{
    size_t at = 2;
    if (der->len < 8 || der->p[0] != 0x30)
        return 0;
    if (der->p[1] & 0x80)
        at += der->p[1] & 0x7F;
    return at + 4 <= der->len && der->p[at] == 0x02 && der->p[at + 1] == 1 ? der->p[at + 3] : 0;
}

ss_status_t ss_idf_key_to_pem(struct ss_idf_blob *key)
{
    if (is_pem(key))
        return SS_OK;
    switch (second_tag(key)) {
    case 0x04:
        return convert(key, "-----BEGIN EC PRIVATE KEY-----\n", "-----END EC PRIVATE KEY-----\n");
    case 0x30:
        return convert(key, "-----BEGIN PRIVATE KEY-----\n", "-----END PRIVATE KEY-----\n");
    case 0x02:
        return convert(key, "-----BEGIN RSA PRIVATE KEY-----\n", "-----END RSA PRIVATE KEY-----\n");
    default:
        return SS_ERROR_DATA_INVALID;
    }
}
