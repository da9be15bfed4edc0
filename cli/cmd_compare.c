// SPDX-License-Identifier: Apache-2.0
// What somebody who sees two sealed images learns. Flash encryption is deterministic: equal plaintext at an equal
// address under an equal key gives equal ciphertext.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "file.h"
#include "json.h"

enum { BLOCK = 16, SECTOR = 4096, BLOCKS_PER_SECTOR = SECTOR / BLOCK };

static const struct cli_option options[] = {
    OPTION_JSON,
    OPTION_END,
};

struct run {
    size_t count;   ///< number of runs of equal blocks at equal offsets
    size_t longest; ///< blocks
    size_t longest_at;
};

struct comparison {
    const struct input *a, *b;
    size_t blocks;     ///< compared: of the shorter file
    size_t same;       ///< equal at equal offset, erased ones included
    size_t erased;     ///< of these, all 0xFF: flash that nobody wrote
    size_t elsewhere;  ///< blocks of B that occur in A only at another offset
    size_t repeated_a; ///< blocks that occur earlier in the same file, erased ones not counted
    size_t repeated_b;
    struct run runs;
};

static const uint8_t erased_block[BLOCK] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

static const uint8_t *block(const struct input *in, size_t index)
{
    return in->data + index * BLOCK;
}

static bool is_erased(const uint8_t *p)
{
    return !memcmp(p, erased_block, BLOCK);
}

static bool same_at(const struct comparison *c, size_t index)
{
    return !memcmp(block(c->a, index), block(c->b, index), BLOCK);
}

static int by_content(const void *a, const void *b)
{
    const uint8_t *const *left = a, *const *right = b;
    int order = memcmp(*left, *right, BLOCK);
    return order ? order : *left < *right ? -1 : *left > *right;
}

/// The blocks of @p in sorted by content, NULL without memory.
static const uint8_t **sorted_blocks(const struct input *in, size_t *count)
{
    *count = in->len / BLOCK;
    const uint8_t **sorted = calloc(*count + 1, sizeof *sorted);
    for (size_t i = 0; sorted && i < *count; i++)
        sorted[i] = block(in, i);
    if (sorted)
        qsort(sorted, *count, sizeof *sorted, by_content);
    return sorted;
}

static size_t count_repeated(const uint8_t *const *sorted, size_t count)
{
    size_t n = 0;
    for (size_t i = 1; i < count; i++)
        n += !is_erased(sorted[i]) && !memcmp(sorted[i - 1], sorted[i], BLOCK);
    return n;
}

static bool contains(const uint8_t *const *sorted, size_t count, const uint8_t *wanted)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(sorted[middle], wanted, BLOCK);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void compare_offsets(struct comparison *c)
{
    size_t run = 0;
    for (size_t i = 0; i < c->blocks; i++) {
        if (!same_at(c, i)) {
            run = 0;
            continue;
        }
        c->same++;
        c->erased += is_erased(block(c->a, i));
        c->runs.count += run == 0;
        if (++run > c->runs.longest) {
            c->runs.longest = run;
            c->runs.longest_at = i + 1 - run;
        }
    }
}

static bool compare(struct comparison *c)
{
    size_t count_a, count_b;
    const uint8_t **a = sorted_blocks(c->a, &count_a), **b = sorted_blocks(c->b, &count_b);
    bool ok = a && b;

    if (ok) {
        c->blocks = count_a < count_b ? count_a : count_b;
        compare_offsets(c);
        c->repeated_a = count_repeated(a, count_a);
        c->repeated_b = count_repeated(b, count_b);
        for (size_t i = 0; i < count_b; i++)
            if (!is_erased(block(c->b, i)) && !(i < c->blocks && same_at(c, i)) && contains(a, count_a, block(c->b, i)))
                c->elsewhere++;
    }
    free(a);
    free(b);
    return ok;
}

/// Equal blocks in the sector that begins at block @p first; *total is how many blocks it has.
static size_t sector_same(const struct comparison *c, size_t first, size_t *total)
{
    size_t same = 0;
    *total = c->blocks - first < BLOCKS_PER_SECTOR ? c->blocks - first : BLOCKS_PER_SECTOR;
    for (size_t i = 0; i < *total; i++)
        same += same_at(c, first + i);
    return same;
}

enum region_kind { REGION_EQUAL, REGION_PARTLY, REGION_DIFFERENT };
static const char *const region_names[] = {"equal", "partly", "different"};

struct region {
    enum region_kind kind;
    size_t first, end; ///< blocks, on sector borders
    size_t same;
};

/// The next stretch of sectors of one kind from block @p first.
static struct region next_region(const struct comparison *c, size_t first)
{
    struct region region = {.first = first, .end = first};
    while (region.end < c->blocks) {
        size_t total, same = sector_same(c, region.end, &total);
        enum region_kind kind = same == total ? REGION_EQUAL : same ? REGION_PARTLY : REGION_DIFFERENT;
        if (region.end > first && kind != region.kind)
            break;
        region.kind = kind;
        region.same += same;
        region.end += total;
    }
    return region;
}

