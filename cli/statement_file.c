// SPDX-License-Identifier: Apache-2.0
#include "statement_file.h"

#include "core/hex.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/// Above any statement, so that the parser says what is too long.
enum { STATEMENT_FILE_LIMIT = 64 << 10 };

ss_status_t statement_read(const char *path, struct statement_file *file, struct ss_error *err)
{
    struct ss_refusal why = {SS_REASON_NONE, 0};
    ss_status_t status = file_read(path, STATEMENT_FILE_LIMIT, &file->in, err);
    if (status != SS_OK)
        return status;
    status = ss_statement_parse(file->in.data, file->in.len, &file->statement, &why);
    if (status == SS_OK)
        status = ss_statement_fields_parse(&file->statement, &file->as, &why);
    if (status == SS_OK)
        return SS_OK;
    return ss_error_set(err, status, SS_AREA_STATEMENT, "%s: this is no statement: it %s, at byte %u", file->in.name,
                        ss_reason_text(why.reason), why.offset);
}

ss_status_t statement_read_kind(const char *path, enum ss_statement_kind kind, struct statement_file *file,
                                struct ss_error *err)
{
    ss_status_t status = statement_read(path, file, err);
    if (status == SS_OK && file->statement.kind != kind)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_STATEMENT,
                            "%s: this is a %s statement, needed is a %s statement", file->in.name,
                            ss_statement_kind_name(file->statement.kind), ss_statement_kind_name(kind));
    return status;
}

ss_status_t statement_key_id(const uint8_t *key, char text[2 * SS_KEY_ID_SIZE + 1], struct ss_error *err)
{
    uint8_t id[SS_KEY_ID_SIZE];
    ss_status_t status = ss_key_id(key, id);
    if (status != SS_OK)
        return ss_error_set(err, status, SS_AREA_STATEMENT, "cannot hash the key");
    ss_put_hex(id, sizeof id, text);
    return SS_OK;
}

bool cli_time(const char *text, uint64_t *out)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"};
    if (cli_number(text, SS_STATEMENT_INT_MAX, out))
        return *out > 0;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, formats[i], &tm);
        if (!end || *end)
            continue;
        struct tm asked = tm;
        time_t time = timegm(&tm);
        *out = (uint64_t)time;
        // timegm() makes the 3rd of March of the 31st of February.
        return time > 0 && tm.tm_mday == asked.tm_mday && tm.tm_mon == asked.tm_mon;
    }
    return false;
}

bool cli_option_time(const struct cli_args *args, const struct cli_option *options, enum cli_option_id id,
                     uint64_t fallback, uint64_t *out)
{
    *out = fallback;
    if (!args->options[id] || cli_time(args->options[id], out))
        return true;
    while (options->id != id)
        options++;
    cli_usage("for example 2027-01-31, 2027-01-31T08:00:00Z, or seconds since 1970", "--%s %s is not a point in time",
              options->name, args->options[id]);
    return false;
}
