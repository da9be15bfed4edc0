// SPDX-License-Identifier: Apache-2.0
#include "efuse_changes.h"

#include <stdio.h>
#include <string.h>

#include "confirm.h"
#include "core/crypto.h"
#include "json.h"

enum { NOTE_SIZE = 320 };

/// Names of the fields behind the bits of WR_DIS or RD_DIS that are new.
static void name_protected(uint32_t new_bits, bool read, char note[NOTE_SIZE])
{
    size_t n = 0;
    const struct ss_efuse_field *f;
    note[0] = '\0';
    for (size_t i = 0; (f = ss_efuse_field_at(i)); i++) {
        int bit = read ? f->rd_dis : f->wr_dis;
        // The fields within BLOCK3 go with the block; a name that does not fit any more is left out.
        if (bit < 0 || !(new_bits >> bit & 1) || (f->block == 3 && n > 0 && strstr(note, "BLOCK3")) ||
            n + strlen(f->name) + 20 > NOTE_SIZE)
            continue;
        const char *name = f->block == 3 ? "BLOCK3" : f->name;
        n += (size_t)snprintf(note + n, NOTE_SIZE - n, "%s%s",
                              n      ? ", "
                              : read ? "read-protects "
                                     : "write-protects ",
                              name);
    }
}

static json_t *describe_field(const struct ss_efuse_field *f, uint32_t before, uint32_t after, bool text)
{
    char note[NOTE_SIZE] = "";
    if (!strcmp(f->name, "WR_DIS") || !strcmp(f->name, "RD_DIS"))
        name_protected(after & ~before, f->name[0] == 'R', note);
    if (text)
        printf("  %-22s 0x%x -> 0x%x%s%s\n", f->name, (unsigned)before, (unsigned)after, note[0] ? "  " : "", note);
    return json_pack("{s:s, s:I, s:I, s:s}", "name", f->name, "before", (json_int_t)before, "after", (json_int_t)after,
                     "note", note);
}

static json_t *describe_block(unsigned block, bool blank, bool text)
{
    char name[8];
    snprintf(name, sizeof name, "BLOCK%u", block);
    if (text)
        printf("  %-22s %s -> (hidden)\n", name, blank ? "blank" : "(hidden)");
    return json_pack("{s:s, s:s, s:s, s:s}", "name", name, "before", blank ? "blank" : "(hidden)", "after", "(hidden)",
                     "note", "");
}

/// A line for each field of BLOCK0 and each block that changes.
static json_t *describe(const struct ss_efuse *now, const struct ss_efuse *wanted, bool text)
{
    const struct ss_efuse_field *f;
    json_t *list = json_array();
    for (size_t i = 0; (f = ss_efuse_field_at(i)) && f->block == 0; i++)
        if (ss_efuse_get(now, f) != ss_efuse_get(wanted, f))
            json_array_append_new(list, describe_field(f, ss_efuse_get(now, f), ss_efuse_get(wanted, f), text));
    for (unsigned block = 1; block < SS_EFUSE_BLOCKS; block++) {
        static const uint32_t blank[8];
        const uint32_t *words = now->words + ss_efuse_block_start(block);
        if (memcmp(words, wanted->words + ss_efuse_block_start(block), sizeof blank) != 0)
            json_array_append_new(list, describe_block(block, !memcmp(words, blank, sizeof blank), text));
    }
    return list;
}

static int report(const struct cli_args *args, const struct port_session *s, json_t *changes, bool burned,
                  const struct ss_link_burned *result)
{
    bool dry_run = args->options[OPT_DRY_RUN];
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:O, s:b, s:b, s:i}", "device", s->id, "changes", changes, "dry_run",
                                    dry_run, "burned", burned, "rounds", (int)result->rounds),
                          CLI_OK);
    if (burned)
        printf("burned and read back\n");
    return CLI_OK;
}

static ss_status_t confirm_and_burn(const struct cli_args *args, struct port_session *s, const struct ss_efuse *wanted,
                                    json_t *changes, int *code, struct ss_error *err)
{
    struct ss_link_burned result = {0};
    fflush(stdout);
    if (!args->options[OPT_DRY_RUN]) {
        if (!cli_confirm(args->options[OPT_CONFIRM], s->id, "burns eFuses, for ever, of")) {
            *code = CLI_FAILED;
            return SS_OK;
        }
        ss_status_t status = ss_link_efuse_burn(s->link, wanted, &result, err);
        if (status != SS_OK && result.started)
            ss_error_prefix(err, status, "burning was interrupted, look at the eFuses before anything else");
        if (status != SS_OK)
            return status;
    }
    *code = report(args, s, changes, !args->options[OPT_DRY_RUN], &result);
    return SS_OK;
}

ss_status_t efuse_carry_out(const struct cli_args *args, struct port_session *s, const struct ss_link_efuses *now,
                            const struct ss_efuse *wanted, int *code, struct ss_error *err)
{
    struct ss_efuse missing;
    static const struct ss_link_burned nothing;
    bool text = !args->options[OPT_JSON];
    ss_status_t status = ss_link_efuse_plan(now, wanted, &missing, err);
    ss_wipe(&missing, sizeof missing);
    if (status != SS_OK)
        return status;
    bool changed = memcmp(now->silicon.words, wanted->words, sizeof wanted->words) != 0;
    if (text)
        printf("device %s: %s\n", s->id, changed ? "to be burned, for ever" : "everything is there already");
    json_t *changes = describe(&now->silicon, wanted, text);
    if (changed)
        status = confirm_and_burn(args, s, wanted, changes, code, err);
    else
        *code = report(args, s, changes, false, &nothing);
    json_decref(changes);
    return status;
}
