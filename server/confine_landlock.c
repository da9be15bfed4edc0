// SPDX-License-Identifier: Apache-2.0
// Landlock, by raw system calls: the C library has no functions for it. Source: Linux,
// Documentation/userspace-api/landlock.rst.
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/confine.h"

// Since ABI 3; older headers lack it.
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READ_FILES  LANDLOCK_ACCESS_FS_READ_FILE
#define WRITE_FILES (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define READ        (READ_FILES | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE       (READ | WRITE_FILES | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/// What every version of Landlock can refuse, bit for bit: ABI 1 has 13, ABI 2 moving between folders, ABI 3 truncating.
static uint64_t handled(int abi)
{
    return (1ULL << (abi >= 3 ? 15 : abi == 2 ? 14 : 13)) - 1;
}

/// What libraries read while they work: name service, time zones, and their own plug-ins.
static const char *const system_files[] = {
    "/usr/lib",           "/lib",          "/lib64",   "/etc/hosts",    "/etc/host.conf", "/etc/resolv.conf",
    "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/ssl", "/etc/services", "/etc/localtime", "/usr/share/zoneinfo",
    "/dev/null",          "/dev/urandom",  NULL};

static ss_status_t allow(int ruleset, const char *path, uint64_t access, int abi, struct ss_error *err)
{
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return SS_OK; // not there: nothing to allow
    struct landlock_path_beneath_attr rule = {.allowed_access = access & handled(abi), .parent_fd = fd};
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &= READ_FILES | WRITE_FILES;
    long result = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int reason = errno;
    close(fd);
    if (result == 0)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "Landlock, %s: %s", path, strerror(reason));
}

static ss_status_t allow_all(int ruleset, const char *const *paths, uint64_t access, int abi, struct ss_error *err)
{
    ss_status_t status = SS_OK;
    for (; paths && *paths && status == SS_OK; paths++)
        status = allow(ruleset, *paths, access, abi, err);
    return status;
}

ss_status_t ss_confine_landlock(const struct ss_confine_options *options, int *abi, struct ss_error *err)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    *abi = 0;
    if (version < 1)
        return SS_OK; // not in this kernel, or switched off
    struct landlock_ruleset_attr attributes = {.handled_access_fs = handled((int)version)};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "Landlock: %s", strerror(errno));
    ss_status_t status = allow_all(ruleset, system_files, READ, (int)version, err);
    if (status == SS_OK)
        status = allow_all(ruleset, options->readable, READ, (int)version, err);
    if (status == SS_OK)
        status = allow_all(ruleset, options->writable, WRITE, (int)version, err);
    if (status == SS_OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        status = ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "Landlock: %s", strerror(errno));
    close(ruleset);
    if (status == SS_OK)
        *abi = (int)version;
    return status;
}
