/* download.c - one series after the other: requests in turn, answers into the store. */
#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "history/download_parts.h"
#include "history/request.h"

enum {
    NEWEST_ROWS = 3,       /* asked for to see where the venue's history ends */
    ANCHOR_ROWS = 8,       /* looked at for one with trades, which the venue has to have */
    ANCHOR_FAILURES = 3,   /* in a row: the bar may be somebody else's, from a file */
    HINT_ANSWERS_MIN = 20, /* a shorter download needs no look for the beginning */
};

#define JITTER 0.3

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static int64_t ms_or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

mw_status mw_download_new(const struct mw_download_source *source, struct mw_store *store,
                          struct mw_download **out, struct mw_error *err)
{
    if (!source->protocol->history.known)
        return mw_fail(err, MW_EINVAL, "%s has no history", source->protocol->name);
    struct mw_http *http;
    mw_status status = mw_history_check_base(source->base, err);
    if (status == MW_OK)
        status = mw_http_new(&http, err);
    if (status != MW_OK)
        return status;
    struct mw_download *download = mw_alloc_zero(sizeof(*download));
    download->source = *source;
    struct mw_download_source *filled = &download->source;
    filled->attempts = (uint32_t)or_default(source->attempts, MW_DOWNLOAD_ATTEMPTS_MAX);
    filled->settle_ms = ms_or_default(source->settle_ms, MW_BACKFILL_SETTLE_MS);
    filled->timeout_ms = ms_or_default(source->timeout_ms, MW_DOWNLOAD_TIMEOUT_MS);
    filled->answer_bytes = or_default(source->answer_bytes, MW_BACKFILL_ANSWER_BYTES_MAX);
    const struct mw_backoff_options backoff = {
        .attempts = MW_ATTEMPTS_FOREVER,
        .base_s = source->base_s > 0 ? source->base_s : (double)MW_BACKFILL_BASE_MS / 1000,
        .cap_s = source->cap_s > 0 ? source->cap_s : (double)MW_BACKFILL_CAP_MS / 1000,
        .jitter = JITTER};
    uint64_t seed;
    mw_random_bytes(&seed, sizeof(seed));
    mw_backoff_init(&download->backoff, &backoff, seed);
    download->store = store;
    download->http = http;
    download->decoder = mw_decoder_new(source->protocol);
    *out = download;
    return MW_OK;
}

void mw_download_free(struct mw_download *download)
{
    if (download == NULL)
        return;
    mw_http_free(download->http);
    mw_decoder_free(download->decoder);
    mw_free(download);
}

void mw_download_stop(struct mw_download *download)
{
    atomic_store_explicit(&download->stopping, true, memory_order_release);
}

/* Asks until there are rows. MW_OK also when it is to stop. */
static mw_status fetch(struct mw_download_run *run)
{
    do {
        mw_download_exchange(run);
        if (mw_download_is_stopping(run) || run->status == MW_OK)
            return MW_OK;
    } while (mw_download_put_off(run));
    return run->status;
}

/* --- where it begins and ends ----------------------------------------------------------------- */

/* Whether the venue's newest row has had its last word. Nothing later stands in the answer, so the
 * clock has to say it; one that is far ahead of the row says nothing: a venue may be simulated. */
static bool is_newest_final(const struct mw_download_run *run, const struct mw_candle *row)
{
    struct mw_timeframe timeframe = run->span->key.timeframe;
    if (row->state == MW_CANDLE_CLOSED)
        return true;
    if (mw_rows_is_flagged(row))
        return false;
    int64_t over_ms = run->sent_ms - mw_timeframe_next(timeframe, row->open_ms);
    int64_t recent_ms = 2 * mw_timeframe_ms(timeframe);
    if (recent_ms < MW_DOWNLOAD_RECENT_MS)
        recent_ms = MW_DOWNLOAD_RECENT_MS;
    return over_ms >= run->download->source.settle_ms && over_ms <= recent_ms;
}

/* Asks for the newest rows up to to_ms. That there are none has to be said twice. */
static mw_status fetch_newest(struct mw_download_run *run, int64_t to_ms, uint32_t count)
{
    uint32_t row_count_max = run->download->source.protocol->history.row_count_max;
    run->ask = (struct mw_download_ask){.from_ms = INT64_MIN,
                                        .to_ms = to_ms,
                                        .count = count < row_count_max ? count : row_count_max,
                                        .anchor_ms = MW_NO_ANCHOR};
    mw_status status = MW_OK;
    for (int i = 0; i < 2; i++) {
        status = fetch(run);
        if (status != MW_OK || mw_download_is_stopping(run) || run->rows.count > 0)
            break;
    }
    return status;
}

