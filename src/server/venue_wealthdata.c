/* venue_wealthdata.c - the project's own protocol: CONNECT, CONNECTED, KLINE, BAR and ERROR. */
#include <string.h>

#include "base/check.h"
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
    mw_venue_put(w, closed ? "\",\"closed\":true}" : "\",\"closed\":false}");
    return (size_t)(writer.at - text);
}

const struct mw_venue mw_venue_wealthdata = {
    .name = "wealthdata",
    .paths = paths,
    .parse = parse,
    .confirm = confirm,
    .format = format,
};
