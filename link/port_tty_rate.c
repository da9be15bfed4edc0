// SPDX-License-Identifier: Apache-2.0
// In a file of its own because the kernel's header for rates in numbers and the C library's <termios.h> exclude each
// other: termios2 and BOTHER, ioctl_tty(2).
#include <asm/termbits.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "link/port_parts.h"

bool ss_link_tty_set_rate(int fd, uint32_t baud)
{
    struct termios2 t;
    if (ioctl(fd, TCGETS2, &t))
        return false;
    t.c_cflag &= ~(unsigned)(CBAUD | CBAUD << IBSHIFT);
    t.c_cflag |= BOTHER;
    t.c_ispeed = t.c_ospeed = baud;
    if (ioctl(fd, TCSETS2, &t) || ioctl(fd, TCGETS2, &t))
        return false;
    errno = 0;
    // Drivers take the nearest rate that they have; a UART bears about three percent.
    return t.c_ospeed > baud / 100 * 97 && t.c_ospeed < (uint64_t)baud * 103 / 100 + 1;
}
