// SPDX-License-Identifier: Apache-2.0
// From argv to the command.
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli.h"
#include "espsecure.h"

/// The command that argv starts with; *words is how many words its path has.
static const struct cli_command *find_command(int argc, char **argv, int *words)
{
    for_each_command (c) {
        const char *second = strchr(c->path, ' ');
        size_t first_len = second ? (size_t)(second - c->path) : strlen(c->path);
        *words = second ? 2 : 1;
        if (argc >= *words && strlen(argv[0]) == first_len && !memcmp(argv[0], c->path, first_len) &&
            (!second || !strcmp(argv[1], second + 1)))
            return c;
    }
    return NULL;
}

static bool is_group(const char *word)
{
    size_t len = strlen(word);
    for_each_command (c)
        if (!strncmp(c->path, word, len) && c->path[len] == ' ')
            return true;
    return false;
}

static bool is_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h");
}

static int unknown_command(int argc, char **argv)
{
    bool group = is_group(argv[0]);
    char typed[64];

    if (group && argc == 1) {
        cli_error("slotseal %s needs a subcommand", argv[0]);
        cli_hint("slotseal help %s", argv[0]);
        return CLI_USAGE;
    }
    snprintf(typed, sizeof typed, "%s%s%s", argv[0], argc > 1 && argv[1][0] != '-' ? " " : "",
             argc > 1 && argv[1][0] != '-' ? argv[1] : "");
    const char *near = cli_suggest(group ? typed : argv[0]);
    if (!near)
        near = cli_suggest(typed);
    cli_error("there is no command %s", group ? typed : argv[0]);
    if (near)
        cli_hint("did you mean slotseal %s?", near);
    else
        cli_hint("slotseal help");
    return CLI_USAGE;
}

static int help(int argc, char **argv)
{
    int words;
    const struct cli_command *command = argc ? find_command(argc, argv, &words) : NULL;

    if (command)
        cli_help_command(command);
    else if (!argc)
        cli_help_list(NULL);
    else if (argc == 1 && is_group(argv[0]))
        cli_help_list(argv[0]);
    else
        return unknown_command(argc, argv);
    return CLI_OK;
}

static int run_command(const struct cli_command *command, int argc, char **argv)
{
    struct cli_args args = {.raw = argv + 1};
    bool wants_help = false;

    if (!command->own_parser) {
        int status = cli_parse(command, argc, argv, &args, &wants_help);
        if (status != CLI_OK)
            return status;
    }
    if (wants_help) {
        cli_help_command(command);
        return CLI_OK;
    }
    return command->run(&args);
}

static int dispatch(int argc, char **argv)
{
    int words;

    if (!argc)
        return cli_usage("slotseal help", "no command given");
    if (!strcmp(argv[0], "help"))
        return help(argc - 1, argv + 1);
    if (is_help(argv[0]))
        return help(0, NULL);
    if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V")) {
        puts("slotseal " SS_VERSION);
        return CLI_OK;
    }
    const struct cli_command *command = find_command(argc, argv, &words);
    if (command)
        return run_command(command, argc - words + 1, argv + words - 1);
    if (is_group(argv[0]) && argc > 1 && is_help(argv[1])) {
        cli_help_list(argv[0]);
        return CLI_OK;
    }
    return unknown_command(argc, argv);
}

static bool started_as_espsecure(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    return !strcmp(name, "espsecure") || !strcmp(name, "espsecure.py");
}

int cli_main(int argc, char **argv)
{
    // A core file would hold keys and plaintext. The limit does not count where cores are piped to a program (core(5)).
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prctl(PR_SET_DUMPABLE, 0);

    int status;
    if (argc > 0 && started_as_espsecure(argv[0]))
        status = espsecure_main(argc, argv);
    else
        status = dispatch(argc - 1, argv + 1);
    return cli_flush() || status != CLI_OK ? status : CLI_FAILED;
}
