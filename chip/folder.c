// SPDX-License-Identifier: Apache-2.0
// A chip on disk. flash.bin and efuse.bin are mapped, so that every operation is in the files at once and a killed
// process loses nothing; efuse.bin's little-endian words are the words in memory.
#include "chip/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "efuse.bin is mapped: this needs a little-endian host");
_Static_assert(sizeof(struct ss_efuse) == SS_EFUSE_IMAGE_SIZE, "struct ss_efuse is the image");

#define FLASH_FILE "flash.bin"
#define EFUSE_FILE "efuse.bin"
#define CONF_FILE  "chip.conf"
#define STATE_FILE "state.bin"

static ss_status_t io_error(struct ss_error *err, const char *folder, const char *name)
{
    return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "%s/%s: %s", folder, name, strerror(errno));
}

static ss_status_t write_new(int dir, const char *folder, const char *name, const void *data, size_t len,
                             struct ss_error *err)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ss_status_t status = SS_OK;
    if (fd < 0)
        return errno == EEXIST
                   ? ss_error_set(err, SS_ERROR_ALREADY_EXISTS, SS_AREA_CHIP, "%s holds a chip already", folder)
                   : io_error(err, folder, name);
    for (size_t done = 0; status == SS_OK && done < len;) {
        ssize_t n = write(fd, (const uint8_t *)data + done, len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            status = io_error(err, folder, name);
    }
    if (status == SS_OK && fsync(fd))
        status = io_error(err, folder, name);
    close(fd);
    return status;
}

ss_status_t ss_chip_create(const char *folder, const struct ss_chip_options *options, struct ss_error *err)
{
    struct ss_vchip *chip;
    ss_status_t status = ss_chip_new(options, &chip, err);
    if (status != SS_OK)
        return status;
    if (mkdir(folder, 0700) && errno != EEXIST)
        status = io_error(err, folder, "");
    int dir = status == SS_OK ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (status == SS_OK && dir < 0)
        status = io_error(err, folder, "");
    char conf[128];
    int len = snprintf(conf, sizeof conf, "revision = %u.%u\nseed = %llu\n", options->revision / 100,
                       options->revision % 100, (unsigned long long)options->seed);
    // efuse.bin last: a folder is a chip when it is there.
    if (status == SS_OK)
        status = write_new(dir, folder, CONF_FILE, conf, (size_t)len, err);
    if (status == SS_OK)
        status = write_new(dir, folder, FLASH_FILE, chip->flash.data, chip->flash.size, err);
    if (status == SS_OK)
        status = write_new(dir, folder, EFUSE_FILE, chip->silicon, sizeof *chip->silicon, err);
    if (status == SS_OK && fsync(dir))
        status = io_error(err, folder, "");
    if (dir >= 0)
        close(dir);
    ss_chip_free(chip);
    return status;
}

static ss_status_t map(int dir, const char *folder, const char *name, void **data, size_t *len, int *fd,
                       struct ss_error *err)
{
    struct stat st;
    *fd = openat(dir, name, O_RDWR | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st))
        return io_error(err, folder, name);
    if (st.st_size == 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "%s/%s is empty", folder, name);
    *len = (size_t)st.st_size;
    *data = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (*data != MAP_FAILED)
        return SS_OK;
    *data = NULL;
    return io_error(err, folder, name);
}

/// Maps state.bin, which is made if it is not there: a folder may come from another program. @p seed is used then.
static ss_status_t map_state(int dir, const char *folder, uint64_t seed, struct ss_chip_state **state,
                             struct ss_error *err)
{
    void *data = NULL;
    size_t len = 0;
    int fd = -1;
    if (faccessat(dir, STATE_FILE, F_OK, 0) && errno == ENOENT) {
        struct ss_chip_state *fresh = ss_chip_state_new();
        if (!fresh)
            return ss_error_set(err, SS_ERROR_INSUFFICIENT_MEMORY, SS_AREA_CHIP, "out of memory for a chip");
        fresh->seed = seed;
        ss_status_t status = write_new(dir, folder, STATE_FILE, fresh, sizeof *fresh, err);
        free(fresh);
        if (status != SS_OK)
            return status;
    }
    ss_status_t status = map(dir, folder, STATE_FILE, &data, &len, &fd, err);
    if (status == SS_OK && (len != sizeof **state || memcmp(data, SS_CHIP_STATE_MAGIC, sizeof SS_CHIP_STATE_MAGIC))) {
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP,
                              "%s/" STATE_FILE " is not the state of a chip; remove it to count from zero", folder);
        munmap(data, len);
    }
    if (fd >= 0)
        close(fd);
    *state = status == SS_OK ? data : NULL;
    return status;
}

