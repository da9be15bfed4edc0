// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"
#include "support/unit.h"

static ss_status_t parse(const char *text, struct ss_server_config **config, struct ss_error *err)
{
    *err = (struct ss_error){0};
    return ss_server_config_parse("server.conf", text, strlen(text), config, err);
}

static void reads_every_kind(void **state)
{
    (void)state;
    struct ss_server_config *c;
    struct ss_error err = {0};
    assert_ok(parse("; a comment\n[server]\nlisten = 0.0.0.0:8443\nlisten = [::]:8443\nurl = https://u.example.com/\n"
                    "client_certificates = accepted\npolling = 00:10:00~25%\nproxies = 10.0.0.0/8\n"
                    "  192.168.1.1\nplain_http = yes\nthreads = 4\n[sealer]\nplaintext_cache = 8M\n"
                    "[log]\nformat = json\nlevel = error\n",
                    &c, &err),
              err);
    assert_int_equal(c->server.listen.count, 2);
    assert_string_equal(c->server.listen.items[1], "[::]:8443");
    assert_string_equal(c->server.url, "https://u.example.com");
    assert_int_equal(c->server.client_certificates, SS_CLIENT_CERTIFICATES_ACCEPTED);
    assert_int_equal(c->server.polling.seconds, 600);
    assert_int_equal(c->server.polling.jitter, 25);
    assert_int_equal(c->server.proxies.count, 2);
    assert_int_equal(c->server.proxies.items[0].bits, 96 + 8);
    assert_int_equal(c->server.proxies.items[1].bits, 128);
    assert_true(c->server.plain_http);
    assert_int_equal(c->server.threads, 4);
    assert_int_equal(c->sealer.plaintext_cache, 8 << 20);
    assert_int_equal(c->log.format, SS_LOG_JSON);
    assert_int_equal(c->log.level, SS_LOG_ERROR);
    ss_server_config_free(c);
}

static void reads_lines_as_they_are_written(void **state)
{
    (void)state;
    struct ss_server_config *c;
    struct ss_error err = {0};
    assert_ok(parse("\xEF\xBB\xBF# with a byte order mark\r\n [ server ] ; and a comment\r\n\t\r\n"
                    "\turl\t=\thttps://u.example.com ; one\r\n  ; none\r\n  # none\r\n"
                    "listen=127.0.0.1:1;2\r\n  127.0.0.1:3\t;three\r\n\r\n  127.0.0.1:4\r\n"
                    "store = postgresql://h/d?a=b#c  # where it is; really\r\n[sealer] # that\n"
                    "delivery_key = pkcs11:token=t;object=o?pin-source=/a b/pin",
                    &c, &err),
              err);
    assert_string_equal(c->server.url, "https://u.example.com");
    assert_int_equal(c->server.listen.count, 3);
    assert_string_equal(c->server.listen.items[0], "127.0.0.1:1;2");
    assert_string_equal(c->server.listen.items[1], "127.0.0.1:3");
    assert_string_equal(c->server.listen.items[2], "127.0.0.1:4");
    assert_string_equal(c->server.store, "postgresql://h/d?a=b#c");
    assert_string_equal(c->sealer.delivery_key, "pkcs11:token=t;object=o?pin-source=/a b/pin");
    ss_server_config_free(c);
}

static void has_defaults(void **state)
{
    (void)state;
    struct ss_server_config *c;
    struct ss_error err = {0};
    assert_ok(parse("", &c, &err), err);
    assert_string_equal(c->server.tenant, "DEFAULT");
    assert_null(c->server.url);
    assert_null(c->server.gateway_token);
    assert_int_equal(c->server.polling.seconds, 300);
    assert_int_equal(c->server.client_certificates, SS_CLIENT_CERTIFICATES_NO);
    assert_false(c->server.plain_http);
    assert_int_equal(c->server.metrics.count, 1);
    assert_int_equal(c->limits.guesses, 20);
    assert_int_equal(c->limits.upload, 64 << 20);
    ss_server_config_free(c);
    assert_ok(parse("[server]\nmetrics = 10.1.2.3\n", &c, &err), err);
    assert_int_equal(c->server.metrics.count, 1);
    assert_int_equal(c->server.metrics.items[0].address[12], 10);
    ss_server_config_free(c);
}

