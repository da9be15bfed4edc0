// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/espsecure.h"
#include "cli/espsecure/internal.h"

static bool is_v4;

static const struct esp_command *const command_groups[] = {
    esp_flash_commands, esp_key_commands, esp_bootloader_commands, esp_sign_commands, esp_verify_commands};

bool esp_is_v4(void)
{
    return is_v4;
}

static void print_line(FILE *stream, const char *label, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/// Names of files are part of what is said, and must not drive a terminal.
static void print_line(FILE *stream, const char *label, const char *format, va_list args)
{
    char *line;
    int len = vasprintf(&line, format, args);
    fprintf(stream, "%s%s\n", label, len < 0 ? "out of memory" : cli_printable(line));
    if (len >= 0)
        free(line);
}

static void print_error(FILE *stream, const char *label, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void print_error(FILE *stream, const char *label, const char *format, va_list args)
{
    fflush(stdout);
    print_line(stream, label, format, args);
}

void esp_say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(stdout, "", format, args);
    va_end(args);
}

int esp_fatal(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_error(is_v4 ? stdout : stderr, "\nA fatal error occurred: ", format, args);
    va_end(args);
    return ESP_EXIT_ERROR;
}

int esp_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_error(stderr, "espsecure: error: ", format, args);
    va_end(args);
    return ESP_EXIT_ERROR;
}

int esp_fail(const struct ss_error *err)
{
    return esp_fatal("%s", err->message);
}

bool esp_read(const char *path, const char *output, struct input *in)
{
    struct ss_error err = {0};
    struct stat st;
    if (file_read(path, FILE_LIMIT, in, &err) != SS_OK) {
        esp_fail(&err);
        return false;
    }
    if (output && stat(output, &st) == 0 && st.st_dev == in->device && st.st_ino == in->inode) {
        esp_fatal("The input \"%s\" and output \"%s\" should not be the same!", in->name, output);
        return false;
    }
    return true;
}

bool esp_read_key(const char *path, const char *output, struct input *in)
{
    if (!esp_read(path, output, in))
        return false;
    file_warn_readable(in);
    return true;
}

/// The two spellings of a command are one: everything is looked up with dashes.
static const struct esp_command *find_command(const char *typed)
{
    char name[40];
    size_t len = strlen(typed);
    if (len >= sizeof name)
        return NULL;
    for (size_t i = 0; i <= len; i++)
        name[i] = typed[i] == '_' ? '-' : typed[i];
    for (size_t g = 0; g < sizeof command_groups / sizeof *command_groups; g++)
        for (const struct esp_command *c = command_groups[g]; c->name; c++)
            if (!strcmp(c->name, name))
                return c;
    return NULL;
}

/// 4.x is recognised by the program name, or by an underscore in the command or in a long option.
static bool looks_like_v4(int argc, char **argv)
{
    size_t len = strlen(argv[0]);
    if (len > 3 && !strcmp(argv[0] + len - 3, ".py"))
        return true;
    for (int i = 1; i < argc; i++) {
        bool is_name = i == 1 || !strncmp(argv[i], "--", 2);
        if (is_name && memchr(argv[i], '_', strcspn(argv[i], "=")))
            return true;
    }
    return false;
}

static char joined(char c)
{
    return is_v4 && c == '-' ? '_' : c;
}

static void print_name(const char *name)
{
    for (; *name; name++)
        putchar(joined(*name));
}

static void help_list(void)
{
    printf("usage: espsecure COMMAND [OPTIONS] [FILE]\n\n"
           "The command line of esptool's espsecure, done by slotseal " SS_VERSION ".\n\nCommands:\n");
    for (size_t g = 0; g < sizeof command_groups / sizeof *command_groups; g++)
        for (const struct esp_command *c = command_groups[g]; c->name; c++) {
            printf("  ");
            print_name(c->name);
            printf("%*s%s\n", (int)(32 - strlen(c->name)), "", c->summary);
        }
    printf("\nespsecure COMMAND --help describes one.\n\nExample:\n"
           "  espsecure %s --keyfile flash.key \\\n      --address 0x10000 -o app.sealed app.bin\n",
           is_v4 ? "encrypt_flash_data" : "encrypt-flash-data");
}

static void help_command(const struct esp_command *c)
{
    printf("usage: espsecure ");
    print_name(c->name);
    printf(" [OPTIONS]%s%s\n\n%s\n\n", c->operand ? " " : "", c->operand ? c->operand : "", c->summary);
    for (const struct esp_option *o = c->options; o->name; o++) {
        printf("  %c%c%c --", o->letter ? '-' : ' ', o->letter ? o->letter : ' ', o->letter ? ',' : ' ');
        print_name(o->name);
        const char *value = o->kind == ESP_SWITCH ? "" : o->kind == ESP_MANY ? " FILE..." : " VALUE";
        printf("%s%*s%s%s\n", value, (int)(28 - strlen(o->name) - strlen(value)), "", o->help,
               o->required ? " (required)" : "");
        if (o->choices)
            printf("%36sone of: %s\n", "", o->choices);
    }
}

int espsecure_main(int argc, char **argv)
{
    is_v4 = looks_like_v4(argc, argv);
    if (argc < 2 || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
        help_list();
        return argc >= 2 ? CLI_OK : is_v4 ? CLI_FAILED : CLI_USAGE;
    }
    const struct esp_command *command = find_command(argv[1]);
    if (!command)
        return esp_usage("invalid choice: '%s' is not a command; espsecure --help lists them", argv[1]);
    struct esp_args args = {0};
    bool help = false;
    if (!esp_parse(command, argc - 1, argv + 1, &args, &help))
        return ESP_EXIT_ERROR;
    if (help) {
        help_command(command);
        return CLI_OK;
    }
    esp_say("espsecure%s (slotseal " SS_VERSION ")", is_v4 ? ".py" : "");
    return command->run(&args);
}
