// SPDX-License-Identifier: Apache-2.0
// The words of plans alone, without the rehearsal: lines, variables, options and operands of every command.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/plan_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(const struct plan_command *c)
{
    if (c->operand_count > PLAN_WORDS || c->option_count > PLAN_WORDS)
        abort();
    for (unsigned i = 0; i < c->operand_count; i++)
        if (!c->operand[i])
            abort();
    for (unsigned i = 0; i < c->option_count; i++)
        if (!c->value[i] || c->option_len[i] == 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct plan_text text;
    static struct plan_words words;
    static struct plan_command command;
    struct ss_error err = {0};
    memset(&text, 0, sizeof text);
    text.at = (const char *)data;
    text.end = text.at + len;
    while (plan_next(&text, &words, &err) == SS_OK && words.count) {
        unsigned at;
        plan_parse(&words, &at, &command);
        do
            check(&command);
        while (plan_parse_next(&words, &at, &command));
    }
    return 0;
}
