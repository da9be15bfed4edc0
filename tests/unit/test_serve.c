// SPDX-License-Identifier: Apache-2.0
// Served chips as the other end of the line sees them. The server is a child process; it ends by itself after a while.
#include "support/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "chip/serve.h"

enum { LIFE_S = 30, WAIT_MS = 5000, QUIET_MS = 150 };

static struct ss_error err;
static struct ss_serve *serving;
static char folder[] = "/tmp/slotseal-serve-XXXXXX";
static char address[2][SS_SERVE_ADDRESS_SIZE];
static struct ss_vchip *served[2];
static pid_t server;

static void on_term(int number)
{
    (void)number;
    ss_serve_stop(serving);
}

/// Serves two chips, the first by @p kind with a control socket, the second by TCP.
static void start(enum ss_serve_kind kind, const char *link)
{
    struct ss_chip_options options = SS_CHIP_OPTIONS_DEFAULT;
    struct ss_vchip *chips[2];
    struct ss_serve_options first = {.kind = kind, .link = link, .folder = folder};
    struct ss_serve_options second = {.kind = SS_SERVE_TCP};
    options.flash_size = 1u << 20;
    for (unsigned i = 0; i < 2; i++) {
        options.seed = i + 1;
        assert_ok(ss_chip_new(&options, &chips[i], &err), err);
    }
    assert_ok(ss_serve_new(&serving, &err), err);
    assert_ok(ss_serve_add(serving, chips[0], &first, address[0], &err), err);
    assert_ok(ss_serve_add(serving, chips[1], &second, address[1], &err), err);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        signal(SIGTERM, on_term);
        signal(SIGPIPE, SIG_IGN);
        alarm(LIFE_S);
        _exit(ss_serve_run(serving, &err) == SS_OK ? 0 : 1);
    }
    served[0] = chips[0];
    served[1] = chips[1];
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int teardown(void **state)
{
    int status;
    (void)state;
    kill(server, SIGTERM);
    assert_int_equal(waitpid(server, &status, 0), server);
    // Before the parent's copy goes: freeing it removes what both share.
    ss_serve_free(serving);
    ss_chip_free(served[0]);
    ss_chip_free(served[1]);
    assert_int_equal(rmdir(folder), 0); // the control socket is gone
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}

static int connect_to(const char *where)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    const char *colon = strrchr(where, ':');
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons((uint16_t)atoi(colon + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static void say(int fd, const void *bytes, size_t len)
{
    assert_int_equal(write(fd, bytes, len), len);
}

/// Waits until @p len bytes @p text have come and are the last.
static void hear(int fd, const void *text, size_t len)
{
    char heard[4096];
    size_t n = 0;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (n < len || memcmp(heard + n - len, text, len) != 0) {
        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
        assert_in_range(n, 0, sizeof heard - 1);
        assert_int_equal(read(fd, heard + n++, 1), 1);
    }
}
#define HEAR(fd, text) hear(fd, text, sizeof(text) - 1)
#define SAY(fd, text)  say(fd, text, sizeof(text) - 1)

static void hear_nothing(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, QUIET_MS), 0);
}

#define READ_MAGIC  "\xC0\x00\x0A\x04\x00\x00\x00\x00\x00\x00\x10\x00\x40\xC0"
#define MAGIC       "\xC0\x01\x0A\x04\x00\x83\x1D\xF0\x00\x00\x00\x00\x00\xC0"
#define READ_UART   "\xC0\x00\x0A\x04\x00\x00\x00\x00\x00\x14\x00\xF4\x3F\xC0"
#define UART_115200 "\xC0\x01\x0A\x04\x00\x5B\x01\x00\x00\x00\x00\x00\x00\xC0"
#define UART_250000 "\xC0\x01\x0A\x04\x00\xA0\x00\x00\x00\x00\x00\x00\x00\xC0"
#define WRITE_RAM                                                                                                      \
    "\xC0\x00\x09\x10\x00\x00\x00\x00\x00\x00\x00\x00\x50\x01\x00\x00\x00\xFF\xFF\xFF\xFF\x00\x00\x00\x00\xC0"
#define WRITTEN       "\xC0\x01\x09\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xC0"
#define READ_RAM      "\xC0\x00\x0A\x04\x00\x00\x00\x00\x00\x00\x00\x00\x50\xC0"
#define RAM_IS(byte)  "\xC0\x01\x0A\x04\x00" byte "\x00\x00\x00\x00\x00\x00\x00\xC0"
#define LOADER_BANNER "waiting for download\r\n"
#define FLASH_BANNER  "boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"

