// SPDX-License-Identifier: Apache-2.0
// Between the files of pull mode.
#ifndef SS_DEVICE_PULL_PARTS_H
#define SS_DEVICE_PULL_PARTS_H

#include "device/agent_parts.h"
#include "device/pull.h"
#include "device/text.h"

/// One exchange with the server each. docs/agent.md has the picture.
enum ss_pull_job_id {
    SS_JOB_HOME,      ///< none: whatever of the next three is due
    SS_JOB_CONFIG,    ///< tells the device's attributes
    SS_JOB_CLOSE,     ///< tells how an action ended
    SS_JOB_POLL,      ///< asks what there is to do
    SS_JOB_CANCEL,    ///< asks what is cancelled
    SS_JOB_CANCELED,  ///< answers that
    SS_JOB_OFFER,     ///< reads the deployment, and begins
    SS_JOB_ACCEPTED,  ///< tells that it has begun
    SS_JOB_DOWNLOAD,  ///< takes bytes
    SS_JOB_ASK_AGAIN, ///< polls before the switch: the last moment for a cancellation
    SS_JOB_SELECTED,  ///< tells that the slot is selected, a reset follows; or that it is all there and waits
    SS_JOB_KEY_SET,   ///< takes the next key set
    SS_JOB_CA,        ///< takes a certificate that the key set names
    SS_JOB_FRESHNESS, ///< takes the freshness record
    SS_JOB_COUNT
};

/// What is done once in a cycle from one rest to the next: a server that repeats itself must not keep the device busy.
enum { SS_DONE_CONFIG = 1, SS_DONE_KEYS = 2, SS_DONE_FRESHNESS = 4, SS_DONE_GONE = 8 };

/// `unreported` of the agent's record: the server does not know yet how `action` ended.
#define SS_PULL_OPEN 1u

/// What an answer comes to.
enum ss_answer {
    SS_ANSWER_YES,    ///< 2xx, and the body is what it should be
    SS_ANSWER_GONE,   ///< 404, 410
    SS_ANSWER_NO,     ///< another 4xx that will not change by asking again
    SS_ANSWER_FAILED, ///< everything else
};

/// A request in the making.
struct ss_ask {
    struct ss_http_request request;
    char url[240]; ///< server, tenant, device and the longest path: 224
    char body[160];
};

struct ss_job {
    /// Fills the request, which is a GET that takes anything. False: there is nobody to ask.
    bool (*ask)(struct ss_pull *p, struct ss_ask *ask);
    /// About status and headers of an answer. NULL: nothing. False stops.
    bool (*head)(struct ss_pull *p, const struct ss_http_head *head);
    /// Takes the body of a 200 (of a 206 where `head` lets it pass). NULL: dropped. False stops, and the answer is
    /// SS_ANSWER_FAILED unless `done` knows better.
    bool (*body)(struct ss_pull *p, const uint8_t *bytes, size_t len);
    void (*done)(struct ss_pull *p, enum ss_answer answer);
    const struct ss_json_form *json; ///< of a JSON body, which is read by this instead of by `body`; else NULL
};

extern const struct ss_job ss_job_config, ss_job_close, ss_job_poll, ss_job_cancel, ss_job_canceled, ss_job_offer,
    ss_job_accepted, ss_job_download, ss_job_ask_again, ss_job_selected, ss_job_key_set, ss_job_ca, ss_job_freshness;

/// pull_http.c: one exchange; `done` has been called then.
void ss_pull_run(struct ss_pull *p, enum ss_pull_job_id id);

// -- pull.c: what comes next ------------------------------------------------------------------------------------------

/// @p job comes next, at once.
void ss_pull_go(struct ss_pull *p, enum ss_pull_job_id job);
/// Nothing to do until the next poll.
void ss_pull_rest(struct ss_pull *p);
/// It did not work: again later, in the end with the next server.
void ss_pull_failed(struct ss_pull *p);
/// The action is not there any more.
void ss_pull_withdrawn(struct ss_pull *p);
/// The action has ended; the server has to know. @p a and @p b are the machine's words, NULL: none.
void ss_pull_end(struct ss_pull *p, bool success, const char *a, const char *b);
/// … as the agent has just said by its cause.
void ss_pull_end_by_cause(struct ss_pull *p);

// -- pull_url.c: addresses --------------------------------------------------------------------------------------------

/// What of a device lies behind its base: `/controller/v1/{device}` and @p path. False: no server.
bool ss_pull_ask_device(struct ss_pull *p, struct ss_ask *ask, const char *path);
/// What anyone may ask for: `/{path}` behind the tenant; without the credential. False: no server.
bool ss_pull_ask_anyone(struct ss_pull *p, struct ss_ask *ask, struct ss_text *path);
/// `url`, with the credential if it is the server's. Always true.
bool ss_pull_ask_link(struct ss_pull *p, struct ss_ask *ask);
/// Whether `url` is an address that can be asked.
bool ss_pull_url_ok(const struct ss_pull *p);
/// Puts where a redirect leads into `url`. False: it cannot be followed, and `url` is of no use any more.
bool ss_pull_redirect(struct ss_pull *p, const char *location);

// -- pull_poll.c: values of answers -----------------------------------------------------------------------------------

/// Collects a string or word in `token`; true when it is complete. One that is too long is empty.
bool ss_pull_token(struct ss_pull *p, enum ss_json_event event, const char *bytes, size_t len);
/// Whether `token` is @p text.
bool ss_pull_token_is(const struct ss_pull *p, const char *text);
/// `token` as a decimal number above 0; 0 if it is none.
uint64_t ss_pull_token_number(const struct ss_pull *p);
/// Collects a link in `url`, unless one of a higher rank is there. False: it is no address.
bool ss_pull_link(struct ss_pull *p, uint8_t rank, enum ss_json_event event, const char *bytes, size_t len);

/// pull_report.c: `details` of the feedback that is due.
void ss_pull_say(struct ss_pull *p, const char *a, const char *b, const char *c);

/// pull_keys.c: begins to walk from the key set in force to the newest, then to the certificates. @p any_server: the
/// server's certificate does not verify, and another may be among what comes.
void ss_pull_walk(struct ss_pull *p, bool any_server);
/// Whether a certificate that the key set in force names could still be had.
bool ss_pull_lacks_ca(const struct ss_pull *p);

/// pull_report.c: what of the attributes changes without a reset and without a key set; never 0.
uint8_t ss_pull_condition(const struct ss_pull *p);

/// pull_download.c: takes what is missing, or goes on behind that.
void ss_pull_download(struct ss_pull *p);

/// Seconds since the reset.
static inline uint32_t ss_pull_uptime(const struct ss_pull *p)
{
    return p->port->uptime(p->context);
}

#endif
