// SPDX-License-Identifier: Apache-2.0
// One table gives reader, defaults and sample file.
#include "server/config.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "server/ini.h"

enum kind { TEXT, LIST, NUMBER, SIZE, SWITCH, CHOICE, POLLING, BLOCKS };

struct option {
    const char *section, *key;
    enum kind kind;
    size_t offset;
    const char *fallback; ///< read like a value of the file; NULL: none
    const char *help;
    const char *choices; ///< of a CHOICE, separated by one space
    uint64_t min, max;   ///< of NUMBER and SIZE
};

#define OPTION(in, name, what, without, about, ...)                                                                    \
    {                                                                                                                  \
        .section = #in, .key = #name, .kind = what, .offset = offsetof(struct ss_server_config, in.name),              \
        .fallback = without, .help = about, ##__VA_ARGS__                                                              \
    }

static const struct option options[] = {
    OPTION(server, listen, LIST, NULL, "ADDRESS:PORT to listen on; more than once for several"),
    OPTION(server, url, TEXT, NULL, "what devices call this server: https://HOST[:PORT]"),
    OPTION(server, certificate, TEXT, NULL, "PEM file of the certificate and those above it"),
    OPTION(server, key, TEXT, NULL, "PEM file of its private key"),
    OPTION(server, client_ca, TEXT, NULL, "PEM file of who signs device certificates"),
    OPTION(server, client_certificates, CHOICE, "no", "no, accepted (beside tokens) or required (of every connection)",
           .choices = "no accepted required"),
    OPTION(server, tenant, TEXT, "DEFAULT", "the first part of every device path"),
    OPTION(server, store, TEXT, NULL, "sqlite:PATH or postgresql://HOST/DATABASE"),
    OPTION(server, polling, POLLING, "00:05:00~10%", "how often devices ask, and how much it varies"),
    OPTION(server, proxies, BLOCKS, NULL, "addresses of reverse proxies whose headers are believed"),
    OPTION(server, proxy_authorities, LIST, NULL,
           "X-Authority values by which a proxy vouches for a device; none: a proxy vouches for nobody"),
    OPTION(server, metrics, BLOCKS, "127.0.0.0/8", "addresses that may read /metrics"),
    OPTION(server, gateway_token, TEXT, NULL, "file with a token that may act as any device; better none"),
    OPTION(
        server, new_devices, TEXT, NULL,
        "opaque product that unknown devices join with the gateway token or their certificate; none: they are refused"),
    OPTION(server, plain_http, SWITCH, "no", "yes allows listening without certificate"),
    OPTION(server, user, TEXT, NULL, "user that the front becomes when started as root"),
    OPTION(server, threads, NUMBER, "0", "threads that serve connections, 0: one a processor", .max = 256),
    OPTION(server, workers, NUMBER, "8", "threads that wait for the store", .min = 1, .max = 64),
    OPTION(sealer, vault, TEXT, NULL, "the vault, as --vault"),
    OPTION(sealer, vault_key, TEXT, NULL, "its wrapping key, as --vault-key"),
    OPTION(sealer, delivery_key, TEXT, NULL, "the key that signs deliveries: file, credential:NAME or pkcs11: URI"),
    OPTION(sealer, upload_key, TEXT, NULL, "the key that opens uploads: file or credential:NAME"),
    OPTION(sealer, key_set, TEXT, NULL, "the root-signed key set that is trusted: file, or a folder of them"),
    OPTION(sealer, listen, TEXT, NULL, "ADDRESS:PORT for a sealer on another host; none: a local one"),
    OPTION(sealer, connect, TEXT, NULL, "on that other host: HOST:PORT of the server"),
    OPTION(sealer, certificate, TEXT, NULL, "PEM file of this end's certificate"),
    OPTION(sealer, key, TEXT, NULL, "PEM file of its private key"),
    OPTION(sealer, ca, TEXT, NULL, "PEM file of who signs the other end's certificate"),
    OPTION(sealer, readable, LIST, NULL, "files and folders that a token's module or the database client reads beside"),
    OPTION(sealer, writable, LIST, NULL, "those that it writes"),
    OPTION(sealer, confine_files, SWITCH, "yes",
           "no leaves the sealer all files: for modules that need what cannot be listed"),
    OPTION(sealer, plaintext_cache, SIZE, "32M", "locked memory for plaintext of current releases", .max = 1u << 30),
    OPTION(sealer, ciphers, NUMBER, "4096", "devices whose cipher is kept ready", .min = 16, .max = 1u << 20),
    OPTION(presealed, folder, TEXT, NULL, "statements and ciphertext that were sealed elsewhere"),
    OPTION(presealed, key_set, TEXT, NULL, "the root-signed key set that is trusted: file, or a folder of them"),
    OPTION(log, format, CHOICE, "logfmt", "logfmt or json", .choices = "logfmt json"),
    OPTION(log, level, CHOICE, "info", "debug, info, warning or error", .choices = "debug info warning error"),
    OPTION(limits, connections, NUMBER, "10000", "at once", .min = 16, .max = 1000000),
    OPTION(limits, connections_per_address, NUMBER, "0", "at once, 0: no limit", .max = 1000000),
    OPTION(limits, downloads, NUMBER, "2000", "at once", .min = 1, .max = 1000000),
    OPTION(limits, downloads_per_device, NUMBER, "4", "at once", .min = 1, .max = 1000),
    OPTION(limits, device_rate, NUMBER, "5", "requests a second of one device, over ten seconds; 0: no limit",
           .max = 1000000),
    OPTION(limits, address_rate, NUMBER, "200", "the same of one address, or IPv6 /64", .max = 1000000),
    OPTION(limits, guesses, NUMBER, "20", "wrong credentials of one address a minute, 0: no limit", .max = 1000000),
    OPTION(limits, new_devices, NUMBER, "1000", "devices that register themselves in an hour, 0: no limit",
           .max = 1000000),
    OPTION(limits, timeout, NUMBER, "60", "seconds that a connection may be silent", .min = 1, .max = 86400),
    OPTION(limits, request_timeout, NUMBER, "30", "seconds that a request may take to arrive", .min = 1, .max = 86400),
    OPTION(limits, history, SIZE, "256K", "what the history of an action may take", .min = 4096, .max = 1u << 30),
    OPTION(limits, history_device, SIZE, "16M", "what all histories of a device may take", .min = 4096,
           .max = 1u << 30),
    OPTION(limits, upload, SIZE, "64M", "largest release", .min = 4096, .max = 1u << 30),
};