static void a_connection_is_a_power_on_into_the_loader(void **state)
{
    (void)state;
    start(SS_SERVE_TCP, NULL);
    assert_memory_equal(address[0], "socket://127.0.0.1:", 19);
    int other = connect_to(address[1]);
    for (unsigned i = 0; i < 2; i++) {
        int fd = connect_to(address[0]);
        HEAR(fd, LOADER_BANNER);
        SAY(fd, READ_MAGIC);
        HEAR(fd, MAGIC);
        SAY(fd, READ_RAM);
        HEAR(fd, RAM_IS("\x00"));
        SAY(fd, WRITE_RAM);
        HEAR(fd, WRITTEN);
        SAY(fd, READ_RAM);
        HEAR(fd, RAM_IS("\x01"));
        close(fd);
    }
    // Chips of one process do not share anything.
    HEAR(other, LOADER_BANNER);
    SAY(other, READ_RAM);
    HEAR(other, RAM_IS("\x00"));
    close(other);
}

static void control_is_what_buttons_do(void **state)
{
    (void)state;
    start(SS_SERVE_TCP, NULL);
    int fd = connect_to(address[0]);
    HEAR(fd, LOADER_BANNER);
    assert_ok(ss_serve_control(folder, "strap flash", &err), err);
    hear_nothing(fd);
    assert_ok(ss_serve_control(folder, "reset", &err), err);
    HEAR(fd, FLASH_BANNER);
    assert_ok(ss_serve_control(folder, "strap download", &err), err);
    assert_ok(ss_serve_control(folder, "power off", &err), err);
    assert_int_equal(ss_serve_control(folder, "reset", &err), SS_ERROR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "reset: the chip has no power");
    assert_ok(ss_serve_control(folder, "power on", &err), err);
    HEAR(fd, LOADER_BANNER);
    static const char *const wrong[] = {"sing", "power half", "strap", "cut", "cut 0", "cut 1 never", "cut 1x"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(ss_serve_control(folder, wrong[i], &err), SS_ERROR_INVALID_ARGUMENT);
    char longest[100];
    memset(longest, 'x', sizeof longest);
    longest[99] = '\0';
    assert_int_equal(ss_serve_control(folder, longest, &err), SS_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "100 bytes is too long"));
    // The first burn fails, and with it the supply.
    assert_ok(ss_serve_control(folder, "cut 1 before", &err), err);
    SAY(fd, "\xC0\x00\x09\x20\x00\x00\x00\x00\x00"
            "\xF4\xA0\xF5\x3F\x01\x00\x00\x00\xFF\xFF\xFF\xFF\x00\x00\x00\x00"
            "\xFC\xA0\xF5\x3F\x5A\x5A\x00\x00\xFF\xFF\xFF\xFF\x00\x00\x00\x00\xC0");
    HEAR(fd, WRITTEN);
    SAY(fd, "\xC0\x00\x09\x10\x00\x00\x00\x00\x00"
            "\x04\xA1\xF5\x3F\x02\x00\x00\x00\xFF\xFF\xFF\xFF\x00\x00\x00\x00\xC0");
    hear_nothing(fd);
    SAY(fd, READ_MAGIC);
    hear_nothing(fd);
    assert_int_equal(ss_serve_control(folder, "reset", &err), SS_ERROR_INVALID_ARGUMENT);
    close(fd);
    assert_int_equal(ss_serve_control("/nonexistent", "reset", &err), SS_ERROR_IO);
    assert_int_equal(ss_serve_control("/", "reset", &err), SS_ERROR_BAD_STATE);
}

#define IAC "\xFF"
#define SB  IAC "\xFA\x2C"
#define SE  IAC "\xF0"

