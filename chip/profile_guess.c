// SPDX-License-Identifier: Apache-2.0
// A profile from a bootloader's bytes. What options do to an image: each compiles in messages that nothing else has.
#include <ctype.h>
#include <string.h>

#include "chip/profile_text.h"
#include "slotseal/app_desc.h"
#include "slotseal/signing_key.h"

struct bytes {
    const uint8_t *p;
    size_t len;
};

static const uint8_t *find(const struct bytes *image, const char *what)
{
    return memmem(image->p, image->len, what, strlen(what));
}

static bool has(const struct bytes *image, const char *what)
{
    return find(image, what) != NULL;
}

/// Copies printable characters up to 32 of them; what follows has to end them as text ends in an image.
static bool copy_text(const struct bytes *image, const uint8_t *from, char out[33])
{
    size_t n = 0, room = (size_t)(image->p + image->len - from);
    while (n < 33 && n < room && isprint(from[n]))
        n++;
    if (n == 0 || n > 32)
        return false;
    memcpy(out, from, n);
    out[n] = 0;
    return true;
}

/// The first string that is a version and nothing else: "v4.0.1", "v3.2-dev-931-g6f5820814-dirty".
static void guess_version(const struct bytes *image, struct ss_boot_profile *p)
{
    char text[33];
    unsigned idf;
    for (size_t i = 1; i + 4 < image->len; i++) {
        const uint8_t *s = image->p + i;
        // v3 to v9, with a dot and a digit, at the beginning of a string.
        if (s[0] == 'v' && s[-1] == 0 && s[1] >= '3' && s[1] <= '9' && s[2] == '.' && isdigit(s[3]) &&
            copy_text(image, s, text) && !strchr(text, ' ') && ss_profile_idf_number(text, &idf)) {
            strcpy(p->idf_version, text);
            p->idf = idf;
            return;
        }
    }
}

static void guess_compile_time(const struct bytes *image, struct ss_boot_profile *p)
{
    static const char label[] = "compile time ";
    struct ss_bootloader_desc desc;
    char text[33];
    if (image->len > SS_DESC_OFFSET &&
        ss_bootloader_desc_parse(image->p + SS_DESC_OFFSET, image->len - SS_DESC_OFFSET, &desc) == SS_OK) {
        memcpy(p->compile_time, desc.date_time, sizeof desc.date_time);
        return;
    }
    const uint8_t *s = find(image, label);
    if (s && copy_text(image, s + sizeof label - 1, text) && text[0] != '%')
        strcpy(p->compile_time, text);
}

/// Random bytes have about 57 values in 64; code and text mostly fewer, and are not worth the arithmetic.
static bool looks_random(const uint8_t *p)
{
    bool seen[256] = {false};
    unsigned values = 0;
    for (size_t i = 0; i < SS_PROFILE_KEY_SIZE; i++) {
        values += !seen[p[i]];
        seen[p[i]] = true;
    }
    return values >= 44;
}

/// 64 bytes that are a point of the curve are one by no accident: the odds are 1 in 2^256.
static bool is_point(const uint8_t *p)
{
    ss_signing_key_t *key = NULL;
    if (!looks_random(p))
        return false;
    bool point = ss_signing_key_load_raw(p, &key, NULL) == SS_OK;
    ss_signing_key_free(key);
    return point;
}

static void guess_key(const struct bytes *image, struct ss_boot_profile *p)
{
    // Embedded files are aligned to words.
    for (size_t i = 0; i + SS_PROFILE_KEY_SIZE <= image->len; i += 4)
        if (is_point(image->p + i)) {
            memcpy(p->public_key, image->p + i, SS_PROFILE_KEY_SIZE);
            p->public_key_len = SS_PROFILE_KEY_SIZE;
            p->has_public_key = true;
            return;
        }
}

static void guess_options(const struct bytes *image, struct ss_boot_profile *p)
{
    if (has(image, "enabling secure boot v2..."))
        p->secure_boot = SS_PROFILE_SECURE_BOOT_V2;
    else if (has(image, "secure boot is now enabled") || has(image, "Generating new secure boot key"))
        p->secure_boot = SS_PROFILE_SECURE_BOOT_V1;
    p->signed_on_boot = has(image, "Verifying image signature");
    p->flash_encryption = has(image, "Checking flash encryption");
    p->release = has(image, "Write protecting FLASH_CRYPT_CNT") || has(image, "CRYPT_CNT for permanent encryption");
    p->require_encrypted = has(image, "SECURE_FLASH_REQUIRE_ALREADY_ENABLED");
    p->anti_rollback = has(image, "secure version of app for anti rollback");
    p->allow_jtag = has(image, "Not disabling JTAG");
    p->allow_basic = has(image, "Not disabling ROM BASIC");
    p->allow_dl_encrypt = has(image, "Not disabling UART bootloader encryption");
    p->allow_dl_decrypt = has(image, "Not disabling UART bootloader decryption");
    p->allow_dl_cache = has(image, "Not disabling UART bootloader MMU cache");
    p->unicore = has(image, "Unicore bootloader");
}

void ss_profile_guess(const uint8_t *data, size_t len, struct ss_boot_profile *profile)
{
    static const struct ss_boot_profile start = SS_BOOT_PROFILE_DEFAULT;
    struct bytes image = {data, len};
    *profile = start;
    profile->source = SS_PROFILE_GUESSED;
    guess_version(&image, profile);
    guess_compile_time(&image, profile);
    guess_options(&image, profile);
    if (profile->signed_on_boot && profile->secure_boot != SS_PROFILE_SECURE_BOOT_V2)
        guess_key(&image, profile);
    ss_profile_settle(profile);
}
