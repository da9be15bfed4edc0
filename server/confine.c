// SPDX-License-Identifier: Apache-2.0
#include "server/confine.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static ss_status_t system_error(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "%s: %s", what, strerror(errno));
}

static ss_status_t become_private(struct ss_error *err)
{
    if (setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) != 0)
        return system_error(err, "no core files");
    // Changing the uid sets this back, so it comes again behind that.
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return system_error(err, "prctl");
    return SS_OK;
}

/// Only where it can be locked whole: with a limit, what is allocated later would fail.
static bool lock_memory(void)
{
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_MEMLOCK, &limit) == 0;
    if (known && limit.rlim_cur != limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_MEMLOCK, &limit);
    }
    bool above = geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_IPC_LOCK, 0, 0, 0) == 1; // root in a container is not
    bool unlimited = above || (known && limit.rlim_cur == RLIM_INFINITY);
    return unlimited && mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
}

static ss_status_t become(const char *name, bool *done, struct ss_error *err)
{
    int with_parent = 0;
    pid_t parent = getppid();
    const struct passwd *user = getpwnam(name);
    if (!user)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_SERVER, "there is no user %s", name);
    if (geteuid() != 0 && geteuid() == user->pw_uid)
        return SS_OK; // started as that user: nothing is given up
    prctl(PR_GET_PDEATHSIG, &with_parent, 0, 0, 0);
    if (user->pw_uid == 0 || initgroups(name, user->pw_gid) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0 || setuid(0) == 0)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "cannot become user %s", name);
    // With another uid that is forgotten: a front would outlive its supervisor, and keep the port.
    if (with_parent && (prctl(PR_SET_PDEATHSIG, with_parent, 0, 0, 0) != 0 || getppid() != parent))
        raise(with_parent);
    *done = true;
    return SS_OK;
}

ss_status_t ss_confine(const struct ss_confine_options *options, struct ss_confined *done, struct ss_error *err)
{
    struct ss_confined local, *d = done ? done : &local;
    *d = (struct ss_confined){0};
    if (options->lock_memory)
        d->memory = lock_memory();
    ss_status_t status = options->user ? become(options->user, &d->user, err) : SS_OK;
    if (status == SS_OK)
        status = become_private(err);
    if (status == SS_OK && options->files)
        status = ss_confine_landlock(options, &d->landlock_abi, err);
    d->landlock = status == SS_OK && d->landlock_abi > 0;
    if (status == SS_OK && options->required && !d->user && !d->landlock)
        status = ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER,
                              "neither another user nor Landlock confines this process: name a user= to become, or "
                              "accept it with --insecure-no-sandbox");
    if (status == SS_OK)
        status = ss_confine_seccomp(options, err);
    d->seccomp = status == SS_OK;
    return status;
}
