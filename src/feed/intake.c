/* intake.c - messages to candles, and what is counted on the way. */
#include "feed/intake.h"

#include "base/check.h"

enum {
    SHOWN_BYTES = 120,  /* of a rejected message, in the log */
    BURST_MS = 100,     /* candles that come closer are one push in several pieces */
    CADENCE_WEIGHT = 8, /* a new gap counts for one part in so many */
    CADENCES = 8,       /* gaps of silence before a series is looked into */
};

/* The owner is the only writer, so a plain addition is enough. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

void mw_intake_init(struct mw_intake *intake, const char *name, const struct mw_protocol *protocol,
                    struct mw_cache *cache)
{
    *intake = (struct mw_intake){
        .name = name, .protocol = protocol, .cache = cache, .ends_ms = INT64_MAX};
    intake->decoder = mw_decoder_new(protocol);
    mw_subscriptions_init(&intake->subscriptions);
}

void mw_intake_deinit(struct mw_intake *intake)
{
    mw_subscriptions_deinit(&intake->subscriptions);
    mw_decoder_free(intake->decoder);
    intake->decoder = NULL;
}

void mw_intake_set_time(struct mw_intake *intake, int64_t wall_ms, int64_t mono_ms)
{
    intake->wall_ms = wall_ms;
    intake->mono_ms = mono_ms;
}

static void reject(struct mw_intake *intake, mw_reject reason, const char *data, size_t length)
{
    count(&intake->rejects[reason], 1);
    uint64_t held;
    if (!mw_log_gate_pass(&intake->gates[reason], intake->mono_ms, &held))
        return;
    int shown = length < SHOWN_BYTES ? (int)length : SHOWN_BYTES;
    if (held > 0)
        mw_log(MW_LOG_WARN, "feed %s: message rejected: %s (and %llu before it): %.*s",
               intake->name, mw_reject_text(reason), (unsigned long long)held, shown, data);
    else
        mw_log(MW_LOG_WARN, "feed %s: message rejected: %s: %.*s", intake->name,
               mw_reject_text(reason), shown, data);
}

void mw_intake_set_health(struct mw_intake *intake, struct mw_series *series,
                          mw_series_health health)
{
    if (mw_series_shift_health(series, health))
        mw_cache_touch(intake->cache, series);
}

/* If a candle that was just put forms, and its bucket has not ended, the clock may close it. */
static void note_forming(struct mw_intake *intake, struct mw_subscription *subscription,
                         const struct mw_candle *candle)
{
    if (candle->state == MW_CANDLE_CLOSED) {
        if (candle->open_ms >= subscription->forming_ms)
            subscription->forming_ms = INT64_MIN;
        return;
    }
    if (candle->open_ms <= subscription->forming_ms)
        return;
    int64_t end_ms =
        mw_timeframe_next(mw_series_key(subscription->series)->timeframe, candle->open_ms);
    if (end_ms <= intake->wall_ms)
        return;
    subscription->forming_ms = candle->open_ms;
    subscription->forming_end_ms = end_ms;
    if (end_ms < intake->ends_ms)
        intake->ends_ms = end_ms;
}

int64_t mw_intake_patience(const struct mw_intake *intake, int64_t cadence_ms)
{
    int64_t limit_ms = CADENCES * cadence_ms;
    return limit_ms > intake->stall_ms ? limit_ms : intake->stall_ms;
}

/* A candle was pushed as it happened. A gap counts as no more than the silence that is accepted, so
 * that a stall does not pass for a cadence, while a slow series is learnt in a few steps. */
static void note_push(struct mw_intake *intake, struct mw_subscription *subscription)
{
    bool first = subscription->candle_at == INT64_MIN;
    int64_t gap_ms = first ? 0 : intake->mono_ms - subscription->candle_at;
    if (gap_ms >= BURST_MS) {
        int64_t limit_ms = mw_intake_patience(intake, subscription->cadence_ms);
        int64_t said_ms = gap_ms < limit_ms ? gap_ms : limit_ms;
        bool known = subscription->cadence_ms > 0;
        subscription->cadence_ms +=
            (said_ms - subscription->cadence_ms) / (known ? CADENCE_WEIGHT : 1);
    }
    intake->flow_count += !subscription->flows;
    subscription->flows = true;
    subscription->candle_at = intake->mono_ms;
    subscription->look_count = 0;
}

/* The first live row since nobody listened, or listened elsewhere, opens a bucket after the bar
 * that forms: whether the last update of that one was seen, by this connection or another, is
 * unknown. It is closed in doubt. */
static void note_heard(struct mw_subscription *subscription, const struct mw_candle *candle)
{
    struct mw_candle newest;
    if (!subscription->heard && candle->source == MW_SOURCE_LIVE &&
        mw_series_read_last(subscription->series, INT64_MAX, 1, true, &newest) == 1 &&
        newest.state == MW_CANDLE_FORMING && newest.open_ms < candle->open_ms)
        mw_series_interrupt(subscription->series);
}

