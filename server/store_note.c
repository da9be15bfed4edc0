// SPDX-License-Identifier: Apache-2.0
// What the server notes by itself in the history of an action. That a device downloads may wait for others and be lost:
// such notes gather in one job at the end of the queue, are merged there, and written some at a time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store_internal.h"

// That the device knows of the action

struct retrieved {
    struct ss_store_job job; // first: the job's address is this one's
    int64_t action;
    char device[SS_STORE_NAME_SIZE];
};

static void free_job(struct ss_store_job *job)
{
    free(job);
}

static ss_status_t note_retrieved(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    const struct retrieved *r = context;
    int64_t due;
    ss_status_t status = ss_store_get_number(
        tx->db, 0, &due, err, "SELECT 1 FROM actions WHERE id = $1 AND device = $2 AND active = 1 AND retrieved = 0",
        ss_sql_int(r->action), ss_sql_text(r->device));
    if (status != SS_OK || !due)
        return status;
    status = ss_store_status_note(tx, r->action, SS_STORE_RETRIEVED, "", err);
    if (status == SS_OK)
        status = ss_sql_run(tx->db, err, "UPDATE actions SET retrieved = 1 WHERE id = $1", ss_sql_int(r->action));
    return status == SS_OK ? ss_store_touch_device(tx, r->device, err) : status;
}

void ss_store_action_retrieved(struct ss_store *store, const char *device, int64_t action)
{
    struct retrieved *r = calloc(1, sizeof *r);
    if (!r)
        return; // a missing entry in the history
    r->job = (struct ss_store_job){.name = "store-retrieved", .work = note_retrieved, .context = r, .finish = free_job};
    r->action = action;
    ss_store_copy(r->device, sizeof r->device, device);
    ss_store_submit(store, &r->job);
}

// Downloads

enum { WAITING_MAX = 4096, ROWS = 16, COLUMNS = 4, LIMITS = 5 };

struct ss_store_note {
    struct ss_store_note *next;    ///< of all, as they came
    struct ss_store_note *chained; ///< in the index
    int64_t action, time;
    unsigned turn;  ///< how many notes of the action come before it
    unsigned times; ///< that the file was asked for
    char device[SS_STORE_NAME_SIZE];
    char file[SS_STORE_FILE_SIZE];
};

struct ss_store_notes {
    struct ss_store_job job; // first
    struct ss_store_note *first, **last;
};

/// One text for up to ROWS rows of values.
struct statement {
    char text[1280];
    size_t len;
    struct ss_sql_value values[LIMITS + ROWS * COLUMNS];
    size_t count;
};

static void add_text(struct statement *s, const char *text)
{
    s->len += (size_t)snprintf(s->text + s->len, sizeof s->text - s->len, "%s", text);
}

/// "($5, $6, $7)" for @p count values, which become those.
static void add_row(struct statement *s, const struct ss_sql_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        s->values[s->count++] = values[i];
        s->len += (size_t)snprintf(s->text + s->len, sizeof s->text - s->len, "%s$%zu", i ? ", " : "(", s->count);
    }
    add_text(s, ")");
}

/// The messages of @p note, each with a NUL at its end.
static size_t pack(const struct ss_store_note *note, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "%s", note->file) + 1;
    if (note->times > 1)
        len += (size_t)snprintf(out + len, size - len, "%u times", note->times) + 1;
    return len;
}

/// Entries for those whose action goes on and has room for them.
static ss_status_t insert(struct ss_store_tx *tx, const struct ss_store_note *const *notes, size_t count,
                          struct ss_error *err)
{
    char messages[ROWS][SS_STORE_FILE_SIZE + 24];
    struct statement s = {.values = {ss_sql_int(SS_STORE_DOWNLOAD), ss_sql_int(SS_STORE_STATUSES_MAX),
                                     ss_sql_int(SS_STORE_STATUS_BYTES),
                                     ss_sql_int((int64_t)atomic_load(&tx->store->action_bytes)),
                                     ss_sql_int((int64_t)atomic_load(&tx->store->device_bytes))},
                          .count = LIMITS};
    add_text(&s, "WITH n (action, device, time, messages) AS (VALUES ");
    for (size_t i = 0; i < count; i++) {
        size_t len = pack(notes[i], messages[i], sizeof messages[i]);
        const struct ss_sql_value row[COLUMNS] = {ss_sql_int(notes[i]->action), ss_sql_text(notes[i]->device),
                                                  ss_sql_int(notes[i]->time), ss_sql_blob(messages[i], len)};
        add_text(&s, i ? ", " : "");
        add_row(&s, row, COLUMNS);
    }
    add_text(&s, ") INSERT INTO statuses (action, number, time, state, messages) "
                 "SELECT a.id, a.statuses + 1, n.time, $1, n.messages FROM n CROSS JOIN actions a "
                 "WHERE a.id = n.action AND a.device = n.device AND a.active = 1 AND a.statuses < $2 "
                 "AND a.bytes + $3 + length(n.messages) <= $4 AND (SELECT sum(bytes) FROM actions "
                 "WHERE device = n.device) + $3 + length(n.messages) <= $5");
    return ss_sql_execute(tx->db, s.text, s.values, s.count, err);
}

