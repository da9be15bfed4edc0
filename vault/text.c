// SPDX-License-Identifier: Apache-2.0
// Names, texts and the time.
#include <string.h>
#include <time.h>

#include "vault/internal.h"

int64_t ss_vault_now(void)
{
    return (int64_t)time(NULL);
}

bool ss_vault_name_ok(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = name ? strspn(name, allowed) : 0;
    return len >= 1 && len < SS_VAULT_NAME_SIZE && name[len] == '\0';
}

ss_status_t ss_vault_check_name(const char *what, const char *name, struct ss_error *err)
{
    if (ss_vault_name_ok(name))
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                        "the %s has to be 1 to %d characters of A-Z a-z 0-9 . _ -", what, SS_VAULT_NAME_SIZE - 1);
}

/// Bytes of the UTF-8 character at @p p, 0 if it is none; overlong forms and surrogates are none (RFC 3629).
static size_t character(const unsigned char *p)
{
    static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    if (len <= 1)
        return len;
    unsigned code = p[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        code = code << 6 | (p[i] & 0x3Fu);
    }
    return code >= smallest[len] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF) ? len : 0;
}

ss_status_t ss_vault_check_text(const char *what, const char *text, size_t max, struct ss_error *err)
{
    size_t len = strlen(text), n = 1;
    if (len > max)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the %s has %zu bytes, at most %zu", what,
                            len, max);
    for (const unsigned char *p = (const unsigned char *)text; *p && n; p += n)
        n = character(p);
    if (!n)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the %s is not UTF-8", what);
    return SS_OK;
}
