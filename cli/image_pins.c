// SPDX-License-Identifier: Apache-2.0
#include "image_pins.h"

#include <stdio.h>

#include "cli.h"
#include "provision/app_pins.h"
#include "slotseal/key_set.h"

/// What was found in an app.
struct found {
    bool place;            ///< there is one for a key set
    bool filled;           ///< `set` is in it
    struct ss_key_set set; ///< points into the app
    char product[SS_PRODUCT_NAME_MAX + 1];
};

static void look(const struct input *in, struct found *f)
{
    const uint8_t *key_set;
    size_t len;
    struct ss_statement statement;
    *f = (struct found){0};
    if (ss_app_pins_get(in->data, in->len, &key_set, &len, NULL) != SS_OK)
        return;
    f->place = true;
    f->filled = len > 0 && ss_statement_parse(key_set, len, &statement, NULL) == SS_OK &&
                ss_key_set_parse(&statement, &f->set, NULL) == SS_OK;
    if (f->filled)
        snprintf(f->product, sizeof f->product, "%.*s", (int)f->set.product.len, (const char *)f->set.product.p);
}

void image_pins_print(const struct input *in)
{
    struct found f;
    look(in, &f);
    if (f.filled)
        printf("key set          %s, version %u\n", f.product, (unsigned)f.set.version);
    else if (f.place)
        puts("key set          none yet");
}

json_t *image_pins_json(const struct input *in)
{
    struct found f;
    look(in, &f);
    if (!f.place)
        return json_null();
    return json_pack("{s:o, s:o}", "product", f.filled ? json_string(f.product) : json_null(), "version",
                     f.filled ? json_integer((json_int_t)f.set.version) : json_null());
}

void image_pins_warn(const struct input *in)
{
    struct found f;
    look(in, &f);
    if (f.filled)
        return;
    cli_warning("%s: no key set is pinned in this app: a device that runs it takes no updates", in->name);
    cli_hint("slotseal keyset embed puts one in");
}
