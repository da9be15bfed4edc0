// SPDX-License-Identifier: Apache-2.0
#include "server/sealer_process.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/crypto.h"
#include "server/confine.h"
#include "server/confine_paths.h"
#include "server/log.h"
#include "server/sealer_service.h"
#include "server/supervise.h"
#include "vault/locked.h"
#include "vault/pkcs11.h"

enum {
    CHANNELS_MAX = SS_SEALER_LANES_MAX + 8,
    CONNECT_MS = 10000,
    FIRST_PAUSE_MS = 1000,
    LONGEST_PAUSE_MS = 60000,
};

/// A channel and the thread that serves it.
struct served {
    struct process *process;
    struct ss_channel *channel;
    pthread_t thread;
    bool used;
    atomic_bool ended;
};

struct process {
    const struct ss_sealer_process_options *options;
    int control, stop; ///< stop: signalfd, readable when it is time to go; read by nobody
    struct ss_sealer_keys *keys;
    struct ss_sealer_service *service;
    bool asked; ///< a person, for a PIN or passphrase
    struct served served[CHANNELS_MAX];
};

static void say(const struct process *p, const char *format, ...) SS_PRINTF(2, 3);
static void say(const struct process *p, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!p->options->log)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    p->options->log(p->options->context, text);
}

ss_status_t ss_server_config_check_sealer(const struct ss_server_config *config, bool remote, struct ss_error *err)
{
    const struct {
        const char *value, *name;
        bool remote_only;
    } needed[] = {{config->sealer.vault, "vault", false},
                  {config->sealer.vault_key, "vault_key", false},
                  {config->sealer.delivery_key, "delivery_key", false},
                  {config->sealer.key_set, "key_set", false},
                  {config->sealer.connect, "connect", true},
                  {config->sealer.certificate, "certificate", true},
                  {config->sealer.key, "key", true},
                  {config->sealer.ca, "ca", true}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!needed[i].value && (remote || !needed[i].remote_only))
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "[sealer] needs %s =", needed[i].name);
    return SS_OK;
}

/// Remembers that somebody was there.
static ss_status_t ask(void *context, const char *what, bool repeat, char *out, size_t size, size_t *len,
                       struct ss_error *err)
{
    struct process *p = context;
    p->asked = true;
    return p->options->ask(NULL, what, repeat, out, size, len, err);
}

// Confining

/// What is touched once everything has been opened: all that opening it again needs.
struct reach {
    struct ss_paths readable, writable;
};

static void add_token_file(void *context, const char *path, bool written)
{
    struct reach *r = context;
    ss_paths_add(written ? &r->writable : &r->readable, path);
}

static void add_key(struct reach *r, const char *where)
{
    char path[PATH_MAX];
    if (ss_pkcs11_is_uri(where))
        ss_pkcs11_files(where, add_token_file, r);
    else if (ss_paths_secret(where, path))
        ss_paths_add(&r->readable, path);
}

static bool is_file(const struct process *p)
{
    return !strncmp(p->options->config->sealer.vault, "sqlite:", 7);
}

static bool has_token(const struct process *p)
{
    const struct ss_server_config *c = p->options->config;
    return ss_pkcs11_is_uri(c->sealer.vault_key) || ss_pkcs11_is_uri(c->sealer.delivery_key);
}

static void find_reach(const struct process *p, struct reach *r)
{
    const struct ss_server_config *c = p->options->config;
    char folder[PATH_MAX];
    if (is_file(p)) { // the file and what SQLite puts beside it
        ss_paths_folder(c->sealer.vault + strlen("sqlite:"), folder);
        ss_paths_add(&r->writable, folder);
    }
    ss_paths_add_client(&r->readable, c->sealer.vault);
    add_key(r, c->sealer.vault_key);
    add_key(r, c->sealer.delivery_key);
    ss_paths_add_list(&r->readable, &c->sealer.readable);
    ss_paths_add_list(&r->writable, &c->sealer.writable);
}

/// What only shows when a connection is lost or a token is used again is tried while somebody looks: a signature, and the
/// vault once more. Not where a person would be asked again.
static ss_status_t try_again(struct process *p, struct ss_error *err)
{
    const struct ss_server_config *c = p->options->config;
    static const uint8_t digest[32];
    uint8_t signature[64];
    struct ss_vault *vault = NULL;
    ss_status_t status = SS_OK;
    if (ss_pkcs11_is_uri(c->sealer.delivery_key))
        status = ss_signing_key_sign_es256(ss_sealer_keys_delivery(p->keys), digest, signature, err);
    const struct ss_vault_options options = {.key = c->sealer.vault_key, .actor = "sealer"};
    bool once = p->asked || strncmp(c->sealer.vault_key, "passphrase:fd:", 14) == 0; // it was read to its end
    if (status == SS_OK && !once && (!is_file(p) || ss_pkcs11_is_uri(c->sealer.vault_key)))
        status = ss_vault_open(c->sealer.vault, &options, &vault, err);
    ss_vault_close(vault);
    if (status == SS_OK)
        return SS_OK;
    return ss_error_prefix(err, status,
                           "confined, the sealer cannot use its vault or token (readable and writable in [sealer] "
                           "add files, confine_files = no gives all)");
}

