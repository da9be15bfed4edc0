// SPDX-License-Identifier: Apache-2.0
// Statements: what they say, and whether to believe it.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "json.h"
#include "signing.h"
#include "slotseal/canonical.h"
#include "statement_file.h"
#include "table_file.h"

static const struct cli_option show_options[] = {OPTION_JSON, OPTION_END};

static int run_show(const struct cli_args *args)
{
    struct statement_file file = {0};
    struct ss_error err = {0};
    int status = CLI_OK;
    if (statement_read(args->operands[0], &file, &err) != SS_OK) {
        status = cli_fail(&err);
    } else if (args->options[OPT_JSON]) {
        status = json_print(statement_json(&file), CLI_OK);
    } else {
        json_t *object = statement_json(&file);
        statement_print(object);
        json_decref(object);
    }
    file_free(&file.in);
    return status;
}

const struct cli_command command_statement_show = {
    .path = "statement show",
    .summary = "show what a statement says",
    .description = "Release, delivery, key set, rollout and freshness statements. Nothing is verified but the roots' "
                   "signatures of a key set; `slotseal statement verify` says whether to believe it.",
    .operands = "FILE",
    .options = show_options,
    .example = "slotseal statement show firmware.release\n",
    .run = run_show,
};

static const struct cli_option verify_options[] = {
    {OPT_KEY_SET, "key-set", 0, false, "FILE", "the key set in force", NULL, COMPLETE_FILE},
    {OPT_PREVIOUS, "previous-key-set", 0, false, "FILE", "the one before it", NULL, COMPLETE_FILE},
    {OPT_KEY, "key", 'k', false, "FILE", "instead: this public key alone, for no particular role", NULL, COMPLETE_FILE},
    {OPT_TIME, "time", 0, false, "TIME", "as if it were then (now)", NULL, COMPLETE_NOTHING},
    {OPT_IMAGE, "image", 0, false, "FILE", "release: it must be of this image", NULL, COMPLETE_FILE},
    {OPT_RELEASE, "release", 0, false, "FILE", "delivery, rollout: it must be of this release", NULL, COMPLETE_FILE},
    {OPT_SEALED, "sealed", 0, false, "FILE", "delivery: it must be of this sealed image", NULL, COMPLETE_FILE},
    {OPT_DEVICE, "device", 'd', false, "ID", "delivery, freshness: it must be for this device", NULL, COMPLETE_NOTHING},
    {OPT_TABLE, "table", 't', false, "FILE", "delivery: partition table of --slot", NULL, COMPLETE_FILE},
    {OPT_SLOT, "slot", 's', false, "NAME", "delivery: it must be for this slot", NULL, COMPLETE_NOTHING},
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    OPTION_CHIP,
    OPTION_JSON,
    OPTION_END,
};

struct verify_job {
    const struct cli_args *args;
    struct statement_file file, current, previous, release;
    struct input other, key_file, table_file;
    ss_signing_key_t *key;
    struct ss_key_ring ring;
    struct ss_signer signer;
    uint64_t now;
    const char *reason; ///< name of the refusal; NULL while there is none
};

/// A refusal is a result; anything else that is not SS_OK is a failure.
static ss_status_t refuse(struct verify_job *job, ss_status_t status, enum ss_statement_kind kind,
                          const struct ss_refusal *why, struct ss_error *err)
{
    if (status != SS_OK && why->reason != SS_REASON_NONE)
        job->reason = ss_reason_name(why->reason);
    return status == SS_OK ? SS_OK : ss_refusal_error(err, status, kind, why);
}

static ss_status_t refuse_file(struct verify_job *job, const char *reason, const char *message, struct ss_error *err)
{
    job->reason = reason;
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_STATEMENT, "%s", message);
}

/// A key set that vouches for others has to be one: signed by enough of its own roots.
static ss_status_t load_key_set(const char *path, struct statement_file *file, const struct ss_key_set **set,
                                struct ss_error *err)
{
    struct ss_refusal why;
    ss_status_t status = statement_read_kind(path, SS_STATEMENT_KEY_SET, file, err);
    if (status != SS_OK)
        return status;
    *set = &file->as.key_set;
    status = ss_key_set_check_roots(&file->statement, &file->as.key_set, &why);
    if (status == SS_OK)
        return SS_OK;
    status = ss_refusal_error(err, status, SS_STATEMENT_KEY_SET, &why);
    return ss_error_prefix(err, status, "%s", file->in.name);
}

