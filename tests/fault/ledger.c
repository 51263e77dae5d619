/* ledger.c - lines of a trace, booked. */
#include "ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/map.h"

enum { BOOKS_MAX = TRUTH_SYMBOLS_MAX * TRIAL_TIMEFRAMES_MAX, LINE_BYTES = 1024, VALUES = 5 };

/* One bucket. */
struct entry {
    struct entry *next; /* owns; in the order in which they were met */
    int64_t open_ms;
    bool delivered, told, filled, lagged;
    bool has_values;
    char kind; /* of the line that has them */
    double values[VALUES];
};

/* One series. */
struct book {
    char symbol[MW_SYMBOL_BYTES_MAX + 1], frequency[MW_TIMEFRAME_BYTES_MAX];
    struct mw_timeframe timeframe;
    struct mw_map by_time;
    struct entry *first, **last;      /* owns */
    int64_t reached_ms, delivered_ms; /* INT64_MIN at first */
    uint64_t lag_left;                /* bars that were told as lost, and not met yet */
};

struct ledger {
    struct book books[BOOKS_MAX];
    size_t count;
    struct trial_result told;
};

static void fail(struct ledger *ledger, const struct book *book, int64_t open_ms,
                 const char *format, ...) MW_PRINTF(4, 5);

/* Only the first is kept. */
static void fail(struct ledger *ledger, const struct book *book, int64_t open_ms,
                 const char *format, ...)
{
    char what[LINE_BYTES], time[MW_TIME_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (ledger->told.failure[0] == '\0')
        snprintf(ledger->told.failure, sizeof(ledger->told.failure), "%s %s %s (%" PRId64 "): %s",
                 book->symbol, book->frequency, mw_time_format(open_ms, time), open_ms, what);
}

static struct book *book_of(struct ledger *ledger, const char *symbol, const char *frequency)
{
    for (size_t i = 0; i < ledger->count; i++) {
        struct book *book = &ledger->books[i];
        if (strcmp(book->symbol, symbol) == 0 && strcmp(book->frequency, frequency) == 0)
            return book;
    }
    MW_CHECK(ledger->count < BOOKS_MAX);
    struct book *book = &ledger->books[ledger->count++];
    snprintf(book->symbol, sizeof(book->symbol), "%s", symbol);
    snprintf(book->frequency, sizeof(book->frequency), "%s", frequency);
    MW_CHECK(mw_timeframe_parse(frequency, &book->timeframe, NULL) == MW_OK);
    book->reached_ms = book->delivered_ms = INT64_MIN;
    book->last = &book->first;
    return book;
}

static struct entry *entry_of(struct book *book, int64_t open_ms)
{
    struct entry *entry = mw_map_find(&book->by_time, &open_ms, sizeof(open_ms));
    if (entry != NULL)
        return entry;
    entry = mw_alloc_zero(sizeof(*entry));
    entry->open_ms = open_ms;
    mw_map_set(&book->by_time, &open_ms, sizeof(open_ms), entry);
    *book->last = entry;
    book->last = &entry->next;
    return entry;
}

/* All buckets before `open_ms` that were passed over: they are among those told as lost, or
 * gone. */
static void pass_over(struct ledger *ledger, struct book *book, int64_t open_ms)
{
    if (book->reached_ms == INT64_MIN)
        return;
    for (int64_t at = mw_timeframe_next(book->timeframe, book->reached_ms); at < open_ms;
         at = mw_timeframe_next(book->timeframe, at)) {
        if (book->lag_left > 0) {
            book->lag_left--;
            entry_of(book, at)->lagged = true;
        } else {
            ledger->told.lost++;
            fail(ledger, book, at, "neither delivered nor told as missing");
        }
    }
}

static void reach(struct book *book, int64_t open_ms)
{
    if (open_ms > book->reached_ms)
        book->reached_ms = open_ms;
}

static void deliver(struct ledger *ledger, struct book *book, struct entry *entry)
{
    ledger->told.delivered++;
    pass_over(ledger, book, entry->open_ms);
    if (entry->delivered)
        fail(ledger, book, entry->open_ms, "delivered twice");
    else if (entry->open_ms <= book->delivered_ms)
        fail(ledger, book, entry->open_ms, "delivered after a newer bar");
    else if (entry->open_ms <= book->reached_ms && !entry->told)
        fail(ledger, book, entry->open_ms, "delivered after it was told as lost");
    entry->delivered = true;
    book->delivered_ms = entry->open_ms;
    reach(book, entry->open_ms);
}

static void tell_gap(struct ledger *ledger, struct book *book, int64_t from_ms, int64_t to_ms)
{
    ledger->told.gaps++;
    pass_over(ledger, book, from_ms);
    for (; from_ms <= to_ms; from_ms = mw_timeframe_next(book->timeframe, from_ms)) {
        struct entry *entry = entry_of(book, from_ms);
        if (entry->told || entry->delivered)
            fail(ledger, book, from_ms, "told as a gap after it was %s",
                 entry->told ? "told already" : "delivered");
        entry->told = true;
        reach(book, from_ms);
    }
}

static void tell_backfilled(struct ledger *ledger, struct book *book, int64_t from_ms,
                            int64_t to_ms, uint64_t count)
{
    ledger->told.backfilled++;
    uint64_t buckets = 0;
    for (int64_t at = from_ms; at <= to_ms; at = mw_timeframe_next(book->timeframe, at)) {
        struct entry *entry = entry_of(book, at);
        if (!entry->told || entry->filled)
            fail(ledger, book, at, "told as back-filled %s",
                 entry->filled ? "twice" : "and never as a gap");
        entry->filled = true;
        buckets++;
    }
    if (count != buckets)
        fail(ledger, book, from_ms, "%" PRIu64 " bars back-filled for %" PRIu64 " buckets", count,
             buckets);
}

static void set_values(struct entry *entry, char kind, const char *text)
{
    char *at;
    for (size_t i = 0; i < VALUES; i++, text = at)
        entry->values[i] = strtod(text, &at);
    entry->has_values = true;
    entry->kind = kind;
}

/* A line about a bar: what follows symbol and frequency is `rest`. */
static void book_bar(struct ledger *ledger, struct book *book, char kind, char *rest)
{
    char *at;
    struct entry *entry = entry_of(book, strtoll(rest, &at, 10));
    if (kind == 'B')
        deliver(ledger, book, entry);
    if (kind == 'R') {
        ledger->told.revised++;
        if (entry->open_ms > book->reached_ms || (entry->told && !entry->delivered))
            fail(ledger, book, entry->open_ms, "revised, but it was not delivered");
    }
    set_values(entry, kind, at);
}

static void book_line(struct ledger *ledger, char *line)
{
    char symbol[MW_SYMBOL_BYTES_MAX + 1], frequency[MW_TIMEFRAME_BYTES_MAX];
    int length = 0;
    char kind = line[0];
    if (kind == 'S' || kind == 'H' ||
        sscanf(line + 1, "%64s %15s%n", symbol, frequency, &length) != 2)
        return;
    if (kind == 'E') {
        snprintf(ledger->told.failure, sizeof(ledger->told.failure), "unexpected event: %s", line);
        return;
    }
    struct book *book = book_of(ledger, symbol, frequency);
    char *rest = line + 1 + length, *at;
    int64_t numbers[3] = {0, 0, 0};
    for (size_t i = 0; i < 3 && strchr("GFL", kind) != NULL; i++, rest = at)
        numbers[i] = strtoll(rest, &at, 10);
    if (strchr("BRW", kind) != NULL)
        book_bar(ledger, book, kind, rest);
    else if (kind == 'G')
        tell_gap(ledger, book, numbers[0], numbers[1]);
    else if (kind == 'F')
        tell_backfilled(ledger, book, numbers[0], numbers[1], (uint64_t)numbers[2]);
    else if (kind == 'L')
        ledger->told.lagged++, book->lag_left += (uint64_t)numbers[0];
    else if (kind == 'C')
        ledger->told.complete++;
    else if (kind == 'I')
        ledger->told.incomplete++;
    else if (kind == 'X')
        fail(ledger, book, book->reached_ms, "%s", line);
}

struct ledger *ledger_read(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return NULL;
    struct ledger *ledger = mw_alloc_zero(sizeof(*ledger));
    char line[LINE_BYTES];
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t length = strcspn(line, "\n");
        if (line[length] != '\n')
            break; /* it is being written */
        line[length] = '\0';
        book_line(ledger, line);
    }
    fclose(file);
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    for (size_t i = 0; ledger != NULL && i < ledger->count; i++) {
        mw_map_deinit(&ledger->books[i].by_time);
        for (struct entry *entry = ledger->books[i].first, *next; entry != NULL; entry = next) {
            next = entry->next;
            mw_free(entry);
        }
    }
    mw_free(ledger);
}