static void names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[server]\n\nlissten = 1\n", "server.conf:3: there is no key 'lissten' in section [server]"},
        {"tenant = X\n", "server.conf:1: there is no key 'tenant' in section []"},
        {"[server]\ntenant = A\ntenant = B\n", "server.conf:3: 'tenant' stands in section [server] twice"},
        {"[server]\nthreads = -1\n", "server.conf:2: 'threads' has to be a number from 0 to 256"},
        {"[server]\nthreads = 257\n", "server.conf:2: 'threads' has to be a number from 0 to 256"},
        {"[server]\nthreads = 4K\n", "server.conf:2: 'threads' has to be a number from 0 to 256"},
        {"[limits]\nupload = 1M1\n", "server.conf:2: 'upload' has to be a size from 4096 to 1024M"},
        {"[limits]\nupload = 99999999999999999999\n", "server.conf:2: 'upload' has to be a size from 4096 to 1024M"},
        {"[server]\nplain_http = true\n", "server.conf:2: 'plain_http' has to be yes or no"},
        {"[log]\nlevel = warn\n", "server.conf:2: 'level' has to be one of: debug info warning error"},
        {"[server]\npolling = 5m\n", "server.conf:2: 'polling' has to be HH:MM:SS or HH:MM:SS~N%"},
        {"[server]\nproxies = 10.0.0.1/8\n", "server.conf:2: 'proxies' has to be an address or a block such as "
                                             "10.0.0.0/8"},
        {"[server]\nurl =\n", "server.conf:2: 'url' has no value"},
        {"[server]\nurl = # nothing\n", "server.conf:2: 'url' has no value"},
        {"[server]\nurl = ; nothing\n", "server.conf:2: 'url' has no value"},
        {"[server]\nnonsense\n", "server.conf:2: this is neither [section] nor key = value"},
        {"[server]\nurl ; = x\n", "server.conf:2: this is neither [section] nor key = value"},
        {"\n[server\n", "server.conf:2: this is neither [section] nor key = value"},
        {"[server]\nurl = http://h\n[log]\n  level\n", "server.conf:4: this is neither [section] nor key = value"},
        {"[server]\nurl = http://h\n  http://i\n", "server.conf:3: 'url' stands in section [server] twice"},
        {"[server]\nurl = \x01\n", "server.conf:2: a line has at most 4096 bytes and no control characters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_server_config *c;
        struct ss_error err;
        assert_int_equal(parse(cases[i].text, &c, &err), SS_ERROR_DATA_INVALID);
        assert_null(c);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void limits_lines_lists_and_files(void **state)
{
    (void)state;
    struct ss_server_config *c;
    struct ss_error err = {0};
    char line[SS_SERVER_CONFIG_LINE_MAX + 32] = "[server]\nurl = ";
    memset(line + strlen(line), 'a', SS_SERVER_CONFIG_LINE_MAX - strlen("url = "));
    assert_ok(parse(line, &c, &err), err);
    assert_int_equal(strlen(c->server.url), SS_SERVER_CONFIG_LINE_MAX - strlen("url = "));
    ss_server_config_free(c);
    strcat(line, "a");
    assert_int_equal(parse(line, &c, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "server.conf:2: a line has at most 4096 bytes and no control characters");
    char *many = calloc(1, 65 * 32 + 32);
    strcpy(many, "[server]\n");
    for (int i = 0; i < 65; i++)
        strcat(many, "listen = 127.0.0.1:80\n");
    assert_int_equal(parse(many, &c, &err), SS_ERROR_DATA_INVALID);
    assert_string_equal(err.message, "server.conf:66: 'listen' has too many values");
    free(many);
    char *big = malloc(SS_SERVER_CONFIG_MAX + 1);
    memset(big, '\n', SS_SERVER_CONFIG_MAX + 1);
    assert_int_equal(ss_server_config_parse("f", big, SS_SERVER_CONFIG_MAX + 1, &c, &err), SS_ERROR_INSUFFICIENT_SPACE);
    assert_ok(ss_server_config_parse("f", big, SS_SERVER_CONFIG_MAX, &c, &err), err);
    ss_server_config_free(c);
    free(big);
    assert_int_equal(ss_server_config_read("/nonexistent/x", &c, &err), SS_ERROR_IO);
    assert_string_equal(err.message, "cannot read /nonexistent/x: No such file or directory");
}

/// Every key of the sample, with its default put in, is read back without a complaint.
static void sample_is_readable(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    ss_server_config_sample(out);
    fclose(out);
    unsigned keys = 0;
    for (char *p = text; *p; p++)
        if (p[0] == '#' && p[1] != ' ' && (p == text || p[-1] == '\n')) {
            char *end = strchr(p, '\n');
            if (end[-1] != '=') {
                *p = ' ';
                p[0] = '\n';
            }
            keys++;
        }
    assert_true(keys > 30);
    struct ss_server_config *c;
    struct ss_error err = {0};
    assert_ok(ss_server_config_parse("sample", text, len, &c, &err), err);
    ss_server_config_free(c);
    free(text);
}

static void checks_what_belongs_together(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[server]\n", "[server] needs url = https://HOST[:PORT], without a path"},
        {"[server]\nurl = https://h/p\n", "[server] needs url = https://HOST[:PORT], without a path"},
        {"[server]\nurl = https://h:65536\n", "[server] needs url = https://HOST[:PORT], without a path"},
        {"[server]\nurl = https://h:\n", "[server] needs url = https://HOST[:PORT], without a path"},
        {"[server]\nurl = https://[::1]:x\n", "[server] needs url = https://HOST[:PORT], without a path"},
        {"[server]\nurl = ftp://h\n", "[server] needs url = https://HOST[:PORT], without a path"},
        {"[server]\nurl = http://h\ntenant = a/b\n", "tenant has to be 1 to 64 characters of A-Z a-z 0-9 _ -"},
        {"[server]\nurl = http://h\n", "[server] needs store = sqlite:PATH or postgresql://HOST/DATABASE"},
        {"[server]\nurl = http://h\nstore = sqlite:x\n", "[server] needs certificate and key, or plain_http = yes"},
        {"[server]\nurl = http://h\nstore = sqlite:x\nkey = k\n", "certificate and key in [server] belong together"},
        {"[server]\nurl = http://h\nstore = sqlite:x\nplain_http = yes\nclient_certificates = required\n",
         "client_certificates needs certificate and key"},
        {"[server]\nurl = http://h\nstore = sqlite:x\ncertificate = c\nkey = k\nclient_certificates = accepted\n",
         "client_certificates needs client_ca"},
        {"[server]\nurl = http://h\nstore = sqlite:x\nplain_http = yes\nlisten = localhost:80\n",
         "listen = localhost:80 is not ADDRESS:PORT or [ADDRESS]:PORT"},
        {"[server]\nurl = http://h\nstore = sqlite:x\nplain_http = yes\n[sealer]\nvault = v\n[presealed]\nfolder = f\n",
         "with a [presealed] folder there is no [sealer]"},
        {"[server]\nurl = http://h\nstore = sqlite:x\nplain_http = yes\n[presealed]\nfolder = f\n",
         "[presealed] needs key_set =, the root-signed key set by which the folder is judged"},
    };
    struct ss_server_config *c;
    struct ss_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(parse(cases[i].text, &c, &err), err);
        assert_int_equal(ss_server_config_check_front(c, &err), SS_ERROR_INVALID_ARGUMENT);
        assert_string_equal(err.message, cases[i].message);
        ss_server_config_free(c);
    }
    assert_ok(parse("[server]\nurl = http://h:1\nstore = sqlite:x\nplain_http = yes\nlisten = 127.0.0.1:0\n", &c, &err),
              err);
    assert_ok(ss_server_config_check_front(c, &err), err);
    ss_server_config_free(c);
}

