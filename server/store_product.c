// SPDX-License-Identifier: Apache-2.0
// Products: few, so that the cache holds all of them or none.
#include <stdlib.h>
#include <string.h>

#include "server/store_internal.h"

ss_status_t ss_store_product_kind(struct ss_sql *db, const char *name, enum ss_store_kind *kind, struct ss_error *err)
{
    int64_t number;
    ss_status_t status =
        ss_store_get_number(db, -1, &number, err, "SELECT kind FROM products WHERE name = $1", ss_sql_text(name));
    *kind = number == SS_STORE_OPAQUE ? SS_STORE_OPAQUE : SS_STORE_SEALED;
    if (status == SS_OK && number < 0)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no product %s", name);
    return status;
}

ss_status_t ss_store_product_ensure(struct ss_store_tx *tx, const char *name, enum ss_store_kind kind,
                                    struct ss_error *err)
{
    enum ss_store_kind is;
    struct ss_error ignored;
    ss_status_t status = ss_store_product_kind(tx->db, name, &is, &ignored);
    if (status == SS_OK && is != kind)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "product %s is %s", name,
                            ss_store_kind_name(is));
    if (status != SS_ERROR_DOES_NOT_EXIST) {
        if (status != SS_OK && err)
            *err = ignored;
        return status;
    }
    status = ss_sql_run(tx->db, err, "INSERT INTO products (name, kind, key_set, created) VALUES ($1, $2, 0, $3)",
                        ss_sql_text(name), ss_sql_int(kind), ss_sql_int(tx->now));
    return status == SS_OK ? ss_store_touch_product(tx, name, err) : status;
}

static ss_status_t add_opaque(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    return ss_store_product_ensure(tx, context, SS_STORE_OPAQUE, err);
}

ss_status_t ss_store_product_add_opaque(struct ss_store *store, const char *name, struct ss_error *err)
{
    char copy[SS_STORE_NAME_SIZE];
    ss_status_t status = ss_store_check_name("name of the product", name, err);
    if (status != SS_OK)
        return status;
    ss_store_copy(copy, sizeof copy, name);
    return ss_store_write(store, "store-product", add_opaque, copy, err);
}

struct list {
    struct ss_store_product *items;
    size_t count;
};

static ss_status_t read_all(struct ss_sql *db, void *context, struct ss_error *err)
{
    struct list *list = context;
    struct ss_sql_rows *rows;
    ss_status_t status =
        ss_sql_query(db, "SELECT name, kind, key_set FROM products ORDER BY name", NULL, 0, &rows, err);
    list->count = 0;
    while (ss_sql_more(rows, &status, err)) {
        struct ss_store_product *items = realloc(list->items, (list->count + 1) * sizeof *items);
        if (!items) {
            status = ss_store_out_of_memory(err);
            break;
        }
        list->items = items;
        struct ss_store_product *p = &items[list->count++];
        *p = (struct ss_store_product){.kind = ss_sql_column_int(rows, 1) == SS_STORE_OPAQUE ? SS_STORE_OPAQUE
                                                                                             : SS_STORE_SEALED,
                                       .key_set = (uint32_t)ss_sql_column_int(rows, 2)};
        ss_sql_column_text(rows, 0, p->name, sizeof p->name);
    }
    ss_sql_end(rows);
    return status;
}

/// All products, from the database. The caller frees list->items, whatever is returned.
static ss_status_t load_all(struct ss_store *store, struct list *list, struct ss_error *err)
{
    *list = (struct list){0};
    return ss_store_read(store, read_all, list, err);
}

static const struct ss_store_product *find(const struct ss_store_product *items, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(items[i].name, name))
            return &items[i];
    return NULL;
}

static bool get_cached(struct ss_store *store, const char *name, struct ss_store_product *out, uint64_t *epoch)
{
    struct ss_store_products *cache = &store->products;
    bool current = ss_store_cache_is_current(store);
    pthread_mutex_lock(&cache->lock);
    const struct ss_store_product *p = current ? find(cache->items, cache->count, name) : NULL;
    if (p)
        *out = *p;
    *epoch = cache->epoch;
    pthread_mutex_unlock(&cache->lock);
    return p != NULL;
}

bool ss_store_product_peek(struct ss_store *store, const char *name, struct ss_store_product *out)
{
    uint64_t epoch;
    return get_cached(store, name, out, &epoch);
}

ss_status_t ss_store_product_get(struct ss_store *store, const char *name, struct ss_store_product *out,
                                 struct ss_error *err)
{
    struct ss_store_products *cache = &store->products;
    struct list list;
    uint64_t epoch;
    if (get_cached(store, name, out, &epoch))
        return SS_OK;
    memset(out, 0, sizeof *out);
    ss_status_t status = load_all(store, &list, err);
    const struct ss_store_product *p = status == SS_OK ? find(list.items, list.count, name) : NULL;
    if (p)
        *out = *p;
    else if (status == SS_OK)
        status = ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no product %s", name);
    if (p) {
        pthread_mutex_lock(&cache->lock);
        if (epoch == cache->epoch) {
            struct ss_store_product *old = cache->items;
            cache->items = list.items;
            cache->count = list.count;
            list.items = old;
        }
        pthread_mutex_unlock(&cache->lock);
    }
    free(list.items);
    return status;
}

ss_status_t ss_store_product_list(struct ss_store *store,
                                  ss_status_t (*each)(void *context, const struct ss_store_product *product,
                                                      struct ss_error *err),
                                  void *context, struct ss_error *err)
{
    struct list list;
    ss_status_t status = load_all(store, &list, err);
    for (size_t i = 0; i < list.count && status == SS_OK; i++)
        status = each(context, &list.items[i], err);
    free(list.items);
    return status;
}
