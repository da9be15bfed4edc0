// SPDX-License-Identifier: Apache-2.0
// Files into a real chip's flash, and compared with it.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "flash_pieces.h"
#include "json.h"
#include "port_option.h"
#include "slotseal/content.h"

struct work {
    struct flash_pieces pieces;
    struct ss_link_written written[FLASH_PIECES_MAX];
    size_t differs[FLASH_PIECES_MAX];
    bool different;
};

/// What would be read as nonsense by a chip that decrypts.
static bool is_plaintext(enum ss_content content)
{
    return content == SS_CONTENT_IMAGE || content == SS_CONTENT_IMAGE_V1 || content == SS_CONTENT_IMAGE_V2 ||
           content == SS_CONTENT_DIGEST_BOOTLOADER || content == SS_CONTENT_FLASH_DUMP ||
           content == SS_CONTENT_PARTITION_TABLE;
}

static ss_status_t check_content(const struct input *in, bool encrypts, struct ss_error *err)
{
    enum ss_content content = ss_content_classify(in->data, in->len);
    if (content == SS_CONTENT_EMPTY || content == SS_CONTENT_ELF || content == SS_CONTENT_PEM)
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_IMAGE, "%s is no content for flash: %s", in->name,
                            ss_content_name(content));
    if (encrypts && is_plaintext(content))
        return ss_error_set(err, SS_ERROR_NOT_PERMITTED, SS_AREA_IMAGE,
                            "%s is plaintext (%s), and the chip reads its flash through decryption: it would not start",
                            in->name, ss_content_name(content));
    return SS_OK;
}

/// That the files suit this chip; before anything is erased.
static ss_status_t check(const struct cli_args *args, struct port_session *s, const struct flash_pieces *pieces,
                         struct ss_error *err)
{
    struct ss_link_flash flash;
    struct ss_link_efuses efuses;
    struct ss_crypt_count count;
    ss_status_t status = ss_link_flash_identify(s->link, &flash, err);
    if (status == SS_OK)
        status = flash_pieces_check(pieces, flash.size, err);
    if (status == SS_OK)
        status = ss_link_efuse_read(s->link, &efuses, err);
    if (status != SS_OK || args->options[OPT_FORCE])
        return status;
    ss_efuse_crypt_count(&efuses.window, &count);
    for (unsigned i = 0; status == SS_OK && i < pieces->count; i++)
        status = check_content(&pieces->at[i].in, count.enabled, err);
    if (status != SS_OK)
        cli_hint("slotseal seal makes ciphertext for one device and address; --force writes the file as it is");
    return status;
}

/// The list of files as JSON, where that is asked for; takes it over.
static int finish(const struct cli_args *args, const struct port_session *s, json_t *list, int code)
{
    if (args->options[OPT_JSON])
        return json_print(json_pack("{s:s, s:o}", "device", s->id, "files", list), code);
    json_decref(list);
    return code;
}

static int print_written(const struct cli_args *args, const struct port_session *s, const struct work *w)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < w->pieces.count; i++) {
        const struct flash_piece *p = &w->pieces.at[i];
        const struct ss_link_written *n = &w->written[i];
        if (!args->options[OPT_JSON])
            printf("0x%08llx  %zu bytes written, %zu were there  %s\n", (unsigned long long)p->address, n->written,
                   n->skipped, p->in.name);
        json_array_append_new(list, json_pack("{s:o, s:I, s:I, s:I}", "file", json_text(p->in.name), "address",
                                              (json_int_t)p->address, "written", (json_int_t)n->written, "skipped",
                                              (json_int_t)n->skipped));
    }
    return finish(args, s, list, CLI_OK);
}

static int run_write(const struct cli_args *args)
{
    struct work w = {0};
    struct port_session s = {0};
    struct ss_error err = {0};
    unsigned flags =
        (args->options[OPT_RAW] ? SS_LINK_WRITE_RAW : 0) | (args->options[OPT_RESUME] ? SS_LINK_WRITE_RESUME : 0);
    int code = flash_pieces_parse(args, 0, "flash write", &w.pieces);
    if (code == CLI_OK)
        code = port_check(args);
    if (code != CLI_OK)
        return code;
    ss_status_t status = flash_pieces_read(args, 0, &w.pieces, &err);
    if (status == SS_OK)
        status = port_connect(args, &s, &err);
    if (status == SS_OK)
        status = check(args, &s, &w.pieces, &err);
    for (unsigned i = 0; status == SS_OK && i < w.pieces.count; i++) {
        const struct flash_piece *p = &w.pieces.at[i];
        s.progress.what = p->in.name;
        status = ss_link_flash_write(s.link, (uint32_t)p->address, p->in.data, p->in.len, flags, &w.written[i], &err);
        if (status != SS_OK)
            ss_error_prefix(&err, status, "%s", p->in.name);
    }
    bool resumable = status != SS_OK && w.written[0].sent > 0;
    code = port_end(args, &s, status, &err);
    if (code == CLI_OK)
        code = print_written(args, &s, &w);
    else if (resumable)
        cli_hint("the same command with --resume goes on where it was");
    flash_pieces_free(&w.pieces);
    return code;
}

