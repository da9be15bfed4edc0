// SPDX-License-Identifier: Apache-2.0
// The front's own certificate and those of devices, on GnuTLS. Certificates can be replaced while connections live:
// each connection uses those that were in force when it began.
#ifndef SS_SERVER_TLS_H
#define SS_SERVER_TLS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/config.h"

/// Most bytes that one record carries.
#define SS_TLS_RECORD_MAX 16384u
/// Records that are sent together at most, and the memory that they take until then: TLS adds less than 64 bytes.
#define SS_TLS_HELD_RECORDS 5u
#define SS_TLS_HELD_MAX     (SS_TLS_HELD_RECORDS * (SS_TLS_RECORD_MAX + 64u))

struct ss_tls;
struct ss_tls_use;

/// Of a device's certificate that was verified.
struct ss_tls_peer {
    bool present;
    char name[65];      ///< its one common name; "" if it has none, several or a longer one
    uint8_t digest[32]; ///< SHA-256 of the certificate (DER)
    uint8_t pem[32];    ///< SHA-256 of it as a PEM file without a word more: older vaults noted the file's
};

/// Reads certificate, key and client CA that @p config names. *@p tls is NULL on error.
///   SS_ERROR_IO            a file cannot be read
///   SS_ERROR_DATA_INVALID  it holds no certificate or key, or the two do not belong together
SS_MUST_USE ss_status_t ss_tls_new(const struct ss_server_config *config, struct ss_tls **tls, struct ss_error *err);
/// Reads them again, for connections that begin from now on; on error the old ones stay. Sessions of before are not
/// resumed.
SS_MUST_USE ss_status_t ss_tls_reload(struct ss_tls *tls, const struct ss_server_config *config, struct ss_error *err);
/// No connection may use it any more. NULL is allowed.
void ss_tls_free(struct ss_tls *tls);

/// Certificate and key as PEM, for a daemon to start with; good until the next reload.
const char *ss_tls_certificate(const struct ss_tls *tls);
const char *ss_tls_key(const struct ss_tls *tls);
/// GnuTLS priorities: TLS 1.2 and 1.3 with authenticated ciphers.
extern const char ss_tls_priorities[];

/// What a session reads from and writes to; lives as long as the session.
struct ss_tls_transport {
    int fd;
    gnutls_session_t session;
    bool done; ///< the handshake is over
    /// There will be more of this answer than has been given to GnuTLS: records may be held until they are worth a call.
    /// Whoever sets it clears it before the answer's last bytes.
    bool more;
    uint8_t *held; ///< NULL, or SS_TLS_HELD_MAX bytes, of which those from held_from to held_to are to be sent
    size_t held_from, held_to;
    /// The handshake waits for bytes of the other end; on the thread that does the handshake.
    void (*waits)(struct ss_tls_transport *transport);
};

/// Before the handshake: our certificate, what is asked of the client, tickets. NULL without memory: end the
/// connection.
struct ss_tls_use *ss_tls_begin(struct ss_tls *tls, struct ss_tls_transport *transport);
/// The connection is over; what is held of it is dropped. @p use may be NULL.
void ss_tls_end(struct ss_tls *tls, struct ss_tls_use *use, struct ss_tls_transport *transport);
/// After the handshake: who it is.
void ss_tls_peer(gnutls_session_t session, struct ss_tls_peer *peer);

#endif
