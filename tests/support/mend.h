// SPDX-License-Identifier: Apache-2.0
// Makes the checksums of damaged inputs right again, so that tests reach what lies behind them. As far as the input
// still has a place for them: nothing here reads or writes outside of @p len.
#ifndef SS_TESTS_MEND_H
#define SS_TESTS_MEND_H

#include <stddef.h>
#include <stdint.h>

/// Checksum and appended hash, where the segments lead to a place for them.
void mend_image(uint8_t *image, size_t len);
/// MD5, wherever a row looks like an MD5 row.
void mend_table(uint8_t *in, size_t len);
/// The CRC of the record in each sector.
void mend_otadata(uint8_t *in, size_t len);
/// The CRCs of pages, of written entries and of their data.
void mend_nvs(uint8_t *in, size_t len);

#endif
