/* download_plan.h - what is to be asked of a series, and what the answers prove. Nothing is sent.
 *
 *     todo:   [A ...... B] | bar           the newest range that is to be asked for
 *     ask:    <- count --------->|         newest first, with the bar after it: the anchor
 *     rows:      r r r . r r r r a
 *     proven:    [............ B]          after another answer, since there is an empty bucket
 *
 * The anchor is the oldest bar after B that is known to be there. Where none is near, the bars up
 * to B are asked for without; then nothing is proven past the last row, and that rest is asked for
 * with both bounds.
 *
 * Threads: the owner's.
 */
#ifndef MW_HISTORY_DOWNLOAD_PLAN_H
#define MW_HISTORY_DOWNLOAD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "history/rows.h"
#include "market/gaps.h"

#define MW_NO_ANCHOR INT64_MIN

struct mw_download_plan {
    struct mw_timeframe timeframe;
    int64_t from_ms;        /* the first bucket that is wanted */
    uint32_t row_count_max; /* of one answer */
    struct mw_gaps todo;    /* owns */
    int64_t bounded_ms;     /* the range that ends here is asked for with both bounds */
    int64_t hint_ms;        /* for counting: the venue is thought to have nothing before */
    /* The last answer had empty buckets between from_ms and to_ms: its rows. */
    struct {
        bool any;
        int64_t from_ms, to_ms;
        int64_t *opens; /* owns; open times, oldest first */
        uint32_t count;
    } doubt;
    bool none_older; /* the last answer had nothing older */
};

struct mw_download_ask {
    int64_t from_ms, to_ms; /* as a protocol takes them */
    uint32_t count;
    int64_t last_ms;   /* the newest bucket that is asked for */
    int64_t anchor_ms; /* the row that has to be the newest; MW_NO_ANCHOR for none */
};

/* What an answer has proven: all between, none if to_ms is less. */
struct mw_download_found {
    int64_t from_ms, to_ms;
    bool begins; /* the venue has nothing that is older than begins_ms */
    int64_t begins_ms;
};

void mw_download_plan_init(struct mw_download_plan *plan, struct mw_timeframe timeframe,
                           int64_t from_ms, uint32_t row_count_max);
void mw_download_plan_deinit(struct mw_download_plan *plan);

/* How many buckets are to be asked for; and of how many the venue is thought to have something. */
uint64_t mw_download_plan_left(const struct mw_download_plan *plan);
uint64_t mw_download_plan_ahead(const struct mw_download_plan *plan);

/* Whether a bar that opens at anchor_ms is near enough to be asked for along with what is to be
 * asked for next. */
bool mw_download_plan_takes_anchor(const struct mw_download_plan *plan, int64_t anchor_ms);

/* The next request; there must be something to do. */
void mw_download_plan_ask(const struct mw_download_plan *plan, int64_t anchor_ms,
                          struct mw_download_ask *ask);

/* Says what an answer proves; nothing may be, when another has to say so too. What was proven is
 * still to be done until it is removed from `todo`. Errors: MW_EHISTORY when the answer contradicts
 * what is known. */
MW_MUST_USE mw_status mw_download_plan_take(struct mw_download_plan *plan,
                                            const struct mw_download_ask *ask,
                                            const struct mw_rows *rows,
                                            struct mw_download_found *found, struct mw_error *err);

#endif
