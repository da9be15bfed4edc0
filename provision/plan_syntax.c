// SPDX-License-Identifier: Apache-2.0
// Which options and operands a command takes: what esptool 4.x or 5.x takes, as either reads it. Commands that are not
// listed are not modelled, and their words are left as they are.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "provision/plan_internal.h"

enum { ANY = PLAN_WORDS };

/// Options, separated by spaces: names joined by commas, then `:a|b` if only these values are taken, and then, in any
/// order, '.' a switch, '+' takes all words up to the next option, '?' the value may be missing, '!' required.
struct syntax {
    int tool;
    const char *verb; ///< NULL: the options before the verb
    const char *options;
    unsigned min, max; ///< operands
};

#define CONNECTION "chip,c port,p baud,b before:default_reset|usb_reset|no_reset|no_reset_no_sync "
#define FLASH                                                                                                          \
    "flash_size,fs:detect|keep|256KB|512KB|1MB|2MB|2MB_c1|4MB|4MB_c1|8MB|16MB|32MB|64MB|128MB "                        \
    "flash_mode,fm:keep|qio|qout|dio|dout "                                                                            \
    "flash_freq,ff:keep|80m|60m|48m|40m|30m|26m|24m|20m|16m|15m|12m spi_connection,sc flash_type,ft:nor|nand "

static const struct syntax table[] = {
    {TOOL_ESPSECURE, NULL, "", 0, 0},
    {TOOL_ESPSECURE, "generate_flash_encryption_key", "keylen,l", 1, 1},
    {TOOL_ESPSECURE, "generate_signing_key", "version,v:1|2 scheme,s:rsa3072|ecdsa192|ecdsa256|ecdsa384", 1, 1},
    {TOOL_ESPSECURE, "extract_public_key", "version,v:1|2 keyfile,k!", 1, 1},
    {TOOL_ESPSECURE, "sign_data",
     "version,v:1|2! keyfile,k+ output,o append_signatures,a. hsm. hsm_config pub_key+ signature+ skip_padding.", 1, 1},
    {TOOL_ESPSECURE, "verify_signature", "version,v:1|2! keyfile,k hsm. hsm_config skip_padding.", 1, 1},
    {TOOL_ESPSECURE, "encrypt_flash_data", "keyfile,k! output,o! address,a! flash_crypt_conf aes_xts,x.", 1, 1},
    {TOOL_ESPSECURE, "decrypt_flash_data", "keyfile,k! output,o! address,a! flash_crypt_conf aes_xts,x.", 1, 1},
    {TOOL_ESPSECURE, "digest_secure_bootloader", "keyfile,k! output,o iv", 1, 1},
    {TOOL_ESPSECURE, "digest_private_key", "keyfile,k! keylen,l", 1, 1},
    {TOOL_ESPSECURE, "digest_sbv2_public_key", "keyfile,k! output,o!", 0, 0},
    {TOOL_ESPSECURE, "signature_info_v2", "", 1, 1},
    {TOOL_SLOTSEAL, NULL, "", 0, 0},
    {TOOL_SLOTSEAL, "seal",
     "table,t slot,s address,a region:bootloader|table|otadata flash_key,k! chip crypt_config data. table_offset rules "
     "sign_key scheme:v1|v2 flash_size pad_to output,o dry_run,n. json.",
     1, 1},
    {TOOL_SLOTSEAL, "sign", "key,k! scheme:v1|v2 replace_verification_key append. output,o!", 1, 1},
    {TOOL_SLOTSEAL, "key_generate", "type,t! output,o!", 0, 0},
    {TOOL_SLOTSEAL, "otadata_build", "table! select! state output,o! table_offset rules chip", 0, 0},
    {TOOL_SLOTSEAL, "table_build", "output,o! table_offset rules flash_size secure:v1|v2 no_md5. chip", 1, 1},
    {TOOL_ESPEFUSE, NULL,
     CONNECTION "after,a debug,d. virt. path_efuse_file do_not_confirm. postpone. no_postpone. extend_efuse_table", 0,
     0},
    {TOOL_ESPEFUSE, "burn_key", "no_protect_key. force_write_always. show_sensitive_info.", 2, 12},
    {TOOL_ESPEFUSE, "burn_key_digest", "no_protect_key. force_write_always. show_sensitive_info.", 1, 1},
    {TOOL_ESPEFUSE, "burn_efuse", "force.", 1, ANY},
    {TOOL_ESPEFUSE, "burn_bit", "force_write_always.", 2, ANY},
    {TOOL_ESPEFUSE, "burn_block_data", "force_write_always. offset,o", 2, ANY},
    {TOOL_ESPEFUSE, "burn_custom_mac", "force_write_always.", 1, 1},
    {TOOL_ESPEFUSE, "read_protect_efuse", "", 1, ANY},
    {TOOL_ESPEFUSE, "write_protect_efuse", "", 1, ANY},
    {TOOL_ESPEFUSE, "summary", "format:summary|json|value_only file", 0, ANY},
    {TOOL_ESPEFUSE, "dump", "format:default|split|joint file_name", 0, 0},
    {TOOL_ESPEFUSE, "check_error", "recovery.", 0, 0},
    {TOOL_ESPEFUSE, "get_custom_mac", "", 0, 0},
    {TOOL_ESPEFUSE, "adc_info", "", 0, 0},
    {TOOL_ESPEFUSE, "set_flash_voltage", "", 1, 1},
    {TOOL_ESPTOOL, NULL,
     CONNECTION
     "after,a:hard_reset|soft_reset|no_reset|no_reset_stub|watchdog_reset no_stub. stub_version:1|2 trace,t. "
     "verbose,v. silent,s. override_vddsdio:1.8V|1.9V|OFF? connect_attempts port_filter+",
     0, 0},
    {TOOL_ESPTOOL, "write_flash",
     FLASH "erase_all,e. no_progress,p. verify. encrypt. encrypt_files+ ignore_flash_encryption_efuse_setting. "
           "ignore_flash_enc_efuse. force. compress,z. no_compress,u. diff_with+ skip_flashed,s. trust_flash_content. "
           "nand_end_address",
     2, ANY},
    {TOOL_ESPTOOL, "verify_flash", FLASH "diff,d:yes|no?", 2, ANY},
    {TOOL_ESPTOOL, "erase_flash", FLASH "force.", 0, 0},
    {TOOL_ESPTOOL, "erase_region", FLASH "force.", 2, 2},
};

