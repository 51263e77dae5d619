/* venue_binance.c - Binance spot: requests, klines pushed, klines asked for.
 *
 * Field order and number formats are those of recorded frames. What differs from the venue: a
 * stream that does not exist is refused, where the venue says yes and stays silent.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/document.h"
#include "server/venue.h"

enum {
    PATH_COMBINED = 0,
    TRADES_PER_SECOND_MAX = 8, /* of made-up prices; trade ids count this many a second */
    ID_BYTES_MAX = 38,         /* a string of 36 and its quotes */
    LIMIT_DEFAULT = 500,       /* rows of an answer */
};

static const char *const paths[] = {"/stream", "/ws", NULL};
static const char stream_mark[] = "@kline_";

static bool refuse(const struct mw_venue_request *request, struct mw_str *reply,
                   const char *message, const char *value)
{
    struct mw_str text = MW_STR_INIT(1024);
    mw_str_adds(&text, message);
    if (value != NULL)
        mw_str_addf(&text, " %.128s", value);
    mw_str_adds(reply, "{\"error\":{\"code\":2,\"msg\":");
    mw_document_quote(text.data, reply);
    mw_str_addf(reply, "},\"id\":%s}", request->id.data);
    mw_str_deinit(&text);
    return false;
}

static bool read_id(const struct mw_document *id, struct mw_venue_request *request)
{
    if (id == NULL || mw_document_is_null(id))
        return true;
    struct mw_str text = MW_STR_INIT(ID_BYTES_MAX);
    bool good = (mw_document_is_integer(id) || mw_document_string(id) != NULL) &&
                mw_document_write(id, &text);
    if (good) {
        mw_str_clear(&request->id);
        mw_str_add(&request->id, text.data, text.length);
    }
    mw_str_deinit(&text);
    return good;
}

static bool read_stream(const struct mw_stage *stage, const char *stream,
                        struct mw_venue_request *request)
{
    const char *mark = strstr(stream, stream_mark);
    if (mark == NULL)
        return false;
    const char *interval = mark + sizeof(stream_mark) - 1;
    int64_t symbol = mw_stage_find_lower(stage, stream, (size_t)(mark - stream));
    int64_t timeframe = mw_stage_find_timeframe(stage, interval, strlen(interval));
    if (symbol < 0 || timeframe < 0)
        return false;
    mw_venue_request_add(request, (uint32_t)symbol, (uint32_t)timeframe);
    return true;
}

static bool read_streams(const struct mw_stage *stage, const struct mw_document *params,
                         struct mw_venue_request *request, struct mw_str *reply)
{
    int64_t count = mw_document_count(params);
    if (count <= 0)
        return refuse(request, reply, "Invalid request: params must be an array of streams", NULL);
    for (int64_t i = 0; i < count; i++) {
        const char *stream = mw_document_string(mw_document_element(params, (size_t)i));
        if (stream == NULL)
            return refuse(request, reply, "Invalid request: streams must be strings", NULL);
        if (!read_stream(stage, stream, request))
            return refuse(request, reply, "Invalid request: invalid stream", stream);
    }
    return true;
}

static bool read_request(const struct mw_stage *stage, const struct mw_document *json,
                         struct mw_venue_request *request, struct mw_str *reply)
{
    if (!read_id(mw_document_find(json, "id"), request))
        return refuse(request, reply, "Invalid request: request ID must be an unsigned integer",
                      NULL);
    const char *method = mw_document_string(mw_document_find(json, "method"));
    if (method == NULL)
        return refuse(request, reply, "Invalid request: missing field `method`", NULL);
    if (strcmp(method, "SUBSCRIBE") == 0)
        request->verb = MW_VENUE_ADD;
    else if (strcmp(method, "UNSUBSCRIBE") == 0)
        request->verb = MW_VENUE_REMOVE;
    else if (strcmp(method, "LIST_SUBSCRIPTIONS") == 0)
        request->verb = MW_VENUE_LIST;
    else
        return refuse(request, reply, "Invalid request: unknown method", method);
    return request->verb == MW_VENUE_LIST ||
           read_streams(stage, mw_document_find(json, "params"), request, reply);
}

static bool parse(const struct mw_stage *stage, const char *text, size_t length,
                  struct mw_venue_request *request, struct mw_str *reply)
{
    struct mw_document *json;
    if (mw_document_read(text, length, &json, NULL) != MW_OK)
        return refuse(request, reply, "Invalid JSON", NULL);
    bool good = read_request(stage, json, request, reply);
    mw_document_free(json);
    return good;
}

