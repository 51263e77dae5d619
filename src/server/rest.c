/* rest.c - queries read, answers made and sent. */
#include "server/rest.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

enum {
    TICKS_AT_ONCE = 20000,  /* of made-up prices, about 1 ms: others wait meanwhile */
    PIECE_BYTES = 32 << 10, /* of the answer, at once to a socket */
    HEADER_BYTES = 256,
    ANSWER_BYTES_MAX = MW_SERVED_ROWS_MAX * (MW_VENUE_CANDLE_BYTES + 1) + 1024,
};

struct mw_rest {
    struct lws *wsi;              /* borrows */
    const struct mw_stage *stage; /* borrows */
    const struct mw_venue *venue; /* borrows */
    struct mw_history history;
    bool making; /* bars are still being made */
    struct mw_str head, body;
    size_t sent, end; /* of both together: gone out, and to go out before the connection ends */
    struct mw_saboteur *saboteur; /* borrows; NULL for none */
    struct mw_sabotage sabotage;  /* when `sabotaged` */
    bool sabotaged, over;
    lws_sorted_usec_list_t timer; /* a request that is not answered is over */
    size_t row_count;
    size_t rows[MW_SERVED_ROWS_MAX]; /* where each row begins, with its comma */
};

char *mw_rest_status(int code, int64_t retry_ms, char *text)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {418, "I'm a teapot"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    const char *name = "Status";
    for (size_t i = 0; i < MW_COUNT(names); i++)
        if (names[i].code == code)
            name = names[i].name;
    int length = snprintf(text, MW_REST_STATUS_BYTES, "%d %s", code, name);
    if (retry_ms > 0)
        snprintf(text + length, MW_REST_STATUS_BYTES - (size_t)length, "\r\nretry-after: %lld",
                 (long long)((retry_ms + MW_MS_PER_SECOND - 1) / MW_MS_PER_SECOND));
    return text;
}

/* Cuts "name=value". False when either is longer than it may be. */
static bool add_parameter(struct mw_venue_query *query, const char *text)
{
    struct mw_venue_parameter *parameter = &query->list[query->count];
    const char *equals = strchr(text, '=');
    size_t length = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const char *value = equals != NULL ? equals + 1 : "";
    if (length > MW_QUERY_NAME_BYTES_MAX || strlen(value) > MW_QUERY_VALUE_BYTES_MAX)
        return false;
    *parameter = (struct mw_venue_parameter){.name = ""};
    memcpy(parameter->name, text, length);
    memcpy(parameter->value, value, strlen(value));
    query->count++;
    return true;
}

/* False when there is more than a query may have. */
static bool read_query(struct lws *wsi, struct mw_venue_query *query)
{
    char text[MW_QUERY_NAME_BYTES_MAX + 1 + MW_QUERY_VALUE_BYTES_MAX + 1];
    query->count = 0;
    for (int i = 0; lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, i) > 0; i++) {
        if (i == MW_QUERY_PARAMETERS_MAX ||
            lws_hdr_copy_fragment(wsi, text, sizeof(text), WSI_TOKEN_HTTP_URI_ARGS, i) < 0 ||
            !add_parameter(query, text))
            return false;
    }
    return true;
}

static void add_head(struct mw_rest *rest, int code, int64_t retry_ms)
{
    char status[MW_REST_STATUS_BYTES];
    rest->making = false;
    mw_str_addf(&rest->head,
                "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
                "connection: close\r\n\r\n",
                mw_rest_status(code, retry_ms, status), rest->body.length);
    rest->end = rest->head.length + rest->body.length;
}

static bool goes_wrong(const struct mw_rest *rest, mw_sabotage_kind kind)
{
    return rest->sabotaged && rest->sabotage.kind == kind;
}

static void on_over(lws_sorted_usec_list_t *timer)
{
    mw_role_assert(&mw_server_thread);
    struct mw_rest *rest = MW_CONTAINER(timer, struct mw_rest, timer);
    rest->over = true;
    lws_callback_on_writable(rest->wsi);
}

static void strike(struct mw_rest *rest, const struct mw_history_range *range)
    MW_ON(mw_server_thread)
{
    const struct mw_occasion_facts facts = {
        .symbol = rest->stage->symbols[range->symbol].name,
        .timeframe = rest->stage->timeframes[range->timeframe].text,
    };
    if (rest->saboteur == NULL)
        return;
    const struct mw_sabotage *sabotage =
        mw_saboteur_strike(rest->saboteur, MW_OCCASION_REQUEST, &facts);
    if (sabotage == NULL)
        return;
    rest->sabotaged = true;
    rest->sabotage = *sabotage;
}

/* Begins to answer what makes sense. */
static void begin(struct mw_rest *rest, struct mw_stage *stage,
                  const struct mw_history_range *range) MW_ON(mw_server_thread)
{
    strike(rest, range);
    if (goes_wrong(rest, MW_SABOTAGE_REST_TIMEOUT)) {
        lws_set_timeout(rest->wsi, NO_PENDING_TIMEOUT, 0);
        lws_sul_schedule(lws_get_context(rest->wsi), 0, &rest->timer, on_over,
                         rest->sabotage.duration_ms * LWS_US_PER_MS + 1);
        return;
    }
    if (goes_wrong(rest, MW_SABOTAGE_REST_STATUS)) {
        add_head(rest, rest->sabotage.code, rest->sabotage.duration_ms);
    } else {
        rest->making = true;
        mw_history_init(&rest->history, stage, range, mw_stage_past_ms(stage));
        rest->venue->begin_history(stage, range, &rest->body);
    }
    lws_callback_on_writable(rest->wsi);
}

