/* log.h - one line per event, to standard error.
 *
 *     2026-11-22T18:15:00.123Z warn  feed demo: frame rejected: not JSON (3 more in 1 s)
 *
 * Lines of all threads come out whole. What could repeat with every frame goes through a gate,
 * which lets one line a second through and counts the rest.
 *
 * Threads: any thread; mw_log_open before threads start.
 */
#ifndef MW_BASE_LOG_H
#define MW_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

typedef enum mw_log_level {
    MW_LOG_DEBUG,
    MW_LOG_INFO,
    MW_LOG_WARN,
    MW_LOG_ERROR,
    MW_LOG_OFF
} mw_log_level;

/* Sets the level below which nothing is written; MW_LOG_WARN until then. */
void mw_log_set_level(mw_log_level level);
mw_log_level mw_log_get_level(void);
/* "debug", "info", "warn", "error" or "off" to a level. Errors: MW_EPARSE. */
MW_MUST_USE mw_status mw_log_level_parse(const char *text, mw_log_level *level,
                                         struct mw_error *err);
const char *mw_log_level_name(mw_log_level level);

typedef void (*mw_log_sink_fn)(void *user, mw_log_level level, const char *line);
/* Sends lines (without newline) to `sink` instead of standard error; NULL puts that back. The sink
 * is called under the log's lock and must not log. */
void mw_log_set_sink(mw_log_sink_fn sink, void *user);

/* Writes one line when `level` is wanted; cut at MW_LOG_LINE_BYTES. Control characters in the text
 * are shown as '?', so that a server cannot write to the terminal. */
void mw_log(mw_log_level level, const char *format, ...) MW_PRINTF(2, 3);

/* Lets one line per MW_LOG_GATE_MS through. Zero-initialise; one per kind of event. */
struct mw_log_gate {
    _Atomic int64_t open_at_ms;  /* monotonic time from which the next line may pass */
    _Atomic uint64_t held_count; /* lines held back since the last one that passed */
};

/* Returns whether a line may be written now; `held` gets how many were held back before it. */
bool mw_log_gate_pass(struct mw_log_gate *gate, int64_t monotonic_ms, uint64_t *held);

#endif
