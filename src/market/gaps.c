/* gaps.c - ordered ranges: joined, cut, split. */
#include "market/gaps.h"

#include <string.h>

#include "base/check.h"

void mw_gaps_deinit(struct mw_gaps *gaps)
{
    mw_free(gaps->list);
    *gaps = (struct mw_gaps){0};
}

static int64_t bucket_before(struct mw_timeframe timeframe, int64_t open_ms)
{
    return mw_timeframe_floor(timeframe, open_ms - 1);
}

/* The first range that ends at or after `open_ms`, or count. */
static uint32_t first_ending_at(const struct mw_gaps *gaps, int64_t open_ms)
{
    uint32_t from = 0, to = gaps->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (gaps->list[middle].to_ms < open_ms)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Puts `count` ranges in the place of those from `begin` up to `end`. */
static void replace(struct mw_gaps *gaps, uint32_t begin, uint32_t end, const struct mw_gap *with,
                    uint32_t count)
{
    uint32_t total = gaps->count - (end - begin) + count;
    if (total > gaps->capacity) {
        gaps->capacity = total < 8 ? 8 : total * 2;
        gaps->list = mw_realloc_array(gaps->list, gaps->capacity, sizeof(*gaps->list));
    }
    if (gaps->count > end)
        memmove(gaps->list + begin + count, gaps->list + end,
                (gaps->count - end) * sizeof(*gaps->list));
    for (uint32_t i = 0; i < count; i++)
        gaps->list[begin + i] = with[i];
    gaps->count = total;
}

bool mw_gaps_add(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                 int64_t to_ms)
{
    struct mw_gap joined = {.from_ms = from_ms, .to_ms = to_ms};
    uint32_t begin = first_ending_at(gaps, bucket_before(timeframe, from_ms)), end = begin;
    int64_t past_ms = mw_timeframe_next(timeframe, to_ms);
    for (; end < gaps->count && gaps->list[end].from_ms <= past_ms; end++) {
        const struct mw_gap *met = &gaps->list[end];
        joined.from_ms = met->from_ms < joined.from_ms ? met->from_ms : joined.from_ms;
        joined.to_ms = met->to_ms > joined.to_ms ? met->to_ms : joined.to_ms;
    }
    if (end == begin + 1 && !gaps->list[begin].given_up &&
        gaps->list[begin].from_ms == joined.from_ms && gaps->list[begin].to_ms == joined.to_ms)
        return false;
    replace(gaps, begin, end, &joined, 1);
    return true;
}

/* Gives each range that reaches into from_ms..to_ms up to three parts: what lies before, within and
 * after. What is within is dropped or, with `keep`, given up. */
static bool cut(struct mw_gaps *gaps, struct mw_timeframe timeframe, const struct mw_gap *range,
                bool keep)
{
    bool changed = false;
    uint32_t at = first_ending_at(gaps, range->from_ms);
    while (at < gaps->count && gaps->list[at].from_ms <= range->to_ms) {
        const struct mw_gap met = gaps->list[at];
        struct mw_gap parts[3];
        uint32_t count = 0;
        if (keep && met.given_up) {
            at++;
            continue;
        }
        if (met.from_ms < range->from_ms) {
            parts[count] = met;
            parts[count++].to_ms = bucket_before(timeframe, range->from_ms);
        }
        if (keep)
            parts[count++] = (struct mw_gap){
                .from_ms = met.from_ms > range->from_ms ? met.from_ms : range->from_ms,
                .to_ms = met.to_ms < range->to_ms ? met.to_ms : range->to_ms,
                .given_up = true};
        if (met.to_ms > range->to_ms) {
            parts[count] = met;
            parts[count++].from_ms = mw_timeframe_next(timeframe, range->to_ms);
        }
        replace(gaps, at, at + 1, parts, count);
        at += count;
        changed = true;
    }
    return changed;
}

bool mw_gaps_remove(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                    int64_t to_ms)
{
    const struct mw_gap range = {.from_ms = from_ms, .to_ms = to_ms};
    return cut(gaps, timeframe, &range, false);
}

bool mw_gaps_give_up(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                     int64_t to_ms)
{
    const struct mw_gap range = {.from_ms = from_ms, .to_ms = to_ms};
    return cut(gaps, timeframe, &range, true);
}

const struct mw_gap *mw_gaps_find(const struct mw_gaps *gaps, int64_t from_ms, int64_t to_ms)
{
    uint32_t at = first_ending_at(gaps, from_ms);
    return at < gaps->count && gaps->list[at].from_ms <= to_ms ? &gaps->list[at] : NULL;
}
