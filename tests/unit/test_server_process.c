// SPDX-License-Identifier: Apache-2.0
// Front and sealer as processes: started again when they die, confined, and with nothing in the front's memory that it must
// not know. The front here is the smallest one: it downloads everything, again and again.
#include "support/memory_search.h"
#include "support/sealer_bench.h"
#include "support/statement_sample.h"
#include "support/unit.h"
#include "support/vault_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/crypto.h"
#include "server/confine.h"
#include "server/front_parts.h"
#include "server/log.h"
#include "server/sealer_process.h"
#include "server/supervise.h"
#include "vault/fault.h"
#include "vault/locked.h"

#define DEVICES    14u
#define IMAGE_SIZE 400000u

/// What the processes of a test tell each other.
static struct shared {
    char fatal[80]; ///< the point where the sealer dies next
    atomic_int armed;
    atomic_int sealers, fronts; ///< how often they were started
    atomic_int sealer_pid, front_pid;
    atomic_uint downloads, failures; ///< whole ones that were right; and others
    atomic_bool kill;                ///< the front wants the sealer dead, and cannot do it itself
    atomic_bool load;                ///< go on until told otherwise
    char message[512];
} * shared;

void ss_fault_point(const char *name)
{
    if (!shared || !atomic_load(&shared->armed) || strcmp(name, shared->fatal) != 0 ||
        getpid() != atomic_load(&shared->sealer_pid))
        return;
    atomic_store(&shared->armed, 0);
    raise(SIGKILL); // kill() is not for the confined
}

static struct sealer_fleet fleet;
static struct sealer_release release;
static struct ss_server_config config;

static void fail_in_front(const char *what, const char *text)
{
    snprintf(shared->message, sizeof shared->message, "%s: %s", what, text);
    atomic_fetch_add(&shared->failures, 1);
}

