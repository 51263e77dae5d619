/* capture.c - two buffers: records go to one while the other is written. */
#include "feed/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "feed/capture_file.h"

struct mw_capture {
    char *path; /* owns */
    int fd;

    pthread_mutex_t write_lock; /* covers the two below, and the file; taken before `lock` */
    uint8_t *spare;             /* owns; the buffer that nobody fills */
    off_t end;                  /* of what is written, which is where a failed write is cut */

    pthread_mutex_t lock; /* covers what is below */
    uint8_t *buffer;      /* owns; MW_CAPTURE_BUFFER_BYTES */
    size_t used;
    uint64_t waiting; /* records in it */
    uint32_t feed_count;
    uint16_t link_counts[MW_CAPTURE_FEEDS_MAX];
    struct mw_capture_status status;
};

/* --- opening ---------------------------------------------------------------------------------- */

/* Whether the file is new, or was torn before its header was written. */
static bool has_no_header(int fd, off_t size)
{
    uint8_t bytes[MW_CAPTURE_HEADER_BYTES];
    return size < MW_CAPTURE_HEADER_BYTES && pread(fd, bytes, (size_t)size, 0) == size &&
           memcmp(bytes, mw_capture_header, (size_t)size) == 0;
}

/* Finds where the last whole record ends. */
static mw_status find_end(int fd, const char *path, uint64_t *end, struct mw_error *err)
{
    struct mw_capture_reader *reader;
    mw_status status = mw_capture_reader_new(fd, true, path, &reader, err);
    if (status != MW_OK)
        return status;
    struct mw_capture_record record;
    while (mw_capture_read(reader, &record))
        ;
    struct mw_capture_tail tail;
    mw_capture_read_tail(reader, &tail);
    *end = mw_capture_read_offset(reader);
    mw_capture_read_close(reader);
    if (tail.io.status != MW_OK)
        return mw_fail(err, MW_EIO, "%s: %s", path, tail.io.message);
    if (tail.is_damage)
        return mw_fail(err, MW_EPARSE,
                       "%s: damaged at byte %llu, with records behind it: record to another file",
                       path, (unsigned long long)*end);
    return MW_OK;
}

/* Brings the file to the end of its last whole record, or of a new header. */
static mw_status prepare(int fd, const char *path, uint64_t *end, uint64_t *cut,
                         struct mw_error *err)
{
    struct stat file;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return mw_fail(err, MW_EIO, "%s: %s", path,
                       errno == EWOULDBLOCK ? "something else is recording to it"
                                            : strerror(errno));
    if (fstat(fd, &file) != 0)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode))
        return mw_fail(err, MW_EIO, "%s: not a regular file", path);
    *end = 0;
    bool is_new = has_no_header(fd, file.st_size);
    mw_status status = is_new ? MW_OK : find_end(fd, path, end, err);
    if (status != MW_OK)
        return status;
    *cut = (uint64_t)file.st_size - *end;
    if (*cut > 0 && ftruncate(fd, (off_t)*end) != 0)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    if (!is_new)
        return MW_OK;
    ssize_t put = pwrite(fd, mw_capture_header, MW_CAPTURE_HEADER_BYTES, 0);
    if (put != MW_CAPTURE_HEADER_BYTES)
        return mw_fail(err, MW_EIO, "%s: %s", path, put < 0 ? strerror(errno) : "no room");
    *end = MW_CAPTURE_HEADER_BYTES;
    return MW_OK;
}

