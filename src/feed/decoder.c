/* decoder.c - patterns and fields, looked up in parsed JSON. */
#include "feed/decoder.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "base/limits.h"
#include "base/map.h"
#include "feed/json.h"

struct mw_decoder {
    const struct mw_protocol *protocol; /* borrows */
    struct mw_json *json;               /* owns */
    bool has_texts;                     /* some messages are told by their text */
    struct mw_decoded_row *rows;        /* owns; what `rows` of the last result points to */
    uint32_t row_capacity;
};

static const char *const reject_texts[MW_REJECT_FAULTS] = {
#define MW_REJECT_TEXT(name, text) text,
    MW_REJECT_LIST(MW_REJECT_TEXT)
#undef MW_REJECT_TEXT
};

const char *mw_reject_text(mw_reject reject)
{
    MW_CHECK((unsigned)reject < MW_REJECT_COUNT);
    return reject < MW_REJECT_FAULTS ? reject_texts[reject]
                                     : mw_fault_text((mw_fault)(reject - MW_REJECT_FAULTS + 1));
}

mw_reject mw_reject_of_fault(mw_fault fault)
{
    MW_CHECK(fault != MW_FAULT_NONE);
    return (mw_reject)(MW_REJECT_FAULTS + fault - 1);
}

struct mw_decoder *mw_decoder_new(const struct mw_protocol *protocol)
{
    struct mw_decoder *decoder = mw_alloc_zero(sizeof(*decoder));
    decoder->protocol = protocol;
    decoder->json = mw_json_new();
    decoder->row_capacity = 1;
    decoder->rows = mw_alloc_zero(sizeof(*decoder->rows));
    decoder->has_texts = protocol->heartbeat.reply_text != NULL;
    for (uint32_t i = 0; i < protocol->heartbeat.ping_count; i++)
        if (protocol->heartbeat.pings[i].text != NULL)
            decoder->has_texts = true;
    return decoder;
}

void mw_decoder_free(struct mw_decoder *decoder)
{
    if (decoder == NULL)
        return;
    mw_json_free(decoder->json);
    mw_free(decoder->rows);
    mw_free(decoder);
}

static bool literal_matches(const struct mw_literal *literal, const struct mw_json_value *value)
{
    switch (literal->kind) {
    case MW_LITERAL_ANY:
        return true;
    case MW_LITERAL_NULL:
        return value->kind == MW_JSON_NULL;
    case MW_LITERAL_BOOLEAN:
        return value->kind == MW_JSON_BOOLEAN && value->boolean == literal->boolean;
    case MW_LITERAL_NUMBER:
        return (value->kind == MW_JSON_INTEGER || value->kind == MW_JSON_NUMBER) &&
               value->number == literal->number;
    default:
        return value->kind == MW_JSON_TEXT && value->length == literal->length &&
               memcmp(value->text, literal->text, literal->length) == 0;
    }
}

static bool condition_holds(const struct mw_json *json, const struct mw_condition *condition)
{
    struct mw_json_value value;
    if (!mw_json_find(json, &condition->path, &value))
        return false;
    for (uint32_t i = 0; i < condition->literal_count; i++)
        if (literal_matches(&condition->literals[i], &value))
            return true;
    return false;
}

static bool pattern_matches(const struct mw_json *json, const struct mw_pattern *pattern)
{
    for (uint32_t i = 0; i < pattern->condition_count; i++)
        if (!condition_holds(json, &pattern->conditions[i]))
            return false;
    return true;
}

static bool locate(const struct mw_json *json, const struct mw_locator *locator,
                   struct mw_json_value *value)
{
    for (uint32_t i = 0; i < locator->path_count; i++)
        if (mw_json_find(json, &locator->paths[i], value))
            return true;
    return false;
}

/* The same for a field of a row, which is looked up in the row, then in the message. An element of
 * an array is one of the row's and nobody else's. */
static bool locate_in_row(const struct mw_json *json, const struct mw_locator *locator,
                          struct mw_json_value *value)
{
    for (uint32_t i = 0; i < locator->path_count; i++) {
        const struct mw_path *path = &locator->paths[i];
        if (mw_json_find_in_row(json, path, value) ||
            (path->keys[0].text != NULL && mw_json_find(json, path, value)))
            return true;
    }
    return false;
}

/* What a scalar reader found out. */
typedef enum { READ_GOOD, READ_WRONG_TYPE, READ_NOT_A_NUMBER } read_result;

