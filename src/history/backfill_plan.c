/* backfill_plan.c - what to ask a venue for next. */
#include "history/backfill_parts.h"

#include "base/check.h"
#include "base/clock.h"

/* A venue that gives fewer rows at once cannot be asked for a bar with those beside it. */
enum { ROWS_MIN = 3 };

static uint32_t row_count_max(const struct mw_ticket *ticket)
{
    uint32_t count = ticket->source->options.protocol->history.row_count_max;
    return count > ROWS_MIN ? count : ROWS_MIN;
}

static struct mw_timeframe timeframe_of(const struct mw_ticket *ticket)
{
    return mw_series_key(ticket->series)->timeframe;
}

static int64_t before(const struct mw_ticket *ticket, int64_t open_ms)
{
    return mw_timeframe_floor(timeframe_of(ticket), open_ms - 1);
}

void mw_backfill_demand(struct mw_ticket *ticket, mw_work_kind kind) MW_ON(mw_history_thread)
{
    struct mw_work *work = &ticket->work[kind];
    if (!work->due)
        work->at_ms = 0;
    work->due = true;
    if (!ticket->active) {
        ticket->active = true;
        ticket->next_active = ticket->source->active;
        ticket->source->active = ticket;
    }
}

void mw_backfill_give_up(struct mw_ticket *ticket, int64_t from_ms, int64_t to_ms, int64_t now_ms)
    MW_ON(mw_history_thread)
{
    mw_series_give_up(ticket->series, from_ms, to_ms);
    mw_cache_touch(ticket->source->backfill->cache, ticket->series);
    struct mw_work *work = &ticket->work[MW_WORK_GIVEN_UP];
    mw_backfill_demand(ticket, MW_WORK_GIVEN_UP);
    work->failure_count = ticket->retry_rounds = 0; /* these have not been asked for in vain */
    work->at_ms = now_ms + (int64_t)(ticket->source->options.retry_s * MW_MS_PER_SECOND);
}

/* --- holes ------------------------------------------------------------------------------------ */

/* All holes of the ticket's series, oldest first. */
static uint32_t read_gaps(struct mw_ticket *ticket, struct mw_gap **gaps)
{
    struct mw_backfill *backfill = ticket->source->backfill;
    uint32_t count;
    while ((count = mw_series_copy_gaps(ticket->series, backfill->gaps, backfill->gap_room)) >
           backfill->gap_room) {
        backfill->gap_room = count * 2;
        backfill->gaps =
            mw_realloc_array(backfill->gaps, backfill->gap_room, sizeof(*backfill->gaps));
    }
    *gaps = backfill->gaps;
    return count;
}

/* mw_series_find_newest_gap, but for what lies before the oldest bar of a full ring, which takes
 * nothing there any more. */
