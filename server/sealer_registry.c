// SPDX-License-Identifier: Apache-2.0
// What a front must know of devices to let them in; and what the vault says of releases.
#include <string.h>
#include <time.h>

#include "server/sealer_parts.h"
#include "slotseal/statement_sign.h"
#include "vault/registry.h"

enum { PART = 128 };

ss_status_t ss_sealer_release_read(const struct ss_sealer_keys *keys, const struct ss_vault_release *release,
                                   uint64_t now, struct ss_release *fields, uint8_t reference[32], struct ss_error *err)
{
    struct ss_statement statement;
    struct ss_key_ring ring;
    struct ss_refusal why = {0};
    ss_status_t status = ss_sealer_keys_ring(keys, release->product, &ring, err);
    if (status != SS_OK)
        return status;
    status = ss_statement_parse(release->statement, release->statement_len, &statement, &why);
    if (status == SS_OK)
        status = ss_release_parse(&statement, fields, &why);
    if (status == SS_OK)
        status = ss_key_ring_verify(&ring, &statement, now, NULL, &why);
    if (status == SS_OK)
        status = ss_statement_reference(&statement, reference);
    if (status != SS_OK)
        return ss_refusal_error(err, status, SS_STATEMENT_RELEASE, &why);
    if (!ss_span_equal(fields->product, ss_span_of(release->product)) ||
        !ss_span_equal(fields->version, ss_span_of(release->version)) ||
        memcmp(fields->digest, release->digest, sizeof release->digest) != 0)
        return ss_error_set(err, SS_ERROR_DATA_CORRUPT, SS_AREA_SERVER,
                            "release %s of product %s is kept with the statement of another one", release->version,
                            release->product);
    return SS_OK;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ss_sealer_credential_parse(const char *fact, enum ss_sealer_credential *kind, uint8_t digest[32])
{
    static const struct {
        const char *prefix;
        enum ss_sealer_credential kind;
    } kinds[] = {{"token sha256:", SS_SEALER_TOKEN}, {"certificate sha256:", SS_SEALER_CERTIFICATE}};
    *kind = SS_SEALER_NO_CREDENTIAL;
    memset(digest, 0, 32);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t len = strlen(kinds[i].prefix);
        if (strncmp(fact, kinds[i].prefix, len) != 0 || strlen(fact + len) != 64)
            continue;
        for (size_t n = 0; n < 32; n++) {
            int high = nibble(fact[len + 2 * n]), low = nibble(fact[len + 2 * n + 1]);
            if (high < 0 || low < 0) {
                memset(digest, 0, 32);
                return false;
            }
            digest[n] = (uint8_t)(high << 4 | low);
        }
        *kind = kinds[i].kind;
        return true;
    }
    return false;
}

static void describe(const struct ss_vault_member *m, struct ss_sealer_device *d)
{
    memset(d, 0, sizeof *d);
    strcpy(d->id, m->id);
    strcpy(d->product, m->product);
    d->active = m->state == SS_VAULT_DEVICE_PROVISIONED;
    if (d->active)
        ss_sealer_credential_parse(m->fact, &d->credential, d->digest);
}

/// The next pinned key set for one session: what it publishes hangs on those.
static void tell_set(struct ss_sealer_service *service, struct ss_sealer_session *s)
{
    size_t len;
    const uint8_t *statement = ss_key_sets_get(ss_sealer_keys_sets(service->options.keys), s->told_sets++, &len);
    s->waits_for_ack = true;
    ss_sealer_answer(s, SS_FRAME_KEY_SET, s->told_sets, false, statement, len);
}

/// The next part for one session.
static ss_status_t tell(struct ss_sealer_service *service, struct ss_sealer_session *s, struct ss_error *err)
{
    struct ss_vault_member members[PART];
    struct ss_sealer_device devices[PART];
    uint8_t payload[PART * (sizeof *devices + 8)];
    struct ss_message_devices m = {.devices = devices};
    if (s->told_sets < ss_key_sets_count(ss_sealer_keys_sets(service->options.keys))) {
        tell_set(service, s);
        return SS_OK;
    }
    ss_status_t status =
        ss_vault_registry_read(service->vault, s->told, SS_SEALER_CREDENTIAL_FACT, members, PART, &m.count, err);
    if (status != SS_OK)
        return status;
    m.complete = !s->told_all && m.count < PART;
    if (!m.count && !m.complete)
        return SS_OK;
    for (size_t i = 0; i < m.count; i++)
        describe(&members[i], &devices[i]);
    if (m.count)
        s->told = members[m.count - 1].change;
    s->told_all |= m.complete;
    s->waits_for_ack = true;
    ss_sealer_answer(s, SS_FRAME_DEVICES, (uint64_t)s->told, false, payload, ss_message_put_devices(payload, &m));
    return SS_OK;
}

/// Ciphers of devices that are not to get anything any more.
static ss_status_t forget(struct ss_sealer_service *service, struct ss_error *err)
{
    struct ss_vault_member members[PART];
    size_t count = PART;
    ss_status_t status = SS_OK;
    while (status == SS_OK && count == PART) {
        status = ss_vault_registry_read(service->vault, service->seen, SS_SEALER_CREDENTIAL_FACT, members, PART, &count,
                                        err);
        for (size_t i = 0; status == SS_OK && i < count; i++) {
            ss_sealer_cache_forget(service->cache, members[i].id);
            service->seen = members[i].change;
        }
    }
    return status;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void ss_sealer_follow(struct ss_sealer_service *service, bool now)
{
    struct ss_error err = {0};
    int64_t time = now_ms();
    if (!now && time - service->polled_ms < service->options.poll_ms)
        return;
    service->polled_ms = time;
    ss_status_t status = forget(service, &err);
    pthread_mutex_lock(&service->lock);
    for (struct ss_sealer_session *s = service->sessions; s && status == SS_OK; s = s->next)
        if (s->follows && !s->waits_for_ack)
            status = tell(service, s, &err);
    pthread_mutex_unlock(&service->lock);
    if (status == SS_OK)
        return;
    ss_sealer_log(service, "the registry cannot be read: %s", err.message);
    ss_sealer_vault_lost(service);
}
