/* feed_parts.h - the inside of a feed, shared by its source files.
 *
 *     feed.c          what other threads call
 *     feed_state.c    lines, and what they tell: one state out of many
 *     feed_keeper.c   the keeper's thread: replacements, and connections that are done
 *
 * A line is one connection of the feed with what it told last. A shard has one, and a second one
 * while it is replaced:
 *
 *     current expires              `next` is made with the same series and started
 *     next is confirmed            both deliver; the series merge
 *     next delivers what current   next becomes current, the old one is retired
 *       did, or MW_FEED_OVERLAP_MS
 *     current is lost meanwhile    next becomes current at once: the old one does not reconnect
 *     next fails for good          it is retired; another attempt later, current goes on
 *
 * The keeper does that, a thread that sleeps until a line tells something: a connection's own
 * thread can neither join itself nor wait for a clock that is not its own. (A loss is acted upon in
 * the lost line's thread, before it can try again.) Lines that are done go to `retired`, where the
 * keeper joins them one by one; only it, or the owner once it has joined the keeper, frees a line
 * that was started or takes a shard away.
 *
 * Locks. `telling` is held from a line's word until the owner's on_event has returned, so that
 * events come one at a time and in order. `lock` covers all data; it is taken inside of `telling`,
 * and connections' own locks inside of it. No thread is joined under either, since a connection's
 * thread takes both on its way out.
 *
 * Threads: as the fields and functions say.
 */
#ifndef MW_FEED_FEED_PARTS_H
#define MW_FEED_FEED_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/thread.h"
#include "feed/feed.h"

enum {
    /* A venue that has confirmed pushes each active series within a second or two. */
    MW_FEED_OVERLAP_MS = 5000,
    MW_FEED_OVERLAP_LOOK_MS = 50,   /* how often the overlap is looked at */
    MW_FEED_REPLACE_MS_MAX = 10000, /* between two attempts to replace one connection */
    MW_FEED_REFUSALS_MAX = 64,      /* in one overlap that are told once; more, twice */
};

struct mw_line {
    struct mw_feed *feed;
    struct mw_connection *connection; /* owns */
    mw_connection_state state;        /* told last */
    bool has_error;                   /* what came with it */
    struct mw_error error;
    uint32_t stream_count_max; /* 0 for no limit */
    bool expiring;             /* the open connection will not last */
    bool ending;               /* and has ended, which is not told yet */
    bool inherited;            /* the state is that of the line before it */
    bool unfit;                /* does not carry all that it has to */
    bool done;                 /* in `retired`: nothing that it tells counts */
    /* Refusals that were told of this line while it had a sibling, which will hear the same. */
    uint64_t refusals[MW_FEED_REFUSALS_MAX]; /* hashes of the texts */
    uint32_t refusal_count;
};

struct mw_shard {
    struct mw_line *current; /* owns */
    struct mw_line *next;    /* owns; NULL but while current is replaced */
    int64_t overlap_until;   /* monotonic; since next is confirmed, or 0 */
    int64_t replace_at;      /* monotonic; not before */
};

struct mw_feed {
    struct mw_connection_options options; /* its texts point into the owned ones below */
    char name[MW_FEED_NAME_BYTES_MAX + 1];
    char *protocol_file, *ca_file, *csrf_token, *market_type; /* own */
    char **endpoints;                                         /* owns; none: the protocol's */
    uint32_t endpoint_count;

    int64_t overlap_ms; /* MW_FEED_OVERLAP_MS but in tests */

    struct mw_thread keeper; /* the owner's */
    struct mw_wake wake;     /* the keeper's */

    pthread_mutex_t telling;
    pthread_mutex_t lock; /* covers what is below */
    bool started, stopping;
    mw_connection_state state; /* told last */
    struct mw_shard shards[MW_FEED_CONNECTIONS_MAX];
    uint32_t shard_count;     /* at least 1 */
    struct mw_line **retired; /* owns */
    uint32_t retired_count, retired_capacity;
    struct mw_connection_status gone; /* counters of connections that are freed */
};

/* Makes a line that is not started. Errors: as mw_feed_new. */
MW_MUST_USE mw_status mw_line_new(struct mw_feed *feed, struct mw_line **out, struct mw_error *err);
/* Not under a lock when it was started. */
void mw_line_free(struct mw_line *line);

/* Whether the line's connection is made, or is on its first attempt to be. */
bool mw_line_is_up(const struct mw_line *line);

/* Works out the feed's state and tells the owner if it is another one. `by` told an error just now,
 * or NULL: if the state is that line's, it is told again with it. Under `telling`. */
void mw_feed_reconsider(struct mw_feed *feed, const struct mw_line *by);

/* The line that is worst off, and what it counts as. Under `lock`. */
const struct mw_line *mw_feed_worst(const struct mw_feed *feed, mw_connection_state *state);

/* If `lost` is down and its replacement is not, that takes its place. Returns whether it did. */
bool mw_feed_take_over(struct mw_feed *feed, const struct mw_line *lost);

/* The line that serves the same series for now, or NULL. Under `lock`. */
struct mw_line *mw_feed_find_sibling(const struct mw_feed *feed, const struct mw_line *line);

/* Moves a line to `retired`. Under `lock`. */
void mw_feed_retire(struct mw_feed *feed, struct mw_line *line);

/* Adds the counters of `more` to `sum`. */
void mw_feed_add_counters(struct mw_connection_status *sum,
                          const struct mw_connection_status *more);

/* Frees what is retired. The keeper, or the owner after it; takes `lock`. */
void mw_feed_reap(struct mw_feed *feed);

/* The keeper's life; `user` is the feed. */
void mw_feed_keep(void *user);

#endif