static bool find_newest_gap(struct mw_ticket *ticket, bool given_up, int64_t until_ms,
                            struct mw_gap *gap)
{
    struct mw_series *series = ticket->series;
    struct mw_candle oldest;
    if (!mw_series_find_newest_gap(series, given_up, until_ms, gap))
        return false;
    return mw_series_count(series) < mw_cache_bars(ticket->source->backfill->cache) ||
           mw_series_read_from(series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 0 ||
           gap->to_ms > oldest.open_ms;
}

/* The newest hole that `kind` is about. Those that were given up come in turn; after the oldest the
 * newest again. */
static bool find_newest(struct mw_ticket *ticket, mw_work_kind kind, struct mw_gap *gap)
{
    if (kind == MW_WORK_HOLES)
        return find_newest_gap(ticket, false, INT64_MAX, gap);
    if (!find_newest_gap(ticket, true, ticket->retry_to_ms, gap)) {
        ticket->retry_to_ms = INT64_MAX;
        if (!find_newest_gap(ticket, true, INT64_MAX, gap))
            return false;
    }
    if (gap->to_ms > ticket->retry_to_ms)
        gap->to_ms = ticket->retry_to_ms;
    return true;
}

bool mw_backfill_pass_over(const struct mw_ask *ask) MW_ON(mw_history_thread)
{
    struct mw_gap gap;
    ask->ticket->retry_to_ms = before(ask->ticket, ask->hole_from_ms);
    ask->ticket->retry_repeats = false;
    return !find_newest_gap(ask->ticket, true, ask->ticket->retry_to_ms, &gap);
}

/* The newest stretch of holes that fits into `room` rows: to its newest bucket from the oldest
 * bucket within reach that is in a hole too. False when there is none. */
static bool find_stretch(struct mw_ticket *ticket, mw_work_kind kind, uint32_t room,
                         int64_t *from_ms, int64_t *to_ms)
{
    struct mw_gap newest, *gaps;
    if (!find_newest(ticket, kind, &newest))
        return false;
    uint32_t count = read_gaps(ticket, &gaps);
    *from_ms = *to_ms = newest.to_ms;
    int64_t reach_ms = *to_ms;
    for (uint32_t i = 1; i < room && count > 0 && reach_ms > gaps[0].from_ms; i++)
        reach_ms = before(ticket, reach_ms);
    for (uint32_t i = 0; i < count && gaps[i].from_ms < *from_ms; i++) {
        if (gaps[i].given_up != (kind == MW_WORK_GIVEN_UP) || gaps[i].to_ms < reach_ms)
            continue;
        *from_ms = gaps[i].from_ms > reach_ms ? gaps[i].from_ms : reach_ms;
        break;
    }
    return true;
}

/* How many buckets there are from from_ms to to_ms, at most `count_max` + 1. */
static uint32_t count_buckets(const struct mw_ticket *ticket, int64_t from_ms, int64_t to_ms,
                              uint32_t count_max)
{
    uint32_t count = 1;
    for (; from_ms < to_ms && count <= count_max; count++)
        from_ms = mw_timeframe_next(timeframe_of(ticket), from_ms);
    return count;
}

/* The venue's row of a bar that the clock closed is not final at once: until then it is not worth
 * asking. Returns how long to wait; once per bar, since clocks can be wrong. */
static int64_t settle_delay(struct mw_ticket *ticket, int64_t to_ms)
{
    struct mw_candle bar;
    if (mw_series_read_last(ticket->series, INT64_MAX, 1, true, &bar) == 0 ||
        bar.open_ms != to_ms || bar.closed_by != MW_CLOSED_BY_CLOCK ||
        ticket->settle_open_ms == to_ms)
        return 0;
    ticket->settle_open_ms = to_ms;
    int64_t settle_ms = ticket->source->options.settle_ms;
    int64_t delay_ms =
        mw_timeframe_next(timeframe_of(ticket), to_ms) + settle_ms - mw_clock_wall_ms();
    return delay_ms > settle_ms ? settle_ms : delay_ms;
}

static void end_work(struct mw_work *work)
{
    work->due = false;
    work->failure_count = 0;
    mw_backoff_reset(&work->backoff);
}

/* Whether there is a hole that is worth asking for now. */
static bool rank_holes(struct mw_ticket *ticket, mw_work_kind kind, int64_t now_ms)
{
    struct mw_work *work = &ticket->work[kind];
    struct mw_gap gap;
    if (!find_newest(ticket, kind, &gap)) {
        end_work(work);
        return false;
    }
    int64_t delay_ms = settle_delay(ticket, gap.to_ms);
    if (delay_ms > 0)
        work->at_ms = now_ms + delay_ms;
    ticket->rank_ms = gap.to_ms;
    return delay_ms <= 0;
}

static bool plan_holes(struct mw_ticket *ticket, mw_work_kind kind, struct mw_ask *ask)
{
    uint32_t room = row_count_max(ticket) - 2; /* the bars before and after it come along */
    int64_t from_ms, to_ms;
    if (!find_stretch(ticket, kind, room, &from_ms, &to_ms)) {
        end_work(&ticket->work[kind]);
        return false;
    }
    ask->hole_from_ms = from_ms;
    ask->hole_to_ms = to_ms;
    struct mw_candle bar;
    ask->from_ms = from_ms;
    ask->to_ms = mw_timeframe_next(timeframe_of(ticket), to_ms);
    if (mw_series_read_from(ticket->series, to_ms + 1, INT64_MAX, 1, true, &bar) == 1 &&
        count_buckets(ticket, from_ms, bar.open_ms, room + 1) <= room + 1)
        ask->to_ms = bar.open_ms;
    int64_t before_ms = before(ticket, from_ms);
    if (mw_series_read_from(ticket->series, before_ms, before_ms, 1, true, &bar) == 1)
        ask->from_ms = before_ms;
    ask->count = count_buckets(ticket, ask->from_ms, ask->to_ms, room + 2);
    return true;
}

/* --- probes and rings ------------------------------------------------------------------------- */

static bool plan_probe(struct mw_ticket *ticket, struct mw_ask *ask)
{
    struct mw_candle newest;
    ask->count = row_count_max(ticket);
    ask->to_ms = INT64_MAX;
    ask->from_ms = INT64_MIN;
    if (mw_series_read_last(ticket->series, INT64_MAX, 1, true, &newest) == 1)
        ask->from_ms = newest.open_ms;
    return true;
}

/* Whether the series ends with what a restart has brought: once it has gone on live, what lies
 * before that is a hole. */
static bool rank_catch_up(struct mw_ticket *ticket)
{
    struct mw_candle newest;
    bool behind = mw_series_read_last(ticket->series, INT64_MAX, 1, true, &newest) == 1 &&
                  newest.source != MW_SOURCE_LIVE;
    ticket->work[MW_WORK_CATCH_UP].due = behind;
    return behind;
}

static bool plan_catch_up(struct mw_ticket *ticket, struct mw_ask *ask)
{
    plan_probe(ticket, ask);
    ask->count = row_count_max(ticket);
    if (ticket->far_behind)
        ask->from_ms = INT64_MIN;
    return true;
}

/* Those whose ring begins latest are furthest from full. */
static bool rank_fill(struct mw_ticket *ticket)
{
    struct mw_candle oldest;
    if (mw_series_count(ticket->series) >= mw_cache_bars(ticket->source->backfill->cache)) {
        ticket->work[MW_WORK_FILL].due = false;
        return false;
    }
    ticket->rank_ms = INT64_MAX;
    if (mw_series_read_from(ticket->series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 1)
        ticket->rank_ms = oldest.open_ms;
    return true;
}

/* With the oldest bar that is there, which proves those before it. */
static bool plan_fill(struct mw_ticket *ticket, struct mw_ask *ask)
{
    struct mw_candle oldest;
    uint32_t have = mw_series_count(ticket->series);
    uint32_t room = mw_cache_bars(ticket->source->backfill->cache);
    if (have >= room) {
        ticket->work[MW_WORK_FILL].due = false;
        return false;
    }
    ask->from_ms = INT64_MIN;
    ask->to_ms = INT64_MAX;
    if (mw_series_read_from(ticket->series, INT64_MIN, INT64_MAX, 1, true, &oldest) == 1)
        ask->to_ms = oldest.open_ms;
    ask->count = room - have + 1;
    if (ask->count > row_count_max(ticket))
        ask->count = row_count_max(ticket);
    return true;
}

/* Whether there is something to ask, as far as can be told at once; sets `rank_ms` then. */
static bool rank_work(struct mw_ticket *ticket, mw_work_kind kind, int64_t now_ms)
{
    ticket->rank_ms = INT64_MAX;
    if (kind == MW_WORK_PROBE)
        return true;
    if (kind == MW_WORK_FILL)
        return rank_fill(ticket);
    if (kind == MW_WORK_CATCH_UP)
        return rank_catch_up(ticket);
    return rank_holes(ticket, kind, now_ms);
}

static bool plan_work(struct mw_ticket *ticket, mw_work_kind kind, struct mw_ask *ask)
{
    *ask = (struct mw_ask){.ticket = ticket, .kind = kind};
    if (kind == MW_WORK_PROBE)
        return plan_probe(ticket, ask);
    if (kind == MW_WORK_FILL)
        return plan_fill(ticket, ask);
    if (kind == MW_WORK_CATCH_UP)
        return plan_catch_up(ticket, ask);
    return plan_holes(ticket, kind, ask);
}

/* --- choosing --------------------------------------------------------------------------------- */

/* Whether nobody wants the series any more. Who subscribes it says so before wanting its history:
 * a series that is idle under the lock has not been wanted again yet. */
static bool take_idle(struct mw_ticket *ticket)
{
    if (mw_series_get_health(ticket->series) != MW_SERIES_IDLE)
        return false;
    struct mw_backfill *backfill = ticket->source->backfill;
    pthread_mutex_lock(&backfill->lock);
    bool idle = mw_series_get_health(ticket->series) == MW_SERIES_IDLE;
    if (idle && ticket->subscribed)
        ticket->wanted = false;
    pthread_mutex_unlock(&backfill->lock);
    return idle;
}

/* Forgets tickets without work, and those of series that nobody wants any more. */
static void tidy(struct mw_backfill_source_state *source)
{
    for (struct mw_ticket **link = &source->active; *link != NULL;) {
        struct mw_ticket *ticket = *link;
        bool idle = take_idle(ticket), any = false;
        for (int kind = 0; kind < MW_WORK_COUNT; kind++) {
            if (idle && ticket->subscribed)
                ticket->work[kind].due = false;
            any = any || ticket->work[kind].due;
        }
        ticket->subscribed = !idle;
        if (any) {
            link = &ticket->next_active;
            continue;
        }
        ticket->active = false;
        *link = ticket->next_active;
    }
}

/* Ranks what may be tried now; of equals, the one that has waited longer is the best. */
static struct mw_ticket *rank(struct mw_backfill_source_state *source, mw_work_kind kind,
                              int64_t now_ms, int64_t *wake_ms)
{
    struct mw_ticket *best = NULL;
    for (struct mw_ticket *ticket = source->active; ticket != NULL; ticket = ticket->next_active) {
        struct mw_work *work = &ticket->work[kind];
        ticket->ranked = work->due && work->at_ms <= now_ms && rank_work(ticket, kind, now_ms);
        if (ticket->ranked && (best == NULL || ticket->rank_ms >= best->rank_ms))
            best = ticket;
        if (work->due && work->at_ms > now_ms && work->at_ms < *wake_ms)
            *wake_ms = work->at_ms;
    }
    return best;
}

/* A whole plan costs much more than a rank, and hardly ever finds that there is nothing after all:
 * then a hole has been filled meanwhile. */
static struct mw_ticket *next_best(struct mw_backfill_source_state *source)
{
    struct mw_ticket *best = NULL;
    for (struct mw_ticket *ticket = source->active; ticket != NULL; ticket = ticket->next_active)
        if (ticket->ranked && (best == NULL || ticket->rank_ms >= best->rank_ms))
            best = ticket;
    return best;
}

bool mw_backfill_plan(struct mw_backfill_source_state *source, int64_t now_ms, struct mw_ask *ask,
                      int64_t *wake_ms) MW_ON(mw_history_thread)
{
    tidy(source);
    for (int kind = 0; kind < MW_WORK_COUNT; kind++) {
        struct mw_ticket *best = rank(source, (mw_work_kind)kind, now_ms, wake_ms);
        for (; best != NULL; best = next_best(source)) {
            if (plan_work(best, (mw_work_kind)kind, ask))
                return true;
            best->ranked = false;
        }
    }
    tidy(source);
    return false;
}