mw_status mw_capture_open(const char *path, struct mw_capture **out, uint64_t *cut,
                          struct mw_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    uint64_t end = 0, torn = 0;
    mw_status status = prepare(fd, path, &end, &torn, err);
    if (status != MW_OK) {
        close(fd);
        return status;
    }
    struct mw_capture *capture = mw_alloc_zero(sizeof(*capture));
    capture->path = mw_strdup(path);
    capture->fd = fd;
    capture->end = (off_t)end;
    capture->buffer = mw_alloc(MW_CAPTURE_BUFFER_BYTES);
    capture->spare = mw_alloc(MW_CAPTURE_BUFFER_BYTES);
    pthread_mutex_init(&capture->write_lock, NULL);
    pthread_mutex_init(&capture->lock, NULL);
    if (cut != NULL)
        *cut = torn;
    *out = capture;
    return MW_OK;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The recording ends here; `lost` records were in what could not be written. */
static void fail(struct mw_capture *capture, int code, uint64_t lost, size_t bytes)
{
    struct mw_error err;
    mw_fail_code(&err, MW_EIO, code, "%s: %s", capture->path, strerror(code));
    pthread_mutex_lock(&capture->lock);
    bool first = !capture->status.has_error;
    if (first) {
        capture->status.has_error = true;
        capture->status.error = err;
    }
    capture->status.lost += lost;
    capture->status.records -= lost;
    capture->status.bytes -= bytes;
    pthread_mutex_unlock(&capture->lock);
    if (first)
        mw_log(MW_LOG_ERROR, "capture %s; nothing more is recorded", err.message);
}

/* Writes under write_lock. What was written in part is cut off again, so that the file ends with a
 * whole record also while it is open. */
static void write_all(struct mw_capture *capture, const uint8_t *bytes, size_t length,
                      uint64_t records)
{
    pthread_mutex_lock(&capture->lock);
    bool has_error = capture->status.has_error;
    pthread_mutex_unlock(&capture->lock);
    size_t done = 0;
    int code = has_error ? ECANCELED : 0;
    while (done < length && code == 0) {
        ssize_t put = pwrite(capture->fd, bytes + done, length - done, capture->end + (off_t)done);
        if (put > 0)
            done += (size_t)put;
        else if (put == 0 || errno != EINTR)
            code = put == 0 ? ENOSPC : errno;
    }
    if (code == 0) {
        capture->end += (off_t)length;
        return;
    }
    if (done > 0 && ftruncate(capture->fd, capture->end) != 0)
        mw_log(MW_LOG_WARN, "capture %s: the torn tail stays: %s", capture->path, strerror(errno));
    fail(capture, code, records, length);
}

/* Writes what is buffered, under write_lock. */
static void drain(struct mw_capture *capture)
{
    pthread_mutex_lock(&capture->lock);
    uint8_t *full = capture->buffer;
    size_t length = capture->used;
    uint64_t records = capture->waiting;
    capture->buffer = capture->spare;
    capture->spare = full;
    capture->used = 0;
    capture->waiting = 0;
    pthread_mutex_unlock(&capture->lock);
    if (length > 0)
        write_all(capture, full, length, records);
}

void mw_capture_flush(struct mw_capture *capture)
{
    if (capture == NULL)
        return;
    pthread_mutex_lock(&capture->write_lock);
    drain(capture);
    pthread_mutex_unlock(&capture->write_lock);
}

/* Counts a record under `lock`. False when nothing is recorded any more. */
static bool count(struct mw_capture *capture, size_t size)
{
    if (capture->status.has_error) {
        capture->status.lost++;
        return false;
    }
    capture->status.records++;
    capture->status.bytes += size;
    return true;
}

/* A record that is larger than a buffer is written by itself. */
static void put_large(struct mw_capture *capture, const struct mw_capture_record *record,
                      size_t size)
{
    uint8_t *bytes = mw_alloc(size);
    mw_capture_record_write(record, bytes);
    pthread_mutex_lock(&capture->write_lock);
    drain(capture);
    pthread_mutex_lock(&capture->lock);
    bool counted = count(capture, size);
    pthread_mutex_unlock(&capture->lock);
    if (counted)
        write_all(capture, bytes, size, 1);
    pthread_mutex_unlock(&capture->write_lock);
    mw_free(bytes);
}

static void put(struct mw_capture *capture, const struct mw_capture_record *record)
{
    size_t size = mw_capture_record_size(record);
    if (size > MW_CAPTURE_BUFFER_BYTES) {
        put_large(capture, record, size);
        return;
    }
    pthread_mutex_lock(&capture->lock);
    while (MW_CAPTURE_BUFFER_BYTES - capture->used < size) {
        pthread_mutex_unlock(&capture->lock);
        mw_capture_flush(capture);
        pthread_mutex_lock(&capture->lock);
    }
    if (count(capture, size)) {
        mw_capture_record_write(record, capture->buffer + capture->used);
        capture->used += size;
        capture->waiting++;
    }
    pthread_mutex_unlock(&capture->lock);
}

void mw_capture_put(const struct mw_capture_tap *tap, mw_capture_kind kind, int64_t time_ms,
                    const struct mw_capture_fields *fields)
{
    if (tap->capture == NULL)
        return;
    const struct mw_capture_record record = {
        .kind = kind, .feed = tap->feed, .link = tap->link, .time_ms = time_ms, .fields = *fields};
    put(tap->capture, &record);
}

/* --- feeds, connections, the end -------------------------------------------------------------- */

mw_status mw_capture_add_feed(struct mw_capture *capture, const struct mw_capture_fields *feed,
                              uint8_t *number, struct mw_error *err)
{
    if (strlen(feed->protocol) > MW_PATH_BYTES_MAX)
        return mw_fail(err, MW_ELIMIT, "%s: the path of feed %s's protocol: more than %d bytes",
                       capture->path, feed->name, MW_PATH_BYTES_MAX);
    pthread_mutex_lock(&capture->lock);
    uint32_t index = capture->feed_count;
    if (index < MW_CAPTURE_FEEDS_MAX)
        capture->feed_count++;
    pthread_mutex_unlock(&capture->lock);
    if (index >= MW_CAPTURE_FEEDS_MAX)
        return mw_fail(err, MW_ELIMIT, "%s: more than %d feeds in one capture", capture->path,
                       MW_CAPTURE_FEEDS_MAX);
    *number = (uint8_t)index;
    const struct mw_capture_record record = {
        .kind = MW_CAPTURE_FEED, .feed = *number, .time_ms = mw_clock_wall_ms(), .fields = *feed};
    put(capture, &record);
    return MW_OK;
}

struct mw_capture_tap mw_capture_tap(struct mw_capture *capture, uint8_t feed)
{
    struct mw_capture_tap tap = {.capture = capture, .feed = feed};
    if (capture == NULL)
        return tap;
    pthread_mutex_lock(&capture->lock);
    MW_CHECK(feed < capture->feed_count);
    tap.link = capture->link_counts[feed]++; /* wraps: 65,536 connections later nobody minds */
    pthread_mutex_unlock(&capture->lock);
    return tap;
}

void mw_capture_get_status(struct mw_capture *capture, struct mw_capture_status *status)
{
    pthread_mutex_lock(&capture->lock);
    *status = capture->status;
    pthread_mutex_unlock(&capture->lock);
}

mw_status mw_capture_close(struct mw_capture *capture, struct mw_error *err)
{
    if (capture == NULL)
        return MW_OK;
    mw_capture_flush(capture);
    if (fdatasync(capture->fd) != 0 && !capture->status.has_error)
        fail(capture, errno, 0, 0);
    close(capture->fd);
    mw_status status = MW_OK;
    if (capture->status.has_error) {
        status = capture->status.error.status;
        if (err != NULL)
            *err = capture->status.error;
    }
    pthread_mutex_destroy(&capture->lock);
    pthread_mutex_destroy(&capture->write_lock);
    mw_free(capture->buffer);
    mw_free(capture->spare);
    mw_free(capture->path);
    mw_free(capture);
    return status;
}
