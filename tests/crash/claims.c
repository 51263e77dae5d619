/* claims.c - a book for each series, a line for each bucket. */
#include "claims.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"

enum { ROWS_AT_ONCE = 4096, TIMEFRAMES_MAX = 4 };

/* What is known of a bucket. */
struct line {
    bool told;                     /* as stored, and in no hole */
    bool in_hole;                  /* the last time that anything was told of it */
    bool has_truth;                /* `truth` is made when it is wanted */
    bool seen, open;               /* while a store is read: it has a row; it is in a hole */
    bool has_turnover, has_trades; /* as it was told */
    struct mw_candle truth;
};

struct book {
    struct mw_series_key key;
    int64_t first_ms, step_ms;
    struct line *lines; /* owns; of the buckets from first_ms on */
    size_t count;
    int64_t newest_ms; /* that anything was told of; INT64_MIN for none */
};

struct claims {
    const struct truth *truth; /* borrows */
    struct book books[TRUTH_SYMBOLS_MAX * TIMEFRAMES_MAX];
    uint32_t book_count;
    uint64_t told;
};

struct claims *claims_new(const struct truth *truth, const struct mw_timeframe *timeframes,
                          uint32_t timeframe_count, int64_t before_ms)
{
    MW_CHECK(timeframe_count <= TIMEFRAMES_MAX);
    struct claims *claims = mw_alloc_zero(sizeof(*claims));
    claims->truth = truth;
    for (uint32_t i = 0; i < TRUTH_SYMBOLS_MAX; i++) {
        for (uint32_t j = 0; j < timeframe_count; j++) {
            struct book *book = &claims->books[claims->book_count++];
            snprintf(book->key.feed, sizeof(book->key.feed), "%s", CLAIMS_FEED);
            snprintf(book->key.symbol, sizeof(book->key.symbol), "%s", truth_symbols[i]);
            book->key.timeframe = timeframes[j];
            book->step_ms = mw_timeframe_ms(timeframes[j]);
            book->first_ms = mw_timeframe_floor(timeframes[j], before_ms);
            book->newest_ms = INT64_MIN;
        }
    }
    return claims;
}

void claims_free(struct claims *claims)
{
    if (claims == NULL)
        return;
    for (uint32_t i = 0; i < claims->book_count; i++)
        mw_free(claims->books[i].lines);
    mw_free(claims);
}

uint64_t claims_count(const struct claims *claims)
{
    return claims->told;
}

static struct book *find_book(struct claims *claims, const struct mw_series_key *key)
{
    for (uint32_t i = 0; i < claims->book_count; i++) {
        struct book *book = &claims->books[i];
        if (strcmp(book->key.symbol, key->symbol) == 0 &&
            mw_timeframe_equal(book->key.timeframe, key->timeframe))
            return book;
    }
    return NULL;
}

/* The line of a bucket, or NULL for one off the grid or before all that can be. */
static struct line *find_line(struct book *book, int64_t open_ms)
{
    enum { LINES_MAX = 1 << 22 };
    if (open_ms < book->first_ms || (open_ms - book->first_ms) % book->step_ms != 0)
        return NULL;
    size_t at = (size_t)((open_ms - book->first_ms) / book->step_ms);
    if (at >= LINES_MAX)
        return NULL;
    if (at >= book->count) {
        size_t count = at + at / 2 + 1024;
        book->lines = mw_realloc_array(book->lines, count, sizeof(*book->lines));
        memset(book->lines + book->count, 0, (count - book->count) * sizeof(*book->lines));
        book->count = count;
    }
    return &book->lines[at];
}

static const struct mw_candle *truth_of(struct claims *claims, struct book *book, struct line *line,
                                        int64_t open_ms)
{
    if (!line->has_truth)
        truth_candle(claims->truth, book->key.symbol, book->key.timeframe, open_ms, &line->truth);
    line->has_truth = true;
    return &line->truth;
}

/* Writes "BTCUSDT 1m 2026-...: what" unless something was written before. Returns false. */
static bool blame(char *why, size_t room, const struct book *book, int64_t open_ms,
                  const char *what)
{
    char frequency[MW_TIMEFRAME_BYTES_MAX], time[MW_TIME_TEXT_BYTES];
    if (why[0] == '\0')
        snprintf(why, room, "%s %s %s: %s", book->key.symbol,
                 mw_timeframe_format(book->key.timeframe, frequency), mw_time_format(open_ms, time),
                 what);
    return false;
}

