// SPDX-License-Identifier: Apache-2.0
// Key sets: made from keys, certificates and addresses, or from the set before.
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "core/certificate.h"
#include "statement_file.h"

static const struct cli_option new_options[] = {
    {OPT_PRODUCT, "product", 'p', false, "NAME", "product or fleet; letters, digits, . _ -", NULL, COMPLETE_NOTHING},
    {OPT_FROM, "from", 0, false, "FILE", "start from this key set: its next version", NULL, COMPLETE_FILE},
    {OPT_NUMBER, "number", 0, false, "N", "version of the key set (1, or one more than --from)", NULL,
     COMPLETE_NOTHING},
    {OPT_ROOT_KEYS, "root-keys", 0, false, "FILE,...", "public keys that sign key sets, at most 5", NULL,
     COMPLETE_FILE},
    {OPT_THRESHOLD, "threshold", 0, false, "M", "how many root keys must sign", NULL, COMPLETE_NOTHING},
    {OPT_RELEASE_KEYS, "release-keys", 0, false, "FILE,...", "public keys that sign releases, at most 4", NULL,
     COMPLETE_FILE},
    {OPT_DELIVERY_KEYS, "delivery-keys", 0, false, "FILE,...", "public keys that sign deliveries, at most 4", NULL,
     COMPLETE_FILE},
    {OPT_OPERATOR_KEYS, "operator-keys", 0, false, "FILE,...", "public keys that sign rollouts, at most 4", NULL,
     COMPLETE_FILE},
    {OPT_CA, "ca", 0, false, "FILE,...", "CA certificates of the servers, PEM or DER, at most 4", NULL, COMPLETE_FILE},
    {OPT_UPDATE_SERVER, "update-server", 0, false, "URL,...", "addresses of the servers, at most 4", NULL,
     COMPLETE_NOTHING},
    {OPT_NOT_BEFORE, "not-before", 0, false, "TIME", "in force from (at once)", NULL, COMPLETE_NOTHING},
    {OPT_NOT_AFTER, "not-after", 0, false, "TIME", "in force until (no end)", NULL, COMPLETE_NOTHING},
    {OPT_OVERLAP, "previous-until", 0, false, "TIME", "the set before it is in force until (ends at once)", NULL,
     COMPLETE_NOTHING},
    OPTION_OUTPUT,
    OPTION_END,
};

enum { MAX_FILES = SS_ROOT_KEYS_MAX + SS_RELEASE_KEYS_MAX + SS_DELIVERY_KEYS_MAX + SS_OPERATOR_KEYS_MAX + SS_CAS_MAX };

struct new_job {
    const struct cli_args *args;
    struct statement_file from;
    struct ss_key_set set;
    uint8_t keys[MAX_FILES][SS_STATEMENT_KEY_SIZE]; ///< where the set's keys and CA digests point to
    struct input files[MAX_FILES];
    unsigned file_count;
    char *lists[8]; ///< copies of options that are split
    unsigned list_count;
};

/// Splits the value of option @p id at its commas; NULL ends. The copy lives as long as the job.
static ss_status_t split(struct new_job *job, enum cli_option_id id, const char **items, unsigned max, unsigned *count,
                         struct ss_error *err)
{
    char *copy = strdup(job->args->options[id]);
    *count = 0;
    if (!copy)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_STATEMENT, "out of memory");
    job->lists[job->list_count++] = copy;
    for (char *rest = copy, *item; (item = strsep(&rest, ","));) {
        if (*count == max)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_STATEMENT, "more than %u in the list %s", max,
                                job->args->options[id]);
        items[(*count)++] = item;
    }
    return SS_OK;
}

static ss_status_t read_key(struct new_job *job, const char *path, const uint8_t **key, struct ss_error *err)
{
    ss_signing_key_t *loaded = NULL;
    uint8_t *raw = job->keys[job->file_count];
    struct input *file = &job->files[job->file_count++];
    ss_status_t status = file_read(path, SS_SIGNING_KEY_FILE_MAX, file, err);
    if (status == SS_OK)
        status = ss_signing_key_load(file->data, file->len, &loaded, err);
    if (status == SS_OK)
        status = ss_signing_key_raw_public(loaded, raw, err);
    ss_signing_key_free(loaded);
    *key = raw;
    return status == SS_OK ? SS_OK : ss_error_prefix(err, status, "%s", path);
}

