// SPDX-License-Identifier: Apache-2.0
// The library's own ports: names, terminals, connections, and RFC 2217 against a server that misbehaves.
#include "support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "chip/serve_parts.h"
#include "link/port_parts.h"
#include "slotseal/link.h"

static struct ss_error err;
static struct ss_link_port *port;

#define expect(call, status_wanted, text)                                                                              \
    do {                                                                                                               \
        assert_int_equal(call, status_wanted);                                                                         \
        if (!strstr(err.message, text))                                                                                \
            fail_msg("'%s' does not say '%s'", err.message, text);                                                     \
        assert_null(port);                                                                                             \
    } while (0)

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"socket://",        "socket://host",   "socket://:1",     "socket://host:",
                                      "socket://host:1x", "rfc2217://a:b:1", "socket://[::1:1", "socket://[]:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect(ss_link_port_open(bad[i], &port, &err), SS_ERROR_INVALID_ARGUMENT, "HOST:PORT is expected");
    expect(ss_link_port_open("", &port, &err), SS_ERROR_INVALID_ARGUMENT, "is no path");
    expect(ss_link_port_open("telnet://host:1", &port, &err), SS_ERROR_INVALID_ARGUMENT, "telnet://host:1");
    char longer[400] = "socket://";
    memset(longer + 9, 'a', 300);
    memcpy(longer + 309, ":1", 3);
    expect(ss_link_port_open(longer, &port, &err), SS_ERROR_INVALID_ARGUMENT, "HOST:PORT is expected");
    ss_link_port_close(NULL);
}

static void what_is_no_port_is_told(void **state)
{
    (void)state;
    expect(ss_link_port_open("/nowhere/ttyUSB0", &port, &err), SS_ERROR_DOES_NOT_EXIST, "No such file");
    assert_non_null(strstr(ss_link_hint(&err), "plug the board in"));
    expect(ss_link_port_open("/dev/null", &port, &err), SS_ERROR_NOT_SUPPORTED, "/dev/null is no serial port");
    expect(ss_link_port_open("/", &port, &err), SS_ERROR_IO, "/: Is a directory");
    if (geteuid() != 0) {
        char path[] = "/tmp/slotseal-port-XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0 && fchmod(fd, 0) == 0);
        expect(ss_link_port_open(path, &port, &err), SS_ERROR_NOT_PERMITTED, "Permission denied");
        assert_non_null(strstr(ss_link_hint(&err), "dialout"));
        close(fd);
        unlink(path);
    }
}

static int make_pty(char path[64])
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, path, 64) == 0);
    return master;
}

static void terminals_carry_bytes(void **state)
{
    (void)state;
    char path[64];
    uint8_t bytes[256], back[300];
    size_t len;
    int master = make_pty(path);
    assert_ok(ss_link_port_open(path, &port, &err), err);
    assert_null(port->ops->set_lines);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i; // also ^C, ^S, ^Z, CR and NL
    assert_ok(port->ops->write(port, bytes, sizeof bytes, &err), err);
    assert_int_equal(read(master, back, sizeof back), sizeof bytes);
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_int_equal(write(master, bytes, sizeof bytes), sizeof bytes);
    assert_ok(port->ops->read(port, 1000, back, sizeof back, &len, &err), err);
    assert_int_equal(len, sizeof bytes);
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_int_equal(write(master, "old", 3), 3);
    assert_ok(port->ops->discard_input(port, &err), err);
    assert_ok(port->ops->read(port, 0, back, sizeof back, &len, &err), err);
    assert_int_equal(len, 0);
    uint64_t before = port->ops->now_ms(port);
    assert_ok(port->ops->read(port, 30, back, sizeof back, &len, &err), err);
    assert_in_range(port->ops->now_ms(port) - before, 29, 2000);
    port->ops->sleep_ms(port, 5);
    close(master);
    assert_int_equal(port->ops->read(port, 1000, back, sizeof back, &len, &err), SS_ERROR_IO);
    assert_int_equal(port->ops->write(port, bytes, 1, &err), SS_ERROR_IO);
    assert_non_null(strstr(err.message, "the port is gone"));
    ss_link_port_close(port);
    port = NULL;
}

