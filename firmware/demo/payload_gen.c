// SPDX-License-Identifier: Apache-2.0
// Runs on the build host: payload_gen BYTES FILE
#include "payload.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char *end;
    unsigned long len = argc == 3 ? strtoul(argv[1], &end, 0) : 0;
    if (!len || *end || len % 4) {
        fputs("usage: payload_gen BYTES FILE (BYTES: a multiple of 4)\n", stderr);
        return 2;
    }
    FILE *file = fopen(argv[2], "wb");
    if (!file) {
        perror(argv[2]);
        return 1;
    }
    struct payload_stream stream = payload_start();
    for (unsigned long i = 0; i < len; i += 4) {
        uint32_t word = payload_next(&stream);
        for (int shift = 0; shift < 32; shift += 8)
            putc((int)(word >> shift & 0xFF), file);
    }
    if (ferror(file) | fclose(file)) {
        perror(argv[2]);
        return 1;
    }
    return 0;
}
