// SPDX-License-Identifier: Apache-2.0
// Reads a deployment, in whatever order its members come, and begins the update that it describes. The statements decide;
// the rest of the deployment only says where they and the ciphertext are.
#include "device/pull_parts.h"

#include <string.h>

enum { ID, DOWNLOAD, UPDATE, WINDOW, CHUNK, ENTRY, KEY, VALUE, ARTIFACT, SIZE, LINK, LINK_HTTP, WANTED };
enum { DEPLOYMENT = WANTED, CHUNKS, METADATA, ARTIFACTS, LINKS, LINK_AT, LINK_HTTP_AT };
static const struct ss_json_place places[] = {
    [ID] = {"id", SS_JSON_TOP},
    [DOWNLOAD] = {"download", DEPLOYMENT},
    [UPDATE] = {"update", DEPLOYMENT},
    [WINDOW] = {"maintenanceWindow", DEPLOYMENT},
    [CHUNK] = {"[]", CHUNKS},
    [ENTRY] = {"[]", METADATA},
    [KEY] = {"key", ENTRY},
    [VALUE] = {"value", ENTRY},
    [ARTIFACT] = {"[]", ARTIFACTS},
    [SIZE] = {"size", ARTIFACT},
    [LINK] = {"href", LINK_AT},
    [LINK_HTTP] = {"href", LINK_HTTP_AT},
    [DEPLOYMENT] = {"deployment", SS_JSON_TOP},
    [CHUNKS] = {"chunks", DEPLOYMENT},
    [METADATA] = {"metadata", CHUNK},
    [ARTIFACTS] = {"artifacts", CHUNK},
    [LINKS] = {"_links", ARTIFACT},
    [LINK_AT] = {"download", LINKS},
    [LINK_HTTP_AT] = {"download-http", LINKS},
};

// -- The statements ---------------------------------------------------------------------------------------------------

// 0 to 63, or 64 for what is no digit of base64url (RFC 4648 §5).
static unsigned digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '-' ? 62 : c == '_' ? 63 : 64;
}

// A value is decoded before it is known what it is: its key may come behind it.
static void decode(struct ss_pull *p, const char *text, size_t len)
{
    struct ss_pull_offer *o = &p->offer;
    for (size_t i = 0; i < len && !o->value_bad; i++) {
        unsigned digit = digit_of(text[i]);
        o->bits = (uint16_t)((o->bits << 6 | digit) & 0xFFF);
        o->bit_count = (uint8_t)(o->bit_count + 6);
        o->value_bad = digit == 64 || (o->bit_count >= 8 && o->used + o->value_len >= SS_AGENT_SCRATCH);
        if (o->bit_count < 8 || o->value_bad)
            continue;
        o->bit_count = (uint8_t)(o->bit_count - 8);
        p->agent->room.scratch[o->used + o->value_len++] = (uint8_t)(o->bits >> o->bit_count);
    }
}

static void metadata_value(struct ss_pull *p, enum ss_json_event event, const char *bytes, size_t len)
{
    struct ss_pull_offer *o = &p->offer;
    if (event == SS_JSON_BEGIN) {
        o->value_len = o->bits = o->bit_count = 0;
        o->value_bad = false;
    } else if (event == SS_JSON_TEXT) {
        decode(p, bytes, len);
    } else if (event == SS_JSON_WORD || o->bit_count == 6 || (o->bits & ((1u << o->bit_count) - 1)) != 0) {
        o->value_bad = true; // no text, or bits are left over
    }
}

static void begin_entry(struct ss_pull *p)
{
    p->offer.value_len = 0;
    p->offer.value_bad = true; // as long as there is none
    p->token_len = 0;
}

// Key and value are complete.
static void end_entry(struct ss_pull *p)
{
    struct ss_pull_offer *o = &p->offer;
    bool release = ss_pull_token_is(p, "slotseal.release");
    if (!release && !ss_pull_token_is(p, "slotseal.delivery"))
        return;
    uint16_t *at = release ? &o->release_at : &o->delivery_at, *len = release ? &o->release_len : &o->delivery_len;
    o->bad = o->bad || o->value_bad || o->value_len == 0 || *len != 0;
    *at = o->used;
    *len = o->value_len;
    o->used = (uint16_t)(o->used + o->value_len);
}

// -- The rest ---------------------------------------------------------------------------------------------------------

static void count(uint8_t *n)
{
    if (*n < UINT8_MAX)
        ++*n;
}

static uint32_t at_most(uint64_t v, uint32_t limit)
{
    return v < limit ? (uint32_t)v : limit;
}

static bool scalar(struct ss_pull *p, unsigned place)
{
    switch (place) {
    case ID:
        p->action = ss_pull_token_number(p);
        break;
    case SIZE:
        p->offer.size = at_most(ss_pull_token_number(p), UINT32_MAX);
        break;
    case DOWNLOAD:
        p->offer.skip = p->offer.skip || ss_pull_token_is(p, "skip");
        break;
    case UPDATE:
        p->offer.hold = p->offer.hold || ss_pull_token_is(p, "skip");
        break;
    case WINDOW:
        p->offer.window = true;
        break;
    default:
        break; // the key stays where it is until its entry ends
    }
    return true;
}

