/* venue_wealthdata.c - the project's own protocol: bars, heartbeat, history. */
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/document.h"
#include "server/venue.h"

static const char *const paths[] = {"/market_data", NULL};

/* Where the answer to a request is made. */
struct reply_to {
    const struct mw_venue_request *request;
    struct mw_str *reply;
};

static bool refuse(struct reply_to to, const char *message, const char *value)
{
    struct mw_str text = MW_STR_INIT(1024);
    mw_str_adds(&text, message);
    if (value != NULL)
        mw_str_addf(&text, " '%.64s'", value);
    mw_str_addf(to.reply,
                "{\"type\":\"ERROR\",\"request_id\":%s,\"message\":", to.request->id.data);
    mw_document_quote(text.data, to.reply);
    mw_str_adds(to.reply, "}");
    mw_str_deinit(&text);
    return false;
}

/* Marks in `marks` what the array of names asks for, so that names given twice count once. An empty
 * one is how a client gives up all that it follows. */
static bool read_names(const struct mw_stage *stage, const struct mw_document *names, bool symbols,
                       bool *marks, struct reply_to to)
{
    int64_t count = mw_document_count(names);
    if (count < 0)
        return refuse(to, symbols ? "symbols: want an array" : "resolutions: want an array", NULL);
    for (int64_t i = 0; i < count; i++) {
        const char *name = mw_document_string(mw_document_element(names, (size_t)i));
        if (name == NULL)
            return refuse(to, symbols ? "symbols: want strings" : "resolutions: want strings",
                          NULL);
        int64_t index = symbols ? mw_stage_find_symbol(stage, name, strlen(name))
                                : mw_stage_find_timeframe(stage, name, strlen(name));
        if (index < 0)
            return refuse(to, symbols ? "unknown symbol" : "unknown resolution", name);
        marks[index] = true;
    }
    return true;
}

static bool read_topics(const struct mw_stage *stage, const struct mw_document *json,
                        struct mw_venue_request *request, struct reply_to to)
{
    bool *symbols = mw_alloc_zero(stage->symbol_count);
    bool *timeframes = mw_alloc_zero(stage->timeframe_count);
    bool good = read_names(stage, mw_document_find(json, "symbols"), true, symbols, to) &&
                read_names(stage, mw_document_find(json, "resolutions"), false, timeframes, to);
    for (uint32_t i = 0; good && i < stage->symbol_count; i++)
        for (uint32_t j = 0; symbols[i] && j < stage->timeframe_count; j++)
            if (timeframes[j])
                mw_venue_request_add(request, i, j);
    mw_free(timeframes);
    mw_free(symbols);
    return good;
}

/* Always false: nothing is left to carry out. */
static bool answer_ping(const struct mw_document *json, struct reply_to to)
{
    const struct mw_document *time = mw_document_find(json, "time");
    if (time != NULL && !mw_document_is_integer(time))
        return refuse(to, "time: want an integer", NULL);
    mw_str_adds(to.reply, "{\"type\":\"PONG\"");
    if (time != NULL) {
        mw_str_adds(to.reply, ",\"time\":");
        mw_document_write(time, to.reply);
    }
    mw_str_adds(to.reply, "}");
    return false;
}

static bool read_request(const struct mw_stage *stage, const struct mw_document *json,
                         struct mw_venue_request *request, struct reply_to to)
{
    if (!mw_document_is_object(json))
        return refuse(to, "want a JSON object", NULL);
    const struct mw_document *id = mw_document_find(json, "request_id");
    if (mw_document_string(id) != NULL || mw_document_is_integer(id)) {
        mw_str_clear(&request->id);
        mw_document_write(id, &request->id);
    }
    const char *type = mw_document_string(mw_document_find(json, "type"));
    if (type == NULL)
        return refuse(to, "type is missing: want CONNECT", NULL);
    if (strcmp(type, "PING") == 0)
        return answer_ping(json, to);
    if (strcmp(type, "PONG") == 0)
        return false; /* to nobody's ping, or to one that was put there for a test */
    if (strcmp(type, "CONNECT") != 0)
        return refuse(to, "unknown type", type);
    request->verb = MW_VENUE_REPLACE;
    return read_topics(stage, json, request, to);
}

static bool parse(const struct mw_stage *stage, const char *text, size_t length,
                  struct mw_venue_request *request, struct mw_str *reply)
{
    struct reply_to to = {request, reply};
    struct mw_document *json;
    struct mw_error error;
    if (mw_document_read(text, length, &json, &error) != MW_OK)
        return refuse(to, error.message, NULL);
    bool good = read_request(stage, json, request, to);
    mw_document_free(json);
    return good;
}

static void confirm(const struct mw_stage *stage, const struct mw_venue_request *request,
                    const struct mw_playback *playback, struct mw_str *reply)
{
    (void)stage;
    (void)playback;
    mw_str_addf(reply, "{\"type\":\"CONNECTED\",\"request_id\":%s}", request->id.data);
}

/* A candle's values, the same for what is pushed and what is asked for. */
static void put_values(struct mw_venue_writer *w, const struct mw_candle *candle)
{
    mw_venue_put(w, ",\"open\":\"");
    mw_venue_put_shortest(w, candle->open);
    mw_venue_put(w, "\",\"high\":\"");
    mw_venue_put_shortest(w, candle->high);
    mw_venue_put(w, "\",\"low\":\"");
    mw_venue_put_shortest(w, candle->low);
    mw_venue_put(w, "\",\"close\":\"");
    mw_venue_put_shortest(w, candle->close);
    mw_venue_put(w, "\",\"volume\":\"");
    mw_venue_put_shortest(w, candle->volume);
    mw_venue_put(w, "\"");
}

