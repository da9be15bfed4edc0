// SPDX-License-Identifier: Apache-2.0
// Key sets and CA certificates for the devices to fetch.
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/remote/remote.h"
#include "cli/statement_file.h"
#include "core/certificate.h"
#include "core/crypto.h"

enum { CERTIFICATE_LIMIT = 65536 };

static const struct cli_option options[] = {
    {OPT_CA, "ca", 0, false, "FILE", "publish this CA certificate, too; the key set has to name it", NULL,
     COMPLETE_FILE},
    {OPT_DRY_RUN, "dry-run", 'n', false, NULL, "check, but send nothing", NULL, COMPLETE_NOTHING},
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

/// The certificate in a file, PEM or DER, as DER. *@p der is OpenSSL's, *@p len 0 if there is none.
static ss_status_t read_ca(const char *path, uint8_t **der, int *len, struct ss_error *err)
{
    struct input in = {0};
    *der = NULL;
    *len = 0;
    ss_status_t status = file_read(path, CERTIFICATE_LIMIT, &in, err);
    if (status != SS_OK)
        return status;
    X509 *certificate;
    status = ss_certificate_read(in.data, in.len, &certificate);
    if (status == SS_OK && (*len = i2d_X509(certificate, der)) <= 0)
        status = SS_ERROR_INSUFFICIENT_MEMORY;
    if (status != SS_OK)
        ss_error_set(err, status, SS_AREA_FILE, "%s holds no certificate", in.name);
    X509_free(certificate);
    file_free(&in);
    return status;
}

/// A certificate that no key set names is never fetched: it is the wrong one.
static ss_status_t check_named(const struct ss_key_set *set, const uint8_t *der, int len, const char *path,
                               struct ss_error *err)
{
    uint8_t digest[32];
    ss_status_t status = ss_hash_once(SS_HASH_SHA256, der, (size_t)len, digest);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_CRYPTO, "SHA-256 failed");
    for (unsigned i = 0; i < set->ca_count; i++)
        if (!memcmp(set->cas[i], digest, sizeof digest))
            return SS_OK;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_STATEMENT,
                        "the key set does not name the certificate in %s", path);
}

/// Its own roots must have signed it; whether it follows the one before, the server knows.
static ss_status_t check_roots(const struct statement_file *file, struct ss_error *err)
{
    struct ss_refusal why = {0};
    ss_status_t status = ss_key_set_check_roots(&file->statement, &file->as.key_set, &why);
    if (status == SS_OK)
        return SS_OK;
    return ss_error_set(err, status, SS_AREA_STATEMENT, "%s %s", file->in.name,
                        why.reason == SS_REASON_NONE ? ss_status_name(status) : ss_reason_text(why.reason));
}

struct job {
    struct statement_file file;
    uint8_t *der;
    int der_len;
};

static int publish(const struct cli_args *args, const struct job *job)
{
    struct remote *r;
    struct ss_error err = {0};
    json_t *answer = NULL, *ca = NULL;
    const struct remote_request ca_request = {.method = "POST",
                                              .path = "/cas",
                                              .type = "application/pkix-cert",
                                              .bytes = job->der,
                                              .len = (size_t)job->der_len};
    const struct remote_request request = {.method = "POST",
                                           .path = "/keysets",
                                           .type = "application/cose",
                                           .bytes = job->file.in.data,
                                           .len = job->file.in.len};
    int result = remote_open(args, &r);
    if (result != CLI_OK)
        return result;
    // The certificate first: who gets the key set may need it at once.
    ss_status_t status = job->der_len ? remote_ask(r, &ca_request, &ca, NULL, &err) : SS_OK;
    if (status == SS_OK)
        status = remote_ask(r, &request, &answer, NULL, &err);
    if (status != SS_OK) {
        result = remote_fail(&err);
        if (status == SS_ERROR_NOT_PERMITTED || status == SS_ERROR_INVALID_SIGNATURE)
            result = CLI_REFUSED;
    } else if (args->options[OPT_JSON]) {
        result = json_print(json_incref(answer), CLI_OK);
    } else {
        printf("version %lld is published\n", (long long)remote_number(answer, "version"));
    }
    json_decref(answer);
    json_decref(ca);
    remote_close(r);
    return result;
}

static int run(const struct cli_args *args)
{
    struct job job = {.der = NULL};
    struct ss_error err = {0};
    int result = CLI_OK;
    ss_status_t status = statement_read_kind(args->operands[0], SS_STATEMENT_KEY_SET, &job.file, &err);
    if (status == SS_OK)
        status = check_roots(&job.file, &err);
    if (status == SS_OK && args->options[OPT_CA])
        status = read_ca(args->options[OPT_CA], &job.der, &job.der_len, &err);
    if (status == SS_OK && job.der_len)
        status = check_named(&job.file.as.key_set, job.der, job.der_len, args->options[OPT_CA], &err);
    if (status != SS_OK) {
        cli_fail(&err);
        result = status == SS_ERROR_NOT_PERMITTED || status == SS_ERROR_INVALID_SIGNATURE ? CLI_REFUSED : CLI_FAILED;
    } else if (args->options[OPT_DRY_RUN]) {
        json_t *version = json_pack("{s:b, s:I}", "dry_run", true, "version", (json_int_t)job.file.as.key_set.version);
        if (args->options[OPT_JSON])
            result = json_print(json_incref(version), CLI_OK);
        else
            printf("version %u would be published\n", (unsigned)job.file.as.key_set.version);
        json_decref(version);
    } else {
        result = publish(args, &job);
    }
    OPENSSL_free(job.der);
    file_free(&job.file.in);
    return result;
}

const struct cli_command command_keyset_publish = {
    .path = "keyset publish",
    .summary = "let the devices of a server fetch a key set",
    .description =
        "The set has to be signed by enough of its own root keys and, where the server has one of the product, of "
        "that one's: what devices would refuse is not published (exit status 3).",
    .operands = "FILE",
    .options = options,
    .example = "slotseal keyset publish fleet-2.keys --ca new-ca.pem \\\n"
               "    --server https://up.example.com --token-file operator.token\n",
    .run = run,
};
