// SPDX-License-Identifier: Apache-2.0
// The inside of the store, for the files that make it up.
#ifndef SS_SERVER_STORE_INTERNAL_H
#define SS_SERVER_STORE_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "server/store.h"
#include "server/store_content.h"
#include "vault/sql.h"

/// Bytes of a chunk of a blob; all but the last one are full.
#define SS_STORE_CHUNK 65536u

// A write: a job that the writer runs, with others, within one transaction.

/// What a write is given.
struct ss_store_tx {
    struct ss_store *store;
    struct ss_sql *db;
    struct ss_store_touched *touched;
    int64_t now;
};

/// Writes; may be run again after another writer's interference, so it must not change anything but the database and
/// its results.
typedef ss_status_t (*ss_store_work_fn)(struct ss_store_tx *tx, void *context, struct ss_error *err);

struct ss_store_job {
    const char *name; ///< of its fault points: NAME:begin, NAME:commit (all is written, nothing committed), NAME:done
    ss_store_work_fn work;
    void *context;
    void (*finish)(struct ss_store_job *job); ///< called last, on the writer's thread; the job is its own again
    struct ss_store_job *next;
    size_t hints; ///< that it holds, which may wait for others, and be lost; 0: somebody waits for it
    ss_status_t status;
    struct ss_error err;
};

// The cache, store_cache.c. A device's entry is dropped when it was written, but not what is known of its being seen.

#define SS_STORE_SHARDS 64u

struct ss_store_entry {
    struct ss_store_entry *next; ///< in its bucket
    struct ss_store_device device;
    int64_t seen;                        ///< by this process; 0: never
    bool valid, used;                    ///< used: since the clock's hand came by
    bool seen_new;                       ///< seen or freshness_fetched is not written yet
    bool fetched_new;                    ///< freshness_fetched is not: it was noted by this process
    bool writing;                        ///< they are being written: the entry stays until that has worked
    struct ss_store_download *downloads; ///< two: of the open action's release, and another one's; NULL: none
};

struct ss_store_shard {
    pthread_mutex_t lock;
    struct ss_store_entry **buckets;
    size_t bucket_count, count, hand;
    uint64_t hits;  ///< answers from memory
    uint64_t epoch; ///< counts what was dropped: what was read from the database before is not put in after
};

struct ss_store_products {
    pthread_mutex_t lock;
    struct ss_store_product *items;
    size_t count;
    uint64_t epoch;
};

struct ss_store_probe {
    pthread_mutex_t lock;
    pthread_cond_t known;
    struct ss_store_job job;
    bool runs;
    int64_t until;      ///< monotonic, seconds: so long the last outcome counts
    ss_status_t status; ///< of the last batch of writes
    struct ss_error err;
};

#define SS_STORE_NOTE_CHAINS 1024u

struct ss_store {
    char *url;
    struct ss_store_options options;
    char node[17]; ///< who wrote a change

    // connections for reading, store.c
    pthread_mutex_t readers_lock;
    pthread_cond_t readers_free;
    struct ss_sql *idle[64];
    unsigned idle_count, open_count;

    // the writer, store_writer.c
    pthread_t writer;
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_filled;
    struct ss_store_job *first, **last;
    size_t urgent, hints;         ///< jobs that somebody waits for, and hints, that are queued
    struct timespec hints_due;    ///< monotonic; of the oldest hint
    struct ss_store_notes *notes; ///< the job at the queue's end, while it takes more of them; else NULL
    struct ss_store_note *note_index[SS_STORE_NOTE_CHAINS]; ///< those of that job, by their action
    bool stop;
    bool threads;  ///< the writer runs
    bool watching; ///< the watcher runs
    struct ss_sql *writer_db;

    struct ss_store_probe probe;

    // store_cache.c, store_watch.c
    struct ss_store_shard shards[SS_STORE_SHARDS];
    struct ss_store_products products;
    pthread_t watcher;
    atomic_llong watched; ///< monotonic time, seconds, when the watcher last knew of everything; 0: never
    atomic_bool stopping;
    atomic_ullong action_bytes, device_bytes; ///< most that histories take, ss_store_set_history()
    atomic_ullong revision, misses, writes, commits, queued;
};

// store.c

extern const struct ss_sql_place ss_store_place;
int64_t ss_store_now(void);
int64_t ss_store_monotonic(void);
ss_status_t ss_store_out_of_memory(struct ss_error *err);
/// SS_ERROR_INVALID_ARGUMENT unless @p name can name a @p what.
SS_MUST_USE ss_status_t ss_store_check_name(const char *what, const char *name, struct ss_error *err);
/// Copies @p text, which fits.
void ss_store_copy(char *out, size_t size, const char *text);

