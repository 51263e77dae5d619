/* text_file.c - reading and writing of text with and without zlib. */
#include "history/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZLIB_CONST /* what is compressed is not written to */
#include <zlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/str.h"

enum {
    BLOCK_BYTES = 64 << 10,
    INFLATE_BYTES_MAX = 1 << 20, /* at once */
    GZIP_WINDOW = 15 + 16,       /* zlib's way to ask for gzip and its checksum */
};

static const unsigned char gzip_magic[] = {0x1f, 0x8b};

/* --- reading ---------------------------------------------------------------------------------- */

struct mw_text_reader {
    int fd;
    bool is_gzip, in_member; /* the first bytes said so; a member has begun and not ended */
    char *name;              /* owns */
    z_stream stream;         /* next_in and avail_in are used without gzip, too */
    unsigned char block[BLOCK_BYTES];
};

static mw_status fail_reading(const struct mw_text_reader *reader, struct mw_error *err)
{
    return mw_fail(err, MW_EIO, "%s: %s", reader->name, strerror(errno));
}

/* Adds to the block behind what is left of it; `*got` is 0 at the end of the file. */
static mw_status fill(struct mw_text_reader *reader, size_t *got, struct mw_error *err)
{
    z_stream *stream = &reader->stream;
    if (stream->avail_in > 0)
        memmove(reader->block, stream->next_in, stream->avail_in);
    stream->next_in = reader->block;
    ssize_t count;
    do {
        count = read(reader->fd, reader->block + stream->avail_in, BLOCK_BYTES - stream->avail_in);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail_reading(reader, err);
    stream->avail_in += (unsigned)count;
    *got = (size_t)count;
    return MW_OK;
}

/* Looks at the first bytes: two must be there before there is anything to tell. */
static mw_status recognise(struct mw_text_reader *reader, struct mw_error *err)
{
    size_t got = 1;
    while (reader->stream.avail_in < sizeof(gzip_magic) && got > 0) {
        mw_status status = fill(reader, &got, err);
        if (status != MW_OK)
            return status;
    }
    if (reader->stream.avail_in < sizeof(gzip_magic) ||
        memcmp(reader->block, gzip_magic, sizeof(gzip_magic)) != 0)
        return MW_OK;
    MW_CHECK(inflateInit2(&reader->stream, GZIP_WINDOW) == Z_OK);
    reader->is_gzip = reader->in_member = true;
    return MW_OK;
}

mw_status mw_text_reader_open(const char *path, struct mw_text_reader **out, struct mw_error *err)
{
    bool is_standard = strcmp(path, "-") == 0;
    struct mw_text_reader *reader = mw_alloc_zero(sizeof(*reader));
    reader->name = mw_strdup(is_standard ? "standard input" : path);
    reader->stream.next_in = reader->block;
    reader->fd = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    mw_status status = reader->fd < 0 ? fail_reading(reader, err) : recognise(reader, err);
    if (status != MW_OK) {
        mw_text_reader_close(reader);
        return status;
    }
    *out = reader;
    return MW_OK;
}

void mw_text_reader_close(struct mw_text_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->is_gzip)
        inflateEnd(&reader->stream);
    if (reader->fd > STDIN_FILENO)
        close(reader->fd);
    mw_free(reader->name);
    mw_free(reader);
}

const char *mw_text_reader_name(const struct mw_text_reader *reader)
{
    return reader->name;
}