static void terminals_take_any_rate(void **state)
{
    (void)state;
    char path[64];
    int master = make_pty(path);
    struct termios t;
    assert_ok(ss_link_port_open(path, &port, &err), err);
    assert_ok(port->ops->set_baud(port, 921600, &err), err);
    assert_int_equal(pty_baud(master), 921600);
    assert_ok(port->ops->set_baud(port, 1234567, &err), err);
    assert_int_equal(pty_baud(master), 1234567);
    assert_ok(port->ops->set_baud(port, 2000000, &err), err);
    assert_int_equal(pty_baud(master), 2000000);
    assert_int_equal(tcgetattr(master, &t), 0);
    assert_int_equal(t.c_lflag & (ICANON | ECHO | ISIG), 0);
    ss_link_port_close(port);
    port = NULL;
    close(master);
}

static void terminals_are_not_shared(void **state)
{
    (void)state;
    char path[64];
    int master = make_pty(path);
    struct ss_link_port *first;
    assert_ok(ss_link_port_open(path, &first, &err), err);
    expect(ss_link_port_open(path, &port, &err), SS_ERROR_ALREADY_EXISTS, "another program has it open");
    assert_non_null(strstr(ss_link_hint(&err), "close the other program"));
    ss_link_port_close(first);
    close(master);
}

static int listening(uint16_t *number)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(s >= 0 && bind(s, (struct sockaddr *)&name, len) == 0 && listen(s, 1) == 0 &&
                getsockname(s, (struct sockaddr *)&name, &len) == 0);
    *number = ntohs(name.sin_port);
    return s;
}

static void connections_carry_bytes(void **state)
{
    (void)state;
    uint16_t number;
    char name[64];
    uint8_t back[16];
    size_t len;
    int s = listening(&number);
    snprintf(name, sizeof name, "socket://localhost:%u", number);
    assert_ok(ss_link_port_open(name, &port, &err), err);
    int peer = accept(s, NULL, NULL);
    assert_null(port->ops->set_baud);
    assert_null(port->ops->set_lines);
    assert_ok(port->ops->write(port, (const uint8_t *)"\xC0\xFF", 2, &err), err);
    assert_int_equal(read(peer, back, sizeof back), 2);
    assert_int_equal(write(peer, "\xFF", 1), 1);
    assert_ok(port->ops->read(port, 1000, back, sizeof back, &len, &err), err);
    assert_int_equal(len, 1);
    close(peer);
    assert_int_equal(port->ops->read(port, 1000, back, sizeof back, &len, &err), SS_ERROR_IO);
    // The first write may still be taken by the system; none of them ends the program.
    ss_status_t status = SS_OK;
    for (unsigned i = 0; i < 100 && status == SS_OK; i++)
        status = port->ops->write(port, back, 1, &err);
    assert_int_equal(status, SS_ERROR_IO);
    ss_link_port_close(port);
    port = NULL;
    close(s);
    expect(ss_link_port_open(name, &port, &err), SS_ERROR_IO, "Connection refused");
}

// ---- RFC 2217: a server whose lines are written down before the client speaks

static int server;
static int client;

static int setup_pair(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    client = fds[0];
    server = fds[1];
    return 0;
}

static int teardown_pair(void **state)
{
    (void)state;
    ss_link_port_close(port);
    port = NULL;
    if (server >= 0)
        close(server);
    return 0;
}

static void says(const char *bytes, size_t len)
{
    assert_int_equal(write(server, bytes, len), (ssize_t)len);
}
#define SAYS(bytes) says(bytes, sizeof(bytes) - 1)

static uint8_t other[4096]; ///< what the client sent beside subnegotiations
static size_t other_len;

/// Takes one byte from the client. True at the end of a subnegotiation, which is in @p sub then, from IAC to SE.
static bool take(uint8_t byte, uint8_t *sub, size_t *len)
{
    sub[(*len)++] = byte;
    size_t n = *len;
    if (n == 1 ? byte != 0xFF : n == 2 && byte != 0xFA) {
        memcpy(other + other_len, sub, n);
        other_len += n;
        *len = 0;
        return false;
    }
    return n > 5 && sub[n - 2] == 0xFF && byte == 0xF0;
}

/// Acknowledges so many commands, each by itself.
static void *acknowledge(void *count)
{
    uint8_t byte, sub[64];
    size_t len = 0;
    for (unsigned left = *(const unsigned *)count; left > 0;) {
        struct pollfd p = {.fd = server, .events = POLLIN};
        if (poll(&p, 1, 3000) <= 0 || read(server, &byte, 1) != 1)
            break;
        if (!take(byte, sub, &len))
            continue;
        sub[3] = (uint8_t)(sub[3] + 100);
        if (write(server, sub, len) < 0)
            break;
        len = 0;
        left--;
    }
    return NULL;
}