static ss_status_t confine(void *context, struct ss_error *err)
{
    struct process *p = context;
    const struct ss_server_config *c = p->options->config;
    struct reach reach = {.readable = {.count = 0}};
    struct ss_confined done;
    find_reach(p, &reach);
    const struct ss_confine_options options = {
        .files = c->sealer.confine_files,
        .readable = (const char *const *)reach.readable.items,
        .writable = (const char *const *)reach.writable.items,
        .sockets = is_file(p) && p->control >= 0 && !has_token(p) ? SS_CONFINE_NO_SOCKETS : SS_CONFINE_CONNECT,
        .devices = has_token(p),
        .lock_memory = true};
    ss_status_t status = reach.readable.failed || reach.writable.failed
                             ? ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory")
                             : ss_confine(&options, &done, err);
    ss_paths_free(&reach.readable);
    ss_paths_free(&reach.writable);
    if (status != SS_OK)
        return status;
    say(p, "confined: Landlock %s, system calls, memory %s", done.landlock ? "yes" : "no",
        done.memory       ? "locked"
        : ss_locked_all() ? "locked where keys are"
                          : "not locked");
    if (!c->sealer.confine_files)
        ss_log(SS_LOG_WARNING, "the sealer can use all files", "reason", "confine_files = no", NULL);
    return try_again(p, err);
}

static void service_log(void *context, const char *text)
{
    say(context, "%s", text);
}

static ss_status_t start(struct process *p, struct ss_error *err)
{
    const struct ss_server_config *c = p->options->config;
    const struct ss_sealer_key_options key_options = {.key_set = c->sealer.key_set,
                                                      .delivery_key = c->sealer.delivery_key,
                                                      .upload_key = c->sealer.upload_key,
                                                      .ask = p->options->ask ? ask : NULL,
                                                      .ask_context = p};
    ss_status_t status = ss_sealer_keys_load(&key_options, &p->keys, err);
    const struct ss_sealer_service_options options = {.vault = c->sealer.vault,
                                                      .vault_options = {.key = c->sealer.vault_key,
                                                                        .ask = p->options->ask ? ask : NULL,
                                                                        .ask_context = p,
                                                                        .actor = "sealer"},
                                                      .keys = p->keys,
                                                      .ciphers = c->sealer.ciphers,
                                                      .plaintext = c->sealer.plaintext_cache,
                                                      .opened = confine,
                                                      .log = service_log,
                                                      .context = p};
    return status == SS_OK ? ss_sealer_service_start(&options, &p->service, err) : status;
}

// Channels of the supervisor

static void *serve(void *context)
{
    struct served *s = context;
    struct ss_error err = {0};
    if (ss_sealer_service_run(s->process->service, s->channel, s->process->stop, &err) != SS_OK)
        say(s->process, "channel ended: %s", err.message);
    atomic_store(&s->ended, true);
    return NULL;
}

static struct served *free_place(struct process *p)
{
    for (int i = 0; i < CHANNELS_MAX; i++) {
        struct served *s = &p->served[i];
        if (s->used && atomic_load(&s->ended)) {
            pthread_join(s->thread, NULL);
            s->used = false;
        }
        if (!s->used)
            return s;
    }
    return NULL;
}

static void take_channel(struct process *p)
{
    struct ss_channel *channel;
    struct ss_error err = {0};
    ss_status_t status = ss_supervised_channel(p->control, false, &channel, &err);
    struct served *s = status == SS_OK ? free_place(p) : NULL;
    if (s) {
        s->process = p;
        s->channel = channel;
        atomic_store(&s->ended, false);
        s->used = pthread_create(&s->thread, NULL, serve, s) == 0;
    }
    if (status == SS_OK && (!s || !s->used))
        ss_channel_free(channel);
    if (status == SS_ERROR_BAD_STATE)
        raise(SIGTERM); // without a supervisor there is nobody to serve
}

static void run_local(struct process *p)
{
    struct pollfd fds[] = {{p->stop, POLLIN, 0}, {p->control, POLLIN, 0}};
    while (!fds[0].revents) {
        if (poll(fds, 2, -1) > 0 && fds[1].revents)
            take_channel(p);
    }
    for (int i = 0; i < CHANNELS_MAX; i++)
        if (p->served[i].used)
            pthread_join(p->served[i].thread, NULL);
}

// One channel to a front elsewhere