static read_result read_number(const struct mw_json_value *value, double *out)
{
    if (value->kind == MW_JSON_INTEGER || value->kind == MW_JSON_NUMBER) {
        *out = value->number;
        return READ_GOOD;
    }
    if (value->kind != MW_JSON_TEXT)
        return READ_WRONG_TYPE;
    return mw_decimal_parse(value->text, value->length, out) ? READ_GOOD : READ_NOT_A_NUMBER;
}

/* Times in whole milliseconds stay integers all the way; other units go through a double, which is
 * exact to the millisecond for some 285,000 years. */
static read_result read_time(const struct mw_json_value *value, double ms_per_unit, int64_t *out)
{
    int64_t integer = value->integer;
    bool whole =
        value->kind == MW_JSON_INTEGER ||
        (value->kind == MW_JSON_TEXT && mw_integer_parse(value->text, value->length, &integer));
    if (whole && ms_per_unit == 1) {
        *out = integer;
        return READ_GOOD;
    }
    double number = (double)integer;
    read_result result = whole ? READ_GOOD : read_number(value, &number);
    double ms = number * ms_per_unit;
    if (result == READ_GOOD && !(fabs(ms) < 9e15))
        result = READ_NOT_A_NUMBER;
    if (result == READ_GOOD)
        *out = (int64_t)floor(ms);
    return result;
}

static read_result read_flag(const struct mw_json_value *value, bool *out)
{
    double number;
    if (value->kind == MW_JSON_BOOLEAN) {
        *out = value->boolean;
        return READ_GOOD;
    }
    read_result result = read_number(value, &number);
    if (result == READ_GOOD)
        *out = number != 0;
    return result;
}

static read_result read_optional(const struct mw_json_value *value, int field,
                                 struct mw_candle *candle)
{
    if (value->kind == MW_JSON_NULL)
        return READ_GOOD; /* said to be unknown */
    if (field == MW_FIELD_TURNOVER)
        return read_number(value, &candle->turnover);
    if (field == MW_FIELD_TRADES) {
        double number;
        read_result result = read_number(value, &number);
        if (result == READ_GOOD)
            candle->trades = number >= 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
        return result;
    }
    bool closed = false;
    read_result result = read_flag(value, &closed);
    if (result == READ_GOOD)
        candle->flags |= MW_CANDLE_FLAGGED;
    if (result == READ_GOOD && closed) {
        candle->state = MW_CANDLE_CLOSED;
        candle->closed_by = MW_CLOSED_BY_EXCHANGE;
    }
    return result;
}

static read_result read_field(const struct mw_candle_pattern *pattern,
                              const struct mw_json_value *value, int field,
                              struct mw_decoded_row *row)
{
    struct mw_candle *candle = &row->candle;
    double *const prices[] = {&candle->open, &candle->high, &candle->low, &candle->close,
                              &candle->volume};
    switch (field) {
    case MW_FIELD_SYMBOL:
    case MW_FIELD_TIMEFRAME: {
        if (value->kind != MW_JSON_TEXT)
            return READ_WRONG_TYPE;
        struct mw_text text = {value->text, value->length};
        *(field == MW_FIELD_SYMBOL ? &row->symbol : &row->timeframe_code) = text;
        return READ_GOOD;
    }
    case MW_FIELD_OPEN_TIME:
        return read_time(value, pattern->open_time_ms, &candle->open_ms);
    default:
        if (field < MW_FIELD_REQUIRED_COUNT)
            return read_number(value, prices[field - MW_FIELD_OPEN]);
        return read_optional(value, field, candle);
    }
}

static void reject(struct mw_decoded *decoded, mw_reject reason)
{
    decoded->kind = MW_DECODED_REJECTED;
    decoded->reject = reason;
}

/* Reads the message, or the row that is looked in, into `row`. False when it is rejected. */
static bool decode_row(const struct mw_json *json, const struct mw_candle_pattern *pattern,
                       struct mw_decoded_row *row, struct mw_decoded *decoded)
{
    memset(row, 0, sizeof(*row));
    row->candle.turnover = (double)NAN;
    row->candle.source = MW_SOURCE_LIVE;
    for (int field = 0; field < MW_FIELD_COUNT; field++) {
        const struct mw_locator *locator = &pattern->fields[field];
        struct mw_json_value value;
        bool found = pattern->has_rows ? locate_in_row(json, locator, &value)
                                       : locate(json, locator, &value);
        if (!found) {
            if (field < MW_FIELD_REQUIRED_COUNT && locator->path_count > 0) {
                reject(decoded, MW_REJECT_MISSING_FIELD);
                return false;
            }
            continue;
        }
        read_result result = read_field(pattern, &value, field, row);
        if (result != READ_GOOD) {
            reject(decoded,
                   result == READ_WRONG_TYPE ? MW_REJECT_WRONG_TYPE : MW_REJECT_NOT_A_NUMBER);
            return false;
        }
    }
    return true;
}

