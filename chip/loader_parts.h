// SPDX-License-Identifier: Apache-2.0
// Inside of the loader: what its files share.
#ifndef SS_CHIP_LOADER_PARTS_H
#define SS_CHIP_LOADER_PARTS_H

#include <zlib.h>

#include "chip/loader.h"
#include "chip/registers.h"
#include "core/crypto.h"
#include "core/rom_loader.h"
#include "core/slip.h"
#include "slotseal/flash_cipher.h"

enum {
    BLOCK_MAX = 0x4000, ///< the largest block a stub takes; tools send smaller ones to the ROM
    FRAME_MAX = SS_ROM_HEADER + SS_ROM_DATA_HEADER + BLOCK_MAX,
    ROM_FLASH_SIZE = 4 << 20,  ///< what the ROM takes for the flash size until it is told
    FLASH_SIZE_MAX = 16 << 20, ///< what the stub takes for it, and the most there can be
};

/// Why a command fails; ROM and stub have numbers of their own for each.
enum failure {
    GOOD,
    BAD_LENGTH,
    BAD_CHECKSUM,
    BAD_BLOCK_SIZE,
    BAD_COMMAND,
    FAILED_OPERATION, ///< flash does not answer, range outside of it, or what the eFuses forbid
    NOT_WRITTEN,      ///< the ROM reads back what it wrote
    NOT_BEGUN,
    BAD_DEFLATE,
    NOT_ENOUGH_DATA,
    TOO_MUCH_DATA,
};

struct request {
    enum ss_rom_operation op;
    const uint8_t *body;
    size_t len;
    uint32_t checksum;
};

struct reply {
    uint32_t value;
    uint8_t data[64];
    size_t len;
};

struct command {
    uint8_t op;
    uint16_t shortest, longest; ///< body, bytes
    enum failure (*run)(struct ss_loader *l, const struct request *rq, struct reply *reply);
};

enum transfer_kind { TRANSFER_NONE, TRANSFER_FLASH, TRANSFER_DEFLATE, TRANSFER_MEMORY };

/// What a …_BEGIN command started.
struct transfer {
    enum transfer_kind kind;
    bool encrypted;
    uint32_t address;                   ///< where the next byte goes
    uint32_t remaining;                 ///< bytes still to come
    uint32_t block_size;                ///< bytes, at most, of a block's data
    uint32_t erased_to;                 ///< stub: flash is erased up to here, the rest just before it is written
    uint8_t line[SS_FLASH_CIPHER_LINE]; ///< encrypting writes: begin of a line that is not complete yet
    size_t line_len;
    bool inflating;
    bool inflated; ///< the end of the compressed data was seen
    z_stream z;
};

/// A running READ_FLASH.
struct reading {
    bool active;
    uint32_t address;
    uint32_t size, sent, acknowledged; ///< bytes
    uint32_t packet;                   ///< bytes in a packet
    uint32_t window;                   ///< bytes that may be on their way
    struct ss_hash md5;
};

struct ss_loader {
    struct ss_vchip *chip;
    ss_loader_write_fn write;
    void *context;
    struct ss_registers registers;
    enum ss_loader_mode mode;
    uint32_t flash_size; ///< as told by SPI_SET_PARAMS
    struct transfer transfer;
    struct reading reading;
    unsigned greeting;        ///< characters of "OHAI" seen at the end of what was loaded; 4: there was one
    enum ss_loader_mode next; ///< mode after the answer has been sent
    bool starting;            ///< the stub is to be started then
    uint32_t next_baud;       ///< 0: as it is
    struct ss_slip slip;
    uint8_t frame[FRAME_MAX];
};

// loader.c

/// Sends one frame.
void loader_send(struct ss_loader *l, const uint8_t *content, size_t len);
/// Word @p index of a body that is long enough.
uint32_t loader_word(const struct request *rq, unsigned index);
/// True if [address, address + size) lies in flash as far as the loader knows its size.
bool loader_in_flash(const struct ss_loader *l, uint32_t address, uint32_t size);
/// SPI_ATTACH.
enum failure loader_attach(struct ss_loader *l, const struct request *rq, struct reply *reply);

// loader_transfer.c

/// The …_BEGIN, …_DATA and …_END commands.
enum failure loader_begin(struct ss_loader *l, const struct request *rq, struct reply *reply);
enum failure loader_data(struct ss_loader *l, const struct request *rq, struct reply *reply);
enum failure loader_end(struct ss_loader *l, const struct request *rq, struct reply *reply);
/// Ends a transfer without completing it.
void loader_abort(struct ss_loader *l);

// stub.c

/// What the stub adds; ends with op 0.
extern const struct command stub_commands[];
/// True if the frame was an acknowledgement of READ_FLASH.
bool stub_take_acknowledgement(struct ss_loader *l, const uint8_t *frame, size_t len);
/// Sends what a running READ_FLASH may send.
void stub_continue_reading(struct ss_loader *l);
/// Ends a running READ_FLASH.
void stub_stop_reading(struct ss_loader *l);

#endif
