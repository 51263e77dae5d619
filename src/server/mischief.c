/* mischief.c - each kind of fault that a session commits. */
#include "server/mischief.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "server/wire.h"

enum {
    HELD_MAX = 512, /* messages held back; a fault that would hold one more lets it go */
    TEXT_BYTES_MAX = 1024,
};

/* What a message that is held back waits for. */
enum release {
    AFTER_ANY,  /* the next message */
    AFTER_NEXT, /* one of the same series' next bar */
    AT_ONCE,
};

struct held {
    struct mw_playback_event event;
    enum release release;
};

/* A series of which nothing is sent. */
struct muted {
    struct mw_venue_topic topic;
    uint32_t bars; /* still to be left out; 0: until it is subscribed anew */
};

struct mw_mischief {
    struct mw_saboteur *saboteur; /* borrows */
    const struct mw_stage *stage; /* borrows */
    const struct mw_venue *venue; /* borrows */
    size_t path;
    uint64_t session;
    struct held *held; /* owns */
    size_t held_count;
    struct muted *muted; /* owns */
    size_t muted_count;
    struct mw_str kept;  /* a confirmation that comes late, */
    uint32_t kept_count; /* after so many candles */
    int64_t paused_until_ms;
    int64_t notice_ms; /* monotonic; 0 for none */
    int64_t jump_ms;
    bool ended;
    struct mw_sabotage end; /* when ended, or from the notice on */
};

struct mw_mischief *mw_mischief_new(struct mw_saboteur *saboteur, const struct mw_stage *stage,
                                    const struct mw_venue *venue, size_t path, uint64_t session)
{
    struct mw_mischief *mischief = mw_alloc_zero(sizeof(*mischief));
    mischief->saboteur = saboteur;
    mischief->stage = stage;
    mischief->venue = venue;
    mischief->path = path;
    mischief->session = session;
    mischief->kept = (struct mw_str)MW_STR_INIT(MW_SIMULATOR_REPLY_BYTES_MAX);
    mischief->held = mw_alloc_zero(HELD_MAX * sizeof(*mischief->held));
    return mischief;
}

void mw_mischief_free(struct mw_mischief *mischief)
{
    if (mischief == NULL)
        return;
    mw_str_deinit(&mischief->kept);
    mw_free(mischief->muted);
    mw_free(mischief->held);
    mw_free(mischief);
}

static bool same_topic(const struct mw_playback_event *event, struct mw_venue_topic topic)
{
    return event->symbol == topic.symbol && event->timeframe == topic.timeframe;
}

static size_t format(const struct mw_mischief *mischief, const struct mw_playback_event *event,
                     char *text)
{
    size_t length = mischief->venue->format(mischief->stage, event, mischief->path, text);
    MW_CHECK(length <= MW_VENUE_CANDLE_BYTES);
    return length;
}

static void send(const struct mw_mischief *mischief, const struct mw_playback_event *event,
                 struct mw_str *out)
{
    char text[MW_VENUE_CANDLE_BYTES];
    size_t length = format(mischief, event, text);
    MW_CHECK(mw_wire_add(out, MW_WIRE_TEXT, text, length));
}

/* Holding back. */

static bool hold(struct mw_mischief *mischief, const struct mw_playback_event *event,
                 enum release release)
{
    if (mischief->held_count == HELD_MAX)
        return false;
    mischief->held[mischief->held_count++] = (struct held){*event, release};
    return true;
}

static bool is_free(const struct held *held, const struct mw_playback_event *sent)
{
    const struct mw_venue_topic topic = {held->event.symbol, held->event.timeframe};
    if (held->release == AT_ONCE)
        return true;
    if (sent == NULL)
        return false;
    return held->release == AFTER_ANY ||
           (same_topic(sent, topic) && sent->candle.open_ms > held->event.candle.open_ms);
}

/* Sends what waited for `sent`, or for nothing (NULL). */
static void release(struct mw_mischief *mischief, const struct mw_playback_event *sent,
                    struct mw_str *out) MW_ON(mw_server_thread)
{
    size_t left = 0;
    for (size_t i = 0; i < mischief->held_count; i++) {
        struct held *held = &mischief->held[i];
        if (is_free(held, sent)) {
            send(mischief, &held->event, out);
            if (held->event.candle.state == MW_CANDLE_CLOSED)
                mw_saboteur_repay(mischief->saboteur, &held->event);
        } else {
            mischief->held[left++] = *held;
        }
    }
    mischief->held_count = left;
}

void mw_mischief_flush(struct mw_mischief *mischief, struct mw_str *out)
{
    release(mischief, NULL, out);
}

/* Leaving out. */

static void mute(struct mw_mischief *mischief, const struct mw_playback_event *event, uint32_t bars)
{
    mischief->muted =
        mw_realloc_array(mischief->muted, mischief->muted_count + 1, sizeof(*mischief->muted));
    mischief->muted[mischief->muted_count++] =
        (struct muted){{event->symbol, event->timeframe}, bars};
}

