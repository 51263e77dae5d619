/* replay.c - records to intakes.
 *
 * A feed is known by its name, over all sections of a capture; `numbers` says which feed a record's
 * number means in the section at hand. When a section begins, the recording had been started anew:
 * what the connections before it followed is not followed any more.
 */
#include "history/replay.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "feed/intake.h"
#include "history/merger.h"

enum { NO_FEED = -1 };

/* One connection of a feed, as it was. */
struct link {
    struct mw_intake intake;
};

struct feed {
    char *name;                   /* owns */
    char *protocol_name;          /* owns */
    struct mw_protocol *protocol; /* owns */
    int64_t gap_wait_ms;
    struct mw_merger *merger;  /* owns; NULL for a venue without history */
    struct mw_map links;       /* the connection's number to struct link, owned */
    struct mw_replay_feed sum; /* of links that are gone */
};

struct mw_replay {
    char *path;                       /* owns */
    struct mw_capture_reader *reader; /* owns */
    struct mw_cache *cache;           /* owns */
    struct feed **feeds;              /* owns */
    uint32_t feed_count;
    int numbers[MW_CAPTURE_FEEDS_MAX + 1]; /* a record's feed number to an index, or NO_FEED */
    struct mw_capture_record first;        /* read at the open, not taken yet */
    bool has_first;
    struct mw_replay_counts counts;
};

/* --- opening and closing ---------------------------------------------------------------------- */

mw_status mw_replay_open(const char *path, struct mw_replay **out, struct mw_error *err)
{
    struct mw_capture_reader *reader;
    mw_status status = mw_capture_read_open(path, &reader, err);
    if (status != MW_OK)
        return status;
    struct mw_replay *replay = mw_alloc_zero(sizeof(*replay));
    replay->path = mw_strdup(path);
    replay->reader = reader;
    for (size_t i = 0; i < MW_COUNT(replay->numbers); i++)
        replay->numbers[i] = NO_FEED;
    replay->has_first = mw_capture_read(reader, &replay->first);
    int64_t bars = MW_SERIES_CANDLES_DEFAULT;
    if (replay->has_first && replay->first.kind == MW_CAPTURE_FEED)
        bars = replay->first.fields.bars;
    if (bars < 1 || bars > MW_SERIES_CANDLES_MAX) {
        status = mw_fail(err, MW_EPARSE, "%s: its series have %lld bars, want 1 to %d", path,
                         (long long)bars, MW_SERIES_CANDLES_MAX);
        mw_replay_close(replay);
        return status;
    }
    replay->cache = mw_cache_new((uint32_t)bars);
    *out = replay;
    return MW_OK;
}

static uint64_t get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_counts(struct mw_replay_feed *sum, const struct mw_intake *intake)
{
    sum->messages += get(&intake->frames);
    sum->bytes += get(&intake->bytes);
    sum->candles += get(&intake->candles);
    sum->late += get(&intake->late);
    sum->revised += get(&intake->revised);
    sum->other += get(&intake->other);
    sum->unsubscribed += get(&intake->unsubscribed);
    for (size_t i = 0; i < MW_REJECT_COUNT; i++)
        sum->rejects[i] += get(&intake->rejects[i]);
}

/* Ends the connections of a feed; what they counted stays. */
static void drop_links(struct feed *feed)
{
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&feed->links, &at)) != NULL) {
        struct link *link = item->value;
        add_counts(&feed->sum, &link->intake);
        mw_intake_deinit(&link->intake);
        mw_free(link);
    }
    mw_map_deinit(&feed->links);
    mw_merger_free(feed->merger);
    feed->merger = NULL;
}

void mw_replay_close(struct mw_replay *replay)
{
    if (replay == NULL)
        return;
    for (uint32_t i = 0; i < replay->feed_count; i++) {
        struct feed *feed = replay->feeds[i];
        drop_links(feed);
        mw_protocol_free(feed->protocol);
        mw_free(feed->protocol_name);
        mw_free(feed->name);
        mw_free(feed);
    }
    mw_free(replay->feeds);
    mw_cache_free(replay->cache);
    mw_capture_read_close(replay->reader);
    mw_free(replay->path);
    mw_free(replay);
}

struct mw_cache *mw_replay_cache(struct mw_replay *replay)
{
    return replay->cache;
}

/* --- records ---------------------------------------------------------------------------------- */

static mw_status refuse(const struct mw_replay *replay, const struct mw_capture_record *record,
                        const char *why, struct mw_error *err)
{
    return mw_fail(err, MW_EPARSE, "%s: the %s record before byte %llu: %s", replay->path,
                   mw_capture_kind_name(record->kind),
                   (unsigned long long)mw_capture_read_offset(replay->reader), why);
}

