// SPDX-License-Identifier: Apache-2.0
#include "core/elf.h"

#include <string.h>

#include "core/bytes.h"

#define FILE_HEADER_SIZE    52
#define SECTION_HEADER_SIZE 40

enum {
    SHT_PROGBITS = 1,
    SHT_INIT_ARRAY = 14,
    SHT_FINI_ARRAY = 15,
    SHT_PREINIT_ARRAY = 16,
};

static ss_status_t check_ident(const uint8_t *data, size_t len, struct ss_error *err)
{
    if (len < FILE_HEADER_SIZE || memcmp(data, "\177ELF", 4) != 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "not an ELF file");
    if (data[4] != 1 || data[5] != 1)
        return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_ELF,
                            "ELF class %u, byte order %u: only 32-bit (1), little endian (1)", data[4], data[5]);
    return SS_OK;
}

// Table of section headers, with every check that the loop over it relies on.
static ss_status_t check_table(const uint8_t *data, size_t len, uint32_t *table, unsigned *count, struct ss_error *err)
{
    unsigned entry_size = ss_get_le16(data + 46);
    *table = ss_get_le32(data + 32);
    *count = ss_get_le16(data + 48);
    if (*count == 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "ELF file has no section headers");
    if (entry_size != SECTION_HEADER_SIZE)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "section headers of %u bytes, should be %u",
                            entry_size, SECTION_HEADER_SIZE);
    if (!ss_range_ok(*table, (size_t)*count * SECTION_HEADER_SIZE, len))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF,
                            "%u section headers at 0x%x reach beyond the file of %zu bytes", *count, (unsigned)*table,
                            len);
    return SS_OK;
}

static ss_status_t find_names(struct ss_elf *elf, uint32_t table, unsigned count, struct ss_error *err)
{
    unsigned index = ss_get_le16(elf->data + 50);
    if (index >= count)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "section names are in section %u of %u", index,
                            count);
    const uint8_t *header = elf->data + table + index * SECTION_HEADER_SIZE;
    elf->names_offset = ss_get_le32(header + 16);
    elf->names_len = ss_get_le32(header + 20);
    if (!ss_range_ok(elf->names_offset, elf->names_len, elf->len))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "section names at 0x%x reach beyond the file",
                            (unsigned)elf->names_offset);
    return SS_OK;
}

static bool is_loadable(const uint8_t *header)
{
    uint32_t type = ss_get_le32(header + 4);
    bool contents =
        type == SHT_PROGBITS || type == SHT_INIT_ARRAY || type == SHT_FINI_ARRAY || type == SHT_PREINIT_ARRAY;
    return contents && ss_get_le32(header + 12) != 0 && ss_get_le32(header + 20) != 0;
}

static ss_status_t read_section(const struct ss_elf *elf, unsigned index, const uint8_t *header,
                                struct ss_elf_section *out, struct ss_error *err)
{
    *out = (struct ss_elf_section){.address = ss_get_le32(header + 12),
                                   .offset = ss_get_le32(header + 16),
                                   .size = ss_get_le32(header + 20),
                                   .name = ss_get_le32(header)};
    if (!ss_range_ok(out->offset, out->size, elf->len))
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "section %u at 0x%x reaches beyond the file",
                            index, (unsigned)out->offset);
    if (out->address > UINT32_MAX - 3 - out->size || out->size > UINT32_MAX - 3)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_ELF, "section %u reaches beyond the address space",
                            index);
    return SS_OK;
}

ss_status_t ss_elf_read(const uint8_t *data, size_t len, struct ss_elf *elf, struct ss_elf_section *sections,
                        unsigned max, unsigned *count, struct ss_error *err)
{
    uint32_t table = 0;
    unsigned total = 0;
    *count = 0;
    *elf = (struct ss_elf){.data = data, .len = len};
    ss_status_t status = check_ident(data, len, err);
    if (status == SS_OK)
        status = check_table(data, len, &table, &total, err);
    if (status == SS_OK)
        status = find_names(elf, table, total, err);
    if (status != SS_OK)
        return status;
    elf->machine = ss_get_le16(data + 18);
    elf->entry = ss_get_le32(data + 24);
    for (unsigned i = 0; i < total; i++) {
        const uint8_t *header = data + table + i * SECTION_HEADER_SIZE;
        if (!is_loadable(header))
            continue;
        if (*count == max)
            return ss_error_set(err, SS_ERROR_NOT_SUPPORTED, SS_AREA_ELF, "more than %u loadable sections", max);
        status = read_section(elf, i, header, &sections[(*count)++], err);
        if (status != SS_OK)
            return status;
    }
    return SS_OK;
}

bool ss_elf_name_is(const struct ss_elf *elf, const struct ss_elf_section *section, const char *name)
{
    size_t size = strlen(name) + 1;
    return ss_range_ok(section->name, size, elf->names_len) &&
           memcmp(elf->data + elf->names_offset + section->name, name, size) == 0;
}
