// SPDX-License-Identifier: Apache-2.0
// The rate of a terminal in numbers, also those that have no B… constant. In a file of its own because the kernel's
// header for it and the C library's <termios.h> exclude each other.
#include <asm/termbits.h>
#include <sys/ioctl.h>

#include "chip/serve_parts.h"

uint32_t pty_baud(int fd)
{
    struct termios2 t;
    return ioctl(fd, TCGETS2, &t) == 0 ? t.c_ospeed : 0;
}
