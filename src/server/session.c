/* session.c - requests carried out, candles framed. */
#include "server/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "server/mischief.h"
#include "server/wire.h"

enum {
    FRAMES_BYTES = 64 << 10, /* candles in one go; 250 of them, 5 ms at 50 MB/s */
    TICKS_AT_ONCE = 20000,   /* of made-up prices, about 1 ms: others wait meanwhile */
    REPLY_WAITING_MAX = 1 << 20,
    /* Replies, candles, and what a fault adds to them. */
    FRAMES_BYTES_MAX = MW_SESSION_PAD + MW_SIMULATOR_REPLY_BYTES_MAX + (4 << 20),
};

struct mw_session {
    struct mw_stage *stage;       /* borrows */
    const struct mw_venue *venue; /* borrows */
    size_t path;
    struct mw_playback *playback; /* owns */
    struct mw_mischief *mischief; /* owns; NULL when nothing goes wrong on purpose */
    int64_t position_ms;          /* time of the last event; where new series begin at speed 0 */
    uint32_t jumps;               /* of the stage's clock that were followed */
    struct mw_str replies;        /* framed */
    struct mw_str frames;         /* pad, replies, candles */
};

struct mw_session *mw_session_new(const struct mw_session_options *options)
{
    struct mw_session *session = mw_alloc_zero(sizeof(*session));
    session->stage = options->stage;
    session->venue = options->venue;
    session->path = options->path;
    session->playback = mw_playback_new(options->stage);
    session->position_ms = options->stage->start_ms;
    session->jumps = options->stage->jumps;
    session->replies = (struct mw_str)MW_STR_INIT(MW_SIMULATOR_REPLY_BYTES_MAX);
    session->frames = (struct mw_str)MW_STR_INIT(FRAMES_BYTES_MAX);
    if (options->saboteur != NULL)
        session->mischief = mw_mischief_new(options->saboteur, options->stage, options->venue,
                                            options->path, options->number);
    return session;
}

void mw_session_free(struct mw_session *session)
{
    if (session == NULL)
        return;
    mw_mischief_free(session->mischief);
    mw_str_deinit(&session->frames);
    mw_str_deinit(&session->replies);
    mw_playback_free(session->playback);
    mw_free(session);
}

static bool queue_reply(struct mw_session *session, const struct mw_str *reply)
{
    return session->replies.length <= REPLY_WAITING_MAX &&
           mw_wire_add(&session->replies, MW_WIRE_TEXT, reply->data, reply->length);
}

/* Where series that are followed from now on begin. */
static int64_t joining_ms(struct mw_session *session) MW_ON(mw_server_thread)
{
    mw_stage_run_clock(session->stage);
    return session->stage->speed > 0 ? mw_stage_now_ms(session->stage) : session->position_ms;
}

static int compare_topics(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mw_venue_topic));
}

/* What has to go when a subscription is replaced. */
struct leavers {
    const struct mw_venue_request *request; /* topics sorted */
    struct mw_venue_request gone;
};

static void collect_leaver(void *user, uint32_t symbol, uint32_t timeframe)
{
    struct leavers *leavers = user;
    const struct mw_venue_topic topic = {symbol, timeframe};
    if (leavers->request->topic_count == 0 ||
        bsearch(&topic, leavers->request->topics, leavers->request->topic_count, sizeof(topic),
                compare_topics) == NULL)
        mw_venue_request_add(&leavers->gone, symbol, timeframe);
}

static void remove_topics(struct mw_session *session, const struct mw_venue_request *request)
{
    for (size_t i = 0; i < request->topic_count; i++)
        mw_playback_remove(session->playback, request->topics[i].symbol,
                           request->topics[i].timeframe);
}

/* Series that stay keep their place: nothing of them is told twice or left out. */
static void remove_others(struct mw_session *session, struct mw_venue_request *request)
{
    struct leavers leavers = {.request = request};
    if (request->topic_count > 0)
        qsort(request->topics, request->topic_count, sizeof(*request->topics), compare_topics);
    mw_playback_each(session->playback, collect_leaver, &leavers);
    remove_topics(session, &leavers.gone);
    mw_venue_request_deinit(&leavers.gone);
}

static void carry_out(struct mw_session *session, struct mw_venue_request *request)
    MW_ON(mw_server_thread)
{
    if (request->verb == MW_VENUE_REMOVE)
        remove_topics(session, request);
    if (request->verb == MW_VENUE_REPLACE)
        remove_others(session, request);
    if (request->verb != MW_VENUE_ADD && request->verb != MW_VENUE_REPLACE)
        return;
    int64_t now_ms = joining_ms(session);
    for (size_t i = 0; i < request->topic_count; i++)
        mw_playback_add(session->playback, request->topics[i].symbol, request->topics[i].timeframe,
                        now_ms);
}

