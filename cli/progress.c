// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { BAR = 30 };

void progress_show(void *context, enum ss_link_work work, size_t done, size_t total)
{
    static const char *const names[] = {
        [SS_LINK_READING] = "reading",
        [SS_LINK_WRITING] = "writing",
        [SS_LINK_ERASING] = "erasing",
        [SS_LINK_COMPARING] = "comparing",
    };
    struct progress *p = context;
    unsigned percent = total ? (unsigned)(done * (uint64_t)100 / total) : 100;
    if (p->shown && p->work == work && p->percent == percent)
        return;
    p->work = work;
    p->percent = percent;
    if (p->silent || !isatty(STDERR_FILENO))
        return;
    char bar[BAR + 1], shown[32];
    const char *slash = p->what ? strrchr(p->what, '/') : NULL;
    unsigned full = percent * BAR / 100;
    memset(bar, '#', full);
    memset(bar + full, '.', BAR - full);
    bar[BAR] = '\0';
    p->shown = true;
    fprintf(stderr, "\r%-9s [%s] %3u%% of %zu KiB %s\033[K", names[work], bar, percent, (total + 1023) / 1024,
            p->what ? cli_shown(slash ? slash + 1 : p->what, shown, sizeof shown) : "");
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