static bool value(void *context, unsigned place, enum ss_json_event event, const char *bytes, size_t len)
{
    struct ss_pull *p = context;
    switch (place) {
    case CHUNK:
    case ARTIFACT:
        if (event == SS_JSON_BEGIN)
            count(place == CHUNK ? &p->offer.chunks : &p->offer.artifacts);
        return true;
    case ENTRY:
        if (event == SS_JSON_BEGIN)
            begin_entry(p);
        else if (event == SS_JSON_END)
            end_entry(p);
        return true;
    case VALUE:
        metadata_value(p, event, bytes, len);
        return true;
    case LINK:
        return ss_pull_link(p, 2, event, bytes, len);
    case LINK_HTTP:
        return ss_pull_link(p, 1, event, bytes, len);
    default:
        return !ss_pull_token(p, event, bytes, len) || scalar(p, place);
    }
}

static bool ask(struct ss_pull *p, struct ss_ask *out)
{
    ss_agent_abandon(p->agent); // the statements go where it would write
    p->offer = (struct ss_pull_offer){0};
    p->action = 0;
    p->url_rank = 0;
    p->redirects = 0;
    p->etag[0] = 0;
    return ss_pull_ask_link(p, out);
}

// -- What to make of it -----------------------------------------------------------------------------------------------

static bool parse(const struct ss_pull *p, struct ss_release *release, struct ss_delivery *delivery)
{
    const uint8_t *room = p->agent->room.scratch;
    const struct ss_pull_offer *o = &p->offer;
    struct ss_statement statement;
    return ss_statement_parse(room + o->release_at, o->release_len, &statement, NULL) == SS_OK &&
           ss_release_parse(&statement, release, NULL) == SS_OK &&
           ss_statement_parse(room + o->delivery_at, o->delivery_len, &statement, NULL) == SS_OK &&
           ss_delivery_parse(&statement, delivery, NULL) == SS_OK;
}

// It is what runs here. The record would say so, were it not lost or of an older update; what is reported is true, so
// nobody has to have signed it.
static bool is_running(const struct ss_pull *p, const struct ss_release *release, const struct ss_delivery *delivery)
{
    const struct ss_agent_identity *id = p->agent->identity;
    return p->digest_known && delivery->slot_address == id->slots[id->running].address &&
           memcmp(release->digest, p->digest, sizeof p->digest) == 0;
}

// What is wrong with the deployment, whatever its statements say; NULL: nothing.
static const char *fault(const struct ss_pull *p)
{
    const struct ss_pull_offer *o = &p->offer;
    if (o->chunks != 1)
        return "chunks";
    if (o->artifacts != 1 || p->url_rank == 0)
        return "artifacts";
    return o->bad || o->release_len == 0 || o->delivery_len == 0 ? "metadata" : NULL;
}

static void accepted(struct ss_pull *p)
{
    const struct ss_agent_record *r = &p->agent->record;
    bool known = r->action == p->action && r->unreported == SS_PULL_OPEN;
    if (!known && ss_agent_note_action(p->agent, p->action, SS_PULL_OPEN) != SS_OK)
        ss_pull_end_by_cause(p);
    else if (known)
        ss_pull_download(p);
    else
        ss_pull_go(p, SS_JOB_ACCEPTED);
}

static void begin(struct ss_pull *p)
{
    struct ss_release release;
    struct ss_delivery delivery;
    const struct ss_pull_offer *o = &p->offer;
    const uint8_t *room = p->agent->room.scratch;
    uint32_t wanted;
    p->held = 0;
    if (parse(p, &release, &delivery)) {
        if (is_running(p, &release, &delivery)) {
            ss_pull_end(p, true, "confirmed", NULL);
            return;
        }
        if (o->size && o->size != delivery.length) {
            ss_pull_end(p, false, "offer", "size");
            return;
        }
    }
    if (ss_agent_begin(p->agent, room + o->release_at, o->release_len, room + o->delivery_at, o->delivery_len,
                       &wanted) == SS_OK)
        accepted(p);
    else if (p->agent->cause == SS_CAUSE_UNWILLING || p->agent->cause == SS_CAUSE_TRIAL)
        ss_pull_rest(p);
    else
        ss_pull_end_by_cause(p);
}

static void done(struct ss_pull *p, enum ss_answer answer)
{
    if (answer == SS_ANSWER_GONE) {
        ss_pull_withdrawn(p);
        return;
    }
    if (answer != SS_ANSWER_YES || p->action == 0) {
        p->job = SS_JOB_HOME; // the link has been overwritten
        ss_pull_failed(p);
        return;
    }
    p->failures = 0;
    const char *wrong = fault(p);
    bool waits = p->offer.skip || (p->offer.hold && p->action == p->held);
    if (p->action == p->acknowledged || waits)
        ss_pull_rest(p);
    else if (wrong)
        ss_pull_end(p, false, "offer", wrong);
    else
        begin(p);
}

static const struct ss_json_form form = {
    .places = places, .value = value, .place_count = sizeof places / sizeof *places, .wanted = WANTED};
const struct ss_job ss_job_offer = {.ask = ask, .done = done, .json = &form};
