/* backfill_answer.c - what comes of a request: bars, proofs, or another attempt later. */
#include "history/backfill_parts.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"

enum { HTTP_OK = 200, HTTP_BANNED = 418, HTTP_BUSY = 429, HTTP_SERVER_FAULT = 500 };

enum {
    HELD_BYTES = 48,
    SURE_ROWS = 3, /* an answer of fewer rows has not been cut: no venue gives so few at once */
};

static void name_series(struct mw_series *series, struct mw_error *err)
{
    const struct mw_series_key *key = mw_series_key(series);
    char text[MW_TIMEFRAME_BYTES_MAX];
    mw_fail_within(err, err->status, "history of %s %s", key->symbol,
                   mw_timeframe_format(key->timeframe, text));
}

/* What a gate has held back since its last line, as the end of this one. */
static const char *and_held(uint64_t held, char text[HELD_BYTES])
{
    snprintf(text, HELD_BYTES, " (and %llu like it)", (unsigned long long)held);
    return held > 0 ? text : "";
}

static void note_failure(struct mw_backfill_source_state *source, const struct mw_error *err)
{
    pthread_mutex_lock(&source->backfill->lock);
    source->status.failures++;
    source->status.has_error = true;
    source->status.error = *err;
    pthread_mutex_unlock(&source->backfill->lock);
    uint64_t held;
    char text[HELD_BYTES];
    if (mw_log_gate_pass(&source->gate, mw_clock_monotonic_ms(), &held))
        mw_log(MW_LOG_WARN, "feed %s: %s%s", source->options.feed, err->message,
               and_held(held, text));
}

static void tell(struct mw_backfill_source_state *source, const struct mw_error *err)
{
    bool failed = err != NULL;
    if (source->told != failed && source->options.on_history != NULL)
        source->options.on_history(source->options.user, source->options.feed, err);
    if (source->told && !failed)
        mw_log(MW_LOG_INFO, "feed %s: history works again", source->options.feed);
    source->told = failed;
}

/* For people: what a hole was filled with. */
static void log_filled(struct mw_backfill_source_state *source, const struct mw_ask *ask,
                       const struct mw_merged *merged)
{
    uint64_t held;
    if (merged->put == 0 || (ask->kind != MW_WORK_HOLES && ask->kind != MW_WORK_GIVEN_UP) ||
        !mw_log_gate_pass(&source->filled_gate, mw_clock_monotonic_ms(), &held))
        return;
    const struct mw_series_key *key = mw_series_key(ask->ticket->series);
    char timeframe[MW_TIMEFRAME_BYTES_MAX], from[MW_TIME_TEXT_BYTES], to[MW_TIME_TEXT_BYTES];
    char text[HELD_BYTES];
    mw_log(MW_LOG_INFO, "feed %s: history of %s %s: %u %s put, the answer spans %s to %s%s",
           source->options.feed, key->symbol, mw_timeframe_format(key->timeframe, timeframe),
           merged->put, merged->put == 1 ? "bar" : "bars", mw_time_format(merged->oldest_ms, from),
           mw_time_format(merged->newest_ms, to), and_held(held, text));
}

/* --- failures --------------------------------------------------------------------------------- */

/* How long work waits that has failed for good, `times` before: ever longer, so that many series of
 * which the venue has nothing do not ask all the time. */
static int64_t slow_ms(const struct mw_backfill_source_state *source, uint32_t times)
{
    int64_t delay_ms = (int64_t)(source->options.retry_s * MW_MS_PER_SECOND);
    while (times-- > 0 && delay_ms < MW_BACKFILL_RETRY_MS_MAX)
        delay_ms *= 2;
    return delay_ms < MW_BACKFILL_RETRY_MS_MAX ? delay_ms : MW_BACKFILL_RETRY_MS_MAX;
}

/* The work of `ask` has failed: it is tried again later, and given up after some attempts. */
static void put_off(struct mw_backfill_source_state *source, const struct mw_ask *ask,
                    const struct mw_error *err) MW_ON(mw_history_thread)
{
    struct mw_work *work = &ask->ticket->work[ask->kind];
    int64_t now_ms = mw_clock_monotonic_ms();
    uint32_t failure_count = ++work->failure_count;
    work->at_ms = now_ms + mw_backoff_next_ms(&work->backoff);
    if (ask->kind == MW_WORK_GIVEN_UP) {
        work->at_ms = now_ms + slow_ms(source, ask->ticket->retry_rounds);
        ask->ticket->retry_rounds += mw_backfill_pass_over(ask);
        return;
    }
    if (failure_count < MW_BACKFILL_ATTEMPTS_MAX)
        return;
    mw_backoff_reset(&work->backoff);
    if (ask->kind == MW_WORK_FILL) {
        work->at_ms = now_ms + slow_ms(source, failure_count - MW_BACKFILL_ATTEMPTS_MAX);
        tell(source, err);
        return;
    }
    work->failure_count = 0;
    if (ask->kind == MW_WORK_HOLES) {
        struct mw_gap gap = {.from_ms = ask->from_ms}; /* the first may begin before the answer */
        mw_series_find_gap(ask->ticket->series, ask->from_ms, ask->to_ms, &gap);
        mw_backfill_give_up(ask->ticket, gap.from_ms, ask->to_ms, now_ms);
    }
    work->at_ms = 0;
    if (ask->kind == MW_WORK_PROBE || ask->kind == MW_WORK_CATCH_UP)
        work->due = false; /* whoever asked asks again; live bars show what was missed */
    tell(source, err);
}

