// SPDX-License-Identifier: Apache-2.0
// The management API of a server, for the commands that act on one. server/manage.h says what it looks like.
#ifndef SS_CLI_REMOTE_REMOTE_H
#define SS_CLI_REMOTE_REMOTE_H

#include <jansson.h>

#include "cli/cli.h"

#define OPTION_SERVER                                                                                                  \
    {                                                                                                                  \
        OPT_SERVER, "server", 0, false, "URL", "the server (SLOTSEAL_SERVER)", NULL, COMPLETE_NOTHING                  \
    }
#define OPTION_TOKEN_FILE                                                                                              \
    {                                                                                                                  \
        OPT_TOKEN_FILE, "token-file", 0, false, "FILE", "the operator's token (SLOTSEAL_TOKEN_FILE)", NULL,            \
            COMPLETE_FILE                                                                                              \
    }
#define OPTION_SERVER_CA                                                                                               \
    {                                                                                                                  \
        OPT_SERVER_CA, "server-ca", 0, false, "FILE", "who signs the server's certificate (the system's CAs)", NULL,   \
            COMPLETE_FILE                                                                                              \
    }
/// What every command has that acts on a server. Plain HTTP works to this machine only.
#define OPTIONS_SERVER OPTION_SERVER, OPTION_TOKEN_FILE, OPTION_SERVER_CA

/// A server and an operator's token.
struct remote;

/// True if --server is given, or else SLOTSEAL_SERVER is set and no --vault is given.
bool remote_wanted(const struct cli_args *args);
/// From these options, else the environment. CLI_OK; otherwise what to exit with, after a report, and *@p out is NULL.
/// The caller ends it by remote_close(), which wipes the token.
int remote_open(const struct cli_args *args, struct remote **out);
void remote_close(struct remote *remote);

struct remote_request {
    const char *method; ///< "GET"
    const char *path;   ///< below /api/v1, escaped: "/devices/ID"
    json_t *json;       ///< body, whose reference is taken over; NULL: none, or
    const char *type;   ///< media type of
    const void *bytes;  ///< these
    size_t len;
};

/// Asks. *@p answer is an object that the caller ends by json_decref(), NULL on error; *@p code (may be NULL) is the HTTP
/// status, 0 if there was none. Statuses as the server names them, and SS_ERROR_IO: it is not reachable, or what answers
/// is no such server; SS_ERROR_NOT_PERMITTED: the token is not known there. 409 answers that say how far an upload is
/// come back in *@p answer although the status is SS_ERROR_BAD_STATE.
SS_MUST_USE ss_status_t remote_ask(struct remote *remote, const struct remote_request *request, json_t **answer,
                                   long *code, struct ss_error *err);
/// GET of a path made by @p format, whose arguments are names and numbers that need no escaping.
SS_MUST_USE ss_status_t remote_get(struct remote *remote, json_t **answer, struct ss_error *err, const char *format,
                                   ...) SS_PRINTF(4, 5);
/// The path of a list with a value that is escaped: "/releases?product=…". In the remote's own buffer; NULL: too long.
const char *remote_path(struct remote *remote, const char *path, const char *value);

/// Reports, with what to do about it where there is something. Returns CLI_FAILED.
int remote_fail(const struct ss_error *err);
/// An operand that is to be a device's id or another name; reports and returns false for anything else.
bool remote_name_ok(const char *what, const char *name);

/// Texts and numbers of an answer; "" or 0 where there is none. Texts are printable, in one of four buffers.
const char *remote_text(const json_t *object, const char *key);
json_int_t remote_number(const json_t *object, const char *key);
/// A point in time as 2027-01-31T08:00:00Z, "-" for 0; in one of four buffers.
const char *remote_time(const json_t *object, const char *key);

/// For the commands that also work on a vault, once remote_wanted().
int remote_device_list(const struct cli_args *args);
int remote_device_show(const struct cli_args *args);
int remote_release_list(const struct cli_args *args);

// remote_window.c

/// A maintenance window, START/DURATION, as the API has it: HH:MM/HH:MM is each day, in UTC; POINT/HH:MM once, at a point in
/// time as cli_time() has it. Reports and returns false for anything else; the caller ends *@p out by json_decref().
bool remote_window(const char *text, json_t **out);
/// A window of an answer in words: "daily from 02:00 for 03:30", "from 2027-01-31T08:00:00Z for 01:00"; "" for none. In one
/// buffer.
const char *remote_window_text(const json_t *window);

// remote_upload.c

/// Uploads bytes of @p kind ("sealed", "opaque"), from where an earlier attempt was interrupted; *@p id is the upload's.
/// @p name is shown while it goes on.
SS_MUST_USE ss_status_t remote_upload(struct remote *remote, const char *kind, const char *name, const uint8_t *bytes,
                                      size_t len, json_int_t *id, struct ss_error *err);

#endif
