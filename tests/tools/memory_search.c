// SPDX-License-Identifier: Apache-2.0
// memory_search PID [key=HEX | key-file=FILE | plain=FILE]... prints what of it the memory of the process holds, as JSON.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/memory_search.h"

static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(32 << 20);
    if (!f || !bytes) {
        perror(path);
        exit(1);
    }
    *len = fread(bytes, 1, 32 << 20, f);
    fclose(f);
    return bytes;
}

static void add(struct memory_search *search, const char *what)
{
    size_t len = 0;
    if (!strncmp(what, "key=", 4)) {
        uint8_t key[64];
        for (const char *p = what + 4; len < sizeof key && sscanf(p, "%2hhx", &key[len]) == 1; p += 2)
            len++;
        memory_search_add_key(search, key, len);
        return;
    }
    bool plain = !strncmp(what, "plain=", 6);
    uint8_t *bytes = read_file(strchr(what, '=') + 1, &len);
    if (plain)
        memory_search_add_plaintext(search, bytes, len);
    else
        memory_search_add_key(search, bytes, len);
    free(bytes);
}

int main(int argc, char **argv)
{
    struct memory_search *search = memory_search_new();
    struct memory_found found;
    if (argc < 3) {
        fprintf(stderr, "memory_search PID [key=HEX | key-file=FILE | plain=FILE]...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++)
        add(search, argv[i]);
    if (!memory_search_run(search, atoi(argv[1]), &found)) {
        fprintf(stderr, "process %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    printf("{\"bytes\": %llu, \"keys\": %llu, \"blocks\": %llu, \"where\": \"%s\"}\n", (unsigned long long)found.bytes,
           (unsigned long long)found.keys, (unsigned long long)found.blocks, found.where);
    memory_search_free(search);
    return 0;
}
