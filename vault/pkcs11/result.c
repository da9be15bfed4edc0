// SPDX-License-Identifier: Apache-2.0
// What Cryptoki says, in our words.
#include <string.h>

#include "vault/pkcs11/internal.h"

static const struct {
    CK_RV rv;
    ss_status_t status;
    const char *words;
} results[] = {
    {CKR_HOST_MEMORY, SS_ERROR_INSUFFICIENT_MEMORY, "out of memory"},
    {CKR_DEVICE_MEMORY, SS_ERROR_INSUFFICIENT_SPACE, "it is full"},
    {CKR_TOKEN_NOT_PRESENT, SS_ERROR_IO, "it was removed"},
    {CKR_DEVICE_REMOVED, SS_ERROR_IO, "it was removed"},
    {CKR_SESSION_HANDLE_INVALID, SS_ERROR_IO, "it was removed, or has ended the session"},
    {CKR_SESSION_CLOSED, SS_ERROR_IO, "it was removed, or has ended the session"},
    {CKR_USER_NOT_LOGGED_IN, SS_ERROR_IO, "it was removed, or has ended the login"},
    {CKR_OBJECT_HANDLE_INVALID, SS_ERROR_IO, "the key was deleted"},
    {CKR_KEY_HANDLE_INVALID, SS_ERROR_IO, "the key was deleted"},
    {CKR_TOKEN_NOT_RECOGNIZED, SS_ERROR_IO, "it is not one that its module knows"},
    {CKR_TOKEN_WRITE_PROTECTED, SS_ERROR_NOT_PERMITTED, "it is write-protected"},
    {CKR_SESSION_COUNT, SS_ERROR_IO, "too many programs use it"},
    {CKR_PIN_INCORRECT, SS_ERROR_NOT_PERMITTED, "wrong PIN"},
    {CKR_PIN_INVALID, SS_ERROR_NOT_PERMITTED, "wrong PIN"},
    {CKR_PIN_LEN_RANGE, SS_ERROR_NOT_PERMITTED, "wrong PIN: too short or too long for it"},
    {CKR_PIN_EXPIRED, SS_ERROR_NOT_PERMITTED, "the PIN has expired and must be changed first"},
    {CKR_PIN_LOCKED, SS_ERROR_NOT_PERMITTED, "the PIN is locked after too many wrong tries"},
    {CKR_USER_PIN_NOT_INITIALIZED, SS_ERROR_NOT_PERMITTED, "it has no user PIN yet"},
    {CKR_FUNCTION_CANCELED, SS_ERROR_NOT_PERMITTED, "cancelled on the token"},
    {CKR_FUNCTION_REJECTED, SS_ERROR_NOT_PERMITTED, "rejected on the token"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, SS_ERROR_NOT_PERMITTED, "the key must not be used for this"},
    {CKR_KEY_TYPE_INCONSISTENT, SS_ERROR_NOT_SUPPORTED, "the key is of another kind"},
    {CKR_KEY_SIZE_RANGE, SS_ERROR_NOT_SUPPORTED, "it cannot do this with keys of this size"},
    {CKR_CURVE_NOT_SUPPORTED, SS_ERROR_NOT_SUPPORTED, "it does not know this curve"},
    {CKR_DOMAIN_PARAMS_INVALID, SS_ERROR_NOT_SUPPORTED, "it does not know this curve"},
    {CKR_MECHANISM_INVALID, SS_ERROR_NOT_SUPPORTED, "it does not offer this algorithm"},
    {CKR_MECHANISM_PARAM_INVALID, SS_ERROR_NOT_SUPPORTED, "it does not offer this algorithm with these parameters"},
    {CKR_FUNCTION_NOT_SUPPORTED, SS_ERROR_NOT_SUPPORTED, "it does not offer this"},
    {CKR_ENCRYPTED_DATA_INVALID, SS_ERROR_DATA_CORRUPT, "wrong key, or changed data"},
    {CKR_ENCRYPTED_DATA_LEN_RANGE, SS_ERROR_DATA_CORRUPT, "wrong key, or changed data"},
};

ss_status_t pkcs11_fail(const struct pkcs11_token *token, CK_RV rv, const char *what, struct ss_error *err)
{
    for (size_t i = 0; i < sizeof results / sizeof *results; i++)
        if (results[i].rv == rv)
            return ss_error_set(err, results[i].status, SS_AREA_VAULT, "token '%s': %s: %s", token->label, what,
                                results[i].words);
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "token '%s': %s: Cryptoki error 0x%lx", token->label, what,
                        rv);
}

void pkcs11_text(const unsigned char *in, size_t len, char *out, size_t size)
{
    while (len && (in[len - 1] == ' ' || in[len - 1] == 0))
        len--;
    if (len > size - 1)
        len = size - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = in[i] >= 0x20 && in[i] < 0x7F ? (char)in[i] : '?';
    out[len] = 0;
}