void plan_underscores(char *word)
{
    for (char *p = word; *p && *p != '='; p++)
        if (*p == '-' || *p == ' ')
            *p = '_';
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1];
}

static const struct syntax *find(int tool, const char *verb)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].tool == tool && (verb ? table[i].verb && !strcmp(table[i].verb, verb) : !table[i].verb))
            return &table[i];
    return NULL;
}

static bool is_verb(int tool, const char *word)
{
    char verb[40];
    if (strlen(word) >= sizeof verb)
        return false;
    strcpy(verb, word);
    plan_underscores(verb);
    return find(tool, verb) != NULL;
}

static void SS_PRINTF(2, 3) wrong(struct plan_command *c, const char *format, ...)
{
    va_list args;
    if (*c->wrong)
        return;
    va_start(args, format);
    vsnprintf(c->wrong, sizeof c->wrong, format, args);
    va_end(args);
}

/// One option of a syntax: its names [names, names_end), its values [values, end), flags behind them.
struct option {
    const char *names, *names_end, *values, *values_end, *flags, *end;
};

static bool next_option(const char **at, struct option *o)
{
    const char *p = *at + strspn(*at, " ");
    if (!*p)
        return false;
    o->end = p + strcspn(p, " ");
    o->names = p;
    o->names_end = p + strcspn(p, " :.+?!");
    o->values = o->values_end = o->flags = o->names_end;
    if (*o->names_end == ':') {
        o->values = o->names_end + 1;
        o->values_end = o->values;
        while (o->values_end < o->end && !(strchr("+?!", *o->values_end)))
            o->values_end++;
        o->flags = o->values_end;
    }
    *at = o->end;
    return true;
}

static bool has_flag(const struct option *o, char flag)
{
    return memchr(o->flags, flag, (size_t)(o->end - o->flags)) != NULL;
}

/// Whether @p word of @p len is one of the words in [list, end) that @p separator divides. *exact: not just a beginning.
static bool listed(const char *list, const char *end, char separator, const char *word, size_t len, bool *exact)
{
    bool begins = false;
    *exact = false;
    while (list < end) {
        const char *stop = memchr(list, separator, (size_t)(end - list));
        size_t n = (size_t)((stop ? stop : end) - list);
        if (n >= len && !memcmp(list, word, len)) {
            begins = true;
            *exact = *exact || n == len;
        }
        list += n + 1;
    }
    return begins;
}

/// The option called @p name; an unambiguous beginning of a long name counts, as argparse has it.
static bool find_option(const struct syntax *s, const char *name, bool is_long, struct option *out)
{
    struct option o;
    unsigned near = 0;
    bool exact;
    for (const char *at = s->options; next_option(&at, &o);) {
        if (!listed(o.names, o.names_end, ',', name, strlen(name), &exact))
            continue;
        if (exact || (is_long && strlen(name) > 1 && !near))
            *out = o;
        if (exact)
            return true;
        near++;
    }
    return is_long && strlen(name) > 1 && near == 1;
}

