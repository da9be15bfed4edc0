// SPDX-License-Identifier: Apache-2.0
// Releases on their way to a server: encrypted to its sealer, or as they are for opaque products; and those that are
// there.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/release_file.h"
#include "cli/remote/remote.h"
#include "server/upload.h"

enum { CERTIFICATE_LIMIT = 65536, WAIT_SECONDS = 120, OPAQUE_LIMIT = 1 << 30 };

static const struct cli_option upload_options[] = {
    {OPT_RELEASE, "release", 'r', false, "FILE", "release statement of the image", NULL, COMPLETE_FILE},
    {OPT_UPLOAD_KEY, "upload-key", 0, false, "FILE", "certificate of the sealer's upload key (SLOTSEAL_UPLOAD_KEY)",
     NULL, COMPLETE_FILE},
    {OPT_OPAQUE, "opaque", 0, false, NULL, "serve the files as they are, to stock DDI clients", NULL, COMPLETE_NOTHING},
    {OPT_PRODUCT, "product", 'p', false, "NAME", "with --opaque: the product", NULL, COMPLETE_NOTHING},
    {OPT_VERSION, "release-version", 0, false, "TEXT", "with --opaque: the version", NULL, COMPLETE_NOTHING},
    {OPT_NO_WAIT, "no-wait", 0, false, NULL, "do not wait until the sealer has opened it", NULL, COMPLETE_NOTHING},
    {OPT_DRY_RUN, "dry-run", 'n', false, NULL, "check and encrypt, but send nothing", NULL, COMPLETE_NOTHING},
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

struct job {
    struct release_file file;
    struct input certificate;
    uint8_t *encrypted;
    size_t len;
    char product[SS_PRODUCT_NAME_MAX + 1], version[SS_VERSION_MAX + 1];
};

static ss_status_t prepare(const struct cli_args *args, const char *certificate, struct job *job, struct ss_error *err)
{
    ss_status_t status = release_file_read(args->operands[0], args->options[OPT_RELEASE], &job->file, err);
    if (status == SS_OK)
        status = file_read(certificate, CERTIFICATE_LIMIT, &job->certificate, err);
    if (status != SS_OK)
        return status;
    const struct ss_release *r = &job->file.statement.as.release;
    memcpy(job->product, r->product.p, r->product.len);
    memcpy(job->version, r->version.p, r->version.len);
    status = ss_upload_encrypt(job->certificate.data, job->certificate.len, job->file.statement.in.data,
                               job->file.statement.in.len, job->file.image.data, job->file.image.len, &job->encrypted,
                               &job->len, err);
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "%s", job->certificate.name);
}

