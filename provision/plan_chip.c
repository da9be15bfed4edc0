// SPDX-License-Identifier: Apache-2.0
// espefuse and esptool in a rehearsal: what they do to the chip.
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crypto.h"
#include "provision/plan_internal.h"
#include "slotseal/secure_boot_v2.h"

static bool harmless(const char *verb)
{
    static const char *const verbs[] = {"summary",     "dump",       "get_custom_mac",    "adc_info",
                                        "check_error", "read_flash", "verify_flash",      "flash_id",
                                        "read_mac",    "chip_id",    "read_flash_status", "image_info",
                                        "run",         "version",    "read_mem",          "dump_mem",
                                        "merge_bin",   "elf2image",  "read_reg",          "get_security_info"};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(verbs[i], verb))
            return true;
    return false;
}

static ss_status_t not_modelled(struct rehearsal *r, const struct plan_command *c, const char *tool)
{
    return harmless(c->verb) || !*c->verb ? SS_OK : plan_not_modelled(r, c, tool, c->verb);
}

/// After UART_DOWNLOAD_DIS nothing is reached, from revision 3 on; said at the first command that tries. A chip of
/// unknown revision is taken for an older one in what follows.
static bool locked_out(struct rehearsal *r, const struct plan_command *c)
{
    const unsigned *revision = r->options->revision;
    if (!ss_efuse_get_name(&r->silicon, "UART_DOWNLOAD_DIS") || (revision && *revision < 300))
        return false;
    if (!ss_doctor_find(r->out, SS_DOCTOR_PLAN_LOCKED_OUT)) {
        struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_LOCKED_OUT, SS_DOCTOR_STOPS);
        f->certain = revision != NULL;
        finding_seen(f, "%s, after UART_DOWNLOAD_DIS was burned%s", c->verb,
                     revision ? ""
                              : "; it works from chip revision 3.0 on, and which one this is was not said (--rev)");
        finding_repair(f, SS_REPAIR_NONE, "burn UART_DOWNLOAD_DIS last, or not at all");
    }
    return revision != NULL;
}

// espefuse

static unsigned block_of(const char *name, bool *reversed)
{
    static const struct {
        const char *name;
        unsigned block;
        bool reversed;
    } names[] = {
        {"flash_encryption", 1, true}, {"secure_boot_v1", 2, true},  {"BLOCK1", 1, false},
        {"BLOCK2", 2, false},          {"secure_boot_v2", 2, false}, {"BLOCK3", 3, false},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].name, name)) {
            *reversed = names[i].reversed;
            return names[i].block;
        }
    return 0;
}

static void burn_field(struct rehearsal *r, const struct plan_command *c, const char *name, uint32_t value)
{
    struct ss_error why = {0};
    if (ss_efuse_burn(&r->silicon, ss_efuse_field_find(name), value, &why) != SS_OK)
        plan_refused(r, c, why.message);
}

static void protect(struct rehearsal *r, const struct plan_command *c, const char *mask, int bit)
{
    if (bit >= 0)
        burn_field(r, c, mask, ss_efuse_get_name(&r->silicon, mask) | 1u << bit);
}

static ss_status_t burn_key_file(struct rehearsal *r, const struct plan_command *c, const char *name, const char *path)
{
    bool reversed;
    uint32_t words[8];
    struct ss_error why = {0};
    unsigned block = block_of(name, &reversed);
    if (!block) {
        plan_refused(r, c, "no such key block (BLK1 and BLK2 of esptool 2.x: flash_encryption, secure_boot_v1)");
        return SS_OK;
    }
    struct plan_file *key = plan_file_get(r, path, FILE_FLASH_KEY);
    if (!key)
        return r->err->status;
    ss_status_t status = SS_OK;
    if (reversed)
        status = ss_efuse_key_to_words(key->data, key->len, ss_efuse_coding(&r->silicon), words, &why);
    else if (key->len != 32)
        status = ss_error_set(&why, SS_ERROR_INVALID_ARGUMENT, SS_AREA_EFUSE, "key is %zu bytes, must be 32", key->len);
    for (unsigned i = 0; status == SS_OK && !reversed && i < 8; i++)
        words[i] = ss_get_le32(key->data + 4 * i);
    for (unsigned i = 0; status == SS_OK && i < 8; i++)
        if (r->silicon.words[ss_efuse_block_start(block) + i] & ~words[i])
            status = ss_error_set(&why, SS_ERROR_NOT_PERMITTED, SS_AREA_EFUSE, "%s holds another key already", name);
    if (status == SS_OK)
        status = ss_efuse_burn_block(&r->silicon, block, words, &why);
    ss_wipe(words, sizeof words);
    if (status != SS_OK) {
        plan_refused(r, c, why.message);
        return SS_OK;
    }
    if (plan_option(c, "no_protect_key"))
        return SS_OK;
    if (reversed)
        protect(r, c, "RD_DIS", (int)block - 1);
    protect(r, c, "WR_DIS", (int)block + 6);
    return SS_OK;
}

