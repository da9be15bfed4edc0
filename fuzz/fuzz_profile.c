// SPDX-License-Identifier: Apache-2.0
// Bootloader profiles: the first byte says what the rest is, `key = value` lines, an sdkconfig or a bootloader image.
#include <stdlib.h>
#include <string.h>

#include "chip/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check(const struct ss_boot_profile *p)
{
    unsigned idf;
    must(memchr(p->idf_version, 0, sizeof p->idf_version) != NULL);
    must(memchr(p->compile_time, 0, sizeof p->compile_time) != NULL);
    must(ss_profile_idf_number(p->idf_version, &idf) && idf == p->idf);
    must(p->secure_version_bits >= 1 && p->secure_version_bits <= 32);
    must(p->table_offset % 0x1000 == 0 && p->table_offset >= 0x2000);
    must(p->public_key_len <= sizeof p->public_key && p->has_public_key == (p->public_key_len > 0));
    must(p->signed_on_boot || p->secure_boot == SS_PROFILE_SECURE_BOOT_NONE);
    must(p->rollback || !p->anti_rollback);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ss_boot_profile p;
    struct ss_error err = {0};
    ss_status_t status = SS_OK;
    if (len == 0)
        return 0;
    const char *text = (const char *)data + 1;
    if (data[0] % 3 == 0)
        status = ss_profile_parse(text, len - 1, &p, &err);
    else if (data[0] % 3 == 1)
        status = ss_profile_from_sdkconfig(text, len - 1, NULL, &p, &err);
    else
        ss_profile_guess(data + 1, len - 1, &p);
    must(status == SS_OK || (status == SS_ERROR_DATA_INVALID && err.message[0]));
    check(&p);
    return 0;
}