static void reads_addresses(void **state)
{
    (void)state;
    struct sockaddr_storage at;
    socklen_t len;
    assert_true(ss_address_parse("127.0.0.1:8443", &at, &len));
    assert_int_equal(((struct sockaddr_in *)&at)->sin_port, htons(8443));
    assert_int_equal(len, sizeof(struct sockaddr_in));
    assert_true(ss_address_parse("[::1]:1", &at, &len));
    assert_int_equal(at.ss_family, AF_INET6);
    static const char *const bad[] = {"",       ":80",     "127.0.0.1", "127.0.0.1:",   "127.0.0.1:65536", "1:1",
                                      "::1:80", "[::1]80", "[::1]:",    "127.0.0.1:8 ", "[127.0.0.1]:80",  "[:80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ss_address_parse(bad[i], &at, &len));
}

static void knows_blocks(void **state)
{
    (void)state;
    static const struct {
        const char *block, *address;
        bool in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.128.0.0/9", "10.127.0.1", false},
        {"10.128.0.0/9", "10.200.0.1", true},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "8.8.8.8", true},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.0/31", "::ffff:192.0.2.1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ss_address_blocks blocks = {.count = 1};
        struct sockaddr_storage at = {0};
        uint8_t address[16];
        assert_true(ss_address_block_parse(cases[i].block, &blocks.items[0]));
        at.ss_family = strchr(cases[i].address, ':') ? AF_INET6 : AF_INET;
        void *to = at.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&at)->sin_addr
                                           : (void *)&((struct sockaddr_in6 *)&at)->sin6_addr;
        assert_int_equal(inet_pton(at.ss_family, cases[i].address, to), 1);
        ss_address_bytes((struct sockaddr *)&at, address);
        assert_int_equal(ss_address_in(&blocks, address), cases[i].in);
    }
    struct ss_address_block block;
    static const char *const bad[] = {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1/8", "host", "::/129", "10.0.0.0/-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ss_address_block_parse(bad[i], &block));
}

static void reads_polling(void **state)
{
    (void)state;
    struct ss_polling polling;
    assert_true(ss_polling_parse("23:59:59~90%", &polling));
    assert_int_equal(polling.seconds, 86399);
    assert_int_equal(polling.jitter, 90);
    static const char *const bad[] = {"",           "00:00:00",      "24:00:00",      "00:60:00",  "00:00:60",
                                      "0:05:00",    "00:05:00~",     "00:05:00~10",   "00:05:00 ", "00:05:00~91%",
                                      "00:05:00~%", "00:05:00~100%", "00:05:00~10%x", "00-05-00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ss_polling_parse(bad[i], &polling));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(reads_lines_as_they_are_written),
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(limits_lines_lists_and_files),
        cmocka_unit_test(sample_is_readable),
        cmocka_unit_test(checks_what_belongs_together),
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(knows_blocks),
        cmocka_unit_test(reads_polling),
    };
    return ss_test_main(argc, argv, tests);
}