static void rfc2217_negotiates_and_resets(void **state)
{
    (void)state;
    start(SS_SERVE_RFC2217, NULL);
    assert_memory_equal(address[0], "rfc2217://127.0.0.1:", 20);
    int fd = connect_to(address[0]);
    // WILL and DO of the COM port option, asked twice, answered once; an option that is not known.
    SAY(fd, IAC "\xFB\x2C" IAC "\xFD\x2C" IAC "\xFB\x2C");
    // The state of the modem's lines follows unasked.
    HEAR(fd, IAC "\xFD\x2C" SB "\x6B\x00" SE IAC "\xFB\x2C");
    SAY(fd, IAC "\xFD\x18");
    HEAR(fd, IAC "\xFC\x18");
    hear_nothing(fd);
    // The classic sequence: DTR off, RTS on, DTR on, RTS off.
    SAY(fd, SB "\x05\x09" SE SB "\x05\x0B" SE);
    HEAR(fd, SB "\x69\x09" SE SB "\x69\x0B" SE);
    SAY(fd, READ_MAGIC); // EN is low
    hear_nothing(fd);
    SAY(fd, SB "\x05\x08" SE SB "\x05\x0C" SE);
    HEAR(fd, LOADER_BANNER);
    HEAR(fd, SB "\x69\x0C" SE);
    // The rate, and asking for it.
    SAY(fd, SB "\x01\x00\x03\xD0\x90" SE);
    HEAR(fd, SB "\x65\x00\x03\xD0\x90" SE);
    SAY(fd, SB "\x01\x00\x00\x00\x00" SE);
    HEAR(fd, SB "\x65\x00\x03\xD0\x90" SE);
    SAY(fd, READ_UART);
    HEAR(fd, UART_250000);
    // Data bits, parity, masks, and questions for the lines.
    SAY(fd, SB "\x02\x07" SE SB "\x02\x00" SE SB "\x03\x00" SE SB "\x04\x00" SE);
    HEAR(fd, SB "\x66\x07" SE SB "\x66\x07" SE SB "\x67\x01" SE SB "\x68\x01" SE);
    SAY(fd, SB "\x0B\xFF\xFF" SE SB "\x07" SE SB "\x0C\x03" SE SB "\x08" SE);
    HEAR(fd, SB "\x6F\xFF\xFF" SE SB "\x6B\x00" SE SB "\x70\x03" SE);
    SAY(fd, SB "\x05\x00" SE SB "\x05\x04" SE SB "\x05\x0D" SE);
    HEAR(fd, SB "\x69\x01" SE SB "\x69\x06" SE SB "\x69\x0E" SE);
    SAY(fd, SB "\x05\x07" SE SB "\x05\x0A" SE);
    HEAR(fd, SB "\x69\x08" SE SB "\x69\x0C" SE);
    // 0xFF among the data is doubled both ways.
    SAY(fd, "\xC0\x00\x09\x10\x00\x00\x00\x00\x00\x00\x00\x00\x50\xFF\xFF\x00\x00\x00"
            "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x00\x00\x00\xC0");
    HEAR(fd, WRITTEN);
    SAY(fd, READ_RAM);
    HEAR(fd, RAM_IS("\xFF\xFF"));
    // A hard reset: RTS on and off while DTR is off.
    SAY(fd, SB "\x05\x09" SE SB "\x05\x0B" SE SB "\x05\x0C" SE);
    HEAR(fd, FLASH_BANNER);
    close(fd);
}

static void hanging_up_a_pty_resets(void **state)
{
    (void)state;
    char link[64];
    struct termios t;
    snprintf(link, sizeof link, "%s/tty", folder);
    start(SS_SERVE_PTY, link);
    assert_ok(ss_serve_control(folder, "strap download", &err), err);
    int fd = open(link, O_RDWR | O_NOCTTY);
    assert_true(fd >= 0);
    hear_nothing(fd); // what was said before is lost
    assert_ok(ss_serve_control(folder, "reset", &err), err);
    HEAR(fd, LOADER_BANNER);
    SAY(fd, READ_UART);
    HEAR(fd, UART_115200);
    SAY(fd, WRITE_RAM);
    HEAR(fd, WRITTEN);
    close(fd);
    poll(NULL, 0, QUIET_MS); // a hang-up is noticed within 20 ms
    fd = open(link, O_RDWR | O_NOCTTY);
    assert_int_equal(tcgetattr(fd, &t), 0);
    cfsetspeed(&t, B921600);
    assert_int_equal(tcsetattr(fd, TCSANOW, &t), 0);
    SAY(fd, READ_RAM);
    HEAR(fd, RAM_IS("\x00"));
    SAY(fd, READ_UART);
    HEAR(fd, "\xC0\x01\x0A\x04\x00\x2B\x00\x00\x00\x00\x00\x00\x00\xC0");
    close(fd);
}

