/* engine_feed.c - feeds and their histories. */
#include "engine_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "feed/capture.h"
#include "net/url.h"

enum { ORIGIN_BYTES = MW_HOST_BYTES_MAX + 32 };

/* --- events ----------------------------------------------------------------------------------- */

void mw_engine_tell(struct mw_engine *engine, const struct mw_event *event)
{
    mw_engine_publish(engine, event);
    for (uint32_t i = 0; i < engine->worker_count; i++)
        mw_worker_post(engine->workers[i], event);
}

static struct mw_event event_of(const char *feed, mw_event_kind kind, const struct mw_error *err)
{
    struct mw_event event = {.kind = kind, .time_ms = mw_clock_wall_ms()};
    snprintf(event.feed, sizeof(event.feed), "%s", feed);
    if (err != NULL) {
        event.has_error = true;
        event.error = *err;
    }
    return event;
}

static void on_feed_event(void *user, const struct mw_feed_event *told)
{
    struct mw_event event =
        event_of(told->feed, told->is_state ? MW_EVENT_STATE : MW_EVENT_REFUSED, told->err);
    event.state = told->state;
    mw_engine_tell(user, &event);
}

static void on_history(void *user, const char *feed, const struct mw_error *err)
{
    struct mw_event event = event_of(feed, MW_EVENT_HISTORY, err);
    mw_engine_tell(user, &event);
}

/* A stream asks the history whether it misses anything, and is told. */

static void on_silence(void *user, struct mw_series *series)
{
    struct mw_engine *engine = user;
    mw_backfill_probe(engine->backfill, series);
}

static void on_probe(void *user, struct mw_series *series, bool missed)
{
    struct mw_feed *feed = mw_engine_find_feed(user, mw_series_key(series)->feed);
    if (feed != NULL)
        mw_feed_on_probe(feed, series, missed);
}

static void on_gap(void *user, struct mw_series *series)
{
    struct mw_engine *engine = user;
    mw_backfill_check(engine->backfill, series);
}

/* --- making them ------------------------------------------------------------------------------ */

/* "http://host:port" of a WebSocket URL. */
static mw_status http_origin(const char *endpoint, char origin[ORIGIN_BYTES], struct mw_error *err)
{
    struct mw_url url;
    mw_status status = mw_url_parse(endpoint, &url, err);
    if (status != MW_OK)
        return status;
    url.websocket = false;
    url.path[0] = '\0';
    mw_url_format_public(&url, origin, ORIGIN_BYTES);
    return MW_OK;
}

static bool same_host(const char *a, const char *b)
{
    struct mw_url left, right;
    return mw_url_parse(a, &left, NULL) == MW_OK && mw_url_parse(b, &right, NULL) == MW_OK &&
           strcmp(left.host, right.host) == 0;
}

/* Whether the feed's first endpoint is on a host that its protocol does not name: a test server, a
 * relay. What the venue itself has of the past is not the past of that. */
static bool is_elsewhere(const struct mw_feed_settings *feed, const struct mw_protocol *protocol)
{
    if (feed->endpoint_count == 0 || mw_feed_settings_simulates(feed))
        return false;
    for (uint32_t i = 0; i < protocol->endpoint_count; i++)
        if (same_host(feed->endpoints[0], protocol->endpoints[i]))
            return false;
    return true;
}

/* Tells the recording, if there is one, of the feed. Readers wait for holes only where somebody
 * fills them. */
static mw_status announce(struct mw_engine *engine, const struct mw_feed_settings *feed,
                          bool has_history, uint8_t *number, struct mw_error *err)
{
    *number = 0;
    if (engine->settings->capture == NULL)
        return MW_OK;
    /* A file is named so that it is found from anywhere. */
    char *path = strchr(feed->protocol, '/') != NULL ? realpath(feed->protocol, NULL) : NULL;
    const struct mw_capture_fields fields = {.bars = engine->settings->cache_bars,
                                             .gap_wait_ms = has_history ? feed->gap_wait_ms : 0,
                                             .name = feed->name,
                                             .protocol = path != NULL ? path : feed->protocol};
    mw_status status = mw_capture_add_feed(engine->settings->capture, &fields, number, err);
    free(path);
    return status;
}

/* Adds the history of a feed's venue, if it has one that is wanted. Whose it is: what the settings
 * say, or the protocol if the stream is its venue's, or else the host of the stream; for the
 * simulator in this process that one, as soon as it runs (mw_engine_point_feed). */
