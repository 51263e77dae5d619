/* replay_report.c - lines about captures, feeds, series, holes and bars. */
#include "cli/replay_report.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/clock.h"
#include "cli/output.h"

static void add_number(struct mw_str *out, const char *name, double number)
{
    mw_str_addf(out, ",\"%s\":", name);
    mw_json_add_number(out, number);
}

void mw_replay_report_capture(struct mw_str *out, const struct mw_replay *replay, bool json)
{
    struct mw_replay_counts counts;
    char first[MW_TIME_TEXT_BYTES], last[MW_TIME_TEXT_BYTES];
    mw_replay_get_counts(replay, &counts);
    if (json) {
        mw_str_addf(out,
                    "{\"kind\":\"capture\",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64
                    ",\"first_time\":%" PRId64 ",\"last_time\":%" PRId64 ",\"tail_bytes\":%" PRIu64
                    ",\"damaged\":%s}\n",
                    counts.records, counts.bytes, counts.first_ms, counts.last_ms,
                    counts.tail.bytes, counts.tail.is_damage ? "true" : "false");
        return;
    }
    mw_str_addf(out, "capture  %" PRIu64 " record%s, %" PRIu64 " bytes", counts.records,
                mw_plural(counts.records), counts.bytes);
    if (counts.records > 0)
        mw_str_addf(out, ", %s to %s", mw_time_format(counts.first_ms, first),
                    mw_time_format(counts.last_ms, last));
    mw_str_adds(out, "\n");
}

/* What is counted of a feed. X(name, member) */
#define FEED_COUNT_LIST(X)                                                                         \
    X("messages", messages)                                                                        \
    X("candles", candles)                                                                          \
    X("late", late)                                                                                \
    X("revised", revised)                                                                          \
    X("other", other)                                                                              \
    X("unsubscribed", unsubscribed)                                                                \
    X("answers", answers)                                                                          \
    X("refused", refused)

void mw_replay_report_feed(struct mw_str *out, const struct mw_replay_feed *feed, bool json)
{
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
#define FEED_COUNT(name, member) {name, feed->member},
        FEED_COUNT_LIST(FEED_COUNT)
#undef FEED_COUNT
    };
    if (json) {
        mw_str_adds(out, "{\"kind\":\"feed\",\"feed\":");
        mw_json_add_text(out, feed->name);
        mw_str_adds(out, ",\"protocol\":");
        mw_json_add_text(out, feed->protocol);
        mw_str_addf(out, ",\"connections\":%" PRIu64, feed->connections);
        for (size_t i = 0; i < MW_COUNT(counts); i++)
            mw_str_addf(out, ",\"%s\":%" PRIu64, counts[i].name, counts[i].count);
        mw_str_adds(out, ",\"rejects\":{");
        const char *comma = "";
        for (int reject = 0; reject < MW_REJECT_COUNT; reject++) {
            if (feed->rejects[reject] == 0)
                continue;
            mw_str_addf(out, "%s\"%s\":%" PRIu64, comma, mw_reject_text((mw_reject)reject),
                        feed->rejects[reject]);
            comma = ",";
        }
        mw_str_adds(out, "}}\n");
        return;
    }
    mw_str_addf(out, "feed     %s  %s  %" PRIu64 " connection%s", feed->name, feed->protocol,
                feed->connections, mw_plural(feed->connections));
    for (size_t i = 0; i < MW_COUNT(counts); i++)
        mw_str_addf(out, ", %" PRIu64 " %s", counts[i].count, counts[i].name);
    for (int reject = 0; reject < MW_REJECT_COUNT; reject++)
        if (feed->rejects[reject] > 0)
            mw_str_addf(out, ", %" PRIu64 " %s", feed->rejects[reject],
                        mw_reject_text((mw_reject)reject));
    mw_str_adds(out, "\n");
}

