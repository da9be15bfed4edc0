// SPDX-License-Identifier: Apache-2.0
// From a name to a port. A transport is one file and one row here.
#include <string.h>

#include "link/port_parts.h"

static const struct scheme {
    const char *prefix;
    ss_status_t (*open)(const char *rest, struct ss_link_port **port, struct ss_error *err);
} schemes[] = {
    {"socket://", ss_link_socket_open},
    {"rfc2217://", ss_link_rfc2217_open},
};

ss_status_t ss_link_port_open(const char *name, struct ss_link_port **port, struct ss_error *err)
{
    *port = NULL;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(name, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return schemes[i].open(name + strlen(schemes[i].prefix), port, err);
    if (!*name || strstr(name, "://"))
        return ss_error_set(err, SS_ERROR_INVALID_ARGUMENT, SS_AREA_LINK,
                            "port '%s' is no path, socket://HOST:PORT or rfc2217://HOST:PORT", name);
    return ss_link_tty_open(name, port, err);
}

void ss_link_port_close(struct ss_link_port *port)
{
    if (port)
        port->ops->close(port);
}
