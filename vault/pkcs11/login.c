// SPDX-License-Identifier: Apache-2.0
// The PIN: where it comes from, and the care that a token with few tries deserves.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crypto.h"
#include "vault/pkcs11/internal.h"

static ss_status_t refuse(const struct pkcs11_token *token, const char *why, struct ss_error *err)
{
    return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT, "token '%s': %s", token->label, why);
}

static ss_status_t check_pin_file(int fd, const char *path, struct ss_error *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "PIN file %s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode) && st.st_mode & (S_IRWXG | S_IRWXO))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "PIN file %s can be read by others (mode %03o); chmod 600 it", path,
                            (unsigned)st.st_mode & 0777);
    if (S_ISREG(st.st_mode) && st.st_uid != geteuid() && st.st_uid != 0)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_VAULT,
                            "PIN file %s belongs to user %u, not to user %u", path, (unsigned)st.st_uid,
                            (unsigned)geteuid());
    return SS_OK;
}

// One line; the newline that editors add is not part of it.
static ss_status_t read_pin_file(const char *path, struct pkcs11_pin *pin, struct ss_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return ss_error_set(err, errno == ENOENT ? SS_ERROR_DOES_NOT_EXIST : SS_ERROR_IO, SS_AREA_VAULT,
                            "PIN file %s: %s", path, strerror(errno));
    ss_status_t status = check_pin_file(fd, path, err);
    ssize_t n = 0;
    while (status == SS_OK && pin->len < sizeof pin->text) {
        n = read(fd, pin->text + pin->len, sizeof pin->text - pin->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        pin->len += (size_t)n;
    }
    if (n < 0)
        status = ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "PIN file %s: %s", path, strerror(errno));
    close(fd);
    if (status != SS_OK)
        return status;
    if (pin->len && pin->text[pin->len - 1] == '\n')
        pin->len--;
    if (!pin->len || pin->len == sizeof pin->text || memchr(pin->text, '\n', pin->len))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_VAULT, "PIN file %s is not one line with a PIN", path);
    return SS_OK;
}

// RFC 7512 §2.4: a URI or a path. "file:/path" and "file:///path" are the same (RFC 8089).
static ss_status_t read_pin_source(const struct pkcs11_token *token, const char *source, struct pkcs11_pin *pin,
                                   struct ss_error *err)
{
    const char *path = source;
    // Who stands in a loop with a wrong PIN must not lock the token.
    if (token->flags & CKF_USER_PIN_FINAL_TRY)
        return refuse(token, "the PIN has one try left, which is not given to a pin-source: leave it out to be asked",
                      err);
    if (strncmp(path, "file:", 5) == 0)
        path += strncmp(path, "file:///", 8) == 0 ? 7 : 5;
    if (path[0] != '/')
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "pkcs11 URI has a pin-source that is not an absolute path: pin-source=file:/PATH");
    return read_pin_file(path, pin, err);
}

static ss_status_t ask(const struct pkcs11_token *token, const struct ss_vault_key_request *request,
                       struct pkcs11_pin *pin, struct ss_error *err)
{
    char what[PKCS11_LABEL_SIZE + 64];
    if (!request->ask)
        return refuse(token, "its PIN is needed, and nobody can be asked: pin-source=file:/PATH in the URI", err);
    snprintf(what, sizeof what, "PIN of token '%s'%s", token->label,
             token->flags & CKF_USER_PIN_FINAL_TRY   ? " (last try before it locks)"
             : token->flags & CKF_USER_PIN_COUNT_LOW ? " (it was wrong the last time)"
                                                     : "");
    return request->ask(request->ask_context, what, false, pin->text, sizeof pin->text, &pin->len, err);
}

static ss_status_t get_pin(struct pkcs11_token *token, const struct ss_vault_key_request *request, struct ss_error *err)
{
    const char *source = p11_kit_uri_get_pin_source(token->uri);
    if (token->flags & CKF_USER_PIN_LOCKED)
        return refuse(token, "the PIN is locked after too many wrong tries; its security officer can set a new one",
                      err);
    if (!(token->flags & CKF_USER_PIN_INITIALIZED))
        return refuse(token, "it has no user PIN yet: pkcs11-tool --init-pin sets one", err);
    token->pin.known = !(token->flags & CKF_PROTECTED_AUTHENTICATION_PATH);
    if (!token->pin.known)
        return SS_OK;
    return source ? read_pin_source(token, source, &token->pin, err) : ask(token, request, &token->pin, err);
}

// Never tries again: the token counts.
static ss_status_t try_pin(struct pkcs11_token *token, CK_USER_TYPE user, struct ss_error *err)
{
    struct pkcs11_pin *pin = &token->pin;
    CK_TOKEN_INFO info = {0};
    CK_RV rv = token->module->C_Login(token->session, user, pin->known ? (unsigned char *)pin->text : NULL,
                                      pin->known ? pin->len : 0);
    // Another handle of this process has logged in.
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return SS_OK;
    if (rv != CKR_PIN_INCORRECT || token->module->C_GetTokenInfo(token->slot, &info) != CKR_OK)
        return pkcs11_fail(token, rv, "login", err);
    return refuse(token,
                  info.flags & CKF_USER_PIN_LOCKED      ? "wrong PIN, and it is locked now"
                  : info.flags & CKF_USER_PIN_FINAL_TRY ? "wrong PIN, one try is left before it locks"
                  : info.flags & CKF_USER_PIN_COUNT_LOW ? "wrong PIN; it may lock after some more tries"
                                                        : "wrong PIN",
                  err);
}

ss_status_t pkcs11_login(struct pkcs11_token *token, const struct ss_vault_key_request *request, struct ss_error *err)
{
    ss_status_t status = get_pin(token, request, err);
    return status == SS_OK ? try_pin(token, CKU_USER, err) : status;
}

ss_status_t pkcs11_login_again(struct pkcs11_token *token, struct ss_error *err)
{
    return try_pin(token, CKU_CONTEXT_SPECIFIC, err);
}