/* The venue as a whole does not answer: whatever is due waits as long as it does. */
static void put_off_all(struct mw_backfill_source_state *source, int64_t retry_after_ms,
                        const struct mw_error *err) MW_ON(mw_history_thread)
{
    int64_t now_ms = mw_clock_monotonic_ms();
    int64_t delay_ms = mw_backoff_next_ms(&source->backoff);
    if (retry_after_ms > MW_BACKFILL_BAN_MS_MAX)
        retry_after_ms = MW_BACKFILL_BAN_MS_MAX;
    source->wait_ms = now_ms + (retry_after_ms > delay_ms ? retry_after_ms : delay_ms);
    if (++source->failure_count < MW_BACKFILL_ATTEMPTS_MAX)
        return;
    source->failure_count = MW_BACKFILL_ATTEMPTS_MAX; /* each further one is too many as well */
    int64_t retry_ms = now_ms + (int64_t)(source->options.retry_s * MW_MS_PER_SECOND);
    if (source->wait_ms < retry_ms)
        source->wait_ms = retry_ms;
    for (struct mw_ticket *ticket = source->active; ticket != NULL; ticket = ticket->next_active) {
        ticket->work[MW_WORK_PROBE].due = false;
        if (ticket->work[MW_WORK_HOLES].due) {
            mw_backfill_give_up(ticket, INT64_MIN, INT64_MAX, now_ms);
            ticket->work[MW_WORK_GIVEN_UP].at_ms = 0; /* once the venue is asked again */
        }
    }
    tell(source, err);
}

void mw_backfill_fail(struct mw_backfill_source_state *source, const struct mw_error *err)
    MW_ON(mw_history_thread)
{
    note_failure(source, err);
    put_off(source, &source->ask, err);
}

/* --- answers ---------------------------------------------------------------------------------- */

static bool is_done(const struct mw_ask *ask, const struct mw_merged *merged)
{
    switch (ask->kind) {
    case MW_WORK_FILL: /* the venue has nothing older */
        return merged->rows == 0 || merged->oldest_ms >= ask->to_ms ||
               (merged->rows == 1 && ask->to_ms == INT64_MAX);
    case MW_WORK_CATCH_UP: /* nothing is newer than what is there, or it has all been put */
        return merged->rows > 0 && merged->newest_ms >= ask->from_ms &&
               (merged->put == 0 || merged->rows < SURE_ROWS);
    case MW_WORK_PROBE: /* the newest bar is there, or a newer one */
        return ask->from_ms == INT64_MIN || merged->newest_ms >= ask->from_ms;
    default: /* the plan sees that no hole is left */
        return false;
    }
}

static void finish_probe(struct mw_backfill_source_state *source, const struct mw_ask *ask,
                         bool missed)
{
    mw_cache_flush(source->backfill->cache);
    if (source->options.on_probe != NULL)
        source->options.on_probe(source->options.user, ask->ticket->series, missed);
}

static void use(struct mw_backfill_source_state *source, const struct mw_ask *ask,
                const struct mw_merged *merged, bool missed) MW_ON(mw_history_thread)
{
    struct mw_work *work = &ask->ticket->work[ask->kind];
    bool done = is_done(ask, merged);
    if (ask->kind == MW_WORK_FILL) { /* an answer without rows may be a fault: two have to say so */
        bool ended = done;
        done = done && ask->ticket->fill_ended;
        ask->ticket->fill_ended = ended;
    }
    if (ask->kind == MW_WORK_CATCH_UP)
        ask->ticket->far_behind = ask->from_ms != INT64_MIN && merged->rows >= ask->count;
    if (done)
        work->due = false;
    if (done || merged->put > 0 || merged->holes_changed) {
        work->failure_count = 0;
        if (ask->kind == MW_WORK_GIVEN_UP)
            ask->ticket->retry_rounds = 0;
        work->at_ms = 0;
        mw_backoff_reset(&work->backoff);
    } else {
        struct mw_error err;
        mw_fail(&err, MW_EHISTORY, "the answer proves nothing, no later bar is in it");
        name_series(ask->ticket->series, &err);
        bool repeats = ask->ticket->retry_repeats;
        put_off(source, ask, &err); /* the venue's history lags */
        if (merged->doubt && ask->kind == MW_WORK_GIVEN_UP && !repeats) {
            ask->ticket->retry_repeats = true; /* the second answer has to be of the same holes */
            ask->ticket->retry_to_ms = ask->hole_to_ms;
            work->at_ms = 0;
        } else if (merged->doubt && ask->kind != MW_WORK_GIVEN_UP &&
                   work->failure_count < MW_BACKFILL_ATTEMPTS_MAX) {
            work->at_ms = 0; /* the second answer may come at once */
        }
    }
    mw_backfill_demand(ask->ticket, MW_WORK_HOLES); /* rows may have opened some */
    if (ask->kind == MW_WORK_PROBE && done)
        finish_probe(source, ask, missed);
}