static ss_status_t load_ring(struct verify_job *job, struct ss_error *err)
{
    const char *current = job->args->options[OPT_KEY_SET], *previous = job->args->options[OPT_PREVIOUS];
    ss_status_t status = current ? load_key_set(current, &job->current, &job->ring.current, err) : SS_OK;
    if (status == SS_OK && previous)
        status = load_key_set(previous, &job->previous, &job->ring.previous, err);
    if (status == SS_OK && job->args->options[OPT_KEY])
        status = signing_key_read(job->args->options[OPT_KEY], &job->key_file, &job->key, err);
    return status;
}

static ss_status_t verify_signer(struct verify_job *job, const struct statement_file *file, struct ss_signer *signer,
                                 struct ss_error *err)
{
    uint8_t raw[SS_STATEMENT_KEY_SIZE];
    struct ss_refusal why = {SS_REASON_NONE, 0};
    ss_status_t status;
    if (!job->ring.current) {
        status = ss_signing_key_raw_public(job->key, raw, err);
        if (status != SS_OK)
            return status;
        status = ss_statement_verify(&file->statement, raw, &why);
        if (status == SS_ERROR_DOES_NOT_EXIST)
            return refuse_file(job, ss_reason_name(why.reason), "it is signed by another key", err);
    } else {
        status = ss_key_ring_verify(&job->ring, &file->statement, job->now, signer, &why);
    }
    return refuse(job, status, file->statement.kind, &why, err);
}

static ss_status_t verify_key_set(struct verify_job *job, struct ss_error *err)
{
    struct ss_refusal why;
    const struct ss_key_set *set = &job->file.as.key_set;
    ss_status_t status = job->ring.current ? ss_key_set_check_next(&job->file.statement, set, job->ring.current, &why)
                                           : ss_key_set_check_roots(&job->file.statement, set, &why);
    return refuse(job, status, SS_STATEMENT_KEY_SET, &why, err);
}

static ss_status_t compare_image(struct verify_job *job, struct ss_error *err)
{
    uint8_t digest[SS_CANONICAL_DIGEST_SIZE];
    const struct ss_release *release = &job->file.as.release;
    if (!job->args->options[OPT_IMAGE])
        return SS_OK;
    ss_status_t status = file_read(job->args->options[OPT_IMAGE], FILE_LIMIT, &job->other, err);
    if (status == SS_OK)
        status = ss_canonical_digest(job->other.data, job->other.len, release->vk_offset, digest, err);
    if (status == SS_OK && memcmp(digest, release->digest, sizeof digest) != 0)
        return refuse_file(job, "image", "release statement is of another image", err);
    return status;
}

static ss_status_t compare_sealed(struct verify_job *job, struct ss_error *err)
{
    uint8_t digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE], windows;
    const struct ss_delivery *d = &job->file.as.delivery;
    if (!job->args->options[OPT_SEALED])
        return SS_OK;
    ss_status_t status = file_read(job->args->options[OPT_SEALED], FILE_LIMIT, &job->other, err);
    if (status != SS_OK)
        return status;
    if (job->other.len != d->length)
        return refuse_file(job, "sealed", "delivery statement is of a sealed image of another length", err);
    status = ss_window_digests(job->other.data, job->other.len, d->window, digests, &windows);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash %s", job->other.name);
    for (unsigned i = 0; i < windows; i++)
        if (memcmp(digests + i * SS_STATEMENT_DIGEST_SIZE, d->digests + i * SS_STATEMENT_DIGEST_SIZE,
                   SS_STATEMENT_DIGEST_SIZE) != 0) {
            job->reason = "sealed";
            return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_STATEMENT,
                                "window %u of the sealed image, at 0x%x, is another than the delivery statement says",
                                i, i * d->window);
        }
    return SS_OK;
}