static void a_host_that_stops_reading_and_goes_is_noticed(void **state)
{
    (void)state;
    char link[64];
    snprintf(link, sizeof link, "%s/tty", folder);
    start(SS_SERVE_PTY, link);
    assert_ok(ss_serve_control(folder, "strap download", &err), err);
    assert_ok(ss_serve_control(folder, "reset", &err), err);
    int fd = open(link, O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_true(fd >= 0);
    // Until both directions are full: answers are not fetched, so requests are not read.
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    while (poll(&wait, 1, QUIET_MS) == 1)
        (void)!write(fd, WRITE_RAM, sizeof WRITE_RAM - 1);
    close(fd);
    poll(NULL, 0, QUIET_MS);
    fd = open(link, O_RDWR | O_NOCTTY);
    SAY(fd, READ_RAM);
    HEAR(fd, RAM_IS("\x00"));
    close(fd);
}

/// Pages of memory that the server has; grows with what it keeps for its clients.
static long resident_pages(void)
{
    char name[64];
    long size, resident = 0;
    snprintf(name, sizeof name, "/proc/%d/statm", (int)server);
    FILE *statm = fopen(name, "r");
    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%ld %ld", &size, &resident), 2);
    fclose(statm);
    return resident;
}

#define STUB_BEGIN                                                                                                     \
    "\xC0\x00\x05\x10\x00\x00\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x00\x00\x08\x40\xC0"
#define STUB_DATA                                                                                                      \
    "\xC0\x00\x07\x14\x00\xE0\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00OHAI\xC0"
#define STUB_END "\xC0\x00\x06\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x40\xC0"
/// 1 MiB in packets of 16 KiB, 64 of them without an acknowledgement.
#define READ_ALL                                                                                                       \
    "\xC0\x00\xD2\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x40\x00\x00\x40\x00\x00\x00\xC0"

/// A few bytes ask for a megabyte here: one answer is made, and the next when that is gone.
static void a_flood_of_requests_takes_no_memory(void **state)
{
    enum { REQUESTS = 600, LIMIT_MIB = 32 };
    (void)state;
    start(SS_SERVE_TCP, NULL);
    int fd = connect_to(address[0]);
    HEAR(fd, LOADER_BANNER);
    SAY(fd, STUB_BEGIN STUB_DATA STUB_END);
    HEAR(fd, "\xC0OHAI\xC0");
    long before = resident_pages();
    for (unsigned i = 0; i < REQUESTS; i++)
        SAY(fd, READ_ALL);
    int other = connect_to(address[0]);
    hear_nothing(other); // waits for its turn while the first does not read
    long grown = (resident_pages() - before) * sysconf(_SC_PAGESIZE) / (1 << 20);
    assert_in_range(grown < 0 ? 0 : grown, 0, LIMIT_MIB);
    close(fd);
    HEAR(other, LOADER_BANNER);
    close(other);
}

/// Each takes a while to be switched on, and none is turned away.
static void clients_in_crowds_are_served_in_turn(void **state)
{
    enum { CROWD = 200 };
    (void)state;
    start(SS_SERVE_TCP, NULL);
    for (unsigned i = 0; i < CROWD; i++)
        close(connect_to(address[0]));
    int fd = connect_to(address[0]);
    HEAR(fd, LOADER_BANNER);
    SAY(fd, READ_MAGIC);
    HEAR(fd, MAGIC);
    close(fd);
}

static void a_control_client_that_says_nothing_is_sent_away(void **state)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char byte;
    (void)state;
    start(SS_SERVE_TCP, NULL);
    int fd = connect_to(address[0]), silent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    HEAR(fd, LOADER_BANNER);
    snprintf(name.sun_path, sizeof name.sun_path, "%s/control.sock", folder);
    assert_int_equal(connect(silent, (struct sockaddr *)&name, sizeof name), 0);
    SAY(silent, "res");
    assert_ok(ss_serve_control(folder, "reset", &err), err);
    HEAR(fd, LOADER_BANNER);
    assert_int_equal(read(silent, &byte, 1), 0);
    close(silent);
    close(fd);
}

/// Whoever sets the lines and goes at once has set them.
static void what_was_said_before_hanging_up_counts(void **state)
{
    (void)state;
    start(SS_SERVE_RFC2217, NULL);
    int fd = connect_to(address[0]);
    SAY(fd, SB "\x05\x0B" SE SB "\x05\x08" SE SB "\x05\x0C" SE "\xC0\x00\x09\x10\x00\x00\x00\x00\x00"
               "\x00\x00\x00\x50\x01\x00\x00\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x00\x00\x00\xC0");
    close(fd);
    fd = connect_to(address[0]);
    SAY(fd, READ_RAM);
    HEAR(fd, RAM_IS("\x01"));
    close(fd);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_a_power_on_into_the_loader),
        TEST(control_is_what_buttons_do),
        TEST(rfc2217_negotiates_and_resets),
        TEST(hanging_up_a_pty_resets),
        TEST(a_host_that_stops_reading_and_goes_is_noticed),
        TEST(a_flood_of_requests_takes_no_memory),
        TEST(clients_in_crowds_are_served_in_turn),
        TEST(a_control_client_that_says_nothing_is_sent_away),
        TEST(what_was_said_before_hanging_up_counts),
    };
    return ss_test_main(argc, argv, tests);
}
