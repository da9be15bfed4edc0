// SPDX-License-Identifier: Apache-2.0
// The system calls that front and sealer make. Others do not exist for them (ENOSYS, so that libraries fall back to what
// they did before there was the newer one); what only an intruder would call ends the process.
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "server/confine.h"

static const char *const common[] = {
    // files
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "open", "openat", "close", "stat",
    "fstat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "lseek", "fcntl", "flock", "fsync",
    "fdatasync", "ftruncate", "fallocate", "unlink", "unlinkat", "getcwd", "getdents64", "readlink", "readlinkat",
    "dup", "dup2", "dup3", "pipe2", "umask", "fchmod", "fstatfs", "statfs", "sendfile", "fadvise64",
    // memory
    "mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "mlock", "mlock2", "munlock", "msync",
    // waiting
    "poll", "ppoll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4", "nanosleep", "clock_nanosleep",
    "pause",
    // threads
    "futex", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "gettid", "sched_yield",
    "sched_getaffinity", "sched_setaffinity", "sched_getparam", "sched_getscheduler", "exit", "exit_group",
    "membarrier", "restart_syscall", "getcpu",
    // signals, to ourselves
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "tgkill",
    // what one is and when it is
    "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getrusage", "getrlimit", "prlimit64",
    "uname", "sysinfo", "clock_gettime", "clock_getres", "gettimeofday", "time", "times", "getrandom", "prctl",
    // sockets that are there
    "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg", "shutdown", "getsockopt", "setsockopt",
    "getsockname", "getpeername", NULL};

static const char *const connecting[] = {"connect", "bind", NULL}; // bind: resolvers do, to any address
static const char *const accepting[] = {"accept", "accept4", NULL};
static const char *const listening[] = {"listen", NULL};

static const char *const fatal[] = {
    "execve",       "execveat",      "ptrace",      "process_vm_readv", "process_vm_writev",
    "kcmp",         "mount",         "umount2",     "pivot_root",       "chroot",
    "setns",        "unshare",       "bpf",         "perf_event_open",  "init_module",
    "finit_module", "delete_module", "kexec_load",  "userfaultfd",      "keyctl",
    "add_key",      "request_key",   "pidfd_getfd", "io_uring_setup",   "setuid",
    "setreuid",     "setresuid",

    "fork",         "vfork",         NULL};

static int add(scmp_filter_ctx filter, uint32_t action, const char *const *names)
{
    int result = 0;
    for (; *names && result == 0; names++) {
        int number = seccomp_syscall_resolve_name(*names);
        if (number >= 0) // others belong to other architectures
            result = seccomp_rule_add(filter, action, number, 0);
    }
    return result;
}

/// Threads, but no processes: clone() with CLONE_VM and CLONE_THREAD. clone3() hides its flags, so it does not exist;
/// the C library falls back.
static int add_threads(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM | CLONE_THREAD, CLONE_VM | CLONE_THREAD));
}

/// Streams and datagrams over IP, and local sockets: no raw ones, no netlink but for the resolver's question.
static int add_sockets(scmp_filter_ctx filter)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
    int result = 0;
    for (size_t i = 0; i < sizeof families / sizeof *families && result == 0; i++) {
        const struct scmp_arg_cmp family = {.op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)families[i]};
        result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &family);
    }
    return result == 0 ? add(filter, SCMP_ACT_ALLOW, connecting) : result;
}

/// What libraries ask of streams: is it a terminal, how much is there, do not wait. The kernel looks at 32 bits of it.
static int add_ioctls(scmp_filter_ctx filter)
{
    static const unsigned requests[] = {TCGETS, FIONREAD, FIONBIO};
    int result = 0;
    for (size_t i = 0; i < sizeof requests / sizeof *requests && result == 0; i++) {
        const struct scmp_arg_cmp request = {
            .arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX, .datum_b = requests[i]};
        result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, &request);
    }
    return result;
}

ss_status_t ss_confine_seccomp(const struct ss_confine_options *options, struct ss_error *err)
{
    const enum ss_confine_sockets sockets = options->sockets;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int result = filter ? seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) : -ENOMEM; // a tree, not a list
    if (result == 0)
        result = add(filter, SCMP_ACT_ALLOW, common);
    if (result == 0)
        result = add_threads(filter);
    if (result == 0 && options->devices)
        result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 0);
    else if (result == 0 && sockets != SS_CONFINE_NO_SOCKETS)
        result = add_ioctls(filter);
    if (result == 0 && (sockets == SS_CONFINE_CONNECT || sockets == SS_CONFINE_LISTEN))
        result = add_sockets(filter);
    if (result == 0 && (sockets == SS_CONFINE_ACCEPT || sockets == SS_CONFINE_LISTEN))
        result = add(filter, SCMP_ACT_ALLOW, accepting);
    if (result == 0 && sockets == SS_CONFINE_LISTEN)
        result = add(filter, SCMP_ACT_ALLOW, listening);
    if (result == 0)
        result = add(filter, SCMP_ACT_KILL_PROCESS, fatal);
    if (result == 0)
        result = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    if (result == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "seccomp: %s", strerror(-result));
}
