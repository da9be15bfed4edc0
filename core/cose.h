// SPDX-License-Identifier: Apache-2.0
// COSE_Sign1 and COSE_Sign (RFC 9052) in the one shape that statements have. Internal.
//
//   18([ << {1: -7, 3: content type, 4: key id} >>, {}, payload, signature ])          COSE_Sign1
//   98([ << {3: content type} >>, {}, payload, [+ [ << {1: -7, 4: key id} >>, {}, signature ]] ])   COSE_Sign
//
// The unprotected header is empty, but for the proof of a freshness record: {-65537: [leaf, index, path]}. The external
// additional data is empty.
#ifndef SS_CORE_COSE_H
#define SS_CORE_COSE_H

#include "core/cbor.h"
#include "slotseal/key_set.h"
#include "slotseal/statement.h"

#define SS_COSE_TAG_SIGN1 18u
#define SS_COSE_TAG_SIGN  98u
// Labels of header parameters, RFC 9052 §3.1.
#define SS_COSE_ALG          1u
#define SS_COSE_CONTENT_TYPE 3u
#define SS_COSE_KEY_ID       4u
#define SS_COSE_ES256        6u     ///< as -1 - n: -7
#define SS_COSE_PROOF        65536u ///< as -1 - n: -65537, of the private range
/// Room for any protected header, bytes.
#define SS_COSE_HEADER_MAX 64u

/// One signature of a key set.
struct ss_cose_signature {
    struct ss_span header;
    const uint8_t *key_id;
    const uint8_t *signature;
};

/// Reads one signature of a key set, without the array around all.
void ss_cose_read_signature(struct ss_cbor_reader *r, struct ss_cose_signature *signature);

/// The content type of @p kind.
struct ss_span ss_cose_content_type(enum ss_statement_kind kind);

/// SHA-256 of the Sig_structure (RFC 9052 §4.4) of @p statement; @p signer_header is that of one signature of a key set,
/// else an empty span. Hashed in pieces: the structure is never put together.
SS_MUST_USE ss_status_t ss_cose_digest(const struct ss_statement *statement, struct ss_span signer_header,
                                       uint8_t digest[32]);

/// How the payload of one kind is read.
struct ss_cose_payload {
    /// Reads the fields into @p out, which is all zero. The reader is in the map, and what is left there is a fault.
    void (*read_fields)(struct ss_cbor_reader *r, void *out);
    uint16_t size; ///< of what it reads into
    uint8_t kind;  ///< enum ss_statement_kind
};

/// Reads the payload of @p statement into @p out. SS_ERROR_DATA_INVALID with @p why (may be NULL); @p out is all zero
/// then.
SS_MUST_USE ss_status_t ss_cose_read_payload(const struct ss_statement *statement, void *out, struct ss_refusal *why,
                                             const struct ss_cose_payload *payload);

#endif