typedef ss_status_t (*ss_store_read_fn)(struct ss_sql *db, void *context, struct ss_error *err);
/// Runs @p read on a connection from the pool, as one consistent picture; once more, if the connection turns out to be
/// gone.
SS_MUST_USE ss_status_t ss_store_read(struct ss_store *store, ss_store_read_fn read, void *context,
                                      struct ss_error *err);
/// The first row of a query that has come back with @p status, or *@p row false. Ends *@p rows unless there is one.
SS_MUST_USE ss_status_t ss_store_first(ss_status_t status, struct ss_sql_rows **rows, bool *row, struct ss_error *err);
/// A number of one row and column; @p fallback without a row.
SS_MUST_USE ss_status_t ss_store_number(struct ss_sql *db, const char *query, const struct ss_sql_value *values,
                                        size_t count, int64_t fallback, int64_t *out, struct ss_error *err);
#define ss_store_get_number(db, fallback, out, err, text, ...)                                                         \
    ss_store_number(db, text, (const struct ss_sql_value[]){__VA_ARGS__},                                              \
                    sizeof((const struct ss_sql_value[]){__VA_ARGS__}) / sizeof(struct ss_sql_value), fallback, out,   \
                    err)

// store_schema.c

/// Makes the tables, or brings them up to date.
SS_MUST_USE ss_status_t ss_store_schema_prepare(struct ss_sql *db, bool create, struct ss_error *err);

// store_writer.c

SS_MUST_USE ss_status_t ss_store_writer_start(struct ss_store *store, struct ss_error *err);
void ss_store_writer_stop(struct ss_store *store);
/// Queues @p job, which is the writer's until job->finish().
void ss_store_submit(struct ss_store *store, struct ss_store_job *job);
/// With the queue locked: @p job holds one more hint. The first one queues it, to be written with the next other job,
/// or SS_STORE_HINT_SECONDS later.
void ss_store_queue_hint(struct ss_store *store, struct ss_store_job *job);
/// Queues and waits.
SS_MUST_USE ss_status_t ss_store_write(struct ss_store *store, const char *name, ss_store_work_fn work, void *context,
                                       struct ss_error *err);
/// Within a write: what nodes have cached of this device (product) is out of date when it is committed.
SS_MUST_USE ss_status_t ss_store_touch_device(struct ss_store_tx *tx, const char *device, struct ss_error *err);
SS_MUST_USE ss_status_t ss_store_touch_product(struct ss_store_tx *tx, const char *product, struct ss_error *err);

/// What a batch of writes has touched.
struct ss_store_touched {
    char (*names)[SS_STORE_NAME_SIZE + 1]; ///< 'd' or 'p', and a name
    size_t count, capacity;
};

// store_cache.c

SS_MUST_USE ss_status_t ss_store_cache_init(struct ss_store *store, struct ss_error *err);
void ss_store_cache_free(struct ss_store *store);
/// Drops one device (NULL: none) or product, or everything.
void ss_store_cache_drop_device(struct ss_store *store, const char *device);
void ss_store_cache_drop_products(struct ss_store *store);
void ss_store_cache_drop_all(struct ss_store *store);
/// Sets `cached` and `cache_hits`.
void ss_store_cache_count(struct ss_store *store, struct ss_store_counts *counts);
bool ss_store_cache_is_current(struct ss_store *store);
/// The shard of @p device, locked, and what is there of it in *@p entry; NULL: nothing.
struct ss_store_shard *ss_store_cache_lock(struct ss_store *store, const char *device, struct ss_store_entry **entry);

// store_probe.c

void ss_store_probe_init(struct ss_store *store);
void ss_store_probe_free(struct ss_store *store);
/// On the writer's thread, after each batch: whether it could be written.
void ss_store_probe_note(struct ss_store *store, ss_status_t status, const struct ss_error *err);

// store_seen.c

/// With the shard locked. @p seen 0: used, that is all.
void ss_store_cache_note_seen(struct ss_store_entry *entry, int64_t seen);
/// Writes a part of what was seen since the last time, in one transaction: of shard *@p shard on, which is moved on.
/// All is written when it is SS_STORE_SHARDS.
SS_MUST_USE ss_status_t ss_store_cache_write_seen(struct ss_store *store, unsigned *shard, struct ss_error *err);
/// Notes that a device has fetched its freshness record of @p time.
void ss_store_cache_fetched(struct ss_store *store, const char *device, int64_t time);

