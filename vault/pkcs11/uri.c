// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/pkcs11/internal.h"

static ss_status_t refuse(struct ss_error *err, const char *why)
{
    return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_VAULT, "%s", why);
}

// Of a URI that could hold a PIN, only the reason is repeated.
static ss_status_t check(P11KitUri *uri, struct ss_error *err)
{
    if (p11_kit_uri_get_pin_value(uri))
        return refuse(err, "pkcs11 URI has a pin-value, which others can see; put the PIN in a file and name it: "
                           "pin-source=file:/PATH");
    if (p11_kit_uri_any_unrecognized(uri))
        return refuse(err, "pkcs11 URI has a part that is not known; parts are token, manufacturer, model, serial, "
                           "slot-id, object, id, type, module-path, module-name, pin-source");
    return SS_OK;
}

ss_status_t pkcs11_uri_parse(const char *location, P11KitUri **uri, struct ss_error *err)
{
    ss_status_t status = SS_ERROR_INSUFFICIENT_MEMORY;
    char *text = NULL;
    const char *query = strchr(location, '?') ? NULL : getenv("SLOTSEAL_PKCS11");
    bool has_query = query && *query;
    *uri = p11_kit_uri_new();
    if (!*uri ||
        asprintf(&text, SS_PKCS11_SCHEME "%s%s%s", location, has_query ? "?" : "", has_query ? query : "") < 0) {
        ss_error_set(err, status, SS_AREA_VAULT, "out of memory");
    } else {
        int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, *uri);
        status = result == P11_KIT_URI_OK          ? check(*uri, err)
                 : result == P11_KIT_URI_NO_MEMORY ? ss_error_set(err, status, SS_AREA_VAULT, "out of memory")
                                                   : refuse(err, "pkcs11 URI does not follow RFC 7512");
    }
    free(text);
    if (status != SS_OK) {
        p11_kit_uri_free(*uri);
        *uri = NULL;
    }
    return status;
}
