// SPDX-License-Identifier: Apache-2.0
#include "device/agent.h"

const char *ss_agent_cause_name(enum ss_agent_cause cause)
{
    static const char *const names[] = {
        [SS_CAUSE_NONE] = "none",
        [SS_CAUSE_STATEMENT] = "statement",
        [SS_CAUSE_TRIAL] = "trial",
        [SS_CAUSE_UNWILLING] = "unwilling",
        [SS_CAUSE_GIVEN_UP] = "given-up",
        [SS_CAUSE_ORDER] = "order",
        [SS_CAUSE_TOO_MUCH] = "too-much",
        [SS_CAUSE_TOO_LITTLE] = "too-little",
        [SS_CAUSE_WINDOW] = "window",
        [SS_CAUSE_SEALED_WRONG] = "sealed-wrong",
        [SS_CAUSE_FLASH] = "flash",
        [SS_CAUSE_DIGEST] = "digest",
        [SS_CAUSE_IMAGE] = "image",
        [SS_CAUSE_REJECTED] = "rejected",
        [SS_CAUSE_UNCONFIRMED] = "unconfirmed",
    };
    return (unsigned)cause < sizeof names / sizeof *names ? names[cause] : "unknown";
}

const char *ss_agent_state_name(enum ss_agent_state state)
{
    static const char *const names[] = {"confirmed", "trial", "rolled-back"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *ss_agent_alarm_name(enum ss_agent_alarm alarm)
{
    static const char *const names[] = {"none", "stale", "withheld"};
    return (unsigned)alarm < sizeof names / sizeof *names ? names[alarm] : "unknown";
}
