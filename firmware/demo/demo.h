// SPDX-License-Identifier: Apache-2.0
// The demo app's parts.
#ifndef DEMO_H
#define DEMO_H

#include <stdbool.h>
#include <stdint.h>

/// The application descriptor, esp_app_desc_t of ESP-IDF v4.0.1 (esp_ota_ops.h). It is the first thing of the mapped
/// data and so stands at offset 0x20 of the image, where bootloader, tools and servers look for it.
/// ```
///  0x00 magic u32   0x04 secure_version u32   0x08 reserved[8]   0x10 version[32]      0x30 project_name[32]
///  0x50 time[16]    0x60 date[16]             0x70 idf_ver[32]   0x90 elf_sha256[32]   0xB0 reserved[80]
/// ```
struct demo_app_desc {
    uint32_t magic;
    uint32_t secure_version;
    uint32_t reserved1[2];
    char version[32];
    char project_name[32];
    char time[16];
    char date[16];
    char idf_ver[32];
    uint8_t elf_sha256[32]; ///< zero in the ELF; the image builder fills it in
    uint32_t reserved2[20];
};

extern const struct demo_app_desc demo_app_desc;

/// Name of the slot at @p flash_address in the table of examples/forum/partitions.csv; NULL for any other address.
const char *demo_slot_name(uint32_t flash_address);

/// Prints who is running and from where, then reads all mapped read-only data and prints what it found. True if all of
/// the payload is as built.
/// @param flash_address  what rt_app_flash_address() says
bool demo_report(uint32_t flash_address);

#endif
