/* progress.h - how far something long is: a bar on a terminal, a line now and then elsewhere.
 *
 *     BTCUSDT 1m  42% [############................]  225000 rows  98000/s  3s left
 *
 * The bar is drawn over itself, at most ten times a second, and is never wider than the terminal:
 * what does not fit is left out. Rates and what is left follow from the last ten seconds or so.
 * A terminal that cannot go back (TERM=dumb), a pipe and a file get lines.
 *
 * Threads: the caller's.
 */
#ifndef MW_CLI_PROGRESS_H
#define MW_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    MW_PROGRESS_SAMPLES = 16,
    MW_PROGRESS_BYTES = 512, /* of a line */
    MW_PROGRESS_EVERY_MS = 5000,
};

/* How far it is now. */
struct mw_progress_state {
    const char *name;     /* of what is under way */
    uint64_t done, total; /* of the work */
    uint64_t rows;        /* that have come of it */
    const char *unit;     /* what these are called; NULL: rows */
    const char *note;     /* in place of rate and time: why it waits; NULL for none */
};

struct mw_progress {
    FILE *file;
    bool bar;         /* or lines */
    int width;        /* columns; 0: those of the terminal */
    int64_t every_ms; /* between two lines */
    bool drawn;       /* there is a bar to draw over */
    int64_t next_ms;
    struct {
        int64_t at_ms;
        uint64_t done, rows;
    } samples[MW_PROGRESS_SAMPLES];
    uint32_t sample_count; /* ever; the last MW_PROGRESS_SAMPLES are there */
};

/* A bar if `file` is a terminal that can; every_ms 0 for MW_PROGRESS_EVERY_MS. */
void mw_progress_init(struct mw_progress *progress, FILE *file, int64_t every_ms);

/* Something else is under way from now on. */
void mw_progress_begin(struct mw_progress *progress, int64_t now_ms);

/* Draws or writes, if it is time to. `now_ms` is monotonic. */
void mw_progress_show(struct mw_progress *progress, const struct mw_progress_state *state,
                      int64_t now_ms);

/* Takes the bar away, before anything else is written. */
void mw_progress_clear(struct mw_progress *progress);

/* Writes what is shown, without newline, at most `width` columns of it, into `text`, which holds
 * MW_PROGRESS_BYTES. Returns `text`. */
char *mw_progress_format(const struct mw_progress *progress, const struct mw_progress_state *state,
                         int64_t now_ms, int width, char *text);

#endif
