// SPDX-License-Identifier: Apache-2.0
#include "server/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    FRONT,
    SEALER,
    CHILDREN,
    FIRST_PAUSE_MS = 100,
    LONGEST_PAUSE_MS = 10000,
    GOOD_LIFE_MS = 10000, ///< who lived so long did not die of its start
    PATIENCE_MS = 30000,  ///< with one that was asked to end
};

struct child {
    const struct ss_supervised *what;
    pid_t pid;   ///< 0: not running
    int control; ///< our end; -1: none
    int64_t started_ms, restart_ms, asked_ms;
    int pause_ms;
};

struct supervisor {
    const struct ss_supervise_options *options;
    struct child children[CHILDREN];
    int signals; ///< signalfd
    sigset_t mask;
    bool stopping, gave_up;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/// @p trouble: somebody should hear of it.
static void say(const struct supervisor *s, bool trouble, const char *format, ...) SS_PRINTF(3, 4);
static void say(const struct supervisor *s, bool trouble, const char *format, ...)
{
    char text[256];
    va_list args;
    if (!s->options->log)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->options->log(s->options->context, trouble, text);
}

// Starting

/// In the child: nothing of the supervisor's stays open, and its end is ours.
static void become(struct supervisor *s, const struct child *c, int control, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1); // it died before that was said
    close(s->signals);
    for (int i = 0; i < CHILDREN; i++)
        if (s->children[i].control >= 0)
            close(s->children[i].control);
    sigprocmask(SIG_SETMASK, &none, NULL);
    exit(c->what->run(c->what->context, control));
}

static void start(struct supervisor *s, struct child *c)
{
    int control[2];
    pid_t self = getpid();
    c->restart_ms = now_ms() + c->pause_ms; // if this does not work
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0)
        return;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(control[0]);
        become(s, c, control[1], self);
    }
    close(control[1]);
    if (pid < 0) {
        close(control[0]);
        return;
    }
    c->pid = pid;
    c->control = control[0];
    c->started_ms = now_ms();
    say(s, false, "%s started, process %d", c->what->name, (int)pid);
}

/// A channel for both. What was between them before is theirs to close.
static void connect_both(struct supervisor *s, enum ss_supervised_use use)
{
    unsigned slots = s->options->slots ? s->options->slots : 256;
    int sockets[2], memory;
    struct ss_error err = {0};
    if (!s->children[FRONT].pid || !s->children[SEALER].pid)
        return;
    ss_status_t status =
        ss_channel_pair(use == SS_SUPERVISED_LANE ? SS_CHANNEL_LANE_SLOTS : slots, sockets, &memory, &err);
    if (status == SS_OK) {
        for (int i = 0; i < CHILDREN && status == SS_OK; i++)
            status = ss_supervise_send_channel(s->children[i].control, use, sockets[i], memory, &err);
        close(sockets[0]);
        close(sockets[1]);
        close(memory);
    }
    if (status != SS_OK)
        say(s, true, "no channel between front and sealer: %s", err.message);
}

static void start_what_is_due(struct supervisor *s)
{
    bool started = false;
    for (int i = 0; i < CHILDREN && !s->stopping; i++) {
        struct child *c = &s->children[i];
        if (c->pid || now_ms() < c->restart_ms)
            continue;
        start(s, c);
        started |= c->pid > 0;
    }
    if (started)
        connect_both(s, SS_SUPERVISED_CHANNEL);
}

// Ending

static void end_of(struct supervisor *s, struct child *c, int status)
{
    int64_t lived = now_ms() - c->started_ms;
    if (WIFSIGNALED(status))
        say(s, true, "%s was killed by signal %d", c->what->name, WTERMSIG(status));
    else
        say(s, WEXITSTATUS(status) != 0, "%s ended with status %d", c->what->name, WEXITSTATUS(status));
    if (WIFEXITED(status) && WEXITSTATUS(status) == SS_SUPERVISE_GIVE_UP)
        s->stopping = s->gave_up = true;
    close(c->control);
    c->control = -1;
    c->pid = 0;
    c->pause_ms = lived >= GOOD_LIFE_MS || !c->pause_ms ? FIRST_PAUSE_MS : 2 * c->pause_ms;
    int longest = s->options->longest_pause_ms ? (int)s->options->longest_pause_ms : LONGEST_PAUSE_MS;
    if (c->pause_ms > longest)
        c->pause_ms = longest;
    c->restart_ms = now_ms() + c->pause_ms;
}

