// SPDX-License-Identifier: Apache-2.0
#include "vault/delivery.h"

#include <stdio.h>
#include <string.h>

#include "core/crypto.h"
#include "vault/image_chunk.h"
#include "vault/internal.h"

bool ss_vault_delivery_usable(const struct ss_vault_delivery *d, uint32_t epoch,
                              const struct ss_vault_accepted *accepted)
{
    return d->statement_len > 0 && d->epoch == epoch &&
           (accepted->epoch < epoch || (accepted->epoch == epoch && accepted->sequence <= d->sequence));
}

static ss_status_t fill(const struct ss_sql_rows *rows, struct ss_vault_delivery *d, struct ss_error *err)
{
    size_t digests = ss_sql_column_blob(rows, 2, d->digests, sizeof d->digests);
    d->length = (uint32_t)ss_sql_column_int(rows, 0);
    d->window = (uint32_t)ss_sql_column_int(rows, 1);
    d->windows = (uint8_t)(digests / 32);
    d->epoch = (uint32_t)ss_sql_column_int(rows, 4);
    d->sequence = (uint64_t)ss_sql_column_int(rows, 5);
    d->statement_len = ss_sql_column_blob(rows, 6, d->statement, sizeof d->statement);
    if (ss_sql_column_blob(rows, 3, d->sha256, sizeof d->sha256) == sizeof d->sha256 && digests && digests % 32 == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_VAULT, "the delivery of %s to device %s is damaged",
                        d->id.version, d->id.device);
}

ss_status_t ss_vault_delivery_get(struct ss_vault *vault, const struct ss_vault_delivery_id *id,
                                  struct ss_vault_delivery *delivery, struct ss_error *err)
{
    struct ss_sql_rows *rows;
    struct ss_vault_delivery_id copy = *id; // it may lie in `delivery`
    bool row = false;
    memset(delivery, 0, sizeof *delivery);
    delivery->id = copy;
    ss_status_t status =
        ss_sql_select(vault->db, &rows, err,
                      "SELECT y.length, y.window_size, y.digests, y.sha256, y.epoch, y.sequence, y.statement "
                      "FROM deliveries y JOIN devices d ON d.id = y.device JOIN releases r ON r.id = y.release "
                      "WHERE y.device = $1 AND r.product = d.product AND r.version = $2 AND y.address = $3",
                      ss_sql_text(copy.device), ss_sql_text(copy.version), ss_sql_int(copy.address));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK)
        status = row ? fill(rows, delivery, err)
                     : ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT,
                                    "release %s was not sealed for address 0x%x of device %s", copy.version,
                                    (unsigned)copy.address, copy.device);
    ss_sql_end(rows);
    return status;
}

// Beginning

/// What was issued last to the device, in @p epoch or a later one.
static ss_status_t issued(struct ss_vault *vault, const char *device, struct ss_vault_accepted *last,
                          struct ss_error *err)
{
    struct ss_sql_rows *rows;
    bool row = false;
    *last = (struct ss_vault_accepted){0};
    ss_status_t status = ss_sql_select(
        vault->db, &rows, err, "SELECT epoch, sequence FROM device_sequences WHERE device = $1", ss_sql_text(device));
    if (status == SS_OK)
        status = ss_sql_next(rows, &row, err);
    if (status == SS_OK && row)
        *last = (struct ss_vault_accepted){(uint32_t)ss_sql_column_int(rows, 0), (uint64_t)ss_sql_column_int(rows, 1)};
    ss_sql_end(rows);
    return status;
}

/// The sequence to issue, above own record and device's word. Both are of `epoch` or count from 0.
static ss_status_t next_sequence(struct ss_vault_sealing *s, const struct ss_vault_accepted *last, struct ss_error *err)
{
    uint64_t own = last->epoch == s->epoch ? last->sequence : 0;
    uint64_t word = s->accepted.epoch == s->epoch ? s->accepted.sequence : 0;
    // An older key is back, by a backup or by mistake. That is the sealer's state, not the device's or the release's.
    if (s->accepted.epoch > s->epoch || last->epoch > s->epoch)
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_VAULT,
                            "device %s has got deliveries of epoch %u, the delivery key is of epoch %u: give the "
                            "sealer the newest delivery key and key set",
                            s->id.device, s->accepted.epoch > last->epoch ? s->accepted.epoch : last->epoch, s->epoch);
    if (word > own && word - own > SS_SEQUENCE_JUMP_MAX)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "device %s told sequence %llu, more than %u above the last one issued, %llu", s->id.device,
                            (unsigned long long)word, SS_SEQUENCE_JUMP_MAX, (unsigned long long)own);
    s->sequence = (own > word ? own : word) + 1;
    // A front that told lies must not have counted the device out: it takes no more than this above its last one.
    if (s->sequence - word > SS_SEQUENCE_JUMP_MAX)
        s->sequence = word + 1;
    return SS_OK;
}

