// SPDX-License-Identifier: Apache-2.0
// eFuses of a real chip: shown, burned, protected.
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "commands.h"
#include "confirm.h"
#include "core/bytes.h"
#include "core/crypto.h"
#include "efuse_changes.h"
#include "efuse_text.h"
#include "file.h"
#include "json.h"
#include "port_option.h"

enum { KEY_LIMIT = 64, RD_DIS_AT = 16 };

// ---- show

static int print_efuses(const struct cli_args *args, const char *id, const struct ss_link_efuses *e)
{
    struct ss_crypt_count count;
    ss_efuse_crypt_count(&e->window, &count);
    if (!args->options[OPT_JSON]) {
        efuse_print(&e->window);
        return CLI_OK;
    }
    return json_print(json_pack("{s:s, s:i, s:b, s:i, s:o}", "device", id, "revision",
                                (int)ss_efuse_revision(&e->window, e->apb_date_bit31), "flash_encryption",
                                count.enabled, "dec_status", (int)e->dec_status, "fields", efuse_json(&e->window)),
                      CLI_OK);
}

static int run_show(const struct cli_args *args)
{
    struct port_session s = {0};
    struct ss_link_efuses efuses = {0};
    struct ss_error err = {0};
    int code = port_check(args);
    if (code != CLI_OK)
        return code;
    ss_status_t status = port_connect(args, &s, &err);
    if (status == SS_OK)
        status = ss_link_efuse_read(s.link, &efuses, &err);
    if (status == SS_OK && args->options[OPT_DUMP])
        status = efuse_dump(&efuses.window, args->options[OPT_DUMP], &err);
    code = port_end(args, &s, status, &err);
    if (code == CLI_OK)
        code = print_efuses(args, s.id, &efuses);
    ss_wipe(&efuses, sizeof efuses);
    return code;
}

static const struct cli_option show_options[] = {
    OPTION_PORT(true),
    OPTIONS_PORT,
    {OPT_DUMP, "dump", 0, false, "FILE", "also write what espefuse dump reads (joint)", NULL, COMPLETE_FILE},
    OPTION_JSON,
    OPTION_END,
};

const struct cli_command command_efuse_show = {
    .path = "efuse show",
    .summary = "show a chip's eFuses",
    .description = "Prints each field with its block, whether software can still read (R) and write (W) it, and its "
                   "value. The content of key blocks is not printed; a dump has it where software can read it.",
    .options = show_options,
    .example = "slotseal efuse show --port /dev/ttyUSB0\n"
               "slotseal efuse show --port /dev/ttyUSB0 --dump efuse.bin\n",
    .run = run_show,
};

// ---- burn

/// Names under which a block is burned from a file.
static const struct target {
    const char *name;
    unsigned block;
    bool key; ///< a key file, whose bytes go in backwards; else they go in as they are
} targets[] = {
    {"flash_encryption", 1, true}, {"secure_boot_v1", 2, true}, {"secure_boot_v2", 2, false},
    {"BLOCK1", 1, false},          {"BLOCK2", 2, false},        {"BLOCK3", 3, false},
};

static const struct target *find_target(const char *name)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (!strcasecmp(targets[i].name, name))
            return &targets[i];
    return NULL;
}

static ss_status_t bare_words(const struct input *in, enum ss_efuse_coding coding, uint32_t words[8],
                              struct ss_error *err)
{
    size_t needed = coding == SS_EFUSE_CODING_34 ? 24 : 32;
    if (in->len != needed)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_EFUSE, "%s is %zu bytes, a block takes %zu",
                            in->name, in->len, needed);
    if (coding == SS_EFUSE_CODING_34)
        ss_efuse_encode_34(in->data, words);
    else
        for (size_t i = 0; i < 8; i++)
            words[i] = ss_get_le32(in->data + 4 * i);
    return SS_OK;
}