/* Whether a name or symbol is one that a configuration may have. */
static bool is_plain(const char *text)
{
    size_t length = 0;
    while (text[length] > ' ' && text[length] < 0x7f)
        length++;
    return length > 0 && text[length] == '\0';
}

static bool is_time(int64_t time_ms)
{
    return time_ms >= MW_CANDLE_OPEN_MS_MIN && time_ms <= MW_CANDLE_OPEN_MS_MAX;
}

/* A recording that was started anew: whatever was open is gone. */
static void begin_section(struct mw_replay *replay)
{
    for (uint32_t i = 0; i < replay->feed_count; i++) {
        size_t at = 0;
        const struct mw_map_item *item;
        while ((item = mw_map_next(&replay->feeds[i]->links, &at)) != NULL)
            mw_intake_interrupt(&((struct link *)item->value)->intake);
        drop_links(replay->feeds[i]);
    }
    for (size_t i = 0; i < MW_COUNT(replay->numbers); i++)
        replay->numbers[i] = NO_FEED;
}

static struct feed *find_feed(const struct mw_replay *replay, const char *name, int *index)
{
    for (*index = 0; *index < (int)replay->feed_count; (*index)++)
        if (strcmp(replay->feeds[*index]->name, name) == 0)
            return replay->feeds[*index];
    return NULL;
}

static mw_status take_feed(struct mw_replay *replay, const struct mw_capture_record *record,
                           struct mw_error *err)
{
    const struct mw_capture_fields *fields = &record->fields;
    if (record->feed == 0)
        begin_section(replay);
    if (!is_plain(fields->name))
        return refuse(replay, record, "its name is none", err);
    if (replay->numbers[record->feed] != NO_FEED)
        return refuse(replay, record, "its number is taken", err);
    int index;
    struct feed *feed = find_feed(replay, fields->name, &index);
    for (size_t i = 0; feed != NULL && i < MW_COUNT(replay->numbers); i++)
        if (replay->numbers[i] == index)
            return refuse(replay, record, "its name is taken", err);
    if (feed == NULL && replay->feed_count >= MW_CAPTURE_FEEDS_MAX)
        return refuse(replay, record, "one feed too many", err);
    if (feed == NULL || strcmp(feed->protocol_name, fields->protocol) != 0) {
        struct mw_protocol *protocol;
        mw_status status = mw_protocol_load(fields->protocol, &protocol, err);
        if (status != MW_OK)
            return mw_fail_within(err, status, "feed %s", fields->name);
        if (feed == NULL) {
            feed = mw_alloc_zero(sizeof(*feed));
            feed->name = mw_strdup(fields->name);
            replay->feeds =
                mw_realloc_array(replay->feeds, replay->feed_count + 1, sizeof(struct feed *));
            replay->feeds[replay->feed_count++] = feed;
        }
        mw_protocol_free(feed->protocol);
        mw_free(feed->protocol_name);
        feed->protocol = protocol;
        feed->protocol_name = mw_strdup(fields->protocol);
    }
    if (feed->protocol->history.known)
        feed->merger = mw_merger_new(replay->cache, feed->protocol, MW_BACKFILL_SETTLE_MS);
    feed->gap_wait_ms = fields->gap_wait_ms;
    replay->numbers[record->feed] = index;
    return MW_OK;
}

/* The connection of a record, made when it is first met. */
static mw_status get_link(struct mw_replay *replay, const struct mw_capture_record *record,
                          struct feed *feed, struct link **out, struct mw_error *err)
{
    struct link *link = mw_map_find(&feed->links, &record->link, sizeof(record->link));
    if (link == NULL) {
        if (feed->links.count >= MW_REPLAY_CONNECTIONS_MAX)
            return refuse(replay, record, "one connection too many", err);
        link = mw_alloc_zero(sizeof(*link));
        mw_intake_init(&link->intake, feed->name, feed->protocol, replay->cache);
        mw_map_set(&feed->links, &record->link, sizeof(record->link), link);
    }
    mw_intake_set_time(&link->intake, record->time_ms, record->time_ms);
    *out = link;
    return MW_OK;
}

