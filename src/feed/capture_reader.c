/* capture_reader.c - records of a capture one after the other, and what is wrong with its end. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/limits.h"
#include "feed/capture_file.h"
#include "net/client.h"

enum {
    CHUNK_BYTES = 256 << 10,
    /* A write that was torn leaves at most what one write had: a full buffer or one record. */
    TORN_BYTES_MAX = MW_CAPTURE_PAYLOAD_BYTES_MAX + MW_CAPTURE_BUFFER_BYTES,
};

/* The look for records behind damage may check so many bytes; a tail made to waste time is called
 * damage. */
static const uint64_t search_bytes_max = (uint64_t)1 << 30;

const uint8_t mw_capture_header[MW_CAPTURE_HEADER_BYTES] = {'M', 'W', 'C', 'A', 'P', 0, 1, 0};

struct mw_capture_reader {
    int fd;
    bool borrowed;
    uint8_t *data;               /* owns; capacity and MW_MESSAGE_PADDING bytes */
    size_t start, end, capacity; /* what was read of the file and not given out yet */
    uint64_t offset;             /* of data[start] in the file */
    bool over;                   /* no record begins at `offset` */
    bool at_eof;                 /* data[end] is the end of the file */
    struct mw_error io;
};

/* Makes sure that `wanted` bytes are there from `start` on. False when the file has fewer. */
static bool fill(struct mw_capture_reader *reader, size_t wanted)
{
    if (reader->capacity - reader->start < wanted) {
        memmove(reader->data, reader->data + reader->start, reader->end - reader->start);
        reader->end -= reader->start;
        reader->start = 0;
    }
    while (!reader->at_eof && reader->end - reader->start < wanted) {
        /* Grows with what is there, not with what a length says. */
        if (reader->end == reader->capacity) {
            reader->capacity = reader->capacity * 2 < wanted ? reader->capacity * 2 : wanted;
            reader->data = mw_realloc_array(reader->data, reader->capacity + MW_MESSAGE_PADDING, 1);
        }
        ssize_t got = read(reader->fd, reader->data + reader->end, reader->capacity - reader->end);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            mw_fail(&reader->io, MW_EIO, "cannot read: %s", strerror(errno));
        if (got <= 0)
            reader->at_eof = true;
        else
            reader->end += (size_t)got;
    }
    return reader->end - reader->start >= wanted;
}

static mw_status check_header(struct mw_capture_reader *reader, const char *path,
                              struct mw_error *err)
{
    bool whole = fill(reader, MW_CAPTURE_HEADER_BYTES);
    if (reader->io.status != MW_OK)
        return mw_fail(err, MW_EIO, "%s: %s", path, reader->io.message);
    const uint8_t *at = reader->data;
    size_t magic_length = MW_CAPTURE_HEADER_BYTES - 2;
    if (!whole || memcmp(at, mw_capture_header, magic_length) != 0)
        return mw_fail(err, MW_EPARSE, "%s: not a capture (it does not begin with MWCAP)", path);
    unsigned version = at[magic_length] | (unsigned)at[magic_length + 1] << 8;
    unsigned known = mw_capture_header[magic_length];
    if (version != known)
        return mw_fail(err, MW_EPARSE, "%s: a capture of version %u, want %u", path, version,
                       known);
    reader->start = reader->offset = MW_CAPTURE_HEADER_BYTES;
    return MW_OK;
}

mw_status mw_capture_reader_new(int fd, bool borrowed, const char *path,
                                struct mw_capture_reader **out, struct mw_error *err)
{
    struct mw_capture_reader *reader = mw_alloc_zero(sizeof(*reader));
    reader->fd = fd;
    reader->borrowed = borrowed;
    reader->capacity = CHUNK_BYTES;
    reader->data = mw_alloc_zero(reader->capacity + MW_MESSAGE_PADDING);
    mw_status status = check_header(reader, path, err);
    if (status != MW_OK)
        mw_capture_read_close(reader);
    else
        *out = reader;
    return status;
}

mw_status mw_capture_read_open(const char *path, struct mw_capture_reader **out,
                               struct mw_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    return mw_capture_reader_new(fd, false, path, out, err);
}

void mw_capture_read_close(struct mw_capture_reader *reader)
{
    if (reader == NULL)
        return;
    if (!reader->borrowed)
        close(reader->fd);
    mw_free(reader->data);
    mw_free(reader);
}

bool mw_capture_read(struct mw_capture_reader *reader, struct mw_capture_record *record)
{
    while (!reader->over) {
        size_t size;
        mw_capture_parsed parsed = mw_capture_record_parse(
            reader->data + reader->start, reader->end - reader->start, record, &size);
        if (parsed == MW_CAPTURE_WHOLE) {
            reader->start += size;
            reader->offset += size;
            return true;
        }
        if (parsed == MW_CAPTURE_DAMAGED || !fill(reader, size))
            reader->over = true;
    }
    return false;
}

uint64_t mw_capture_read_offset(const struct mw_capture_reader *reader)
{
    return reader->offset;
}

/* Whether a whole record begins anywhere in the bytes, or finding out takes too long. */
static bool holds_record(const uint8_t *bytes, size_t length)
{
    uint64_t checked = 0;
    for (size_t at = 0; at < length && checked <= search_bytes_max; at++) {
        struct mw_capture_record record;
        size_t size;
        mw_capture_parsed parsed = mw_capture_record_parse(bytes + at, length - at, &record, &size);
        if (parsed == MW_CAPTURE_WHOLE)
            return true;
        if (parsed == MW_CAPTURE_DAMAGED && size <= length - at)
            checked += size;
    }
    return checked > search_bytes_max;
}

void mw_capture_read_tail(struct mw_capture_reader *reader, struct mw_capture_tail *tail)
{
    MW_CHECK(reader->over);
    *tail = (struct mw_capture_tail){.bytes = 0};
    fill(reader, (size_t)TORN_BYTES_MAX + 1);
    tail->bytes = reader->end - reader->start;
    tail->io = reader->io;
    struct stat file;
    if (!reader->at_eof && fstat(reader->fd, &file) == 0 && (uint64_t)file.st_size > reader->offset)
        tail->bytes = (uint64_t)file.st_size - reader->offset;
    tail->is_damage = tail->bytes > TORN_BYTES_MAX ||
                      holds_record(reader->data + reader->start, reader->end - reader->start);
}
