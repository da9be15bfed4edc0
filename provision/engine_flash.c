// SPDX-License-Identifier: Apache-2.0
// Steps on the flash. Everything goes by what lies there: what is right is left alone.
#include <stdlib.h>
#include <string.h>

#include "provision/engine_internal.h"
#include "provision/procedure_bits.h"

bool engine_encrypts(const struct ss_provision_chip *chip)
{
    struct ss_crypt_count count;
    ss_efuse_crypt_count(&chip->efuses.window, &count);
    return count.enabled;
}

/// What a part has to hold on the chip as it is now; false: it may hold anything.
static bool part_content(const struct engine_work *w, const struct ss_part *part, const uint8_t **content)
{
    bool encrypts = engine_encrypts(&w->chip);
    bool sealed = part->sealed && (encrypts || w->procedure->options.kind == SS_PROCEDURE_HOST_SEALED);
    *content = sealed ? part->sealed : part->plain;
    switch (part->lasts) {
    case SS_PART_LASTS:
        return true;
    case SS_PART_UNTIL_ENCRYPTED:
        return !encrypts;
    case SS_PART_UNTIL_SECURE_BOOT:
        return !(w->chip.efuses.window.words[6] & ABS_DONE_0);
    }
    return true;
}

/// Where the flash first differs from @p content (NULL: erased flash), the part's length if it does not.
static ss_status_t compare(struct engine_work *w, const struct ss_part *part, const uint8_t *content, size_t *differs,
                           struct ss_error *err)
{
    uint8_t *erased = NULL;
    if (!content) {
        erased = malloc(part->len);
        if (!erased)
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_PROVISION, "out of memory to compare flash");
        memset(erased, 0xFF, part->len);
    }
    ss_status_t status =
        ss_link_flash_compare(w->link, part->address, content ? content : erased, part->len, differs, err);
    free(erased);
    return status;
}

ss_status_t engine_write(struct engine_work *w, const struct ss_part *part, bool *found, struct ss_error *err)
{
    const uint8_t *content;
    size_t differs = part->len;
    *found = true;
    if (!part_content(w, part, &content))
        return SS_OK;
    ss_status_t status = compare(w, part, content, &differs, err);
    if (status != SS_OK || differs == part->len)
        return status;
    *found = false;
    return content ? ss_link_flash_write(w->link, part->address, content, part->len, SS_LINK_WRITE_RESUME, NULL, err)
                   : ss_link_flash_erase(w->link, part->address, part->len, err);
}

ss_status_t engine_verify(struct engine_work *w, struct ss_error *err)
{
    for (size_t i = 0; i < w->parts->count; i++) {
        const struct ss_part *part = &w->parts->parts[i];
        const uint8_t *content;
        size_t differs;
        if (!part_content(w, part, &content))
            continue;
        ss_status_t status = compare(w, part, content, &differs, err);
        if (status != SS_OK)
            return status;
        if (differs != part->len)
            return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_PROVISION,
                                "%s: flash at 0x%zx is not what belongs there", part->name, part->address + differs);
    }
    return SS_OK;
}