static mw_status open_history(struct mw_engine *engine, uint32_t index, bool *has_history,
                              uint8_t *number, struct mw_error *err)
{
    const struct mw_feed_settings *feed = &engine->settings->feeds[index];
    struct mw_protocol *protocol;
    mw_status status = mw_protocol_load(feed->protocol, &protocol, err);
    if (status != MW_OK)
        return mw_fail_within(err, status, "feed %s", feed->name);
    mw_engine_note_offer(engine, index, protocol);
    *has_history = feed->backfill && protocol->history.known;
    status = announce(engine, feed, *has_history, number, err);
    if (status != MW_OK || !*has_history) {
        mw_protocol_free(protocol);
        return status;
    }
    char origin[ORIGIN_BYTES];
    const char *base = feed->rest;
    bool simulates = mw_feed_settings_simulates(feed);
    bool own = feed->endpoint_count > 0 && !simulates;
    bool named = protocol->history.base != NULL && !is_elsewhere(feed, protocol);
    if (base == NULL && !named && (own || protocol->endpoint_count > 0)) {
        status = http_origin(own ? feed->endpoints[0] : protocol->endpoints[0], origin, err);
        base = origin;
    }
    if (status != MW_OK) {
        mw_protocol_free(protocol);
        return mw_fail_within(err, status, "feed %s", feed->name);
    }
    if (engine->backfill == NULL) {
        engine->backfill = mw_backfill_new(engine->cache);
        mw_cache_on_gap(engine->cache, on_gap, engine);
    }
    /* Who is content to be asked again soon is so here, too; the later attempts come sooner in the
     * same proportion, since the early ones are over sooner. */
    double base_s = (double)MW_BACKFILL_BASE_MS / MW_MS_PER_SECOND;
    if (engine->settings->reconnect.base_s < base_s)
        base_s = engine->settings->reconnect.base_s;
    const struct mw_backfill_source source = {
        .feed = feed->name,
        .protocol = protocol,
        .base = base,
        .ca_file = feed->ca_file,
        .market_type = feed->market_type,
        .gap_wait_ms = feed->gap_wait_ms,
        .base_s = base_s,
        .retry_s = base_s * MW_BACKFILL_RETRY_MS / MW_BACKFILL_BASE_MS,
        .on_probe = on_probe,
        .on_history = on_history,
        .tap = mw_capture_tap(engine->settings->capture, *number),
        .user = engine};
    status = mw_backfill_add(engine->backfill, &source, err);
    return status == MW_OK ? MW_OK : mw_fail_within(err, status, "feed %s: rest", feed->name);
}

mw_status mw_engine_open_feed(struct mw_engine *engine, uint32_t index, struct mw_error *err)
{
    const struct mw_feed_settings *feed = &engine->settings->feeds[index];
    bool has_history = false;
    uint8_t number = 0;
    mw_status status = open_history(engine, index, &has_history, &number, err);
    if (status != MW_OK)
        return status;
    const struct mw_connection_options options = {
        .name = feed->name,
        .endpoints = (const char *const *)feed->endpoints,
        .endpoint_count = mw_feed_settings_simulates(feed) ? 0 : feed->endpoint_count,
        .ca_file = feed->ca_file,
        .csrf_token = feed->csrf_token,
        .market_type = feed->market_type,
        .connect_ms = feed->connect_ms,
        .tls_ms = feed->tls_ms,
        .upgrade_ms = feed->upgrade_ms,
        .confirm_ms = feed->confirm_ms,
        .frame_bytes_max = feed->frame_bytes_max,
        .ping_ms = feed->ping_ms,
        .pong_ms = feed->pong_ms,
        .stall_ms = feed->stall_ms,
        .grace_ms = feed->grace_ms,
        .reconnect = engine->settings->reconnect,
        .capture = engine->settings->capture,
        .capture_feed = number,
        .probe = has_history ? on_silence : NULL,
        .cache = engine->cache,
        .on_event = on_feed_event,
        .user = engine};
    status = mw_feed_new(&options, feed->protocol, &engine->feeds[index], err);
    for (uint32_t i = 0; i < feed->symbol_count && status == MW_OK; i++) {
        for (uint32_t j = 0; j < feed->timeframe_count && status == MW_OK; j++) {
            struct mw_series *series;
            status = mw_engine_add_series(engine, feed->name, feed->symbols[i], feed->timeframes[j],
                                          &series, err);
        }
    }
    return status;
}

mw_status mw_engine_point_feed(struct mw_engine *engine, uint32_t index, const char *url,
                               struct mw_error *err)
{
    const char *feed = engine->settings->feeds[index].name;
    mw_status status = mw_feed_set_endpoints(engine->feeds[index], &url, 1, err);
    char origin[ORIGIN_BYTES];
    if (status == MW_OK && engine->backfill != NULL)
        status = http_origin(url, origin, err);
    if (status != MW_OK || engine->backfill == NULL)
        return status;
    status = mw_backfill_set_base(engine->backfill, feed, origin, err);
    return status == MW_EINVAL ? MW_OK : status; /* that feed has no history */
}

/* --- looking them up ------------------------------------------------------------------------- */

struct mw_feed *mw_engine_find_feed(const struct mw_engine *engine, const char *name)
{
    for (uint32_t i = 0; i < engine->settings->feed_count; i++)
        if (strcmp(mw_feed_name(engine->feeds[i]), name) == 0)
            return engine->feeds[i];
    return NULL;
}

mw_status mw_engine_reconnect(struct mw_engine *engine, const char *feed, struct mw_error *err)
{
    struct mw_feed *named = feed != NULL ? mw_engine_find_feed(engine, feed) : NULL;
    if (feed != NULL && named == NULL)
        return mw_fail(err, MW_EINVAL, "there is no feed '%s'", feed);
    if (!engine->running)
        return mw_fail(err, MW_EINVAL, "the engine is not started");
    if (named != NULL)
        return mw_feed_reconnect(named, err);
    mw_status status = MW_OK;
    for (uint32_t i = 0; i < engine->settings->feed_count && status == MW_OK; i++)
        status = mw_feed_reconnect(engine->feeds[i], err);
    return status;
}

bool mw_engine_get_history_status(struct mw_engine *engine, const char *feed,
                                  struct mw_backfill_status *status)
{
    *status = (struct mw_backfill_status){.has_history = false};
    if (engine->backfill != NULL)
        mw_backfill_get_status(engine->backfill, feed, status);
    return status->has_history;
}
