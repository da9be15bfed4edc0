// SPDX-License-Identifier: Apache-2.0
#include "cli/remote/remote.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "cli/file.h"
#include "core/crypto.h"
#include "server/manage.h"
#include "vault/vault.h"

enum {
    TOKEN_SIZE = 160,
    ANSWER_MAX = 16 << 20, ///< a list of a thousand devices is some hundred KiB
    CONNECT_SECONDS = 15,
    SILENT_SECONDS = 60,
};

struct remote {
    CURL *curl;
    char *url; ///< without a slash at its end
    char authorization[TOKEN_SIZE + 32];
    char path[512];
    char problem[CURL_ERROR_SIZE];
};

struct answer {
    char *bytes;
    size_t len;
};

static const char *from(const struct cli_args *args, enum cli_option_id id, const char *variable)
{
    const char *value = args->options[id] ? args->options[id] : getenv(variable);
    return value && *value ? value : NULL;
}

bool remote_wanted(const struct cli_args *args)
{
    return args->options[OPT_SERVER] || (!args->options[OPT_VAULT] && from(args, OPT_SERVER, "SLOTSEAL_SERVER"));
}

// Opening

static bool is_local(const char *url)
{
    static const char *const hosts[] = {"http://localhost", "http://127.0.0.1", "http://[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        size_t len = strlen(hosts[i]);
        if (!strncmp(url, hosts[i], len) && strchr(":/", url[len])) // strchr() also finds the end
            return true;
    }
    return false;
}

static int check_url(const char *url)
{
    char shown[80];
    if (strchr(url, '@') || strchr(url, '?') || strchr(url, '#'))
        return cli_usage(NULL, "a server's URL is https://HOST[:PORT], without user, query or fragment");
    if (!strncmp(url, "https://", 8) && url[8])
        return CLI_OK;
    if (!strncmp(url, "http://", 7) && !is_local(url))
        return cli_usage("https://...", "an operator's token goes in the clear over plain HTTP: only to this machine");
    return is_local(url) ? CLI_OK
                         : cli_usage("https://HOST[:PORT]", "no server's URL: %s", cli_shown(url, shown, sizeof shown));
}

/// The token's file is one line; nobody else may read it.
static int read_token(const char *path, struct remote *remote)
{
    struct input in = {0};
    struct ss_error err = {0};
    int result = CLI_OK;
    if (file_read_line(path, TOKEN_SIZE, &in, &err) != SS_OK)
        return cli_fail(&err);
    if (in.mode & 077) {
        cli_error("%s: mode %04o lets others at the token", in.name, (unsigned)in.mode & 07777);
        cli_hint("chmod 600 %s", in.name);
        result = CLI_FAILED;
    } else if (!in.len || strspn((const char *)in.data,
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != in.len) {
        cli_error("%s: holds no token", in.name);
        cli_hint("slotseal operator add makes one, where the server is");
        result = CLI_FAILED;
    } else {
        snprintf(remote->authorization, sizeof remote->authorization, "Authorization: Bearer %s",
                 (const char *)in.data);
    }
    file_free(&in);
    return result;
}

static bool set_up(struct remote *r, const char *ca)
{
    return curl_easy_setopt(r->curl, CURLOPT_ERRORBUFFER, r->problem) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_LOW_SPEED_TIME, (long)SILENT_SECONDS) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_USERAGENT, "slotseal/" SS_VERSION) == CURLE_OK &&
           (!ca || curl_easy_setopt(r->curl, CURLOPT_CAINFO, ca) == CURLE_OK);
}

static int out_of_memory(void)
{
    cli_error("out of memory");
    return CLI_FAILED;
}

int remote_open(const struct cli_args *args, struct remote **out)
{
    const char *url = from(args, OPT_SERVER, "SLOTSEAL_SERVER"),
               *token = from(args, OPT_TOKEN_FILE, "SLOTSEAL_TOKEN_FILE");
    *out = NULL;
    if (!url)
        return cli_usage("--server https://HOST[:PORT], or set SLOTSEAL_SERVER", "which server?");
    if (!token)
        return cli_usage("--token-file FILE, or set SLOTSEAL_TOKEN_FILE", "whose token?");
    int result = check_url(url);
    if (result != CLI_OK)
        return result;
    struct remote *r = calloc(1, sizeof *r);
    if (!r)
        return out_of_memory();
    r->url = strdup(url);
    r->curl = curl_easy_init();
    if (!r->url || !r->curl || !set_up(r, args->options[OPT_SERVER_CA]))
        result = out_of_memory();
    if (result == CLI_OK)
        result = read_token(token, r);
    if (result != CLI_OK) {
        remote_close(r);
        return result;
    }
    for (size_t len = strlen(r->url); len && r->url[len - 1] == '/'; len--)
        r->url[len - 1] = '\0';
    *out = r;
    return CLI_OK;
}

