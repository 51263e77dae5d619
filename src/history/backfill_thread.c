/* backfill_thread.c - the history thread: demands in, requests out, within each venue's rate. */
#include "history/backfill_parts.h"

#include <math.h>

#include "base/clock.h"
#include "history/request.h"

/* Turns what other threads have asked for into work. */
static void take_inbox(struct mw_backfill_source_state *source) MW_ON(mw_history_thread)
{
    struct mw_backfill *backfill = source->backfill;
    pthread_mutex_lock(&backfill->lock);
    while (source->inbox != NULL) {
        struct mw_ticket *ticket = source->inbox;
        source->inbox = ticket->next_queued;
        ticket->queued = false;
        for (int kind = 0; kind < MW_WORK_COUNT; kind++) {
            if (ticket->wants[kind])
                mw_backfill_demand(ticket, (mw_work_kind)kind);
            ticket->wants[kind] = false;
        }
    }
    pthread_mutex_unlock(&backfill->lock);
}

static mw_status start(struct mw_backfill_source_state *source, const struct mw_ask *ask,
                       struct mw_error *err)
{
    const struct mw_backfill_source *options = &source->options;
    return mw_history_request_start(
        source->backfill->http,
        &(struct mw_history_request){.protocol = options->protocol,
                                     .base = source->base,
                                     .market_type = options->market_type,
                                     .ca_file = options->ca_file,
                                     .key = mw_series_key(ask->ticket->series),
                                     .from_ms = ask->from_ms,
                                     .to_ms = ask->to_ms,
                                     .count = ask->count,
                                     .timeout_ms = options->timeout_ms,
                                     .answer_bytes_max = options->answer_bytes_max},
        mw_backfill_on_answer, source, err);
}

static void count_waiting(struct mw_backfill_source_state *source)
{
    uint32_t count = 0;
    for (struct mw_ticket *ticket = source->active; ticket != NULL; ticket = ticket->next_active)
        count++;
    pthread_mutex_lock(&source->backfill->lock);
    source->status.waiting = count;
    pthread_mutex_unlock(&source->backfill->lock);
}

/* Makes the next request of a source if there is one to make. Lowers `wake_ms` to when there will
 * be. */
static void step(struct mw_backfill_source_state *source, int64_t *wake_ms) MW_ON(mw_history_thread)
{
    take_inbox(source);
    int64_t now_ms = mw_clock_monotonic_ms();
    int64_t ready_ms = source->next_ms > source->wait_ms ? source->next_ms : source->wait_ms;
    if (source->busy || source->base == NULL || source->active == NULL)
        return;
    if (ready_ms > now_ms) {
        *wake_ms = ready_ms < *wake_ms ? ready_ms : *wake_ms;
        return;
    }
    bool any = mw_backfill_plan(source, now_ms, &source->ask, wake_ms);
    count_waiting(source);
    if (!any)
        return;
    double per_second = source->options.protocol->history.requests_per_second;
    if (per_second > 0)
        source->next_ms = now_ms + (int64_t)ceil(MW_MS_PER_SECOND / per_second);
    struct mw_error err;
    source->busy = true;
    if (start(source, &source->ask, &err) != MW_OK) {
        source->busy = false;
        mw_backfill_fail(source, &err);
        mw_cache_flush(source->backfill->cache);
        *wake_ms = now_ms;
    }
}

void mw_backfill_run(void *user)
{
    mw_role_assert(&mw_history_thread);
    struct mw_backfill *backfill = user;
    while (!atomic_load_explicit(&backfill->stopping, memory_order_acquire)) {
        int64_t wake_ms = MW_BACKFILL_NEVER;
        for (uint32_t i = 0; i < backfill->source_count; i++)
            step(backfill->sources[i], &wake_ms);
        int64_t delay_ms = -1;
        if (wake_ms != MW_BACKFILL_NEVER)
            delay_ms = wake_ms - mw_clock_monotonic_ms();
        mw_http_service(backfill->http,
                        wake_ms != MW_BACKFILL_NEVER && delay_ms < 0 ? 0 : delay_ms);
    }
}
