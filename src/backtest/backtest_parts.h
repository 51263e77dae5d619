/* backtest_parts.h - the inside of a back-test, shared by its source files.
 *
 *     backtest.c         a run from its options to its result
 *     backtest_lane.c    series of the data: what of them is in the cache at a moment
 *     backtest_watch.c   what the script asked for, and telling it
 *
 * Data comes in lanes, one for each of its series. A lane begins when somebody needs it: because
 * the script asked for its bars, because the account follows its prices, or with the first
 * get_price that needs it. Then its past is put into the cache, and it has a turn in the schedule
 * whenever a row closes. What is made of it (derive.h) is known here too, because a bucket that is
 * over although nothing was traded at its end has to be closed by the clock.
 *
 * Threads: the run's.
 */
#ifndef MW_BACKTEST_BACKTEST_PARTS_H
#define MW_BACKTEST_BACKTEST_PARTS_H

#include "backtest/backtest.h"
#include "backtest/schedule.h"
#include "script/cursor.h"

/* A series that the script is told of. */
struct mw_play_watch {
    struct mw_series *series;
    struct mw_play_lane *lane; /* whose rows it gets, or what they are made of */
    struct mw_cursor *cursor;  /* owns; NULL when rows of the lane are told as they come */
    uint32_t rank;             /* its place in the order of telling */
    uint64_t bars;             /* told */
    int64_t next_ms;           /* where the last bar told ends */
    uint32_t absent_count;     /* stretches between bars told, and how many buckets */
    uint64_t absent;
};

/* A series that is made of a lane's. */
struct mw_play_made {
    struct mw_turn turn;       /* first; when the clock has to close the bucket that forms */
    struct mw_play_made *next; /* of the same lane */
    struct mw_series *series;
    struct mw_play_watch *watch; /* NULL when nobody is told of it */
    int64_t open_ms, end_ms;     /* the bucket of the newest row */
};

struct mw_play_lane {
    struct mw_turn turn; /* first; when the next row closes, or a hole begins */
    const struct mw_dataset_series *data;
    struct mw_series_key key;    /* the data's; a feed that it does not name may be the script's */
    struct mw_series *series;    /* NULL before it begins */
    uint32_t at, end;            /* the next row; those up to here are played */
    uint32_t hole;               /* the first hole that does not lie before the rows put */
    int64_t next_ms;             /* where the last row put ends */
    bool stale;                  /* it is in a hole */
    bool counted;                /* the account follows it, or the script is told of it */
    bool priced;                 /* the account follows it */
    uint32_t instrument;         /* then, of which */
    struct mw_play_watch *watch; /* NULL when the script is not told of its rows */
    struct mw_play_made *made;   /* owns; a list */
};

/* What buying and holding one instrument comes to. */
struct mw_play_hold {
    double first, last; /* prices; 0 before there was one */
};

struct mw_play {
    const struct mw_backtest_options *options;
    char name[MW_STRATEGY_NAME_BYTES_MAX + 1];
    struct mw_cache *cache;       /* owns */
    struct mw_prices *prices;     /* owns */
    struct mw_market market;      /* for the script */
    struct mw_strategy *strategy; /* owns */
    struct mw_account *account;   /* the strategy's */

    struct mw_play_lane *lanes; /* owns; in the data's order */
    uint32_t lane_count, made_count;
    struct mw_play_watch *watches; /* owns; in the order of telling */
    uint32_t watch_count;
    struct mw_schedule schedule;
    int64_t start_ms; /* opening of the first bar that is told */
    int64_t now_ms;   /* engine time */
    int64_t last_ms;  /* when the last row closes that counts */

    /* Of this moment. */
    struct mw_play_lane **closed; /* owns; lanes with a row, in the data's order */
    uint32_t closed_count;
    uint64_t *due; /* owns; a bit for each watch, by rank */
    uint32_t due_words;

    struct mw_play_hold *holds; /* owns; by instrument */
    uint32_t instrument_count;
    uint64_t done, total; /* rows, for progress */
    bool failed;          /* a hook failed, with `error`: */
    struct mw_error error;
    const struct mw_candle *bar; /* that is being told, for messages; NULL for none */
    const struct mw_series_key *bar_key;
    struct mw_backtest_result *result; /* owns; while it is filled */
    uint32_t point_capacity, signal_capacity;
};

/* --- backtest_lane.c -------------------------------------------------------------------------- */

/* Makes the lanes of the data, without beginning any. */
void mw_play_open_lanes(struct mw_play *play);
void mw_play_close_lanes(struct mw_play *play);

/* How many rows open at `open_ms` or before. */
uint32_t mw_play_count_until(const struct mw_dataset_series *data, int64_t open_ms);

/* Adds the series to the cache and puts what has closed by now into it. Does nothing when it has
 * begun. Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_play_begin(struct mw_play *play, struct mw_play_lane *lane,
                                    struct mw_error *err);

/* Makes `timeframe` of a lane, which begins if it has not. Errors: MW_EINVAL, MW_ELIMIT. */
MW_MUST_USE mw_status mw_play_make(struct mw_play *play, struct mw_play_lane *lane,
                                   struct mw_timeframe timeframe, struct mw_play_made **out,
                                   struct mw_error *err);

/* Finds the lane that has, or with `finer` the coarsest lane that has something to make, bars of
 * `symbol` and `timeframe`; `feed` NULL or empty: of any. Returns how many feeds have one. */
uint32_t mw_play_find_lane(struct mw_play *play, const char *feed, const char *symbol,
                           struct mw_timeframe timeframe, bool finer, struct mw_play_lane **lane);

/* Puts all that closes at the first moment of the schedule into the cache, notes which lanes have
 * and which watches are due, and sets the clock. */
void mw_play_advance(struct mw_play *play);

/* As struct mw_market wants it; `user` is the play. Nothing is found while the script is loaded. */
uint32_t mw_play_find_series(void *user, const char *feed, const char *symbol,
                             struct mw_timeframe timeframe, struct mw_series **series);

/* --- backtest_watch.c ------------------------------------------------------------------------- */

/* Finds what the script asked for, begins its lanes, and makes it known to the account. Errors:
 * MW_EINVAL naming what there is, MW_ELIMIT. */
MW_MUST_USE mw_status mw_play_open_watches(struct mw_play *play, struct mw_error *err);
void mw_play_close_watches(struct mw_play *play);

static inline void mw_play_set_due(struct mw_play *play, const struct mw_play_watch *watch)
{
    play->due[watch->rank / 64] |= UINT64_C(1) << (watch->rank % 64);
}

/* Tells the script what is due, until one of its hooks fails. */
void mw_play_tell(struct mw_play *play);

#endif
