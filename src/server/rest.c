/* rest.c - queries read, answers made and sent. */
#include "server/rest.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum {
    TICKS_AT_ONCE = 20000,  /* of made-up prices, about 1 ms: others wait meanwhile */
    PIECE_BYTES = 32 << 10, /* of the answer, at once to a socket */
    HEADER_BYTES = 192,
    ANSWER_BYTES_MAX = MW_ANSWER_ROWS_MAX * (MW_VENUE_CANDLE_BYTES + 1) + 1024,
};

struct mw_rest {
    struct lws *wsi;              /* borrows */
    const struct mw_stage *stage; /* borrows */
    const struct mw_venue *venue; /* borrows */
    struct mw_history history;
    bool making; /* bars are still being made */
    bool empty;  /* none was made yet */
    int status;
    struct mw_str head, body;
    size_t sent; /* of both together */
};

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

static void add_head(struct mw_rest *rest)
{
    rest->making = false;
    mw_str_addf(&rest->head,
                "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n"
                "connection: close\r\n\r\n",
                rest->status, rest->status == 200 ? "OK" : "Bad Request", rest->body.length);
}

struct mw_rest *mw_rest_new(struct lws *wsi, struct mw_stage *stage, const struct mw_venue *venue)
{
    struct mw_rest *rest = mw_alloc_zero(sizeof(*rest));
    rest->wsi = wsi;
    rest->stage = stage;
    rest->venue = venue;
    rest->head = (struct mw_str)MW_STR_INIT(HEADER_BYTES);
    rest->body = (struct mw_str)MW_STR_INIT(ANSWER_BYTES_MAX);
    struct mw_venue_query query;
    struct mw_history_range range;
    if (!read_query(wsi, &query))
        query.count = 0; /* the venue misses what it needs, and says so */
    if (venue->ask(stage, &query, &range, &rest->body)) {
        rest->status = 200;
        rest->making = rest->empty = true;
        mw_history_init(&rest->history, stage, &range, mw_stage_past_ms(stage));
        venue->begin_history(stage, &range, &rest->body);
    } else {
        rest->status = 400;
        add_head(rest);
    }
    lws_callback_on_writable(wsi);
    return rest;
}

void mw_rest_free(struct mw_rest *rest)
{
    if (rest == NULL)
        return;
    mw_str_deinit(&rest->body);
    mw_str_deinit(&rest->head);
    mw_free(rest);
}

static void make_bars(struct mw_rest *rest)
{
    int64_t budget = TICKS_AT_ONCE;
    struct mw_playback_event event;
    mw_history_step step;
    while ((step = mw_history_next(&rest->history, &budget, &event)) == MW_HISTORY_BAR) {
        char text[1 + MW_VENUE_CANDLE_BYTES];
        text[0] = ',';
        size_t length = rest->venue->format_row(&event, text + 1);
        size_t skip = rest->empty ? 1 : 0;
        MW_CHECK(mw_str_add(&rest->body, text + skip, 1 + length - skip));
        rest->empty = false;
    }
    if (step == MW_HISTORY_END) {
        MW_CHECK(mw_str_adds(&rest->body, rest->venue->history_end));
        add_head(rest);
    }
}

/* Sends the next piece of head and body. Returns false when the socket is of no use. */
static bool send_piece(struct mw_rest *rest)
{
    unsigned char piece[LWS_PRE + PIECE_BYTES];
    size_t length = 0;
    while (length < PIECE_BYTES && rest->sent < rest->head.length + rest->body.length) {
        bool in_head = rest->sent < rest->head.length;
        const struct mw_str *from = in_head ? &rest->head : &rest->body;
        size_t at = in_head ? rest->sent : rest->sent - rest->head.length;
        size_t part = from->length - at;
        part = part < PIECE_BYTES - length ? part : PIECE_BYTES - length;
        memcpy(piece + LWS_PRE + length, from->data + at, part);
        length += part;
        rest->sent += part;
    }
    return lws_write(rest->wsi, piece + LWS_PRE, length, LWS_WRITE_HTTP) >= 0;
}

int mw_rest_go_on(struct mw_rest *rest)
{
    if (rest->making)
        make_bars(rest);
    else if (rest->sent == rest->head.length + rest->body.length)
        return -1; /* all of it has left libwebsockets, which calls only then */
    else if (!send_piece(rest))
        return -1;
    lws_callback_on_writable(rest->wsi);
    return 0;
}