static ss_status_t keep_sequence(struct ss_vault *vault, const struct ss_vault_sealing *s,
                                 const struct ss_vault_accepted *last, struct ss_error *err)
{
    uint64_t highest = last->epoch == s->epoch && last->sequence > s->sequence ? last->sequence : s->sequence;
    ss_status_t status =
        ss_sql_run(vault->db, err, "DELETE FROM device_sequences WHERE device = $1", ss_sql_text(s->id.device));
    if (status != SS_OK)
        return status;
    return ss_sql_run(vault->db, err, "INSERT INTO device_sequences (device, epoch, sequence) VALUES ($1, $2, $3)",
                      ss_sql_text(s->id.device), ss_sql_int(s->epoch), ss_sql_int((int64_t)highest));
}

static ss_status_t note(struct ss_vault *vault, const struct ss_vault_sealing *s, const char *product,
                        struct ss_error *err)
{
    char detail[160];
    snprintf(detail, sizeof detail, "%.64s %.32s at 0x%x, epoch %u, sequence %llu%s", product, s->id.version,
             (unsigned)s->id.address, (unsigned)s->epoch, (unsigned long long)s->sequence,
             s->with_key ? "" : ", statement only");
    return ss_audit_append(vault, SS_AUDIT_SEAL, s->id.device, detail, err);
}

/// What is wrong with the item alone becomes its status; what is wrong with the database, the transaction's.
static ss_status_t begin_one(struct ss_vault *vault, struct ss_vault_sealing *s, struct ss_error *err)
{
    struct ss_vault_device device;
    struct ss_vault_release release;
    struct ss_vault_accepted last;
    ss_status_t status = ss_vault_device_get(vault, s->id.device, &device, err);
    if (status == SS_OK)
        status = ss_vault_release_get(vault, device.product, s->id.version, &release, err);
    if (status == SS_OK)
        status = ss_flash_key_within(vault, device.id, SS_VAULT_FOR_SEAL, false, &s->key, err);
    if (!s->with_key)
        ss_vault_flash_key_wipe(&s->key);
    if (status == SS_OK)
        status = issued(vault, device.id, &last, err);
    if (status == SS_OK)
        status = next_sequence(s, &last, err);
    if (status == SS_OK)
        status = keep_sequence(vault, s, &last, err);
    return status == SS_OK ? note(vault, s, device.product, err) : status;
}

static bool is_verdict(ss_status_t status)
{
    return status == SS_ERROR_NOT_PERMITTED || status == SS_ERROR_DOES_NOT_EXIST || status == SS_ERROR_DATA_CORRUPT ||
           status == SS_ERROR_BAD_STATE;
}

struct beginning {
    struct ss_vault_sealing *items;
    size_t count;
};

static ss_status_t begin(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct beginning *b = context;
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < b->count && status == SS_OK; i++) {
        struct ss_vault_sealing *s = &b->items[i];
        struct ss_error why = {0};
        s->status = begin_one(vault, s, &why);
        snprintf(s->message, sizeof s->message, "%s", why.message);
        if (s->status != SS_OK)
            ss_vault_flash_key_wipe(&s->key);
        if (s->status != SS_OK && !is_verdict(s->status)) {
            status = s->status;
            if (err)
                *err = why;
        }
    }
    return status;
}

ss_status_t ss_vault_delivery_begin(struct ss_vault *vault, struct ss_vault_sealing *items, size_t count,
                                    struct ss_error *err)
{
    struct beginning b = {items, count};
    ss_status_t status = ss_vault_write(vault, "delivery-begin", begin, &b, err);
    for (size_t i = 0; i < count && status != SS_OK; i++)
        ss_vault_flash_key_wipe(&items[i].key);
    return status;
}