/* Takes what is in the block first, then reads straight into `bytes`. */
static mw_status read_plain(struct mw_text_reader *reader, char *bytes, size_t size, size_t *got,
                            struct mw_error *err)
{
    z_stream *stream = &reader->stream;
    if (stream->avail_in > 0) {
        *got = stream->avail_in < size ? stream->avail_in : size;
        memcpy(bytes, stream->next_in, *got);
        stream->next_in += *got;
        stream->avail_in -= (unsigned)*got;
        return MW_OK;
    }
    ssize_t count;
    do {
        count = read(reader->fd, bytes, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail_reading(reader, err);
    *got = (size_t)count;
    return MW_OK;
}

/* Between two members, or at the end: another one begins, or nothing follows. */
static mw_status next_member(struct mw_text_reader *reader, bool *is_end, struct mw_error *err)
{
    z_stream *stream = &reader->stream;
    size_t more = 1;
    while (stream->avail_in < sizeof(gzip_magic) && more > 0) {
        mw_status status = fill(reader, &more, err);
        if (status != MW_OK)
            return status;
    }
    *is_end = stream->avail_in == 0;
    if (*is_end)
        return MW_OK;
    if (stream->avail_in < sizeof(gzip_magic) ||
        memcmp(stream->next_in, gzip_magic, sizeof(gzip_magic)) != 0)
        return mw_fail(err, MW_EHISTORY, "%s: something that is not gzip follows its end",
                       reader->name);
    MW_CHECK(inflateReset(stream) == Z_OK);
    reader->in_member = true;
    return MW_OK;
}

static mw_status read_gzip(struct mw_text_reader *reader, char *bytes, size_t size, size_t *got,
                           struct mw_error *err)
{
    z_stream *stream = &reader->stream;
    stream->next_out = (unsigned char *)bytes;
    stream->avail_out = size < INFLATE_BYTES_MAX ? (unsigned)size : INFLATE_BYTES_MAX;
    unsigned room = stream->avail_out;
    while (stream->avail_out == room) {
        bool is_end = false;
        size_t more = 1;
        mw_status status = MW_OK;
        if (!reader->in_member)
            status = next_member(reader, &is_end, err);
        else if (stream->avail_in == 0)
            status = fill(reader, &more, err);
        if (status != MW_OK)
            return status;
        if (is_end)
            break;
        if (more == 0)
            return mw_fail(err, MW_EHISTORY, "%s: ends in the middle of its gzip data",
                           reader->name);
        int code = inflate(stream, Z_NO_FLUSH);
        if (code == Z_STREAM_END)
            reader->in_member = false;
        else if (code != Z_OK)
            return mw_fail(err, MW_EHISTORY, "%s: damaged gzip data (%s)", reader->name,
                           stream->msg != NULL ? stream->msg : "no reason given");
    }
    *got = room - stream->avail_out;
    return MW_OK;
}

mw_status mw_text_reader_read(struct mw_text_reader *reader, char *bytes, size_t size, size_t *got,
                              struct mw_error *err)
{
    MW_CHECK(size > 0);
    return reader->is_gzip ? read_gzip(reader, bytes, size, got, err)
                           : read_plain(reader, bytes, size, got, err);
}

/* --- writing ---------------------------------------------------------------------------------- */

struct mw_text_writer {
    int fd;
    bool is_gzip, is_finished;
    char *path;           /* owns; as messages name it */
    char *temporary;      /* owns; NULL when it is written to directly */
    z_stream stream;      /* with gzip */
    unsigned char *block; /* owns, BLOCK_BYTES */
};

static mw_status fail_writing(const struct mw_text_writer *writer, struct mw_error *err)
{
    mw_status status = errno == EPIPE ? MW_ECLOSED : MW_EIO;
    return mw_fail(err, status, "%s: %s", writer->path, strerror(errno));
}

/* Opens a file beside `path`, with the rights that one made in the usual way has. */
static mw_status open_temporary(struct mw_text_writer *writer, struct mw_error *err)
{
    struct mw_str name = MW_STR_INIT(MW_PATH_BYTES_MAX);
    if (!mw_str_addf(&name, "%s.XXXXXX", writer->path)) {
        mw_str_deinit(&name);
        return mw_fail(err, MW_EIO, "%.40s...: the path has more than %d bytes", writer->path,
                       MW_PATH_BYTES_MAX);
    }
    writer->fd = mkostemp(name.data, O_CLOEXEC);
    if (writer->fd < 0) {
        mw_str_deinit(&name);
        return fail_writing(writer, err);
    }
    writer->temporary = name.data; /* taken */
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(writer->fd, 0666 & ~mask) != 0)
        return fail_writing(writer, err);
    return MW_OK;
}

static mw_status open_target(struct mw_text_writer *writer, struct mw_error *err)
{
    struct stat info;
    if (strcmp(writer->path, "-") == 0) {
        mw_free(writer->path);
        writer->path = mw_strdup("standard output");
        writer->fd = STDOUT_FILENO;
        return MW_OK;
    }
    if (stat(writer->path, &info) != 0 || S_ISREG(info.st_mode))
        return open_temporary(writer, err);
    writer->fd = open(writer->path, O_WRONLY | O_CLOEXEC);
    return writer->fd < 0 ? fail_writing(writer, err) : MW_OK;
}

mw_status mw_text_writer_open(const char *path, bool gzip, struct mw_text_writer **out,
                              struct mw_error *err)
{
    struct mw_text_writer *writer = mw_alloc_zero(sizeof(*writer));
    writer->fd = -1;
    writer->path = mw_strdup(path);
    writer->block = mw_alloc(BLOCK_BYTES);
    mw_status status = open_target(writer, err);
    if (status != MW_OK) {
        mw_text_writer_close(writer);
        return status;
    }
    if (gzip)
        MW_CHECK(deflateInit2(&writer->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                              Z_DEFAULT_STRATEGY) == Z_OK);
    writer->is_gzip = gzip;
    *out = writer;
    return MW_OK;
}

static mw_status write_all(struct mw_text_writer *writer, const void *bytes, size_t length,
                           struct mw_error *err)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t count = write(writer->fd, at, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail_writing(writer, err);
        at += count;
        length -= (size_t)count;
    }
    return MW_OK;
}