int64_t ledger_reached_ms(struct ledger *ledger, const struct mw_series_key *key)
{
    char frequency[MW_TIMEFRAME_BYTES_MAX];
    mw_timeframe_format(key->timeframe, frequency);
    return book_of(ledger, key->symbol, frequency)->reached_ms;
}

static void judge_entry(struct ledger *ledger, const struct book *book, const struct entry *entry,
                        const struct truth *truth, int64_t dropped_ms)
{
    bool open = entry->told && !entry->filled;
    if (open && entry->open_ms > dropped_ms)
        fail(ledger, book, entry->open_ms, "told as a gap, and never as back-filled");
    if (!entry->has_values || open)
        return;
    struct mw_candle right;
    truth_candle(truth, book->symbol, book->timeframe, entry->open_ms, &right);
    const double wanted[VALUES] = {right.open, right.high, right.low, right.close, right.volume};
    for (size_t i = 0; i < VALUES; i++)
        if (entry->values[i] != wanted[i])
            fail(
                ledger, book, entry->open_ms,
                "the last that was told of it (%c) is not the truth: value %zu is %.17g, not %.17g",
                entry->kind, i + 1, entry->values[i], wanted[i]);
}

void ledger_judge(struct ledger *ledger, const struct truth *truth, const struct mw_cache *cache,
                  struct trial_result *result)
{
    for (size_t i = 0; i < ledger->count; i++) {
        const struct book *book = &ledger->books[i];
        struct mw_series *series;
        MW_CHECK(mw_cache_find(cache, NULL, book->symbol, book->timeframe, &series) == 1);
        for (const struct entry *entry = book->first; entry != NULL; entry = entry->next)
            judge_entry(ledger, book, entry, truth, mw_series_dropped_ms(series));
    }
    const struct trial_result *told = &ledger->told;
    result->delivered = told->delivered;
    result->lost = told->lost;
    result->gaps = told->gaps;
    result->backfilled = told->backfilled;
    result->revised = told->revised;
    result->lagged = told->lagged;
    result->complete = told->complete;
    result->incomplete = told->incomplete;
    if (result->failure[0] == '\0')
        snprintf(result->failure, sizeof(result->failure), "%s", told->failure);
}
