// SPDX-License-Identifier: Apache-2.0
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/crypto.h"

// Keys that a terminal in this mode does not act on by itself.
enum { KEY_CANCEL = 3, KEY_END = 4, KEY_BACKSPACE = 8, KEY_KILL = 21, KEY_DELETE = 127 };

static ss_status_t cancelled(struct ss_error *err, const char *what)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "the %s was asked for and not given", what);
}

/// Reads one line. Nothing of it is echoed, not even its length.
static ss_status_t read_line(int tty, const char *what, char *out, size_t size, size_t *len, struct ss_error *err)
{
    *len = 0;
    for (;;) {
        char c;
        ssize_t n = read(tty, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || c == KEY_CANCEL || c == KEY_END)
            return cancelled(err, what);
        if (c == '\n' || c == '\r')
            return SS_OK;
        if (c == KEY_KILL)
            *len = 0;
        else if (c != KEY_DELETE && c != KEY_BACKSPACE && *len == size)
            return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "%s is longer than %zu bytes", what,
                                size);
        else if (c != KEY_DELETE && c != KEY_BACKSPACE)
            out[(*len)++] = c;
        // A character of UTF-8 goes as a whole.
        else
            while (*len && ((unsigned char)out[--*len] & 0xC0) == 0x80)
                ;
    }
}

static ss_status_t prompt(int tty, const char *what, bool again, char *out, size_t size, size_t *len,
                          struct ss_error *err)
{
    dprintf(tty, "%s%s: ", what, again ? ", again" : "");
    ss_status_t status = read_line(tty, what, out, size, len, err);
    dprintf(tty, "\n");
    return status;
}

static ss_status_t ask_twice(int tty, const char *what, char *out, size_t size, size_t *len, struct ss_error *err)
{
    char again[SS_VAULT_PASSPHRASE_MAX];
    size_t again_len = 0;
    ss_status_t status = prompt(tty, what, false, out, size, len, err);
    if (status == SS_OK)
        status = prompt(tty, what, true, again, sizeof again, &again_len, err);
    if (status == SS_OK && (again_len != *len || !ss_equal(again, out, *len)))
        status = ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "the two are not the same");
    ss_wipe(again, sizeof again);
    return status;
}

ss_status_t ask_secret(void *context, const char *what, bool repeat, char *out, size_t size, size_t *len,
                       struct ss_error *err)
{
    struct termios before, quiet;
    (void)context;
    *len = 0;
    int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0 || tcgetattr(tty, &before) != 0) {
        if (tty >= 0)
            close(tty);
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "the %s is needed, and there is no terminal",
                            what);
    }
    // Without signals: ^C must not leave a terminal behind that shows nothing.
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    ss_status_t status = SS_OK;
    if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
        status = ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "terminal: %s", strerror(errno));
    else
        status = repeat ? ask_twice(tty, what, out, size, len, err) : prompt(tty, what, false, out, size, len, err);
    tcsetattr(tty, TCSAFLUSH, &before);
    close(tty);
    if (status != SS_OK) {
        ss_wipe(out, size);
        *len = 0;
    }
    return status;
}