/* Makes room for one more row than `count`. */
static void reserve_row(struct mw_decoder *decoder, uint32_t count)
{
    if (count < decoder->row_capacity)
        return;
    decoder->row_capacity *= 2;
    decoder->rows = mw_realloc_array(decoder->rows, decoder->row_capacity, sizeof(*decoder->rows));
}

static void decode_candles(struct mw_decoder *decoder, const struct mw_candle_pattern *pattern,
                           struct mw_decoded *decoded)
{
    uint32_t count = 0;
    if (!pattern->has_rows) {
        if (!decode_row(decoder->json, pattern, decoder->rows, decoded))
            return;
        count = 1;
    } else if (!mw_json_begin_rows(decoder->json, &pattern->rows)) {
        reject(decoded, MW_REJECT_MISSING_FIELD);
        return;
    }
    while (pattern->has_rows && mw_json_next_row(decoder->json)) {
        if (count == MW_CANDLE_ROWS_MAX) {
            reject(decoded, MW_REJECT_TOO_MANY_ROWS);
            return;
        }
        reserve_row(decoder, count);
        if (!decode_row(decoder->json, pattern, &decoder->rows[count], decoded))
            return;
        count++;
    }
    decoded->kind = MW_DECODED_CANDLES;
    decoded->rows = decoder->rows;
    decoded->row_count = count;
}

/* A series as the key of a map. Names too long for any series are cut. */
struct series_key {
    char bytes[MW_SYMBOL_BYTES_MAX + MW_TIMEFRAME_BYTES_MAX + 2];
    size_t length;
};

static void add_name(struct series_key *key, struct mw_text name, size_t length_max)
{
    size_t length = name.length < length_max ? name.length : length_max;
    memcpy(key->bytes + key->length, name.data, length);
    key->length += length;
    key->bytes[key->length++] = '\0';
}

static void make_key(const struct mw_decoded_row *row, struct series_key *key)
{
    key->length = 0;
    add_name(key, row->symbol, MW_SYMBOL_BYTES_MAX);
    add_name(key, row->timeframe_code, MW_TIMEFRAME_BYTES_MAX);
}

/* Says of the rows of a snapshot which are closed. They come in any order and may be of several
 * series, in each of which the newest one forms. */
static void settle_snapshot(struct mw_decoder *decoder, struct mw_decoded *decoded)
{
    struct mw_map newest = MW_MAP_INIT;
    struct series_key key;
    for (uint32_t i = 0; i < decoded->row_count; i++) {
        struct mw_decoded_row *row = &decoder->rows[i];
        make_key(row, &key);
        const struct mw_decoded_row *best = mw_map_find(&newest, key.bytes, key.length);
        if (best == NULL || row->candle.open_ms > best->candle.open_ms)
            mw_map_set(&newest, key.bytes, key.length, row);
    }
    for (uint32_t i = 0; i < decoded->row_count; i++) {
        struct mw_candle *candle = &decoder->rows[i].candle;
        make_key(&decoder->rows[i], &key);
        const struct mw_decoded_row *best = mw_map_find(&newest, key.bytes, key.length);
        MW_CHECK(best != NULL);
        bool older = candle->open_ms < best->candle.open_ms;
        if (older && !(candle->flags & MW_CANDLE_FLAGGED)) {
            candle->state = MW_CANDLE_CLOSED;
            candle->closed_by = MW_CLOSED_BY_EXCHANGE;
        }
        if (older || candle->state == MW_CANDLE_CLOSED)
            candle->source = MW_SOURCE_BACKFILL;
    }
    mw_map_deinit(&newest);
    decoded->kind = MW_DECODED_SNAPSHOT;
}

static void decode_reply(struct mw_decoder *decoder, const struct mw_reply_pattern *pattern,
                         mw_decoded_kind kind, struct mw_decoded *decoded)
{
    struct mw_json_value value;
    double number;
    decoded->kind = kind;
    decoded->has_id = locate(decoder->json, &pattern->id, &value) &&
                      read_time(&value, 1, &decoded->id) == READ_GOOD;
    if (locate(decoder->json, &pattern->message, &value) && value.kind == MW_JSON_TEXT)
        decoded->message = (struct mw_text){value.text, value.length};
    if (locate(decoder->json, &pattern->code, &value) &&
        read_number(&value, &number) == READ_GOOD && fabs(number) < 1e9)
        decoded->code = (int)number;
}

