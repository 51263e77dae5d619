/* capture_record.c - the layout of payloads as a table, and the way there and back. */
#include "feed/capture_record.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/limits.h"

enum {
    FRAME_BYTES = 8, /* length and crc */
    FIXED_BYTES = 12 /* kind, feed, link, time */
};

/* One field of a payload. Data has no limit of its own: the payload's holds. */
struct field {
    enum { NONE, NUMBER, TEXT, DATA } type;
    size_t offset;    /* in struct mw_capture_fields */
    size_t bytes_max; /* of a text */
};

enum { FIELDS_MAX = 7 }; /* of one kind, and an end */

#define FIELD_NUMBER(name)                                                                         \
    {                                                                                              \
        NUMBER, offsetof(struct mw_capture_fields, name), 0                                        \
    }
#define FIELD_TEXT(name, bytes_max)                                                                \
    {                                                                                              \
        TEXT, offsetof(struct mw_capture_fields, name), bytes_max                                  \
    }
#define FIELD_DATA                                                                                 \
    {                                                                                              \
        DATA, offsetof(struct mw_capture_fields, data), 0                                          \
    }
#define FIELD_SYMBOL    FIELD_TEXT(symbol, MW_SYMBOL_BYTES_MAX)
#define FIELD_TIMEFRAME FIELD_TEXT(timeframe, MW_TIMEFRAME_BYTES_MAX - 1)
#define FIELD_CODE      FIELD_TEXT(code, MW_TIMEFRAME_BYTES_MAX - 1)

static const struct field layouts[MW_CAPTURE_KIND_COUNT][FIELDS_MAX] = {
    [MW_CAPTURE_FEED] = {FIELD_NUMBER(bars), FIELD_NUMBER(gap_wait_ms),
                         FIELD_TEXT(name, MW_FEED_NAME_BYTES_MAX),
                         FIELD_TEXT(protocol, MW_PATH_BYTES_MAX)},
    [MW_CAPTURE_SUBSCRIBE] = {FIELD_SYMBOL, FIELD_TIMEFRAME, FIELD_CODE},
    [MW_CAPTURE_UNSUBSCRIBE] = {FIELD_SYMBOL, FIELD_TIMEFRAME, FIELD_CODE},
    [MW_CAPTURE_OPEN] = {FIELD_DATA},
    [MW_CAPTURE_RECEIVED] = {FIELD_DATA},
    [MW_CAPTURE_RECEIVED_BINARY] = {FIELD_DATA},
    [MW_CAPTURE_SENT] = {FIELD_NUMBER(size), FIELD_DATA},
    [MW_CAPTURE_CLOSED] = {FIELD_DATA},
    [MW_CAPTURE_INTERRUPT] = {FIELD_SYMBOL, FIELD_TIMEFRAME, FIELD_CODE},
    [MW_CAPTURE_CLOCK] = {FIELD_NUMBER(open_ms), FIELD_SYMBOL, FIELD_TIMEFRAME},
    [MW_CAPTURE_HISTORY] = {FIELD_NUMBER(from_ms), FIELD_NUMBER(to_ms), FIELD_NUMBER(asked_ms),
                            FIELD_SYMBOL, FIELD_TIMEFRAME, FIELD_DATA},
};

static const char *const kind_names[MW_CAPTURE_KIND_COUNT] = {
#define MW_CAPTURE_KIND_NAME(name, text) #name,
    MW_CAPTURE_KIND_LIST(MW_CAPTURE_KIND_NAME)
#undef MW_CAPTURE_KIND_NAME
};

const char *mw_capture_kind_name(mw_capture_kind kind)
{
    MW_CHECK((unsigned)kind < MW_CAPTURE_KIND_COUNT);
    return kind_names[kind];
}

/* --- numbers ---------------------------------------------------------------------------------- */

static uint8_t *write_number(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
    return out + bytes;
}

