/* download_plan.c - ranges to ask for, newest first, and what is known once an answer is there. */
#include "history/download_plan.h"

#include "base/check.h"
#include "base/clock.h"

void mw_download_plan_init(struct mw_download_plan *plan, struct mw_timeframe timeframe,
                           int64_t from_ms, uint32_t row_count_max)
{
    *plan = (struct mw_download_plan){.timeframe = timeframe,
                                      .from_ms = from_ms,
                                      .row_count_max = row_count_max,
                                      .bounded_ms = INT64_MIN,
                                      .hint_ms = INT64_MIN};
}

void mw_download_plan_deinit(struct mw_download_plan *plan)
{
    mw_gaps_deinit(&plan->todo);
    mw_free(plan->doubt.opens);
    plan->doubt.opens = NULL;
}

static uint64_t count_since(const struct mw_download_plan *plan, int64_t since_ms)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < plan->todo.count; i++) {
        const struct mw_gap *range = &plan->todo.list[i];
        int64_t from_ms = range->from_ms > since_ms ? range->from_ms : since_ms;
        count += mw_timeframe_buckets(plan->timeframe, from_ms, range->to_ms);
    }
    return count;
}

uint64_t mw_download_plan_left(const struct mw_download_plan *plan)
{
    return count_since(plan, INT64_MIN);
}

uint64_t mw_download_plan_ahead(const struct mw_download_plan *plan)
{
    return count_since(plan, plan->hint_ms);
}

static const struct mw_gap *newest_range(const struct mw_download_plan *plan)
{
    MW_CHECK(plan->todo.count > 0);
    return &plan->todo.list[plan->todo.count - 1];
}

/* So many buckets from the oldest that is to be asked for and lies within one answer's reach up to
 * the one at to_ms. */
static uint32_t count_wanted(const struct mw_download_plan *plan, int64_t to_ms)
{
    uint64_t count = 1;
    for (uint32_t i = plan->todo.count; i-- > 0;) {
        const struct mw_gap *range = &plan->todo.list[i];
        if (mw_timeframe_buckets(plan->timeframe, range->to_ms, to_ms) > plan->row_count_max)
            break;
        count = mw_timeframe_buckets(plan->timeframe, range->from_ms, to_ms);
    }
    return count < plan->row_count_max ? (uint32_t)count : plan->row_count_max;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* A venue that gives fewer rows at once cannot be asked for a bar with those before it. The anchor
 * takes at most half of an answer, with the quiet buckets before it. */
bool mw_download_plan_takes_anchor(const struct mw_download_plan *plan, int64_t anchor_ms)
{
    int64_t last_ms = newest_range(plan)->to_ms;
    return plan->row_count_max >= MW_ROWS_CUT_MIN && anchor_ms >= last_ms &&
           mw_timeframe_buckets(plan->timeframe, last_ms, anchor_ms) <= plan->row_count_max / 2 + 1;
}

/* The bucket `count` - 1 before the one at open_ms, but not before first_ms. */
static int64_t go_back(const struct mw_download_plan *plan, int64_t open_ms, uint32_t count,
                       int64_t first_ms)
{
    for (uint32_t i = 1; i < count && open_ms > first_ms; i++)
        open_ms = mw_timeframe_floor(plan->timeframe, open_ms - 1);
    return open_ms;
}

void mw_download_plan_ask(const struct mw_download_plan *plan, int64_t anchor_ms,
                          struct mw_download_ask *ask)
{
    const struct mw_gap *range = newest_range(plan);
    *ask = (struct mw_download_ask){.from_ms = INT64_MIN,
                                    .to_ms = range->to_ms,
                                    .last_ms = range->to_ms,
                                    .anchor_ms = MW_NO_ANCHOR};
    if (anchor_ms != MW_NO_ANCHOR && mw_download_plan_takes_anchor(plan, anchor_ms)) {
        ask->to_ms = ask->anchor_ms = anchor_ms;
    } else if (range->from_ms > plan->from_ms || plan->bounded_ms == range->to_ms) {
        ask->from_ms = go_back(plan, range->to_ms, plan->row_count_max, range->from_ms);
    }
    ask->count = count_wanted(plan, ask->to_ms);
}

/* --- answers ---------------------------------------------------------------------------------- */

static int64_t open_at(const struct mw_rows *rows, uint32_t i)
{
    return mw_rows_at(rows, i)->open_ms;
}

static mw_status lacks(int64_t open_ms, struct mw_error *err)
{
    char text[MW_TIME_TEXT_BYTES];
    return mw_fail(err, MW_EHISTORY, "the answer is not whole: it lacks the bar of %s",
                   mw_time_format(open_ms, text));
}

/* All that is asked for is over, so all of it has to be final. */
static mw_status check_final(const struct mw_rows *rows, const struct mw_download_ask *ask,
                             struct mw_error *err)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct mw_candle *row = mw_rows_at(rows, i);
        char text[MW_TIME_TEXT_BYTES];
        if (mw_rows_is_flagged(row) && row->open_ms <= ask->last_ms)
            return mw_fail(err, MW_EHISTORY,
                           "the answer is wrong: the bar of %s is said to form, and is over",
                           mw_time_format(row->open_ms, text));
    }
    return MW_OK;
}

/* What one answer is whole about. It may have been cut to what the venue gives at once at either
 * end, unless it has very few rows. */