/// The test kills for the front, which is confined.
static void kill_sealer(void)
{
    atomic_store(&shared->kill, true);
    for (int i = 0; i < 2000 && atomic_load(&shared->kill); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

/// Downloads all of one delivery and compares its digest. @p kill_at: kill the sealer at this offset.
static void download(struct ss_sealer *client, unsigned device, uint32_t kill_at)
{
    char id[16];
    uint8_t digest[32];
    snprintf(id, sizeof id, "d%u", device);
    const struct ss_sealer_order order = order_for(id, "1.0", "ota_0");
    struct deliver_result r = deliver(client, &order);
    if (r.status != SS_OK) {
        fail_in_front("deliver", r.text);
        return;
    }
    uint8_t *all = malloc(r.delivery.length);
    assert_non_null(all);
    for (uint32_t at = 0, n; at < r.delivery.length; at += n) {
        n = r.delivery.length - at < 30000 ? r.delivery.length - at : 30000;
        if (kill_at >= at && kill_at < at + n)
            kill_sealer();
        if (fetch(client, id, "1.0", r.delivery.address, at, n, all + at) != SS_OK) {
            fail_in_front("fetch", id);
            break;
        }
    }
    if (ss_hash_once(SS_HASH_SHA256, all, r.delivery.length, digest) == SS_OK &&
        !memcmp(digest, r.delivery.sha256, sizeof digest))
        atomic_fetch_add(&shared->downloads, 1);
    else
        fail_in_front("digest", id);
    free(all);
}

static const char *const points[] = {"delivery-begin:begin", "delivery-begin:commit", "delivery-begin:done",
                                     "delivery-put:begin",   "delivery-put:commit",   "delivery-put:done",
                                     "release-use:begin",    "release-use:commit",    "release-use:done"};
enum { POINTS = sizeof points / sizeof *points };

/// A new one has no image in its cache.
static void restart_sealer(void)
{
    int before = atomic_load(&shared->sealer_pid);
    kill_sealer();
    for (int i = 0; i < 2000 && atomic_load(&shared->sealer_pid) == before; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static void confine_front(void)
{
    const struct ss_confine_options options = {.files = true, .required = true, .sockets = SS_CONFINE_NO_SOCKETS};
    struct ss_error err = {0};
    if (ss_confine(&options, NULL, &err) != SS_OK)
        fail_in_front("confine", err.message);
}

static int run_front(void *context, int control)
{
    const struct ss_sealer_options options = {.control = control};
    struct ss_sealer *client;
    struct ss_error err = {0};
    (void)context;
    atomic_store(&shared->front_pid, getpid());
    atomic_fetch_add(&shared->fronts, 1);
    confine_front();
    if (ss_sealer_start(&options, &client, &err) != SS_OK)
        return 1;
    for (unsigned i = 1; i <= DEVICES && !atomic_load(&shared->load); i++) {
        if (i <= POINTS && !strncmp(points[i - 1], "release-use", 11))
            restart_sealer();
        if (i <= POINTS) {
            strcpy(shared->fatal, points[i - 1]);
            atomic_store(&shared->armed, 1);
        }
        download(client, i, i > POINTS ? i * 20000 : UINT32_MAX);
    }
    while (atomic_load(&shared->load))
        download(client, 1 + atomic_load(&shared->downloads) % DEVICES, UINT32_MAX);
    pause();
    return 0;
}

static void log_line(void *context, const char *text)
{
    (void)context;
    if (getenv("SS_TEST_LOG"))
        fprintf(stderr, "%s\n", text);
}

static void supervisor_line(void *context, bool trouble, const char *text)
{
    (void)trouble;
    log_line(context, text);
}

static int run_sealer(void *context, int control)
{
    const struct ss_sealer_process_options options = {.config = &config, .log = log_line};
    (void)context;
    atomic_store(&shared->sealer_pid, getpid());
    atomic_fetch_add(&shared->sealers, 1);
    return ss_sealer_process(&options, control);
}

static pid_t start_supervisor(void)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const struct ss_supervise_options options = {.front = {"front", run_front, NULL},
                                                     .sealer = {"sealer", run_sealer, NULL},
                                                     .slots = 8,
                                                     .longest_pause_ms = 100,
                                                     .log = supervisor_line};
        struct ss_error err = {0};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(ss_supervise(&options, &err) == SS_OK ? 0 : 1);
    }
    return pid;
}

static void stop_supervisor(pid_t pid)
{
    int status;
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void wait_until(atomic_uint *value, unsigned at_least, unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 100 && atomic_load(value) < at_least && !atomic_load(&shared->failures); i++) {
        if (atomic_load(&shared->kill)) {
            kill(atomic_load(&shared->sealer_pid), SIGKILL);
            atomic_store(&shared->kill, false);
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    if (atomic_load(&shared->failures))
        fail_msg("%s", shared->message);
    assert_true(atomic_load(value) >= at_least);
}

static char *copy_path(const char *prefix, const char *name)
{
    char *out = malloc(256);
    assert_non_null(out);
    snprintf(out, 256, "%s%s", prefix, vault_bench_path(name));
    return out;
}

static int set_up(void **state)
{
    vault_bench_start(state);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    sealer_fleet_make(&fleet, DEVICES, 0);
    sealer_release_make(BENCH_PRODUCT, "1.0", IMAGE_SIZE, 1700000000, 4, false, &release);
    sealer_release_add(fleet.vault, BENCH_PRODUCT, "1.0", &release);
    config.sealer.confine_files = true;
    config.sealer.vault = strdup(fleet.url);
    config.sealer.vault_key = copy_path("file:", "vault.key");
    config.sealer.delivery_key = copy_path("", "delivery.pem");
    config.sealer.upload_key = copy_path("", "upload.pem");
    config.sealer.key_set = copy_path("", "keysets");
    return 0;
}

static int tear_down(void **state)
{
    char *const texts[] = {config.sealer.vault, config.sealer.vault_key, config.sealer.delivery_key,
                           config.sealer.upload_key, config.sealer.key_set};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    sealer_release_free(&release);
    sealer_fleet_free(&fleet);
    munmap(shared, sizeof *shared);
    shared = NULL;
    return vault_bench_stop(state);
}

/// The sealer is killed at every point of a delivery and in the middle of downloads: each download ends with the right
/// bytes, and nothing is done twice.
static void test_killed_sealer(void **state)
{
    (void)state;
    memset(shared, 0, sizeof *shared);
    pid_t supervisor = start_supervisor();
    wait_until(&shared->downloads, DEVICES, 60);
    assert_int_equal(atomic_load(&shared->fronts), 1);
    assert_true(atomic_load(&shared->sealers) >= 1 + POINTS + 3 + (int)(DEVICES - POINTS));
    stop_supervisor(supervisor);
    assert_int_equal(vault_bench_number(fleet.url, "SELECT count(*) FROM deliveries"), DEVICES);
}

/// A front that dies is started again, and so are both.
static void test_killed_front(void **state)
{
    (void)state;
    memset(shared, 0, sizeof *shared);
    pid_t supervisor = start_supervisor();
    wait_until(&shared->downloads, 3, 60);
    kill(atomic_load(&shared->front_pid), SIGKILL);
    wait_until(&shared->downloads, 3 + DEVICES, 60);
    assert_int_equal(atomic_load(&shared->fronts), 2);
    stop_supervisor(supervisor);
}

// What is in whose memory

static void add_secrets(struct memory_search *search)
{
    uint8_t key[32], vault_key[32];
    for (unsigned i = 1; i <= DEVICES; i++) {
        char id[16];
        snprintf(id, sizeof id, "d%u", i);
        sealer_fleet_key(id, key);
        memory_search_add_key(search, key, sizeof key);
    }
    for (unsigned n = 5; n <= 8; n += 3) { // delivery and upload key: their private scalars
        char name[32];
        int len = snprintf(name, sizeof name, "slotseal test key %u", n);
        assert_int_equal(ss_hash_once(SS_HASH_SHA256, name, (size_t)len, key), SS_OK);
        memory_search_add_key(search, key, sizeof key);
    }
    int fd = open(config.sealer.vault_key + strlen("file:"), O_RDONLY);
    assert_int_equal(read(fd, vault_key, sizeof vault_key), sizeof vault_key);
    close(fd);
    memory_search_add_key(search, vault_key, sizeof vault_key);
    assert_true(memory_search_add_plaintext(search, release.image, release.len) > 20000);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_SEARCHABLE false // their shadows are terabytes
#else
#define MEMORY_IS_SEARCHABLE true
#endif

/// A copy of the test's process would know everything: by exec it forgets.
static int run_ignorant_front(void *context, int control)
{
    char number[16], page[32];
    snprintf(number, sizeof number, "%d", control);
    snprintf(page, sizeof page, "%d", *(const int *)context);
    fcntl(control, F_SETFD, 0);
    execl("/proc/self/exe", "front", "--front", number, page, (char *)NULL);
    return 1;
}

static void test_memory(void **state)
{
    (void)state;
    if (!MEMORY_IS_SEARCHABLE)
        skip();
    struct memory_search *search = memory_search_new();
    struct memory_found front, sealer;
    int page = memfd_create("shared", 0);
    assert_int_equal(ftruncate(page, sizeof *shared), 0);
    munmap(shared, sizeof *shared);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    atomic_store(&shared->load, true);
    add_secrets(search);
    fflush(NULL);
    pid_t supervisor = fork();
    if (supervisor == 0) {
        const struct ss_supervise_options options = {.front = {"front", run_ignorant_front, &page},
                                                     .sealer = {"sealer", run_sealer, NULL},
                                                     .slots = 8,
                                                     .longest_pause_ms = 100,
                                                     .log = supervisor_line};
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(ss_supervise(&options, NULL) == SS_OK ? 0 : 1);
    }
    wait_until(&shared->downloads, 2 * DEVICES, 60);
    unsigned before = atomic_load(&shared->downloads);
    if (!memory_search_run(search, atomic_load(&shared->front_pid), &front) ||
        !memory_search_run(search, atomic_load(&shared->sealer_pid), &sealer)) {
        print_message("the memory of other processes cannot be read here: %s\n", strerror(errno));
        stop_supervisor(supervisor);
        skip();
    }
    wait_until(&shared->downloads, before + 1, 60); // the load went on all the time
    stop_supervisor(supervisor);
    if (front.keys || front.blocks)
        fail_msg("%llu keys and %llu blocks in the front, at %llx: %s", (unsigned long long)front.keys,
                 (unsigned long long)front.blocks, (unsigned long long)front.first, front.where);
    assert_true(front.bytes > 1000000);
    assert_true(sealer.keys >= DEVICES);
    assert_true(sealer.blocks > 20000);
    memory_search_free(search);
    close(page);
}

// What a confined process can do

/// How a child ends that is confined and then does @p act.
static int confined_with(struct ss_confine_options options, const char *folder, int (*act)(void))
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        const char *writable[] = {folder, NULL};
        struct ss_confined done;
        options.files = options.required = true;
        options.writable = writable;
        if (ss_confine(&options, &done, NULL) != SS_OK || !done.seccomp)
            _exit(100);
        _exit(act());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int confined(enum ss_confine_sockets sockets, const char *folder, int (*act)(void))
{
    return confined_with((struct ss_confine_options){.sockets = sockets}, folder, act);
}

static int read_passwords(void)
{
    return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
}

static int write_elsewhere(void)
{
    return open("/tmp/slotseal-confined", O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES ? 0 : 1;
}

static int write_where_allowed(void)
{
    int fd = open(vault_bench_path("confined"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    return fd >= 0 && write(fd, "x", 1) == 1 && ftruncate(fd, 0) == 0 && unlink(vault_bench_path("confined")) == 0 ? 0
                                                                                                                   : 1;
}

static int no_core(void)
{
    return prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 1;
}

static int no_processes(void)
{
    return fork() < 0 ? 0 : 1;
}

static int open_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? 0 : 1;
}

static int open_raw_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? 0 : 1;
}

static int listen_on_socket(void)
{
    return listen(socket(AF_INET, SOCK_STREAM, 0), 1) < 0 ? 0 : 1;
}

/// A socket that listens, and somebody who has connected to it.
static int listener, caller;

static void make_listener(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    caller = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(connect(caller, (const struct sockaddr *)&address, len), 0);
}

static int accept_caller(void)
{
    struct pollfd there = {listener, POLLIN, 0};
    poll(&there, 1, 0); // does not take it
    return there.revents && accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0 && errno == ENOSYS ? 0 : 1;
}

static int connect_elsewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    return connect(listener, (const struct sockaddr *)&address, sizeof address) < 0 && errno == ENOSYS ? 0 : 1;
}

/// 0: refused by the filter.
static int ask(unsigned long request)
{
    int number = 0;
    return ioctl(listener, request, &number) < 0 && errno == ENOSYS ? 0 : 1;
}

static int ask_whether_terminal(void)
{
    return ask(TCGETS);
}

static int ask_how_much(void)
{
    return ask(FIONREAD);
}

static int type_into_terminal(void)
{
    return ask(TIOCSTI);
}

static int name_interface(void)
{
    return ask(SIOCGIFCONF);
}

static int hide_in_high_bits(void)
{
    return ask(TIOCSTI | UINT64_C(0x100000000));
}

static void test_confined_sockets_and_devices(void **state)
{
    (void)state;
    enum { REFUSED, GOES = 1 };
    static const enum ss_confine_sockets all[] = {SS_CONFINE_NO_SOCKETS, SS_CONFINE_ACCEPT, SS_CONFINE_CONNECT,
                                                  SS_CONFINE_LISTEN};
    static const struct {
        int (*act)(void);
        int expected[4]; // in the order of `all`
    } cases[] = {
        {accept_caller, {REFUSED, GOES, REFUSED, GOES}},
        {open_socket, {REFUSED, REFUSED, GOES, GOES}},
        {connect_elsewhere, {REFUSED, REFUSED, GOES, GOES}},
        {ask_whether_terminal, {REFUSED, GOES, GOES, GOES}},
        {ask_how_much, {REFUSED, GOES, GOES, GOES}},
        {type_into_terminal, {REFUSED, REFUSED, REFUSED, REFUSED}},
        {hide_in_high_bits, {REFUSED, REFUSED, REFUSED, REFUSED}},
        {name_interface, {REFUSED, REFUSED, REFUSED, REFUSED}},
    };
    char folder[160];
    strcpy(folder, vault_bench_path(""));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t n = 0; n < sizeof all / sizeof *all; n++) {
            make_listener();
            int status = confined(all[n], folder, cases[i].act);
            close(caller);
            close(listener);
            if (!WIFEXITED(status) || WEXITSTATUS(status) != cases[i].expected[n])
                fail_msg("case %zu with sockets %zu: status 0x%x", i, n, (unsigned)status);
        }
    // Tokens are hardware, which is spoken to so.
    make_listener();
    const struct ss_confine_options token = {.sockets = SS_CONFINE_CONNECT, .devices = true};
    assert_int_equal(WEXITSTATUS(confined_with(token, folder, name_interface)), GOES);
    close(caller);
    close(listener);
}

static int run_shell(void)
{
    execl("/bin/sh", "sh", "-c", "true", (char *)NULL);
    return 1;
}

static int trace(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    return 1;
}

static int leave_root(void)
{
    return setuid(65534) == 0 ? 1 : 2;
}

static void test_confined(void **state)
{
    (void)state;
    char folder[160];
    int abi = 0;
    strcpy(folder, vault_bench_path(""));
    int (*const harmless[])(void) = {write_where_allowed, no_core, no_processes};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        assert_int_equal(confined(SS_CONFINE_LISTEN, folder, harmless[i]), 0);
    assert_int_equal(confined(SS_CONFINE_NO_SOCKETS, folder, open_socket), 0);
    assert_int_equal(WEXITSTATUS(confined(SS_CONFINE_CONNECT, folder, open_socket)), 1); // it may
    assert_int_equal(confined(SS_CONFINE_LISTEN, folder, open_raw_socket), 0);
    assert_int_equal(confined(SS_CONFINE_CONNECT, folder, listen_on_socket), 0);
    assert_int_equal(WEXITSTATUS(confined(SS_CONFINE_LISTEN, folder, listen_on_socket)), 1);
    int (*const deadly[])(void) = {run_shell, trace, leave_root};
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        int status = confined(SS_CONFINE_LISTEN, folder, deadly[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
    // In a child, as it cannot be taken back.
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(ss_confine_landlock(&(struct ss_confine_options){0}, &abi, NULL) == SS_OK && abi > 0 ? 1 : 0);
    }
    int has_landlock;
    waitpid(pid, &has_landlock, 0);
    if (WEXITSTATUS(has_landlock) != 1)
        return; // this kernel has none
    assert_int_equal(confined(SS_CONFINE_LISTEN, folder, read_passwords), 0);
    assert_int_equal(confined(SS_CONFINE_LISTEN, folder, write_elsewhere), 0);
}

static void write_credential(const char *name, char path[200])
{
    snprintf(path, 200, "%s/%s", vault_bench_path("credentials"), name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

/// The front of @p settings: 1 if it can still read @p path, 2 if not even @p own.
static int front_reads(struct ss_server_config *settings, const char *path, const char *own)
{
    static struct ss_front front;
    struct ss_error err = {0};
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        front.config = settings;
        ss_log_setup(SS_LOG_LOGFMT, SS_LOG_ERROR);
        if (ss_front_confine(&front, own, true, &err) != SS_OK)
            _exit(100);
        _exit(open(own, O_RDONLY) < 0 ? 2 : open(path, O_RDONLY) >= 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/// systemd gives one folder of credentials to front and sealer: what of it is the sealer's, the front does not get, where
/// both run as the same user and whatever its own files lie beside.
static void test_credentials(void **state)
{
    (void)state;
    char folder[160], key[200], own[200], wrapped[] = "passphrase:credential:vault.key";
    strcpy(folder, vault_bench_path("credentials"));
    assert_true(mkdir(folder, 0700) == 0 || errno == EEXIST);
    write_credential("vault.key", key);
    write_credential("tls.key", own);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    char store[] = "postgresql://host/store";
    struct ss_server_config settings = {.server = {.store = store, .key = own}};
    settings.sealer.vault_key = wrapped;
    int reads = front_reads(&settings, key, own);
    if (reads == 100)
        skip(); // this kernel has no Landlock
    assert_int_equal(reads, 0);
    settings.sealer.vault_key = wrapped + strlen("passphrase:");
    assert_int_equal(front_reads(&settings, key, own), 0);
    settings.sealer.vault_key = NULL;
    settings.sealer.upload_key = wrapped + strlen("passphrase:");
    assert_int_equal(front_reads(&settings, key, own), 0);
    settings.sealer.upload_key = NULL; // of a front without a sealer: what lies beside its files may be a newer one
    assert_int_equal(front_reads(&settings, key, own), 1);
    unsetenv("CREDENTIALS_DIRECTORY");
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_LOCKED false // sanitizers do not let it
#else
#define MEMORY_IS_LOCKED true
#endif

/// KiB of this process that are not swapped out.
static unsigned locked_kib(void)
{
    char line[128];
    unsigned kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        (void)sscanf(line, "VmLck: %u kB", &kib);
    if (f)
        fclose(f);
    return kib;
}

/// As somebody whom limits bind, with that of @p most bytes: 0 if 64 KiB are locked, 1 if that is told not to be so.
static int lock_with(rlim_t most)
{
    const struct rlimit limit = {most, most};
    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 || (getuid() == 0 && setresuid(65534, 65534, 65534) != 0) ||
        locked_kib() != 0)
        return 2;
    uint8_t *p = ss_locked_new(65536);
    if (!p)
        return 3;
    memset(p, 1, 65536);
    if (!ss_locked_all())
        return locked_kib() == 0 ? 1 : 4;
    unsigned kib = locked_kib();
    ss_locked_free(p, 65536);
    return kib == 64 && locked_kib() == 0 ? 0 : 5;
}

static void test_locked_memory(void **state)
{
    (void)state;
    static const rlim_t limits[] = {1 << 20, 0};
    if (!MEMORY_IS_LOCKED)
        skip();
    for (int i = 0; i < 2; i++) {
        int status;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            _exit(lock_with(limits[i]));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), i);
    }
}

static int become_nobody(void)
{
    struct ss_confined done;
    struct ss_error err = {0};
    const struct ss_confine_options options = {.user = "nobody", .required = true};
    if (ss_confine(&options, &done, &err) != SS_OK)
        return 2;
    return done.user && getuid() != 0 && geteuid() != 0 && getgid() != 0 ? 0 : 1;
}

static void test_user(void **state)
{
    (void)state;
    int status;
    if (getuid() != 0)
        skip();
    pid_t pid = fork();
    if (pid == 0)
        _exit(become_nobody());
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    struct ss_error err = {0};
    const struct ss_confine_options nobody = {.user = "no-such-user", .required = true};
    assert_refused(ss_confine(&nobody, NULL, &err), SS_ERROR_DOES_NOT_EXIST, &err, "no user no-such-user");
}

/// The other life of this program: the front of test_memory, which knows nothing.
static int front_main(int control, int page)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    return shared == MAP_FAILED ? 1 : run_front(NULL, control);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confined),     cmocka_unit_test(test_confined_sockets_and_devices),
        cmocka_unit_test(test_user),         cmocka_unit_test(test_killed_sealer),
        cmocka_unit_test(test_killed_front), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_credentials),  cmocka_unit_test(test_locked_memory),
    };
    if (argc == 4 && !strcmp(argv[1], "--front"))
        return front_main(atoi(argv[2]), atoi(argv[3]));
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
