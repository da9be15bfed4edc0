// SPDX-License-Identifier: Apache-2.0
#include "support/sample_elf.h"
#include "support/unit.h"

#include <string.h>

#include "core/bytes.h"
#include "slotseal/app_desc.h"

static void put_contents(uint8_t *out, const struct sample_section *s, unsigned number)
{
    for (uint32_t i = 0; i < s->size; i++)
        out[i] = (uint8_t)(13 * i + number);
    if (!s->desc)
        return;
    assert_true(s->size >= SS_APP_DESC_SIZE);
    memset(out, 0, SS_APP_DESC_SIZE);
    ss_put_le32(out, SS_APP_DESC_MAGIC);
    memcpy(out + 0x10, "1.0", 3);
}

static void put_section_header(uint8_t *out, size_t name, const struct sample_section *s, size_t offset)
{
    const uint32_t words[10] = {(uint32_t)name, s->type, 3, s->address, (uint32_t)offset, s->size, 0, 0, 4, 0};
    for (unsigned i = 0; i < 10; i++)
        ss_put_le32(out + 4 * i, words[i]);
}

static void put_file_header(uint8_t *out, size_t table, unsigned count)
{
    memset(out, 0, 52);
    memcpy(out, "\177ELF\1\1\1", 7);
    ss_put_le16(out + 16, 2);
    ss_put_le16(out + 18, 94);
    ss_put_le32(out + 20, 1);
    ss_put_le32(out + 24, 0x40080400);
    ss_put_le32(out + 32, (uint32_t)table);
    ss_put_le16(out + 40, 52);
    ss_put_le16(out + 46, 40);
    ss_put_le16(out + 48, (uint16_t)count);
    ss_put_le16(out + 50, (uint16_t)(count - 1));
}

size_t sample_elf(uint8_t *out, size_t size, const struct sample_section *sections, unsigned count)
{
    static char names[4096];
    size_t offsets[200], name_offsets[200], at = 52, names_len = 1;
    assert_true(count < 200);
    for (unsigned i = 0; i < count; i++) {
        name_offsets[i] = names_len;
        assert_true(names_len + sizeof sections[i].name + 16 < sizeof names);
        names_len += strlen(strcpy(names + names_len, sections[i].name)) + 1;
        offsets[i] = at;
        if (sections[i].type == 8)
            continue;
        assert_true(at + sections[i].size <= size);
        put_contents(out + at, &sections[i], i + 1);
        at += sections[i].size;
    }
    const struct sample_section shstrtab = {.type = 3, .size = (uint32_t)names_len + 10};
    strcpy(names + names_len, ".shstrtab");
    assert_true(at + shstrtab.size + 40 * (count + 2) <= size);
    memcpy(out + at, names, shstrtab.size);
    size_t names_at = at, table = at + shstrtab.size;
    memset(out + table, 0, 40);
    for (unsigned i = 0; i < count; i++)
        put_section_header(out + table + 40 * (i + 1), name_offsets[i], &sections[i], offsets[i]);
    put_section_header(out + table + 40 * (count + 1), names_len, &shstrtab, names_at);
    put_file_header(out, table, count + 2);
    return table + 40 * (count + 2);
}

size_t sample_elf_header(const uint8_t *elf, unsigned index)
{
    return ss_get_le32(elf + 32) + 40 * index;
}
