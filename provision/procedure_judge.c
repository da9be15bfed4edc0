// SPDX-License-Identifier: Apache-2.0
// Where a step stands, by the chip's own account.
#include <stdio.h>
#include <string.h>

#include "provision/procedure.h"
#include "provision/procedure_bits.h"

static enum ss_step_state refuse(struct ss_error *why, const char *text)
{
    ss_error_set(why, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "%s", text);
    return SS_STEP_REFUSED;
}

static enum ss_step_state refuse_block(struct ss_error *why, unsigned block, const char *text)
{
    ss_error_set(why, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "BLOCK%u %s", block, text);
    return SS_STEP_REFUSED;
}

/// What software would read of a block with these words burned.
static void as_read(const struct ss_efuse *window, unsigned block, const uint32_t words[8], uint32_t out[8])
{
    struct ss_efuse silicon = {.words[6] = window->words[6] & 3};
    size_t start = ss_efuse_block_start(block);
    memcpy(&silicon.words[start], words, 8 * sizeof *words);
    struct ss_efuse read;
    ss_efuse_read_window(&silicon, &read, NULL);
    memcpy(out, &read.words[start], 8 * sizeof *out);
}

static enum ss_step_state judge_hidden(const struct ss_step *s, const struct ss_step_evidence *e, struct ss_error *why)
{
    if (s->secret == SS_SECRET_PUBLIC_DIGEST)
        return refuse_block(why, s->block, "is read-protected: a digest of secure boot V2 has to be readable");
    if (!e->words[s->block])
        return refuse_block(why, s->block, "holds a key that is not in the vault: it is lost, or was made on the chip");
    return e->read_back[s->block]
               ? SS_STEP_DONE
               : refuse_block(
                     why, s->block,
                     "is read-protected, and the journal does not say that the vault's key was read back there");
}

static enum ss_step_state judge_key(const struct ss_step *s, const struct ss_efuse *window,
                                    const struct ss_step_evidence *e, struct ss_error *why)
{
    uint32_t wanted[8], differs = 0, missing = 0;
    const uint32_t *now = &window->words[ss_efuse_block_start(s->block)];
    if (ss_efuse_block_read_protected(window, s->block))
        return judge_hidden(s, e, why);
    if (!e->words[s->block])
        return refuse_block(why, s->block, "is to hold a key that is not known");
    as_read(window, s->block, e->words[s->block], wanted);
    for (unsigned i = 0; i < 8; i++) {
        differs |= now[i] & ~wanted[i];
        missing |= wanted[i] & ~now[i];
    }
    // With data complete and check bytes not, it is still to be burned once more.
    missing |= ss_efuse_coding(window) == SS_EFUSE_CODING_34 ? e->dec_status >> 4 * (s->block - 1) & 0xF : 0;
    if (differs)
        return refuse_block(why, s->block, "holds another key already");
    if (missing && ss_efuse_block_write_protected(window, s->block))
        return refuse_block(why, s->block, "is write-protected without the key in it");
    if (missing && s->secret != SS_SECRET_PUBLIC_DIGEST && (window->words[0] & WR_DIS_RD_DIS))
        return refuse_block(why, s->block, "can no longer be read-protected: WR_DIS covers RD_DIS");
    return missing ? SS_STEP_PENDING : SS_STEP_DONE;
}

/// The bits of BLOCK0 that are @p wanted and not burned; true if there are any.
static bool find_missing(const struct ss_efuse *wanted, const struct ss_efuse *window, struct ss_efuse *missing)
{
    uint32_t any = 0;
    *missing = (struct ss_efuse){0};
    for (unsigned i = 0; i < 7; i++)
        any |= missing->words[i] = wanted->words[i] & ~window->words[i];
    return any;
}

/// True if @p missing bits of BLOCK0 cannot be burned any more.
static bool locked(const struct ss_efuse *window, const struct ss_efuse *missing)
{
    const struct ss_efuse_field *f;
    for (size_t i = 0; (f = ss_efuse_field_at(i)); i++)
        // Fields of BLOCK0 that procedures burn lie within one word.
        if (f->block == 0 && ss_efuse_get(missing, f) && ss_efuse_write_protected(window, f))
            return true;
    return false;
}

static enum ss_step_state judge_burn(const struct ss_step *s, const struct ss_efuse *window, struct ss_error *why)
{
    struct ss_efuse missing;
    uint32_t any_set = 0;
    for (unsigned i = 0; i < 7; i++)
        any_set |= s->bits.words[i] & window->words[i];
    if (!find_missing(&s->bits, window, &missing) || (s->completes && !any_set))
        return SS_STEP_DONE;
    if (!locked(window, &missing))
        return SS_STEP_PENDING;
    ss_error_set(why, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                 "step %s: bits of BLOCK0 that it has to burn are write-protected", s->id);
    return SS_STEP_REFUSED;
}

