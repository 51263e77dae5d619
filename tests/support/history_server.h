/* history_server.h - a venue's REST on loopback that has bars of one minute, and can misbehave.
 *
 * A bar's values follow from its minute, so a test can tell whether a series has the right ones.
 * Minutes are counted from MW_HISTORY_EPOCH_MS, long past: nothing may depend on the clock.
 *
 * Threads: a test sets fields with `lock` held once the server runs.
 */
#ifndef MW_SUPPORT_HISTORY_SERVER_H
#define MW_SUPPORT_HISTORY_SERVER_H

#include <pthread.h>
#include <stdint.h>

#include "feed/protocol.h"
#include "market/candle.h"

#include "raw_server.h"

#define MW_HISTORY_EPOCH_MS INT64_C(1600000020000) /* the start of a minute in September 2020 */

enum { MW_HISTORY_MINUTES_MAX = 4096, MW_HISTORY_REQUESTS_MAX = 256 };

/* The answers to a request. */
enum {
    MW_HISTORY_GOOD,
    MW_HISTORY_SILENT,    /* none */
    MW_HISTORY_CUT,       /* ends early */
    MW_HISTORY_STATUS,    /* `code` and no rows */
    MW_HISTORY_BODY,      /* `body` */
    MW_HISTORY_WITHOUT,   /* the rows but that of minute `without` */
    MW_HISTORY_BACKWARDS, /* the rows newest first */
};

struct mw_history_server {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    int first, last;                    /* minutes that have bars; `last` forms */
    bool quiet[MW_HISTORY_MINUTES_MAX]; /* and those that have none after all */
    int gives;                          /* rows at once, however many are wanted; 0 for no limit */
    int mode, mode_count;               /* how many answers are of that mode; 0 for no end */
    int code, retry_after_s, without;
    const char *body;
    int request_count;
    int64_t request_ms[MW_HISTORY_REQUESTS_MAX]; /* monotonic */
    char requests[MW_HISTORY_REQUESTS_MAX][64];  /* "from..to count", in minutes */

    struct mw_raw_server *server;
    char base[40];
};

/* Starts with the minutes 0 to `last`. */
void mw_history_server_start(struct mw_history_server *server, int last);
void mw_history_server_stop(struct mw_history_server *server);

/* The next `count` answers are of `mode`. */
void mw_history_server_set(struct mw_history_server *server, int mode, int count);
void mw_history_server_set_last(struct mw_history_server *server, int last);
int mw_history_server_count(struct mw_history_server *server);
/* Waits until so many requests have come in. */
void mw_history_server_wait(struct mw_history_server *server, int count);

/* The protocol that speaks to it. Never NULL. */
struct mw_protocol *mw_history_protocol(int row_count_max, int requests_per_second);

int64_t mw_history_open_ms(int minute);
/* The bar of a minute, closed, as the venue has it. */
struct mw_candle mw_history_bar(int minute);
/* Writes an answer with the rows first..last; those of `quiet` (may be NULL) left out. Returns its
 * length. */
size_t mw_history_write(char *text, size_t size, int first, int last, const bool *quiet);

#endif
