// SPDX-License-Identifier: Apache-2.0
#include "device_text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "provision/device_name.h"

static const char *const facts[] = {FACT_CREDENTIAL, FACT_KIT, FACT_STATION, FACT_OPERATOR, FACT_IMPORTED};
enum { FACTS = sizeof facts / sizeof *facts, FACT_SIZE = 512 };

const char *device_key_word(enum ss_vault_flash_key_state state)
{
    static const char *const words[] = {"none", "present", "forgotten"};
    return (unsigned)state < 3 ? words[state] : "unknown";
}

static const char *coding_word(unsigned scheme)
{
    static const char *const words[] = {"none", "3/4", "repeat"};
    return scheme < 3 ? words[scheme] : "unknown";
}

static const char *time_text(int64_t seconds, char text[32])
{
    time_t t = (time_t)seconds;
    struct tm utc;
    if (!gmtime_r(&t, &utc) || !strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc))
        *text = '\0';
    return text;
}

json_t *device_json(struct ss_vault *vault, const struct ss_vault_device *d)
{
    char mac[SS_DEVICE_MAC_SIZE], created[32], changed[32], value[FACT_SIZE];
    ss_device_mac_text(d->mac, mac);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:i, s:s, s:s, s:o, s:s, s:s}", "id", d->id,
                               "product", d->product, "state", ss_vault_device_state_name(d->state), "mac", mac, "chip",
                               d->chip, "revision", d->chip_revision, "coding_scheme", coding_word(d->coding_scheme),
                               "crypt_config", d->crypt_config, "flash_key", device_key_word(d->flash_key), "sign_key",
                               d->sign_key, "replaced_by", *d->replaced_by ? json_string(d->replaced_by) : json_null(),
                               "created", time_text(d->created, created), "changed", time_text(d->changed, changed));
    for (unsigned i = 0; object && vault && i < FACTS; i++)
        if (ss_vault_device_fact(vault, d->id, facts[i], value, sizeof value, NULL) == SS_OK)
            json_object_set_new(object, facts[i], json_text(value));
    return object;
}

void device_print(struct ss_vault *vault, const struct ss_vault_device *d)
{
    char text[FACT_SIZE];
    printf("%-14s %s\n", "id", d->id);
    printf("%-14s %s\n", "product", d->product);
    printf("%-14s %s\n", "state", ss_vault_device_state_name(d->state));
    if (*d->replaced_by)
        printf("%-14s %s\n", "replaced by", d->replaced_by);
    ss_device_mac_text(d->mac, text);
    printf("%-14s %s\n", "MAC", text);
    printf("%-14s %s revision %u.%u, coding %s\n", "chip", d->chip, d->chip_revision / 100u, d->chip_revision % 100u,
           coding_word(d->coding_scheme));
    printf("%-14s %s, FLASH_CRYPT_CONFIG 0x%X\n", "flash key", device_key_word(d->flash_key), d->crypt_config);
    if (*d->sign_key)
        printf("%-14s %s\n", "signing key", d->sign_key);
    for (unsigned i = 0; i < FACTS; i++)
        if (ss_vault_device_fact(vault, d->id, facts[i], text, sizeof text, NULL) == SS_OK)
            printf("%-14s %s\n", facts[i], cli_printable(text));
    printf("%-14s %s\n", "created", time_text(d->created, text));
    printf("%-14s %s\n", "changed", time_text(d->changed, text));
}
