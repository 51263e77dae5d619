/* series.c - the ring, its lock-free readers, and what may replace what.
 *
 * Merging rules, all in put_locked and below:
 *
 *   bucket newer than the newest   append; the newest is closed (SUCCESSOR) if it was forming
 *   bucket there, forming          replace
 *   bucket there, closed           only a closed candle from the exchange or from back-fill changes
 *                                  it, which makes it REVISED; the rest is late and ignored
 *   bucket missing, older          insert in order if the ring still reaches there
 *
 * Only the newest candle may be forming: one that is inserted before another is closed.
 *
 * Slots have absolute numbers that only grow; number n lives at n % slot_count. `total` is the
 * number after the newest, so the visible ones are total - count .. total - 1. An insertion moves
 * the older candles down by one, so that numbers of newer ones stay.
 */
#include "market/series.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
    CANDLE_WORDS = sizeof(struct mw_candle) / sizeof(uint64_t),
    SPARE_SLOTS = 8, /* bars that may be appended during one read before it starts again */
    COUNT_BITS = 21, /* of span; MW_SERIES_CANDLES_MAX is 2^20 */
    SPINS_MAX = 64,  /* retries before a reader gives the writer its core */
};

/* Numbers start here, so that candles older than the first ever put still have one. */
static const uint64_t number_base = (uint64_t)MW_SERIES_CANDLES_MAX * 2;

struct slot {
    _Alignas(64) _Atomic uint64_t words[CANDLE_WORDS];
};

struct mw_series {
    struct mw_series_key key;
    struct mw_series_note note;
    uint32_t capacity, slot_count;
    struct slot *slots; /* owns */

    pthread_mutex_t lock; /* serialises writers */
    /* On a line of their own: readers poll them. */
    _Alignas(64) _Atomic uint64_t span; /* total << COUNT_BITS | count */
    _Atomic uint64_t newest_seq;        /* odd while the newest candle is being written */
    _Atomic uint64_t repair_seq;        /* odd while any other candle is being written */
};

/* What was visible at one moment. */
struct span {
    uint64_t total;
    uint32_t count;
};

struct mw_series *mw_series_new(const struct mw_series_key *key, uint32_t capacity)
{
    MW_CHECK(capacity >= 1 && capacity <= MW_SERIES_CANDLES_MAX);
    void *memory = aligned_alloc(64, sizeof(struct mw_series));
    void *slots = aligned_alloc(64, (size_t)(capacity + SPARE_SLOTS) * sizeof(struct slot));
    MW_CHECK(memory != NULL && slots != NULL);
    struct mw_series *series = memset(memory, 0, sizeof(*series));
    series->key = *key;
    series->capacity = capacity;
    series->slot_count = capacity + SPARE_SLOTS;
    series->slots = slots;
    pthread_mutex_init(&series->lock, NULL);
    atomic_init(&series->span, number_base << COUNT_BITS);
    return series;
}

void mw_series_free(struct mw_series *series)
{
    if (series == NULL)
        return;
    pthread_mutex_destroy(&series->lock);
    free(series->slots);
    free(series);
}

const struct mw_series_key *mw_series_key(const struct mw_series *series)
{
    return &series->key;
}

struct mw_series_note *mw_series_note(struct mw_series *series)
{
    return &series->note;
}

void mw_series_set_live(struct mw_series *series, bool live)
{
    atomic_store_explicit(&series->note.live, live, memory_order_relaxed);
}

bool mw_series_is_live(const struct mw_series *series)
{
    return atomic_load_explicit(&series->note.live, memory_order_relaxed);
}

size_t mw_series_bytes(const struct mw_series *series)
{
    return sizeof(*series) + series->slot_count * sizeof(struct slot);
}

static struct span span_load(const struct mw_series *series)
{
    uint64_t packed = atomic_load_explicit(&series->span, memory_order_acquire);
    return (struct span){.total = packed >> COUNT_BITS,
                         .count = (uint32_t)(packed & ((1u << COUNT_BITS) - 1))};
}