static void unmute(struct mw_mischief *mischief, size_t index)
{
    mischief->muted[index] = mischief->muted[--mischief->muted_count];
}

/* Counts the bar that ends. */
static bool is_muted(struct mw_mischief *mischief, const struct mw_playback_event *event)
{
    for (size_t i = 0; i < mischief->muted_count; i++) {
        struct muted *muted = &mischief->muted[i];
        if (!same_topic(event, muted->topic))
            continue;
        if (event->candle.state == MW_CANDLE_CLOSED && muted->bars > 0 && --muted->bars == 0)
            unmute(mischief, i);
        return true;
    }
    return false;
}

/* Spoiling. */

static void put_garbage(struct mw_mischief *mischief, struct mw_str *out) MW_ON(mw_server_thread)
{
    static const char *const texts[] = {
        "<html><body>Bad gateway</body></html>",
        "{\"type\":\"BAR\",\"symbol\":",
        "{]",
        "undefined",
        "",
        "\"\\ud800\"",
        "[1,2",
    };
    const char *text = texts[mw_saboteur_pick(mischief->saboteur) % MW_COUNT(texts)];
    MW_CHECK(mw_wire_add(out, MW_WIRE_TEXT, text, strlen(text)));
}

/* Sends the bar with other values, which are a candle too, and keeps the right ones for later. */
static void revise(struct mw_mischief *mischief, const struct mw_playback_event *event,
                   struct mw_str *out) MW_ON(mw_server_thread)
{
    if (mischief->held_count == HELD_MAX || !mw_saboteur_owe(mischief->saboteur, event)) {
        send(mischief, event, out);
        return;
    }
    struct mw_playback_event wrong = *event;
    wrong.candle.close = wrong.candle.open;
    wrong.candle.high = fmax(wrong.candle.high, wrong.candle.open) * 2;
    wrong.candle.volume = wrong.candle.volume * 3 + 1;
    send(mischief, &wrong, out);
    hold(mischief, event, AFTER_NEXT);
}

static void give_notice(struct mw_mischief *mischief, const struct mw_playback_event *event,
                        const struct mw_sabotage *sabotage, struct mw_str *out)
{
    char text[TEXT_BYTES_MAX];
    size_t length = mischief->venue->notice(mischief->path, event->time_ms, text);
    MW_CHECK(mw_wire_add(out, MW_WIRE_TEXT, text, length));
    mischief->end = *sabotage;
    mischief->notice_ms = mw_clock_monotonic_ms() + sabotage->duration_ms;
}

/* Does what it can to the message. Returns whether anything of it went out. */
static bool spoil(struct mw_mischief *mischief, const struct mw_playback_event *event,
                  const struct mw_sabotage *sabotage, struct mw_str *out) MW_ON(mw_server_thread)
{
    char text[MW_VENUE_CANDLE_BYTES];
    size_t length = format(mischief, event, text);
    switch (sabotage->kind) {
    case MW_SABOTAGE_TRUNCATED:
        MW_CHECK(mw_wire_add_half(out, text, length));
        mischief->end = *sabotage;
        mischief->ended = true;
        return false;
    case MW_SABOTAGE_FRAGMENTED:
        MW_CHECK(mw_wire_add_fragments(out, text, length, sabotage->count));
        return true;
    case MW_SABOTAGE_DUPLICATE:
        send(mischief, event, out);
        break;
    case MW_SABOTAGE_GARBAGE:
        put_garbage(mischief, out);
        break;
    case MW_SABOTAGE_BINARY:
        MW_CHECK(mw_wire_add(out, MW_WIRE_BINARY, "\x1f\x8b\x00\xff", 4));
        break;
    case MW_SABOTAGE_STALL:
        mischief->paused_until_ms = mw_clock_monotonic_ms() + sabotage->duration_ms;
        break;
    case MW_SABOTAGE_CLOCK_JUMP:
        mischief->jump_ms = sabotage->duration_ms;
        break;
    case MW_SABOTAGE_NOTICE:
        give_notice(mischief, event, sabotage, out);
        break;
    default:
        MW_CHECK(false);
    }
    send(mischief, event, out);
    return true;
}

/* Returns whether anything of the message went out. */
static bool commit(struct mw_mischief *mischief, const struct mw_playback_event *event,
                   const struct mw_sabotage *sabotage, struct mw_str *out) MW_ON(mw_server_thread)
{
    switch (sabotage->kind) {
    case MW_SABOTAGE_RESET:
    case MW_SABOTAGE_FIN:
    case MW_SABOTAGE_CLOSE:
    case MW_SABOTAGE_HALF_OPEN:
        mischief->end = *sabotage;
        mischief->ended = true;
        return false;
    case MW_SABOTAGE_SILENT_STREAM:
        mute(mischief, event, 0);
        return false;
    case MW_SABOTAGE_MISSING_UPDATES:
        mute(mischief, event, sabotage->count);
        is_muted(mischief, event); /* this may be the first that ends */
        return false;
    case MW_SABOTAGE_REORDER:
    case MW_SABOTAGE_LATE_CLOSE:
        if (hold(mischief, event, sabotage->kind == MW_SABOTAGE_REORDER ? AFTER_ANY : AFTER_NEXT))
            return false;
        send(mischief, event, out);
        return true;
    case MW_SABOTAGE_LOST_CLOSE:
        return false;
    case MW_SABOTAGE_REVISED:
        revise(mischief, event, out);
        return true;
    default:
        return spoil(mischief, event, sabotage, out);
    }
}

