// SPDX-License-Identifier: Apache-2.0
// X.509 certificates (RFC 5280) from files of either form. Internal, hosts only.
#ifndef SS_CORE_CERTIFICATE_H
#define SS_CORE_CERTIFICATE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slotseal/status.h"

/// True if @p in is a text with PEM in it (RFC 7468), not DER.
bool ss_is_pem(const void *in, size_t len);

/// The certificate in @p in: the first one of a PEM text, or one in DER. The caller ends *@p out with X509_free(); it is
/// NULL on error. Leaves OpenSSL's error queue empty.
/// SS_ERROR_DATA_INVALID: there is none; SS_ERROR_INSUFFICIENT_MEMORY; SS_ERROR_GENERIC from OpenSSL.
SS_MUST_USE ss_status_t ss_certificate_read(const void *in, size_t len, X509 **out);

/// SHA-256 of the DER of the certificate in @p in, whichever form that has: what browsers show as its fingerprint, and
/// what TLS peers compute from what they are shown. Statuses of ss_certificate_read().
SS_MUST_USE ss_status_t ss_certificate_digest(const void *in, size_t len, uint8_t out[32]);

/// The private key of a certificate, in PEM or DER; an encrypted one is none: nobody is asked for a passphrase. The caller
/// ends *@p out with EVP_PKEY_free(); it is NULL on error. SS_ERROR_DATA_INVALID;
/// SS_ERROR_INSUFFICIENT_MEMORY.
SS_MUST_USE ss_status_t ss_certificate_read_key(const void *in, size_t len, EVP_PKEY **out);

#endif