struct conf {
    bool revision3;
    uint64_t seed;
};

/// What chip.conf says, as far as it is there.
static struct conf read_conf(int dir)
{
    struct conf conf = {.revision3 = true, .seed = 1};
    int fd = openat(dir, CONF_FILE, O_RDONLY | O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    char line[256];
    unsigned major, minor;
    unsigned long long seed;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, " revision = %u.%u", &major, &minor) == 2)
            conf.revision3 = major >= 3;
        else if (sscanf(line, " seed = %llu", &seed) == 1)
            conf.seed = seed;
    }
    if (f)
        fclose(f);
    return conf;
}

/// The files of an open folder; all zero: none.
struct mapped {
    void *flash, *silicon;
    struct ss_chip_state *state;
    size_t flash_len, efuse_len;
    int lock; ///< flash.bin, open and locked; -1
};

static ss_status_t map_all(int dir, const char *folder, const struct conf *conf, struct mapped *m, struct ss_error *err)
{
    int efuse_fd = -1;
    ss_status_t status = map(dir, folder, FLASH_FILE, &m->flash, &m->flash_len, &m->lock, err);
    if (status == SS_OK && flock(m->lock, LOCK_EX | LOCK_NB))
        status = ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_CHIP, "%s is in use by another process", folder);
    if (status == SS_OK)
        status = map(dir, folder, EFUSE_FILE, &m->silicon, &m->efuse_len, &efuse_fd, err);
    if (efuse_fd >= 0)
        close(efuse_fd);
    if (status == SS_OK && m->efuse_len != SS_EFUSE_IMAGE_SIZE)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "%s/" EFUSE_FILE " is %zu bytes, not %u",
                              folder, m->efuse_len, SS_EFUSE_IMAGE_SIZE);
    if (status == SS_OK && m->flash_len > SS_FLASH_MAX_SECTORS * SS_FLASH_SECTOR)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "%s/" FLASH_FILE " is %zu bytes, over 16 MiB",
                              folder, m->flash_len);
    if (status == SS_OK)
        status = map_state(dir, folder, conf->seed, &m->state, err);
    return status;
}

static void unmap(struct mapped *m)
{
    if (m->silicon)
        munmap(m->silicon, m->efuse_len);
    if (m->flash)
        munmap(m->flash, m->flash_len);
    if (m->state)
        munmap(m->state, sizeof *m->state);
    if (m->lock >= 0)
        close(m->lock);
}

ss_status_t ss_chip_open(const char *folder, struct ss_vchip **chip, struct ss_error *err)
{
    struct mapped m = {.lock = -1};
    *chip = NULL;
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "%s: %s", folder, strerror(errno));
    struct conf conf = read_conf(dir);
    ss_status_t status = map_all(dir, folder, &conf, &m, err);
    close(dir);
    if (status == SS_OK)
        status = ss_chip_assemble(m.flash, (uint32_t)m.flash_len, m.silicon, m.state, chip, err);
    if (status != SS_OK) {
        unmap(&m);
        return status;
    }
    (*chip)->apb_date_bit31 = conf.revision3;
    (*chip)->lock = m.lock;
    ss_chip_reset(*chip);
    return SS_OK;
}

void ss_chip_unmap(struct ss_vchip *chip)
{
    struct mapped m = {.flash = chip->flash.data,
                       .silicon = chip->silicon,
                       .state = chip->state,
                       .flash_len = chip->flash.size,
                       .efuse_len = SS_EFUSE_IMAGE_SIZE,
                       .lock = chip->lock};
    unmap(&m);
}