static void span_store(struct mw_series *series, struct span span)
{
    atomic_store_explicit(&series->span, span.total << COUNT_BITS | span.count,
                          memory_order_release);
}

static struct slot *slot_of(const struct mw_series *series, uint64_t number)
{
    return &series->slots[number % series->slot_count];
}

static void slot_load(const struct slot *slot, struct mw_candle *candle)
{
    uint64_t words[CANDLE_WORDS];
    for (size_t i = 0; i < CANDLE_WORDS; i++)
        words[i] = atomic_load_explicit(&slot->words[i], memory_order_acquire);
    memcpy(candle, words, sizeof(words));
}

static void slot_store(struct slot *slot, const struct mw_candle *candle)
{
    uint64_t words[CANDLE_WORDS];
    memcpy(words, candle, sizeof(words));
    for (size_t i = 0; i < CANDLE_WORDS; i++)
        atomic_store_explicit(&slot->words[i], words[i], memory_order_release);
}

/* open_ms is the first word. */
static int64_t slot_open_ms(const struct mw_series *series, uint64_t number)
{
    return (int64_t)atomic_load_explicit(&slot_of(series, number)->words[0], memory_order_acquire);
}

/* The release stores of the candle's words that follow keep the odd number in front of them; a
 * reader that sees one of the words sees the number too. */
