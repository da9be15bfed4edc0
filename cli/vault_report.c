// SPDX-License-Identifier: Apache-2.0
#include "vault_report.h"

#include <stdio.h>

#include "json.h"

int vault_report_print(const struct cli_args *args, const struct ss_vault_report *r)
{
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I}", "id", r->id, "back_end",
                                    r->back_end, "layout", (json_int_t)r->layout, "products", (json_int_t)r->products,
                                    "devices", (json_int_t)r->devices, "releases", (json_int_t)r->releases, "secrets",
                                    (json_int_t)r->secrets, "not_checked", (json_int_t)r->locked, "key_version",
                                    (json_int_t)r->key_version, "rewrap_unfinished", r->rewrap_unfinished,
                                    "audit_records", (json_int_t)r->audit.number),
                          CLI_OK);
    printf("vault %s on %s, layout %lld\n%lld products, %lld devices, %lld releases\n", r->id, r->back_end,
           (long long)r->layout, (long long)r->products, (long long)r->devices, (long long)r->releases);
    printf("%lld secrets, all of which decrypt under version %lld of the vault key\n",
           (long long)(r->secrets - r->locked), (long long)r->key_version);
    if (r->locked)
        printf("%lld signing keys, not checked without --signing-key\n", (long long)r->locked);
    printf("audit log of %lld records, whole and signed\n", (long long)r->audit.number);
    return CLI_OK;
}

bool vault_report_is_verdict(ss_status_t status)
{
    return status == SS_ERROR_DATA_CORRUPT || status == SS_ERROR_DATA_INVALID || status == SS_ERROR_INVALID_SIGNATURE;
}
