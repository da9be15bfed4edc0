// SPDX-License-Identifier: Apache-2.0
#include "server/tls.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/crypto.h"

const char ss_tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:"
                                 "+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-CCM:%SERVER_PRECEDENCE";

/// One generation of certificates.
struct ss_tls_use {
    struct ss_tls_use *older;
    gnutls_certificate_credentials_t credentials;
    gnutls_datum_t certificate, key; ///< PEM, terminated
    gnutls_datum_t tickets;          ///< key of session tickets
    enum ss_client_certificates ask;
    unsigned users;
};

struct ss_tls {
    pthread_mutex_t lock;
    struct ss_tls_use *current; ///< first of a list
};

static void use_free(struct ss_tls_use *use)
{
    if (!use)
        return;
    if (use->credentials)
        gnutls_certificate_free_credentials(use->credentials);
    ss_wipe(use->key.data, use->key.size);
    ss_wipe(use->tickets.data, use->tickets.size);
    gnutls_free(use->certificate.data);
    gnutls_free(use->key.data);
    gnutls_free(use->tickets.data);
    free(use);
}

/// Reads @p path whole; GnuTLS terminates it.
static ss_status_t load(const char *path, gnutls_datum_t *out, struct ss_error *err)
{
    int code = gnutls_load_file(path, out);
    if (code == GNUTLS_E_SUCCESS)
        return SS_OK;
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_SERVER, "cannot read %s", path);
}

static ss_status_t bad(struct ss_error *err, const char *path, int code)
{
    return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "%s: %s", path, gnutls_strerror(code));
}

static ss_status_t load_client_ca(struct ss_tls_use *use, const char *path, struct ss_error *err)
{
    gnutls_datum_t pem = {0};
    ss_status_t status = load(path, &pem, err);
    if (status != SS_OK)
        return status;
    int count = gnutls_certificate_set_x509_trust_mem(use->credentials, &pem, GNUTLS_X509_FMT_PEM);
    gnutls_free(pem.data);
    if (count < 0)
        return bad(err, path, count);
    return count ? SS_OK : ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_SERVER, "%s holds no certificate", path);
}

static ss_status_t fill(struct ss_tls_use *use, const struct ss_server_config *config, struct ss_error *err)
{
    int code = gnutls_certificate_allocate_credentials(&use->credentials);
    if (code == GNUTLS_E_SUCCESS)
        code = gnutls_session_ticket_key_generate(&use->tickets);
    if (code != GNUTLS_E_SUCCESS)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "%s", gnutls_strerror(code));
    ss_status_t status = load(config->server.certificate, &use->certificate, err);
    if (status == SS_OK)
        status = load(config->server.key, &use->key, err);
    if (status != SS_OK)
        return status;
    code = gnutls_certificate_set_x509_key_mem(use->credentials, &use->certificate, &use->key, GNUTLS_X509_FMT_PEM);
    if (code < 0)
        return bad(err, config->server.certificate, code);
    use->ask = config->server.client_certificates;
    return use->ask == SS_CLIENT_CERTIFICATES_NO ? SS_OK : load_client_ca(use, config->server.client_ca, err);
}

static ss_status_t use_new(const struct ss_server_config *config, struct ss_tls_use **out, struct ss_error *err)
{
    struct ss_tls_use *use = calloc(1, sizeof *use);
    ss_status_t status =
        use ? fill(use, config, err) : ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
    if (status != SS_OK) {
        use_free(use);
        use = NULL;
    }
    *out = use;
    return status;
}

ss_status_t ss_tls_new(const struct ss_server_config *config, struct ss_tls **tls, struct ss_error *err)
{
    *tls = NULL;
    struct ss_tls *t = calloc(1, sizeof *t);
    if (!t)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_SERVER, "no memory");
    ss_status_t status = use_new(config, &t->current, err);
    if (status != SS_OK) {
        free(t);
        return status;
    }
    pthread_mutex_init(&t->lock, NULL);
    *tls = t;
    return SS_OK;
}