/// A delivery key that the old set has keeps its epoch; all new ones share the next: their sequences start anew.
static uint32_t epoch_for(const struct new_job *job, const uint8_t *key)
{
    const struct ss_key_set *old = &job->from.as.key_set;
    for (unsigned i = 0; i < old->roles[SS_ROLE_DELIVERY].count; i++)
        if (memcmp(old->roles[SS_ROLE_DELIVERY].keys[i], key, SS_STATEMENT_KEY_SIZE) == 0)
            return old->epochs[i];
    return ss_key_set_highest_epoch(old) + 1;
}

static ss_status_t set_keys(struct new_job *job, enum cli_option_id id, enum ss_key_role role, unsigned max,
                            struct ss_error *err)
{
    const char *paths[SS_ROOT_KEYS_MAX];
    unsigned count;
    struct ss_role_keys *keys = &job->set.roles[role];
    if (!job->args->options[id])
        return SS_OK;
    ss_status_t status = split(job, id, paths, max, &count, err);
    keys->count = 0;
    for (unsigned i = 0; status == SS_OK && i < count; i++) {
        status = read_key(job, paths[i], &keys->keys[i], err);
        if (status == SS_OK && role == SS_ROLE_DELIVERY)
            job->set.epochs[i] = epoch_for(job, keys->keys[i]);
        keys->count++;
    }
    return status;
}

static ss_status_t certificate_digest(const struct input *file, uint8_t digest[SS_STATEMENT_DIGEST_SIZE],
                                      struct ss_error *err)
{
    ss_status_t status = ss_certificate_digest(file->data, file->len, digest);
    if (status == SS_OK)
        return SS_OK;
    return ss_error_set(err, status, SS_AREA_STATEMENT, "%s: this is no X.509 certificate", file->name);
}

static ss_status_t set_cas(struct new_job *job, struct ss_error *err)
{
    const char *paths[SS_CAS_MAX];
    unsigned count;
    if (!job->args->options[OPT_CA])
        return SS_OK;
    ss_status_t status = split(job, OPT_CA, paths, SS_CAS_MAX, &count, err);
    job->set.ca_count = 0;
    for (unsigned i = 0; status == SS_OK && i < count; i++) {
        uint8_t *digest = job->keys[job->file_count];
        struct input *file = &job->files[job->file_count++];
        status = file_read(paths[i], SS_SIGNING_KEY_FILE_MAX, file, err);
        if (status == SS_OK)
            status = certificate_digest(file, digest, err);
        job->set.cas[job->set.ca_count++] = digest;
    }
    return status;
}

static ss_status_t set_servers(struct new_job *job, struct ss_error *err)
{
    const char *urls[SS_SERVERS_MAX];
    unsigned count;
    if (!job->args->options[OPT_UPDATE_SERVER])
        return SS_OK;
    ss_status_t status = split(job, OPT_UPDATE_SERVER, urls, SS_SERVERS_MAX, &count, err);
    for (unsigned i = 0; status == SS_OK && i < count; i++) {
        if (strlen(urls[i]) == 0 || strlen(urls[i]) > SS_SERVER_MAX)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_STATEMENT,
                                "server address of %zu bytes, must have 1 to %u", strlen(urls[i]), SS_SERVER_MAX);
        job->set.servers[i] = ss_span_of(urls[i]);
    }
    job->set.server_count = (uint8_t)(status == SS_OK ? count : 0);
    return status;
}

static int set_numbers(struct new_job *job)
{
    const struct cli_args *args = job->args;
    struct ss_key_set *set = &job->set;
    uint64_t version = set->version, threshold = set->threshold;
    if (!cli_option_number(args, new_options, OPT_NUMBER, UINT32_MAX, version, &version) ||
        !cli_option_number(args, new_options, OPT_THRESHOLD, SS_ROOT_KEYS_MAX, threshold, &threshold) ||
        !cli_option_time(args, new_options, OPT_NOT_BEFORE, 0, &set->not_before) ||
        !cli_option_time(args, new_options, OPT_NOT_AFTER, 0, &set->not_after) ||
        !cli_option_time(args, new_options, OPT_OVERLAP, 0, &set->previous_until))
        return CLI_USAGE;
    set->version = (uint32_t)version;
    set->threshold = (uint8_t)threshold;
    if (args->options[OPT_PRODUCT] && strlen(args->options[OPT_PRODUCT]) > SS_PRODUCT_NAME_MAX)
        return cli_usage(NULL, "--product has %zu bytes, at most %u", strlen(args->options[OPT_PRODUCT]),
                         SS_PRODUCT_NAME_MAX);
    if (args->options[OPT_PRODUCT])
        set->product = ss_span_of(args->options[OPT_PRODUCT]);
    return CLI_OK;
}

