// SPDX-License-Identifier: Apache-2.0
// Devices of opaque products.
#include <stdio.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/remote/remote.h"
#include "core/certificate.h"
#include "core/crypto.h"
#include "core/hex.h"

enum { TOKEN_FILE_LIMIT = 256, CERTIFICATE_LIMIT = 8192 };

static const struct cli_option register_options[] = {
    {OPT_PRODUCT, "product", 'p', true, "NAME", "an opaque product", NULL, COMPLETE_NOTHING},
    {OPT_TOKEN, "token", 0, false, "FILE", "the device's token; the server gets its digest", NULL, COMPLETE_FILE},
    {OPT_CLIENT_CERT, "client-cert", 0, false, "FILE", "the device's certificate; its CN is the device id", NULL,
     COMPLETE_FILE},
    {OPT_ANY_CERT, "any-cert", 0, false, NULL, "any certificate of the client CA with its id, or the gateway token",
     NULL, COMPLETE_NOTHING},
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

static ss_status_t token_digest(const char *path, uint8_t digest[32], struct ss_error *err)
{
    struct input in;
    ss_status_t status = file_read_line(path, TOKEN_FILE_LIMIT, &in, err);
    if (status != SS_OK)
        return status;
    file_warn_readable(&in);
    if (!in.len)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "%s is empty", in.name);
    else if ((status = ss_hash_once(SS_HASH_SHA256, in.data, in.len, digest)) != SS_OK)
        ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    file_free(&in);
    return status;
}

static ss_status_t certificate_digest(const char *path, uint8_t digest[32], struct ss_error *err)
{
    struct input in;
    ss_status_t status = file_read(path, CERTIFICATE_LIMIT, &in, err);
    if (status != SS_OK)
        return status;
    status = ss_certificate_digest(in.data, in.len, digest);
    if (status != SS_OK)
        ss_error_set(err, status, SS_AREA_FILE, "%s holds no certificate", in.name);
    file_free(&in);
    return status;
}

/// Adds the digest of the credential to @p body.
static int add_credential(const struct cli_args *args, json_t *body)
{
    const char *token = args->options[OPT_TOKEN], *certificate = args->options[OPT_CLIENT_CERT];
    struct ss_error err = {0};
    uint8_t digest[32];
    char hex[65];
    if ((token != NULL) + (certificate != NULL) + (args->options[OPT_ANY_CERT] != NULL) != 1)
        return cli_usage("--token FILE, --client-cert FILE or --any-cert", "how does the device prove who it is?");
    if (args->options[OPT_ANY_CERT])
        return json_object_set_new(body, "any_certificate", json_true()) == 0 ? CLI_OK : CLI_FAILED;
    ss_status_t status = token ? token_digest(token, digest, &err) : certificate_digest(certificate, digest, &err);
    if (status != SS_OK)
        return cli_fail(&err);
    ss_put_hex(digest, sizeof digest, hex);
    return json_object_set_new(body, token ? "token_sha256" : "certificate_sha256", json_string(hex)) == 0 ? CLI_OK
                                                                                                           : CLI_FAILED;
}

static int run_register(const struct cli_args *args)
{
    struct remote *r;
    char path[96];
    struct ss_error err = {0};
    json_t *answer;
    if (!remote_name_ok("device", args->operands[0]))
        return CLI_USAGE;
    json_t *body = json_pack("{s:s, s:b}", "product", args->options[OPT_PRODUCT], "active", true);
    int result = body ? add_credential(args, body) : CLI_FAILED;
    if (result == CLI_OK)
        result = remote_open(args, &r);
    if (result != CLI_OK) {
        json_decref(body);
        return result;
    }
    snprintf(path, sizeof path, "/devices/%s", args->operands[0]);
    const struct remote_request q = {.method = "PUT", .path = path, .json = body};
    if (remote_ask(r, &q, &answer, NULL, &err) != SS_OK) {
        result = remote_fail(&err);
    } else if (args->options[OPT_JSON]) {
        result = json_print(answer, CLI_OK);
    } else {
        printf("%s is a %s\n", args->operands[0], remote_text(answer, "product"));
        json_decref(answer);
    }
    remote_close(r);
    return result;
}

const struct cli_command command_device_register = {
    .path = "device register",
    .summary = "let a device of an opaque product in",
    .description =
        "Devices of sealed products come from the vault. This is for stock DDI clients, which get files as they "
        "were uploaded (slotseal product opaque, slotseal release upload --opaque).",
    .operands = "ID",
    .options = register_options,
    .example = "slotseal device register gateway-7 --product gateway --token gateway-7.token \\\n"
               "    --server https://up.example.com --token-file operator.token\n",
    .run = run_register,
};
