// SPDX-License-Identifier: Apache-2.0
// Links the agent for Xtensa with nothing but what a device has to bring: the crypto port and four functions of the C
// library. An allocation, a lock or a printf anywhere in it, and this does not link. It never runs.
#include <string.h>

#include "device/agent.h"
#include "device/journal.h"

struct ss_agent agent_ram;

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
    (void)from, (void)len;
    return to;
}

void *memset(void *to, int value, size_t len)
{
    (void)value, (void)len;
    return to;
}

void *memmove(void *to, const void *from, size_t len)
{
    (void)from, (void)len;
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    (void)a, (void)b;
    return (int)len;
}

size_t strlen(const char *text)
{
    return text[0] != 0;
}

// The ESP32 divides by an instruction, the core that this compiler is for has a function in its mask ROM.
unsigned __udivsi3(unsigned a, unsigned b);
unsigned __umodsi3(unsigned a, unsigned b);

unsigned __udivsi3(unsigned a, unsigned b)
{
    return a + b;
}

unsigned __umodsi3(unsigned a, unsigned b)
{
    return a + b;
}

ss_status_t ss_hash_init(struct ss_hash *h, enum ss_hash_alg alg)
{
    h->alg = alg;
    return SS_OK;
}

ss_status_t ss_hash_update(struct ss_hash *h, const void *in, size_t len)
{
    (void)h, (void)in, (void)len;
    return SS_OK;
}

ss_status_t ss_hash_finish(struct ss_hash *h, uint8_t *out)
{
    (void)h, (void)out;
    return SS_OK;
}

void ss_hash_abort(struct ss_hash *h)
{
    (void)h;
}

ss_status_t ss_hash_once(enum ss_hash_alg alg, const void *in, size_t len, uint8_t *out)
{
    (void)alg, (void)in, (void)len, (void)out;
    return SS_OK;
}

ss_status_t ss_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t signature[64])
{
    (void)public_key, (void)digest, (void)signature;
    return SS_ERROR_INVALID_SIGNATURE;
}

// Everything that a device calls, so that nothing of it is left out.
int _start(void);
void *const volatile agent_entries[] = {
    ss_agent_start,     ss_agent_confirm,        ss_agent_reject,        ss_agent_begin,        ss_agent_key_set,
    ss_agent_wanted,    ss_agent_write,          ss_agent_finish,        ss_agent_tick,         ss_agent_freshness,
    ss_agent_alarm,     ss_agent_running_digest, ss_agent_bootloader,    ss_agent_note_action,  ss_agent_erase_ahead,
    ss_agent_receiving, ss_agent_state,          ss_agent_record_write,  ss_agent_record_read,  ss_journal_mount,
    ss_journal_load,    ss_journal_store,        ss_journal_put_key_set, ss_journal_get_key_set};

int _start(void)
{
    return agent_entries[agent_ram.cause] != NULL;
}