enum { OPTIONS = sizeof options / sizeof *options };

struct reader {
    struct ss_server_config *config;
    bool set[OPTIONS];
    char last_section[64], last_key[64]; ///< an indented line goes on with the line before it
    ss_status_t status;                  ///< of the first failure
    struct ss_error *err;
};

static void *field(struct ss_server_config *config, const struct option *option)
{
    return (char *)config + option->offset;
}

static bool read_number(const char *text, bool units, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    if (text[0] < '0' || text[0] > '9')
        return false;
    unsigned long long value = strtoull(text, &end, 10);
    unsigned shift = units && *end == 'K' ? 10 : units && *end == 'M' ? 20 : 0;
    if (errno || end[shift ? 1 : 0] || value > max >> shift || value << shift < min)
        return false;
    *out = (uint64_t)value << shift;
    return true;
}

static bool read_choice(const char *text, const char *choices, unsigned *out)
{
    size_t len = strlen(text);
    unsigned n = 0;
    for (const char *at = choices; at; at = strchr(at, ' '), n++) {
        at += *at == ' ';
        if (len && !strncmp(at, text, len) && (at[len] == ' ' || !at[len])) {
            *out = n;
            return true;
        }
    }
    return false;
}

static ss_status_t list_add(struct ss_config_list *list, const char *value)
{
    if (list->count == SS_SERVER_CONFIG_LIST_MAX)
        return SS_ERROR_INSUFFICIENT_SPACE;
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (items)
        list->items = items;
    char *copy = items ? strdup(value) : NULL;
    if (!copy)
        return SS_ERROR_INSUFFICIENT_MEMORY;
    items[list->count++] = copy;
    return SS_OK;
}

static ss_status_t blocks_add(struct ss_address_blocks *blocks, const char *value)
{
    if (blocks->count == SS_SERVER_CONFIG_LIST_MAX)
        return SS_ERROR_INSUFFICIENT_SPACE;
    if (!ss_address_block_parse(value, &blocks->items[blocks->count]))
        return SS_ERROR_DATA_INVALID;
    blocks->count++;
    return SS_OK;
}

