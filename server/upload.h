// SPDX-License-Identifier: Apache-2.0
// A release on its way to the sealer: encrypted where it was signed, opened where it is sealed; what lies between holds
// bytes that it cannot read.
//
// An upload is CMS (RFC 5652) in DER: a ContentInfo with AuthEnvelopedData (RFC 5083), AES-256-GCM (RFC 5084), one
// recipient: the sealer's upload key, named by its certificate: RSA-OAEP (RFC 3560) with
// SHA-256, or ECDH on P-256 with SHA-256 (RFC 5753). Nobody's signature is on it: the release statement inside has one.
// The content is
//
//   0        8          12          16                16 + s        16 + s + n
//   +--------+----------+-----------+-----------------+-------------+
//   | magic  | le32 s   | le32 n    | statement       | image       |
//   +--------+----------+-----------+-----------------+-------------+
//
// with the magic "slotseal" and at most SS_RELEASE_MAX bytes of statement and SS_UPLOAD_IMAGE_MAX bytes of image.
#ifndef SS_SERVER_UPLOAD_H
#define SS_SERVER_UPLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "slotseal/error.h"
#include "slotseal/release.h"

#define SS_UPLOAD_MAGIC       "slotseal"
#define SS_UPLOAD_HEADER_SIZE 16u
/// Largest image, bytes: all the flash that these chips can address.
#define SS_UPLOAD_IMAGE_MAX (16u << 20)
/// More than envelope, header and statement need, bytes.
#define SS_UPLOAD_OVERHEAD_MAX 16384u

/// Encrypts a release to the certificate in @p certificate (PEM or DER). *@p out is malloc()ed, *@p out_len bytes; NULL
/// on error. The same release gives other bytes each time.
///   SS_ERROR_INVALID_ARGUMENT    the statement or the image is empty or too long
///   SS_ERROR_DATA_INVALID        @p certificate holds no certificate
///   SS_ERROR_NOT_SUPPORTED       its key is neither RSA of at least 3,072 bits nor on P-256
///   SS_ERROR_INSUFFICIENT_MEMORY, SS_ERROR_GENERIC
SS_MUST_USE ss_status_t ss_upload_encrypt(const uint8_t *certificate, size_t certificate_len, const uint8_t *statement,
                                          size_t statement_len, const uint8_t *image, size_t image_len, uint8_t **out,
                                          size_t *out_len, struct ss_error *err);

#endif
