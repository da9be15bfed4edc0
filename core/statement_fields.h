// SPDX-License-Identifier: Apache-2.0
// Fields of payloads: a small integer key and its value. The _put functions write what the _parse functions read.
// Internal.
#ifndef SS_CORE_STATEMENT_FIELDS_H
#define SS_CORE_STATEMENT_FIELDS_H

#include "core/cose.h"
#include "slotseal/delivery.h"
#include "slotseal/freshness.h"
#include "slotseal/key_set.h"
#include "slotseal/release.h"
#include "slotseal/rollout.h"

/// The shortest image that there can be, bytes: header, one segment's header, checksum; as slotseal/canonical.h.
#define SS_RELEASE_IMAGE_MIN 48u

static inline void ss_put_uint_field(struct ss_cbor_writer *w, unsigned key, uint64_t v)
{
    ss_cbor_put_uint(w, key);
    ss_cbor_put_uint(w, v);
}

static inline void ss_put_text_field(struct ss_cbor_writer *w, unsigned key, struct ss_span text)
{
    ss_cbor_put_uint(w, key);
    ss_cbor_put_text(w, text);
}

static inline void ss_put_bytes_field(struct ss_cbor_writer *w, unsigned key, const void *p, size_t len)
{
    ss_cbor_put_uint(w, key);
    ss_cbor_put_bytes(w, p, len);
}

// Payloads, encoded. What does not fit its field is found by parsing the result.
void ss_release_put(struct ss_cbor_writer *w, const struct ss_release *f);
void ss_delivery_put(struct ss_cbor_writer *w, const struct ss_delivery *f);
void ss_key_set_put(struct ss_cbor_writer *w, const struct ss_key_set *f);
void ss_rollout_put(struct ss_cbor_writer *w, const struct ss_rollout *f);
/// The part that is signed.
void ss_freshness_put(struct ss_cbor_writer *w, const struct ss_freshness *f);
void ss_freshness_put_leaf(struct ss_cbor_writer *w, const struct ss_freshness *f);

#endif
