// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <unistd.h>

#include "core/crypto.h"
#include "vault/pkcs11/internal.h"

ss_status_t pkcs11_check_process(const struct pkcs11_token *token, struct ss_error *err)
{
    if (token->owner == getpid())
        return SS_OK;
    return ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_VAULT,
                        "token '%s' was opened by another process: it must be opened again after fork", token->label);
}

static ss_status_t open_session(struct pkcs11_token *token, bool writable, struct ss_error *err)
{
    CK_FLAGS flags = CKF_SERIAL_SESSION | (writable ? CKF_RW_SESSION : 0);
    CK_RV rv = token->module->C_OpenSession(token->slot, flags, NULL, NULL, &token->session);
    token->has_session = rv == CKR_OK;
    return rv == CKR_OK ? SS_OK : pkcs11_fail(token, rv, "cannot open it", err);
}

ss_status_t pkcs11_token_open(const struct ss_vault_key_request *request, bool writable, struct pkcs11_token **token,
                              struct ss_error *err)
{
    *token = NULL;
    struct pkcs11_token *made = calloc(1, sizeof *made);
    if (!made)
        return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_VAULT, "out of memory");
    made->owner = getpid();
    ss_status_t status = pkcs11_uri_parse(request->location, &made->uri, err);
    if (status == SS_OK)
        status = pkcs11_find_token(made, err);
    if (status == SS_OK)
        status = open_session(made, writable, err);
    if (status == SS_OK)
        status = pkcs11_login(made, request, err);
    if (status == SS_OK)
        *token = made;
    else
        pkcs11_token_close(made);
    return status;
}

void pkcs11_token_close(struct pkcs11_token *token)
{
    if (!token)
        return;
    // Session and module of a forked child are those of its parent: not touched. Closing the last session logs out;
    // C_Logout() would log other handles of this process out as well.
    if (token->owner == getpid()) {
        if (token->has_session)
            token->module->C_CloseSession(token->session);
        pkcs11_unload(token);
    }
    if (token->uri)
        p11_kit_uri_free(token->uri);
    ss_wipe(token, sizeof *token);
    free(token);
}
