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
    X(cci)                                                                                         \
    X(cmf)                                                                                         \
    X(cross_above)                                                                                 \
    X(cross_below)                                                                                 \
    X(cumsum)                                                                                      \
    X(dema)                                                                                        \
    X(diff)                                                                                        \
    X(donchian)                                                                                    \
    X(ema)                                                                                         \
    X(highest)                                                                                     \
    X(hma)                                                                                         \
    X(ichimoku)                                                                                    \
    X(kama)                                                                                        \
    X(keltner)                                                                                     \
    X(lowest)                                                                                      \
    X(macd)                                                                                        \
    X(mfi)                                                                                         \
    X(mom)                                                                                         \
    X(obv)                                                                                         \
    X(psar)                                                                                        \
    X(rma)                                                                                         \
    X(roc)                                                                                         \
    X(rolling_sum)                                                                                 \
    X(rsi)                                                                                         \
    X(shift)                                                                                       \
    X(sma)                                                                                         \
    X(stddev)                                                                                      \
    X(stoch)                                                                                       \
    X(stochrsi)                                                                                    \
    X(supertrend)                                                                                  \
    X(tema)                                                                                        \
    X(tr)                                                                                          \
    X(vwap)                                                                                        \
    X(willr)                                                                                       \
    X(wma)

#define MW_INDICATOR_DECLARE(name) extern const struct mw_indicator mw_indicator_##name;
MW_INDICATOR_LIST(MW_INDICATOR_DECLARE)
#undef MW_INDICATOR_DECLARE

#endif