struct mw_rest *mw_rest_new(struct lws *wsi, struct mw_stage *stage, const struct mw_venue *venue,
                            struct mw_saboteur *saboteur)
{
    struct mw_rest *rest = mw_alloc_zero(sizeof(*rest));
    rest->wsi = wsi;
    rest->stage = stage;
    rest->venue = venue;
    rest->saboteur = saboteur;
    rest->head = (struct mw_str)MW_STR_INIT(HEADER_BYTES);
    rest->body = (struct mw_str)MW_STR_INIT(ANSWER_BYTES_MAX);
    struct mw_venue_query query;
    struct mw_history_range range;
    if (!read_query(wsi, &query))
        query.count = 0; /* the venue misses what it needs, and says so */
    if (venue->ask(stage, &query, &range, &rest->body)) {
        begin(rest, stage, &range);
    } else {
        add_head(rest, 400, 0);
        lws_callback_on_writable(wsi);
    }
    return rest;
}

void mw_rest_free(struct mw_rest *rest)
{
    if (rest == NULL)
        return;
    lws_sul_cancel(&rest->timer);
    mw_str_deinit(&rest->body);
    mw_str_deinit(&rest->head);
    mw_free(rest);
}

static void add_row(struct mw_rest *rest, const struct mw_playback_event *event)
{
    char text[1 + MW_VENUE_CANDLE_BYTES];
    size_t skip = rest->row_count == 0 ? 1 : 0; /* the comma */
    text[0] = ',';
    size_t length = rest->venue->format_row(event, text + 1);
    rest->rows[rest->row_count++] = rest->body.length;
    MW_CHECK(mw_str_add(&rest->body, text + skip, 1 + length - skip));
}

/* Rows that cannot be: a high below the low, a time off the grid, the same bar twice. Or no
 * JSON. */
static void spoil(struct mw_rest *rest, struct mw_playback_event *event) MW_ON(mw_server_thread)
{
    switch (mw_saboteur_pick(rest->saboteur) % 4) {
    case 0:
        event->candle.high = event->candle.low / 2;
        break;
    case 1:
        event->candle.open_ms += 1;
        break;
    case 2:
        add_row(rest, event);
        break;
    default:
        MW_CHECK(mw_str_adds(&rest->body, "<html>"));
    }
}

/* What is left of the answer when all rows are there. */
static void finish(struct mw_rest *rest) MW_ON(mw_server_thread)
{
    size_t left_out = goes_wrong(rest, MW_SABOTAGE_REST_PARTIAL) ? rest->sabotage.count : 0;
    if (rest->row_count > 0 && left_out > 0) {
        rest->row_count = left_out < rest->row_count ? rest->row_count - left_out : 0;
        rest->body.length = rest->rows[rest->row_count];
    }
    if (rest->row_count == 0 && goes_wrong(rest, MW_SABOTAGE_REST_WRONG))
        MW_CHECK(mw_str_adds(&rest->body, "<html>"));
    MW_CHECK(mw_str_adds(&rest->body, rest->venue->history_end));
    add_head(rest, 200, 0);
    if (goes_wrong(rest, MW_SABOTAGE_REST_CUT))
        rest->end = rest->head.length + rest->body.length / 2;
}

static void make_bars(struct mw_rest *rest) MW_ON(mw_server_thread)
{
    int64_t budget = TICKS_AT_ONCE;
    struct mw_playback_event event;
    mw_history_step step;
    while ((step = mw_history_next(&rest->history, &budget, &event)) == MW_HISTORY_BAR) {
        if (rest->row_count == 0 && goes_wrong(rest, MW_SABOTAGE_REST_WRONG))
            spoil(rest, &event);
        if (rest->row_count < MW_SERVED_ROWS_MAX)
            add_row(rest, &event);
    }
    if (step == MW_HISTORY_END)
        finish(rest);
}

/* Sends the next piece of head and body. Returns false when the socket is of no use. */
static bool send_piece(struct mw_rest *rest)
{
    unsigned char piece[LWS_PRE + PIECE_BYTES];
    size_t length = 0;
    while (length < PIECE_BYTES && rest->sent < rest->end) {
        bool in_head = rest->sent < rest->head.length;
        const struct mw_str *from = in_head ? &rest->head : &rest->body;
        size_t at = in_head ? rest->sent : rest->sent - rest->head.length;
        size_t part = (in_head ? from->length : rest->end - rest->head.length) - at;
        part = part < PIECE_BYTES - length ? part : PIECE_BYTES - length;
        memcpy(piece + LWS_PRE + length, from->data + at, part);
        length += part;
        rest->sent += part;
    }
    return lws_write(rest->wsi, piece + LWS_PRE, length, LWS_WRITE_HTTP) >= 0;
}

int mw_rest_go_on(struct mw_rest *rest)
{
    bool sent = !rest->making && rest->sent == rest->end;
    if (rest->over || sent) /* all of it has left libwebsockets, which calls only then */
        return -1;
    if (rest->making)
        make_bars(rest);
    else if (!send_piece(rest))
        return -1;
    lws_callback_on_writable(rest->wsi);
    return 0;
}