static bool is_value(const struct option *o, const char *word)
{
    char value[64];
    bool exact;
    if (o->values == o->values_end)
        return true;
    snprintf(value, sizeof value, "%s", word);
    for (char *p = value; *p; p++)
        if (*p == '-')
            *p = '_';
    return listed(o->values, o->values_end, '|', value, strlen(value), &exact) && exact;
}

static void keep(struct plan_command *c, const struct option *o, const char *value)
{
    if (c->option_count == PLAN_WORDS)
        return;
    c->option[c->option_count] = o->names;
    c->option_len[c->option_count] = strcspn(o->names, " ,:.+?!");
    c->value[c->option_count++] = value;
}

/// The option's first name as it is typed.
static const char *typed(const struct option *o, char out[40])
{
    snprintf(out, 40, "%.*s", (int)strcspn(o->names, " ,:.+?!"), o->names);
    for (char *p = out; *p; p++)
        if (*p == '_')
            *p = '-';
    return out;
}

/// The values behind an option; returns how many words they are.
static unsigned take_values(struct plan_command *c, const struct option *o, char *const *word, unsigned left)
{
    unsigned n = 0, most = has_flag(o, '+') ? left : 1;
    char name[40];
    while (n < most && n < left && !is_option(word[n]) && !(has_flag(o, '?') && !is_value(o, word[n])))
        keep(c, o, word[n++]);
    if (n == 0 && has_flag(o, '?'))
        keep(c, o, "");
    else if (n == 0)
        wrong(c, "--%s needs a value", typed(o, name));
    else if (!is_value(o, word[0]))
        wrong(c, "--%s takes %.*s, not %s", typed(o, name), (int)(o->values_end - o->values), o->values, word[0]);
    c->eats_all = c->eats_all || (has_flag(o, '+') && n > 1);
    return n;
}

/// "-a0x1000": the option's letter and its value in one word.
static bool take_joined(struct plan_command *c, const struct syntax *s, const char *word)
{
    struct option o;
    char letter[2] = {word[1], 0};
    if (word[1] == '-' || !word[2] || !find_option(s, letter, false, &o) || has_flag(&o, '.'))
        return false;
    keep(c, &o, word + 2);
    return true;
}

/// An option and its values; returns the number of words.
static unsigned take_option(struct plan_command *c, const struct syntax *s, char *const *word, unsigned left)
{
    char name[64];
    struct option o;
    bool is_long = word[0][1] == '-';
    const char *equals = strchr(word[0], '=');
    int len = equals ? (int)(equals - word[0]) : (int)strlen(word[0]);
    snprintf(name, sizeof name, "%.*s", len - 1 - is_long, word[0] + 1 + is_long);
    plan_underscores(name);
    if (!find_option(s, name, is_long, &o)) {
        if (!take_joined(c, s, word[0]))
            wrong(c, "there is no option %.*s", len, word[0]);
        return 1;
    }
    if (has_flag(&o, '.'))
        keep(c, &o, "");
    else if (equals)
        take_values(c, &o, (char *[]){(char *)(uintptr_t)(equals + 1)}, 1);
    else
        return 1 + take_values(c, &o, word + 1, left - 1);
    return 1;
}

unsigned plan_take_options(struct plan_command *c, char *const *word, unsigned left)
{
    const struct syntax *s = find(c->tool, NULL);
    unsigned n = 0;
    while (n < left && is_option(word[n]))
        n += take_option(c, s, word + n, left - n);
    return n;
}

static void check_complete(struct plan_command *c, const struct syntax *s)
{
    struct option o;
    for (const char *at = s->options; next_option(&at, &o);) {
        char name[40], shown[40];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(o.names, " ,:.+?!"), o.names);
        if (has_flag(&o, '!') && !plan_option(c, name))
            wrong(c, "needs --%s", typed(&o, shown));
    }
    if (c->operand_count < s->min && c->eats_all)
        wrong(c, "an option takes all words up to the next option, the file as well: give the file first");
    if (c->operand_count < s->min)
        wrong(c, "%u more needed behind it", s->min - c->operand_count);
    if (c->operand_count > s->max)
        wrong(c, "%s is one word too many", c->operand[s->max]);
}

unsigned plan_take_command(struct plan_command *c, char *const *word, unsigned left)
{
    const struct syntax *s = find(c->tool, c->verb);
    unsigned n = 0;
    bool only_operands = false;
    if (!s)
        return left;
    while (n < left) {
        if (!only_operands && !strcmp(word[n], "--")) {
            only_operands = true;
            n++;
        } else if (!only_operands && is_option(word[n])) {
            n += take_option(c, s, word + n, left - n);
        } else if (c->tool == TOOL_ESPEFUSE && c->operand_count >= s->min && is_verb(c->tool, word[n])) {
            break; // espefuse carries out several commands in one call
        } else {
            c->operand[c->operand_count++] = word[n++];
        }
    }
    check_complete(c, s);
    return n;
}
