/* connection_bench.h - a connection under test, and all that it tells.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_CONNECTION_BENCH_H
#define MW_SUPPORT_CONNECTION_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "feed/connection.h"
#include "made_venue.h"
#include "market/cache.h"

enum { MW_BENCH_EVENTS_MAX = 64, MW_BENCH_PROBES_MAX = 64, MW_BENCH_STOP_MS_MAX = 1000 };

struct mw_bench_told {
    bool is_state, has_error;
    mw_connection_state state;
    struct mw_error error;
};

/* A connection, and what it told. */
struct mw_bench {
    struct mw_connection *connection;
    struct mw_cache *cache;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct mw_bench_told told[MW_BENCH_EVENTS_MAX];
    uint32_t told_count;
    uint32_t seen_count; /* by expect; the test's */
    struct mw_series *probed[MW_BENCH_PROBES_MAX];
    uint32_t probe_count, expiring_count;
    struct mw_watcher *watcher; /* of what the test waits for */
};

/* What the connection is made of. */
struct mw_bench_setup {
    const char *change; /* of the protocol; NULL for none */
    const char *endpoints[3];
    uint32_t endpoint_count;
    int64_t confirm_ms;     /* 0: long */
    double wait_s;          /* before each retry */
    uint32_t attempt_count; /* retries */
    double settle_s;
    int64_t ping_ms, pong_ms, stall_ms, grace_ms; /* 0: none of it */
    bool probes;                                  /* there is a history to ask */
    const char *csrf_token, *ca_file;
    struct mw_capture *capture;
};

/* A closed candle of BTC 1m. */
extern const char mw_bench_bar[];

/* Keeps what goes wrong on purpose out of the log; set-up of a group of tests. */
int mw_bench_be_quiet(void **state);

/* Makes the connection "demo" with the protocol of protocol_file.h, stopped. */
void mw_bench_begin(struct mw_bench *bench, const struct mw_bench_setup *setup);
void mw_bench_end(struct mw_bench *bench);

/* Waits for the next thing told. Aborts after 20 s. */
struct mw_bench_told mw_bench_next_told(struct mw_bench *bench);
/* The next thing told is this state. Returns the error that came with it. */
struct mw_error mw_bench_expect_state(struct mw_bench *bench, mw_connection_state state);
void mw_bench_expect_error(const struct mw_error *err, mw_status status, uint32_t attempts,
                           const char *endpoint);

/* Of the symbol's minutes. Returns its series. */
struct mw_series *mw_bench_subscribe(struct mw_bench *bench, const char *symbol);
void mw_bench_unsubscribe(struct mw_bench *bench, const char *symbol);

void mw_bench_start(struct mw_bench *bench);
/* Starts, and waits until the venue has confirmed. */
void mw_bench_start_confirmed(struct mw_bench *bench);
/* Stops; everything told before was expected. */
void mw_bench_stop(struct mw_bench *bench);

/* The end of most tests: the same, then frees the connection and stops the venue it was with. */
void mw_bench_finish(struct mw_bench *bench, struct mw_made_venue *venue);

/* Waits until `series` has that health. Aborts after 20 s. */
void mw_bench_wait_health(struct mw_bench *bench, struct mw_series *series,
                          mw_series_health health);
/* Waits until the newest candle of `series` has that open time and state, and returns it. */
struct mw_candle mw_bench_wait_candle(struct mw_bench *bench, struct mw_series *series,
                                      int64_t open_ms, uint8_t candle_state);
/* Waits until the history was asked about so many series, or `wait_ms` have gone. Returns about how
 * many it was. */
uint32_t mw_bench_wait_probes(struct mw_bench *bench, uint32_t probe_count, int64_t wait_ms);
/* How often the connection was said to expire. Waits until it was at least once. */
uint32_t mw_bench_wait_expiring(struct mw_bench *bench);

#endif