/* What a list of streams is written with. */
struct list_writer {
    const struct mw_stage *stage;
    struct mw_str *reply;
    const char *separator;
};

static void list_stream(void *user, uint32_t symbol, uint32_t timeframe)
{
    struct list_writer *list = user;
    mw_str_addf(list->reply, "%s\"%s%s%s\"", list->separator, list->stage->symbols[symbol].lower,
                stream_mark, list->stage->timeframes[timeframe].text);
    list->separator = ",";
}

static void confirm(const struct mw_stage *stage, const struct mw_venue_request *request,
                    const struct mw_playback *playback, struct mw_str *reply)
{
    if (request->verb == MW_VENUE_LIST) {
        struct list_writer list = {stage, reply, ""};
        mw_str_adds(reply, "{\"result\":[");
        mw_playback_each(playback, list_stream, &list);
        mw_str_addf(reply, "],\"id\":%s}", request->id.data);
    } else {
        mw_str_addf(reply, "{\"result\":null,\"id\":%s}", request->id.data);
    }
}

static void put_number(struct mw_venue_writer *w, const char *key, double value)
{
    mw_venue_put(w, key);
    mw_venue_put_fixed(w, value);
}

static void put_integer(struct mw_venue_writer *w, const char *key, int64_t value)
{
    mw_venue_put(w, key);
    mw_venue_put_integer(w, value);
}

/* The object `k`. Half of the volume counts as bought by takers. */
static void put_kline(struct mw_venue_writer *w, const struct mw_playback_event *event,
                      const char *symbol, const char *interval)
{
    const struct mw_candle *candle = &event->candle;
    int64_t trades = candle->trades;
    int64_t first_id = candle->open_ms / MW_MS_PER_SECOND * TRADES_PER_SECOND_MAX;
    put_integer(w, "\"k\":{\"t\":", candle->open_ms);
    put_integer(w, ",\"T\":", event->end_ms - 1);
    mw_venue_put(w, ",\"s\":\"");
    mw_venue_put(w, symbol);
    mw_venue_put(w, "\",\"i\":\"");
    mw_venue_put(w, interval);
    put_integer(w, "\",\"f\":", trades > 0 ? first_id : -1);
    put_integer(w, ",\"L\":", trades > 0 ? first_id + trades - 1 : -1);
    put_number(w, ",\"o\":\"", candle->open);
    put_number(w, "\",\"c\":\"", candle->close);
    put_number(w, "\",\"h\":\"", candle->high);
    put_number(w, "\",\"l\":\"", candle->low);
    put_number(w, "\",\"v\":\"", candle->volume);
    put_integer(w, "\",\"n\":", trades);
    mw_venue_put(w, candle->state == MW_CANDLE_CLOSED ? ",\"x\":true" : ",\"x\":false");
    put_number(w, ",\"q\":\"", candle->turnover);
    put_number(w, "\",\"V\":\"", candle->volume / 2);
    put_number(w, "\",\"Q\":\"", candle->turnover / 2);
    mw_venue_put(w, "\",\"B\":\"0\"}");
}

static size_t format(const struct mw_stage *stage, const struct mw_playback_event *event,
                     size_t path, char *text)
{
    const struct mw_stage_symbol *symbol = &stage->symbols[event->symbol];
    const char *interval = stage->timeframes[event->timeframe].text;
    struct mw_venue_writer writer = {text}, *w = &writer;
    if (path == PATH_COMBINED) {
        mw_venue_put(w, "{\"stream\":\"");
        mw_venue_put(w, symbol->lower);
        mw_venue_put(w, stream_mark);
        mw_venue_put(w, interval);
        mw_venue_put(w, "\",\"data\":");
    }
    put_integer(w, "{\"e\":\"kline\",\"E\":", event->time_ms);
    mw_venue_put(w, ",\"s\":\"");
    mw_venue_put(w, symbol->name);
    mw_venue_put(w, "\",");
    put_kline(w, event, symbol->name, interval);
    mw_venue_put(w, path == PATH_COMBINED ? "}}" : "}");
    return (size_t)(writer.at - text);
}