/// Waits for the sealer. *@p upload is the server's last word.
static ss_status_t wait_for_sealer(struct remote *r, json_int_t id, json_t **upload, struct ss_error *err)
{
    for (unsigned i = 0;; i++) {
        ss_status_t status = remote_get(r, upload, err, "/uploads/%lld", (long long)id);
        if (status != SS_OK || strcmp(remote_text(*upload, "state"), "complete") != 0)
            return status;
        json_decref(*upload);
        *upload = NULL;
        if (i == 5 * WAIT_SECONDS)
            return ss_error_set(err, SS_ERROR_TIMEOUT, SS_AREA_SERVER,
                                "upload %lld is there, but no sealer has opened it for %d seconds", (long long)id,
                                WAIT_SECONDS);
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
}

static int print_verdict(const struct cli_args *args, const struct job *job, json_t *upload)
{
    bool refused = !strcmp(remote_text(upload, "state"), "refused");
    int result = refused ? CLI_REFUSED : CLI_OK;
    if (refused)
        cli_error("the release is refused: %s", remote_text(upload, "reason"));
    if (args->options[OPT_JSON])
        return json_print(upload, result);
    if (!refused)
        printf("%s %s is release %lld\n", job->product, job->version, (long long)remote_number(upload, "release"));
    json_decref(upload);
    return result;
}

static int send_sealed(const struct cli_args *args, const struct job *job)
{
    struct remote *r;
    struct ss_error err = {0};
    json_t *upload = NULL;
    json_int_t id;
    int result = remote_open(args, &r);
    if (result != CLI_OK)
        return result;
    ss_status_t status = remote_upload(r, "sealed", args->operands[0], job->encrypted, job->len, &id, &err);
    if (status == SS_OK && !args->options[OPT_NO_WAIT])
        status = wait_for_sealer(r, id, &upload, &err);
    else if (status == SS_OK)
        status = remote_get(r, &upload, &err, "/uploads/%lld", (long long)id);
    if (status != SS_OK)
        result = remote_fail(&err);
    else if (args->options[OPT_NO_WAIT] && !args->options[OPT_JSON])
        printf("upload %lld\n", (long long)id);
    else
        result = print_verdict(args, job, json_incref(upload));
    json_decref(upload);
    remote_close(r);
    return result;
}

static int upload_sealed(const struct cli_args *args)
{
    struct job job = {.encrypted = NULL};
    struct ss_error err = {0};
    const char *certificate =
        args->options[OPT_UPLOAD_KEY] ? args->options[OPT_UPLOAD_KEY] : getenv("SLOTSEAL_UPLOAD_KEY");
    int result = CLI_OK;
    if (args->operand_count != 1 || !args->options[OPT_RELEASE])
        return cli_usage("slotseal release sign makes the statement",
                         "release upload takes one image and --release FILE");
    if (!certificate || !*certificate)
        return cli_usage("--upload-key FILE, or set SLOTSEAL_UPLOAD_KEY", "to which sealer is it encrypted?");
    ss_status_t status = prepare(args, certificate, &job, &err);
    if (status != SS_OK) {
        cli_fail(&err);
        result = status == SS_ERROR_DATA_CORRUPT ? CLI_REFUSED : CLI_FAILED;
    } else if (!args->options[OPT_DRY_RUN]) {
        result = send_sealed(args, &job);
    } else if (args->options[OPT_JSON]) {
        result = json_print(json_pack("{s:b, s:s, s:s, s:I}", "dry_run", true, "product", job.product, "version",
                                      job.version, "length", (json_int_t)job.len),
                            CLI_OK);
    } else {
        printf("%s %s would be uploaded, %zu bytes encrypted\n", job.product, job.version, job.len);
    }
    release_file_free(&job.file);
    file_free(&job.certificate);
    free(job.encrypted);
    return result;
}

// Opaque

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static ss_status_t upload_file(struct remote *r, const char *path, json_t *files, struct ss_error *err)
{
    struct input in = {0};
    json_int_t id;
    ss_status_t status = file_read(path, OPAQUE_LIMIT, &in, err);
    if (status == SS_OK && !in.len)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_FILE, "%s is empty", in.name);
    if (status == SS_OK)
        status = remote_upload(r, "opaque", path, in.data, in.len, &id, err);
    if (status == SS_OK &&
        json_array_append_new(files, json_pack("{s:s, s:I}", "file", base_name(path), "upload", id)) != 0)
        status = ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_FILE, "%s: the name is not UTF-8", path);
    file_free(&in);
    return status;
}

static int send_opaque(const struct cli_args *args, struct remote *r)
{
    struct ss_error err = {0};
    json_t *files = json_array(), *answer;
    ss_status_t status =
        files ? SS_OK : ss_error_set(&err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_NONE, "out of memory");
    for (unsigned i = 0; i < args->operand_count && status == SS_OK; i++)
        status = upload_file(r, args->operands[i], files, &err);
    if (status != SS_OK) {
        json_decref(files);
        return remote_fail(&err);
    }
    const struct remote_request q = {.method = "POST",
                                     .path = "/releases",
                                     .json = json_pack("{s:s, s:s, s:o}", "product", args->options[OPT_PRODUCT],
                                                       "version", args->options[OPT_VERSION], "files", files)};
    if (remote_ask(r, &q, &answer, NULL, &err) != SS_OK)
        return remote_fail(&err);
    if (args->options[OPT_JSON])
        return json_print(answer, CLI_OK);
    printf("%s %s is release %lld\n", remote_text(answer, "product"), remote_text(answer, "version"),
           (long long)remote_number(answer, "id"));
    json_decref(answer);
    return CLI_OK;
}

static int upload_opaque(const struct cli_args *args)
{
    struct remote *r;
    if (args->options[OPT_RELEASE] || args->options[OPT_UPLOAD_KEY])
        return cli_usage(NULL, "--opaque takes neither a statement nor an upload key: files are served as they are");
    if (!args->options[OPT_PRODUCT] || !args->options[OPT_VERSION])
        return cli_usage("--product NAME --release-version TEXT", "which release of which product is it?");
    if (!remote_name_ok("product", args->options[OPT_PRODUCT]))
        return CLI_USAGE;
    if (args->options[OPT_DRY_RUN])
        return cli_usage(NULL, "--dry-run checks what is sealed: there is nothing to check about opaque files");
    int result = remote_open(args, &r);
    if (result == CLI_OK)
        result = send_opaque(args, r);
    remote_close(r);
    return result;
}

