// SPDX-License-Identifier: Apache-2.0
#include "vault/quota.h"

#include <stdio.h>
#include <string.h>

#include "vault/internal.h"

#define LIMIT_MAX ((uint64_t)1 << 62)

struct quota_work {
    const char *station, *device;
    uint64_t limit;
    struct ss_vault_quota quota;
};

static ss_status_t set(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct quota_work *w = context;
    char detail[48];
    ss_status_t status = ss_sql_run(vault->db, err, "DELETE FROM quotas WHERE station = $1", ss_sql_text(w->station));
    if (status == SS_OK)
        status = ss_sql_run(vault->db, err, "INSERT INTO quotas (station, devices) VALUES ($1, $2)",
                            ss_sql_text(w->station), ss_sql_int((int64_t)w->limit));
    snprintf(detail, sizeof detail, "%llu devices", (unsigned long long)w->limit);
    return status == SS_OK ? ss_audit_append(vault, SS_AUDIT_QUOTA, w->station, detail, err) : status;
}

ss_status_t ss_vault_quota_set(struct ss_vault *vault, const char *station, uint64_t limit, struct ss_error *err)
{
    struct quota_work w = {.station = station, .limit = limit};
    ss_status_t status = ss_vault_check_name("name of the station", station, err);
    if (status == SS_OK && limit > LIMIT_MAX)
        status = ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "a quota of %llu devices",
                              (unsigned long long)limit);
    return status == SS_OK ? ss_vault_write(vault, "quota-set", set, &w, err) : status;
}

static ss_status_t read_number(struct ss_sql_rows *rows, ss_status_t status, bool *row, uint64_t *out,
                               struct ss_error *err)
{
    *row = false;
    if (status == SS_OK)
        status = ss_sql_next(rows, row, err);
    *out = status == SS_OK && *row ? (uint64_t)ss_sql_column_int(rows, 0) : 0;
    ss_sql_end(rows);
    return status;
}

static ss_status_t get(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct quota_work *w = context;
    struct ss_sql_rows *rows;
    bool row;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err, "SELECT devices FROM quotas WHERE station = $1", ss_sql_text(w->station));
    status = read_number(rows, status, &w->quota.limited, &w->quota.limit, err);
    if (status != SS_OK)
        return status;
    status = ss_sql_select(vault->db, &rows, err, "SELECT count(*) FROM quota_uses WHERE station = $1",
                           ss_sql_text(w->station));
    return read_number(rows, status, &row, &w->quota.used, err);
}

ss_status_t ss_vault_quota_get(struct ss_vault *vault, const char *station, struct ss_vault_quota *quota,
                               struct ss_error *err)
{
    struct quota_work w = {.station = station};
    ss_status_t status = ss_vault_check_name("name of the station", station, err);
    if (status == SS_OK)
        status = ss_vault_read(vault, get, &w, err);
    *quota = status == SS_OK ? w.quota : (struct ss_vault_quota){0};
    return status;
}

static ss_status_t take(struct ss_vault *vault, void *context, struct ss_error *err)
{
    struct quota_work *w = context;
    struct ss_sql_rows *rows;
    bool row;
    uint64_t known;
    w->quota = (struct ss_vault_quota){0};
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err, "SELECT 1 FROM quota_uses WHERE device = $1", ss_sql_text(w->device));
    status = read_number(rows, status, &row, &known, err);
    if (status != SS_OK || row)
        return status;
    status = get(vault, w, err);
    if (status == SS_OK && w->quota.limited && w->quota.used >= w->quota.limit)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "the quota of station %s is spent: %llu of %llu devices", w->station,
                            (unsigned long long)w->quota.used, (unsigned long long)w->quota.limit);
    return status == SS_OK
               ? ss_sql_run(vault->db, err, "INSERT INTO quota_uses (device, station, time) VALUES ($1, $2, $3)",
                            ss_sql_text(w->device), ss_sql_text(w->station), ss_sql_int(ss_vault_now()))
               : status;
}

ss_status_t ss_vault_quota_take(struct ss_vault *vault, const char *station, const char *device, struct ss_error *err)
{
    struct quota_work w = {.station = station, .device = device};
    ss_status_t status = ss_vault_check_name("name of the station", station, err);
    if (status == SS_OK)
        status = ss_vault_check_name("id of the device", device, err);
    return status == SS_OK ? ss_vault_write(vault, "quota-take", take, &w, err) : status;
}

struct article {
    const char *recipe, *device;
};

static ss_status_t check_recipe(const char *recipe, struct ss_error *err)
{
    if (strlen(recipe) == SS_VAULT_RECIPE_SIZE - 1 && strspn(recipe, "0123456789abcdef") == SS_VAULT_RECIPE_SIZE - 1)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "a recipe is 64 lower-case hex digits");
}

static ss_status_t get_article(struct ss_vault *vault, const char *recipe, char device[SS_VAULT_NAME_SIZE], bool *found,
                               struct ss_error *err)
{
    struct ss_sql_rows *rows;
    *found = false;
    ss_status_t status = ss_sql_select(vault->db, &rows, err, "SELECT device FROM first_articles WHERE recipe = $1",
                                       ss_sql_text(recipe));
    if (status == SS_OK)
        status = ss_sql_next(rows, found, err);
    *device = '\0';
    if (status == SS_OK && *found)
        ss_sql_column_text(rows, 0, device, SS_VAULT_NAME_SIZE);
    ss_sql_end(rows);
    return status;
}

static ss_status_t set_article(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct article *a = context;
    char device[SS_VAULT_NAME_SIZE];
    bool found;
    ss_status_t status = get_article(vault, a->recipe, device, &found, err);
    if (status != SS_OK || found)
        return status;
    return ss_sql_run(vault->db, err, "INSERT INTO first_articles (recipe, device, time) VALUES ($1, $2, $3)",
                      ss_sql_text(a->recipe), ss_sql_text(a->device), ss_sql_int(ss_vault_now()));
}

ss_status_t ss_vault_first_article_set(struct ss_vault *vault, const char *recipe, const char *device,
                                       struct ss_error *err)
{
    struct article a = {recipe, device};
    ss_status_t status = check_recipe(recipe, err);
    if (status == SS_OK)
        status = ss_vault_check_name("id of the device", device, err);
    return status == SS_OK ? ss_vault_write(vault, "first-article", set_article, &a, err) : status;
}

ss_status_t ss_vault_first_article_get(struct ss_vault *vault, const char *recipe, char device[SS_VAULT_NAME_SIZE],
                                       struct ss_error *err)
{
    bool found;
    ss_status_t status = check_recipe(recipe, err);
    if (status == SS_OK)
        status = get_article(vault, recipe, device, &found, err);
    if (status == SS_OK && !found)
        status =
            ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "no device has been made by this recipe yet");
    return status;
}