/* What is wrong with an answer that is no history. */
static void explain(struct mw_backfill_source_state *source, const struct mw_http_answer *http,
                    struct mw_error *err)
{
    if (http->err != NULL) {
        *err = *http->err;
    } else if (!mw_merger_explain(source->merger, http->body, http->length, err)) {
        mw_fail_code(err, MW_EHISTORY, http->code, "the venue answers with status %d", http->code);
    } else {
        mw_fail_within(err, MW_EHISTORY, "status %d", http->code);
    }
    name_series(source->ask.ticket->series, err);
}

static void refused(struct mw_backfill_source_state *source, const struct mw_http_answer *http)
    MW_ON(mw_history_thread)
{
    struct mw_error err;
    explain(source, http, &err);
    bool of_all = http->code == HTTP_BUSY || http->code == HTTP_BANNED ||
                  http->code >= HTTP_SERVER_FAULT || http->retry_after_ms > 0 ||
                  (http->err != NULL && http->err->status != MW_ELIMIT);
    if (of_all) {
        note_failure(source, &err);
        put_off_all(source, http->retry_after_ms, &err);
    } else {
        source->failure_count = 0; /* the venue is there, whatever it says */
        mw_backfill_fail(source, &err);
    }
}

/* Before it is merged, so that a replay does the same at the same place. */
static void record(struct mw_backfill_source_state *source, const struct mw_answer *answer)
{
    if (source->options.tap.capture == NULL)
        return;
    const struct mw_series_key *key = mw_series_key(answer->series);
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    const struct mw_capture_fields fields = {.from_ms = answer->from_ms,
                                             .to_ms = answer->to_ms,
                                             .asked_ms = answer->sent_ms,
                                             .symbol = key->symbol,
                                             .timeframe =
                                                 mw_timeframe_format(key->timeframe, timeframe),
                                             .data = answer->body,
                                             .length = answer->length};
    mw_capture_put(&source->options.tap, MW_CAPTURE_HISTORY, mw_clock_wall_ms(), &fields);
}

static void merge(struct mw_backfill_source_state *source, const struct mw_http_answer *http)
    MW_ON(mw_history_thread)
{
    const struct mw_ask *ask = &source->ask;
    struct mw_series *series = ask->ticket->series;
    struct mw_candle newest = {.open_ms = INT64_MIN};
    mw_series_read_last(series, INT64_MAX, 1, true, &newest);
    const struct mw_answer answer = {.series = series,
                                     .from_ms = ask->from_ms,
                                     .to_ms = ask->to_ms,
                                     .sent_ms = http->sent_ms,
                                     .body = http->body,
                                     .length = http->length};
    if (source->options.on_answer != NULL)
        source->options.on_answer(source->options.user, &answer);
    record(source, &answer);
    struct mw_merged merged;
    struct mw_error err;
    source->failure_count = 0; /* the venue is there, whatever it says */
    mw_backoff_reset(&source->backoff);
    if (mw_merger_merge(source->merger, &answer, &merged, &err) != MW_OK) {
        name_series(series, &err);
        mw_backfill_fail(source, &err);
        return;
    }
    pthread_mutex_lock(&source->backfill->lock);
    source->status.requests++;
    source->status.bars += merged.put;
    source->status.has_error = false;
    pthread_mutex_unlock(&source->backfill->lock);
    bool missed = merged.caught_up || (merged.rows > 0 && merged.newest_ms > newest.open_ms);
    log_filled(source, ask, &merged);
    use(source, ask, &merged, missed);
    tell(source, NULL);
}

void mw_backfill_on_answer(void *user, const struct mw_http_answer *http)
{
    mw_role_assert(&mw_history_thread);
    struct mw_backfill_source_state *source = user;
    source->busy = false;
    if (http->err == NULL && http->code == HTTP_OK)
        merge(source, http);
    else
        refused(source, http);
    mw_cache_flush(source->backfill->cache);
}