static bool is_in(const struct mw_gap *holes, uint32_t count, int64_t open_ms)
{
    for (uint32_t i = 0; i < count; i++)
        if (open_ms >= holes[i].from_ms && open_ms <= holes[i].to_ms)
            return true;
    return false;
}

/* --- what is told ----------------------------------------------------------------------------- */

/* `row` is NULL for a bucket that is told without a row and in no hole. The simulator has no quiet
 * bucket, so its row was there before: what comes from a store is not written to it again. */
static void note_row(struct claims *claims, struct line *line, const struct mw_candle *row)
{
    claims->told += !line->told;
    line->told = true;
    if (row == NULL)
        return;
    line->has_turnover = !isnan(row->turnover);
    line->has_trades = row->trades != 0;
}

bool claims_add(struct claims *claims, const struct tale *tale, const struct mw_candle *rows,
                const struct mw_gap *holes, char *why, size_t room)
{
    struct book *book = find_book(claims, &tale->key);
    why[0] = '\0';
    if (book == NULL) {
        snprintf(why, room, "told of %s, which nobody subscribed", tale->key.symbol);
        return false;
    }
    uint32_t row = 0;
    for (int64_t at_ms = tale->from_ms; at_ms <= tale->to_ms; at_ms += book->step_ms) {
        struct line *line = find_line(book, at_ms);
        if (line == NULL)
            return blame(why, room, book, at_ms, "told of, and cannot be");
        line->in_hole = is_in(holes, tale->hole_count, at_ms);
        bool has_row = row < tale->row_count && rows[row].open_ms == at_ms;
        if (has_row && !line->in_hole &&
            !truth_equal(truth_of(claims, book, line, at_ms), &rows[row]))
            return blame(why, room, book, at_ms, "told as stored with values that are not true");
        if (!line->in_hole)
            note_row(claims, line, has_row ? &rows[row] : NULL);
        row += has_row;
        book->newest_ms = at_ms > book->newest_ms ? at_ms : book->newest_ms;
    }
    if (row != tale->row_count)
        return blame(why, room, book, rows[row].open_ms, "told with a row outside of its stretch");
    return true;
}

bool claims_are_whole(const struct claims *claims, uint32_t count)
{
    for (uint32_t i = 0; i < claims->book_count; i++) {
        const struct book *book = &claims->books[i];
        if (book->newest_ms == INT64_MIN)
            return false;
        size_t end = (size_t)((book->newest_ms - book->first_ms) / book->step_ms) + 1;
        for (size_t at = end > count ? end - count : 0; at < end; at++)
            if (!book->lines[at].told || book->lines[at].in_hole)
                return false;
    }
    return true;
}

/* --- what is stored --------------------------------------------------------------------------- */

/* Reads one series of a store while it is judged. */
struct judging {
    struct claims *claims;
    struct mw_store *store;
    struct verdict *verdict;
    struct book *book;
    struct mw_store_series series;
    struct mw_candle rows[ROWS_AT_ONCE];
};

static void accuse(struct judging *judging, int64_t open_ms, const char *what)
{
    blame(judging->verdict->failure, sizeof(judging->verdict->failure), judging->book, open_ms,
          what);
}

static void judge_row(struct judging *judging, const struct mw_candle *row, int64_t last_ms)
{
    struct line *line = find_line(judging->book, row->open_ms);
    if (line == NULL || row->open_ms < judging->series.first_ms ||
        row->open_ms > judging->series.last_ms) {
        accuse(judging, row->open_ms, "a row outside of what is known");
        return;
    }
    if (row->open_ms <= last_ms)
        accuse(judging, row->open_ms, "rows out of order");
    /* The wall clock is far ahead of simulated time. */
    mw_fault fault = mw_candle_check(row, judging->book->key.timeframe, mw_clock_wall_ms());
    if (fault != MW_FAULT_NONE)
        accuse(judging, row->open_ms, mw_fault_text(fault));
    if (row->state != MW_CANDLE_CLOSED || row->closed_by == MW_CLOSED_BY_NOBODY)
        accuse(judging, row->open_ms, "a row that forms");
    line->seen = true;
    judging->verdict->rows++;
    const struct mw_candle *truth = truth_of(judging->claims, judging->book, line, row->open_ms);
    bool is_true = truth_equal(truth, row);
    if (!is_true && !line->open)
        accuse(judging, row->open_ms, "values that are not true, and in no hole");
    /* What was told was true, so nothing else can be equal to it. */
    if (line->told && (!is_true || (line->has_turnover && isnan(row->turnover)) ||
                       (line->has_trades && row->trades == 0))) {
        accuse(judging, row->open_ms, "was told as stored, and has other values");
        judging->verdict->lost++;
    }
}

