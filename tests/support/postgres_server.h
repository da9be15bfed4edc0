// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL server of our own, in a private folder, on a Unix socket. Works as root, too: the server runs as another
// user then, as it insists to.
#ifndef SS_TESTS_POSTGRES_SERVER_H
#define SS_TESTS_POSTGRES_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct postgres_server {
    pid_t process;
    char user[32];     ///< name of the database's superuser
    char socket[96];   ///< folder of the socket
    char program[128]; ///< postgres
};

/// Starts one under @p folder. False if PostgreSQL is not installed; fails the test for anything else.
bool postgres_server_start(struct postgres_server *server, const char *folder);
/// Kills the server and all its processes, at once; from any thread. It is to be crashed or stopped then.
void postgres_server_kill(const struct postgres_server *server);
/// Does that, and starts it again on its data.
void postgres_server_crash(struct postgres_server *server);
void postgres_server_stop(struct postgres_server *server);

#endif
