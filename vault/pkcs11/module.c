// SPDX-License-Identifier: Apache-2.0
// From a URI to a module and the one token in it.
#include <stdlib.h>
#include <string.h>

#include "vault/pkcs11/internal.h"

#define SLOT_MAX 64

static ss_status_t no_module(struct ss_error *err, const char *name)
{
    const char *why = p11_kit_message();
    return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "PKCS#11 module %s: %s", name,
                        why ? why : "cannot be loaded");
}

static ss_status_t load(struct pkcs11_token *token, struct ss_error *err)
{
    const char *path = p11_kit_uri_get_module_path(token->uri);
    p11_kit_be_quiet();
    if (!path) {
        token->registered = p11_kit_modules_load_and_initialize(0);
        return token->registered ? SS_OK : no_module(err, "of p11-kit");
    }
    CK_FUNCTION_LIST *module = p11_kit_module_load(path, 0);
    if (!module)
        return no_module(err, path);
    CK_RV rv = p11_kit_module_initialize(module);
    if (rv != CKR_OK) {
        p11_kit_module_release(module);
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_VAULT, "PKCS#11 module %s: %s", path, p11_kit_strerror(rv));
    }
    token->loaded = module;
    return SS_OK;
}

void pkcs11_unload(struct pkcs11_token *token)
{
    if (token->registered)
        p11_kit_modules_finalize_and_release(token->registered);
    if (token->loaded) {
        p11_kit_module_finalize(token->loaded);
        p11_kit_module_release(token->loaded);
    }
    token->registered = NULL;
    token->loaded = NULL;
}

/// What the search has seen.
struct search {
    struct pkcs11_token *token;
    unsigned fits;
    char labels[3][PKCS11_LABEL_SIZE]; ///< of the tokens that fit, or of those that do not
    unsigned label_count;
};

// Tokens without a login hold certificates and other public things.
static bool holds_keys(const CK_TOKEN_INFO *info)
{
    return info->flags & CKF_TOKEN_INITIALIZED && info->flags & CKF_LOGIN_REQUIRED;
}

static void remember(struct search *search, const CK_TOKEN_INFO *info)
{
    if (search->label_count < sizeof search->labels / sizeof *search->labels)
        pkcs11_text(info->label, sizeof info->label, search->labels[search->label_count++], PKCS11_LABEL_SIZE);
}

static void look_at_slot(struct search *search, CK_FUNCTION_LIST *module, CK_SLOT_ID slot)
{
    struct pkcs11_token *token = search->token;
    CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(token->uri);
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO info;

    if (module->C_GetSlotInfo(slot, &slot_info) != CKR_OK || module->C_GetTokenInfo(slot, &info) != CKR_OK ||
        !holds_keys(&info))
        return;
    bool fits = (wanted == (CK_SLOT_ID)-1 || wanted == slot) && p11_kit_uri_match_slot_info(token->uri, &slot_info) &&
                p11_kit_uri_match_token_info(token->uri, &info);
    if (fits && !search->fits++) {
        search->label_count = 0;
        token->module = module;
        token->slot = slot;
        token->flags = info.flags;
        pkcs11_text(info.label, sizeof info.label, token->label, sizeof token->label);
    }
    if (fits || !search->fits)
        remember(search, &info);
}

static bool module_fits(const struct pkcs11_token *token, CK_FUNCTION_LIST *module)
{
    const char *wanted = p11_kit_uri_get_module_name(token->uri);
    CK_INFO info;
    if (module->C_GetInfo(&info) != CKR_OK || !p11_kit_uri_match_module_info(token->uri, &info))
        return false;
    if (!wanted || token->loaded)
        return true;
    char *name = p11_kit_module_get_name(module);
    bool fits = name && strcmp(name, wanted) == 0;
    free(name);
    return fits;
}

static void look_at_module(struct search *search, CK_FUNCTION_LIST *module)
{
    CK_SLOT_ID slots[SLOT_MAX];
    CK_ULONG count = SLOT_MAX;
    if (!module_fits(search->token, module) || module->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK)
        return;
    for (CK_ULONG i = 0; i < count; i++)
        look_at_slot(search, module, slots[i]);
}

static ss_status_t report(const struct search *search, struct ss_error *err)
{
    const char(*names)[PKCS11_LABEL_SIZE] = search->labels;
    if (search->fits == 1)
        return SS_OK;
    if (search->fits)
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT,
                            "%u tokens fit the pkcs11 URI ('%s', '%s'%s); say which by token= or serial=", search->fits,
                            names[0], names[1], search->fits > 2 ? ", ..." : "");
    if (!search->label_count)
        return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT,
                            "no token fits the pkcs11 URI, and no other is there: is it inserted, and its module named "
                            "or registered?");
    return ss_error_set(err, SS_ERROR_DOES_NOT_EXIST, SS_AREA_VAULT, "no token fits the pkcs11 URI; there is '%s'%s",
                        names[0], search->label_count > 1 ? " and others" : "");
}

ss_status_t pkcs11_find_token(struct pkcs11_token *token, struct ss_error *err)
{
    struct search search = {.token = token};
    ss_status_t status = load(token, err);
    if (status != SS_OK)
        return status;
    if (token->loaded)
        look_at_module(&search, token->loaded);
    for (CK_FUNCTION_LIST **module = token->registered; module && *module; module++)
        look_at_module(&search, *module);
    return report(&search, err);
}
