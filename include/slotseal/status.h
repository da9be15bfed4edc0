// SPDX-License-Identifier: Apache-2.0
// The one set of results for the whole project, in the vocabulary of PSA Certified APIs.
#ifndef SLOTSEAL_STATUS_H
#define SLOTSEAL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/// Result of every fallible call: 0 is success, everything else is negative. Sizes come back through out-parameters.
typedef enum ss_status {
    SS_OK = 0,
    SS_ERROR_GENERIC = -1,              ///< a library below failed without saying why
    SS_ERROR_INVALID_ARGUMENT = -2,     ///< a value outside its documented range
    SS_ERROR_BUFFER_TOO_SMALL = -3,     ///< output capacity too small; the length needed was stored
    SS_ERROR_NOT_SUPPORTED = -4,        ///< well-formed, but not something this chip or build can do
    SS_ERROR_DATA_INVALID = -5,         ///< input does not follow its format
    SS_ERROR_DATA_CORRUPT = -6,         ///< format followed, but a checksum, CRC or hash disagrees
    SS_ERROR_INVALID_SIGNATURE = -7,    ///< signature does not verify
    SS_ERROR_NOT_PERMITTED = -8,        ///< refused by a rule that protects the device or its secrets
    SS_ERROR_DOES_NOT_EXIST = -9,       ///< the thing named is not there
    SS_ERROR_ALREADY_EXISTS = -10,      ///< the thing named is there and is not replaced
    SS_ERROR_INSUFFICIENT_MEMORY = -11, ///< allocation failed
    SS_ERROR_INSUFFICIENT_SPACE = -12,  ///< does not fit its slot, region or partition
    SS_ERROR_IO = -13,                  ///< the operating system or the medium reported a failure
    SS_ERROR_BAD_STATE = -14,           ///< call made in the wrong order
    SS_ERROR_TIMEOUT = -15,             ///< the other end did not answer in time
} ss_status_t;

#if defined(__GNUC__)
#define SS_MUST_USE          __attribute__((warn_unused_result))
#define SS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SS_MUST_USE
#define SS_PRINTF(fmt, args)
#endif

/// Short lower-case name of @p status, such as "invalid signature"; "unknown status" for other values. Never NULL.
const char *ss_status_name(ss_status_t status);

#ifdef __cplusplus
}
#endif
#endif
