/* event_line.c - columns and colours of event lines. */
#include "cli/event_line.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "base/str.h"
#include "market/candle.h"

#define COLOUR_OFF    "\033[0m"
#define COLOUR_DIM    "\033[2m"
#define COLOUR_RED    "\033[31m"
#define COLOUR_GREEN  "\033[32m"
#define COLOUR_YELLOW "\033[33m"
#define COLOUR_CYAN   "\033[36m"

/* The colour of the line after its time, or NULL for the terminal's own. */
static const char *colour_of(const struct mw_event *event)
{
    switch (event->kind) {
    case MW_EVENT_STATE:
        if (event->state == MW_CONNECTION_FAILED)
            return COLOUR_RED;
        if (event->state == MW_CONNECTION_RECONNECTING)
            return COLOUR_YELLOW;
        return event->state == MW_CONNECTION_CONFIRMED ? COLOUR_GREEN : NULL;
    case MW_EVENT_REFUSED:
    case MW_EVENT_LAGGED:
    case MW_EVENT_GAP:
        return COLOUR_YELLOW;
    case MW_EVENT_BACKFILLED:
        return COLOUR_GREEN;
    case MW_EVENT_STORE:
        return event->has_error ? COLOUR_YELLOW : COLOUR_GREEN;
    case MW_EVENT_SIGNAL:
        return COLOUR_CYAN;
    case MW_EVENT_ORDER:
        return event->order.state == MW_ORDER_FILLED ? COLOUR_GREEN : COLOUR_YELLOW;
    case MW_EVENT_ERROR:
        return COLOUR_RED;
    default:
        return NULL;
    }
}

/* Adds text from outside: controls masked, further lines below the column of kinds. */
static void add_text(struct mw_str *line, const char *text)
{
    while (text[0] == '\n')
        text++;
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            mw_str_adds(line, "\n             ");
        else if ((c < 0x20 && c != '\t') || c == 0x7f)
            mw_str_adds(line, "?");
        else
            mw_str_add(line, &text[i], 1);
    }
}

static void add_state(struct mw_str *line, const struct mw_event *event, const char *endpoint)
{
    mw_str_addf(line, "%-12s", mw_connection_state_text(event->state));
    if (event->has_error) {
        mw_str_adds(line, "  ");
        if (event->error.attempts > 0)
            mw_str_addf(line, "after %" PRIu32 " attempt%s: ", event->error.attempts,
                        mw_plural(event->error.attempts));
        add_text(line, event->error.message);
    } else if (endpoint != NULL && endpoint[0] != '\0') {
        mw_str_adds(line, "  ");
        add_text(line, endpoint);
    } else {
        while (line->length > 0 && line->data[line->length - 1] == ' ')
            line->data[--line->length] = '\0';
    }
}

static void add_key(struct mw_str *line, const struct mw_series_key *key)
{
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    mw_str_addf(line, "%-10s %-3s", key->symbol, mw_timeframe_format(key->timeframe, timeframe));
}

/* Adds "2026-10-22 18:15", with seconds where the buckets may begin at any. */
static void add_open_time(struct mw_str *line, const struct mw_event *event, int64_t open_ms)
{
    char time[MW_TIME_TEXT_BYTES];
    mw_time_format(open_ms, time);
    int time_length = event->key.timeframe.unit == 's' ? 8 : 5; /* "18:15:00" or "18:15" */
    mw_str_addf(line, "%.10s %.*s", time, time_length, time + 11);
}

static void add_gap(struct mw_str *line, const struct mw_event *event)
{
    add_key(line, &event->key);
    mw_str_adds(line, "  ");
    add_open_time(line, event, event->from_ms);
    if (event->to_ms != event->from_ms) {
        mw_str_adds(line, " to ");
        add_open_time(line, event, event->to_ms);
    }
    if (event->kind == MW_EVENT_GAP)
        mw_str_addf(line, "  %" PRIu64 " bar%s missing or in doubt", event->count,
                    mw_plural(event->count));
    else if (event->count == 0)
        mw_str_adds(line, "  nothing was traded");
    else
        mw_str_addf(line, "  %" PRIu64 " bar%s there now", event->count, mw_plural(event->count));
}

static void add_bar(struct mw_str *line, const struct mw_event *event)
{
    const struct mw_candle *candle = &event->candle;
    add_key(line, &event->key);
    mw_str_adds(line, "  ");
    add_open_time(line, event, candle->open_ms);
    mw_str_adds(line, " ");

    const struct {
        const char *name;
        double value;
    } fields[] = {{"o", candle->open},
                  {"h", candle->high},
                  {"l", candle->low},
                  {"c", candle->close},
                  {"v", candle->volume}};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char number[MW_DECIMAL_TEXT_BYTES];
        mw_str_addf(line, " %s %s", fields[i].name, mw_decimal_format(fields[i].value, number));
    }
    if (candle->source != MW_SOURCE_LIVE)
        mw_str_addf(line, "  %s", mw_candle_source_text(candle->source));
    if ((candle->flags & MW_CANDLE_REVISED) != 0)
        mw_str_adds(line, "  revised");
    if ((candle->flags & MW_CANDLE_UNPROVEN) != 0)
        mw_str_adds(line, "  unproven");
}

