// SPDX-License-Identifier: Apache-2.0
// Bits of BLOCK0 that procedures burn. ESP32 Technical Reference Manual, chapter "eFuse Controller".
#ifndef SS_PROVISION_PROCEDURE_BITS_H
#define SS_PROVISION_PROCEDURE_BITS_H

#include <stdint.h>

// word 0
#define WR_DIS_RD_DIS     (1u << 0)
#define WR_DIS_WR_DIS     (1u << 1)
#define WR_DIS_CNT        (1u << 2) ///< and of UART_DOWNLOAD_DIS
#define WR_DIS_BLK1       (1u << 7)
#define WR_DIS_BLK2       (1u << 8)
#define RD_DIS_BLK1       (1u << 16)
#define RD_DIS_BLK2       (1u << 17)
#define CRYPT_COUNT_SHIFT 20
#define CRYPT_COUNT       (0x7Fu << CRYPT_COUNT_SHIFT)
#define UART_DOWNLOAD_DIS (1u << 27)
// word 5
#define CRYPT_CONFIG (15u << 28)
// word 6
#define CONSOLE    (1u << 2)
#define ABS_DONE_0 (1u << 4)
#define ABS_DONE_1 (1u << 5)
#define JTAG       (1u << 6)
#define DL_ENCRYPT (1u << 7)
#define DL_DECRYPT (1u << 8)
#define DL_CACHE   (1u << 9)

#endif
