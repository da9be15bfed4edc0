// SPDX-License-Identifier: Apache-2.0
// Inside of a rehearsal.
#ifndef SS_PROVISION_PLAN_INTERNAL_H
#define SS_PROVISION_PLAN_INTERNAL_H

#include "provision/doctor_internal.h"
#include "provision/plan.h"
#include "slotseal/signing_key.h"

enum {
    PLAN_WORDS = 64,
    PLAN_LINE = 4096,
    PLAN_VARIABLES = 64,
    PLAN_FILES = 64,
    PLAN_NAME = 256,
    PLAN_FLASH = 16 << 20,
};

struct plan_words {
    unsigned line; ///< of its first word, from 1
    unsigned count;
    char *word[PLAN_WORDS]; ///< into text
    char text[2 * PLAN_LINE];
};

struct plan_text {
    const char *at, *end;
    unsigned line;
    unsigned variables;
    char name[PLAN_VARIABLES][32], value[PLAN_VARIABLES][PLAN_NAME];
};

/// The words of the next command line; count 0 at the end of the plan. Assignments are kept and passed over.
ss_status_t plan_next(struct plan_text *text, struct plan_words *words, struct ss_error *err);

/// A command with its options told from its operands. Dashes within names are underscores here, as older tools have it;
/// an option goes by the first of its names.
struct plan_command {
    enum { TOOL_NONE, TOOL_ESPTOOL, TOOL_ESPEFUSE, TOOL_ESPSECURE, TOOL_SLOTSEAL, TOOL_OPENSSL, TOOL_HARMLESS } tool;
    unsigned line;
    char verb[40];
    unsigned option_count, operand_count;
    const char *option[PLAN_WORDS], *value[PLAN_WORDS]; ///< value "" for a switch
    size_t option_len[PLAN_WORDS];                      ///< options are not ended by 0
    const char *operand[PLAN_WORDS];
    bool eats_all;   ///< an option took several words
    char wrong[160]; ///< why the tool refuses the command line; empty: it does not
};

/// The command of a line, and in @p at the first word behind it.
void plan_parse(const struct plan_words *words, unsigned *at, struct plan_command *command);
/// The next command of the same line, which espefuse takes several of. False if there is none.
bool plan_parse_next(const struct plan_words *words, unsigned *at, struct plan_command *command);
/// Value of an option by any of its names, separated by spaces; NULL if it is not given.
const char *plan_option(const struct plan_command *command, const char *names);

// plan_syntax.c

void plan_underscores(char *word);
/// Options before the verb; the number of words they are.
unsigned plan_take_options(struct plan_command *command, char *const *word, unsigned left);
/// What is behind the verb; the number of words of it. All of them if the command is not in the table.
unsigned plan_take_command(struct plan_command *command, char *const *word, unsigned left);

enum plan_file_kind {
    FILE_ANY,
    FILE_BOOTLOADER,
    FILE_TABLE,
    FILE_APP,
    FILE_OTADATA,
    FILE_FLASH_KEY,
    FILE_SIGNING_KEY,
    FILE_SIGNING_KEY_V2
};

struct plan_file {
    char name[PLAN_NAME];
    uint8_t *data;
    size_t len;
    enum plan_file_kind kind;
    bool stand_in;
    bool is_signed;
    bool sealed; ///< the output of encrypt_flash_data …
    uint32_t sealed_for;
    unsigned sealed_line; ///< … by this line
    bool used;            ///< flashed, or input of another command
    ss_signing_key_t *key;
};

struct rehearsal {
    const struct ss_plan_options *options;
    struct ss_doctor_report *out;
    struct ss_error *err;
    struct ss_boot_profile profile;
    bool has_profile;
    uint8_t *flash;
    struct ss_efuse silicon;
    unsigned file_count;
    struct plan_file files[PLAN_FILES];
    bool digest_made;
    bool openssl_key;
    const struct plan_file *signer; ///< whose public key the bootloader gets
    uint64_t seed;
};

/// The file of this name: made by the plan, or on disk, or a stand-in of @p kind. NULL on failure, r->err says why.
struct plan_file *plan_file_get(struct rehearsal *r, const char *name, enum plan_file_kind kind);
/// An empty file that replaces one of that name, with @p len bytes of room. NULL on failure.
struct plan_file *plan_file_make(struct rehearsal *r, const char *name, size_t len);
/// The file of this name if the plan made it or it was read already.
struct plan_file *plan_file_known(struct rehearsal *r, const char *name);
void plan_files_free(struct rehearsal *r);
enum plan_file_kind plan_kind(const struct rehearsal *r, uint32_t address, const char *name);
bool plan_file_on_disk(const struct rehearsal *r, const char *name);

struct ss_doctor_finding *plan_finding(struct rehearsal *r, const struct plan_command *command, enum ss_doctor_id id,
                                       enum ss_doctor_severity severity);
/// The finding that the tool would refuse @p command.
void plan_refused(struct rehearsal *r, const struct plan_command *command, const char *why);
bool plan_number(const char *text, uint32_t *out);

/// The finding that nobody knows what @p verb of @p tool does. SS_OK.
ss_status_t plan_not_modelled(struct rehearsal *r, const struct plan_command *command, const char *tool,
                              const char *verb);

/// Signs @p in with @p key to @p out_name, which may be the same file.
ss_status_t plan_sign(struct rehearsal *r, const struct plan_command *command, struct plan_file *key,
                      struct plan_file *in, bool v2, const char *out_name);

struct plan_seal {
    const struct plan_file *key;
    uint32_t address, config;
};
/// Pads @p in with 0xFF and seals it to @p out_name.
ss_status_t plan_seal(struct rehearsal *r, const struct plan_command *command, const struct plan_seal *how,
                      const struct plan_file *in, const char *out_name);

ss_status_t plan_slotseal(struct rehearsal *r, const struct plan_command *command);
ss_status_t plan_espsecure(struct rehearsal *r, const struct plan_command *command);
ss_status_t plan_espefuse(struct rehearsal *r, const struct plan_command *command);
ss_status_t plan_esptool(struct rehearsal *r, const struct plan_command *command);

#endif
