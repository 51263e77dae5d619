/* backtest_ask.c - what a script wants to see, before there are data to run it over. */
#include <string.h>

#include "backtest/backtest.h"
#include "base/check.h"
#include "history/prices.h"
#include "market/cache.h"

static uint32_t find_nothing(void *user, const char *feed, const char *symbol,
                             struct mw_timeframe timeframe, struct mw_series **series)
{
    (void)user;
    (void)feed;
    (void)symbol;
    (void)timeframe;
    (void)series;
    return 0;
}

static void hear_nothing(void *user, const struct mw_event *event)
{
    (void)user;
    (void)event;
}

mw_status mw_backtest_ask(const struct mw_backtest_options *options, struct mw_interest **interests,
                          uint32_t *count, struct mw_error *err)
{
    struct mw_cache *cache = mw_cache_new(1);
    struct mw_prices *prices = mw_prices_new(cache);
    const struct mw_market market = {.prices = prices, .find_series = find_nothing};
    const struct mw_strategy_options asked = {.name = options->name,
                                              .file = options->file,
                                              .params_from = options->params_from,
                                              .params_ref = options->params_ref,
                                              .params_are_texts = options->params_are_texts,
                                              .seeded = true,
                                              .seed = options->seed,
                                              .clock_ms = 1,
                                              .bindings = options->bindings,
                                              .market = &market,
                                              .on_event = hear_nothing};
    struct mw_strategy *strategy = NULL;
    mw_status status = mw_strategy_load(&asked, &strategy, err);
    if (status == MW_OK) {
        const struct mw_interest *wanted = mw_strategy_interests(strategy, count);
        *interests = mw_realloc_array(NULL, *count + 1, sizeof(**interests));
        if (*count > 0)
            memcpy(*interests, wanted, *count * sizeof(**interests));
    }
    mw_strategy_free(strategy);
    mw_prices_free(prices);
    mw_cache_free(cache);
    return status;
}
