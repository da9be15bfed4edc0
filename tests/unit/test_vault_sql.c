// SPDX-License-Identifier: Apache-2.0
// Statements that are run again and again, on both back ends.
#include "support/unit.h"
#include "support/vault_bench.h"

#include <stdio.h>
#include <string.h>

#include "vault/sql.h"

static struct ss_sql *open_db(void)
{
    struct ss_sql *db;
    struct ss_error err = {0};
    assert_ok(ss_sql_open(vault_bench_new_url(), &ss_sql_vault, true, 0, &db, &err), err);
    assert_ok(ss_sql_script(db, "CREATE TABLE songs (id BIGINT PRIMARY KEY, name {text}, notes {blob})", &err), err);
    return db;
}

static void add(struct ss_sql *db, int64_t id, const char *name)
{
    struct ss_error err = {0};
    assert_ok(ss_sql_run(db, &err, "INSERT INTO songs (notes, name, id) VALUES ($3, $2, $1)", ss_sql_int(id),
                         ss_sql_text(name), ss_sql_blob(name, strlen(name))),
              err);
}

static int64_t number(struct ss_sql *db, const char *text, struct ss_sql_value value)
{
    struct ss_sql_rows *rows;
    struct ss_error err = {0};
    bool row;
    assert_ok(ss_sql_select(db, &rows, &err, text, value), err);
    assert_ok(ss_sql_next(rows, &row, &err), err);
    int64_t out = row ? ss_sql_column_int(rows, 0) : -1;
    ss_sql_end(rows);
    return out;
}

/// Each run has its own values, and none of the one before; whatever order the text names them in.
static void test_the_same_text_again(void **state)
{
    (void)state;
    static const char id_of[] = "SELECT id FROM songs WHERE name = $1 OR ($1 = 'any' AND id = 1)";
    struct ss_sql *db = open_db();
    add(db, 1, "one");
    add(db, 2, "two");
    add(db, 3, "three");
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(number(db, id_of, ss_sql_text("two")), 2);
        assert_int_equal(number(db, id_of, ss_sql_text("three")), 3);
        assert_int_equal(number(db, id_of, ss_sql_text("any")), 1);
        assert_int_equal(number(db, id_of, ss_sql_text(NULL)), -1);
    }
    assert_int_equal(number(db, "SELECT count(*) FROM songs WHERE length(notes) = $1", ss_sql_int(3)), 2);
    ss_sql_close(db);
}

/// A text that runs while it runs, and rows that nobody reads to their end.
static void test_the_same_text_within(void **state)
{
    (void)state;
    static const char above[] = "SELECT id FROM songs WHERE id > $1 ORDER BY id";
    struct ss_sql *db = open_db();
    struct ss_sql_rows *outer;
    struct ss_error err = {0};
    ss_status_t status;
    unsigned pairs = 0;
    add(db, 1, "one");
    add(db, 2, "two");
    add(db, 3, "three");
    status = ss_sql_select(db, &outer, &err, above, ss_sql_int(0));
    while (ss_sql_more(outer, &status, &err)) {
        struct ss_sql_rows *inner;
        status = ss_sql_select(db, &inner, &err, above, ss_sql_int(ss_sql_column_int(outer, 0)));
        while (ss_sql_more(inner, &status, &err))
            pairs++;
        ss_sql_end(inner);
    }
    ss_sql_end(outer);
    assert_ok(status, err);
    assert_int_equal(pairs, 3);
    assert_int_equal(number(db, above, ss_sql_int(0)), 1);
    assert_int_equal(number(db, above, ss_sql_int(2)), 3);
    // What was left in the middle holds nobody up.
    assert_ok(ss_sql_script(db, "DROP TABLE songs", &err), err);
    ss_sql_close(db);
}

static void test_after_a_failure(void **state)
{
    (void)state;
    struct ss_sql *db = open_db();
    struct ss_error err = {0};
    static const char insert[] = "INSERT INTO songs (notes, name, id) VALUES ($3, $2, $1)";
    add(db, 1, "one");
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(ss_sql_run(db, &err, insert, ss_sql_int(1), ss_sql_text("again"), ss_sql_blob(NULL, 0)),
                         SS_ERROR_ALREADY_EXISTS);
    add(db, 2, "two");
    assert_int_equal(number(db, "SELECT count(*) FROM songs WHERE id > $1", ss_sql_int(0)), 2);
    assert_int_not_equal(ss_sql_run(db, &err, "SELECT $1 FROM nowhere", ss_sql_int(1)), SS_OK);
    assert_int_not_equal(ss_sql_run(db, &err, "SELECT $1 FROM nowhere", ss_sql_int(1)), SS_OK);
    ss_sql_close(db);
}

/// More texts than are kept, and tables that change in between.
static void test_many_texts(void **state)
{
    (void)state;
    enum { TEXTS = 100 };
    struct ss_sql *db = open_db();
    struct ss_error err = {0};
    char text[96];
    add(db, 7, "seven");
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < TEXTS; i++) {
            snprintf(text, sizeof text, "SELECT id + %u FROM songs WHERE id = $1", i);
            assert_int_equal(number(db, text, ss_sql_int(7)), 7 + i);
        }
    assert_ok(ss_sql_script(db,
                            "ALTER TABLE songs ADD COLUMN year BIGINT; ALTER TABLE songs DROP COLUMN name;"
                            "UPDATE songs SET id = 8",
                            &err),
              err);
    assert_int_equal(number(db, text, ss_sql_int(8)), 7 + TEXTS);
    assert_int_equal(number(db, text, ss_sql_int(7)), -1);
    ss_sql_close(db);
}

static void test_the_most_parameters(void **state)
{
    (void)state;
    struct ss_sql *db = open_db();
    struct ss_sql_rows *rows;
    struct ss_error err = {0};
    struct ss_sql_value values[SS_SQL_VALUES_MAX + 1];
    char text[8 * SS_SQL_VALUES_MAX] = "SELECT ";
    bool row;
    for (unsigned i = 0; i < SS_SQL_VALUES_MAX + 1; i++)
        values[i] = ss_sql_int(1000 + i);
    for (unsigned i = SS_SQL_VALUES_MAX; i > 0; i--) // backwards
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s$%u", i < SS_SQL_VALUES_MAX ? ", " : "", i);
    assert_ok(ss_sql_query(db, text, values, SS_SQL_VALUES_MAX, &rows, &err), err);
    assert_ok(ss_sql_next(rows, &row, &err), err);
    assert_int_equal(ss_sql_columns(rows), SS_SQL_VALUES_MAX);
    for (unsigned i = 0; i < SS_SQL_VALUES_MAX; i++)
        assert_int_equal(ss_sql_column_int(rows, i), 1000 + SS_SQL_VALUES_MAX - 1 - i);
    ss_sql_end(rows);
    assert_refused(ss_sql_query(db, text, values, SS_SQL_VALUES_MAX + 1, &rows, &err), SS_ERROR_INVALID_ARGUMENT, &err,
                   "73 parameters, at most 72");
    assert_null(rows);
    ss_sql_close(db);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_text_again), cmocka_unit_test(test_the_same_text_within),
        cmocka_unit_test(test_after_a_failure),     cmocka_unit_test(test_many_texts),
        cmocka_unit_test(test_the_most_parameters),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, vault_bench_start, vault_bench_stop);
}