void remote_close(struct remote *r)
{
    if (!r)
        return;
    curl_easy_cleanup(r->curl);
    free(r->url);
    ss_wipe(r->authorization, sizeof r->authorization);
    free(r);
}

// Asking

static size_t collect(char *bytes, size_t one, size_t len, void *context)
{
    struct answer *a = context;
    (void)one;
    if (len > ANSWER_MAX - a->len)
        return 0;
    char *more = realloc(a->bytes, a->len + len + 1);
    if (!more)
        return 0;
    a->bytes = more;
    memcpy(more + a->len, bytes, len);
    a->len += len;
    more[a->len] = '\0';
    return len;
}

/// What the server says was wrong, in its own words.
static ss_status_t refusal(long code, const json_t *answer, struct ss_error *err)
{
    static const ss_status_t statuses[] = {
        SS_ERROR_INVALID_ARGUMENT,   SS_ERROR_NOT_SUPPORTED, SS_ERROR_DATA_INVALID,        SS_ERROR_DATA_CORRUPT,
        SS_ERROR_INVALID_SIGNATURE,  SS_ERROR_NOT_PERMITTED, SS_ERROR_DOES_NOT_EXIST,      SS_ERROR_ALREADY_EXISTS,
        SS_ERROR_INSUFFICIENT_SPACE, SS_ERROR_BAD_STATE,     SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_TIMEOUT};
    const json_t *error = json_object_get(answer, "error");
    const char *name = json_string_value(json_object_get(error, "status"));
    ss_status_t status = SS_ERROR_IO;
    for (size_t i = 0; name && i < sizeof statuses / sizeof *statuses; i++)
        if (!strcmp(name, ss_status_name(statuses[i])))
            status = statuses[i];
    if (code == 401)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "the server does not know this token");
    const char *text = remote_text(error, "message");
    if (*text)
        return ss_error_set(err, status, SS_AREA_SERVER, "%s", text);
    return ss_error_set(err, status, SS_AREA_SERVER, "the server answers %ld", code);
}

static struct curl_slist *headers_of(const struct remote *r, const struct remote_request *q)
{
    char type[128];
    struct curl_slist *list = curl_slist_append(NULL, r->authorization), *more = list;
    snprintf(type, sizeof type, "Content-Type: %s", q->json ? "application/json" : q->type ? q->type : "text/plain");
    if (more && (q->json || q->bytes))
        more = curl_slist_append(list, type);
    if (more)
        more = curl_slist_append(list, "Expect:"); // parts are small: no round trip before each
    if (!more) {
        curl_slist_free_all(list);
        return NULL;
    }
    return list;
}

static void wipe_headers(struct curl_slist *list)
{
    for (struct curl_slist *l = list; l; l = l->next)
        ss_wipe(l->data, strlen(l->data));
    curl_slist_free_all(list);
}

