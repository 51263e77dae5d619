/* series.c - the ring, its lock-free readers, and what may replace what.
 *
 * Merging rules, all in put_locked and below:
 *
 *   bucket newer than the newest   append; the newest is closed (SUCCESSOR) if it was forming;
 *                                  buckets between the two are a hole
 *   bucket there, forming          replace; an update that takes something back may be out of order
 *                                  and leaves the bar in doubt
 *   bucket there, closed           changed, which makes it REVISED, by the exchange's last word; by
 *                                  history, unless the exchange's word is there; by a late update
 *                                  that can follow, if it was closed on somebody else's word and
 *                                  the venue does not say itself when bars close; the rest is late
 *                                  and ignored
 *   bucket missing, older          insert in order if the ring still reaches there
 *
 * What the store has fills missing buckets and changes nothing that is there: the store was written
 * before. What it says of itself is taken as it is; when the venue says the same, live or from its
 * history, the bar is from there.
 *
 * Only the newest candle may be forming: one that is inserted before another is closed.
 *
 * A bar whose venue says itself when it closes (FLAGGED), or whose updates were interrupted
 * (UNPROVEN), and that is closed by its successor or the clock, is there and is a hole too: its
 * last update may be missing. The exchange's word, live or from history, ends that.
 *
 * Slots have absolute numbers that only grow; number n lives at n % slot_count. `total` is the
 * number after the newest, so the visible ones are total - count .. total - 1. An insertion moves
 * the older candles down by one, so that numbers of newer ones stay.
 */
#include "market/series_parts.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
    SPARE_SLOTS = 8, /* bars that may be appended during one read before it starts again */
    COUNT_BITS = 21, /* of span; MW_SERIES_CANDLES_MAX is 2^20 */
    SPINS_MAX = 64,  /* retries before a reader gives the writer its core */
};

/* Numbers start here, so that candles older than the first ever put still have one. */
static const uint64_t number_base = (uint64_t)MW_SERIES_CANDLES_MAX * 2;

struct mw_series *mw_series_new(const struct mw_series_key *key, uint32_t capacity)
{
    MW_CHECK(capacity >= 1 && capacity <= MW_SERIES_CANDLES_MAX);
    void *memory = aligned_alloc(64, sizeof(struct mw_series));
    void *slots = aligned_alloc(64, (size_t)(capacity + SPARE_SLOTS) * sizeof(struct mw_slot));
    MW_CHECK(memory != NULL && slots != NULL);
    struct mw_series *series = memset(memory, 0, sizeof(*series));
    series->key = *key;
    series->capacity = capacity;
    series->slot_count = capacity + SPARE_SLOTS;
    series->slots = slots;
    pthread_mutex_init(&series->lock, NULL);
    atomic_init(&series->span, number_base << COUNT_BITS);
    atomic_init(&series->first_live_ms, INT64_MAX);
    atomic_init(&series->dropped_ms, INT64_MIN);
    return series;
}