static bool stopped_within(const struct process *p, int ms)
{
    struct pollfd stop = {p->stop, POLLIN, 0};
    return poll(&stop, 1, ms) > 0;
}

/// Connected within CONNECT_MS, else -1.
static int connect_one(const struct process *p, const struct addrinfo *a)
{
    int error = 0, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    bool there = connect(fd, a->ai_addr, a->ai_addrlen) == 0;
    if (!there && errno == EINPROGRESS) {
        struct pollfd fds[] = {{fd, POLLOUT, 0}, {p->stop, POLLIN, 0}};
        socklen_t len = sizeof error;
        there = poll(fds, 2, CONNECT_MS) > 0 && fds[0].revents &&
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && !error;
    }
    if (there)
        return fd;
    close(fd);
    return -1;
}

/// "HOST:PORT" or "[ADDRESS]:PORT".
static bool split(const char *text, char host[256], char port[8])
{
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!len || len > 255 || strlen(colon + 1) > 7)
        return false;
    bool brackets = text[0] == '[' && text[len - 1] == ']';
    snprintf(host, 256, "%.*s", (int)(brackets ? len - 2 : len), brackets ? text + 1 : text);
    snprintf(port, 8, "%s", colon + 1);
    return true;
}

static int connect_to(const struct process *p, char host[256])
{
    const char *where = p->options->config->sealer.connect;
    char port[8];
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int fd = -1;
    if (!split(where, host, port) || getaddrinfo(host, port, &hints, &list) != 0)
        return -1;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_one(p, a);
    freeaddrinfo(list);
    return fd;
}

/// One connection, from its beginning to its end. True if it was of any use.
static bool run_connection(struct process *p, struct ss_channel_tls *tls)
{
    char host[256];
    struct ss_channel *channel;
    struct ss_error err = {0};
    int fd = connect_to(p, host);
    if (fd < 0) {
        say(p, "the front %s cannot be reached", p->options->config->sealer.connect);
        return false;
    }
    ss_status_t status = ss_channel_over_tls(tls, fd, host, &channel, &err);
    if (status == SS_OK)
        status = ss_sealer_service_run(p->service, channel, p->stop, &err);
    if (status != SS_OK)
        say(p, "the channel to %s ended: %s", p->options->config->sealer.connect, err.message);
    return status == SS_OK || status == SS_ERROR_IO;
}

/// Twice as long each time, and each sealer at another moment.
static int pause_after(int pause_ms)
{
    uint8_t random = 0;
    (void)!ss_random(&random, 1);
    return pause_ms * 3 / 4 + pause_ms * random / 512;
}

static ss_status_t run_remote(struct process *p, struct ss_channel_tls *tls)
{
    int pause_ms = FIRST_PAUSE_MS;
    for (;;) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        bool useful = run_connection(p, tls);
        clock_gettime(CLOCK_MONOTONIC, &after);
        if (useful && after.tv_sec - before.tv_sec >= 60)
            pause_ms = FIRST_PAUSE_MS;
        if (stopped_within(p, pause_after(pause_ms)))
            return SS_OK;
        pause_ms = pause_ms * 2 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : pause_ms * 2;
    }
}

// The process

static ss_status_t run(struct process *p, struct ss_error *err)
{
    const struct ss_server_config *c = p->options->config;
    struct ss_channel_tls *tls = NULL;
    ss_status_t status = ss_server_config_check_sealer(c, p->control < 0, err);
    if (status == SS_OK && p->control < 0)
        status = ss_channel_tls_new(c->sealer.certificate, c->sealer.key, c->sealer.ca, false, &tls, err);
    if (status == SS_OK)
        status = start(p, err);
    if (status == SS_OK && p->control >= 0)
        run_local(p);
    else if (status == SS_OK)
        status = run_remote(p, tls);
    ss_sealer_service_free(p->service);
    ss_sealer_keys_free(p->keys);
    ss_channel_tls_free(tls);
    return status;
}

int ss_sealer_process(const struct ss_sealer_process_options *options, int control)
{
    struct process p = {.options = options, .control = control};
    struct ss_error err = {0};
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    if (control >= 0)
        sigdelset(&mask,
                  SIGINT); // a terminal sends it to all, and it is the supervisor who says that the front is done
    p.stop = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    ss_status_t status =
        p.stop < 0 ? ss_error_set(&err, SS_ERROR_IO, SS_AREA_SERVER, "signalfd: %s", strerror(errno)) : run(&p, &err);
    if (p.stop >= 0)
        close(p.stop);
    if (status == SS_OK)
        return 0;
    ss_log(SS_LOG_ERROR, "the sealer does not start", "reason", err.message, NULL);
    // A database that does not answer may answer later; keys and configuration stay as they are.
    return status == SS_ERROR_IO || status == SS_ERROR_INSUFFICIENT_MEMORY ? 1 : SS_SUPERVISE_GIVE_UP;
}