static enum ss_step_state judge_count(const struct ss_efuse *window, struct ss_error *why)
{
    struct ss_crypt_count count;
    ss_efuse_crypt_count(window, &count);
    if (count.enabled)
        return SS_STEP_DONE;
    if (!count.write_protected)
        return SS_STEP_PENDING;
    ss_error_set(why, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION,
                 "FLASH_CRYPT_CNT is used up: 0x%02x, encryption off, and write-protected", count.value);
    return SS_STEP_REFUSED;
}

/// "WR_DIS 0x100, ABS_DONE_0 0x1": the fields of BLOCK0 with bits that are @p missing.
static void name_missing(const struct ss_efuse *missing, char *out, size_t size)
{
    const struct ss_efuse_field *f;
    size_t len = 0;
    *out = '\0';
    for (size_t i = 0; (f = ss_efuse_field_at(i)) && f->block == 0 && len < size; i++) {
        uint32_t bits = ss_efuse_get(missing, f);
        if (bits)
            len += (size_t)snprintf(out + len, size - len, "%s%s 0x%x", len ? ", " : "", f->name, bits);
    }
}

static enum ss_step_state judge_check(const struct ss_step *s, const struct ss_efuse *window, struct ss_error *why)
{
    struct ss_crypt_count count;
    struct ss_efuse missing;
    ss_efuse_crypt_count(window, &count);
    if (!count.enabled)
        return refuse(why, "FLASH_CRYPT_CNT is even: flash encryption is not on");
    if (!find_missing(&s->bits, window, &missing))
        return SS_STEP_DONE;
    char names[128];
    name_missing(&missing, names, sizeof names);
    ss_error_set(why, SS_ERROR_NOT_PERMITTED, SS_AREA_PROVISION, "not burned: %s%s", names,
                 missing.words[6] & (ABS_DONE_0 | ABS_DONE_1) ? "; the bootloader did not turn secure boot on" : "");
    return SS_STEP_REFUSED;
}

enum ss_step_state ss_step_judge(const struct ss_procedure *procedure, size_t index, const struct ss_efuse *window,
                                 const struct ss_step_evidence *evidence, struct ss_error *why)
{
    const struct ss_step *s = &procedure->steps[index];
    switch (s->kind) {
    case SS_STEP_KEY:
        return judge_key(s, window, evidence, why);
    case SS_STEP_BURN:
        return judge_burn(s, window, why);
    case SS_STEP_COUNT:
        return judge_count(window, why);
    case SS_STEP_CHECK:
        return judge_check(s, window, why);
    default:
        return SS_STEP_PENDING;
    }
}

static bool reads_empty(const struct ss_efuse *window, unsigned block)
{
    uint32_t any = 0;
    for (unsigned i = 0; i < 8; i++)
        any |= window->words[ss_efuse_block_start(block) + i];
    return !any;
}

static enum ss_step_state judge_secure_boot(const struct ss_procedure *p, const struct ss_efuse *window,
                                            struct ss_error *why)
{
    enum ss_secure_boot_scheme scheme = p->options.secure_boot;
    bool v1 = window->words[6] & ABS_DONE_0, v2 = window->words[6] & ABS_DONE_1;
    if (v1 && scheme != SS_SECURE_BOOT_V1_ONE_TIME && scheme != SS_SECURE_BOOT_V1_REFLASHABLE)
        return refuse(why, "secure boot V1 is on already (ABS_DONE_0), which the product does not have");
    if (!v1 && scheme == SS_SECURE_BOOT_V1_ONE_TIME && ss_efuse_block_write_protected(window, 2) &&
        !ss_efuse_block_read_protected(window, 2) && reads_empty(window, 2))
        return refuse(why, "BLOCK2 is write-protected and empty: the bootloader can put no key there");
    if (v2 && scheme != SS_SECURE_BOOT_V2)
        return refuse(why, "secure boot V2 is on already (ABS_DONE_1), which the product does not have");
    return SS_STEP_PENDING;
}

enum ss_step_state ss_procedure_judge(const struct ss_procedure *procedure, const struct ss_efuse *window,
                                      const struct ss_step_evidence *evidence, struct ss_error *why)
{
    struct ss_crypt_count count;
    ss_efuse_crypt_count(window, &count);
    if (judge_secure_boot(procedure, window, why) == SS_STEP_REFUSED)
        return SS_STEP_REFUSED;
    // The bootloader of a chip on which encryption was on before would leave FLASH_CRYPT_CONFIG and the locks alone.
    if (procedure->options.kind == SS_PROCEDURE_DEVICE_ENCRYPTS && count.value && !count.enabled)
        return refuse(why, "encryption was on and is off again; only the plan host-sealed turns it on safely");
    if (procedure->options.kind == SS_PROCEDURE_DEVICE_ENCRYPTS && judge_count(window, why) == SS_STEP_REFUSED)
        return SS_STEP_REFUSED;
    enum ss_step_state all = SS_STEP_DONE;
    for (size_t i = 0; i < procedure->count; i++) {
        if (procedure->steps[i].kind == SS_STEP_CHECK)
            continue; // says something only after the boot
        enum ss_step_state state = ss_step_judge(procedure, i, window, evidence, why);
        if (state == SS_STEP_REFUSED)
            return state;
        all = state == SS_STEP_PENDING ? state : all;
    }
    return all;
}