bool mw_session_receive(struct mw_session *session, const char *text, size_t length)
{
    struct mw_str reply = MW_STR_INIT(MW_SIMULATOR_REPLY_BYTES_MAX);
    struct mw_venue_request request;
    bool now = true;
    mw_venue_request_init(&request);
    if (session->venue->parse(session->stage, text, length, &request, &reply)) {
        carry_out(session, &request);
        if (session->mischief != NULL)
            now = mw_mischief_on_request(session->mischief, &request);
        session->venue->confirm(session->stage, &request, session->playback, &reply);
    }
    bool good = true;
    if (!now)
        mw_mischief_keep(session->mischief, &reply);
    else if (reply.length > 0)
        good = queue_reply(session, &reply);
    mw_venue_request_deinit(&request);
    mw_str_deinit(&reply);
    return good;
}

static void put_event(struct mw_session *session, const struct mw_playback_event *event)
    MW_ON(mw_server_thread)
{
    if (session->mischief != NULL) {
        mw_mischief_put(session->mischief, event, &session->frames);
        return;
    }
    char text[MW_VENUE_CANDLE_BYTES];
    size_t length = session->venue->format(session->stage, event, session->path, text);
    MW_CHECK(length <= sizeof(text) && mw_wire_add(&session->frames, MW_WIRE_TEXT, text, length));
}

/* Whether no candle may be made now, and for how long: 0 for the listener to see to what is
 * next. */
static bool is_held_up(const struct mw_session *session, int64_t *wait_ms) MW_ON(mw_server_thread)
{
    if (session->mischief == NULL)
        return false;
    *wait_ms = mw_mischief_pause_ms(session->mischief);
    return *wait_ms > 0 || mw_mischief_end(session->mischief) != NULL ||
           mw_mischief_jumps(session->mischief);
}

/* Goes where the clock has jumped to. What lies between is not told. */
static void follow_jumps(struct mw_session *session) MW_ON(mw_server_thread)
{
    int64_t jump_ms = session->mischief != NULL ? mw_mischief_take_jump(session->mischief) : 0;
    if (jump_ms != 0 && session->stage->speed <= 0) {
        session->position_ms = mw_stage_limit_ms(session->stage, session->position_ms + jump_ms);
        mw_playback_enter(session->playback, session->position_ms);
    } else if (jump_ms != 0) {
        mw_stage_jump(session->stage, jump_ms);
    }
    if (session->jumps != session->stage->jumps)
        mw_playback_enter(session->playback, mw_stage_now_ms(session->stage));
    session->jumps = session->stage->jumps;
}

/* Makes candles while they are due and fit. Tells what comes next. */
static void fill_candles(struct mw_session *session, int64_t *wait_ms) MW_ON(mw_server_thread)
{
    *wait_ms = -1;
    if (mw_playback_count(session->playback) == 0)
        return;
    follow_jumps(session);
    int64_t now_ms = mw_stage_now_ms(session->stage), budget = TICKS_AT_ONCE;
    size_t full = session->frames.length + FRAMES_BYTES - MW_VENUE_CANDLE_BYTES;
    mw_playback_step step = MW_PLAYBACK_EVENT;
    struct mw_playback_event event;
    while (session->frames.length < full && !is_held_up(session, wait_ms)) {
        step = mw_playback_next(session->playback, now_ms, &budget, &event);
        if (step != MW_PLAYBACK_EVENT)
            break;
        session->position_ms = event.time_ms;
        mw_stage_reach(session->stage, event.time_ms);
        put_event(session, &event);
    }
    if (is_held_up(session, wait_ms))
        return;
    int64_t due_ms = mw_playback_due_ms(session->playback);
    *wait_ms = 0;
    if (step == MW_PLAYBACK_LATER)
        *wait_ms = due_ms != INT64_MAX ? mw_stage_wait_ms(session->stage, due_ms) : -1;
}

size_t mw_session_fill(struct mw_session *session, char **bytes, int64_t *wait_ms)
{
    static const char pad[MW_SESSION_PAD];
    struct mw_str *frames = &session->frames;
    mw_str_clear(frames);
    MW_CHECK(mw_str_add(frames, pad, sizeof(pad)));
    if (session->replies.length > 0)
        MW_CHECK(mw_str_add(frames, session->replies.data, session->replies.length));
    mw_str_clear(&session->replies);
    if (session->mischief != NULL)
        mw_mischief_flush(session->mischief, frames);
    fill_candles(session, wait_ms);
    if (session->mischief != NULL) {
        int64_t notice_ms = mw_mischief_notice_ms(session->mischief);
        if (notice_ms >= 0 && (*wait_ms < 0 || notice_ms < *wait_ms))
            *wait_ms = notice_ms;
    }
    *bytes = frames->data + MW_SESSION_PAD;
    return frames->length - MW_SESSION_PAD;
}

const struct mw_sabotage *mw_session_end(const struct mw_session *session)
{
    return session->mischief != NULL ? mw_mischief_end(session->mischief) : NULL;
}
