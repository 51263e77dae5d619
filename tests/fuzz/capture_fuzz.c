/* capture_fuzz.c - what a reader accepts of any bytes writes the same bytes again. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/crc32c.h"
#include "feed/capture_file.h"
#include "fuzz.h"

enum { BYTES_MAX = 1 << 16 };

/* Chance does not make checksums; mends those of the records that are whole otherwise. */
static void mend(uint8_t *bytes, size_t length)
{
    for (size_t at = 8; at + 8 <= length;) {
        size_t size = bytes[at] | (size_t)bytes[at + 1] << 8 | (size_t)bytes[at + 2] << 16;
        if (bytes[at + 3] != 0 || size > length - at - 8)
            return;
        uint32_t crc = mw_crc32c(bytes + at + 8, size);
        for (int i = 0; i < 4; i++)
            bytes[at + 4 + (size_t)i] = (uint8_t)(crc >> (8 * i));
        at += 8 + size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[BYTES_MAX], again[BYTES_MAX];
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("capture", 0);
    if (size < 1 || size > BYTES_MAX)
        return 0;
    memcpy(bytes, data + 1, --size);
    if ((data[0] & 1) != 0)
        mend(bytes, size);
    MW_CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
    MW_CHECK(lseek(fd, 0, SEEK_SET) == 0);
    struct mw_capture_reader *reader;
    if (mw_capture_reader_new(fd, true, "fuzz", &reader, NULL) != MW_OK)
        return 0;
    struct mw_capture_record record;
    size_t at = MW_CAPTURE_HEADER_BYTES;
    while (mw_capture_read(reader, &record)) {
        size_t length = mw_capture_record_size(&record);
        MW_CHECK(at + length == mw_capture_read_offset(reader));
        mw_capture_record_write(&record, again);
        MW_CHECK(memcmp(again, bytes + at, length) == 0);
        at += length;
    }
    struct mw_capture_tail tail;
    mw_capture_read_tail(reader, &tail);
    MW_CHECK(at + tail.bytes == size && (tail.bytes > 0 || !tail.is_damage));
    mw_capture_read_close(reader);
    return 0;
}
