// SPDX-License-Identifier: Apache-2.0
// slotseal-generate FOLDER DATE: writes every man page and completion to FOLDER.
#include "generate.h"

#include <stdlib.h>
#include <string.h>

static FILE *create(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void finish(FILE *f)
{
    int failed = ferror(f);
    if (fclose(f) || failed) {
        perror("slotseal-generate");
        exit(1);
    }
}

static void write_page(const char *folder, const struct cli_command *command, const char *date)
{
    char name[80];
    snprintf(name, sizeof name, "slotseal-%s.1", command->path);
    for (char *p = name; *p; p++)
        *p = *p == ' ' ? '-' : *p;
    FILE *f = create(folder, name);
    man_command(f, command, date);
    finish(f);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(FILE *);
    } completions[] = {{"slotseal.bash", complete_bash}, {"_slotseal", complete_zsh}, {"slotseal.fish", complete_fish}};

    if (argc != 3) {
        fputs("usage: slotseal-generate FOLDER DATE\n", stderr);
        return 2;
    }
    FILE *f = create(argv[1], "slotseal.1");
    man_overview(f, argv[2]);
    finish(f);
    for_each_command (c)
        write_page(argv[1], c, argv[2]);
    for (size_t i = 0; i < sizeof completions / sizeof *completions; i++) {
        f = create(argv[1], completions[i].name);
        completions[i].write(f);
        finish(f);
    }
    return 0;
}