static mw_status add_series(struct mw_replay *replay, const struct mw_capture_record *record,
                            const struct feed *feed, struct mw_series **series,
                            struct mw_error *err)
{
    struct mw_series_key key;
    if (!is_plain(record->fields.symbol))
        return refuse(replay, record, "its symbol is none", err);
    mw_status status = mw_timeframe_parse(record->fields.timeframe, &key.timeframe, err);
    if (status != MW_OK)
        return refuse(replay, record, "its timeframe is none", err);
    uint64_t bars = (uint64_t)mw_cache_bars(replay->cache) *
                    ((uint64_t)mw_cache_series_count(replay->cache) + 1);
    snprintf(key.feed, sizeof(key.feed), "%s", feed->name);
    snprintf(key.symbol, sizeof(key.symbol), "%s", record->fields.symbol);
    if (bars > MW_REPLAY_CANDLES_MAX &&
        mw_cache_find(replay->cache, key.feed, key.symbol, key.timeframe, series) == 0)
        return mw_fail(err, MW_ELIMIT, "%s: more than %d bars in all series together", replay->path,
                       MW_REPLAY_CANDLES_MAX);
    status = mw_cache_add(replay->cache, &key, series, err);
    if (status == MW_OK)
        atomic_store_explicit(&mw_series_note(*series)->gap_wait_ms, feed->gap_wait_ms,
                              memory_order_relaxed);
    return status;
}

static mw_status take_subscribe(struct mw_replay *replay, const struct mw_capture_record *record,
                                struct feed *feed, struct link *link, struct mw_error *err)
{
    struct mw_series *series = NULL;
    mw_status status = add_series(replay, record, feed, &series, err);
    if (status == MW_OK)
        mw_intake_subscribe(&link->intake, record->fields.symbol, record->fields.code, series);
    return status;
}

/* The subscription of a record; one that is not there (any more) was refused meanwhile. */
static struct mw_subscription *find_subscription(struct link *link,
                                                 const struct mw_capture_record *record)
{
    return mw_subscriptions_find_named(&link->intake.subscriptions, record->fields.symbol,
                                       record->fields.code);
}

static mw_status take_clock(struct mw_replay *replay, const struct mw_capture_record *record,
                            struct feed *feed, struct mw_error *err)
{
    struct mw_series *series = NULL;
    mw_status status = add_series(replay, record, feed, &series, err);
    if (status == MW_OK)
        mw_cache_close_newest(replay->cache, series, record->fields.open_ms);
    return status;
}

static mw_status take_history(struct mw_replay *replay, const struct mw_capture_record *record,
                              struct feed *feed, struct mw_error *err)
{
    const struct mw_capture_fields *fields = &record->fields;
    struct mw_answer answer = {.from_ms = fields->from_ms,
                               .to_ms = fields->to_ms,
                               .sent_ms = fields->asked_ms,
                               .body = fields->data,
                               .length = fields->length};
    if ((answer.from_ms != INT64_MIN && !is_time(answer.from_ms)) ||
        (answer.to_ms != INT64_MAX && !is_time(answer.to_ms)) || !is_time(answer.sent_ms))
        return refuse(replay, record, "one of its times is none", err);
    if (feed->merger == NULL)
        return refuse(replay, record, "the protocol has no history", err);
    mw_status status = add_series(replay, record, feed, &answer.series, err);
    if (status != MW_OK)
        return status;
    struct mw_merged merged;
    feed->sum.answers++;
    if (mw_merger_merge(feed->merger, &answer, &merged, NULL) != MW_OK)
        feed->sum.refused++;
    return MW_OK;
}

static void take_message(struct mw_replay *replay, const struct mw_capture_record *record,
                         struct link *link)
{
    struct mw_decoded decoded;
    mw_intake_message(&link->intake, record->kind == MW_CAPTURE_RECEIVED, record->fields.data,
                      record->fields.length, &decoded);
    replay->counts.messages++;
}

static mw_status take(struct mw_replay *replay, const struct mw_capture_record *record,
                      struct mw_error *err)
{
    if (!is_time(record->time_ms))
        return refuse(replay, record, "its time is none", err);
    if (record->kind == MW_CAPTURE_FEED)
        return take_feed(replay, record, err);
    int index = replay->numbers[record->feed];
    if (index == NO_FEED)
        return refuse(replay, record, "its feed was not announced", err);
    struct feed *feed = replay->feeds[index];
    if (record->kind == MW_CAPTURE_CLOCK)
        return take_clock(replay, record, feed, err);
    if (record->kind == MW_CAPTURE_HISTORY)
        return take_history(replay, record, feed, err);
    struct link *link = NULL;
    mw_status status = get_link(replay, record, feed, &link, err);
    if (status != MW_OK)
        return status;
    switch (record->kind) {
    case MW_CAPTURE_SUBSCRIBE:
        return take_subscribe(replay, record, feed, link, err);
    case MW_CAPTURE_UNSUBSCRIBE:
        mw_intake_unsubscribe(&link->intake, record->fields.symbol, record->fields.code, false);
        break;
    case MW_CAPTURE_OPEN:
        feed->sum.connections++;
        mw_subscriptions_forget_requests(&link->intake.subscriptions);
        break;
    case MW_CAPTURE_RECEIVED:
    case MW_CAPTURE_RECEIVED_BINARY:
        take_message(replay, record, link);
        break;
    case MW_CAPTURE_CLOSED:
        mw_intake_interrupt(&link->intake);
        break;
    case MW_CAPTURE_INTERRUPT: {
        struct mw_subscription *subscription = find_subscription(link, record);
        if (subscription != NULL)
            mw_intake_interrupt_series(&link->intake, subscription);
        break;
    }
    default: /* what was sent changes nothing here */
        break;
    }
    return MW_OK;
}

