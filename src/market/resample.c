/* resample.c - which timeframes are made of which, and the making of one bar. */
#include "market/resample.h"

#include "base/check.h"
#include "base/clock.h"

static const int64_t ms_per_day = MW_MS_PER_DAY, ms_per_week = INT64_C(7) * MW_MS_PER_DAY;
static const int64_t monday_ms = INT64_C(4) * MW_MS_PER_DAY; /* weeks begin there */

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The ends of coarse buckets that are a day or longer lie at `from` + k * `step`, or at some of
 * these: ends of months have no larger step in common than a day, whatever their count. */
static void ends_of(struct mw_timeframe coarse, int64_t *from, int64_t *step)
{
    *from = coarse.unit == 'w' ? monday_ms : 0;
    *step = coarse.unit == 'w'   ? coarse.count * ms_per_week
            : coarse.unit == 'M' ? ms_per_day
                                 : mw_timeframe_ms(coarse);
}

bool mw_timeframe_divides(struct mw_timeframe fine, struct mw_timeframe coarse)
{
    if (mw_timeframe_equal(fine, coarse))
        return false;
    if (fine.unit == 'M' || fine.unit == 'w')
        return fine.unit == coarse.unit && coarse.count % fine.count == 0;
    int64_t fine_ms = mw_timeframe_ms(fine), coarse_ms = mw_timeframe_ms(coarse);
    MW_CHECK(fine_ms > 0);
    if (coarse_ms < ms_per_day)
        return coarse_ms % fine_ms == 0;
    int64_t from, step;
    ends_of(coarse, &from, &step);
    if (fine_ms >= ms_per_day)
        return from % fine_ms == 0 && step % fine_ms == 0;
    /* The times of day at which a coarse bucket ends are the multiples of this. */
    int64_t within_day = common_divisor(step, ms_per_day);
    return within_day == ms_per_day || within_day % fine_ms == 0;
}

void mw_resampler_init(struct mw_resampler *resampler, struct mw_timeframe coarse,
                       struct mw_timeframe fine)
{
    MW_CHECK(mw_timeframe_divides(fine, coarse));
    *resampler = (struct mw_resampler){.coarse = coarse, .fine = fine};
}

void mw_resampler_clear(struct mw_resampler *resampler)
{
    resampler->any = false;
}

/* Whether a bar tells its trades: a bucket without volume has none. */
static bool is_counted(const struct mw_candle *candle)
{
    return candle->trades > 0 || candle->volume <= 0;
}

static void begin(struct mw_resampler *resampler, const struct mw_candle *candle)
{
    int64_t open_ms = mw_timeframe_floor(resampler->coarse, candle->open_ms);
    resampler->any = true;
    resampler->bar = *candle;
    resampler->bar.open_ms = open_ms;
    resampler->bar.source = MW_SOURCE_RESAMPLED;
    resampler->bar.flags = candle->flags & MW_CANDLE_UNPROVEN;
    resampler->volume = (struct mw_sum){.total = candle->volume};
    resampler->turnover = (struct mw_sum){.total = candle->turnover};
    resampler->next_ms = mw_timeframe_next(resampler->coarse, open_ms);
    resampler->last_ms = candle->open_ms;
    resampler->counted = is_counted(candle);
}

static void extend(struct mw_resampler *resampler, const struct mw_candle *candle)
{
    MW_CHECK(candle->open_ms > resampler->last_ms && candle->open_ms < resampler->next_ms);
    struct mw_candle *bar = &resampler->bar;
    if (candle->high > bar->high)
        bar->high = candle->high;
    if (candle->low < bar->low)
        bar->low = candle->low;
    bar->close = candle->close;
    bar->trades =
        candle->trades > UINT32_MAX - bar->trades ? UINT32_MAX : bar->trades + candle->trades;
    bar->state = candle->state;
    bar->closed_by = candle->closed_by;
    bar->flags |= candle->flags & MW_CANDLE_UNPROVEN;
    mw_sum_add(&resampler->volume, candle->volume);
    mw_sum_add(&resampler->turnover, candle->turnover);
    resampler->last_ms = candle->open_ms;
    resampler->counted &= is_counted(candle);
}

/* What was added, as one bar. */
static void sum_up(const struct mw_resampler *resampler, struct mw_candle *bar)
{
    *bar = resampler->bar;
    bar->volume = mw_sum_value(&resampler->volume);
    bar->turnover = mw_sum_value(&resampler->turnover);
    if (!resampler->counted)
        bar->trades = 0;
    if (mw_timeframe_next(resampler->fine, resampler->last_ms) < resampler->next_ms) {
        bar->state = MW_CANDLE_FORMING; /* its last source bar is still to come */
        bar->closed_by = MW_CLOSED_BY_NOBODY;
    }
}

bool mw_resampler_get(const struct mw_resampler *resampler, const struct mw_candle *newest,
                      struct mw_candle *bar)
{
    struct mw_resampler with = *resampler;
    if (newest != NULL && with.any)
        extend(&with, newest);
    else if (newest != NULL)
        begin(&with, newest);
    if (with.any)
        sum_up(&with, bar);
    return with.any;
}

bool mw_resampler_finish(const struct mw_resampler *resampler, struct mw_candle *bar)
{
    if (!resampler->any)
        return false;
    sum_up(resampler, bar);
    if (bar->state == MW_CANDLE_FORMING) {
        bar->state = MW_CANDLE_CLOSED;
        bar->closed_by = MW_CLOSED_BY_SUCCESSOR;
    }
    return true;
}

bool mw_resampler_add(struct mw_resampler *resampler, const struct mw_candle *candle,
                      struct mw_candle *finished)
{
    MW_CHECK(candle->state == MW_CANDLE_CLOSED);
    if (resampler->any && candle->open_ms < resampler->next_ms) {
        extend(resampler, candle);
        return false;
    }
    bool over = mw_resampler_finish(resampler, finished);
    begin(resampler, candle);
    return over;
}