static size_t notice(size_t path, int64_t time_ms, char *text)
{
    struct mw_venue_writer writer = {text}, *w = &writer;
    if (path == PATH_COMBINED)
        mw_venue_put(w, "{\"stream\":\"!serverShutdown\",\"data\":");
    put_integer(w, "{\"e\":\"serverShutdown\",\"E\":", time_ms);
    mw_venue_put(w, path == PATH_COMBINED ? "}}" : "}");
    return (size_t)(writer.at - text);
}

static bool refuse_query(struct mw_str *reply, int code, const char *format, const char *name)
{
    struct mw_str text = MW_STR_INIT(1024);
    mw_str_addf(&text, "%s%s%s", format, name != NULL ? " " : "", name != NULL ? name : "");
    mw_str_addf(reply, "{\"code\":%d,\"msg\":", code);
    mw_document_quote(text.data, reply);
    mw_str_adds(reply, "}");
    mw_str_deinit(&text);
    return false;
}

static bool ask(const struct mw_stage *stage, const struct mw_venue_query *query,
                struct mw_history_range *range, struct mw_str *reply)
{
    static const char *const names[] = {"symbol",  "interval", "startTime",
                                        "endTime", "limit",    NULL};
    const char *odd = mw_venue_query_odd(query, names);
    if (odd != NULL)
        return refuse_query(reply, -1104, "Not all sent parameters were read; not", odd);
    const char *symbol = mw_venue_query_find(query, "symbol");
    const char *interval = mw_venue_query_find(query, "interval");
    if (symbol == NULL || interval == NULL)
        return refuse_query(reply, -1102, "Mandatory parameter was not sent:",
                            symbol == NULL ? "symbol" : "interval");
    int64_t symbol_index = mw_stage_find_symbol(stage, symbol, strlen(symbol));
    if (symbol_index < 0)
        return refuse_query(reply, -1121, "Invalid symbol.", NULL);
    int64_t timeframe_index = mw_stage_find_timeframe(stage, interval, strlen(interval));
    if (timeframe_index < 0)
        return refuse_query(reply, -1120, "Invalid interval.", NULL);
    int64_t from_ms = 0, to_ms = MW_QUERY_TIME_MS_MAX, limit = LIMIT_DEFAULT;
    const char *wrong =
        !mw_venue_query_number(query, "startTime", MW_QUERY_TIME_MS_MAX, &from_ms) ? "startTime"
        : !mw_venue_query_number(query, "endTime", MW_QUERY_TIME_MS_MAX, &to_ms)   ? "endTime"
        : !mw_venue_query_number(query, "limit", MW_SERVED_ROWS_MAX, &limit) || limit == 0 ? "limit"
                                                                                           : NULL;
    if (wrong != NULL)
        return refuse_query(reply, -1130, "Data sent for parameter is not valid:", wrong);
    *range = (struct mw_history_range){.symbol = (uint32_t)symbol_index,
                                       .timeframe = (uint32_t)timeframe_index,
                                       .from_ms = from_ms,
                                       .to_ms = to_ms,
                                       .limit = (uint32_t)limit,
                                       .newest = mw_venue_query_find(query, "startTime") == NULL};
    return true;
}

static void begin_history(const struct mw_stage *stage, const struct mw_history_range *range,
                          struct mw_str *answer)
{
    (void)stage;
    (void)range;
    mw_str_adds(answer, "[");
}

static size_t format_row(const struct mw_playback_event *event, char *text)
{
    const struct mw_candle *candle = &event->candle;
    struct mw_venue_writer writer = {text}, *w = &writer;
    put_integer(w, "[", candle->open_ms);
    put_number(w, ",\"", candle->open);
    put_number(w, "\",\"", candle->high);
    put_number(w, "\",\"", candle->low);
    put_number(w, "\",\"", candle->close);
    put_number(w, "\",\"", candle->volume);
    put_integer(w, "\",", event->end_ms - 1);
    put_number(w, ",\"", candle->turnover);
    put_integer(w, "\",", candle->trades);
    put_number(w, ",\"", candle->volume / 2);
    put_number(w, "\",\"", candle->turnover / 2);
    mw_venue_put(w, "\",\"0\"]");
    return (size_t)(writer.at - text);
}

const struct mw_venue mw_venue_binance = {
    .name = "binance",
    .paths = paths,
    .ping_s = 20,
    .parse = parse,
    .confirm = confirm,
    .format = format,
    .notice = notice,
    .history_path = "/api/v3/klines",
    .ask = ask,
    .begin_history = begin_history,
    .history_end = "]",
    .format_row = format_row,
};