// store_watch.c

SS_MUST_USE ss_status_t ss_store_watcher_start(struct ss_store *store, struct ss_error *err);
void ss_store_watcher_stop(struct ss_store *store);
/// Within a batch: writes what was touched where other nodes will read it.
SS_MUST_USE ss_status_t ss_store_publish_changes(struct ss_store *store, struct ss_sql *db,
                                                 const struct ss_store_touched *touched, struct ss_error *err);

// store_load.c

/// Reads a device as it is cached. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_device_load(struct ss_sql *db, const char *id, struct ss_store_device *out,
                                             struct ss_error *err);
/// What attribute @p key says, in @p told; nothing if it is none of ours or malformed.
void ss_store_told_set(struct ss_store_told *told, const char *key, const char *value);

// store_action.c, store_status.c

/// Adds a status entry to an action and makes it the action's last.
struct ss_store_entry_fields {
    int64_t action;
    enum ss_store_state state;
    bool has_code, has_progress;
    int32_t code;
    uint32_t count, of;
    const char *const *messages;
    size_t message_count;
};
/// What a status entry is counted as beside its messages, bytes.
#define SS_STORE_STATUS_BYTES 64u
/// Bytes that an entry with these messages is counted as.
size_t ss_store_status_size(const char *const *messages, size_t count);
SS_MUST_USE ss_status_t ss_store_status_add(struct ss_store_tx *tx, const struct ss_store_entry_fields *entry,
                                            struct ss_error *err);
/// One entry with one message.
SS_MUST_USE ss_status_t ss_store_status_note(struct ss_store_tx *tx, int64_t action, enum ss_store_state state,
                                             const char *message, struct ss_error *err);
/// Gives an action a new state; it ends unless that is one of the open ones.
SS_MUST_USE ss_status_t ss_store_action_set(struct ss_store_tx *tx, int64_t action, enum ss_store_state state,
                                            struct ss_error *err);
/// Ends what is open of @p device: CANCELED, with @p why in the history.
SS_MUST_USE ss_status_t ss_store_actions_end(struct ss_store_tx *tx, const char *device, const char *why,
                                             struct ss_error *err);
/// A new action of @p device, in @p state, with @p note as its first entry; its id goes to *@p action.
SS_MUST_USE ss_status_t ss_store_action_add(struct ss_store_tx *tx, const struct ss_store_assignment *a,
                                            const struct ss_store_device *device, enum ss_store_state state,
                                            const char *note, int64_t *action, struct ss_error *err);

/// A window from three columns of a row, the first of them @p column.
struct ss_store_window ss_store_window_column(const struct ss_sql_rows *rows, unsigned column);

// store_installed.c

/// What a device has installed from now on; it is asked for its attributes then.
SS_MUST_USE ss_status_t ss_store_installed_set(struct ss_store_tx *tx, const char *device, int64_t action,
                                               int64_t release, struct ss_error *err);

// store_product.c

/// Makes sure that product @p name is there and of kind @p kind. SS_ERROR_NOT_PERMITTED: it is of the other kind.
SS_MUST_USE ss_status_t ss_store_product_ensure(struct ss_store_tx *tx, const char *name, enum ss_store_kind kind,
                                                struct ss_error *err);
/// The kind of product @p name. SS_ERROR_DOES_NOT_EXIST.
SS_MUST_USE ss_status_t ss_store_product_kind(struct ss_sql *db, const char *name, enum ss_store_kind *kind,
                                              struct ss_error *err);

// store_blob.c

SS_MUST_USE ss_status_t ss_store_blob_delete(struct ss_store_tx *tx, int64_t blob, struct ss_error *err);
SS_MUST_USE ss_status_t ss_store_blob_new(struct ss_store_tx *tx, int64_t *blob, struct ss_error *err);
/// Writes chunks from @p offset on, a multiple of SS_STORE_CHUNK.
SS_MUST_USE ss_status_t ss_store_blob_write(struct ss_store_tx *tx, int64_t blob, uint64_t offset, const uint8_t *bytes,
                                            size_t len, struct ss_error *err);

// store_release.c

/// Reads one release. *@p found false: none such.
SS_MUST_USE ss_status_t ss_store_release_read(struct ss_sql *db, int64_t id, const char *product, const char *version,
                                              struct ss_store_release *out, bool *found, struct ss_error *err);
/// Adds one; its id comes back in it.
SS_MUST_USE ss_status_t ss_store_release_insert(struct ss_store_tx *tx, struct ss_store_release *release,
                                                struct ss_error *err);

#endif