static ss_status_t add_block(struct ss_efuse *wanted, const struct target *t, const char *path, struct ss_error *err)
{
    struct input in = {0};
    uint32_t words[8];
    enum ss_efuse_coding coding = ss_efuse_coding(wanted);
    ss_status_t status = file_read(path, KEY_LIMIT, &in, err);
    if (status == SS_OK && in.len && ss_all_bytes(in.data, in.len, in.data[0]))
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_KEY, "%s is one byte repeated, no key", path);
    if (status == SS_OK)
        status =
            t->key ? ss_efuse_key_to_words(in.data, in.len, coding, words, err) : bare_words(&in, coding, words, err);
    if (status == SS_OK)
        status = ss_efuse_burn_block(wanted, t->block, words, err);
    file_warn_readable(&in);
    file_free(&in);
    ss_wipe(words, sizeof words);
    return status;
}

static ss_status_t add_change(struct ss_efuse *wanted, const char *name, const char *value, struct ss_error *err)
{
    uint64_t number;
    const struct target *target = find_target(name);
    const struct ss_efuse_field *field = ss_efuse_field_find(name);
    if (target)
        return add_block(wanted, target, value, err);
    if (!field)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_EFUSE, "no eFuse field is called %s", name);
    if (!cli_number(value, UINT32_MAX, &number))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_EFUSE, "%s: %s is no number", name, value);
    return ss_efuse_burn(wanted, field, (uint32_t)number, err);
}

/// Connects, reads, lets @p change make the wanted state, and carries it out.
static int change_efuses(const struct cli_args *args,
                         ss_status_t (*change)(const struct cli_args *args, struct ss_efuse *wanted,
                                               struct ss_error *err))
{
    struct port_session s = {0};
    struct ss_link_efuses now = {0};
    struct ss_efuse wanted = {{0}};
    struct ss_error err = {0};
    int code = port_check(args), done = CLI_OK;
    if (code != CLI_OK)
        return code;
    ss_status_t status = port_connect(args, &s, &err);
    if (status == SS_OK)
        status = ss_link_efuse_read(s.link, &now, &err);
    wanted = now.silicon;
    if (status == SS_OK)
        status = change(args, &wanted, &err);
    if (status == SS_OK)
        status = efuse_carry_out(args, &s, &now, &wanted, &done, &err);
    code = port_end(args, &s, status, &err);
    ss_wipe(&now, sizeof now);
    ss_wipe(&wanted, sizeof wanted);
    return code == CLI_OK ? done : code;
}

static ss_status_t burn_operands(const struct cli_args *args, struct ss_efuse *wanted, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; status == SS_OK && i < args->operand_count; i += 2)
        status = add_change(wanted, args->operands[i], args->operands[i + 1], err);
    return status;
}

static int run_burn(const struct cli_args *args)
{
    if (args->operand_count % 2)
        return cli_usage("slotseal help efuse burn", "%s has no value", args->operands[args->operand_count - 1]);
    for (unsigned i = 0; i < args->operand_count; i += 2)
        if (!find_target(args->operands[i]) && !ss_efuse_field_find(args->operands[i]))
            return cli_usage("slotseal efuse show lists the fields", "no eFuse field is called %s", args->operands[i]);
    return change_efuses(args, burn_operands);
}

static const struct cli_option burn_options[] = {
    OPTION_PORT(true),
    OPTIONS_PORT,
    {OPT_DRY_RUN, "dry-run", 'n', false, NULL, "show what would be burned, and burn nothing", NULL, COMPLETE_NOTHING},
    OPTION_CONFIRM,
    OPTION_JSON,
    OPTION_END,
};