static size_t format(const struct mw_stage *stage, const struct mw_playback_event *event,
                     size_t path, char *text)
{
    (void)path;
    const struct mw_candle *candle = &event->candle;
    bool closed = candle->state == MW_CANDLE_CLOSED;
    struct mw_venue_writer writer = {text}, *w = &writer;
    mw_venue_put(w,
                 closed ? "{\"type\":\"BAR\",\"symbol\":\"" : "{\"type\":\"KLINE\",\"symbol\":\"");
    mw_venue_put(w, stage->symbols[event->symbol].name);
    mw_venue_put(w, "\",\"timeframe\":\"");
    mw_venue_put(w, stage->timeframes[event->timeframe].text);
    mw_venue_put(w, "\",\"open_time\":");
    mw_venue_put_integer(w, candle->open_ms);
    mw_venue_put(w, ",\"close_time\":");
    mw_venue_put_integer(w, event->end_ms - 1);
    put_values(w, candle);
    mw_venue_put(w, closed ? ",\"closed\":true}" : ",\"closed\":false}");
    return (size_t)(writer.at - text);
}

static size_t notice(size_t path, int64_t time_ms, char *text)
{
    (void)path;
    struct mw_venue_writer writer = {text};
    mw_venue_put(&writer, "{\"type\":\"SHUTDOWN\",\"time\":");
    mw_venue_put_integer(&writer, time_ms);
    mw_venue_put(&writer, "}");
    return (size_t)(writer.at - text);
}

static bool refuse_query(struct mw_str *reply, const char *message, const char *value)
{
    struct mw_str text = MW_STR_INIT(1024);
    mw_str_adds(&text, message);
    if (value != NULL)
        mw_str_addf(&text, " '%.64s'", value);
    mw_str_adds(reply, "{\"type\":\"ERROR\",\"message\":");
    mw_document_quote(text.data, reply);
    mw_str_adds(reply, "}");
    mw_str_deinit(&text);
    return false;
}

static bool ask(const struct mw_stage *stage, const struct mw_venue_query *query,
                struct mw_history_range *range, struct mw_str *reply)
{
    static const char *const names[] = {"symbol", "resolution", "from", "to", "limit", NULL};
    const char *odd = mw_venue_query_odd(query, names);
    if (odd != NULL)
        return refuse_query(reply, "parameter unknown or given twice:", odd);
    const char *symbol = mw_venue_query_find(query, "symbol");
    const char *resolution = mw_venue_query_find(query, "resolution");
    if (symbol == NULL || resolution == NULL)
        return refuse_query(reply, "want symbol and resolution", NULL);
    int64_t symbol_index = mw_stage_find_symbol(stage, symbol, strlen(symbol));
    if (symbol_index < 0)
        return refuse_query(reply, "unknown symbol", symbol);
    int64_t timeframe_index = mw_stage_find_timeframe(stage, resolution, strlen(resolution));
    if (timeframe_index < 0)
        return refuse_query(reply, "unknown resolution", resolution);
    int64_t from_ms = 0, to_ms = MW_QUERY_TIME_MS_MAX, limit = MW_SERVED_ROWS_MAX;
    if (!mw_venue_query_number(query, "from", MW_QUERY_TIME_MS_MAX, &from_ms) ||
        !mw_venue_query_number(query, "to", MW_QUERY_TIME_MS_MAX, &to_ms))
        return refuse_query(reply, "from and to: want milliseconds since 1970", NULL);
    if (from_ms > to_ms)
        return refuse_query(reply, "from is after to", NULL);
    if (!mw_venue_query_number(query, "limit", MW_SERVED_ROWS_MAX, &limit) || limit == 0)
        return refuse_query(reply, "limit: want 1 to 1000", NULL);
    *range = (struct mw_history_range){.symbol = (uint32_t)symbol_index,
                                       .timeframe = (uint32_t)timeframe_index,
                                       .from_ms = from_ms,
                                       .to_ms = to_ms,
                                       .limit = (uint32_t)limit,
                                       .newest = mw_venue_query_find(query, "from") == NULL};
    return true;
}

static void begin_history(const struct mw_stage *stage, const struct mw_history_range *range,
                          struct mw_str *answer)
{
    mw_str_addf(answer, "{\"type\":\"HISTORY\",\"symbol\":\"%s\",\"resolution\":\"%s\",\"bars\":[",
                stage->symbols[range->symbol].name, stage->timeframes[range->timeframe].text);
}

static size_t format_row(const struct mw_playback_event *event, char *text)
{
    struct mw_venue_writer writer = {text}, *w = &writer;
    mw_venue_put(w, "{\"open_time\":");
    mw_venue_put_integer(w, event->candle.open_ms);
    put_values(w, &event->candle);
    mw_venue_put(w, "}");
    return (size_t)(writer.at - text);
}

const struct mw_venue mw_venue_wealthdata = {
    .name = "wealthdata",
    .paths = paths,
    .parse = parse,
    .confirm = confirm,
    .format = format,
    .notice = notice,
    .history_path = "/history",
    .ask = ask,
    .begin_history = begin_history,
    .history_end = "]}",
    .format_row = format_row,
};