static ss_status_t load_release(struct verify_job *job, uint8_t reference[SS_STATEMENT_DIGEST_SIZE],
                                struct ss_error *err)
{
    struct ss_signer signer;
    ss_status_t status = statement_read_kind(job->args->options[OPT_RELEASE], SS_STATEMENT_RELEASE, &job->release, err);
    if (status == SS_OK && job->ring.current)
        status = verify_signer(job, &job->release, &signer, err);
    if (status == SS_OK && (status = ss_statement_reference(&job->release.statement, reference)) != SS_OK)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash the release statement");
    return status;
}

static ss_status_t find_slot(struct verify_job *job, struct ss_device_view *view, struct ss_error *err)
{
    struct ss_table_options options;
    struct ss_partition_table table;
    if (table_options(job->args, verify_options, &options) != CLI_OK)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_STATEMENT, "cannot read the table");
    ss_status_t status = table_load(job->args->options[OPT_TABLE], &options, &job->table_file, &table, err);
    if (status != SS_OK)
        return status;
    const struct ss_partition *row = ss_table_find(&table, job->args->options[OPT_SLOT]);
    if (!row)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_STATEMENT, "the table has no partition %s",
                            job->args->options[OPT_SLOT]);
    view->slot_address = row->offset;
    view->slot_size = row->size;
    return SS_OK;
}

/// The device's own check. What was not given is taken from the statement, so that it cannot be a reason.
static ss_status_t verify_delivery(struct verify_job *job, struct ss_error *err)
{
    const struct ss_delivery *d = &job->file.as.delivery;
    uint8_t reference[SS_STATEMENT_DIGEST_SIZE];
    const char *device = job->args->options[OPT_DEVICE];
    struct ss_refusal why;
    struct ss_device_view view = {.device = device ? ss_span_of(device) : d->device,
                                  .epoch = d->epoch,
                                  .sequence = d->sequence - 1,
                                  .now = job->now,
                                  .slot_address = d->slot_address,
                                  .slot_size = d->slot_size};
    struct ss_release any = {.image_len = d->length, .scheme = SS_RELEASE_UNSIGNED};
    memcpy(reference, d->release, sizeof reference);
    ss_status_t status = job->args->options[OPT_RELEASE] ? load_release(job, reference, err) : SS_OK;
    if (status == SS_OK && job->args->options[OPT_SLOT])
        status = find_slot(job, &view, err);
    if (status != SS_OK)
        return status;
    status = ss_delivery_check(d, d->release, job->args->options[OPT_RELEASE] ? &job->release.as.release : &any,
                               reference, job->ring.current ? job->signer.epoch : d->epoch, &view, &why);
    status = refuse(job, status, SS_STATEMENT_DELIVERY, &why, err);
    return status == SS_OK ? compare_sealed(job, err) : status;
}

static ss_status_t verify_rollout(struct verify_job *job, struct ss_error *err)
{
    const struct ss_rollout *r = &job->file.as.rollout;
    uint8_t reference[SS_STATEMENT_DIGEST_SIZE];
    struct ss_refusal why;
    memcpy(reference, r->release, sizeof reference);
    ss_status_t status = job->args->options[OPT_RELEASE] ? load_release(job, reference, err) : SS_OK;
    if (status != SS_OK)
        return status;
    status = ss_rollout_check(r, r->product, reference, job->now, &why);
    return refuse(job, status, SS_STATEMENT_ROLLOUT, &why, err);
}

static ss_status_t verify_freshness(struct verify_job *job, struct ss_error *err)
{
    const struct ss_freshness *f = &job->file.as.freshness;
    const char *device = job->args->options[OPT_DEVICE];
    struct ss_refusal why;
    ss_status_t status =
        ss_freshness_check(f, f->product, device ? ss_span_of(device) : f->device, 0, job->now, 0, &why);
    return refuse(job, status, SS_STATEMENT_FRESHNESS, &why, err);
}