static void reap(struct supervisor *s)
{
    int status;
    for (int i = 0; i < CHILDREN; i++)
        if (s->children[i].pid && waitpid(s->children[i].pid, &status, WNOHANG) == s->children[i].pid)
            end_of(s, &s->children[i], status);
}

/// The front first: what it is sending, the sealer still seals.
static void stop_what_runs(struct supervisor *s)
{
    struct child *c = s->children[FRONT].pid ? &s->children[FRONT] : &s->children[SEALER];
    if (!s->stopping || !c->pid)
        return;
    if (!c->asked_ms) {
        c->asked_ms = now_ms();
        kill(c->pid, SIGTERM);
    } else if (now_ms() - c->asked_ms > PATIENCE_MS) {
        kill(c->pid, SIGKILL);
    }
}

static void take_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof info) != sizeof info)
        return;
    switch (info.ssi_signo) {
    case SIGHUP:
        if (s->children[FRONT].pid)
            kill(s->children[FRONT].pid, SIGHUP);
        break;
    case SIGCHLD:
        reap(s);
        break;
    default:
        for (int i = 0; i < CHILDREN && s->stopping; i++)
            if (s->children[i].pid)
                kill(s->children[i].pid, SIGKILL); // asked twice
        s->stopping = true;
        break;
    }
}

/// Only the front asks for anything, and that is channels.
static void take_control(struct supervisor *s, struct child *c)
{
    char what = 0;
    if (recv(c->control, &what, 1, MSG_DONTWAIT) == 1 && c == &s->children[FRONT] &&
        (what == SS_SUPERVISED_CHANNEL || what == SS_SUPERVISED_LANE))
        connect_both(s, (enum ss_supervised_use)what);
}

static bool running(const struct supervisor *s)
{
    return s->children[FRONT].pid || s->children[SEALER].pid;
}

static void turn(struct supervisor *s)
{
    struct pollfd fds[1 + CHILDREN] = {{s->signals, POLLIN, 0}};
    for (int i = 0; i < CHILDREN; i++)
        fds[1 + i] = (struct pollfd){s->children[i].control, POLLIN, 0}; // -1 is passed over
    if (poll(fds, 1 + CHILDREN, 100) < 0)
        return;
    for (int i = 0; i < CHILDREN; i++)
        if (fds[1 + i].revents & POLLIN)
            take_control(s, &s->children[i]);
    if (fds[0].revents)
        take_signal(s);
    reap(s); // SIGCHLD of two may come as one
}

static ss_status_t run(struct supervisor *s)
{
    do {
        start_what_is_due(s);
        turn(s);
        stop_what_runs(s);
    } while (!s->stopping || running(s));
    return s->gave_up ? SS_ERROR_BAD_STATE : SS_OK;
}

ss_status_t ss_supervise(const struct ss_supervise_options *options, struct ss_error *err)
{
    sigset_t before;
    struct supervisor s = {.options = options,
                           .children = {{.what = &options->front, .control = -1, .pause_ms = 0},
                                        {.what = &options->sealer, .control = -1, .pause_ms = 0}}};
    sigemptyset(&s.mask);
    for (const int *signal = (const int[]){SIGTERM, SIGINT, SIGHUP, SIGCHLD, 0}; *signal; signal++)
        sigaddset(&s.mask, *signal);
    sigprocmask(SIG_BLOCK, &s.mask, &before);
    s.signals = signalfd(-1, &s.mask, SFD_CLOEXEC | SFD_NONBLOCK);
    ss_status_t status =
        s.signals < 0 ? ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "signalfd: %s", strerror(errno)) : run(&s);
    if (status == SS_ERROR_BAD_STATE)
        ss_error_set(err, status, SS_AREA_SERVER, "front or sealer cannot work as it is configured: see its message");
    if (s.signals >= 0)
        close(s.signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return status;
}