static mw_status read_holes(struct judging *judging, struct mw_error *err)
{
    const struct mw_store_series *series = &judging->series;
    struct mw_gaps gaps = {0};
    const struct mw_store_query query = {
        .key = &series->key, .from_ms = series->first_ms, .until_ms = series->last_ms};
    mw_status status = mw_store_read_holes(judging->store, &query, &gaps, err);
    const struct mw_gap *holes = gaps.list;
    for (uint32_t i = 0; i < gaps.count; i++) {
        if (holes[i].from_ms < series->first_ms || holes[i].to_ms > series->last_ms)
            accuse(judging, holes[i].from_ms, "a hole outside of what is known");
        for (int64_t at_ms = holes[i].from_ms; at_ms <= holes[i].to_ms;
             at_ms += judging->book->step_ms) {
            struct line *line = find_line(judging->book, at_ms);
            if (line == NULL) {
                accuse(judging, at_ms, "a hole off the grid");
                break;
            }
            line->open = true;
        }
    }
    mw_gaps_deinit(&gaps);
    return status;
}

static mw_status read_rows(struct judging *judging, struct mw_error *err)
{
    int64_t last_ms = INT64_MIN;
    int64_t from_ms = MW_CANDLE_OPEN_MS_MIN; /* not only what is said to be known */
    for (;;) {
        uint32_t count;
        const struct mw_store_query query = {.key = &judging->series.key,
                                             .from_ms = from_ms,
                                             .until_ms = INT64_MAX,
                                             .count = ROWS_AT_ONCE};
        mw_status status = mw_store_read_rows(judging->store, &query, judging->rows, &count, err);
        if (status != MW_OK || count == 0)
            return status;
        for (uint32_t i = 0; i < count; i++) {
            judge_row(judging, &judging->rows[i], last_ms);
            last_ms = judging->rows[i].open_ms;
        }
        from_ms = last_ms + 1;
    }
}

/* Nothing may seem quiet, and nothing that was told may be gone. */
static void judge_lines(struct judging *judging)
{
    struct book *book = judging->book;
    for (size_t i = 0; i < book->count; i++) {
        const struct line *line = &book->lines[i];
        int64_t open_ms = book->first_ms + (int64_t)i * book->step_ms;
        bool is_known = open_ms >= judging->series.first_ms && open_ms <= judging->series.last_ms;
        if (is_known && !line->seen && !line->open)
            accuse(judging, open_ms, "seems quiet, and has a bar");
        if (line->told && !line->seen) {
            accuse(judging, open_ms, "was told as stored, and is not there");
            judging->verdict->lost++;
        }
        judging->verdict->missing += line->open;
        judging->verdict->reopened += line->open && line->told && !line->in_hole;
    }
}

static mw_status judge_series(struct judging *judging, struct mw_error *err)
{
    struct book *book = judging->book;
    bool found;
    for (size_t i = 0; i < book->count; i++)
        book->lines[i].seen = book->lines[i].open = false;
    mw_status status =
        mw_store_find(judging->store, &judging->series.key, &judging->series, &found, err);
    if (status == MW_OK && !found) /* what was told, if anything, is lost */
        judging->series.first_ms = judging->series.last_ms = INT64_MIN;
    if (status == MW_OK && found)
        status = read_holes(judging, err);
    if (status == MW_OK && found)
        status = read_rows(judging, err);
    if (status == MW_OK)
        judge_lines(judging);
    return status;
}

void claims_judge(struct claims *claims, struct mw_store *store, struct verdict *verdict)
{
    struct judging *judging = mw_alloc_zero(sizeof(*judging));
    struct mw_error err = {.message = ""};
    *verdict = (struct verdict){.told = claims->told};
    judging->claims = claims;
    judging->store = store;
    judging->verdict = verdict;
    mw_status status = mw_store_check(store, &err);
    for (uint32_t i = 0; i < claims->book_count && status == MW_OK; i++) {
        judging->book = &claims->books[i];
        judging->series.key = claims->books[i].key;
        status = judge_series(judging, &err);
    }
    if (status != MW_OK && verdict->failure[0] == '\0')
        snprintf(verdict->failure, sizeof(verdict->failure), "%s", err.message);
    mw_free(judging);
}
