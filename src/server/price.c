/* price.c - value noise, ticks and the bars that they make. */
#include "server/price.h"

#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"

enum { FIRST_PERIOD_S = 15 };

/* Makes 1m bars of BTC move by 0.07 % from open to close on average (standard deviation). */
static const double first_amplitude = 0.00035;
static const double root_of_three = 1.7320508075688772;

static const double notional_typical = 2000; /* quote currency that changes hands in one tick */

/* What people know some markets to cost, so that a demo looks right. First match wins. */
static const struct {
    const char *prefix;
    double price;
} known_bases[] = {{"BTC", 60000}, {"ETH", 3000}, {"BNB", 600},  {"SOL", 150},  {"LTC", 80},
                   {"XRP", 0.5},   {"ADA", 0.4},  {"DOGE", 0.1}, {"XBT", 60000}};

static double unit_of(uint64_t hash)
{
    return (double)(hash >> 11) * 0x1p-53;
}

static double base_of(const char *symbol, uint64_t hash)
{
    for (size_t i = 0; i < MW_COUNT(known_bases); i++)
        if (strncasecmp(symbol, known_bases[i].prefix, strlen(known_bases[i].prefix)) == 0)
            return known_bases[i].price;
    return (1 + unit_of(hash)) * (double)(1 << (hash % 9)); /* 1..512 */
}

void mw_price_model_init(struct mw_price_model *model, uint64_t seed, const char *symbol)
{
    uint64_t hash = mw_hash(symbol, strlen(symbol));
    model->key = mw_random_mix(mw_random_mix(seed + 1) ^ hash);
    model->base = base_of(symbol, mw_random_mix(hash));
    model->scale = model->base >= 10 ? 100 : model->base >= 1 ? 10000 : 100000;
    model->volume_typical = notional_typical / model->base * MW_PRICE_VOLUME_SCALE;
}

/* The random value at a lattice point, -1..1. */
static double lattice(const struct mw_price_model *model, uint64_t octave, int64_t point)
{
    uint64_t hash = mw_random_mix(model->key ^ mw_random_mix(octave << 56 ^ (uint64_t)point));
    return unit_of(hash) * 2 - 1;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void enter_cell(struct mw_price_cell *cell, const struct mw_price_model *model, int octave,
                       int64_t second)
{
    int64_t period_s = FIRST_PERIOD_S;
    double amplitude = first_amplitude;
    for (int i = 0; i < octave; i++) {
        period_s *= 3;
        amplitude *= root_of_three;
    }
    int64_t point = floor_div(second, period_s);
    double from = lattice(model, (uint64_t)octave, point) * amplitude;
    double to = lattice(model, (uint64_t)octave, point + 1) * amplitude;
    *cell = (struct mw_price_cell){
        .start_s = point * period_s,
        .end_s = (point + 1) * period_s,
        .from = from,
        .rise = to - from,
    };
}

static int64_t price_at(const struct mw_price_model *model, struct mw_price_walk *walk,
                        int64_t second)
{
    double sum = 0, inverse_period = 1.0 / FIRST_PERIOD_S;
    for (int i = 0; i < MW_PRICE_OCTAVES; i++) {
        struct mw_price_cell *cell = &walk->cells[i];
        if (second < cell->start_s || second >= cell->end_s)
            enter_cell(cell, model, i, second);
        double f = (double)(second - cell->start_s) * inverse_period;
        sum += cell->from + cell->rise * (f * f * (3 - 2 * f));
        inverse_period /= 3;
    }
    return (int64_t)(model->base * (1 + sum) * (double)model->scale + 0.5);
}

static void add_tick(struct mw_price_bar *bar, const struct mw_price_model *model,
                     struct mw_price_walk *walk, int64_t second)
{
    int64_t price = price_at(model, walk, second);
    uint64_t hash = mw_random_mix(model->key + (uint64_t)second * 0x9e3779b97f4a7c15u);
    double size = unit_of(hash);
    int64_t volume = 1 + (int64_t)(3 * size * size * model->volume_typical);

    if (bar->trades == 0)
        bar->open = bar->high = bar->low = price;
    bar->high = price > bar->high ? price : bar->high;
    bar->low = price < bar->low ? price : bar->low;
    bar->close = price;
    bar->volume += volume;
    bar->turnover += price * volume / model->scale;
    bar->trades += 1 + (int64_t)(hash & 7);
}

void mw_price_bar_begin(struct mw_price_bar *bar, int64_t open_ms)
{
    *bar =
        (struct mw_price_bar){.open_ms = open_ms, .next_s = floor_div(open_ms, MW_MS_PER_SECOND)};
}

bool mw_price_bar_extend(struct mw_price_bar *bar, const struct mw_price_model *model,
                         struct mw_price_walk *walk, int64_t until_ms, int64_t *budget)
{
    int64_t until_s = floor_div(until_ms, MW_MS_PER_SECOND);
    for (; bar->next_s <= until_s && *budget > 0; bar->next_s++, (*budget)--)
        add_tick(bar, model, walk, bar->next_s);
    return bar->next_s > until_s;
}

void mw_price_bar_candle(const struct mw_price_bar *bar, const struct mw_price_model *model,
                         struct mw_candle *candle)
{
    MW_CHECK(bar->trades > 0);
    double scale = (double)model->scale;
    *candle = (struct mw_candle){
        .open_ms = bar->open_ms,
        .open = (double)bar->open / scale,
        .high = (double)bar->high / scale,
        .low = (double)bar->low / scale,
        .close = (double)bar->close / scale,
        .volume = (double)bar->volume / MW_PRICE_VOLUME_SCALE,
        .turnover = (double)bar->turnover / MW_PRICE_VOLUME_SCALE,
        .trades = bar->trades < UINT32_MAX ? (uint32_t)bar->trades : UINT32_MAX,
        .state = MW_CANDLE_FORMING,
        .closed_by = MW_CLOSED_BY_NOBODY,
        .source = MW_SOURCE_LIVE,
    };
}

void mw_price_candle(const struct mw_price_model *model, struct mw_timeframe timeframe,
                     int64_t open_ms, struct mw_candle *candle)
{
    struct mw_price_walk walk = {0};
    struct mw_price_bar bar;
    int64_t budget = INT64_MAX;
    mw_price_bar_begin(&bar, open_ms);
    mw_price_bar_extend(&bar, model, &walk, mw_timeframe_next(timeframe, open_ms) - 1, &budget);
    mw_price_bar_candle(&bar, model, candle);
    candle->state = MW_CANDLE_CLOSED;
    candle->closed_by = MW_CLOSED_BY_EXCHANGE;
}