/* The same for the newest of all. Where some are stored a venue that has none is at fault. */
static mw_status fetch_last(struct mw_download_run *run)
{
    for (;;) {
        mw_status status = fetch_newest(run, INT64_MAX, NEWEST_ROWS);
        if (status != MW_OK || mw_download_is_stopping(run) || run->rows.count > 0 ||
            !run->is_known)
            return status;
        run->status = mw_fail(&run->err, MW_EHISTORY,
                              "the venue says that it has no bars, and some are stored");
        if (!mw_download_put_off(run))
            return run->status;
    }
}

/* Finds what the venue's newest final bar is. INT64_MIN in `*last_ms` for none. */
static mw_status find_end(struct mw_download_run *run, int64_t *last_ms)
{
    *last_ms = INT64_MIN;
    mw_status status = fetch_last(run);
    if (status != MW_OK || mw_download_is_stopping(run))
        return status;
    mw_download_settle(run);
    run->result->empty = run->rows.count == 0;
    if (run->result->empty)
        return MW_OK;
    const struct mw_candle *newest = mw_rows_at(&run->rows, run->rows.count - 1);
    run->newest_ms = newest->open_ms;
    *last_ms = newest->open_ms;
    if (!is_newest_final(run, newest)) {
        run->result->forming = newest->open_ms < run->span->to_ms;
        run->result->forming_ms = newest->open_ms;
        *last_ms = mw_timeframe_floor(run->span->key.timeframe, newest->open_ms - 1);
    }
    return MW_OK;
}

/* Halves the time before the oldest range until it is about known where the venue's history begins,
 * so that what is left to do can be told. Nothing else depends on it. */
static mw_status find_hint(struct mw_download_run *run)
{
    struct mw_download_plan *plan = &run->plan;
    if (plan->todo.count == 0 || plan->todo.list[0].from_ms > plan->from_ms)
        return MW_OK;
    struct mw_timeframe timeframe = plan->timeframe;
    int64_t without_ms = plan->todo.list[0].from_ms, with_ms = plan->todo.list[0].to_ms;
    uint64_t close = (uint64_t)plan->row_count_max * HINT_ANSWERS_MIN;
    bool first = true;
    while (mw_timeframe_buckets(timeframe, without_ms, with_ms) > close) {
        int64_t middle_ms = without_ms + (first ? 0 : (with_ms - without_ms) / 2);
        middle_ms = mw_timeframe_floor(timeframe, middle_ms);
        mw_status status = fetch_newest(run, middle_ms, 1);
        if (status != MW_OK || mw_download_is_stopping(run))
            return status;
        mw_download_settle(run);
        if (run->rows.count > 0 && first)
            return MW_OK;
        *(run->rows.count > 0 ? &with_ms : &without_ms) = middle_ms;
        if (!first)
            close = (uint64_t)plan->row_count_max;
        first = false;
    }
    if (!first)
        plan->hint_ms = without_ms;
    return MW_OK;
}

/* --- what is to be done ----------------------------------------------------------------------- */

static mw_status add_holes(struct mw_download_run *run, int64_t from_ms, int64_t to_ms,
                           struct mw_error *err)
{
    struct mw_gaps holes = {0};
    const struct mw_store_query query = {
        .key = &run->span->key, .from_ms = from_ms, .until_ms = to_ms};
    mw_status status = mw_store_read_holes(run->download->store, &query, &holes, err);
    for (uint32_t i = 0; i < holes.count; i++) {
        const struct mw_gap *hole = &holes.list[i];
        mw_gaps_add(&run->plan.todo, run->plan.timeframe,
                    hole->from_ms > from_ms ? hole->from_ms : from_ms,
                    hole->to_ms < to_ms ? hole->to_ms : to_ms);
    }
    mw_gaps_deinit(&holes);
    return status;
}

/* All from the first bucket to the one at last_ms that the store does not know. */
static mw_status plan_series(struct mw_download_run *run, int64_t last_ms, struct mw_error *err)
{
    struct mw_download_plan *plan = &run->plan;
    if (last_ms < plan->from_ms)
        return MW_OK;
    mw_gaps_add(&plan->todo, plan->timeframe, plan->from_ms, last_ms);
    if (!run->is_known)
        return MW_OK;
    mw_gaps_remove(&plan->todo, plan->timeframe, run->known.first_ms, run->known.last_ms);
    return add_holes(run, plan->from_ms, last_ms, err);
}

