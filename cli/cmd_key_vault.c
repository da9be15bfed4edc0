// SPDX-License-Identifier: Apache-2.0
// Signing keys that the vault knows.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "signing.h"
#include "vault/pkcs11.h"
#include "vault/signing.h"
#include "vault_option.h"

static const struct cli_option import_options[] = {
    {OPT_KEY, "key", 'k', true, "KEY", "private or public PEM file, or pkcs11:URI", NULL, COMPLETE_FILE},
    OPTION_VAULT,
    OPTION_VAULT_KEY_LONG,
    OPTION_VAULT_SIGNING_KEY,
    OPTION_END,
};

static ss_status_t take_in(struct ss_vault *vault, const char *name, const char *source, const ss_signing_key_t *key,
                           struct ss_error *err)
{
    if (ss_pkcs11_is_uri(source))
        return ss_vault_signing_key_refer(vault, name, key, source, err);
    return ss_signing_key_is_private(key) ? ss_vault_signing_key_import(vault, name, key, source, err)
                                          : ss_vault_signing_key_refer(vault, name, key, NULL, err);
}

static int run_import(const struct cli_args *args)
{
    struct input file = {0};
    struct ss_error err = {0};
    ss_signing_key_t *key = NULL;
    struct ss_vault *vault = NULL;
    ss_status_t status = signing_key_read(args->options[OPT_KEY], &file, &key, &err);
    if (status == SS_OK)
        status = vault_option_connect(args, ss_signing_key_is_private(key), &vault, &err);
    if (status == SS_OK)
        status = take_in(vault, args->operands[0], args->options[OPT_KEY], key, &err);
    ss_vault_close(vault);
    ss_signing_key_free(key);
    file_free(&file);
    return status == SS_OK ? CLI_OK : vault_fail(&err);
}

const struct cli_command command_key_import = {
    .path = "key import",
    .summary = "make a signing key known to the vault",
    .description =
        "A private key is kept in the vault, wrapped by the key of --signing-key. Of a key in a PKCS#11 token the "
        "vault "
        "keeps where it is, without module and PIN: those are the machine's to say, in the environment variable "
        "SLOTSEAL_PKCS11 (module-path=PATH&pin-source=file:PATH). Of a public key it knows that images are signed "
        "elsewhere. Others then name the key vault:NAME.",
    .operands = "NAME",
    .options = import_options,
    .example = "slotseal key import lamp --key signing.pem\n"
               "slotseal key import lamp --key 'pkcs11:token=fleet;object=lamp'\n",
    .run = run_import,
};

static const struct cli_option list_options[] = {OPTION_VAULT, OPTION_VAULT_KEY_LONG, OPTION_JSON, OPTION_END};

struct listing {
    json_t *keys; ///< NULL: text
};

static ss_status_t list_one(void *context, const struct ss_vault_signing_key *key, struct ss_error *err)
{
    struct listing *list = context;
    (void)err;
    if (list->keys)
        json_array_append_new(
            list->keys, json_pack("{s:s, s:s, s:s, s:o, s:s}", "name", key->name, "type", ss_key_type_name(key->type),
                                  "place", ss_vault_key_place_name(key->place), "uri",
                                  key->uri[0] ? json_text(key->uri) : json_null(), "public_key", key->public_key));
    else
        printf("%-24s %-9s %s%s%s\n", key->name, ss_key_type_name(key->type), ss_vault_key_place_name(key->place),
               key->uri[0] ? " " : "", key->uri);
    return SS_OK;
}

static int run_list(const struct cli_args *args)
{
    struct listing list = {.keys = args->options[OPT_JSON] ? json_array() : NULL};
    struct ss_error err = {0};
    struct ss_vault *vault;
    ss_status_t status = vault_option_connect(args, false, &vault, &err);
    if (status == SS_OK)
        status = ss_vault_signing_key_list(vault, list_one, &list, &err);
    ss_vault_close(vault);
    if (status != SS_OK) {
        json_decref(list.keys);
        return vault_fail(&err);
    }
    return list.keys ? json_print(json_pack("{s:o}", "keys", list.keys), CLI_OK) : CLI_OK;
}

const struct cli_command command_key_list = {
    .path = "key list",
    .summary = "list the signing keys that the vault knows",
    .description = "Name, type, and where the private half is: in the vault, in a token, or elsewhere.",
    .options = list_options,
    .example = "slotseal key list --vault sqlite:fleet.vault\n",
    .run = run_list,
};
