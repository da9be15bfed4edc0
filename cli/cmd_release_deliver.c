// SPDX-License-Identifier: Apache-2.0
// Delivery statements made by hand, from files.
#include <string.h>

#include "commands.h"
#include "signing.h"
#include "slotseal/content.h"
#include "statement_file.h"
#include "table_file.h"

static const struct cli_option deliver_options[] = {
    {OPT_KEY, "key", 'k', true, "KEY", "private delivery key: PEM file, pkcs11:URI, vault:NAME", NULL, COMPLETE_FILE},
    {OPT_KEY_SET, "key-set", 0, true, "FILE", "the key set in force, which gives the key its epoch", NULL,
     COMPLETE_FILE},
    {OPT_RELEASE, "release", 0, true, "FILE", "release statement of what was sealed", NULL, COMPLETE_FILE},
    {OPT_DEVICE, "device", 'd', true, "ID", "the device that it is sealed for", NULL, COMPLETE_NOTHING},
    {OPT_TABLE, "table", 't', true, "FILE", "partition table of the device", NULL, COMPLETE_FILE},
    {OPT_SLOT, "slot", 's', true, "NAME", "the slot that it is sealed for: ota_0, ota_1, ...", NULL, COMPLETE_NOTHING},
    {OPT_SEQUENCE, "sequence", 0, true, "N", "number of the delivery, above the device's last", NULL, COMPLETE_NOTHING},
    {OPT_EXPIRES, "expires", 0, false, "TIME", "valid until (no end)", NULL, COMPLETE_NOTHING},
    OPTION_TABLE_OFFSET,
    OPTION_RULES,
    OPTION_CHIP,
    OPTION_OUTPUT,
    OPTION_END,
};

struct deliver_job {
    struct input in, key_file, table_file;
    struct statement_file key_set, release;
    ss_signing_key_t *key;
    struct ss_delivery delivery;
    uint8_t reference[SS_STATEMENT_DIGEST_SIZE], digests[SS_WINDOWS_MAX * SS_STATEMENT_DIGEST_SIZE];
};

static int deliver_numbers(const struct cli_args *args, struct ss_delivery *d)
{
    const char *device = args->options[OPT_DEVICE];
    size_t len = strlen(device);
    if (!cli_option_number(args, deliver_options, OPT_SEQUENCE, SS_STATEMENT_INT_MAX, 0, &d->sequence) ||
        !cli_option_time(args, deliver_options, OPT_EXPIRES, 0, &d->expiry))
        return CLI_USAGE;
    if (d->sequence == 0)
        return cli_usage(NULL, "--sequence counts from 1");
    if (len == 0 || len > SS_DEVICE_ID_MAX || ss_name_prefix((const uint8_t *)device, len) != len)
        return cli_usage(NULL, "--device has 1 to %u letters, digits, '.', '_' or '-'", SS_DEVICE_ID_MAX);
    d->device = ss_span_of(device);
    return CLI_OK;
}

static int deliver_slot(const struct cli_args *args, struct deliver_job *job)
{
    struct ss_table_options options;
    struct ss_partition_table table;
    struct ss_error err = {0};
    int result = table_options(args, deliver_options, &options);
    if (result != CLI_OK)
        return result;
    if (table_load(args->options[OPT_TABLE], &options, &job->table_file, &table, &err) != SS_OK)
        return cli_fail(&err);
    const struct ss_partition *row = ss_table_find(&table, args->options[OPT_SLOT]);
    if (!row || ss_partition_ota_slot(row) < 0) {
        cli_error("the table has no OTA slot %s", args->options[OPT_SLOT]);
        return CLI_FAILED;
    }
    job->delivery.slot_address = row->offset;
    job->delivery.slot_size = row->size;
    return CLI_OK;
}

/// The epoch is that of the key in the key set.
static ss_status_t deliver_key(const struct cli_args *args, struct deliver_job *job, struct ss_error *err)
{
    uint8_t id[SS_KEY_ID_SIZE], raw[SS_STATEMENT_KEY_SIZE];
    struct ss_signer who;
    ss_status_t status = statement_read_kind(args->options[OPT_KEY_SET], SS_STATEMENT_KEY_SET, &job->key_set, err);
    if (status == SS_OK)
        status =
            signing_key_to_sign(args, args->options[OPT_KEY], "delivery statement", &job->key_file, &job->key, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(job->key, raw, err);
    if (status != SS_OK)
        return status;
    status = ss_key_id(raw, id);
    if (status == SS_OK)
        status = ss_key_set_find(&job->key_set.as.key_set, id, &who);
    if (status == SS_ERROR_DOES_NOT_EXIST || (status == SS_OK && who.role != SS_ROLE_DELIVERY))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_STATEMENT, "%s is no delivery key of %s",
                            job->key_file.name, job->key_set.in.name);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash the key");
    job->delivery.epoch = who.epoch;
    return SS_OK;
}

