/* feed_bench.h - a feed under test, its venue, and all that it tells.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_FEED_BENCH_H
#define MW_SUPPORT_FEED_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "feed/feed_parts.h"

#include "crowd_venue.h"
#include "protocol_file.h"

enum { MW_FEED_BENCH_WAIT_MS = 20000, MW_FEED_BENCH_TOLD_MAX = 256 };

extern const struct mw_timeframe mw_feed_bench_minute;

/* A feed of a venue, and what it told. */
struct mw_feed_bench {
    struct mw_crowd_venue venue;
    struct mw_feed *feed;
    struct mw_cache *cache;
    char protocol[MW_PROTOCOL_FILE_BYTES];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool busy; /* somebody is in on_event */
    uint32_t told_count, seen_count;
    struct {
        bool is_state, has_error;
        mw_connection_state state;
        struct mw_error error;
    } told[MW_FEED_BENCH_TOLD_MAX];
};

/* A stopped feed "demo" of the protocol after `change`, with so many retries. */
void mw_feed_bench_begin(struct mw_feed_bench *bench, const char *change, uint32_t attempts);
void mw_feed_bench_end(struct mw_feed_bench *bench);

void mw_feed_bench_start(struct mw_feed_bench *bench);
/* Starts, and waits until the venue has confirmed. */
void mw_feed_bench_start_confirmed(struct mw_feed_bench *bench);
/* Stops, within a second. */
void mw_feed_bench_stop(struct mw_feed_bench *bench);

/* The next thing told is this state. Returns its error. Aborts after 20 s. */
struct mw_error mw_feed_bench_expect(struct mw_feed_bench *bench, mw_connection_state state);
void mw_feed_bench_expect_nothing(struct mw_feed_bench *bench);

/* Of the symbol's minutes. */
struct mw_series *mw_feed_bench_subscribe(struct mw_feed_bench *bench, const char *symbol);
void mw_feed_bench_unsubscribe(struct mw_feed_bench *bench, const char *symbol);

/* The number of the connection that said `text`; waits for it. */
uint32_t mw_feed_bench_guest(struct mw_feed_bench *bench, const char *text);
/* Pushes the bar of a minute, closed. */
void mw_feed_bench_push(struct mw_feed_bench *bench, uint32_t index, const char *symbol,
                        int minute_number);

/* Waits until the connections have had so many candles in all. */
void mw_feed_bench_wait_candles(struct mw_feed_bench *bench, uint64_t candles);
void mw_feed_bench_wait_connections(struct mw_feed_bench *bench, uint32_t count);
/* The series has exactly these bars, one a minute, and no hole. */
void mw_feed_bench_expect_bars(struct mw_series *series, int first_minute, uint32_t count);

#endif
