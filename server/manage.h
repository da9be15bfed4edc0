// SPDX-License-Identifier: Apache-2.0
// The management API: JSON over HTTP, `Authorization: Bearer TOKEN` with an operator's token. Everything is below
// /api/v1. Request bodies are application/json but where said otherwise; unknown fields are errors (400).
//
//   method path                          request                                  answer
//   GET    /status                       -                                        {"counts":{…}, "sealer":bool}
//   GET    /products                     -                                        {"products":[{PRODUCT}]}
//   PUT    /products/NAME                {"kind":"opaque"}                        PRODUCT
//   GET    /devices                      ?product= &after= &limit= (1000)         {"devices":[{ROW}], "next":ID|null}
//   GET    /devices/ID                   -                                        DEVICE
//   PUT    /devices/ID                   {"product":…, "active":bool?, CREDENTIAL} DEVICE   (opaque products)
//   GET    /devices/ID/attributes        -                                        {"attributes":{"key":"value"}}
//   POST   /devices/ID/attributes        {} (asks the device for them)            {}
//   GET    /devices/ID/actions           ?before= &limit= (100)                   {"actions":[{ACTION}]}
//   POST   /devices/ID/actions           {"version":… or "release":N,             201 or 200 (was there already)
//                                         "forced":bool?, "confirm":bool?,       {"id":N, "created":bool}
//                                         "download_only":bool?, "window":WINDOW?}
//   GET    /actions                      ?before= &limit=                         {"actions":[{ACTION}]}
//   GET    /actions/N                    -                                        ACTION
//   GET    /actions/N/history            ?limit=                                  {"history":[{STATUS}]}
//   POST   /actions/N/cancel             {"force":bool?}                          ACTION
//   GET    /releases                     ?product=                                {"releases":[{RELEASE}]}
//   POST   /releases                     {"product":…, "version":…,               201 RELEASE   (opaque products)
//                                         "files":[{"file":…,"upload":N}]}
//   GET    /releases/N                   -                                        RELEASE and "artifacts":[{ARTIFACT}]
//   POST   /releases/N/revoke            {}                                       RELEASE
//   POST   /uploads                      {"kind":"sealed|opaque","length":N,      201 UPLOAD: go on at "received"
//                                         "sha256":HEX}
//   GET    /uploads/N                    -                                        UPLOAD
//   PUT    /uploads/N                    ?offset=, application/octet-stream       UPLOAD; 409 UPLOAD at another offset
//   DELETE /uploads/N                    -                                        UPLOAD
//   POST   /keysets                      application/cose; follows the newest     201 {"version":N}
//   POST   /cas                          application/pkix-cert (DER)              201 {"sha256":HEX}
//   GET    /operators                    -                                        {"operators":[{"name","created"}]}
//   POST   /operators                    {"name":…}                               201 {"name","token"}; shown once
//   DELETE /operators/NAME               -                                        {}
//
//   PRODUCT   name, kind ("sealed", "opaque"), key_set
//   CREDENTIAL one of "token_sha256":HEX, "certificate_sha256":HEX, "any_certificate":true; or none: refused
//   ROW       id, product, active, credential, seen, slot, version, action (N or null), state (of it, or null)
//   DEVICE    id, product, kind, active, credential ("none", "token", "certificate", "any_certificate"), seen,
//             auto_confirm, told: {slot, version, state, cause, digest, table, epoch, sequence, key_set,
//             secure_version, bootloader}, open: {action, release, state, forced} or null,
//             installed: {action, release} or null
//   ACTION    id, device, release, version, state, last, active, forced, download_only, window: WINDOW or null,
//             retrieved, code, operator ("": the device itself), created, changed
//   WINDOW    start, seconds, daily
//   STATUS    number, time, state, code, progress: {count, of} or null, messages: […]
//   RELEASE   id, product, version, kind, state ("ready", "revoked"), length, digest, secure_version, operator, created
//   ARTIFACT  file, length, sha1, md5, sha256
//   UPLOAD    id, kind, state ("open", "complete", "accepted", "refused"), length, received, sha256, release (N or
//             null), reason, operator, created, changed
//
// An upload's parts are at most 1 MiB, and multiples of 64 KiB but for the last. A sealed upload that is complete is
// opened by the sealer: poll it until it is accepted or refused.
//
// Errors: {"error":{"status":"does not exist","message":"…"}} with the name of the status (slotseal/status.h) and
//   400 invalid argument, data invalid   401 no operator   403 not permitted, invalid signature   404 does not exist
//   409 already exists, bad state   413 body too large   422 data corrupt   429 too many requests, insufficient space
//   500 others   503 I/O, timeout, no sealer
#ifndef SS_SERVER_MANAGE_H
#define SS_SERVER_MANAGE_H

/// Before every path of this API.
#define SS_MANAGE_PREFIX "/api/v1"
/// Largest part of an upload, bytes.
#define SS_MANAGE_PART_MAX (1u << 20)

#endif
