// SPDX-License-Identifier: Apache-2.0
// Steps as commands of esptool, espefuse and espsecure (version 5), for people who want to see what is done.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "provision/procedure.h"
#include "provision/procedure_bits.h"

struct text {
    char *out;
    size_t size, len;
};

static void put(struct text *t, const char *format, ...) SS_PRINTF(2, 3);
static void put(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->out + t->len, t->size - t->len, format, args);
    va_end(args);
    if (n > 0)
        t->len = t->len + (size_t)n < t->size ? t->len + (size_t)n : t->size - 1;
}

static const char *block_name(const struct ss_step *s)
{
    return s->secret == SS_SECRET_FLASH_KEY         ? "BLOCK_KEY0"
           : s->secret == SS_SECRET_SECURE_BOOT_KEY ? "BLOCK_KEY1"
                                                    : "BLOCK2";
}

/// burn-key protects by itself unless told not to; here protecting is a step of its own.
static void put_key(struct text *t, const struct ss_step *s)
{
    if (s->secret == SS_SECRET_PUBLIC_DIGEST)
        put(t, "espefuse --port PORT burn-key-digest --no-protect-key public-key.pem\n");
    else
        put(t, "espefuse --port PORT burn-key --no-protect-key %s %s\n",
            s->secret == SS_SECRET_FLASH_KEY ? "flash_encryption" : "secure_boot_v1",
            s->secret == SS_SECRET_FLASH_KEY ? "flash-key.bin" : "secure-boot-key.bin");
    put(t, "espefuse --port PORT summary %s\n", block_name(s));
}

struct bit_name {
    unsigned word;
    uint32_t bit;
    const char *name;
};

static void put_fields(struct text *t, const struct ss_step *s)
{
    static const struct bit_name names[] = {
        {5, CRYPT_CONFIG, "FLASH_CRYPT_CONFIG 0xF"},   {0, CRYPT_COUNT, "FLASH_CRYPT_CNT 0x7F"},
        {0, UART_DOWNLOAD_DIS, "UART_DOWNLOAD_DIS 1"}, {6, ABS_DONE_0, "ABS_DONE_0 1"},
        {6, DL_ENCRYPT, "DISABLE_DL_ENCRYPT 1"},       {6, DL_DECRYPT, "DISABLE_DL_DECRYPT 1"},
        {6, DL_CACHE, "DISABLE_DL_CACHE 1"},           {6, JTAG, "JTAG_DISABLE 1"},
        {6, CONSOLE, "CONSOLE_DEBUG_DISABLE 1"},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if ((s->bits.words[names[i].word] & names[i].bit) != names[i].bit)
            continue;
        put(t, "%s%s", any ? " " : "espefuse --port PORT burn-efuse ", names[i].name);
        any = true;
    }
    if (any)
        put(t, "\n");
}

static void put_protection(struct text *t, const struct ss_step *s)
{
    uint32_t bits = s->bits.words[0];
    const char *block = bits & (WR_DIS_BLK1 | RD_DIS_BLK1) ? "BLOCK1" : "BLOCK2";
    if (bits & (RD_DIS_BLK1 | RD_DIS_BLK2))
        put(t, "espefuse --port PORT read-protect-efuse %s\n", block);
    if (bits & (WR_DIS_BLK1 | WR_DIS_BLK2))
        put(t, "espefuse --port PORT write-protect-efuse %s\n", block);
    if (bits & WR_DIS_CNT)
        put(t, "espefuse --port PORT write-protect-efuse FLASH_CRYPT_CNT\n");
}

/// The file that a part is on disk, as a user of the tools would name it.
static void put_file(struct text *t, const struct ss_part *part, bool sealed)
{
    put(t, "%s%s.bin", part->name, sealed ? ".sealed" : "");
}

static void put_write(struct text *t, const struct ss_procedure *p, const struct ss_part *part)
{
    bool sealed = p->options.kind == SS_PROCEDURE_HOST_SEALED && part->sealed;
    if (ss_part_is_erased(part)) {
        put(t, "esptool --port PORT erase-region 0x%x 0x%zx\n", (unsigned)part->address, part->len);
        return;
    }
    if (sealed) {
        put(t, "espsecure encrypt-flash-data --keyfile flash-key.bin --address 0x%x -o ", (unsigned)part->address);
        put_file(t, part, true);
        put(t, " ");
        put_file(t, part, false);
        put(t, "\n");
    }
    // Nothing of a header may be changed on the way: that would spoil digest, signature or ciphertext.
    put(t,
        "esptool --port PORT --after no-reset write-flash --flash-mode keep --flash-freq keep --flash-size keep "
        "0x%x ",
        (unsigned)part->address);
    put_file(t, part, sealed);
    put(t, "\n");
}

static void put_verify(struct text *t, const struct ss_procedure *p, const struct ss_parts *parts)
{
    put(t, "esptool --port PORT --after no-reset verify-flash");
    for (size_t i = 0; i < parts->count; i++) {
        const struct ss_part *part = &parts->parts[i];
        if (ss_part_is_erased(part))
            continue;
        put(t, " 0x%x ", (unsigned)part->address);
        put_file(t, part, p->options.kind == SS_PROCEDURE_HOST_SEALED && part->sealed);
    }
    put(t, "\n");
}

void ss_step_commands(const struct ss_procedure *procedure, const struct ss_parts *parts, size_t index, char *out,
                      size_t size)
{
    const struct ss_step *s = &procedure->steps[index];
    struct text t = {out, size, 0};
    out[0] = '\0';
    switch (s->kind) {
    case SS_STEP_KEY:
        put_key(&t, s);
        break;
    case SS_STEP_BURN:
        put_fields(&t, s);
        put_protection(&t, s);
        break;
    case SS_STEP_COUNT:
        put(&t, "espefuse --port PORT burn-efuse FLASH_CRYPT_CNT\n");
        break;
    case SS_STEP_WRITE:
        put_write(&t, procedure, &parts->parts[s->part]);
        break;
    case SS_STEP_VERIFY:
        put_verify(&t, procedure, parts);
        break;
    case SS_STEP_BOOT:
        put(&t, "esptool --port PORT --after hard-reset read-mac\n");
        break;
    case SS_STEP_CHECK:
        put(&t, "espefuse --port PORT summary\n");
        break;
    }
}