/// Puts @p value in its field. SS_ERROR_DATA_INVALID without a message.
static ss_status_t store(struct ss_server_config *config, const struct option *option, const char *value)
{
    uint64_t number = 0;
    void *to = field(config, option);
    bool ok = true;
    switch (option->kind) {
    case TEXT:
        *(char **)to = strdup(value);
        return *(char **)to ? SS_OK : SS_ERROR_INSUFFICIENT_MEMORY;
    case LIST:
        return list_add(to, value);
    case BLOCKS:
        return blocks_add(to, value);
    case NUMBER:
        ok = read_number(value, false, option->min, option->max, &number);
        *(unsigned *)to = (unsigned)number;
        break;
    case SIZE:
        ok = read_number(value, true, option->min, option->max, to);
        break;
    case SWITCH:
        ok = !strcmp(value, "yes") || !strcmp(value, "no");
        *(bool *)to = !strcmp(value, "yes");
        break;
    case CHOICE:
        ok = read_choice(value, option->choices, to);
        break;
    case POLLING:
        ok = ss_polling_parse(value, to);
        break;
    }
    return ok ? SS_OK : SS_ERROR_DATA_INVALID;
}

/// What a value should have been.
static void wanted(const struct option *option, char *out, size_t size)
{
    switch (option->kind) {
    case NUMBER:
        snprintf(out, size, "a number from %llu to %llu", (unsigned long long)option->min,
                 (unsigned long long)option->max);
        break;
    case SIZE:
        snprintf(out, size, "a size from %llu to %lluM", (unsigned long long)option->min,
                 (unsigned long long)option->max >> 20);
        break;
    case SWITCH:
        snprintf(out, size, "yes or no");
        break;
    case CHOICE:
        snprintf(out, size, "one of: %s", option->choices);
        break;
    case POLLING:
        snprintf(out, size, "HH:MM:SS or HH:MM:SS~N%%");
        break;
    default:
        snprintf(out, size, "an address or a block such as 10.0.0.0/8");
    }
}

static ss_status_t fail(struct reader *reader, ss_status_t status, const char *format, const char *a, const char *b)
{
    if (reader->status == SS_OK) {
        reader->status = status;
        // Formats are those of this file only.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        ss_error_set(reader->err, status, SS_AREA_SERVER, format, a, b);
#pragma GCC diagnostic pop
    }
    return status;
}

static const struct option *find(const char *section, const char *key)
{
    for (unsigned i = 0; i < OPTIONS; i++)
        if (!strcmp(options[i].section, section) && !strcmp(options[i].key, key))
            return &options[i];
    return NULL;
}

static bool take(void *user, const char *section, const char *key, const char *value)
{
    struct reader *reader = user;
    const struct option *option = find(section, key);
    if (!option) {
        fail(reader, SS_ERROR_DATA_INVALID, "there is no key '%.64s' in section [%.64s]", key, section);
        return false;
    }
    bool many = option->kind == LIST || option->kind == BLOCKS;
    if (!*value)
        return fail(reader, SS_ERROR_DATA_INVALID, "'%s' has no value%s", key, ""), false;
    if (reader->set[option - options] && !many)
        return fail(reader, SS_ERROR_DATA_INVALID, "'%s' stands in section [%s] twice", key, section), false;
    if (!reader->set[option - options] && option->kind == BLOCKS)
        ((struct ss_address_blocks *)field(reader->config, option))->count = 0; // replaces the default
    reader->set[option - options] = true;
    if (option->kind == TEXT) {
        free(*(char **)field(reader->config, option));
        *(char **)field(reader->config, option) = NULL;
    }
    ss_status_t status = store(reader->config, option, value);
    char want[96];
    wanted(option, want, sizeof want);
    if (status == SS_ERROR_DATA_INVALID)
        fail(reader, status, "'%s' has to be %s", key, want);
    else if (status == SS_ERROR_INSUFFICIENT_SPACE)
        fail(reader, SS_ERROR_DATA_INVALID, "'%s' has too many values%s", key, "");
    else if (status != SS_OK)
        fail(reader, status, "no memory%s%s", "", "");
    return status == SS_OK;
}

