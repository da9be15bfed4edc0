// SPDX-License-Identifier: Apache-2.0
// What modules read and write: p11-kit's configuration is described in pkcs11.conf(5), SoftHSM2's in softhsm2.conf(5).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/pkcs11/internal.h"

#define TOKENS_AT_FIRST "/var/lib/softhsm/tokens"

struct files {
    void (*each)(void *context, const char *path, bool written);
    void *context;
};

static void name(const struct files *f, const char *path)
{
    f->each(f->context, path, false);
}

static void name_at_home(const struct files *f, const char *file)
{
    const char *home = getenv("HOME");
    char path[1024];
    if (!home)
        return;
    snprintf(path, sizeof path, "%s/%s", home, file);
    name(f, path);
}

/// directories.tokendir of a configuration of SoftHSM2, if @p path is one.
static void name_tokens(const struct files *f, const char *path)
{
    char line[1200], *value;
    FILE *conf = fopen(path, "re");
    name(f, path);
    while (conf && fgets(line, sizeof line, conf)) {
        if (strncmp(line, "directories.tokendir", 20) != 0 || !(value = strchr(line, '=')))
            continue;
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, "\r\n")] = '\0';
        f->each(f->context, value, true);
    }
    if (conf)
        fclose(conf);
}

static void name_softhsm(const struct files *f)
{
    const char *conf = getenv("SOFTHSM2_CONF"), *home = getenv("HOME");
    char path[1024];
    f->each(f->context, TOKENS_AT_FIRST, true);
    if (conf) {
        name_tokens(f, conf);
        return;
    }
    name_tokens(f, "/etc/softhsm2.conf");
    name_tokens(f, "/etc/softhsm/softhsm2.conf");
    snprintf(path, sizeof path, "%s/.config/softhsm2/softhsm2.conf", home ? home : "");
    if (home)
        name_tokens(f, path);
}

static void name_uri(const struct files *f, P11KitUri *uri)
{
    const char *module = p11_kit_uri_get_module_path(uri), *pin = p11_kit_uri_get_pin_source(uri);
    if (module)
        name(f, module);
    if (pin)
        name(f, strncmp(pin, "file:", 5) == 0 ? pin + 5 : pin);
    if (!module || strstr(module, "softhsm"))
        name_softhsm(f);
}

void ss_pkcs11_files(const char *uri, void (*each)(void *context, const char *path, bool written), void *context)
{
    static const char *const fixed[] = {"/etc/pkcs11", "/usr/share/p11-kit", "/etc/opensc", "/etc/passwd"};
    const struct files f = {each, context};
    P11KitUri *parsed;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        name(&f, fixed[i]);
    name_at_home(&f, ".config/pkcs11");
    name_at_home(&f, ".config/opensc");
    if (!ss_pkcs11_is_uri(uri) || pkcs11_uri_parse(uri + sizeof SS_PKCS11_SCHEME - 1, &parsed, NULL) != SS_OK)
        return;
    name_uri(&f, parsed);
    p11_kit_uri_free(parsed);
}