/* Money, to a hundredth; less where that would be nothing. */
static void add_money(struct mw_str *line, double value)
{
    mw_str_addf(line, fabs(value) >= 0.005 || value == 0 ? "%.2f" : "%.2g", value);
}

/* "bought 0.1 BTCUSDT at 54549.46, fee 5.45", "rejected: buy 0.1 BTCUSDT (market): REASON" */
static void add_order(struct mw_str *line, const struct mw_event *event)
{
    const struct mw_order *order = &event->order;
    const struct mw_order_request *request = &order->request;
    bool filled = order->state == MW_ORDER_FILLED;
    if (filled)
        mw_str_adds(line, request->side == MW_SIDE_BUY ? "bought" : "sold");
    else
        mw_str_addf(line, "%s: %s", mw_order_state_text(order->state), mw_side_text(request->side));
    double amount = filled ? order->amount : request->amount;
    if (isnan(amount))
        mw_str_addf(line, " %.12g worth of %s", request->value, event->key.symbol);
    else
        mw_str_addf(line, " %.12g %s", amount, event->key.symbol);
    if (filled) {
        mw_str_addf(line, " at %.12g, fee ", order->price);
        add_money(line, order->fee);
    } else if (request->type != MW_ORDER_MARKET) {
        mw_str_addf(line, " at %.12g", request->price);
    }
    if (request->type != MW_ORDER_MARKET)
        mw_str_addf(line, " (%s)", mw_order_type_text(request->type));
    if (request->tag[0] != '\0') {
        mw_str_adds(line, ", ");
        add_text(line, request->tag);
    }
    if (order->reason[0] != '\0') {
        mw_str_adds(line, ": ");
        add_text(line, order->reason);
    }
}

static void add_time(struct mw_str *line, int64_t time_ms)
{
    int64_t ms = time_ms % MW_MS_PER_DAY;
    if (ms < 0)
        ms += MW_MS_PER_DAY;
    mw_str_addf(line, "%02d:%02d:%02d.%03d", (int)(ms / MW_MS_PER_HOUR),
                (int)(ms / MW_MS_PER_MINUTE % 60), (int)(ms / MW_MS_PER_SECOND % 60),
                (int)(ms % MW_MS_PER_SECOND));
}

/* Who the event is of: the feed, or the strategy. */
static const char *name_of(const struct mw_event *event)
{
    if (event->strategy[0] != '\0')
        return event->strategy;
    /* A reader of bars is told without a strategy. */
    return mw_event_kind_is_of_series(event->kind) ? event->key.feed : event->feed;
}

static void add_details(struct mw_str *line, const struct mw_event *event, const char *endpoint)
{
    switch (event->kind) {
    case MW_EVENT_STATE:
        add_state(line, event, endpoint);
        break;
    case MW_EVENT_HISTORY:
        add_text(line, event->has_error ? event->error.message : "answers again");
        break;
    case MW_EVENT_STORE:
        add_text(line, event->has_error ? event->error.message : "works again");
        break;
    case MW_EVENT_BAR:
    case MW_EVENT_REVISED:
        add_bar(line, event);
        break;
    case MW_EVENT_GAP:
    case MW_EVENT_BACKFILLED:
        add_gap(line, event);
        break;
    case MW_EVENT_LAGGED:
        add_key(line, &event->key);
        mw_str_addf(line, "  %" PRIu64 " bar%s lost", event->count, mw_plural(event->count));
        break;
    case MW_EVENT_ORDER:
        add_order(line, event);
        break;
    case MW_EVENT_SIGNAL:
        add_text(line, event->text != NULL ? event->text : "");
        break;
    default:
        add_text(line, event->has_error ? event->error.message : "");
        break;
    }
}

void mw_event_line_add(struct mw_str *line, const struct mw_event *event,
                       const struct mw_event_line_options *options)
{
    const char *colour = options->colours ? colour_of(event) : NULL;
    if (options->colours)
        mw_str_adds(line, COLOUR_DIM);
    add_time(line, event->time_ms);
    if (options->colours)
        mw_str_adds(line, COLOUR_OFF);
    mw_str_adds(line, " ");
    if (colour != NULL)
        mw_str_adds(line, colour);
    mw_str_addf(line, "%-7s %-*s  ", mw_event_kind_text(event->kind), options->name_width,
                name_of(event));
    add_details(line, event, options->endpoint);
    if (colour != NULL)
        mw_str_adds(line, COLOUR_OFF);
    mw_str_adds(line, "\n");
}