/// Number of the first line that is too long or has control characters, 0: none.
static unsigned bad_line(const char *text, size_t len)
{
    unsigned line = 1;
    size_t start = 0;
    for (size_t i = 0; i <= len; i++) {
        unsigned char c = i < len ? (unsigned char)text[i] : '\n';
        if ((c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7F)
            return line;
        if (c != '\n')
            continue;
        if (i - start > SS_SERVER_CONFIG_LINE_MAX)
            return line;
        start = i + 1;
        line++;
    }
    return 0;
}

static ss_status_t set_defaults(struct ss_server_config *config)
{
    ss_status_t status = SS_OK;
    for (unsigned i = 0; i < OPTIONS && status == SS_OK; i++)
        if (options[i].fallback)
            status = store(config, &options[i], options[i].fallback);
    assert(status == SS_OK || status == SS_ERROR_INSUFFICIENT_MEMORY);
    return status;
}

/// Takes the slash away that would stand twice in links.
static void trim_url(char *url)
{
    size_t len = url ? strlen(url) : 0;
    while (len && url[len - 1] == '/')
        url[--len] = '\0';
}

static ss_status_t parse(struct reader *reader, const char *name, char *text, size_t len)
{
    unsigned line = bad_line(text, len);
    if (line)
        return ss_error_set(reader->err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER,
                            "%s:%u: a line has at most %u bytes and no control characters", name, line,
                            SS_SERVER_CONFIG_LINE_MAX);
    if (set_defaults(reader->config) != SS_OK)
        return ss_error_set(reader->err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
    struct ss_ini_result at = ss_ini_read(text, take, reader);
    if (at.line && !at.taken)
        return ss_error_set(reader->err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER,
                            "%s:%u: this is neither [section] nor key = value", name, at.line);
    if (at.line)
        return ss_error_prefix(reader->err, reader->status, "%s:%u", name, at.line);
    trim_url(reader->config->server.url);
    return SS_OK;
}

ss_status_t ss_server_config_parse(const char *name, const char *text, size_t len, struct ss_server_config **config,
                                   struct ss_error *err)
{
    *config = NULL;
    if (len > SS_SERVER_CONFIG_MAX)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_SPACE, SS_AREA_SERVER, "%s has %zu bytes, at most %u", name, len,
                            SS_SERVER_CONFIG_MAX);
    struct reader reader = {.config = calloc(1, sizeof *reader.config), .err = err};
    char *copy = calloc(1, len + 1); // terminated
    ss_status_t status = SS_ERROR_INSUFFICIENT_MEMORY;
    if (!reader.config || !copy) {
        ss_error_set(err, status, SS_AREA_SERVER, "no memory");
        goto out;
    }
    memcpy(copy, text, len);
    status = parse(&reader, name, copy, len);
    if (status == SS_OK) {
        *config = reader.config;
        reader.config = NULL;
    }
out:
    ss_server_config_free(reader.config);
    free(copy);
    return status;
}

ss_status_t ss_server_config_read(const char *path, struct ss_server_config **config, struct ss_error *err)
{
    *config = NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "cannot read %s: %s", path, strerror(errno));
    ss_status_t status = SS_ERROR_INSUFFICIENT_MEMORY;
    char *text = malloc(SS_SERVER_CONFIG_MAX + 1);
    if (!text) {
        ss_error_set(err, status, SS_AREA_SERVER, "no memory");
        goto out;
    }
    size_t len = fread(text, 1, SS_SERVER_CONFIG_MAX + 1, file);
    status = ferror(file) ? ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "cannot read %s: %s", path, strerror(errno))
                          : ss_server_config_parse(path, text, len, config, err);
out:
    free(text);
    fclose(file);
    return status;
}

void ss_server_config_free(struct ss_server_config *config)
{
    if (!config)
        return;
    for (unsigned i = 0; i < OPTIONS; i++) {
        if (options[i].kind == TEXT)
            free(*(char **)field(config, &options[i]));
        if (options[i].kind != LIST)
            continue;
        struct ss_config_list *list = field(config, &options[i]);
        for (unsigned n = 0; n < list->count; n++)
            free(list->items[n]);
        free(list->items);
    }
    free(config);
}

ss_status_t ss_server_config_set_presealed(struct ss_server_config *config, const char *folder, struct ss_error *err)
{
    free(config->presealed.folder);
    config->presealed.folder = strdup(folder);
    return config->presealed.folder ? SS_OK
                                    : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
}

void ss_server_config_sample(FILE *out)
{
    const char *section = "";
    for (unsigned i = 0; i < OPTIONS; i++) {
        const struct option *option = &options[i];
        if (strcmp(section, option->section))
            fprintf(out, "%s[%s]\n", *section ? "\n" : "", option->section);
        section = option->section;
        fprintf(out, "# %s\n#%s =%s%s\n", option->help, option->key, option->fallback ? " " : "",
                option->fallback ? option->fallback : "");
    }
}