static int run_upload(const struct cli_args *args)
{
    return args->options[OPT_OPAQUE] ? upload_opaque(args) : upload_sealed(args);
}

const struct cli_command command_release_upload = {
    .path = "release upload",
    .summary = "give a server a release",
    .description =
        "Image and release statement are encrypted here, to the upload key of the sealer: the server keeps bytes that "
        "it "
        "cannot read until the sealer has opened and checked them (exit status 3 if it refuses). An upload that was "
        "interrupted goes on where it was while this runs; nothing is sent twice.\n\n"
        "Take the certificate of the upload key from whoever runs the sealer, not from the server.\n\n"
        "With --opaque, files are stored as they are and served to the devices of an opaque product.",
    .operands = "FILE [FILE]...",
    .options = upload_options,
    .example = "slotseal release upload firmware.bin --release firmware.release \\\n"
               "    --upload-key sealer.crt --server https://up.example.com \\\n"
               "    --token-file operator.token\n"
               "slotseal release upload fw.swu --opaque --product gateway \\\n"
               "    --release-version 2.1 --server https://up.example.com \\\n"
               "    --token-file operator.token\n",
    .run = run_upload,
};

// What is there

/// An opaque one has no length of its own: its files have.
static void print_release(const json_t *release, bool first)
{
    char length[24] = "-";
    if (remote_number(release, "length"))
        snprintf(length, sizeof length, "%lld", (long long)remote_number(release, "length"));
    if (first)
        printf("%-24s %-24s %-8s %-8s %10s  %-20s %s\n", "PRODUCT", "VERSION", "KIND", "STATE", "BYTES", "CREATED",
               "OPERATOR");
    printf("%-24s %-24s %-8s %-8s %10s  ", remote_text(release, "product"), remote_text(release, "version"),
           remote_text(release, "kind"), remote_text(release, "state"), length);
    printf("%-20s %s\n", remote_time(release, "created"), remote_text(release, "operator"));
}

int remote_release_list(const struct cli_args *args)
{
    struct remote *r;
    struct ss_error err = {0};
    json_t *answer, *release;
    size_t i;
    const char *product = args->options[OPT_PRODUCT];
    if (product && !remote_name_ok("product", product))
        return CLI_USAGE;
    int result = remote_open(args, &r);
    if (result != CLI_OK)
        return result;
    if (remote_get(r, &answer, &err, "/releases%s%s", product ? "?product=" : "", product ? product : "") != SS_OK) {
        result = remote_fail(&err);
    } else if (args->options[OPT_JSON]) {
        result = json_print(answer, CLI_OK);
    } else {
        json_array_foreach(json_object_get(answer, "releases"), i, release) print_release(release, i == 0);
        json_decref(answer);
    }
    remote_close(r);
    return result;
}

// Opaque products

static const struct cli_option product_options[] = {
    OPTIONS_SERVER,
    OPTION_JSON,
    OPTION_END,
};

static int run_product(const struct cli_args *args)
{
    struct remote *r;
    char path[96];
    struct ss_error err = {0};
    json_t *answer;
    if (!remote_name_ok("product", args->operands[0]))
        return CLI_USAGE;
    int result = remote_open(args, &r);
    if (result != CLI_OK)
        return result;
    snprintf(path, sizeof path, "/products/%s", args->operands[0]);
    const struct remote_request q = {.method = "PUT", .path = path, .json = json_pack("{s:s}", "kind", "opaque")};
    if (remote_ask(r, &q, &answer, NULL, &err) != SS_OK) {
        result = remote_fail(&err);
    } else if (args->options[OPT_JSON]) {
        result = json_print(answer, CLI_OK);
    } else {
        printf("%s is opaque\n", args->operands[0]);
        json_decref(answer);
    }
    remote_close(r);
    return result;
}

const struct cli_command command_product_opaque = {
    .path = "product opaque",
    .summary = "make a product whose files a server serves as they are",
    .description =
        "For stock DDI clients. Nothing protects its files but TLS; a product that has sealed devices cannot "
        "become one.",
    .operands = "NAME",
    .options = product_options,
    .example = "slotseal product opaque gateway --server https://up.example.com \\\n"
               "    --token-file operator.token\n",
    .run = run_product,
};
