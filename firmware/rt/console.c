// SPDX-License-Identifier: Apache-2.0
#include "rt.h"

void rt_put_str(const char *str)
{
    for (; *str; str++) {
        if (*str == '\n')
            rt_put_byte('\r');
        rt_put_byte((uint8_t)*str);
    }
}

void rt_put_dec(uint32_t value)
{
    // By subtraction: this compiler's libgcc has no division.
    static const uint32_t powers[] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    int started = 0;
    for (unsigned i = 0; i < sizeof powers / sizeof powers[0]; i++) {
        uint8_t digit = '0';
        for (; value >= powers[i]; value -= powers[i])
            digit++;
        started |= digit != '0' || powers[i] == 1;
        if (started)
            rt_put_byte(digit);
    }
}

void rt_put_hex(uint32_t value)
{
    rt_put_str("0x");
    for (int shift = 28; shift >= 0; shift -= 4)
        rt_put_byte((uint8_t) "0123456789abcdef"[value >> shift & 15]);
}