static uint64_t read_number(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* --- writing ---------------------------------------------------------------------------------- */

static const void *field_at(const struct mw_capture_fields *fields, const struct field *field)
{
    return (const char *)fields + field->offset;
}

static const char *text_at(const struct mw_capture_fields *fields, const struct field *field)
{
    const char *text = *(const char *const *)field_at(fields, field);
    MW_CHECK(text != NULL);
    return text;
}

size_t mw_capture_record_size(const struct mw_capture_record *record)
{
    MW_CHECK((unsigned)record->kind < MW_CAPTURE_KIND_COUNT);
    size_t payload = 0;
    for (const struct field *field = layouts[record->kind]; field->type != NONE; field++) {
        if (field->type == NUMBER) {
            payload += sizeof(int64_t);
        } else if (field->type == TEXT) {
            size_t length = strlen(text_at(&record->fields, field));
            MW_CHECK(length <= field->bytes_max);
            payload += length + 1;
        } else {
            MW_CHECK(record->fields.length <= MW_CAPTURE_PAYLOAD_BYTES_MAX);
            payload += record->fields.length;
        }
    }
    MW_CHECK(payload <= MW_CAPTURE_PAYLOAD_BYTES_MAX);
    return FRAME_BYTES + FIXED_BYTES + payload;
}

void mw_capture_record_write(const struct mw_capture_record *record, uint8_t *out)
{
    uint8_t *at = out + FRAME_BYTES;
    *at++ = (uint8_t)record->kind;
    *at++ = record->feed;
    at = write_number(at, record->link, sizeof(record->link));
    at = write_number(at, (uint64_t)record->time_ms, sizeof(record->time_ms));
    for (const struct field *field = layouts[record->kind]; field->type != NONE; field++) {
        if (field->type == NUMBER) {
            int64_t number = *(const int64_t *)field_at(&record->fields, field);
            at = write_number(at, (uint64_t)number, sizeof(number));
        } else if (field->type == TEXT) {
            const char *text = text_at(&record->fields, field);
            size_t length = strlen(text) + 1;
            memcpy(at, text, length);
            at += length;
        } else if (record->fields.length > 0) {
            memcpy(at, record->fields.data, record->fields.length);
            at += record->fields.length;
        }
    }
    size_t length = (size_t)(at - out) - FRAME_BYTES;
    write_number(out, length, 4);
    write_number(out + 4, mw_crc32c(out + FRAME_BYTES, length), 4);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Fills the fields of `kind` from the whole payload, or says that it cannot be one. */
static bool parse_payload(mw_capture_kind kind, const uint8_t *at, const uint8_t *end,
                          struct mw_capture_fields *fields)
{
    for (const struct field *field = layouts[kind]; field->type != NONE; field++) {
        void *target = (char *)fields + field->offset;
        size_t left = (size_t)(end - at);
        if (field->type == NUMBER) {
            if (left < sizeof(int64_t))
                return false;
            *(int64_t *)target = (int64_t)read_number(at, sizeof(int64_t));
            at += sizeof(int64_t);
        } else if (field->type == TEXT) {
            const uint8_t *nul =
                memchr(at, '\0', left <= field->bytes_max ? left : field->bytes_max + 1);
            if (nul == NULL)
                return false;
            *(const char **)target = (const char *)at;
            at = nul + 1;
        } else {
            fields->data = (const char *)at;
            fields->length = left;
            at = end;
        }
    }
    return at == end;
}

mw_capture_parsed mw_capture_record_parse(const uint8_t *bytes, size_t length,
                                          struct mw_capture_record *record, size_t *size)
{
    *size = FRAME_BYTES + FIXED_BYTES;
    if (length < 4)
        return MW_CAPTURE_SHORT;
    uint64_t rest = read_number(bytes, 4);
    if (rest < FIXED_BYTES || rest > FIXED_BYTES + MW_CAPTURE_PAYLOAD_BYTES_MAX)
        return MW_CAPTURE_DAMAGED;
    if (length > FRAME_BYTES && bytes[FRAME_BYTES] >= MW_CAPTURE_KIND_COUNT)
        return MW_CAPTURE_DAMAGED;
    *size = FRAME_BYTES + (size_t)rest;
    if (length < *size)
        return MW_CAPTURE_SHORT;
    const uint8_t *at = bytes + FRAME_BYTES;
    if (mw_crc32c(at, (size_t)rest) != read_number(bytes + 4, 4))
        return MW_CAPTURE_DAMAGED;
    struct mw_capture_record parsed = {
        .kind = (mw_capture_kind)at[0],
        .feed = at[1],
        .link = (uint16_t)read_number(at + 2, 2),
        .time_ms = (int64_t)read_number(at + 4, 8),
    };
    if (!parse_payload(parsed.kind, at + FIXED_BYTES, at + rest, &parsed.fields))
        return MW_CAPTURE_DAMAGED;
    *record = parsed;
    return MW_CAPTURE_WHOLE;
}