static bool try_replies(struct mw_decoder *decoder, const struct mw_reply_pattern *patterns,
                        uint32_t count, mw_decoded_kind kind, struct mw_decoded *decoded)
{
    for (uint32_t i = 0; i < count; i++) {
        if (pattern_matches(decoder->json, &patterns[i].when)) {
            decode_reply(decoder, &patterns[i], kind, decoded);
            return true;
        }
    }
    return false;
}

/* Parses the message. False when it is rejected. */
static bool parse(struct mw_decoder *decoder, const char *data, size_t length,
                  struct mw_decoded *decoded)
{
    *decoded = (struct mw_decoded){.kind = MW_DECODED_OTHER, .message = {"", 0}};
    mw_json_result parsed = mw_json_parse(decoder->json, data, length);
    if (parsed == MW_JSON_OK)
        return true;
    reject(decoded, parsed == MW_JSON_NOT_UTF8 ? MW_REJECT_NOT_UTF8 : MW_REJECT_NOT_JSON);
    return false;
}

static bool is_text(const char *text, const char *data, size_t length)
{
    return text != NULL && strlen(text) == length && memcmp(text, data, length) == 0;
}

/* Tells pings and pongs that are no JSON. */
static bool try_texts(const struct mw_heartbeat *heartbeat, const char *data, size_t length,
                      struct mw_decoded *decoded)
{
    *decoded = (struct mw_decoded){.kind = MW_DECODED_PONG, .message = {"", 0}};
    if (is_text(heartbeat->reply_text, data, length))
        return true;
    decoded->kind = MW_DECODED_PING;
    for (uint32_t i = 0; i < heartbeat->ping_count; i++) {
        decoded->ping_index = i;
        if (is_text(heartbeat->pings[i].text, data, length))
            return true;
    }
    return false;
}

/* Tells what is neither a candle nor a reply. */
static mw_decoded_kind kind_of_rest(const struct mw_decoder *decoder, struct mw_decoded *decoded)
{
    const struct mw_protocol *protocol = decoder->protocol;
    const struct mw_heartbeat *heartbeat = &protocol->heartbeat;
    for (uint32_t i = 0; i < heartbeat->ping_count; i++) {
        if (heartbeat->pings[i].text == NULL &&
            pattern_matches(decoder->json, &heartbeat->pings[i].when)) {
            decoded->ping_index = i;
            return MW_DECODED_PING;
        }
    }
    if (heartbeat->reply.condition_count > 0 && pattern_matches(decoder->json, &heartbeat->reply))
        return MW_DECODED_PONG;
    for (uint32_t i = 0; i < protocol->notice_count; i++)
        if (pattern_matches(decoder->json, &protocol->notices[i]))
            return MW_DECODED_NOTICE;
    return MW_DECODED_OTHER;
}

void mw_decoder_decode(struct mw_decoder *decoder, const char *data, size_t length,
                       struct mw_decoded *decoded)
{
    const struct mw_protocol *protocol = decoder->protocol;
    if (decoder->has_texts && try_texts(&protocol->heartbeat, data, length, decoded))
        return;
    if (!parse(decoder, data, length, decoded))
        return;
    if (pattern_matches(decoder->json, &protocol->candles.when)) {
        decode_candles(decoder, &protocol->candles, decoded);
        if (decoded->kind == MW_DECODED_CANDLES && protocol->candles.snapshot.condition_count > 0 &&
            pattern_matches(decoder->json, &protocol->candles.snapshot))
            settle_snapshot(decoder, decoded);
        return;
    }
    if (!try_replies(decoder, protocol->error, protocol->error_count, MW_DECODED_ERROR, decoded) &&
        !try_replies(decoder, protocol->ok, protocol->ok_count, MW_DECODED_OK, decoded))
        decoded->kind = kind_of_rest(decoder, decoded);
}

void mw_decoder_decode_history(struct mw_decoder *decoder, const char *data, size_t length,
                               struct mw_decoded *decoded)
{
    const struct mw_history_pattern *history = &decoder->protocol->history;
    if (!parse(decoder, data, length, decoded) ||
        try_replies(decoder, history->error, history->error_count, MW_DECODED_ERROR, decoded))
        return;
    if (!pattern_matches(decoder->json, &history->rows.when)) {
        reject(decoded, MW_REJECT_UNEXPECTED);
        return;
    }
    decode_candles(decoder, &history->rows, decoded);
    for (uint32_t i = 0; i < decoded->row_count; i++)
        decoder->rows[i].candle.source = MW_SOURCE_BACKFILL;
}
