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
    X(cci)                                                                                         \
    X(dema)                                                                                        \
    X(ema)                                                                                         \
    X(hma)                                                                                         \
    X(kama)                                                                                        \
    X(macd)                                                                                        \
    X(mfi)                                                                                         \
    X(mom)                                                                                         \
    X(rma)                                                                                         \
    X(roc)                                                                                         \
    X(rsi)                                                                                         \
    X(sma)                                                                                         \
    X(stoch)                                                                                       \
    X(stochrsi)                                                                                    \
    X(tema)                                                                                        \
    X(willr)                                                                                       \
    X(wma)

#define MW_INDICATOR_DECLARE(name) extern const struct mw_indicator mw_indicator_##name;
MW_INDICATOR_LIST(MW_INDICATOR_DECLARE)
#undef MW_INDICATOR_DECLARE

#endif