/// Frees generations that nobody uses any more, but for the newest.
static void forget_old(struct ss_tls *tls)
{
    for (struct ss_tls_use **at = &tls->current->older; *at;) {
        struct ss_tls_use *use = *at;
        if (use->users) {
            at = &use->older;
            continue;
        }
        *at = use->older;
        use_free(use);
    }
}

ss_status_t ss_tls_reload(struct ss_tls *tls, const struct ss_server_config *config, struct ss_error *err)
{
    struct ss_tls_use *use;
    ss_status_t status = use_new(config, &use, err);
    if (status != SS_OK)
        return status;
    pthread_mutex_lock(&tls->lock);
    use->older = tls->current;
    tls->current = use;
    forget_old(tls);
    pthread_mutex_unlock(&tls->lock);
    return SS_OK;
}

void ss_tls_free(struct ss_tls *tls)
{
    if (!tls)
        return;
    for (struct ss_tls_use *use = tls->current, *older; use; use = older) {
        older = use->older;
        use_free(use);
    }
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

const char *ss_tls_certificate(const struct ss_tls *tls)
{
    return (const char *)tls->current->certificate.data;
}

const char *ss_tls_key(const struct ss_tls *tls)
{
    return (const char *)tls->current->key.data;
}

/// Ends a handshake with a certificate that does not hold.
static int verify(gnutls_session_t session)
{
    unsigned count = 0, status = 0;
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    if (!gnutls_certificate_get_peers(session, &count) || !count)
        return 0; // where one is required, GnuTLS itself refuses
    if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) != GNUTLS_E_SUCCESS || status)
        return GNUTLS_E_CERTIFICATE_ERROR;
    return 0;
}

/// Sends what is held. What follows comes at once, for which TCP may wait.
static bool send_held(struct ss_tls_transport *transport)
{
    while (transport->held_from < transport->held_to) {
        ssize_t n = send(transport->fd, transport->held + transport->held_from,
                         transport->held_to - transport->held_from, MSG_NOSIGNAL | MSG_MORE);
        if (n < 0)
            return false;
        transport->held_from += (size_t)n;
    }
    transport->held_from = transport->held_to = 0;
    return true;
}

static void drop_held(struct ss_tls_transport *transport)
{
    free(transport->held);
    transport->held = NULL;
    transport->held_from = transport->held_to = 0;
}

/// Keeps a record with those before it, and sends them together once there is
/// no room for another.
static bool hold(struct ss_tls_transport *transport, const giovec_t *pieces, int count, size_t len)
{
    if (!transport->held)
        transport->held = malloc(SS_TLS_HELD_MAX);
    if (!transport->held || len > SS_TLS_HELD_MAX - transport->held_to)
        return false;
    for (int i = 0; i < count; i++) {
        memcpy(transport->held + transport->held_to, pieces[i].iov_base, pieces[i].iov_len);
        transport->held_to += pieces[i].iov_len;
    }
    if (SS_TLS_HELD_MAX - transport->held_to < SS_TLS_HELD_MAX / SS_TLS_HELD_RECORDS)
        (void)send_held(transport); // if the socket takes no more, the next record waits for it
    return true;
}

/// Sends what GnuTLS hands over, of an answer that goes on only when there is
/// enough of it: each call, and each time the client is woken, costs more than
/// the copy.
static ssize_t push(gnutls_transport_ptr_t context, const giovec_t *pieces, int count)
{
    struct ss_tls_transport *transport = context;
    struct iovec io[4];
    struct msghdr message = {.msg_iov = io};
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += pieces[i].iov_len;
    if (transport->more && !transport->held_from && hold(transport, pieces, count, len))
        return (ssize_t)len;
    if (!send_held(transport))
        return -1;
    if (transport->more && hold(transport, pieces, count, len))
        return (ssize_t)len;
    drop_held(transport);
    for (; message.msg_iovlen < sizeof io / sizeof *io && (int)message.msg_iovlen < count; message.msg_iovlen++)
        io[message.msg_iovlen] =
            (struct iovec){pieces[message.msg_iovlen].iov_base, pieces[message.msg_iovlen].iov_len};
    return sendmsg(transport->fd, &message, MSG_NOSIGNAL);
}