static void start(void)
{
    pthread_t thread;
    unsigned commands = 7; // rate, data bits, parity, stop bits, flow control, DTR, RTS
    other_len = 0;
    SAYS("\xFF\xFD\x2C"); // DO COM-PORT
    assert_int_equal(pthread_create(&thread, NULL, acknowledge, &commands), 0);
    ss_status_t status = ss_link_rfc2217_start(client, &port, &err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_ok(status, err);
}

static void bytes_are_escaped(void **state)
{
    (void)state;
    uint8_t bytes[2000], back[4096];
    size_t len, n = 0;
    start();
    memset(bytes, 0xFF, sizeof bytes);
    bytes[0] = 1;
    assert_ok(port->ops->write(port, bytes, sizeof bytes, &err), err);
    for (ssize_t got; (got = read(server, back + n, sizeof back - n)) > 0; n += (size_t)got)
        ;
    assert_int_equal(n, 2 * sizeof bytes - 1);
    SAYS("a\xFF\xFF"
         "b\xFF\xF1\xFF\xFB\x01"
         "c\xFF\xFA\x2C\x6B\x30\xFF\xF0"
         "d");
    assert_ok(port->ops->read(port, 1000, back, sizeof back, &len, &err), err);
    assert_int_equal(len, 5);
    assert_memory_equal(back,
                        "a\xFF"
                        "bcd",
                        5);
    assert_int_equal(read(server, back, sizeof back), 3);
    assert_memory_equal(back, "\xFF\xFE\x01", 3); // DONT ECHO
    // Small reads get the rest; commands alone are not data.
    SAYS("xyz");
    assert_ok(port->ops->read(port, 1000, back, 2, &len, &err), err);
    assert_int_equal(len, 2);
    assert_ok(port->ops->read(port, 1000, back, 2, &len, &err), err);
    assert_int_equal(len, 1);
    SAYS("\xFF\xF1");
    assert_ok(port->ops->read(port, 20, back, 2, &len, &err), err);
    assert_int_equal(len, 0);
    close(server);
    server = -1;
    assert_int_equal(port->ops->read(port, 1000, back, 2, &len, &err), SS_ERROR_IO);
    assert_int_equal(port->ops->set_baud(port, 9600, &err), SS_ERROR_IO);
}

static void a_server_may_decline(void **state)
{
    (void)state;
    SAYS("\xFF\xFE\x2C");
    expect(ss_link_rfc2217_start(client, &port, &err), SS_ERROR_NOT_SUPPORTED, "declines RFC 2217");
}

static void a_server_may_not_answer(void **state)
{
    (void)state;
    SAYS("login: ");
    expect(ss_link_rfc2217_start(client, &port, &err), SS_ERROR_TIMEOUT, "does not speak RFC 2217");
    assert_non_null(strstr(ss_link_hint(&err), "socket://"));
}

static void a_server_may_hang_up(void **state)
{
    (void)state;
    SAYS("\xFF\xFD\x2C");
    shutdown(server, SHUT_RDWR);
    expect(ss_link_rfc2217_start(client, &port, &err), SS_ERROR_IO, "the port is gone");
}

/// Options that nobody asked for are declined once each; answers to ours are not answered.
static void negotiation_ends(void **state)
{
    (void)state;
    SAYS("\xFF\xFD\x18\xFF\xFB\x03\xFF\xFD\x03\xFF\xFD");
    says("\0\xFF\xFB\0\xFF\xFD\x03\xFF\xFC\x01", 10);
    start();
    assert_int_equal(other_len, 15 + 3);
    assert_memory_equal(other + 15, "\xFF\xFC\x18", 3);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup_pair, teardown_pair)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(what_is_no_port_is_told),
        cmocka_unit_test(terminals_carry_bytes),
        cmocka_unit_test(terminals_take_any_rate),
        cmocka_unit_test(terminals_are_not_shared),
        cmocka_unit_test(connections_carry_bytes),
        test(bytes_are_escaped),
        test(a_server_may_decline),
        test(a_server_may_not_answer),
        test(a_server_may_hang_up),
        test(negotiation_ends),
    };
    return ss_test_main(argc, argv, tests);
}