/* Compresses what stream->next_in has; with `flush` Z_FINISH to the end. */
static mw_status deflate_all(struct mw_text_writer *writer, int flush, struct mw_error *err)
{
    z_stream *stream = &writer->stream;
    do {
        stream->next_out = writer->block;
        stream->avail_out = BLOCK_BYTES;
        MW_CHECK(deflate(stream, flush) != Z_STREAM_ERROR);
        mw_status status = write_all(writer, writer->block, BLOCK_BYTES - stream->avail_out, err);
        if (status != MW_OK)
            return status;
    } while (stream->avail_out == 0);
    return MW_OK;
}

mw_status mw_text_writer_write(struct mw_text_writer *writer, const char *bytes, size_t length,
                               struct mw_error *err)
{
    MW_CHECK(length <= UINT32_MAX);
    if (!writer->is_gzip)
        return write_all(writer, bytes, length, err);
    writer->stream.next_in = (const unsigned char *)bytes;
    writer->stream.avail_in = (unsigned)length;
    return deflate_all(writer, Z_NO_FLUSH, err);
}

mw_status mw_text_writer_finish(struct mw_text_writer *writer, struct mw_error *err)
{
    if (writer->is_gzip) {
        writer->stream.next_in = NULL;
        writer->stream.avail_in = 0;
        mw_status status = deflate_all(writer, Z_FINISH, err);
        if (status != MW_OK)
            return status;
    }
    if (writer->temporary != NULL) {
        if (fsync(writer->fd) != 0 || rename(writer->temporary, writer->path) != 0)
            return fail_writing(writer, err);
    }
    writer->is_finished = true;
    return MW_OK;
}

void mw_text_writer_close(struct mw_text_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->is_gzip)
        deflateEnd(&writer->stream);
    if (writer->fd >= 0 && writer->fd != STDOUT_FILENO)
        close(writer->fd);
    if (writer->temporary != NULL && !writer->is_finished)
        unlink(writer->temporary);
    mw_free(writer->temporary);
    mw_free(writer->path);
    mw_free(writer->block);
    mw_free(writer);
}