/// The actions of those that have got their entry. What another node has written meanwhile stays the last: it came after
/// the download began.
static ss_status_t count_in(struct ss_store_tx *tx, const struct ss_store_note *const *notes, size_t count,
                            struct ss_error *err)
{
    struct statement s = {
        .values = {ss_sql_int(SS_STORE_DOWNLOAD), ss_sql_int(tx->now), ss_sql_int(SS_STORE_STATUS_BYTES)}, .count = 3};
    add_text(&s, "UPDATE actions SET statuses = statuses + 1, last = CASE WHEN "
                 "(SELECT time FROM statuses WHERE action = id AND number = actions.statuses) > "
                 "(SELECT time FROM statuses WHERE action = id AND number = actions.statuses + 1) "
                 "THEN last ELSE $1 END, changed = $2, bytes = bytes + $3 + "
                 "(SELECT length(messages) FROM statuses WHERE action = id AND number = actions.statuses + 1) "
                 "WHERE id IN (");
    for (size_t i = 0; i < count; i++) {
        const struct ss_sql_value action = ss_sql_int(notes[i]->action);
        add_text(&s, i ? ", " : "");
        add_row(&s, &action, 1);
    }
    add_text(&s, ") AND EXISTS (SELECT 1 FROM statuses WHERE action = id AND number = actions.statuses + 1)");
    return ss_sql_execute(tx->db, s.text, s.values, s.count, err);
}

/// Up to ROWS notes of different actions.
static ss_status_t write_some(struct ss_store_tx *tx, const struct ss_store_note *const *notes, size_t count,
                              struct ss_error *err)
{
    if (!count)
        return SS_OK;
    ss_status_t status = insert(tx, notes, count, err);
    return status == SS_OK ? count_in(tx, notes, count, err) : status;
}

/// Those whose turn it is: no action has two of them. *@p more: there are later turns.
static ss_status_t write_turn(struct ss_store_tx *tx, const struct ss_store_notes *all, unsigned turn, bool *more,
                              struct ss_error *err)
{
    const struct ss_store_note *some[ROWS];
    size_t count = 0;
    ss_status_t status = SS_OK;
    *more = false;
    for (const struct ss_store_note *n = all->first; n && status == SS_OK; n = n->next) {
        *more |= n->turn > turn;
        if (n->turn == turn)
            some[count++] = n;
        if (count == ROWS) {
            status = write_some(tx, some, count, err);
            count = 0;
        }
    }
    return status == SS_OK ? write_some(tx, some, count, err) : status;
}

static ss_status_t write_notes(struct ss_store_tx *tx, void *context, struct ss_error *err)
{
    bool more = true;
    ss_status_t status = SS_OK;
    for (unsigned turn = 0; more && status == SS_OK; turn++)
        status = write_turn(tx, context, turn, &more, err);
    return status;
}

static void free_notes(struct ss_store_job *job)
{
    struct ss_store_notes *notes = (struct ss_store_notes *)job;
    for (struct ss_store_note *n = notes->first, *next; n; n = next) {
        next = n->next;
        free(n);
    }
    free(notes);
}

/// The job that takes notes now. NULL without memory.
static struct ss_store_notes *open_notes(struct ss_store *store)
{
    if (store->notes)
        return store->notes;
    struct ss_store_notes *notes = malloc(sizeof *notes);
    if (!notes)
        return NULL;
    *notes = (struct ss_store_notes){
        .job = {.name = "store-download", .work = write_notes, .context = notes, .finish = free_notes},
        .last = &notes->first};
    memset(store->note_index, 0, sizeof store->note_index);
    return store->notes = notes;
}

static struct ss_store_note **chain_of(struct ss_store *store, int64_t action)
{
    return &store->note_index[(uint64_t)action % SS_STORE_NOTE_CHAINS];
}

/// Counts @p file in if a note says the same already. *@p turn: how many notes of the action there are.
static bool merge(struct ss_store *store, int64_t action, const char *file, unsigned *turn)
{
    *turn = 0;
    for (struct ss_store_note *n = store->notes ? *chain_of(store, action) : NULL; n; n = n->chained) {
        if (n->action == action && !strcmp(n->file, file)) {
            n->times++;
            return true;
        }
        *turn += n->action == action;
    }
    return false;
}

static void add(struct ss_store *store, const char *device, int64_t action, const char *file, unsigned turn)
{
    struct ss_store_note *n = malloc(sizeof *n);
    struct ss_store_notes *notes = n ? open_notes(store) : NULL;
    if (!notes) {
        free(n);
        return;
    }
    struct ss_store_note **chain = chain_of(store, action);
    n->next = NULL;
    n->chained = *chain;
    n->action = action;
    n->time = ss_store_now();
    n->turn = turn;
    n->times = 1;
    ss_store_copy(n->device, sizeof n->device, device);
    ss_store_copy(n->file, sizeof n->file, file);
    *chain = n;
    *notes->last = n;
    notes->last = &n->next;
    ss_store_queue_hint(store, &notes->job);
}

void ss_store_action_downloading(struct ss_store *store, const char *device, int64_t action, const char *file)
{
    unsigned turn;
    pthread_mutex_lock(&store->queue_lock);
    if (!merge(store, action, file, &turn) && store->hints < WAITING_MAX)
        add(store, device, action, file, turn);
    pthread_mutex_unlock(&store->queue_lock);
}