static const struct cli_option write_options[] = {
    OPTION_PORT(true),
    OPTIONS_PORT,
    {OPT_RAW, "raw", 0, false, NULL, "send uncompressed", NULL, COMPLETE_NOTHING},
    {OPT_RESUME, "resume", 0, false, NULL, "leave alone what is there already", NULL, COMPLETE_NOTHING},
    {OPT_FORCE, "force", 0, false, NULL, "write plaintext to a chip that decrypts, too", NULL, COMPLETE_NOTHING},
    OPTION_JSON,
    OPTION_END,
};

const struct cli_command command_flash_write = {
    .path = "flash write",
    .summary = "write files to a chip's flash over its serial loader",
    .description =
        "Writes each FILE as it is to the ADDR before it, a multiple of 4096, in regions of 64 KiB: erase, write, "
        "compare by MD5. The rest of a file's last sector is erased. All files are looked at before anything is "
        "erased: plaintext for a chip that decrypts is refused. No stub is loaded into the chip, which stays in its "
        "loader unless --after run is given.",
    .operands = "ADDR FILE [ADDR FILE]...",
    .options = write_options,
    .example = "slotseal flash write --port /dev/ttyUSB0 0x10000 app.ota_0.sealed\n"
               "slotseal flash write -p /dev/ttyUSB0 0x1000 boot.bin 0x8000 table.bin\n",
    .run = run_write,
};

static int print_compared(const struct cli_args *args, const struct port_session *s, const struct work *w)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < w->pieces.count; i++) {
        const struct flash_piece *p = &w->pieces.at[i];
        bool equal = w->differs[i] == p->in.len;
        if (!args->options[OPT_JSON] && equal)
            printf("0x%08llx  equal  %s\n", (unsigned long long)p->address, p->in.name);
        else if (!args->options[OPT_JSON])
            printf("0x%08llx  DIFFERENT from 0x%llx on  %s\n", (unsigned long long)p->address,
                   (unsigned long long)(p->address + w->differs[i]), p->in.name);
        json_array_append_new(list, json_pack("{s:o, s:I, s:b}", "file", json_text(p->in.name), "address",
                                              (json_int_t)p->address, "equal", equal));
    }
    return finish(args, s, list, w->different ? CLI_REFUSED : CLI_OK);
}

static int run_verify(const struct cli_args *args)
{
    struct work w = {0};
    struct port_session s = {0};
    struct ss_link_flash flash;
    struct ss_error err = {0};
    int code = flash_pieces_parse(args, 0, "flash verify", &w.pieces);
    if (code == CLI_OK)
        code = port_check(args);
    if (code != CLI_OK)
        return code;
    ss_status_t status = flash_pieces_read(args, 0, &w.pieces, &err);
    if (status == SS_OK)
        status = port_connect(args, &s, &err);
    if (status == SS_OK)
        status = ss_link_flash_identify(s.link, &flash, &err);
    if (status == SS_OK)
        status = flash_pieces_check(&w.pieces, flash.size, &err);
    for (unsigned i = 0; status == SS_OK && i < w.pieces.count; i++) {
        const struct flash_piece *p = &w.pieces.at[i];
        status = ss_link_flash_compare(s.link, (uint32_t)p->address, p->in.data, p->in.len, &w.differs[i], &err);
        w.different = w.different || (status == SS_OK && w.differs[i] != p->in.len);
    }
    code = port_end(args, &s, status, &err);
    if (code == CLI_OK)
        code = print_compared(args, &s, &w);
    flash_pieces_free(&w.pieces);
    return code;
}

static const struct cli_option verify_options[] = {OPTION_PORT(true), OPTIONS_PORT, OPTION_JSON, OPTION_END};

const struct cli_command command_flash_verify = {
    .path = "flash verify",
    .summary = "compare files with a chip's flash",
    .description = "Compares each FILE with the flash at the ADDR before it, by MD5 that the chip calculates over 64 "
                   "KiB at a time. Exit status 3 means that something is different.",
    .operands = "ADDR FILE [ADDR FILE]...",
    .options = verify_options,
    .example = "slotseal flash verify --port /dev/ttyUSB0 0x10000 app.ota_0.sealed\n",
    .run = run_verify,
};
