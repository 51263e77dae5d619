/* log.c - formatting and writing of log lines. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/limits.h"

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

static _Atomic int log_level = MW_LOG_WARN;

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER; /* covers the two below, and output */
static mw_log_sink_fn sink_fn;
static void *sink_user;

void mw_log_set_level(mw_log_level level)
{
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

mw_log_level mw_log_get_level(void)
{
    return (mw_log_level)atomic_load_explicit(&log_level, memory_order_relaxed);
}

mw_status mw_log_level_parse(const char *text, mw_log_level *level, struct mw_error *err)
{
    for (size_t i = 0; i < MW_COUNT(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (mw_log_level)i;
            return MW_OK;
        }
    }
    return mw_fail(err, MW_EPARSE, "log level '%.40s': want debug, info, warn, error or off", text);
}

const char *mw_log_level_name(mw_log_level level)
{
    MW_CHECK((size_t)level < MW_COUNT(level_names));
    return level_names[level];
}

void mw_log_set_sink(mw_log_sink_fn sink, void *user)
{
    pthread_mutex_lock(&sink_lock);
    sink_fn = sink;
    sink_user = user;
    pthread_mutex_unlock(&sink_lock);
}

/* Newline and tab stay: a traceback has both. */
static void mask_controls(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            *text = '?';
    }
}

void mw_log(mw_log_level level, const char *format, ...)
{
    if (level < mw_log_get_level())
        return;
    char line[MW_LOG_LINE_BYTES], time[MW_TIME_TEXT_BYTES];
    int64_t now_ms = mw_clock_wall_ms();
    size_t zulu = strlen(mw_time_format(now_ms - now_ms % 1000, time)) - 1;
    int used = snprintf(line, sizeof(line), "%.*s.%03dZ %-5s ", (int)zulu, time,
                        (int)(now_ms % 1000), mw_log_level_name(level));
    va_list args;
    va_start(args, format);
    vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
    va_end(args);
    mask_controls(line);

    pthread_mutex_lock(&sink_lock);
    if (sink_fn != NULL)
        sink_fn(sink_user, level, line);
    else
        fprintf(stderr, "%s\n", line);
    pthread_mutex_unlock(&sink_lock);
}

bool mw_log_gate_pass(struct mw_log_gate *gate, int64_t monotonic_ms, uint64_t *held)
{
    int64_t open_at = atomic_load_explicit(&gate->open_at_ms, memory_order_relaxed);
    if (monotonic_ms < open_at || !atomic_compare_exchange_strong_explicit(
                                      &gate->open_at_ms, &open_at, monotonic_ms + MW_LOG_GATE_MS,
                                      memory_order_relaxed, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&gate->held_count, 1, memory_order_relaxed);
        return false;
    }
    *held = atomic_exchange_explicit(&gate->held_count, 0, memory_order_relaxed);
    return true;
}
