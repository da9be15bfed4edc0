// SPDX-License-Identifier: Apache-2.0
#include "support/softhsm.h"
#include "support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const modules[] = {
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
};

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int run(const char *command, char *out, size_t size)
{
    size_t len = 0;
    FILE *p = popen(command, "r");
    assert_non_null(p);
    for (char piece[512]; fgets(piece, sizeof piece, p);)
        if (out && len + strlen(piece) < size) {
            strcpy(out + len, piece);
            len += strlen(piece);
        }
    int status = pclose(p);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

bool softhsm_start(struct softhsm *hsm, const char *label)
{
    char path[128], conf[256];
    *hsm = (struct softhsm){.dir = "/tmp/ss-softhsm-XXXXXX"};
    for (size_t i = 0; i < sizeof modules / sizeof *modules && !hsm->module[0]; i++)
        if (access(modules[i], R_OK) == 0)
            strcpy(hsm->module, modules[i]);
    if (!hsm->module[0] || run("command -v softhsm2-util pkcs11-tool >/dev/null", NULL, 0) != 0)
        return false;
    assert_non_null(mkdtemp(hsm->dir));
    snprintf(path, sizeof path, "%s/tokens", hsm->dir);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(conf, sizeof conf, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", path);
    snprintf(path, sizeof path, "%s/softhsm2.conf", hsm->dir);
    write_file(path, conf, 0600);
    const char *old = getenv("SOFTHSM2_CONF");
    hsm->old_conf = old ? strdup(old) : NULL;
    setenv("SOFTHSM2_CONF", path, 1);
    snprintf(hsm->pin_file, sizeof hsm->pin_file, "%s/pin", hsm->dir);
    write_file(hsm->pin_file, SOFTHSM_PIN "\n", 0600);
    softhsm_add_token(hsm, label);
    return true;
}

void softhsm_add_token(const struct softhsm *hsm, const char *label)
{
    char command[512];
    snprintf(command, sizeof command,
             "softhsm2-util --module %s --init-token --free --label '%s' --pin " SOFTHSM_PIN " --so-pin 1357 2>&1",
             hsm->module, label);
    assert_int_equal(run(command, NULL, 0), 0);
}

void softhsm_stop(struct softhsm *hsm)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", hsm->dir);
    assert_int_equal(run(command, NULL, 0), 0);
    if (hsm->old_conf)
        setenv("SOFTHSM2_CONF", hsm->old_conf, 1);
    else
        unsetenv("SOFTHSM2_CONF");
    free(hsm->old_conf);
}

const char *softhsm_uri(const struct softhsm *hsm, const char *label, const char *rest)
{
    static char uris[8][512];
    static unsigned next;
    char *uri = uris[next++ % 8];
    snprintf(uri, sizeof uris[0], "token=%s%s?module-path=%s&pin-source=file:%s", label, rest, hsm->module,
             hsm->pin_file);
    return uri;
}

int softhsm_tool(const struct softhsm *hsm, const char *label, const char *arguments, char *out, size_t size)
{
    char command[1024];
    snprintf(command, sizeof command,
             "pkcs11-tool --module %s --token-label '%s' --login --pin " SOFTHSM_PIN " %s 2>&1", hsm->module, label,
             arguments);
    if (size)
        out[0] = 0;
    return run(command, out, size);
}
