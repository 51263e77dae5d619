/* session.c - requests carried out, candles framed. */
#include "server/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
    FRAMES_BYTES = 64 << 10, /* candles in one go; 250 of them, 5 ms at 50 MB/s */
    TICKS_AT_ONCE = 20000,   /* of made-up prices, about 1 ms: others wait meanwhile */
    FRAME_HEADER_BYTES = 10, /* the longest; servers do not mask */
    FRAME_TEXT = 0x81,       /* a text message in one frame: RFC 6455, section 5.2 */
    LENGTH_16 = 126,         /* the length follows in two bytes */
    LENGTH_64 = 127,         /* or in eight */
    REPLY_WAITING_MAX = 1 << 20,
};

struct mw_session {
    struct mw_stage *stage;       /* borrows */
    const struct mw_venue *venue; /* borrows */
    size_t path;
    struct mw_playback *playback; /* owns */
    int64_t position_ms;          /* time of the last event; where new series begin at speed 0 */
    struct mw_str replies;        /* framed */
    char *frames;                 /* owns: pad, replies, candles */
    size_t frames_capacity;
};

struct mw_session *mw_session_new(struct mw_stage *stage, const struct mw_venue *venue, size_t path)
{
    struct mw_session *session = mw_alloc_zero(sizeof(*session));
    session->stage = stage;
    session->venue = venue;
    session->path = path;
    session->playback = mw_playback_new(stage);
    session->position_ms = stage->start_ms;
    session->replies = (struct mw_str)MW_STR_INIT(MW_SIMULATOR_REPLY_BYTES_MAX);
    return session;
}

void mw_session_free(struct mw_session *session)
{
    if (session == NULL)
        return;
    mw_free(session->frames);
    mw_str_deinit(&session->replies);
    mw_playback_free(session->playback);
    mw_free(session);
}

/* Writes the header of a text frame. Returns its length. */
static size_t put_header(char *at, size_t length)
{
    at[0] = (char)FRAME_TEXT;
    if (length < LENGTH_16) {
        at[1] = (char)length;
        return 2;
    }
    size_t size = length <= UINT16_MAX ? 2 : 8;
    at[1] = size == 2 ? LENGTH_16 : LENGTH_64;
    for (size_t i = 0; i < size; i++)
        at[2 + i] = (char)(length >> (8 * (size - 1 - i)) & 0xff);
    return 2 + size;
}

static bool queue_reply(struct mw_session *session, const struct mw_str *reply)
{
    char header[FRAME_HEADER_BYTES];
    return session->replies.length <= REPLY_WAITING_MAX &&
           mw_str_add(&session->replies, header, put_header(header, reply->length)) &&
           mw_str_add(&session->replies, reply->data, reply->length);
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
    mw_venue_request_init(&request);
    if (session->venue->parse(session->stage, text, length, &request, &reply)) {
        carry_out(session, &request);
        session->venue->confirm(session->stage, &request, session->playback, &reply);
    }
    bool queued = reply.length == 0 || queue_reply(session, &reply);
    mw_venue_request_deinit(&request);
    mw_str_deinit(&reply);
    return queued;
}

static char *put_event(const struct mw_session *session, const struct mw_playback_event *event,
                       char *at)
{
    char text[MW_VENUE_CANDLE_BYTES];
    size_t length = session->venue->format(session->stage, event, session->path, text);
    MW_CHECK(length <= sizeof(text));
    at += put_header(at, length);
    memcpy(at, text, length);
    return at + length;
}

/* Makes candles from `at` on while they are due and fit. Returns the end, and what comes next. */
static char *fill_candles(struct mw_session *session, char *at, int64_t *wait_ms)
    MW_ON(mw_server_thread)
{
    if (mw_playback_count(session->playback) == 0) {
        *wait_ms = -1;
        return at;
    }
    int64_t now_ms = mw_stage_now_ms(session->stage), budget = TICKS_AT_ONCE;
    const char *full = at + FRAMES_BYTES - FRAME_HEADER_BYTES - MW_VENUE_CANDLE_BYTES;
    mw_playback_step step = MW_PLAYBACK_EVENT;
    struct mw_playback_event event;
    while (at < full && (step = mw_playback_next(session->playback, now_ms, &budget, &event)) ==
                            MW_PLAYBACK_EVENT) {
        session->position_ms = event.time_ms;
        mw_stage_reach(session->stage, event.time_ms);
        at = put_event(session, &event, at);
    }
    int64_t due_ms = mw_playback_due_ms(session->playback);
    *wait_ms = 0;
    if (step == MW_PLAYBACK_LATER)
        *wait_ms = due_ms != INT64_MAX ? mw_stage_wait_ms(session->stage, due_ms) : -1;
    return at;
}

size_t mw_session_fill(struct mw_session *session, char **bytes, int64_t *wait_ms)
{
    size_t capacity = MW_SESSION_PAD + session->replies.length + FRAMES_BYTES;
    if (session->frames_capacity < capacity) {
        session->frames = mw_realloc_array(session->frames, capacity, 1);
        session->frames_capacity = capacity;
    }
    char *start = session->frames + MW_SESSION_PAD, *at = start;
    if (session->replies.length > 0) {
        memcpy(at, session->replies.data, session->replies.length);
        at += session->replies.length;
        mw_str_clear(&session->replies);
    }
    at = fill_candles(session, at, wait_ms);
    *bytes = start;
    return (size_t)(at - start);
}