static ss_status_t verify(struct verify_job *job, struct ss_error *err)
{
    ss_status_t status = statement_read(job->args->operands[0], &job->file, err);
    if (status == SS_OK)
        status = load_ring(job, err);
    if (status != SS_OK)
        return status;
    enum ss_statement_kind kind = job->file.statement.kind;
    if (kind == SS_STATEMENT_KEY_SET)
        return verify_key_set(job, err);
    if (!job->ring.current && !job->key)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_STATEMENT,
                            "a %s statement is verified with --key-set FILE, or --key FILE",
                            ss_statement_kind_name(kind));
    status = verify_signer(job, &job->file, &job->signer, err);
    if (status != SS_OK)
        return status;
    return kind == SS_STATEMENT_RELEASE    ? compare_image(job, err)
           : kind == SS_STATEMENT_DELIVERY ? verify_delivery(job, err)
           : kind == SS_STATEMENT_ROLLOUT  ? verify_rollout(job, err)
                                           : verify_freshness(job, err);
}

static int print_verdict(const struct verify_job *job, const struct ss_error *err)
{
    const struct ss_statement *s = &job->file.statement;
    char shown[512];
    const char *kind = ss_statement_kind_name(s->kind);
    const char *role = job->signer.set ? ss_key_role_name(job->signer.role) : NULL;
    int status = job->reason ? CLI_REFUSED : CLI_OK;
    if (job->args->options[OPT_JSON])
        return json_print(
            json_pack("{s:b, s:o, s:o, s:s?, s:s?, s:o}", "valid", !job->reason, "kind", statement_json_kind(s->kind),
                      "key_id", s->key_id ? json_hex(s->key_id, SS_KEY_ID_SIZE) : json_null(), "role", role, "reason",
                      job->reason, "detail", job->reason ? json_text(err->message) : json_null()),
            status);
    if (job->reason)
        cli_error("%s: refused: %s", job->file.in.name, err->message);
    else
        printf("%s: the %s statement is valid%s%s%s\n", cli_shown(job->file.in.name, shown, sizeof shown), kind,
               role ? ", signed by a " : "", role ? role : "", role ? " key" : "");
    return status;
}

static int check_options(const struct cli_args *args)
{
    if (args->options[OPT_KEY] && args->options[OPT_KEY_SET])
        return cli_usage(NULL, "--key and --key-set exclude each other");
    if (args->options[OPT_PREVIOUS] && !args->options[OPT_KEY_SET])
        return cli_usage(NULL, "--previous-key-set needs --key-set");
    if (!args->options[OPT_SLOT] != !args->options[OPT_TABLE])
        return cli_usage(NULL, "--slot and --table belong together");
    return CLI_OK;
}

static int run_verify(const struct cli_args *args)
{
    struct verify_job job = {.args = args};
    struct ss_error err = {0};
    int status = check_options(args);
    if (status == CLI_OK && !cli_option_time(args, verify_options, OPT_TIME, (uint64_t)time(NULL), &job.now))
        status = CLI_USAGE;
    if (status == CLI_OK) {
        ss_status_t verdict = verify(&job, &err);
        status = verdict == SS_OK || job.reason ? print_verdict(&job, &err) : cli_fail(&err);
    }
    ss_signing_key_free(job.key);
    struct input *inputs[] = {&job.file.in, &job.current.in, &job.previous.in, &job.release.in,
                              &job.other,   &job.key_file,   &job.table_file};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        file_free(inputs[i]);
    return status;
}

const struct cli_command command_statement_verify = {
    .path = "statement verify",
    .summary = "verify a statement as a device or server would",
    .description =
        "Exit status 0: believe it. Exit status 3: refused, with the reason.\n\n"
        "With --key-set the signer must be a key of that set, or of the one before it while that is in force, and have "
        "the role that signs such statements. A key set is verified as successor of --key-set; without, as one that is "
        "built in: signed by enough of its own root keys.",
    .operands = "FILE",
    .options = verify_options,
    .example = "slotseal statement verify firmware.release --key-set fleet.keys\n"
               "slotseal statement verify update.delivery --key-set fleet.keys \\\n"
               "    --release firmware.release --sealed update.bin --device 240ac4123456\n",
    .run = run_verify,
};