static ss_status_t set_lists(struct new_job *job, struct ss_error *err)
{
    ss_status_t status = set_keys(job, OPT_ROOT_KEYS, SS_ROLE_ROOT, SS_ROOT_KEYS_MAX, err);
    if (status == SS_OK)
        status = set_keys(job, OPT_RELEASE_KEYS, SS_ROLE_RELEASE, SS_RELEASE_KEYS_MAX, err);
    if (status == SS_OK)
        status = set_keys(job, OPT_DELIVERY_KEYS, SS_ROLE_DELIVERY, SS_DELIVERY_KEYS_MAX, err);
    if (status == SS_OK)
        status = set_keys(job, OPT_OPERATOR_KEYS, SS_ROLE_OPERATOR, SS_OPERATOR_KEYS_MAX, err);
    if (status == SS_OK)
        status = set_cas(job, err);
    return status == SS_OK ? set_servers(job, err) : status;
}

static int start_from(struct new_job *job, struct ss_error *err)
{
    static const struct {
        enum cli_option_id id;
        const char *name;
    } needed[] = {{OPT_PRODUCT, "product"},
                  {OPT_ROOT_KEYS, "root-keys"},
                  {OPT_THRESHOLD, "threshold"},
                  {OPT_RELEASE_KEYS, "release-keys"},
                  {OPT_DELIVERY_KEYS, "delivery-keys"}};
    const char *from = job->args->options[OPT_FROM];
    job->set.version = 1;
    for (size_t i = 0; !from && i < sizeof needed / sizeof *needed; i++)
        if (!job->args->options[needed[i].id])
            return cli_usage("--from FILE takes what is not given from another key set", "a new key set needs --%s",
                             needed[i].name);
    if (!from)
        return CLI_OK;
    if (statement_read_kind(from, SS_STATEMENT_KEY_SET, &job->from, err) != SS_OK)
        return cli_fail(err);
    job->set = job->from.as.key_set;
    job->set.version++;
    job->set.not_before = job->set.not_after = job->set.previous_until = 0; // these are said anew each time
    return CLI_OK;
}

static int make_new(struct new_job *job)
{
    uint8_t out[SS_STATEMENT_MAX];
    size_t len;
    struct ss_error err = {0};
    const struct input *inputs[MAX_FILES + 2];
    int result = start_from(job, &err);
    if (result == CLI_OK)
        result = set_numbers(job);
    if (result != CLI_OK)
        return result;
    ss_status_t status = set_lists(job, &err);
    if (status == SS_OK)
        status = ss_key_set_encode(&job->set, out, sizeof out, &len, &err);
    for (unsigned i = 0; i < job->file_count; i++)
        inputs[i] = &job->files[i];
    inputs[job->file_count] = &job->from.in;
    inputs[job->file_count + 1] = NULL;
    if (status == SS_OK)
        status = file_write(job->args->options[OPT_OUTPUT], OUTPUT_PUBLIC, out, len, inputs, &err);
    return status == SS_OK ? CLI_OK : cli_fail(&err);
}

static int run_new(const struct cli_args *args)
{
    struct new_job *job = calloc(1, sizeof *job);
    struct ss_error err = {0};
    if (!job) {
        ss_error_set(&err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_STATEMENT, "out of memory");
        return cli_fail(&err);
    }
    job->args = args;
    int status = make_new(job);
    for (unsigned i = 0; i < job->file_count; i++)
        file_free(&job->files[i]);
    for (unsigned i = 0; i < job->list_count; i++)
        free(job->lists[i]);
    file_free(&job->from.in);
    free(job);
    return status;
}

const struct cli_command command_keyset_new = {
    .path = "keyset new",
    .summary = "make a key set, to be signed by its root keys",
    .description =
        "A key set names the keys that a fleet trusts, and its servers. It counts when enough of its root keys have "
        "signed it with `slotseal keyset sign`; a later version also needs enough of the root keys before it.\n\n"
        "--from takes over everything that is not given. Delivery keys that it has keep their epoch, new ones get the "
        "next: devices count their sequences from the start again. Only public keys are needed.",
    .options = new_options,
    .example = "slotseal keyset new --product thermostat \\\n"
               "    --root-keys a.pub,b.pub,c.pub --threshold 2 \\\n"
               "    --release-keys release.pub --delivery-keys delivery.pub \\\n"
               "    --update-server https://updates.example.com -o fleet.keys\n",
    .run = run_new,
};