mw_status mw_replay_next(struct mw_replay *replay, struct mw_replay_step *step,
                         struct mw_error *err)
{
    struct mw_capture_record record = replay->first;
    bool is_record = replay->has_first || mw_capture_read(replay->reader, &record);
    replay->has_first = false;
    *step = (struct mw_replay_step){.is_record = false};
    if (!is_record) {
        mw_capture_read_tail(replay->reader, &replay->counts.tail);
        return MW_OK;
    }
    mw_status status = take(replay, &record, err);
    if (status != MW_OK)
        return status;
    mw_cache_flush(replay->cache);
    struct mw_replay_counts *counts = &replay->counts;
    if (counts->records++ == 0)
        counts->first_ms = record.time_ms;
    counts->last_ms = record.time_ms;
    counts->bytes = mw_capture_read_offset(replay->reader);
    *step =
        (struct mw_replay_step){.is_record = true, .kind = record.kind, .time_ms = record.time_ms};
    return MW_OK;
}

/* --- what it came to -------------------------------------------------------------------------- */

void mw_replay_get_counts(const struct mw_replay *replay, struct mw_replay_counts *counts)
{
    *counts = replay->counts;
}

uint32_t mw_replay_feed_count(const struct mw_replay *replay)
{
    return replay->feed_count;
}

void mw_replay_get_feed(const struct mw_replay *replay, uint32_t index, struct mw_replay_feed *feed)
{
    MW_CHECK(index < replay->feed_count);
    const struct feed *from = replay->feeds[index];
    *feed = from->sum;
    feed->name = from->name;
    feed->protocol = from->protocol_name;
    size_t at = 0;
    const struct mw_map_item *item;
    while ((item = mw_map_next(&from->links, &at)) != NULL)
        add_counts(feed, &((const struct link *)item->value)->intake);
}

static uint64_t mix(uint64_t digest, uint64_t value)
{
    return mw_random_mix(digest ^ value);
}

static uint64_t mix_number(uint64_t digest, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return mix(digest, bits);
}

static uint64_t mix_candle(uint64_t digest, const struct mw_candle *candle)
{
    digest = mix(digest, (uint64_t)candle->open_ms);
    digest = mix_number(digest, candle->open);
    digest = mix_number(digest, candle->high);
    digest = mix_number(digest, candle->low);
    digest = mix_number(digest, candle->close);
    digest = mix_number(digest, candle->volume);
    digest = mix_number(digest, candle->turnover);
    return mix(digest, (uint64_t)candle->trades << 32 | (uint64_t)candle->state << 24 |
                           (uint64_t)candle->closed_by << 16 | (uint64_t)candle->source << 8 |
                           candle->flags);
}

uint64_t mw_replay_digest(struct mw_series *series)
{
    uint32_t count = mw_series_count(series);
    struct mw_candle *bars = mw_realloc_array(NULL, count + 1, sizeof(*bars));
    count = mw_series_read_last(series, INT64_MAX, count, true, bars);
    uint64_t digest = 0;
    for (uint32_t i = 0; i < count; i++)
        digest = mix_candle(digest, &bars[i]);
    mw_free(bars);
    uint32_t gap_count = mw_series_copy_gaps(series, NULL, 0);
    struct mw_gap *gaps = mw_realloc_array(NULL, gap_count + 1, sizeof(*gaps));
    gap_count = mw_series_copy_gaps(series, gaps, gap_count);
    for (uint32_t i = 0; i < gap_count; i++)
        digest = mix(mix(digest, (uint64_t)gaps[i].from_ms), (uint64_t)gaps[i].to_ms);
    mw_free(gaps);
    return digest;
}