const struct cli_command command_efuse_burn = {
    .path = "efuse burn",
    .summary = "burn eFuses of a chip, for ever",
    .description =
        "NAME is a field, and VALUE the number it is to have; or NAME is flash_encryption or secure_boot_v1, and VALUE "
        "a key file; or it is secure_boot_v2, BLOCK1, BLOCK2 or BLOCK3, and VALUE a file whose bytes go in as they "
        "are. 3/4 coding is done where the chip has it. Nothing is protected: see efuse protect.\n\n"
        "What would change is shown first, and the device's id has to be typed. Refused, before anything is burned, is "
        "what cannot be: bits that would have to be cleared, fields that are write-protected, blocks whose content "
        "cannot be read. What is there already is not burned again. Blocks are burned 3, 2, 1, 0, each read back "
        "before the next, in up to three rounds.",
    .operands = "NAME VALUE [NAME VALUE]...",
    .options = burn_options,
    .example = "slotseal efuse burn -p /dev/ttyUSB0 flash_encryption key.bin --dry-run\n"
               "slotseal efuse burn -p /dev/ttyUSB0 FLASH_CRYPT_CONFIG 0xf JTAG_DISABLE 1\n",
    .run = run_burn,
};

// ---- protect

/// A field's bit of WR_DIS or RD_DIS; -1 if it has none. The names for keys are those of their blocks.
static int protection_bit(const char *name, bool read, bool *known)
{
    char block[8];
    const struct target *t = find_target(name);
    if (t)
        snprintf(block, sizeof block, "BLOCK%u", t->block);
    if (t && t->block == 3)
        return read ? 2 : 9; // BLOCK3 is known by its fields only
    const struct ss_efuse_field *f = ss_efuse_field_find(t ? block : name);
    *known = f != NULL;
    return !f ? -1 : read ? f->rd_dis : f->wr_dis;
}

static ss_status_t protect_operands(const struct cli_args *args, struct ss_efuse *wanted, struct ss_error *err)
{
    bool known;
    for (unsigned i = 0; i < args->operand_count; i++)
        for (int read = 0; read <= 1; read++) {
            if (!args->options[read ? OPT_READ : OPT_WRITE])
                continue;
            int bit = protection_bit(args->operands[i], read, &known);
            if (bit < 0)
                return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_EFUSE, "%s cannot be %s-protected",
                                    args->operands[i], read ? "read" : "write");
            wanted->words[0] |= 1u << (read ? RD_DIS_AT + bit : bit);
        }
    return SS_OK;
}

static int run_protect(const struct cli_args *args)
{
    if (!args->options[OPT_READ] && !args->options[OPT_WRITE])
        return cli_usage("slotseal help efuse protect", "give --read, --write or both");
    for (unsigned i = 0; i < args->operand_count; i++) {
        bool known = true;
        if (protection_bit(args->operands[i], false, &known) < 0 && !known)
            return cli_usage("slotseal efuse show lists the fields", "no eFuse field is called %s", args->operands[i]);
    }
    return change_efuses(args, protect_operands);
}

static const struct cli_option protect_options[] = {
    OPTION_PORT(true),
    OPTIONS_PORT,
    {OPT_READ, "read", 0, false, NULL, "software cannot read it any more", NULL, COMPLETE_NOTHING},
    {OPT_WRITE, "write", 0, false, NULL, "it cannot be burned any more", NULL, COMPLETE_NOTHING},
    {OPT_DRY_RUN, "dry-run", 'n', false, NULL, "show what would be burned, and burn nothing", NULL, COMPLETE_NOTHING},
    OPTION_CONFIRM,
    OPTION_JSON,
    OPTION_END,
};

const struct cli_command command_efuse_protect = {
    .path = "efuse protect",
    .summary = "protect eFuses against reading or burning, for ever",
    .description = "Burns the bit of RD_DIS or WR_DIS that belongs to each field or block. Fields share such bits: all "
                   "that one protects are named before anything is burned, and the device's id has to be typed.",
    .operands = "NAME [NAME]...",
    .options = protect_options,
    .example = "slotseal efuse protect -p /dev/ttyUSB0 --read --write flash_encryption\n",
    .run = run_protect,
};
