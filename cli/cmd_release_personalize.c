// SPDX-License-Identifier: Apache-2.0
// Releases of products whose devices have signing keys of their own; and the oldest release that is still delivered.
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "commands.h"
#include "json.h"
#include "provision/personalize.h"
#include "vault/floor.h"
#include "vault_option.h"

static const struct cli_option personalize_options[] = {
    {OPT_DEVICE, "device", 'd', false, "ID", "only for this one (all of the product)", NULL, COMPLETE_NOTHING},
    OPTIONS_VAULT,
    OPTION_VAULT_SIGNING_KEY,
    OPTION_JSON,
    OPTION_END,
};

struct personalizing {
    struct ss_personalizer *personalizer;
    unsigned made, there, without_key;
};

static ss_status_t sign_for(struct personalizing *p, const char *device, struct ss_error *err)
{
    bool made;
    ss_status_t status = ss_personalize(p->personalizer, device, &made, err);
    if (status == SS_OK && made)
        p->made++;
    else if (status == SS_OK)
        p->there++;
    return status;
}

/// Of the whole product: those that left the fleet, and those whose key is not made yet, are passed over.
static ss_status_t sign_each(void *context, const struct ss_vault_device *device, struct ss_error *err)
{
    struct personalizing *p = context;
    if (device->state > SS_VAULT_DEVICE_PROVISIONED)
        return SS_OK;
    if (!*device->sign_key) {
        p->without_key++;
        return SS_OK;
    }
    return sign_for(p, device->id, err);
}

static int report(const struct cli_args *args, const struct personalizing *p)
{
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:s, s:i, s:i, s:i}", "product", args->operands[0], "version",
                                    args->operands[1], "signed", (int)p->made, "already", (int)p->there, "without_key",
                                    (int)p->without_key),
                          CLI_OK);
    printf("signed for %u devices, %u had it\n", p->made, p->there);
    if (p->without_key)
        cli_warning("%u devices have no signing key yet: provision them, then do this again", p->without_key);
    return CLI_OK;
}

static int run_personalize(const struct cli_args *args)
{
    struct personalizing p = {0};
    struct ss_vault *vault;
    struct ss_error err = {0};
    const struct ss_vault_device_filter filter = {.product = args->operands[0]};
    int result = vault_option_open(args, true, &vault);
    if (result != CLI_OK)
        return result;
    ss_status_t status =
        ss_personalizer_open(vault, args->operands[0], args->operands[1], ask_secret, &p.personalizer, &err);
    if (status == SS_OK)
        status = args->options[OPT_DEVICE] ? sign_for(&p, args->options[OPT_DEVICE], &err)
                                           : ss_vault_device_list(vault, &filter, sign_each, &p, &err);
    ss_personalizer_close(p.personalizer);
    result = status == SS_OK ? report(args, &p) : vault_fail(&err);
    ss_vault_close(vault);
    return result;
}

const struct cli_command command_release_personalize = {
    .path = "release personalize",
    .summary = "sign a release with each device's own key",
    .description =
        "For products with a signing key per device. The image in the vault is the same for all; for each device its "
        "verification key, checksum, hash and signature are worked out here, where signing keys are open, and kept, so "
        "that a server composes the device's image without them. Devices that have theirs are passed over: repeat it "
        "when devices were added. Secure boot V1 signatures are deterministic.",
    .operands = "PRODUCT VERSION",
    .options = personalize_options,
    .example = "slotseal release personalize lamp 1.4.0 --vault sqlite:fleet.vault \\\n"
               "    --signing-key file:fleet.signing.key\n",
    .run = run_personalize,
};

static const struct cli_option floor_options[] = {
    OPTIONS_VAULT,
    OPTION_JSON,
    OPTION_END,
};

/// Without a version, what it is.
static int show_floor(const struct cli_args *args, struct ss_vault *vault)
{
    char version[SS_VAULT_VERSION_SIZE];
    uint64_t when;
    struct ss_vault_product product;
    struct ss_error err = {0};
    if (ss_vault_product_get(vault, args->operands[0], &product, &err) != SS_OK ||
        ss_vault_floor_get(vault, args->operands[0], version, &when, &err) != SS_OK)
        return vault_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:o, s:I}", "product", args->operands[0], "floor",
                                    *version ? json_string(version) : json_null(), "signed", (json_int_t)when),
                          CLI_OK);
    printf("%s\n", *version ? version : "none");
    return CLI_OK;
}

static int set_floor(const struct cli_args *args, struct ss_vault *vault)
{
    struct ss_error err = {0};
    if (args->operands[1] && ss_vault_floor_set(vault, args->operands[0], args->operands[1], &err) != SS_OK)
        return vault_fail(&err);
    return show_floor(args, vault);
}

static int run_floor(const struct cli_args *args)
{
    return vault_option_run(args, set_floor);
}

const struct cli_command command_release_floor = {
    .path = "release floor",
    .summary = "refuse to deliver releases older than one",
    .description =
        "The sealer seals nothing that was signed earlier than this release, whoever asks for it. It can only "
        "be raised. Without VERSION, prints the floor.",
    .operands = "PRODUCT [VERSION]",
    .options = floor_options,
    .example = "slotseal release floor lamp 1.4.0 --vault sqlite:fleet.vault\n",
    .run = run_floor,
};