void mw_series_free(struct mw_series *series)
{
    if (series == NULL)
        return;
    mw_series_free_followers(series);
    pthread_mutex_destroy(&series->lock);
    mw_gaps_deinit(&series->gaps);
    mw_free(series->revisions);
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

size_t mw_series_bytes(const struct mw_series *series)
{
    return sizeof(*series) + series->slot_count * sizeof(struct mw_slot);
}

struct mw_span mw_series_span(const struct mw_series *series)
{
    uint64_t packed = atomic_load_explicit(&series->span, memory_order_acquire);
    return (struct mw_span){.total = packed >> COUNT_BITS,
                            .count = (uint32_t)(packed & ((1u << COUNT_BITS) - 1))};
}

static void span_store(struct mw_series *series, struct mw_span span)
{
    atomic_store_explicit(&series->span, span.total << COUNT_BITS | span.count,
                          memory_order_release);
}

static struct mw_slot *slot_of(const struct mw_series *series, uint64_t number)
{
    return &series->slots[number % series->slot_count];
}

static inline void word_load(const struct mw_slot *slot, struct mw_candle *candle, size_t i)
{
    uint64_t word = atomic_load_explicit(&slot->words[i], memory_order_acquire);
    memcpy((unsigned char *)candle + i * sizeof(word), &word, sizeof(word));
}

/* Word by word to where it belongs: compilers make a copy by way of an array one of twice the
 * width, which waits for the halves that were just stored. Written out, because with -O2 a loop
 * stays one, and takes three times the instructions. */
static inline void slot_load(const struct mw_slot *slot, struct mw_candle *candle)
{
    static_assert(MW_CANDLE_WORDS == 8, "every word is loaded");
    word_load(slot, candle, 0);
    word_load(slot, candle, 1);
    word_load(slot, candle, 2);
    word_load(slot, candle, 3);
    word_load(slot, candle, 4);
    word_load(slot, candle, 5);
    word_load(slot, candle, 6);
    word_load(slot, candle, 7);
}

static void slot_store(struct mw_slot *slot, const struct mw_candle *candle)
{
    uint64_t words[MW_CANDLE_WORDS];
    memcpy(words, candle, sizeof(words));
    for (size_t i = 0; i < MW_CANDLE_WORDS; i++)
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

uint64_t mw_series_lower_bound(const struct mw_series *series, struct mw_span span, int64_t open_ms)
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

void mw_series_load(const struct mw_series *series, uint64_t number, struct mw_candle *candle)
{
    slot_load(slot_of(series, number), candle);
}

/* --- writers --------------------------------------------------------------------------------- */

bool mw_series_values_equal(const struct mw_candle *a, const struct mw_candle *b)
{
    bool turnover_equal = a->turnover == b->turnover || isnan(a->turnover) || isnan(b->turnover);
    bool trades_equal = a->trades == b->trades || a->trades == 0 || b->trades == 0;
    return a->open == b->open && a->high == b->high && a->low == b->low && a->close == b->close &&
           a->volume == b->volume && turnover_equal && trades_equal;
}

void mw_series_rewrite(struct mw_series *series, struct mw_span span, uint64_t number,
                       const struct mw_candle *candle)
{
    _Atomic uint64_t *seq = number == span.total - 1 ? &series->newest_seq : &series->repair_seq;
    seq_begin(seq);
    slot_store(slot_of(series, number), candle);
    seq_end(seq);
    if (candle->state == MW_CANDLE_CLOSED)
        mw_series_note_change(series, candle->open_ms, candle->open_ms);
}

/* Whether `next` can be what came after `old` in the life of one bar: nothing that only grows has
 * shrunk. */
static bool can_follow(const struct mw_candle *old, const struct mw_candle *next)
{
    return next->open == old->open && next->high >= old->high && next->low <= old->low &&
           next->volume >= old->volume;
}

/* A bar that is closed on somebody else's word where only the venue's is good enough, or that may
 * lack updates, is in doubt: there is a hole until the venue's word comes. */
static void doubt(struct mw_series *series, struct mw_candle *candle)
{
    uint8_t reasons = MW_CANDLE_UNPROVEN; /* the store tells of its doubts itself */
    if (candle->source != MW_SOURCE_STORE)
        reasons |= MW_CANDLE_FLAGGED;
    if (candle->closed_by == MW_CLOSED_BY_EXCHANGE || !(candle->flags & reasons))
        return;
    candle->flags |= MW_CANDLE_UNPROVEN;
    mw_series_open_gap(series, candle->open_ms, candle->open_ms);
}

/* The venue's last word agrees with what the successor or the clock closed; it may know more. */
static struct mw_candle confirmed(const struct mw_candle *old, const struct mw_candle *candle)
{
    struct mw_candle next = *old;
    next.closed_by = MW_CLOSED_BY_EXCHANGE;
    next.flags &= (uint8_t)~MW_CANDLE_UNPROVEN;
    if (next.source == MW_SOURCE_STORE)
        next.source = candle->source;
    if (isnan(next.turnover))
        next.turnover = candle->turnover;
    if (next.trades == 0)
        next.trades = candle->trades;
    return next;
}

/* A closed bar that is there already. */
static mw_put merge_closed(struct mw_series *series, struct mw_span span, uint64_t number,
                           const struct mw_candle *old, const struct mw_candle *candle)
{
    struct mw_candle next = *candle;
    bool same = mw_series_values_equal(old, &next);
    /* A bar made of others may be closed by the exchange and lack some of them. */
    bool certain = old->closed_by == MW_CLOSED_BY_EXCHANGE && !(old->flags & MW_CANDLE_UNPROVEN);
    if (next.state == MW_CANDLE_FORMING) {
        /* The last update was late; it says more than the clock or the successor knew. */
        if (same || certain || (old->flags & MW_CANDLE_FLAGGED) || !can_follow(old, &next))
            return MW_PUT_LATE;
        next.state = MW_CANDLE_CLOSED;
        next.closed_by = old->closed_by;
        next.flags |= old->flags & MW_CANDLE_UNPROVEN;
    } else if (next.closed_by != MW_CLOSED_BY_EXCHANGE ||
               (certain && next.source == MW_SOURCE_BACKFILL)) {
        return same ? MW_PUT_SAME : MW_PUT_LATE;
    }
    if (same && certain)
        return MW_PUT_SAME;
    if (same)
        next = confirmed(old, candle);
    else
        next.flags |= MW_CANDLE_REVISED;
    doubt(series, &next);
    if (!same)
        mw_series_note_revision(series, next.open_ms);
    mw_series_rewrite(series, span, number, &next);
    if (next.closed_by == MW_CLOSED_BY_EXCHANGE)
        mw_series_close_gap(series, next.open_ms, next.open_ms);
    return same ? MW_PUT_SAME : MW_PUT_REVISED;
}

/* A bar that forms, which is the newest. */
static mw_put merge(struct mw_series *series, struct mw_span span, uint64_t number,
                    const struct mw_candle *candle)
{
    struct mw_candle old, next = *candle;
    mw_series_load(series, number, &old);
    if (candle->source == MW_SOURCE_STORE)
        return mw_series_values_equal(&old, candle) ? MW_PUT_SAME : MW_PUT_LATE;
    if (old.state == MW_CANDLE_CLOSED)
        return merge_closed(series, span, number, &old, candle);
    next.flags |= old.flags & MW_CANDLE_FLAGGED; /* a venue that tells does not always say so */
    if (next.closed_by != MW_CLOSED_BY_EXCHANGE && !can_follow(&old, &next))
        next.flags |= MW_CANDLE_UNPROVEN; /* out of order, unless a newer one comes */
    if (next.state == MW_CANDLE_FORMING && old.flags == next.flags &&
        mw_series_values_equal(&old, &next))
        return MW_PUT_SAME;
    if (next.state == MW_CANDLE_CLOSED)
        doubt(series, &next);
    mw_series_rewrite(series, span, number, &next);
    return MW_PUT_UPDATED;
}

/* Closes the newest bar, if it forms, on somebody else's word than the venue's. */
static bool close_newest(struct mw_series *series, struct mw_span span, uint8_t closed_by)
{
    struct mw_candle newest;
    mw_series_load(series, span.total - 1, &newest);
    if (newest.state != MW_CANDLE_FORMING)
        return false;
    newest.state = MW_CANDLE_CLOSED;
    newest.closed_by = closed_by;
    doubt(series, &newest);
    mw_series_rewrite(series, span, span.total - 1, &newest);
    return true;
}

/* Opens a hole of the buckets between two bars, if there are any. */
static void open_gap_between(struct mw_series *series, int64_t older_ms, int64_t newer_ms)
{
    struct mw_timeframe timeframe = series->key.timeframe;
    int64_t next_ms = mw_timeframe_next(timeframe, older_ms);
    if (next_ms < newer_ms)
        mw_series_open_gap(series, next_ms, mw_timeframe_floor(timeframe, newer_ms - 1));
}

/* The oldest bar goes; told before the rows without it are. */
static void drop_oldest(struct mw_series *series, struct mw_span span)
{
    atomic_store_explicit(&series->dropped_ms, slot_open_ms(series, span.total - span.count),
                          memory_order_release);
}

void mw_series_push(struct mw_series *series, struct mw_span span, const struct mw_candle *candle)
{
    bool full = span.count == series->capacity;
    if (full)
        drop_oldest(series, span);
    slot_store(slot_of(series, span.total), candle);
    span.total++;
    span.count += !full;
    span_store(series, span);
    if (candle->state == MW_CANDLE_CLOSED)
        mw_series_note_change(series, candle->open_ms, candle->open_ms);
    if (full)
        mw_series_forget_gaps(series);
}

static void append(struct mw_series *series, struct mw_span span, const struct mw_candle *candle)
{
    struct mw_candle next = *candle;
    if (span.count > 0) {
        close_newest(series, span, MW_CLOSED_BY_SUCCESSOR);
        open_gap_between(series, slot_open_ms(series, span.total - 1), next.open_ms);
    }
    if (next.state == MW_CANDLE_CLOSED)
        doubt(series, &next);
    mw_series_push(series, span, &next);
}

void mw_series_squeeze(struct mw_series *series, struct mw_span span, uint64_t before,
                       const struct mw_candle *candle)
{
    bool full = span.count == series->capacity; /* then the oldest goes */
    if (full)
        drop_oldest(series, span);
    seq_begin(&series->repair_seq);
    for (uint64_t number = span.total - span.count + full; number < before; number++) {
        struct mw_candle moved;
        slot_load(slot_of(series, number), &moved);
        slot_store(slot_of(series, number - 1), &moved);
    }
    slot_store(slot_of(series, before - 1), candle);
    span.count += !full;
    span_store(series, span);
    seq_end(&series->repair_seq);
    mw_series_note_change(series, candle->open_ms, candle->open_ms);
}

/* Puts `candle` before number `before`. */
static void insert(struct mw_series *series, struct mw_span span, uint64_t before,
                   const struct mw_candle *candle)
{
    struct mw_candle next = *candle;
    if (next.state == MW_CANDLE_FORMING) {
        next.state = MW_CANDLE_CLOSED;
        next.closed_by = MW_CLOSED_BY_SUCCESSOR;
        next.flags |= MW_CANDLE_UNPROVEN; /* it is out of order: others of its bucket may be lost */
    }
    if (before == span.total - span.count)
        open_gap_between(series, next.open_ms, slot_open_ms(series, before));
    else if (mw_gaps_find(&series->gaps, next.open_ms, next.open_ms) == NULL)
        mw_series_note_revision(series, next.open_ms); /* it was known to be quiet */
    doubt(series, &next);
    bool full = span.count == series->capacity;
    mw_series_squeeze(series, span, before, &next);
    if (!(next.flags & MW_CANDLE_UNPROVEN))
        mw_series_close_gap(series, next.open_ms, next.open_ms);
    mw_series_renew_gaps(series); /* also when the holes are what they were */
    if (full)
        mw_series_forget_gaps(series);
}

/* The first bar that comes live; published before its row. */
static void note_live(struct mw_series *series, const struct mw_candle *candle)
{
    if (candle->source == MW_SOURCE_LIVE &&
        atomic_load_explicit(&series->first_live_ms, memory_order_relaxed) == INT64_MAX)
        atomic_store_explicit(&series->first_live_ms, candle->open_ms, memory_order_release);
}

static mw_put put_locked(struct mw_series *series, const struct mw_candle *candle)
{
    struct mw_span span = mw_series_span(series);
    uint64_t oldest = span.total - span.count;
    if (span.count == series->capacity && candle->open_ms < slot_open_ms(series, oldest))
        return MW_PUT_LATE;
    note_live(series, candle);
    if (span.count == 0 || candle->open_ms > slot_open_ms(series, span.total - 1)) {
        append(series, span, candle);
        return MW_PUT_APPENDED;
    }
    if (candle->open_ms == slot_open_ms(series, span.total - 1))
        return merge(series, span, span.total - 1, candle);
    uint64_t number = mw_series_lower_bound(series, span, candle->open_ms);
    if (slot_open_ms(series, number) == candle->open_ms)
        return merge(series, span, number, candle);
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

void mw_series_interrupt(struct mw_series *series)
{
    pthread_mutex_lock(&series->lock);
    struct mw_span span = mw_series_span(series);
    struct mw_candle newest = {.state = MW_CANDLE_CLOSED};
    if (span.count > 0)
        mw_series_load(series, span.total - 1, &newest);
    if (newest.state == MW_CANDLE_FORMING && !(newest.flags & MW_CANDLE_UNPROVEN)) {
        newest.flags |= MW_CANDLE_UNPROVEN;
        mw_series_rewrite(series, span, span.total - 1, &newest);
    }
    pthread_mutex_unlock(&series->lock);
}

bool mw_series_close_newest(struct mw_series *series, int64_t open_ms)
{
    pthread_mutex_lock(&series->lock);
    struct mw_span span = mw_series_span(series);
    bool closed = span.count > 0 && slot_open_ms(series, span.total - 1) == open_ms &&
                  close_newest(series, span, MW_CLOSED_BY_CLOCK);
    pthread_mutex_unlock(&series->lock);
    return closed;
}

/* --- readers --------------------------------------------------------------------------------- */

uint32_t mw_series_count(const struct mw_series *series)
{
    return mw_series_span(series).count;
}

uint64_t mw_series_total(const struct mw_series *series)
{
    return mw_series_span(series).total - number_base;
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
static uint32_t select_rows(const struct mw_series *series, struct mw_span span,
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
        end = mw_series_lower_bound(series, span, selection->until_ms + 1);
    else if (newest.state == MW_CANDLE_FORMING && !selection->forming)
        end--;
    if (selection->from_ms > INT64_MIN)
        begin = mw_series_lower_bound(series, span, selection->from_ms);
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
    uint32_t still = rows - (rows > 0 && end == span.total); /* rows that nobody writes in place */
    const struct mw_slot *slot = slot_of(series, begin), *past = series->slots + series->slot_count;
    for (uint32_t i = 0; i < still; i++) {
        slot_load(slot, &out[i]);
        if (++slot == past)
            slot = series->slots;
    }
    if (still < rows)
        out[still] = newest;
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
                select_rows(series, mw_series_span(series), selection, out, &first, begin_number);
            /* A writer may already be filling the slot after the newest. */
            bool reached = mw_series_span(series).total - first < series->slot_count;
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
