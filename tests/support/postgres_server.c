// SPDX-License-Identifier: Apache-2.0
#include "support/postgres_server.h"
#include "support/unit.h"

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// Debian keeps the server's programs outside of PATH, a folder for each version.
static bool find_programs(char *folder, size_t size)
{
    static const char *const patterns[] = {"/usr/lib/postgresql/*/bin/initdb", "/usr/bin/initdb",
                                           "/usr/local/bin/initdb"};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        glob_t found;
        if (glob(patterns[i], 0, NULL, &found) == 0) {
            snprintf(folder, size, "%.*s", (int)(strlen(found.gl_pathv[found.gl_pathc - 1]) - strlen("/initdb")),
                     found.gl_pathv[found.gl_pathc - 1]);
            globfree(&found);
            return true;
        }
    }
    return false;
}

static const struct passwd *server_user(void)
{
    const struct passwd *user = getuid() ? getpwuid(getuid()) : getpwnam("postgres");
    if (!user)
        user = getpwnam("nobody");
    assert_non_null(user);
    return user;
}

/// In the child: becomes that user, ends with its parent, and says nothing.
static void become(const struct passwd *user)
{
    if (getuid() == 0 && (setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    int nowhere = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(nowhere, fd);
}

static pid_t start(const struct passwd *user, const char *const *argv)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        become(user);
        execv(argv[0], (char *const *)(uintptr_t)argv); // it changes nothing
        _exit(127);
    }
    return child;
}

static void make_data(const char *programs, const struct passwd *user, const char *data)
{
    char initdb[128];
    int status;
    snprintf(initdb, sizeof initdb, "%s/initdb", programs);
    const char *argv[] = {initdb, "-D", data, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", NULL};
    assert_true(waitpid(start(user, argv), &status, 0) > 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void wait_for_socket(const char *folder)
{
    char path[128];
    snprintf(path, sizeof path, "%s/.s.PGSQL.5432.lock", folder);
    for (int i = 0; i < 600; i++) {
        FILE *f = fopen(path, "r");
        char line[64];
        bool ready = false;
        while (f && fgets(line, sizeof line, f))
            ready |= !strncmp(line, "ready", 5);
        if (f)
            fclose(f);
        char pid[128];
        snprintf(pid, sizeof pid, "%s/.s.PGSQL.5432", folder);
        if (ready || (i > 5 && access(pid, F_OK) == 0))
            return;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    fail_msg("the PostgreSQL server does not come up in %s", folder);
}

static void launch(struct postgres_server *server)
{
    char data[128], sockets[160];
    snprintf(data, sizeof data, "%s/data", server->socket);
    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", server->socket);
    // The tests kill processes, never the machine: it need not sync.
    const char *argv[] = {server->program, "-D", data,        "-c", "listen_addresses=",   "-c",
                          sockets,         "-c", "fsync=off", "-c", "shared_buffers=16MB", NULL};
    server->process = start(server_user(), argv);
    wait_for_socket(server->socket);
}

bool postgres_server_start(struct postgres_server *server, const char *folder)
{
    char programs[96], data[96];
    if (!find_programs(programs, sizeof programs))
        return false;
    const struct passwd *user = server_user();
    snprintf(server->user, sizeof server->user, "%s", user->pw_name);
    snprintf(server->socket, sizeof server->socket, "%s/pg", folder);
    snprintf(data, sizeof data, "%s/pg/data", folder);
    assert_int_equal(chmod(folder, 0711), 0);
    assert_int_equal(mkdir(server->socket, 0700), 0);
    if (getuid() == 0)
        assert_int_equal(chown(server->socket, user->pw_uid, user->pw_gid), 0);
    make_data(programs, user, data);
    snprintf(server->program, sizeof server->program, "%s/postgres", programs);
    launch(server);
    return true;
}

/// The processes of a dead server end by themselves, and while one of them is there no new server starts.
static void wait_for_children(const struct postgres_server *server)
{
    char lock[128];
    int attached = 1;
    snprintf(lock, sizeof lock, "%s/.s.PGSQL.5432", server->socket);
    unlink(lock);
    for (int i = 0; i < 200 && attached; i++) {
        char path[160], line[256] = "";
        unsigned long key = 0, id = 0;
        snprintf(path, sizeof path, "%s/data/postmaster.pid", server->socket);
        FILE *f = fopen(path, "r");
        for (int n = 0; f && n < 7 && fgets(line, sizeof line, f); n++)
            continue; // the seventh line names the shared memory
        if (f)
            fclose(f);
        struct shmid_ds segment;
        attached = sscanf(line, "%lu %lu", &key, &id) == 2 && shmctl((int)id, IPC_STAT, &segment) == 0 &&
                   segment.shm_nattch > 0;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

void postgres_server_kill(const struct postgres_server *server)
{
    char path[64], line[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)server->process, (int)server->process);
    FILE *f = fopen(path, "r");
    if (f && !fgets(line, sizeof line, f))
        line[0] = '\0';
    if (f)
        fclose(f);
    kill(server->process, SIGKILL); // first: it would take the death of another one for a crash of its own
    for (char *p = line, *end; *p; p = end) {
        long child = strtol(p, &end, 10);
        if (end == p)
            break;
        kill((pid_t)child, SIGKILL);
    }
}

void postgres_server_crash(struct postgres_server *server)
{
    postgres_server_kill(server);
    waitpid(server->process, NULL, 0);
    wait_for_children(server);
    launch(server);
}

void postgres_server_stop(struct postgres_server *server)
{
    if (server->process <= 0)
        return;
    kill(server->process, SIGQUIT);
    waitpid(server->process, NULL, 0);
    server->process = 0;
}
