/* victim.h - the process that is killed: an engine with a store, which tells what it has stored.
 *
 * It tells through a pipe, each time a head and then what the head counts:
 *
 *     | head | rows | holes | head | head | rows ...
 *
 * What arrived whole was told; what the kill cut in the middle was not.
 *
 * Threads: the process has one when victim_run is called.
 */
#ifndef MW_CRASH_VICTIM_H
#define MW_CRASH_VICTIM_H

#include <stdint.h>

#include "market/series.h"
#include "mutation.h"

/* What is told. */
typedef enum tale_kind {
    TALE_STARTED, /* mw_engine_start has returned */
    TALE_STORED,  /* the writer says that this part is in the store */
    TALE_WHOLE,   /* every ring is full, without a hole, live, and true */
    TALE_FAILED   /* it cannot start; `text` says why */
} tale_kind;

struct tale {
    tale_kind kind;
    int64_t after_ms; /* since the process began */
    /* Of TALE_STORED, as in struct mw_store_part: */
    struct mw_series_key key;
    int64_t from_ms, to_ms;
    uint32_t row_count, hole_count;
    char text[256];
};

struct victim_options {
    const char *config; /* path */
    uint64_t seed;      /* of the simulator's prices */
    mutation mutation;
    int pipe; /* where it tells */
};

/* Runs until it is killed, or fails. */
_Noreturn void victim_run(const struct victim_options *options);

#endif
