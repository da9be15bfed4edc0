// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over every file of the folders or files that are named, in builds without libFuzzer.
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay_file(const char *path, unsigned *count)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        return 1;
    }
    long size = ftell(f);
    rewind(f);
    // An exact-size block, so that the address sanitizer sees a read past the end.
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    int failed = !data || size < 0 || fread(data, 1, (size_t)size, f) != (size_t)size;
    if (!failed)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    fclose(f);
    ++*count;
    return failed;
}

static int replay_dir(const char *path, unsigned *count)
{
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char name[4096];
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        failed |= replay_file(name, count);
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) != 0) {
            perror(argv[i]);
            return 1;
        }
        failed |= S_ISDIR(st.st_mode) ? replay_dir(argv[i], &count) : replay_file(argv[i], &count);
    }
    if (count == 0) {
        fprintf(stderr, "no input: the corpus is empty\n");
        return 1;
    }
    printf("%u inputs replayed\n", count);
    return failed;
}