static json_t *regions_json(const struct comparison *c)
{
    json_t *array = json_array();
    for (size_t i = 0; i < c->blocks;) {
        struct region r = next_region(c, i);
        json_array_append_new(array,
                              json_pack("{s:I, s:I, s:s, s:I, s:I}", "offset", (json_int_t)(r.first * BLOCK), "length",
                                        (json_int_t)((r.end - r.first) * BLOCK), "kind", region_names[r.kind],
                                        "equal_blocks", (json_int_t)r.same, "blocks", (json_int_t)(r.end - r.first)));
        i = r.end;
    }
    return array;
}

/// What the numbers mean, in one sentence each.
static const char *verdict(const struct comparison *c)
{
    size_t told = c->same - c->erased;
    if (!told && !c->elsewhere)
        return "nothing: no block in common, as between two devices, two slots, or unrelated images";
    if (told == c->blocks)
        return "the images are the same: same plaintext, key and address";
    if (!told)
        return "no block in common at the same offset, but some at others: the address takes no part in the encryption "
               "(FLASH_CRYPT_CONFIG 0), or these are not sealed images";
    return "both are for the same key and address, and which blocks of the plaintext changed";
}

static json_t *comparison_json(const struct comparison *c)
{
    return json_pack("{s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:I, s:I, s:s, s:o}", "length_a",
                     (json_int_t)c->a->len, "length_b", (json_int_t)c->b->len, "block_size", BLOCK, "blocks_compared",
                     (json_int_t)c->blocks, "equal_blocks", (json_int_t)c->same, "equal_erased_blocks",
                     (json_int_t)c->erased, "equal_at_other_offsets", (json_int_t)c->elsewhere, "runs", "count",
                     (json_int_t)c->runs.count, "longest_length", (json_int_t)(c->runs.longest * BLOCK),
                     "longest_offset", (json_int_t)(c->runs.longest_at * BLOCK), "repeated_in_a",
                     (json_int_t)c->repeated_a, "repeated_in_b", (json_int_t)c->repeated_b, "observer_learns",
                     verdict(c), "regions", regions_json(c));
}

static void print_text(const struct comparison *c)
{
    char a[512], b[512];

    printf("A                %s, %zu bytes\nB                %s, %zu bytes\n", cli_shown(c->a->name, a, sizeof a),
           c->a->len, cli_shown(c->b->name, b, sizeof b), c->b->len);
    printf("same offset      %zu of %zu blocks of 16 bytes are equal (%.1f %%)", c->same, c->blocks,
           c->blocks ? 100.0 * (double)c->same / (double)c->blocks : 0.0);
    printf(c->erased ? ", %zu of them erased flash\n" : "\n", c->erased);
    if (c->runs.count)
        printf("runs             %zu, longest %zu bytes at 0x%zx\n", c->runs.count, c->runs.longest * BLOCK,
               c->runs.longest_at * BLOCK);
    printf("other offsets    %zu blocks of B occur elsewhere in A\n", c->elsewhere);
    printf("repeated         %zu blocks within A, %zu within B\n", c->repeated_a, c->repeated_b);
    for (size_t i = 0; i < c->blocks;) {
        struct region r = next_region(c, i);
        printf("0x%06zx-0x%06zx  %-9s  %zu of %zu blocks\n", r.first * BLOCK, r.end * BLOCK - 1, region_names[r.kind],
               r.same, r.end - r.first);
        i = r.end;
    }
    printf("An observer learns %s.\n", verdict(c));
    if (c->repeated_a || c->repeated_b)
        puts("Repeated blocks show where the plaintext repeats within 32 bytes, as filled areas do.");
}

static int run(const struct cli_args *args)
{
    struct input a = {0}, b = {0};
    struct ss_error err = {0};
    struct comparison comparison = {.a = &a, .b = &b};
    int status = CLI_OK;

    if (file_read(args->operands[0], FILE_LIMIT, &a, &err) != SS_OK ||
        file_read(args->operands[1], FILE_LIMIT, &b, &err) != SS_OK) {
        status = cli_fail(&err);
    } else if (!compare(&comparison)) {
        cli_error("out of memory");
        status = CLI_FAILED;
    } else if (args->options[OPT_JSON]) {
        status = json_print(comparison_json(&comparison), CLI_OK);
    } else {
        print_text(&comparison);
    }
    file_free(&a);
    file_free(&b);
    return status;
}

const struct cli_command command_compare = {
    .path = "compare",
    .summary = "what an observer of two sealed images learns from them",
    .description =
        "Counts equal blocks of 16 bytes at the same offset and anywhere else, and lists by sectors of 4 KiB "
        "what stayed the same.\n\n"
        "Flash encryption is deterministic: two versions sealed for the same slot of the same device show "
        "which blocks changed. Images for two devices, or for two slots of one, have nothing in common.",
    .operands = "A B",
    .options = options,
    .example = "slotseal compare v1.ota_0.sealed v2.ota_0.sealed\n",
    .run = run,
};