static void seq_begin(_Atomic uint64_t *seq)
{
    atomic_store_explicit(seq, atomic_load_explicit(seq, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void seq_end(_Atomic uint64_t *seq)
{
    atomic_store_explicit(seq, atomic_load_explicit(seq, memory_order_relaxed) + 1,
                          memory_order_release);
}

/* The first number in [total - count, total) whose open_ms is at least `open_ms`, or total. */
static uint64_t lower_bound(const struct mw_series *series, struct span span, int64_t open_ms)
{
    uint64_t from = span.total - span.count, to = span.total;
    while (from < to) {
        uint64_t middle = from + (to - from) / 2;
        if (slot_open_ms(series, middle) < open_ms)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* --- writers --------------------------------------------------------------------------------- */

static bool values_equal(const struct mw_candle *a, const struct mw_candle *b)
{
    bool turnover_equal = a->turnover == b->turnover || isnan(a->turnover) || isnan(b->turnover);
    bool trades_equal = a->trades == b->trades || a->trades == 0 || b->trades == 0;
    return a->open == b->open && a->high == b->high && a->low == b->low && a->close == b->close &&
           a->volume == b->volume && turnover_equal && trades_equal;
}

static void rewrite(struct mw_series *series, struct span span, uint64_t number,
                    const struct mw_candle *candle)
{
    _Atomic uint64_t *seq = number == span.total - 1 ? &series->newest_seq : &series->repair_seq;
    seq_begin(seq);
    slot_store(slot_of(series, number), candle);
    seq_end(seq);
}

static mw_put merge(struct mw_series *series, struct span span, uint64_t number,
                    const struct mw_candle *candle)
{
    struct mw_candle old, next = *candle;
    slot_load(slot_of(series, number), &old);
    bool same = values_equal(&old, &next);
    if (old.state == MW_CANDLE_FORMING) {
        if (same && next.state == MW_CANDLE_FORMING)
            return MW_PUT_SAME;
        rewrite(series, span, number, &next);
        return MW_PUT_UPDATED;
    }
    if (next.state == MW_CANDLE_FORMING)
        return MW_PUT_LATE;
    bool authority = next.closed_by == MW_CLOSED_BY_EXCHANGE || next.source == MW_SOURCE_BACKFILL;
    if (same || !authority) {
        if (!authority || old.closed_by == next.closed_by)
            return same ? MW_PUT_SAME : MW_PUT_LATE;
        old.closed_by = next.closed_by; /* what the successor or the clock closed is confirmed */
        rewrite(series, span, number, &old);
        return MW_PUT_SAME;
    }
    next.flags = old.flags | MW_CANDLE_REVISED;
    rewrite(series, span, number, &next);
    return MW_PUT_REVISED;
}

static void append(struct mw_series *series, struct span span, const struct mw_candle *candle)
{
    if (span.count > 0) {
        struct mw_candle newest;
        slot_load(slot_of(series, span.total - 1), &newest);
        if (newest.state == MW_CANDLE_FORMING) {
            newest.state = MW_CANDLE_CLOSED;
            newest.closed_by = MW_CLOSED_BY_SUCCESSOR;
            rewrite(series, span, span.total - 1, &newest);
        }
    }
    slot_store(slot_of(series, span.total), candle);
    span.total++;
    span.count += span.count < series->capacity;
    span_store(series, span);
}

/* Puts `candle` before number `before`; everything older moves down by one. */
static void insert(struct mw_series *series, struct span span, uint64_t before,
                   const struct mw_candle *candle)
{
    struct mw_candle next = *candle;
    if (next.state == MW_CANDLE_FORMING) {
        next.state = MW_CANDLE_CLOSED;
        next.closed_by = MW_CLOSED_BY_SUCCESSOR;
    }
    bool full = span.count == series->capacity; /* then the oldest goes */
    seq_begin(&series->repair_seq);
    for (uint64_t number = span.total - span.count + full; number < before; number++) {
        struct mw_candle moved;
        slot_load(slot_of(series, number), &moved);
        slot_store(slot_of(series, number - 1), &moved);
    }
    slot_store(slot_of(series, before - 1), &next);
    span.count += !full;
    span_store(series, span);
    seq_end(&series->repair_seq);
}

static mw_put put_locked(struct mw_series *series, const struct mw_candle *candle)
{
    struct span span = span_load(series);
    if (span.count == 0 || candle->open_ms > slot_open_ms(series, span.total - 1)) {
        append(series, span, candle);
        return MW_PUT_APPENDED;
    }
    if (candle->open_ms == slot_open_ms(series, span.total - 1))
        return merge(series, span, span.total - 1, candle);
    uint64_t number = lower_bound(series, span, candle->open_ms);
    if (slot_open_ms(series, number) == candle->open_ms)
        return merge(series, span, number, candle);
    if (number == span.total - span.count && span.count == series->capacity)
        return MW_PUT_LATE;
    insert(series, span, number, candle);
    return MW_PUT_INSERTED;
}

mw_put mw_series_put(struct mw_series *series, const struct mw_candle *candle, int64_t now_ms,
                     mw_fault *fault)
{
    MW_CHECK((candle->state == MW_CANDLE_CLOSED) == (candle->closed_by != MW_CLOSED_BY_NOBODY));
    mw_fault found = mw_candle_check(candle, series->key.timeframe, now_ms);
    if (fault != NULL)
        *fault = found;
    if (found != MW_FAULT_NONE)
        return MW_PUT_REJECTED;
    pthread_mutex_lock(&series->lock);
    mw_put put = put_locked(series, candle);
    pthread_mutex_unlock(&series->lock);
    return put;
}

/* --- readers --------------------------------------------------------------------------------- */

uint32_t mw_series_count(const struct mw_series *series)
{
    return span_load(series).count;
}

uint64_t mw_series_total(const struct mw_series *series)
{
    return span_load(series).total - number_base;
}

static void pause_after(unsigned spins)
{
    if (spins >= SPINS_MAX)
        sched_yield();
}

/* Copies slot `number`, which is or was the newest, as it was at one moment. */
static void newest_load(const struct mw_series *series, uint64_t number, struct mw_candle *candle)
{
    for (unsigned spins = 0;; spins++) {
        uint64_t before = atomic_load_explicit(&series->newest_seq, memory_order_acquire);
        if (before % 2 == 0) {
            slot_load(slot_of(series, number), candle);
            if (atomic_load_explicit(&series->newest_seq, memory_order_relaxed) == before)
                return;
        }
        pause_after(spins);
    }
}

/* Which candles a read wants. */
struct selection {
    int64_t from_ms, until_ms; /* open_ms, both inclusive */
    uint32_t count;
    bool newest_first; /* which end is kept when there are more than `count` */
    bool forming;
};

/* One attempt: copies what `span` showed. Sets `first` to the oldest number that was looked at, and
 * `begin_number` to that of the first row copied. */
static uint32_t select_rows(const struct mw_series *series, struct span span,
                            const struct selection *selection, struct mw_candle *out,
                            uint64_t *first, uint64_t *begin_number)
{
    uint64_t begin = *first = span.total - span.count, end = span.total;
    *begin_number = begin;
    if (span.count == 0)
        return 0;
    struct mw_candle newest;
    newest_load(series, span.total - 1, &newest);
    if (newest.open_ms > selection->until_ms)
        end = lower_bound(series, span, selection->until_ms + 1);
    else if (newest.state == MW_CANDLE_FORMING && !selection->forming)
        end--;
    if (selection->from_ms > INT64_MIN)
        begin = lower_bound(series, span, selection->from_ms);
    *begin_number = begin;
    if (end <= begin)
        return 0;
    if (end - begin > selection->count) {
        if (selection->newest_first)
            begin = end - selection->count;
        else
            end = begin + selection->count;
    }
    *begin_number = begin;
    if (selection->from_ms == INT64_MIN && selection->until_ms == INT64_MAX)
        *first = begin; /* without a search only the rows copied have to be still there */

    uint32_t rows = (uint32_t)(end - begin);
    const struct slot *slot = slot_of(series, begin), *past = series->slots + series->slot_count;
    for (uint32_t i = 0; i < rows; i++) {
        if (begin + i == span.total - 1)
            out[i] = newest;
        else
            slot_load(slot, &out[i]);
        if (++slot == past)
            slot = series->slots;
    }
    return rows;
}

static uint32_t read_rows(const struct mw_series *series, const struct selection *selection,
                          struct mw_candle *out, uint64_t *begin_number)
{
    for (unsigned spins = 0;; spins++) {
        uint64_t repair = atomic_load_explicit(&series->repair_seq, memory_order_acquire);
        if (repair % 2 == 0) {
            uint64_t first;
            uint32_t rows =
                select_rows(series, span_load(series), selection, out, &first, begin_number);
            /* A writer may already be filling the slot after the newest. */
            bool reached = span_load(series).total - first < series->slot_count;
            if (reached &&
                atomic_load_explicit(&series->repair_seq, memory_order_relaxed) == repair)
                return rows;
        }
        pause_after(spins);
    }
}

uint32_t mw_series_read_last(const struct mw_series *series, int64_t until_ms, uint32_t count,
                             bool forming, struct mw_candle *out)
{
    const struct selection selection = {.from_ms = INT64_MIN,
                                        .until_ms = until_ms,
                                        .count = count,
                                        .newest_first = true,
                                        .forming = forming};
    uint64_t number;
    return read_rows(series, &selection, out, &number);
}

uint32_t mw_series_read_from(const struct mw_series *series, int64_t from_ms, int64_t until_ms,
                             uint32_t count, bool forming, struct mw_candle *out)
{
    const struct selection selection = {
        .from_ms = from_ms, .until_ms = until_ms, .count = count, .forming = forming};
    uint64_t number;
    return read_rows(series, &selection, out, &number);
}

uint32_t mw_series_read_after(const struct mw_series *series, int64_t after_ms, uint32_t count,
                              struct mw_candle *out, uint64_t *first_number)
{
    const struct selection selection = {.from_ms = after_ms == INT64_MAX ? after_ms : after_ms + 1,
                                        .until_ms = INT64_MAX,
                                        .count = count};
    return read_rows(series, &selection, out, first_number);
}
