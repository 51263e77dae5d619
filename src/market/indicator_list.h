/* indicator_list.h - the names of all indicators; each is a `const struct mw_indicator` of its own.
 *
 * A new one is a line here, in alphabetical order, and `const struct mw_indicator
 * mw_indicator_NAME` in one of the files indicator_*.c.
 *
 * Threads: constants.
 */
#ifndef MW_MARKET_INDICATOR_LIST_H
#define MW_MARKET_INDICATOR_LIST_H

#include "market/indicator.h"

#define MW_INDICATOR_LIST(X)                                                                       \
    X(adl)                                                                                         \
    X(adx)                                                                                         \
    X(aroon)                                                                                       \
    X(atr)                                                                                         \
    X(bbands)                                                                                      \
    X(cmf)                                                                                         \
    X(cross_above)                                                                                 \
    X(cross_below)                                                                                 \
    X(cumsum)                                                                                      \
    X(diff)                                                                                        \
    X(donchian)                                                                                    \
    X(ema)                                                                                         \
    X(highest)                                                                                     \
    X(ichimoku)                                                                                    \
    X(keltner)                                                                                     \
    X(lowest)                                                                                      \
    X(obv)                                                                                         \
    X(psar)                                                                                        \
    X(rolling_sum)                                                                                 \
    X(shift)                                                                                       \
    X(sma)                                                                                         \
    X(stddev)                                                                                      \
    X(supertrend)                                                                                  \
    X(tr)                                                                                          \
    X(vwap)

#define MW_INDICATOR_DECLARE(name) extern const struct mw_indicator mw_indicator_##name;
MW_INDICATOR_LIST(MW_INDICATOR_DECLARE)
#undef MW_INDICATOR_DECLARE

#endif