/* The oldest bar after what is to be asked for that the venue is known to have: its newest, or one
 * that is stored and had trades. */
static mw_status find_anchor(struct mw_download_run *run, int64_t *anchor_ms, struct mw_error *err)
{
    const struct mw_gap *range = &run->plan.todo.list[run->plan.todo.count - 1];
    struct mw_candle bars[ANCHOR_ROWS];
    uint32_t count;
    *anchor_ms = MW_NO_ANCHOR;
    if (mw_download_plan_takes_anchor(&run->plan, run->newest_ms))
        *anchor_ms = run->newest_ms;
    mw_status status = mw_store_read_rows(
        run->download->store,
        &(struct mw_store_query){.key = &run->span->key,
                                 .from_ms = mw_timeframe_next(run->plan.timeframe, range->to_ms),
                                 .until_ms = INT64_MAX,
                                 .count = ANCHOR_ROWS},
        bars, &count, err);
    if (status != MW_OK)
        return status;
    for (uint32_t i = 0; i < count; i++) {
        if (!(bars[i].volume > 0) || bars[i].open_ms == run->shunned_ms)
            continue;
        if (*anchor_ms == MW_NO_ANCHOR || bars[i].open_ms < *anchor_ms)
            *anchor_ms = bars[i].open_ms;
        break;
    }
    return MW_OK;
}

/* --- storing ---------------------------------------------------------------------------------- */

/* Copies the rows between two times, as what they are in a store. Returns their count. */
static uint32_t copy_rows(const struct mw_rows *rows, int64_t from_ms, int64_t to_ms,
                          struct mw_candle *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct mw_candle *row = mw_rows_at(rows, i);
        if (row->open_ms < from_ms || row->open_ms > to_ms)
            continue;
        out[count] = *row;
        out[count].state = MW_CANDLE_CLOSED;
        out[count].closed_by = MW_CLOSED_BY_EXCHANGE;
        out[count].source = MW_SOURCE_BACKFILL;
        out[count].flags = 0;
        count++;
    }
    return count;
}

/* Writes what was found of each range, all in one transaction, and takes it off the plan. What the
 * store knew between the ranges stays as it is. */
static mw_status store_found(struct mw_download_run *run, const struct mw_download_found *found,
                             struct mw_error *err)
{
    struct mw_gaps *todo = &run->plan.todo;
    struct mw_store_part *parts = mw_realloc_array(NULL, todo->count, sizeof(*parts));
    struct mw_candle *rows = mw_realloc_array(NULL, run->rows.count + 1, sizeof(*rows));
    uint32_t part_count = 0, row_count = 0;
    for (uint32_t i = 0; i < todo->count; i++) {
        const struct mw_gap *range = &todo->list[i];
        int64_t from_ms = range->from_ms > found->from_ms ? range->from_ms : found->from_ms;
        int64_t to_ms = range->to_ms < found->to_ms ? range->to_ms : found->to_ms;
        if (from_ms > to_ms)
            continue;
        struct mw_store_part *part = &parts[part_count++];
        *part = (struct mw_store_part){
            .key = &run->span->key, .from_ms = from_ms, .to_ms = to_ms, .rows = rows + row_count};
        part->row_count = copy_rows(&run->rows, from_ms, to_ms, rows + row_count);
        row_count += part->row_count;
    }
    struct mw_stored stored = {.rows = 0};
    mw_status status = MW_OK;
    if (part_count > 0)
        status = mw_store_write(run->download->store, parts, part_count, &stored, err);
    if (status == MW_OK) {
        run->result->rows += stored.rows;
        run->result->replaced += stored.replaced;
        mw_gaps_remove(todo, run->plan.timeframe, found->from_ms, found->to_ms);
    }
    mw_free(rows);
    mw_free(parts);
    return status;
}

/* The venue has nothing older: what is older is done with, and nothing is known of it. */
static void note_beginning(struct mw_download_run *run, int64_t begins_ms)
{
    run->result->begins = true;
    run->result->begins_ms = begins_ms;
    mw_gaps_remove(&run->plan.todo, run->plan.timeframe, run->plan.from_ms,
                   mw_timeframe_floor(run->plan.timeframe, begins_ms - 1));
}

