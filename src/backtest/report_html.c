/* report_html.c - a result as a page; this program has no chart library to draw it with. */
#include "backtest/report.h"

mw_status mw_report_html(const struct mw_backtest_result *result, struct mw_str *out,
                         struct mw_error *err)
{
    (void)result;
    (void)out;
    return mw_fail(err, MW_ENOTSUP, "this program was built without the chart library");
}