// Keeping

struct keeping {
    struct ss_vault_delivery *deliveries;
    const struct ss_vault_accepted *accepted;
    size_t count;
    struct ss_vault_delivery *result; ///< what is in the vault afterwards
};

static ss_status_t write_row(struct ss_vault *vault, const struct ss_vault_delivery *d, struct ss_error *err)
{
    struct ss_vault_device device;
    struct ss_vault_release release;
    char id[SS_IMAGE_ID_SIZE];
    ss_status_t status = ss_vault_device_get(vault, d->id.device, &device, err);
    if (status == SS_OK)
        status = ss_release_find_within(vault, device.product, d->id.version, &release, id, err);
    if (status == SS_OK)
        status =
            ss_sql_run(vault->db, err, "DELETE FROM deliveries WHERE device = $1 AND release = $2 AND address = $3",
                       ss_sql_text(device.id), ss_sql_text(id), ss_sql_int(d->id.address));
    if (status != SS_OK)
        return status;
    return ss_sql_run(vault->db, err,
                      "INSERT INTO deliveries (device, release, address, length, window_size, digests, sha256, epoch, "
                      "sequence, statement, created) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                      ss_sql_text(device.id), ss_sql_text(id), ss_sql_int(d->id.address), ss_sql_int(d->length),
                      ss_sql_int(d->window), ss_sql_blob(d->digests, (size_t)d->windows * 32),
                      ss_sql_blob(d->sha256, sizeof d->sha256), ss_sql_int(d->epoch), ss_sql_int((int64_t)d->sequence),
                      ss_sql_blob(d->statement, d->statement_len), ss_sql_int(ss_vault_now()));
}

static ss_status_t keep(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct keeping *k = context;
    ss_status_t status = SS_OK;
    for (size_t i = 0; i < k->count && status == SS_OK; i++) {
        const struct ss_vault_delivery *d = &k->deliveries[i];
        struct ss_vault_delivery there;
        status = ss_vault_delivery_get(vault, &d->id, &there, err);
        bool stays = status == SS_OK && ss_vault_delivery_usable(&there, d->epoch, &k->accepted[i]);
        if (status == SS_ERROR_DOES_NOT_EXIST || (status == SS_OK && !stays))
            status = write_row(vault, d, err);
        k->result[i] = stays ? there : *d;
    }
    return status;
}

enum { AT_ONCE = 16 };

ss_status_t ss_vault_delivery_put(struct ss_vault *vault, struct ss_vault_delivery *deliveries,
                                  const struct ss_vault_accepted *accepted, size_t count, struct ss_error *err)
{
    struct ss_vault_delivery result[AT_ONCE];
    ss_status_t status = SS_OK;
    for (size_t done = 0, n; done < count && status == SS_OK; done += n) {
        n = count - done < AT_ONCE ? count - done : AT_ONCE;
        struct keeping k = {deliveries + done, accepted + done, n, result};
        status = ss_vault_write(vault, "delivery-put", keep, &k, err);
        if (status == SS_OK)
            memcpy(deliveries + done, result, n * sizeof *result);
    }
    return status;
}

// Sealing parts of it later

struct reopening {
    const struct ss_vault_delivery_id *id;
    struct ss_vault_flash_key *key;
};

static ss_status_t reopen(struct ss_vault *vault, void *context, struct ss_error *err)
{
    const struct reopening *r = context;
    struct ss_vault_delivery there;
    ss_status_t status = ss_vault_delivery_get(vault, r->id, &there, err);
    return status == SS_OK ? ss_flash_key_within(vault, r->id->device, SS_VAULT_FOR_SEAL, false, r->key, err) : status;
}

ss_status_t ss_vault_delivery_key(struct ss_vault *vault, const struct ss_vault_delivery_id *id,
                                  struct ss_vault_flash_key *key, struct ss_error *err)
{
    struct reopening r = {id, key};
    memset(key, 0, sizeof *key);
    ss_status_t status = ss_vault_read(vault, reopen, &r, err);
    if (status != SS_OK)
        ss_vault_flash_key_wipe(key);
    return status;
}
