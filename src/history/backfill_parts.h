/* backfill_parts.h - what the parts of the history thread share.
 *
 *     ticket    a series and what is to be asked for it: five kinds of work, each with its own
 *               failures and its own time from which on it may be tried
 *     source    a feed: its tickets, one request under way, its rate
 *
 * Threads: fields are the history thread's (`mw_history_thread`) unless they say otherwise.
 */
#ifndef MW_HISTORY_BACKFILL_PARTS_H
#define MW_HISTORY_BACKFILL_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/map.h"
#include "base/thread.h"
#include "history/backfill.h"
#include "history/merger.h"
#include "net/backoff.h"
#include "net/http.h"

#define MW_BACKFILL_NEVER INT64_MAX

/* In the order in which they are done: strategies wait for holes. */
typedef enum mw_work_kind {
    MW_WORK_HOLES,
    MW_WORK_PROBE,
    MW_WORK_CATCH_UP, /* what is newer than the newest bar, which came from the store */
    MW_WORK_GIVEN_UP, /* holes that were given up, again */
    MW_WORK_FILL,
    MW_WORK_COUNT
} mw_work_kind;

struct mw_work {
    bool due;
    int64_t at_ms; /* not before, monotonic */
    uint32_t failure_count;
    struct mw_backoff backoff;
};

struct mw_ticket {
    struct mw_series *series;
    struct mw_backfill_source_state *source;
    bool wanted, wants[MW_WORK_COUNT]; /* guarded by backfill->lock: asked for since last looked */
    bool queued;                       /* guarded by backfill->lock: in source->inbox */
    struct mw_ticket *next_queued;     /* guarded by backfill->lock */
    struct mw_ticket *next_active;
    bool active;
    bool subscribed;        /* was seen not to be idle */
    bool fill_ended;        /* the last answer had nothing older */
    bool far_behind;        /* what the store has ends further back than one answer reaches */
    int64_t settle_open_ms; /* the bar that was waited for once */
    /* Stretches that were given up are asked for in turn, from the newest to the oldest: the newest
     * bucket of the next, how often all have been asked for in vain, and whether the last answer
     * has to be confirmed by another. */
    int64_t retry_to_ms;
    uint32_t retry_rounds;
    bool retry_repeats;
    int64_t rank_ms; /* while one is chosen: higher goes first; see mw_backfill_plan */
    bool ranked;
    struct mw_work work[MW_WORK_COUNT];
};

/* What one request asks. */
struct mw_ask {
    struct mw_ticket *ticket;
    mw_work_kind kind;
    int64_t from_ms, to_ms;
    uint32_t count;
    int64_t hole_from_ms, hole_to_ms; /* of holes: the stretch within, first and last bucket */
};

struct mw_backfill_source_state {
    struct mw_backfill *backfill;
    struct mw_backfill_source options; /* texts owned */
    char *base;                        /* owns; NULL for none */
    struct mw_merger *merger;          /* owns */
    struct mw_map tickets;             /* guarded by backfill->lock; id of series to ticket, owns */
    struct mw_ticket *inbox;           /* guarded by backfill->lock */
    struct mw_ticket *active;
    bool busy; /* a request is under way: */
    struct mw_ask ask;
    int64_t next_ms;        /* the rate allows nothing before */
    int64_t wait_ms;        /* the venue is left alone until then */
    uint32_t failure_count; /* of the venue, in a row */
    struct mw_backoff backoff;
    bool told; /* on_history has heard of a failure */
    struct mw_log_gate gate, filled_gate;
    struct mw_backfill_status status; /* guarded by backfill->lock */
};

struct mw_backfill {
    struct mw_cache *cache;                                 /* borrows */
    struct mw_backfill_source_state *sources[MW_FEEDS_MAX]; /* owns; set before the start */
    uint32_t source_count;
    struct mw_thread thread; /* the owner's */
    _Atomic bool stopping;
    pthread_mutex_t lock; /* covers inboxes, statuses, the maps of tickets, and `http` for waking */
    struct mw_http *http; /* owns; NULL unless it runs */
    struct mw_gap *gaps;  /* owns; room for those of one series */
    uint32_t gap_room;
};

/* backfill_plan.c: the next thing to ask for `source`, of what may be tried at `now_ms`. False when
 * there is none; `wake_ms` is then lowered to when there will be. */
bool mw_backfill_plan(struct mw_backfill_source_state *source, int64_t now_ms, struct mw_ask *ask,
                      int64_t *wake_ms) MW_ON(mw_history_thread);
/* The stretch of `ask`, which was given up, has been asked for in vain: the next older one is next.
 * Returns whether all have been asked for. */
bool mw_backfill_pass_over(const struct mw_ask *ask) MW_ON(mw_history_thread);
/* Makes work due now. */
void mw_backfill_demand(struct mw_ticket *ticket, mw_work_kind kind) MW_ON(mw_history_thread);
/* Gives up the open holes of a ticket; they are asked for again after the source's retry_s. */
void mw_backfill_give_up(struct mw_ticket *ticket, int64_t from_ms, int64_t to_ms, int64_t now_ms)
    MW_ON(mw_history_thread);

/* backfill_answer.c: what comes of a request. */
void mw_backfill_on_answer(void *user, const struct mw_http_answer *http);
/* A request that could not even be made. */
void mw_backfill_fail(struct mw_backfill_source_state *source, const struct mw_error *err)
    MW_ON(mw_history_thread);

/* backfill_thread.c */
void mw_backfill_run(void *user);

#endif
