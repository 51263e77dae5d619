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

static bool equal(const struct mw_gap *a, const struct mw_gap *b)
{
    return a->from_ms == b->from_ms && a->to_ms == b->to_ms && a->given_up == b->given_up;
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

/* Forgets what is known of the buckets of `range`, and then, with `keep`, makes them a hole of its
 * kind, joined with what is of that kind beside it. Returns whether anything changed. */
static bool overwrite(struct mw_gaps *gaps, struct mw_timeframe timeframe, struct mw_gap range,
                      bool keep)
{
    uint32_t begin = first_ending_at(gaps, range.from_ms), end = begin, count = 0;
    while (end < gaps->count && gaps->list[end].from_ms <= range.to_ms)
        end++;
    if (begin == end && !keep)
        return false;
    struct mw_gap before = range, after = range; /* what is beside it, cut off or whole */
    if (begin < end && gaps->list[begin].from_ms < range.from_ms) {
        before = gaps->list[begin];
        before.to_ms = bucket_before(timeframe, range.from_ms);
    } else if (keep && begin > 0 &&
               mw_timeframe_next(timeframe, gaps->list[begin - 1].to_ms) == range.from_ms) {
        before = gaps->list[--begin];
    }
    if (begin < end && gaps->list[end - 1].to_ms > range.to_ms) {
        after = gaps->list[end - 1];
        after.from_ms = mw_timeframe_next(timeframe, range.to_ms);
    } else if (keep && end < gaps->count &&
               gaps->list[end].from_ms == mw_timeframe_next(timeframe, range.to_ms)) {
        after = gaps->list[end++];
    }
    bool has_before = before.from_ms < range.from_ms;
    bool has_after = after.to_ms > range.to_ms;
    if (keep && has_before && before.given_up == range.given_up) {
        range.from_ms = before.from_ms;
        has_before = false;
    }
    if (keep && has_after && after.given_up == range.given_up) {
        range.to_ms = after.to_ms;
        has_after = false;
    }
    struct mw_gap parts[3];
    if (has_before)
        parts[count++] = before;
    if (keep)
        parts[count++] = range;
    if (has_after)
        parts[count++] = after;
    bool same = count == end - begin;
    for (uint32_t i = 0; i < count && same; i++)
        same = equal(&parts[i], &gaps->list[begin + i]);
    if (!same)
        replace(gaps, begin, end, parts, count);
    return !same;
}

bool mw_gaps_add(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                 int64_t to_ms)
{
    return overwrite(gaps, timeframe, (struct mw_gap){.from_ms = from_ms, .to_ms = to_ms}, true);
}

bool mw_gaps_remove(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                    int64_t to_ms)
{
    return overwrite(gaps, timeframe, (struct mw_gap){.from_ms = from_ms, .to_ms = to_ms}, false);
}

bool mw_gaps_give_up(struct mw_gaps *gaps, struct mw_timeframe timeframe, int64_t from_ms,
                     int64_t to_ms)
{
    bool changed = false;
    const struct mw_gap *met;
    while (from_ms <= to_ms && (met = mw_gaps_find(gaps, from_ms, to_ms)) != NULL) {
        struct mw_gap part = {.from_ms = met->from_ms > from_ms ? met->from_ms : from_ms,
                              .to_ms = met->to_ms < to_ms ? met->to_ms : to_ms,
                              .given_up = true};
        if (!met->given_up)
            changed |= overwrite(gaps, timeframe, part, true);
        from_ms = mw_timeframe_next(timeframe, part.to_ms);
    }
    return changed;
}

const struct mw_gap *mw_gaps_find(const struct mw_gaps *gaps, int64_t from_ms, int64_t to_ms)
{
    uint32_t at = first_ending_at(gaps, from_ms);
    return at < gaps->count && gaps->list[at].from_ms <= to_ms ? &gaps->list[at] : NULL;
}
