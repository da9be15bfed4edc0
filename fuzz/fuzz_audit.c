// SPDX-License-Identifier: Apache-2.0
// Copies of an audit log and its heads, as an auditor gets them. The input is a text, and also a recipe: of a log whose
// hashes are right, which texts by chance never have. What was changed of it must be refused.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit_file.h"
#include "core/bytes.h"
#include "core/hex.h"
#include "vault/audit_chain.h"

enum { RECORDS = 8, ROOM = 1 << 16 };

static void must(bool holds)
{
    if (!holds)
        __builtin_trap();
}

static struct input input_of(const void *data, size_t len)
{
    return (struct input){.data = (uint8_t *)(uintptr_t)data, .len = len, .name = "-"};
}

static ss_status_t follow(const char *text, size_t len, const struct ss_vault_audit_head *head,
                          struct ss_vault_audit_chain *chain)
{
    struct input file = input_of(text, len);
    *chain = (struct ss_vault_audit_chain){.head = head};
    return audit_file_follow(&file, chain, NULL);
}

static void read_text(const uint8_t *data, size_t size)
{
    static const struct ss_vault_audit_head zero;
    struct input file = input_of(data, size);
    struct ss_vault_audit_head head;
    struct ss_vault_audit_chain chain;
    bool good = audit_file_head(&file, &head, NULL) == SS_OK;
    must(good ? head.number >= 1 : !memcmp(&head, &zero, sizeof head));
    if (follow((const char *)data, size, good ? &head : NULL, &chain) == SS_OK)
        must(chain.number >= 0);
}

/// Bytes as a text that JSON takes as it is.
static size_t take_text(const uint8_t **at, const uint8_t *end, char *out, size_t size)
{
    size_t len = 0;
    for (size_t wanted = *at < end ? *(*at)++ : 0; len < wanted && len < size - 1 && *at < end; (*at)++)
        out[len++] = **at < 0x20 || **at > 0x7e || strchr("\"\\", **at) ? '?' : (char)**at;
    out[len] = '\0';
    return len;
}

static size_t put_record(char *out, size_t size, struct ss_vault_audit_record *r, const uint8_t before[32],
                         const uint8_t **at, const uint8_t *end)
{
    static const uint8_t vault_id[SS_VAULT_ID_SIZE];
    static const char *const actions[] = {"create", "unwrap", "seal", "burn"};
    char hash[65];
    snprintf(r->action, sizeof r->action, "%s", actions[r->number % 4]);
    r->time = r->number; // 1970-01-01T00:00:0N
    take_text(at, end, r->actor, sizeof r->actor);
    take_text(at, end, r->subject, sizeof r->subject);
    take_text(at, end, r->detail, sizeof r->detail);
    must(ss_audit_hash(vault_id, r, before, r->hash, NULL) == SS_OK);
    ss_put_hex(r->hash, sizeof r->hash, hash);
    return (size_t)snprintf(out, size,
                            "%s{\"number\":%d,\"time\":\"1970-01-01T00:00:0%dZ\",\"actor\":\"%s\",\"action\":\"%s\","
                            "\"subject\":\"%s\",\"detail\":\"%s\",\"hash\":\"%s\"}",
                            r->number > 1 ? "," : "", (int)r->number, (int)r->number, r->actor, r->action, r->subject,
                            r->detail, hash);
}

static size_t cook(char *text, const uint8_t **at, const uint8_t *end, struct ss_vault_audit_head *head)
{
    uint8_t before[32] = {0};
    size_t len = (size_t)snprintf(text, ROOM, "{\"records\":[");
    for (int number = 1; number <= RECORDS && *at < end; number++) {
        struct ss_vault_audit_record r = {.number = number};
        len += put_record(text + len, ROOM - len, &r, before, at, end);
        memcpy(before, r.hash, sizeof before);
        head->number = number;
    }
    memcpy(head->hash, before, sizeof before);
    return len + (size_t)snprintf(text + len, ROOM - len, "]}");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[ROOM];
    struct ss_vault_audit_chain chain;
    struct ss_vault_audit_head head = {.number = 0};
    const uint8_t *at = data, *end = data + size;
    read_text(data, size);
    if (size < 4)
        return 0;
    size_t place = ss_get_le16(data) % ROOM;
    uint8_t change = data[2];
    at += 3;
    size_t len = cook(text, &at, end, &head);
    must(follow(text, len, &head, &chain) == SS_OK && chain.number == head.number);
    must(!memcmp(chain.hash, head.hash, sizeof head.hash));
    text[place % len] = (char)(text[place % len] ^ change);
    if (follow(text, len, &head, &chain) == SS_OK && chain.number == head.number) // white space, say
        must(!memcmp(chain.hash, head.hash, sizeof head.hash));
    return 0;
}