/// The other end's last message of the handshake is here: it waits for nothing
/// more.
static int finished(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                    const gnutls_datum_t *message)
{
    (void)type, (void)when, (void)message;
    struct ss_tls_transport *transport = gnutls_transport_get_ptr(session);
    transport->done |= incoming;
    return 0;
}

static ssize_t pull(gnutls_transport_ptr_t context, void *out, size_t size)
{
    struct ss_tls_transport *transport = context;
    ssize_t n = recv(transport->fd, out, size, 0);
    if (n < 0 && errno == EAGAIN && !transport->done) {
        transport->waits(transport);
        errno = EAGAIN;
    }
    return n;
}

struct ss_tls_use *ss_tls_begin(struct ss_tls *tls, struct ss_tls_transport *transport)
{
    gnutls_session_t session = transport->session;
    pthread_mutex_lock(&tls->lock);
    struct ss_tls_use *use = tls->current;
    use->users++;
    pthread_mutex_unlock(&tls->lock);
    int code = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, use->credentials);
    if (code == GNUTLS_E_SUCCESS)
        code = gnutls_session_ticket_enable_server(session, &use->tickets);
    if (code != GNUTLS_E_SUCCESS) {
        ss_tls_end(tls, use, transport);
        return NULL;
    }
    gnutls_certificate_server_set_request(session, use->ask == SS_CLIENT_CERTIFICATES_NO         ? GNUTLS_CERT_IGNORE
                                                   : use->ask == SS_CLIENT_CERTIFICATES_REQUIRED ? GNUTLS_CERT_REQUIRE
                                                                                                 : GNUTLS_CERT_REQUEST);
    gnutls_session_set_verify_function(session, verify);
    gnutls_transport_set_ptr(session, transport);
    gnutls_transport_set_pull_function(session, pull);
    gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, finished);
    gnutls_transport_set_vec_push_function(session, push);
    return use;
}

void ss_tls_end(struct ss_tls *tls, struct ss_tls_use *use, struct ss_tls_transport *transport)
{
    drop_held(transport);
    if (!use)
        return;
    // What it used is freed with the next reload: GnuTLS still holds the session.
    pthread_mutex_lock(&tls->lock);
    use->users--;
    pthread_mutex_unlock(&tls->lock);
}

static void read_name(gnutls_x509_crt_t certificate, char name[65])
{
    char second[8];
    size_t len = 65, more = sizeof second;
    if (gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) != GNUTLS_E_SUCCESS ||
        strlen(name) != len ||
        gnutls_x509_crt_get_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 1, 0, second, &more) !=
            GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        name[0] = '\0';
}

static bool hash_both(gnutls_x509_crt_t certificate, const gnutls_datum_t *der, struct ss_tls_peer *peer)
{
    gnutls_datum_t pem = {0};
    if (gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem) != GNUTLS_E_SUCCESS)
        return false;
    bool ok = ss_hash_once(SS_HASH_SHA256, der->data, der->size, peer->digest) == SS_OK &&
              ss_hash_once(SS_HASH_SHA256, pem.data, pem.size, peer->pem) == SS_OK;
    gnutls_free(pem.data);
    return ok;
}

void ss_tls_peer(gnutls_session_t session, struct ss_tls_peer *peer)
{
    unsigned count = 0;
    *peer = (struct ss_tls_peer){0};
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t certificate;
    if (!chain || !count || gnutls_x509_crt_init(&certificate) != GNUTLS_E_SUCCESS)
        return;
    if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) == GNUTLS_E_SUCCESS &&
        hash_both(certificate, &chain[0], peer)) {
        peer->present = true;
        read_name(certificate, peer->name);
    }
    gnutls_x509_crt_deinit(certificate);
}