void mw_replay_report_series(struct mw_str *out, struct mw_series *series, bool json)
{
    const struct mw_series_key *key = mw_series_key(series);
    uint32_t bars = mw_series_count(series), holes = mw_series_copy_gaps(series, NULL, 0);
    struct mw_candle first = {.open_ms = 0}, last = {.open_ms = 0};
    mw_series_read_from(series, INT64_MIN, INT64_MAX, 1, true, &first);
    mw_series_read_last(series, INT64_MAX, 1, true, &last);
    uint32_t closed = bars - (bars > 0 && last.state == MW_CANDLE_FORMING);
    uint64_t digest = mw_replay_digest(series);
    if (json) {
        mw_str_adds(out, "{\"kind\":\"series\"");
        mw_json_add_key(out, key);
        mw_str_addf(out,
                    ",\"bars\":%" PRIu32 ",\"closed\":%" PRIu32 ",\"holes\":%" PRIu32
                    ",\"revisions\":%" PRIu64,
                    bars, closed, holes, mw_series_revision_count(series));
        if (bars > 0)
            mw_str_addf(out, ",\"first_open_time\":%" PRId64 ",\"last_open_time\":%" PRId64,
                        first.open_ms, last.open_ms);
        mw_str_addf(out, ",\"digest\":\"%016" PRIx64 "\"}\n", digest);
        return;
    }
    char text[MW_TIME_TEXT_BYTES];
    mw_str_addf(out,
                "series   %s  %s %s  %" PRIu32 " bar%s, %" PRIu32 " closed, %" PRIu32 " hole%s",
                key->feed, key->symbol, mw_timeframe_format(key->timeframe, text), bars,
                mw_plural(bars), closed, holes, mw_plural(holes));
    if (bars > 0) {
        mw_str_addf(out, ", %s", mw_time_format(first.open_ms, text));
        mw_str_addf(out, " to %s", mw_time_format(last.open_ms, text));
    }
    mw_str_addf(out, ", digest %016" PRIx64 "\n", digest);
}

void mw_replay_report_gap(struct mw_str *out, const struct mw_series_key *key,
                          const struct mw_gap *gap, bool json)
{
    char text[MW_TIME_TEXT_BYTES];
    if (json) {
        mw_str_adds(out, "{\"kind\":\"hole\"");
        mw_json_add_key(out, key);
        mw_str_addf(out, ",\"from\":%" PRId64 ",\"to\":%" PRId64 "}\n", gap->from_ms, gap->to_ms);
        return;
    }
    mw_str_addf(out, "hole     %s  %s %s", key->feed, key->symbol,
                mw_timeframe_format(key->timeframe, text));
    mw_str_addf(out, "  %s", mw_time_format(gap->from_ms, text));
    mw_str_addf(out, " to %s\n", mw_time_format(gap->to_ms, text));
}

static void add_candle(struct mw_str *out, const struct mw_candle *candle)
{
    mw_str_addf(out, ",\"open_time\":%" PRId64, candle->open_ms);
    add_number(out, "open", candle->open);
    add_number(out, "high", candle->high);
    add_number(out, "low", candle->low);
    add_number(out, "close", candle->close);
    add_number(out, "volume", candle->volume);
    add_number(out, "turnover", candle->turnover);
    mw_str_addf(out, ",\"trades\":%" PRIu32 ",\"closed_by\":\"%s\",\"source\":\"%s\"",
                candle->trades, mw_candle_closed_by_text(candle->closed_by),
                mw_candle_source_text(candle->source));
}

void mw_replay_report_event(struct mw_str *out, const struct mw_event *event)
{
    mw_str_addf(out, "{\"kind\":\"%s\",\"time\":%" PRId64, mw_event_kind_text(event->kind),
                event->time_ms);
    mw_json_add_key(out, &event->key);
    if (event->kind == MW_EVENT_BAR || event->kind == MW_EVENT_REVISED)
        add_candle(out, &event->candle);
    else
        mw_str_addf(out, ",\"count\":%" PRIu64, event->count);
    if (event->kind == MW_EVENT_GAP || event->kind == MW_EVENT_BACKFILLED)
        mw_str_addf(out, ",\"from\":%" PRId64 ",\"to\":%" PRId64, event->from_ms, event->to_ms);
    mw_str_adds(out, "}\n");
}
