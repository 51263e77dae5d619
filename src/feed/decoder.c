/* decoder.c - patterns and fields, looked up in parsed JSON. */
#include "feed/decoder.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "feed/json.h"

struct mw_decoder {
    const struct mw_protocol *protocol; /* borrows */
    struct mw_json *json;               /* owns */
    struct mw_decoded_row row;          /* what `rows` of the last result points to */
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
    return decoder;
}

void mw_decoder_free(struct mw_decoder *decoder)
{
    if (decoder == NULL)
        return;
    mw_json_free(decoder->json);
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

static void decode_candle(struct mw_decoder *decoder, struct mw_decoded *decoded)
{
    const struct mw_candle_pattern *pattern = &decoder->protocol->candles;
    struct mw_decoded_row *row = &decoder->row;
    memset(row, 0, sizeof(*row));
    row->candle.turnover = (double)NAN;
    row->candle.source = MW_SOURCE_LIVE;
    for (int field = 0; field < MW_FIELD_COUNT; field++) {
        struct mw_json_value value;
        if (!locate(decoder->json, &pattern->fields[field], &value)) {
            if (field < MW_FIELD_REQUIRED_COUNT) {
                reject(decoded, MW_REJECT_MISSING_FIELD);
                return;
            }
            continue;
        }
        read_result result = read_field(pattern, &value, field, row);
        if (result != READ_GOOD) {
            reject(decoded,
                   result == READ_WRONG_TYPE ? MW_REJECT_WRONG_TYPE : MW_REJECT_NOT_A_NUMBER);
            return;
        }
    }
    decoded->kind = MW_DECODED_CANDLES;
    decoded->rows = row;
    decoded->row_count = 1;
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

void mw_decoder_decode(struct mw_decoder *decoder, const char *data, size_t length,
                       struct mw_decoded *decoded)
{
    const struct mw_protocol *protocol = decoder->protocol;
    *decoded = (struct mw_decoded){.kind = MW_DECODED_OTHER, .message = {"", 0}};
    mw_json_result parsed = mw_json_parse(decoder->json, data, length);
    if (parsed != MW_JSON_OK) {
        reject(decoded, parsed == MW_JSON_NOT_UTF8 ? MW_REJECT_NOT_UTF8 : MW_REJECT_NOT_JSON);
        return;
    }
    if (pattern_matches(decoder->json, &protocol->candles.when)) {
        decode_candle(decoder, decoded);
        return;
    }
    for (uint32_t i = 0; i < protocol->error_count; i++) {
        if (pattern_matches(decoder->json, &protocol->error[i].when)) {
            decode_reply(decoder, &protocol->error[i], MW_DECODED_ERROR, decoded);
            return;
        }
    }
    for (uint32_t i = 0; i < protocol->ok_count; i++) {
        if (pattern_matches(decoder->json, &protocol->ok[i].when)) {
            decode_reply(decoder, &protocol->ok[i], MW_DECODED_OK, decoded);
            return;
        }
    }
}