/* --- one series ------------------------------------------------------------------------------- */

/* An answer lacks the bar that it had to have. One that comes from somewhere else, a file, may be
 * none of the venue's: then it is done without. */
static void doubt_anchor(struct mw_download_run *run)
{
    if (run->ask.anchor_ms == run->newest_ms || run->ask.anchor_ms == MW_NO_ANCHOR ||
        ++run->anchor_failure_count < ANCHOR_FAILURES)
        return;
    run->shunned_ms = run->ask.anchor_ms;
    run->anchor_failure_count = 0;
}

/* Makes one request and uses the answer. */
static mw_status step(struct mw_download_run *run, struct mw_error *err)
{
    int64_t anchor_ms;
    mw_status status = find_anchor(run, &anchor_ms, err);
    if (status != MW_OK)
        return status;
    mw_download_plan_ask(&run->plan, anchor_ms, &run->ask);
    mw_download_exchange(run);
    if (mw_download_is_stopping(run))
        return MW_OK;
    struct mw_download_found found;
    if (run->status == MW_OK)
        run->status = mw_download_plan_take(&run->plan, &run->ask, &run->rows, &found, &run->err);
    if (run->status != MW_OK) {
        doubt_anchor(run);
        if (mw_download_put_off(run))
            return MW_OK;
        *err = run->err;
        return run->status;
    }
    mw_download_settle(run);
    run->anchor_failure_count = 0;
    uint64_t left = mw_download_plan_left(&run->plan);
    if (found.from_ms <= found.to_ms)
        status = store_found(run, &found, err);
    if (status == MW_OK && found.begins)
        note_beginning(run, found.begins_ms);
    bool idle = run->plan.todo.count > 0 && mw_download_plan_left(&run->plan) == left;
    run->idle_count = idle ? run->idle_count + 1 : 0;
    if (status == MW_OK && run->idle_count > run->download->source.attempts)
        return mw_fail(err, MW_EHISTORY, "%u answers in a row that prove nothing", run->idle_count);
    mw_download_tell(run);
    return status;
}

static mw_status run_series(struct mw_download_run *run, struct mw_error *err)
{
    int64_t last_ms;
    mw_status status =
        mw_store_find(run->download->store, &run->span->key, &run->known, &run->is_known, err);
    if (status != MW_OK)
        return status;
    status = find_end(run, &last_ms);
    if (status != MW_OK) {
        *err = run->err;
        return status;
    }
    if (mw_download_is_stopping(run) || run->result->empty)
        return MW_OK;
    int64_t wanted_ms = mw_timeframe_floor(run->plan.timeframe, run->span->to_ms - 1);
    status = plan_series(run, last_ms < wanted_ms ? last_ms : wanted_ms, err);
    if (status == MW_OK && find_hint(run) != MW_OK) {
        *err = run->err;
        return err->status;
    }
    run->bucket_count = mw_download_plan_ahead(&run->plan);
    while (status == MW_OK && run->plan.todo.count > 0 && !mw_download_is_stopping(run))
        status = step(run, err);
    return status;
}

/* The first bucket that opens at time_ms or after. */
static int64_t first_bucket(struct mw_timeframe timeframe, int64_t time_ms)
{
    int64_t open_ms = mw_timeframe_floor(timeframe, time_ms);
    return open_ms < time_ms ? mw_timeframe_next(timeframe, open_ms) : open_ms;
}

mw_status mw_download_run(struct mw_download *download, const struct mw_download_span *span,
                          mw_download_tell_fn tell_fn, void *user,
                          struct mw_download_result *result, struct mw_error *err)
{
    struct mw_error failure;
    struct mw_download_run run = {.download = download,
                                  .span = span,
                                  .result = result,
                                  .tell = tell_fn,
                                  .user = user,
                                  .newest_ms = INT64_MIN,
                                  .shunned_ms = INT64_MIN};
    *result = (struct mw_download_result){.requests = 0};
    mw_download_plan_init(&run.plan, span->key.timeframe,
                          first_bucket(span->key.timeframe, span->from_ms),
                          download->source.protocol->history.row_count_max);
    mw_status status = run_series(&run, &failure);
    result->stopped = mw_download_is_stopping(&run);
    result->left = mw_download_plan_left(&run.plan);
    mw_download_plan_deinit(&run.plan);
    if (status != MW_OK && err != NULL)
        *err = failure;
    return status;
}
