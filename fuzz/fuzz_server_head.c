// SPDX-License-Identifier: Apache-2.0
// Heads of requests: each line of the input is read as every header that means something, and as a path.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "server/auth.h"
#include "server/range.h"

#define SIZE UINT64_C(1376256)

static void fuzz_range(const char *text)
{
    uint64_t first, last;
    enum ss_range range = ss_range_parse(text, SIZE, &first, &last);
    if (range == SS_RANGE_PART && (first > last || last >= SIZE))
        __builtin_trap();
    range = ss_range_parse(text, 0, &first, &last);
    if (range == SS_RANGE_PART)
        __builtin_trap();
    if (ss_etag_in(text, "\"etag\"", false) && !ss_etag_in(text, "\"etag\"", true))
        __builtin_trap();
    if (ss_etag_in(text, "\"etag\"", true) && !strstr(text, "\"etag\"") && strcmp(text, "*") != 0)
        __builtin_trap();
}

static void fuzz_credentials(const char *text)
{
    static char one[] = "ab:cd";
    static char *items[] = {one};
    const struct ss_config_list authorities = {items, 1};
    struct ss_address_blocks proxies = {.count = 1};
    uint8_t address[16] = {0};
    const char *token = ss_auth_token(text, "TargetToken");
    if (token && (!*token || strlen(token) > SS_AUTH_TOKEN_MAX || strchr(token, ' ')))
        __builtin_trap();
    if (ss_auth_authority(text, &authorities) && !strstr(text, one))
        __builtin_trap();
    if (ss_auth_device_id(text) && (strchr(text, '/') || strlen(text) >= SS_STORE_NAME_SIZE))
        __builtin_trap();
    if (ss_address_block_parse("10.0.0.0/8", &proxies.items[0]))
        (void)ss_auth_forwarded(text, &proxies, address);
}

static void fuzz_path(char *text)
{
    const char *parts[SS_HTTP_PARTS_MAX];
    unsigned count = 0;
    for (char *at = text; at && count < SS_HTTP_PARTS_MAX; at = strchr(at, '/')) {
        *at++ = '\0';
        parts[count++] = at;
    }
    const struct ss_http_route *route = ss_route_find(parts, count);
    if (route && route->audience == SS_HTTP_DEVICE && (count < 4 || strcmp(parts[1], "controller") != 0))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[1024];
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = (end ? (size_t)(end - data) : size) - at;
        size_t used = len < sizeof line - 1 ? len : sizeof line - 1;
        memcpy(line, data + at, used);
        line[used] = '\0';
        fuzz_range(line);
        fuzz_credentials(line);
        if (line[0] == '/')
            fuzz_path(line);
        at += len + 1;
    }
    return 0;
}