static bool is_plaintext(const struct input *in)
{
    enum ss_content content = ss_content_classify(in->data, in->len);
    return content == SS_CONTENT_IMAGE || content == SS_CONTENT_IMAGE_V1 || content == SS_CONTENT_IMAGE_V2;
}

static ss_status_t deliver_release(const struct cli_args *args, struct deliver_job *job, struct ss_error *err)
{
    const struct ss_release *r = &job->release.as.release;
    ss_status_t status = statement_read_kind(args->options[OPT_RELEASE], SS_STATEMENT_RELEASE, &job->release, err);
    if (status == SS_OK)
        status = file_read(args->operands[0], FILE_LIMIT, &job->in, err);
    if (status == SS_OK && (status = ss_statement_reference(&job->release.statement, job->reference)) != SS_OK)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash the release statement");
    if (status != SS_OK)
        return status;
    if (is_plaintext(&job->in))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_STATEMENT, "%s is a plaintext image: seal it first",
                            job->in.name);
    struct ss_delivery *d = &job->delivery;
    d->release = job->reference;
    d->length = (uint32_t)job->in.len;
    d->window = ss_window_size(d->slot_size);
    d->digests = job->digests;
    if (job->in.len > d->slot_size)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_STATEMENT, "%s is %zu bytes, slot %s holds %u",
                            job->in.name, job->in.len, args->options[OPT_SLOT], (unsigned)d->slot_size);
    if (job->in.len < ss_release_file_len(r) || job->in.len - ss_release_file_len(r) >= SS_WINDOW_UNIT)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_STATEMENT,
                            "%s is %zu bytes, the sealed image of this release has %u", job->in.name, job->in.len,
                            (unsigned)ss_release_file_len(r));
    status = ss_window_digests(job->in.data, job->in.len, d->window, job->digests, &d->windows);
    return status == SS_OK ? SS_OK : ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash %s", job->in.name);
}

static int deliver(const struct cli_args *args, struct deliver_job *job)
{
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    struct ss_error err = {0};
    const struct input *inputs[] = {&job->in,         &job->key_file,   &job->table_file,
                                    &job->key_set.in, &job->release.in, NULL};
    int result = deliver_numbers(args, &job->delivery);
    if (result == CLI_OK)
        result = deliver_slot(args, job);
    if (result != CLI_OK)
        return result;
    ss_status_t status = deliver_key(args, job, &err);
    if (status == SS_OK)
        status = deliver_release(args, job, &err);
    if (status == SS_OK)
        status = ss_delivery_sign(&job->delivery, job->key, out, sizeof out, &len, &err);
    if (status == SS_OK)
        status = file_write(args->options[OPT_OUTPUT], OUTPUT_PUBLIC, out, len, inputs, &err);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

static int run_deliver(const struct cli_args *args)
{
    struct deliver_job job = {0};
    int status = deliver(args, &job);
    ss_signing_key_free(job.key);
    struct input *inputs[] = {&job.in, &job.key_file, &job.table_file, &job.key_set.in, &job.release.in};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        file_free(inputs[i]);
    return status;
}

const struct cli_command command_release_deliver = {
    .path = "release deliver",
    .summary = "sign the statement that goes with a sealed image",
    .description =
        "For updates that are carried to the device by hand or by a server of your own: device, slot and the "
        "digests of the sealed image, signed with a delivery key. The device compares them while it writes, "
        "and takes each sequence number once.",
    .operands = "SEALED",
    .options = deliver_options,
    .example = "slotseal release deliver update.bin --release firmware.release \\\n"
               "    --key delivery.pem --key-set fleet.keys --device 240ac4123456 \\\n"
               "    --table partitions.csv --slot ota_1 --sequence 8 -o update.delivery\n",
    .run = run_deliver,
};
