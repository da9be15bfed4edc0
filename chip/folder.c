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
    *len = (size_t)st.st_size;
    *data = *len ? mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0) : MAP_FAILED;
    if (*data != MAP_FAILED)
        return SS_OK;
    if (*len == 0)
        return ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "%s/%s is empty", folder, name);
    return io_error(err, folder, name);
}

/// What chip.conf says, as far as it is there.
static void read_conf(int dir, struct ss_vchip *chip)
{
    int fd = openat(dir, CONF_FILE, O_RDONLY | O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    char line[256];
    unsigned major, minor;
    unsigned long long seed;
    chip->apb_date_bit31 = true;
    chip->power.seed = 1;
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, " revision = %u.%u", &major, &minor) == 2)
            chip->apb_date_bit31 = major >= 3;
        else if (sscanf(line, " seed = %llu", &seed) == 1)
            chip->power.seed = seed;
    }
    if (f)
        fclose(f);
}

ss_status_t ss_chip_open(const char *folder, struct ss_vchip **chip, struct ss_error *err)
{
    void *flash = MAP_FAILED, *silicon = MAP_FAILED;
    size_t flash_len = 0, efuse_len = 0;
    int flash_fd = -1, efuse_fd = -1;
    *chip = NULL;
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return ss_error_set(err, SS_ERROR_IO, SS_AREA_CHIP, "%s: %s", folder, strerror(errno));
    ss_status_t status = map(dir, folder, FLASH_FILE, &flash, &flash_len, &flash_fd, err);
    if (status == SS_OK && flock(flash_fd, LOCK_EX | LOCK_NB))
        status = ss_error_set(err, SS_ERROR_BAD_STATE, SS_AREA_CHIP, "%s is in use by another process", folder);
    if (status == SS_OK)
        status = map(dir, folder, EFUSE_FILE, &silicon, &efuse_len, &efuse_fd, err);
    if (status == SS_OK && efuse_len != SS_EFUSE_IMAGE_SIZE)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "%s/" EFUSE_FILE " is %zu bytes, not %u",
                              folder, efuse_len, SS_EFUSE_IMAGE_SIZE);
    if (status == SS_OK && flash_len > 16u << 20)
        status = ss_error_set(err, SS_ERROR_DATA_INVALID, SS_AREA_CHIP, "%s/" FLASH_FILE " is %zu bytes, over 16 MiB",
                              folder, flash_len);
    if (status == SS_OK)
        status = ss_chip_assemble(flash, (uint32_t)flash_len, silicon, chip, err);
    if (status == SS_OK) {
        read_conf(dir, *chip);
        (*chip)->lock = flash_fd;
        flash_fd = -1;
        ss_chip_reset(*chip);
    } else {
        if (silicon != MAP_FAILED)
            munmap(silicon, efuse_len);
        if (flash != MAP_FAILED)
            munmap(flash, flash_len);
    }
    if (flash_fd >= 0)
        close(flash_fd);
    if (efuse_fd >= 0)
        close(efuse_fd);
    close(dir);
    return status;
}

void ss_chip_unmap(struct ss_vchip *chip)
{
    munmap(chip->silicon, SS_EFUSE_IMAGE_SIZE);
    munmap(chip->flash.data, chip->flash.size);
    close(chip->lock);
}