static void find_whole(const struct mw_download_plan *plan, const struct mw_download_ask *ask,
                       const struct mw_rows *rows, struct mw_download_found *found)
{
    bool cut = rows->count >= MW_ROWS_CUT_MIN || rows->count >= ask->count;
    bool bounded = ask->from_ms != INT64_MIN;
    found->from_ms = bounded ? ask->from_ms : INT64_MAX;
    if (rows->count > 0 && (cut || !bounded))
        found->from_ms = open_at(rows, 0);
    if (found->from_ms < plan->from_ms)
        found->from_ms = plan->from_ms;
    found->to_ms = ask->last_ms;
    if (ask->anchor_ms == MW_NO_ANCHOR && cut && rows->count > 0)
        found->to_ms = open_at(rows, rows->count - 1);
}

/* Whether a bucket that is to be asked for has no row. */
static bool has_empty_buckets(const struct mw_download_plan *plan, const struct mw_rows *rows,
                              const struct mw_download_found *found)
{
    uint64_t wanted = 0, there = 0;
    for (uint32_t i = 0; i < plan->todo.count; i++) {
        const struct mw_gap *range = &plan->todo.list[i];
        int64_t from_ms = range->from_ms > found->from_ms ? range->from_ms : found->from_ms;
        int64_t to_ms = range->to_ms < found->to_ms ? range->to_ms : found->to_ms;
        wanted += mw_timeframe_buckets(plan->timeframe, from_ms, to_ms);
    }
    for (uint32_t i = 0, at = 0; i < rows->count && at < plan->todo.count; i++) {
        int64_t open_ms = open_at(rows, i);
        while (at < plan->todo.count && plan->todo.list[at].to_ms < open_ms)
            at++;
        there += at < plan->todo.count && plan->todo.list[at].from_ms <= open_ms &&
                 open_ms >= found->from_ms && open_ms <= found->to_ms;
    }
    return there < wanted;
}

static void remember(struct mw_download_plan *plan, const struct mw_rows *rows,
                     const struct mw_download_found *found)
{
    plan->doubt.any = true;
    plan->doubt.from_ms = found->from_ms;
    plan->doubt.to_ms = found->to_ms;
    plan->doubt.count = rows->count;
    plan->doubt.opens =
        mw_realloc_array(plan->doubt.opens, rows->count + 1, sizeof(*plan->doubt.opens));
    for (uint32_t i = 0; i < rows->count; i++)
        plan->doubt.opens[i] = open_at(rows, i);
}

/* Whether all that the answer before had is in this one, where both are whole. */
static mw_status check_against_doubt(const struct mw_download_plan *plan,
                                     const struct mw_rows *rows,
                                     const struct mw_download_found *found, struct mw_error *err)
{
    uint32_t at = 0;
    for (uint32_t i = 0; plan->doubt.any && i < plan->doubt.count; i++) {
        int64_t open_ms = plan->doubt.opens[i];
        if (open_ms < found->from_ms || open_ms > found->to_ms)
            continue;
        while (at < rows->count && open_at(rows, at) < open_ms)
            at++;
        if (at == rows->count || open_at(rows, at) != open_ms)
            return lacks(open_ms, err);
    }
    return MW_OK;
}

/* Keeps of what is whole what two answers agree on, if there are empty buckets in it. */
static void confirm(struct mw_download_plan *plan, const struct mw_rows *rows,
                    struct mw_download_found *found)
{
    if (found->from_ms > found->to_ms || !has_empty_buckets(plan, rows, found)) {
        plan->doubt.any = false;
        return;
    }
    struct mw_download_found both = *found;
    if (plan->doubt.any && plan->doubt.from_ms > both.from_ms)
        both.from_ms = plan->doubt.from_ms;
    if (plan->doubt.any && plan->doubt.to_ms < both.to_ms)
        both.to_ms = plan->doubt.to_ms;
    if (!plan->doubt.any || both.from_ms > both.to_ms) {
        remember(plan, rows, found);
        found->from_ms = INT64_MAX;
        found->to_ms = INT64_MIN;
        return;
    }
    plan->doubt.any = false;
    *found = both;
}

mw_status mw_download_plan_take(struct mw_download_plan *plan, const struct mw_download_ask *ask,
                                const struct mw_rows *rows, struct mw_download_found *found,
                                struct mw_error *err)
{
    bool anchored = ask->anchor_ms != MW_NO_ANCHOR;
    struct mw_download_found whole = {.begins = false};
    if (anchored && (rows->count == 0 || open_at(rows, rows->count - 1) != ask->anchor_ms))
        return lacks(ask->anchor_ms, err);
    mw_status status = check_final(rows, ask, err);
    if (status != MW_OK)
        return status;
    find_whole(plan, ask, rows, &whole);
    status = check_against_doubt(plan, rows, &whole, err);
    if (status != MW_OK)
        return status;
    bool none_older =
        ask->from_ms == INT64_MIN && rows->count == (anchored ? 1 : 0) && rows->count < ask->count;
    if (none_older) {
        whole.begins = plan->none_older; /* two have to say so */
        whole.begins_ms = anchored ? ask->anchor_ms : ask->last_ms + 1;
    }
    plan->none_older = none_older;
    if (!anchored && ask->from_ms == INT64_MIN && whole.to_ms < ask->last_ms)
        plan->bounded_ms = ask->last_ms;
    if (none_older && !whole.begins) {
        whole.from_ms = INT64_MAX;
        whole.to_ms = INT64_MIN;
    } else {
        confirm(plan, rows, &whole);
    }
    *found = whole;
    return MW_OK;
}