static ss_status_t burn_key(struct rehearsal *r, const struct plan_command *c)
{
    ss_status_t status = SS_OK;
    if (c->operand_count == 0 || c->operand_count % 2)
        plan_refused(r, c, "needs a block and a file");
    for (unsigned i = 0; status == SS_OK && i + 1 < c->operand_count; i += 2)
        status = burn_key_file(r, c, c->operand[i], c->operand[i + 1]);
    return status;
}

/// What espefuse lets pass of a field and its new value; NULL: nothing wrong.
static const char *value_wrong(const struct ss_efuse_field *field, const char *text, uint32_t *value)
{
    *value = 1;
    if (!field)
        return "no such eFuse";
    if (!text)
        return field->length == 1 ? NULL : "needs a value (esptool 2.x took the next one)";
    if (field->length > 32 || !plan_number(text, value))
        return "not a number";
    return field->length == 1 && *value != 1 ? "a bit can only be burned to 1" : NULL;
}

static ss_status_t burn_efuse(struct rehearsal *r, const struct plan_command *c)
{
    if (c->operand_count > 1 && c->operand_count % 2) {
        plan_refused(r, c, "takes pairs of name and value");
        return SS_OK;
    }
    for (unsigned i = 0; i < c->operand_count; i += 2) {
        uint32_t value;
        const struct ss_efuse_field *field = ss_efuse_field_find(c->operand[i]);
        const char *text = i + 1 < c->operand_count ? c->operand[i + 1] : NULL;
        const char *why = value_wrong(field, text, &value);
        if (why) {
            plan_refused(r, c, why);
            return SS_OK;
        }
        burn_field(r, c, field->name, value);
    }
    return SS_OK;
}

/// The digest of a V2 key, readable: only write-protected.
static ss_status_t burn_key_digest(struct rehearsal *r, const struct plan_command *c)
{
    uint8_t digest[32];
    uint32_t words[8];
    struct ss_error why = {0};
    struct plan_file *key = plan_file_get(r, c->operand[0], FILE_SIGNING_KEY_V2);
    if (!key)
        return r->err->status;
    if (!key->key || ss_signing_key_type(key->key) != SS_KEY_RSA3072) {
        plan_refused(r, c, "the key file holds no RSA-3072 key");
        return SS_OK;
    }
    ss_status_t status = ss_secure_boot_v2_key_digest(key->key, digest, r->err);
    if (status != SS_OK)
        return status;
    for (unsigned i = 0; i < 8; i++)
        words[i] = ss_get_le32(digest + 4 * i);
    if (r->options->revision && *r->options->revision < 300)
        plan_refused(r, c, "secure boot V2 needs chip revision 3.0");
    else if (ss_efuse_coding(&r->silicon) != SS_EFUSE_CODING_NONE)
        plan_refused(r, c, "BLOCK2 cannot hold a digest with 3/4 coding");
    else if (ss_efuse_burn_block(&r->silicon, 2, words, &why) != SS_OK)
        plan_refused(r, c, why.message);
    else if (!plan_option(c, "no_protect_key"))
        protect(r, c, "WR_DIS", 8);
    return SS_OK;
}

static ss_status_t protect_efuse(struct rehearsal *r, const struct plan_command *c)
{
    bool reading = c->verb[0] == 'r';
    for (unsigned i = 0; i < c->operand_count; i++) {
        bool reversed;
        unsigned block = block_of(c->operand[i], &reversed);
        const struct ss_efuse_field *field = ss_efuse_field_find(c->operand[i]);
        if (block)
            protect(r, c, reading ? "RD_DIS" : "WR_DIS", reading ? (int)block - 1 : (int)block + 6);
        else if (field && (reading ? field->rd_dis : field->wr_dis) >= 0)
            protect(r, c, reading ? "RD_DIS" : "WR_DIS", reading ? field->rd_dis : field->wr_dis);
        else
            plan_refused(r, c, "no such eFuse, or nothing protects it");
    }
    return SS_OK;
}

ss_status_t plan_espefuse(struct rehearsal *r, const struct plan_command *c)
{
    if (!harmless(c->verb) && locked_out(r, c))
        return SS_OK;
    if (!strcmp(c->verb, "burn_key"))
        return burn_key(r, c);
    if (!strcmp(c->verb, "burn_efuse"))
        return burn_efuse(r, c);
    if (!strcmp(c->verb, "burn_key_digest"))
        return burn_key_digest(r, c);
    if (!strcmp(c->verb, "read_protect_efuse") || !strcmp(c->verb, "write_protect_efuse"))
        return protect_efuse(r, c);
    return not_modelled(r, c, "espefuse");
}

// esptool