static bool prepare(struct remote *r, const struct remote_request *q, const char *url, const char *body, size_t len,
                    const struct curl_slist *headers, struct answer *answer)
{
    bool has_body = q->json || q->bytes || strcmp(q->method, "GET") != 0;
    r->problem[0] = '\0';
    return curl_easy_setopt(r->curl, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(r->curl, has_body ? CURLOPT_POST : CURLOPT_HTTPGET, 1L) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK &&
           (!has_body || (curl_easy_setopt(r->curl, CURLOPT_POSTFIELDS, body) == CURLE_OK &&
                          curl_easy_setopt(r->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) == CURLE_OK)) &&
           curl_easy_setopt(r->curl, CURLOPT_WRITEFUNCTION, collect) == CURLE_OK &&
           curl_easy_setopt(r->curl, CURLOPT_WRITEDATA, answer) == CURLE_OK;
}

static ss_status_t judge(struct remote *r, CURLcode outcome, const struct answer *a, json_t **answer, long *code,
                         struct ss_error *err)
{
    json_error_t where;
    if (outcome != CURLE_OK)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "%s: %s", r->url,
                            *r->problem ? r->problem : curl_easy_strerror(outcome));
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, code);
    *answer = json_loadb(a->bytes ? a->bytes : "", a->len, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(*answer)) {
        json_decref(*answer);
        *answer = NULL;
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "%s: answers %ld, and not as a slotseal server does",
                            r->url, *code);
    }
    if (*code >= 200 && *code < 300)
        return SS_OK;
    if (*code == 409 && json_object_get(*answer, "received"))
        return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_SERVER, "the upload goes on elsewhere");
    ss_status_t status = refusal(*code, *answer, err);
    json_decref(*answer);
    *answer = NULL;
    return status;
}

ss_status_t remote_ask(struct remote *r, const struct remote_request *q, json_t **answer, long *code,
                       struct ss_error *err)
{
    struct answer a = {0};
    char url[1024];
    long ignored = 0;
    long *status_code = code ? code : &ignored;
    char *text = q->json ? json_dumps(q->json, JSON_COMPACT) : NULL;
    const char *body = text ? text : q->bytes ? q->bytes : "";
    size_t len = text ? strlen(text) : q->bytes ? q->len : 0;
    struct curl_slist *headers = headers_of(r, q);
    ss_status_t status = SS_OK;
    *answer = NULL;
    *status_code = 0;
    int n = snprintf(url, sizeof url, "%s" SS_MANAGE_PREFIX "%s", r->url, q->path);
    if (n < 0 || (size_t)n >= sizeof url)
        status = ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_SERVER, "the URL is too long");
    else if (!headers || (q->json && !text) || !prepare(r, q, url, body, len, headers, &a))
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory");
    else
        status = judge(r, curl_easy_perform(r->curl), &a, answer, status_code, err);
    curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, NULL);
    wipe_headers(headers);
    json_decref(q->json);
    free(text);
    free(a.bytes);
    return status;
}

ss_status_t remote_get(struct remote *r, json_t **answer, struct ss_error *err, const char *format, ...)
{
    char path[512];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    const struct remote_request request = {.method = "GET", .path = path};
    return remote_ask(r, &request, answer, NULL, err);
}

const char *remote_path(struct remote *r, const char *path, const char *value)
{
    char *escaped = curl_easy_escape(r->curl, value, 0);
    int n = escaped ? snprintf(r->path, sizeof r->path, "%s%s", path, escaped) : -1;
    curl_free(escaped);
    return n >= 0 && (size_t)n < sizeof r->path ? r->path : NULL;
}

int remote_fail(const struct ss_error *err)
{
    int result = cli_fail(err);
    if (strstr(err->message, "does not know this token"))
        cli_hint("slotseal operator add makes one, where the server is");
    else if (strstr(err->message, "certificate"))
        cli_hint("--server-ca FILE, if the server's certificate is signed by a CA of your own");
    return result;
}

bool remote_name_ok(const char *what, const char *name)
{
    char shown[80];
    if (ss_vault_name_ok(name))
        return true;
    (void)!cli_usage(NULL, "no %s: %s (1 to 64 characters of A-Z a-z 0-9 . _ -)", what,
                     cli_shown(name, shown, sizeof shown));
    return false;
}

// Answers

const char *remote_text(const json_t *object, const char *key)
{
    static char texts[4][SS_ERROR_MESSAGE_SIZE];
    static unsigned next;
    const char *value = json_string_value(json_object_get(object, key));
    return cli_shown(value ? value : "", texts[next++ % 4], sizeof texts[0]);
}

json_int_t remote_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const char *remote_time(const json_t *object, const char *key)
{
    static char texts[4][32];
    static unsigned next;
    char *text = texts[next++ % 4];
    time_t t = (time_t)remote_number(object, key);
    struct tm utc;
    if (!t || !gmtime_r(&t, &utc) || !strftime(text, sizeof texts[0], "%Y-%m-%dT%H:%M:%SZ", &utc))
        strcpy(text, "-");
    return text;
}
