// SPDX-License-Identifier: Apache-2.0
// Channels between hosts: TLS 1.3, certificates of one CA on both sides. The handshake happens on the way, in the first
// reads and writes.
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "server/channel_parts.h"

struct ss_channel_tls {
    SSL_CTX *context;
    bool listens;
};

/// The library's own words for what failed last; they name no secret.
static ss_status_t tls_error(struct ss_error *err, ss_status_t status, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return ss_error_set(err, status, SS_AREA_SERVER, "%s: %s", what, reason ? reason : "the connection ended");
}

/// What a failed call of the library means: 0 with what to wait for, or a status.
static long outcome(struct ss_channel *c, int result, short *events, struct ss_error *err)
{
    SSL *session = c->session;
    switch (SSL_get_error(session, result)) {
    case SSL_ERROR_WANT_READ:
        *events = POLLIN;
        return 0;
    case SSL_ERROR_WANT_WRITE:
        *events = POLLOUT;
        return 0;
    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "the other side of the channel is gone");
    default:
        break;
    }
    bool refused = SSL_get_verify_result(session) != X509_V_OK;
    if (refused)
        return tls_error(err, SS_ERROR_NOT_PERMITTED, X509_verify_cert_error_string(SSL_get_verify_result(session)));
    return tls_error(err, c->connected ? SS_ERROR_IO : SS_ERROR_NOT_PERMITTED, "TLS");
}

static long shake(struct ss_channel *c, short *events, struct ss_error *err)
{
    ERR_clear_error();
    int result = SSL_do_handshake(c->session);
    if (result != 1)
        return outcome(c, result, events, err);
    c->connected = true;
    return 1;
}

static long read_tls(struct ss_channel *c, uint8_t *out, size_t size, short *events, struct ss_error *err)
{
    long n = c->connected ? 1 : shake(c, events, err);
    if (n <= 0)
        return n;
    ERR_clear_error();
    int result = SSL_read(c->session, out, size > INT_MAX ? INT_MAX : (int)size);
    return result > 0 ? result : outcome(c, result, events, err);
}

static long write_tls(struct ss_channel *c, const uint8_t *in, size_t len, short *events, struct ss_error *err)
{
    long n = c->connected ? 1 : shake(c, events, err);
    if (n <= 0)
        return n;
    ERR_clear_error();
    int result = SSL_write(c->session, in, len > INT_MAX ? INT_MAX : (int)len);
    return result > 0 ? result : outcome(c, result, events, err);
}

static void close_tls(struct ss_channel *c)
{
    SSL_free(c->session);
}

static const struct ss_channel_stream stream = {.read = read_tls, .write = write_tls, .close = close_tls};

static ss_status_t check_private(const char *path, struct ss_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "%s: %s", path, strerror(errno));
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_SERVER, "others can read the key %s: chmod 600 it",
                            path);
    return SS_OK;
}

static ss_status_t load(SSL_CTX *x, const char *certificate, const char *key, const char *ca, struct ss_error *err)
{
    if (SSL_CTX_use_certificate_chain_file(x, certificate) != 1)
        return tls_error(err, SS_ERROR_DATA_INVALID, certificate);
    if (SSL_CTX_use_PrivateKey_file(x, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(x) != 1)
        return tls_error(err, SS_ERROR_DATA_INVALID, key);
    if (SSL_CTX_load_verify_file(x, ca) != 1)
        return tls_error(err, SS_ERROR_DATA_INVALID, ca);
    return SS_OK;
}

ss_status_t ss_channel_tls_new(const char *certificate, const char *key, const char *ca, bool listens,
                               struct ss_channel_tls **tls, struct ss_error *err)
{
    *tls = NULL;
    ss_status_t status = check_private(key, err);
    if (status != SS_OK)
        return status;
    struct ss_channel_tls *t = calloc(1, sizeof *t);
    SSL_CTX *x = SSL_CTX_new(listens ? TLS_server_method() : TLS_client_method());
    if (!t || !x || SSL_CTX_set_min_proto_version(x, TLS1_3_VERSION) != 1)
        status = ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "out of memory for TLS");
    else
        status = load(x, certificate, key, ca, err);
    if (status != SS_OK) {
        SSL_CTX_free(x);
        free(t);
        return status;
    }
    SSL_CTX_set_verify(x, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(x, 0);
    *t = (struct ss_channel_tls){x, listens};
    *tls = t;
    return SS_OK;
}

void ss_channel_tls_free(struct ss_channel_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    free(tls);
}

static bool expect_host(SSL *session, const char *host)
{
    uint8_t address[16];
    char name[256]; // OpenSSL's macro casts the const away
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1;
    int len = snprintf(name, sizeof name, "%s", host);
    return len >= 0 && (size_t)len < sizeof name && SSL_set1_host(session, name) == 1 &&
           SSL_set_tlsext_host_name(session, name) == 1;
}

ss_status_t ss_channel_over_tls(struct ss_channel_tls *tls, int fd, const char *host, struct ss_channel **channel,
                                struct ss_error *err)
{
    ss_status_t status = ss_channel_make(fd, &stream, channel, err);
    if (status != SS_OK)
        return status;
    SSL *session = (*channel)->session = SSL_new(tls->context);
    if (session && SSL_set_fd(session, fd) == 1 && (!host || expect_host(session, host))) {
        if (tls->listens)
            SSL_set_accept_state(session);
        else
            SSL_set_connect_state(session);
        return SS_OK;
    }
    ss_channel_free(*channel);
    *channel = NULL;
    return tls_error(err, SS_ERROR_INSUFFICIENT_MEMORY, "TLS");
}