/// Flash parameters given to write_flash go into the header of a bootloader that is written in plaintext.
static void header(struct rehearsal *r, const struct plan_command *c, uint32_t address, const struct plan_file *file)
{
    const char *size = plan_option(c, "flash_size"), *mode = plan_option(c, "flash_mode");
    const char *freq = plan_option(c, "flash_freq");
    bool keeps =
        (!size || !strcmp(size, "keep")) && (!mode || !strcmp(mode, "keep")) && (!freq || !strcmp(freq, "keep"));
    if (keeps || address != BOOTLOADER_ADDRESS || file->sealed || !r->digest_made)
        return;
    struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_HEADER, SS_DOCTOR_RISK);
    finding_seen(f, "%s goes to 0x1000 with flash parameters of the command line, after its digest was made",
                 file->name);
    finding_repair(f, SS_REPAIR_NONE, "set all three to keep");
}

static ss_status_t write_one(struct rehearsal *r, const struct plan_command *c, uint32_t address, const char *name)
{
    struct plan_file *file = plan_file_get(r, name, plan_kind(r, address, name));
    struct ss_crypt_count count;
    if (!file)
        return r->err->status;
    ss_efuse_crypt_count(&r->silicon, &count);
    if (count.enabled && ss_efuse_get_name(&r->silicon, "DISABLE_DL_ENCRYPT") && !plan_option(c, "force")) {
        plan_refused(
            r, c, "esptool refuses to write while encryption is on and DISABLE_DL_ENCRYPT is burned, but with --force");
        return SS_OK;
    }
    if (!ss_range_ok(address, file->len, PLAN_FLASH)) {
        plan_refused(r, c, "beyond 16 MiB");
        return SS_OK;
    }
    header(r, c, address, file);
    if (file->sealed && file->sealed_line && file->sealed_for != address) {
        struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_ADDRESS, SS_DOCTOR_STOPS);
        finding_seen(f, "%s was sealed for 0x%x in line %u and is written to 0x%x", file->name,
                     (unsigned)file->sealed_for, file->sealed_line, (unsigned)address);
        finding_repair(f, SS_REPAIR_NONE, "encrypt_flash_data --address 0x%x", (unsigned)address);
    }
    if (address == r->profile.table_offset && file->kind == FILE_TABLE && !file->is_signed &&
        r->profile.secure_boot == SS_PROFILE_SECURE_BOOT_V1) {
        struct ss_doctor_finding *f = plan_finding(r, c, SS_DOCTOR_PLAN_TABLE_UNSIGNED, SS_DOCTOR_RISK);
        finding_seen(f, "%s has no signature", file->name);
        finding_repair(f, SS_REPAIR_NONE, "sign it before it is encrypted, if ESP-IDF is older than v3.1");
    }
    size_t end = (address + file->len + 0xFFF) & ~(size_t)0xFFF;
    memset(r->flash + (address & ~0xFFFu), 0xFF, end - (address & ~0xFFFu));
    memcpy(r->flash + address, file->data, file->len);
    return SS_OK;
}

static ss_status_t write_flash(struct rehearsal *r, const struct plan_command *c)
{
    ss_status_t status = SS_OK;
    uint32_t address;
    if (plan_option(c, "encrypt encrypt_files"))
        return plan_not_modelled(r, c, "esptool write_flash", "--encrypt");
    if (plan_option(c, "compress") && plan_option(c, "no_compress"))
        plan_refused(r, c, "--compress and --no-compress exclude each other");
    if (plan_option(c, "erase_all"))
        memset(r->flash, 0xFF, PLAN_FLASH);
    if (c->operand_count == 0 || c->operand_count % 2)
        plan_refused(r, c, "needs addresses and files");
    for (unsigned i = 0; status == SS_OK && i + 1 < c->operand_count; i += 2) {
        if (plan_number(c->operand[i], &address))
            status = write_one(r, c, address, c->operand[i + 1]);
        else
            plan_refused(r, c, "not a flash address");
    }
    return status;
}

static ss_status_t erase_region(struct rehearsal *r, const struct plan_command *c)
{
    uint32_t address, size;
    if (c->operand_count == 2 && plan_number(c->operand[0], &address) && plan_number(c->operand[1], &size) &&
        address % 4096 == 0 && size % 4096 == 0 && ss_range_ok(address, size, PLAN_FLASH))
        memset(r->flash + address, 0xFF, size);
    else
        plan_refused(r, c, "address and size are multiples of 4096");
    return SS_OK;
}

ss_status_t plan_esptool(struct rehearsal *r, const struct plan_command *c)
{
    if (!harmless(c->verb) && locked_out(r, c))
        return SS_OK;
    if (!strcmp(c->verb, "write_flash"))
        return write_flash(r, c);
    if (!strcmp(c->verb, "erase_flash")) {
        memset(r->flash, 0xFF, PLAN_FLASH);
        return SS_OK;
    }
    if (!strcmp(c->verb, "erase_region"))
        return erase_region(r, c);
    return not_modelled(r, c, "esptool");
}