static void put_row(struct mw_intake *intake, const struct mw_decoded_row *row, bool snapshot,
                    const char *data, size_t length)
{
    struct mw_subscription *subscription = mw_subscriptions_find(&intake->subscriptions, row);
    if (subscription == NULL) {
        if (mw_subscriptions_has_symbol(&intake->subscriptions, row->symbol))
            count(&intake->unsubscribed, 1);
        else
            reject(intake, MW_REJECT_UNKNOWN_SYMBOL, data, length);
        return;
    }
    note_heard(subscription, &row->candle);
    mw_fault fault;
    mw_put put =
        mw_cache_put(intake->cache, subscription->series, &row->candle, intake->wall_ms, &fault);
    if (put == MW_PUT_REJECTED) {
        reject(intake, mw_reject_of_fault(fault), data, length);
        return;
    }
    subscription->confirmed = true;
    count(&intake->candles, 1);
    if (put == MW_PUT_LATE)
        count(&intake->late, 1);
    else if (put == MW_PUT_REVISED)
        count(&intake->revised, 1);
    if (row->candle.source != MW_SOURCE_LIVE)
        return;
    subscription->heard = true;
    mw_intake_set_health(intake, subscription->series, MW_SERIES_LIVE);
    if (!snapshot)
        note_push(intake, subscription);
    if (put == MW_PUT_APPENDED || put == MW_PUT_UPDATED || put == MW_PUT_SAME)
        note_forming(intake, subscription, &row->candle);
}

void mw_intake_subscribe(struct mw_intake *intake, const char *symbol, const char *timeframe_code,
                         struct mw_series *series)
{
    struct mw_subscription *subscription =
        mw_subscriptions_add(&intake->subscriptions, symbol, timeframe_code, series);
    if (mw_series_get_health(series) == MW_SERIES_IDLE) {
        mw_series_set_health(series, MW_SERIES_STALE);
        mw_cache_touch(intake->cache, series);
    }
    /* Another connection may have brought a bar that forms still. */
    struct mw_candle newest;
    if (subscription != NULL && mw_series_read_last(series, INT64_MAX, 1, true, &newest) == 1 &&
        newest.state == MW_CANDLE_FORMING && newest.source == MW_SOURCE_LIVE)
        note_forming(intake, subscription, &newest);
}

bool mw_intake_unsubscribe(struct mw_intake *intake, const char *symbol, const char *timeframe_code,
                           bool wanted_again)
{
    struct mw_subscription *subscription =
        mw_subscriptions_find_named(&intake->subscriptions, symbol, timeframe_code);
    if (subscription == NULL)
        return false;
    mw_series_interrupt(subscription->series);
    mw_series_set_health(subscription->series, wanted_again ? MW_SERIES_STALE : MW_SERIES_IDLE);
    mw_cache_touch(intake->cache, subscription->series);
    return mw_subscriptions_remove(&intake->subscriptions, symbol, timeframe_code);
}

void mw_intake_interrupt_series(struct mw_intake *intake, struct mw_subscription *subscription)
{
    subscription->heard = false;
    mw_series_interrupt(subscription->series);
    mw_series_shift_health(subscription->series, MW_SERIES_STALE);
    mw_cache_touch(intake->cache, subscription->series);
}

void mw_intake_interrupt(struct mw_intake *intake)
{
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&intake->subscriptions.by_key, &at)) != NULL)
        mw_intake_interrupt_series(intake, item->value);
    mw_cache_flush(intake->cache);
}

int64_t mw_intake_clock(struct mw_intake *intake, int64_t wall_ms, int64_t grace_ms,
                        void (*on_close)(void *user, const struct mw_subscription *subscription,
                                         int64_t open_ms),
                        void *user)
{
    intake->ends_ms = INT64_MAX;
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&intake->subscriptions.by_key, &at)) != NULL) {
        struct mw_subscription *subscription = item->value;
        if (subscription->forming_ms == INT64_MIN)
            continue;
        if (wall_ms - subscription->forming_end_ms < grace_ms) {
            if (subscription->forming_end_ms < intake->ends_ms)
                intake->ends_ms = subscription->forming_end_ms;
            continue;
        }
        int64_t open_ms = subscription->forming_ms;
        subscription->forming_ms = INT64_MIN;
        if (mw_cache_close_newest(intake->cache, subscription->series, open_ms) && on_close != NULL)
            on_close(user, subscription, open_ms);
    }
    mw_cache_flush(intake->cache);
    return intake->ends_ms == INT64_MAX ? INT64_MAX : intake->ends_ms + grace_ms;
}

void mw_intake_message(struct mw_intake *intake, bool text, const char *data, size_t length,
                       struct mw_decoded *decoded)
{
    count(&intake->frames, 1);
    count(&intake->bytes, length);
    if (!text) {
        *decoded = (struct mw_decoded){.kind = MW_DECODED_REJECTED, .reject = MW_REJECT_BINARY};
        reject(intake, MW_REJECT_BINARY, "", 0);
        return;
    }
    mw_decoder_decode(intake->decoder, data, length, decoded);
    switch (decoded->kind) {
    case MW_DECODED_CANDLES:
    case MW_DECODED_SNAPSHOT:
        for (uint32_t i = 0; i < decoded->row_count; i++)
            put_row(intake, &decoded->rows[i], decoded->kind == MW_DECODED_SNAPSHOT, data, length);
        break;
    case MW_DECODED_OK:
    case MW_DECODED_ERROR:
    case MW_DECODED_PING:
    case MW_DECODED_PONG:
    case MW_DECODED_NOTICE:
        break;
    case MW_DECODED_OTHER:
        count(&intake->other, 1);
        break;
    case MW_DECODED_REJECTED:
        reject(intake, decoded->reject, data, length);
    }
}
