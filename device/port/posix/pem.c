// SPDX-License-Identifier: Apache-2.0
#include "device/port/posix/pem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "-----BEGIN "
#define HEAD  "-----BEGIN CERTIFICATE-----\n"
#define TAIL  "-----END CERTIFICATE-----\n"
#define LINE  48u // bytes of 64 characters

bool ss_pem_is(const void *in, size_t len)
{
    return in && len > strlen(BEGIN) && memmem(in, len, BEGIN, strlen(BEGIN)) != NULL;
}

// Room for @p more characters and a NUL.
static bool grow(char **pem, size_t len, size_t more)
{
    char *longer = realloc(*pem, len + more + 1);
    if (longer)
        *pem = longer;
    return longer != NULL;
}

static char *put(char *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return out + len;
}

// RFC 7468 §2: Base64 in lines of 64 characters.
static char *put_base64(char *out, const uint8_t *in, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)in[i] << 16 | (n > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (n > 2 ? in[i + 2] : 0);
        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        *out++ = n > 1 ? digits[v >> 6 & 63] : '=';
        *out++ = n > 2 ? digits[v & 63] : '=';
        if ((i + 3) % LINE == 0 || i + 3 >= len)
            *out++ = '\n';
    }
    return out;
}

ss_status_t ss_pem_append(char **pem, size_t *pem_len, const void *in, size_t len)
{
    const uint8_t *p = in;
    bool text = ss_pem_is(in, len);
    if (!text && (len < 4 || p[0] != 0x30)) // a DER SEQUENCE
        return SS_ERROR_DATA_INVALID;
    while (text && len > 0 && p[len - 1] == 0)
        len--;
    if (!grow(pem, *pem_len, text ? len + 1 : sizeof HEAD + sizeof TAIL + len / 3 * 4 + 4 + len / LINE + 2))
        return SS_ERROR_INSUFFICIENT_MEMORY;
    char *out = *pem + *pem_len;
    if (text) {
        memcpy(out, p, len);
        out[len] = '\n';
        out += len + 1;
    } else {
        out = put(put_base64(put(out, HEAD), p, len), TAIL);
    }
    *out = 0;
    *pem_len = (size_t)(out - *pem);
    return SS_OK;
}