static const struct mw_sabotage *strike(struct mw_mischief *mischief,
                                        const struct mw_playback_event *event)
    MW_ON(mw_server_thread)
{
    const struct mw_occasion_facts facts = {
        .session = mischief->session,
        .symbol = mischief->stage->symbols[event->symbol].name,
        .timeframe = mischief->stage->timeframes[event->timeframe].text,
    };
    const struct mw_sabotage *sabotage = NULL;
    if (event->candle.state == MW_CANDLE_CLOSED)
        sabotage = mw_saboteur_strike(mischief->saboteur, MW_OCCASION_CLOSING, &facts);
    return sabotage != NULL ? sabotage
                            : mw_saboteur_strike(mischief->saboteur, MW_OCCASION_MESSAGE, &facts);
}

void mw_mischief_put(struct mw_mischief *mischief, const struct mw_playback_event *event,
                     struct mw_str *out)
{
    if (is_muted(mischief, event))
        return;
    size_t held_before = mischief->held_count;
    const struct mw_sabotage *sabotage = strike(mischief, event);
    bool sent = true;
    if (sabotage == NULL)
        send(mischief, event, out);
    else
        sent = commit(mischief, event, sabotage, out);
    if (!sent)
        return;
    if (held_before > 0)
        release(mischief, event, out);
    if (mischief->kept.length > 0 && mischief->kept_count-- <= 1) {
        MW_CHECK(mw_wire_add(out, MW_WIRE_TEXT, mischief->kept.data, mischief->kept.length));
        mw_str_clear(&mischief->kept);
    }
}

/* Requests. */

static void hold_owed(void *user, const struct mw_playback_event *event)
{
    hold(user, event, AT_ONCE);
}

static void renew(struct mw_mischief *mischief, struct mw_venue_topic topic) MW_ON(mw_server_thread)
{
    for (size_t i = mischief->muted_count; i > 0; i--)
        if (mischief->muted[i - 1].topic.symbol == topic.symbol &&
            mischief->muted[i - 1].topic.timeframe == topic.timeframe)
            unmute(mischief, i - 1);
    mw_saboteur_each_owed(mischief->saboteur, topic.symbol, topic.timeframe, hold_owed, mischief);
}

bool mw_mischief_on_request(struct mw_mischief *mischief, struct mw_venue_request *request)
{
    if ((request->verb != MW_VENUE_ADD && request->verb != MW_VENUE_REPLACE) ||
        request->topic_count == 0)
        return true;
    for (size_t i = 0; i < request->topic_count; i++)
        renew(mischief, request->topics[i]);
    const struct mw_occasion_facts facts = {.session = mischief->session};
    const struct mw_sabotage *sabotage =
        mw_saboteur_strike(mischief->saboteur, MW_OCCASION_CONFIRMATION, &facts);
    if (sabotage == NULL)
        return true;
    if (sabotage->kind == MW_SABOTAGE_LATE_CONFIRMATION) {
        mischief->kept_count = sabotage->count;
        return false;
    }
    mw_str_clear(&request->id);
    return mw_str_adds(&request->id, "987654321");
}

void mw_mischief_keep(struct mw_mischief *mischief, const struct mw_str *reply)
{
    mw_str_clear(&mischief->kept);
    MW_CHECK(mw_str_add(&mischief->kept, reply->data, reply->length));
}

/* What others carry out. */

int64_t mw_mischief_pause_ms(const struct mw_mischief *mischief)
{
    int64_t left_ms = mischief->paused_until_ms - mw_clock_monotonic_ms();
    return mischief->paused_until_ms != 0 && left_ms > 0 ? left_ms : 0;
}

bool mw_mischief_jumps(const struct mw_mischief *mischief)
{
    return mischief->jump_ms != 0;
}

int64_t mw_mischief_take_jump(struct mw_mischief *mischief)
{
    int64_t jump_ms = mischief->jump_ms;
    mischief->jump_ms = 0;
    return jump_ms;
}

const struct mw_sabotage *mw_mischief_end(const struct mw_mischief *mischief)
{
    return mischief->ended ? &mischief->end : NULL;
}

int64_t mw_mischief_notice_ms(struct mw_mischief *mischief)
{
    if (mischief->notice_ms == 0)
        return -1;
    int64_t left_ms = mischief->notice_ms - mw_clock_monotonic_ms();
    if (left_ms <= 0)
        mischief->ended = true;
    return left_ms > 0 ? left_ms : 0;
}
