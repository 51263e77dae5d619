/* settings_feed.c - the keys of a feed and of its simulator, and what holds between them. */
#include "script/settings_feed.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/map.h"
#include "base/str.h"
#include "market/candle.h"

static const char simulator_endpoint[] = "simulator";

static bool ends_with(const char *text, const char *end)
{
    size_t text_length = strlen(text), end_length = strlen(end);
    return text_length >= end_length && strcmp(text + text_length - end_length, end) == 0;
}

char *mw_path_stem(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    size_t length = strlen(base);
    if (length > 4 && ends_with(base, ".lua"))
        length -= 4;
    return mw_strndup(base, length);
}

static mw_status read_name(struct mw_reader *reader, const struct mw_key *key, void *target,
                           struct mw_error *err)
{
    struct mw_feed_settings *feed = target;
    const char *text = NULL;
    mw_status status = mw_reader_text(reader, key->least, key->most, &text, err);
    if (status != MW_OK)
        return status;
    if (!mw_name_is_valid(text, MW_FEED_NAME_BYTES_MAX))
        return mw_reader_refuse(reader, err, "want letters, digits, '_', '-' and '.'");
    memcpy(feed->name, text, strlen(text) + 1);
    return MW_OK;
}

static mw_status read_protocol(struct mw_reader *reader, const struct mw_key *key, void *target,
                               struct mw_error *err)
{
    struct mw_feed_settings *feed = target;
    const char *text = NULL;
    mw_status status = mw_reader_text(reader, key->least, key->most, &text, err);
    if (status != MW_OK)
        return status;
    bool file = ends_with(text, ".lua");
    if (!file && !mw_name_is_valid(text, MW_FEED_NAME_BYTES_MAX))
        return mw_reader_refuse(reader, err,
                                "want the name of a shipped protocol or the path of a .lua file");
    mw_free(feed->protocol);
    feed->protocol = file ? mw_reader_resolve(reader, text) : mw_strdup(text);
    return MW_OK;
}

/* The list that is being read into a feed. */
struct list {
    struct mw_feed_settings *feed;
    uint32_t count;     /* entries of it in all */
    struct mw_map seen; /* symbols so far, to their place in the feed */
};

/* Checks one URL; the simulator must be the only one. */
static mw_status add_endpoint(struct mw_reader *reader, void *user, struct mw_error *err)
{
    const struct list *list = user;
    struct mw_feed_settings *feed = list->feed;
    const char *text = NULL;
    mw_status status = mw_reader_text(reader, 1, MW_URL_BYTES_MAX, &text, err);
    if (status != MW_OK)
        return status;
    bool simulator = strcmp(text, simulator_endpoint) == 0;
    if (simulator && list->count > 1)
        return mw_reader_refuse(reader, err, "want it to be the only endpoint");
    if (!simulator && strncmp(text, "ws://", 5) != 0 && strncmp(text, "wss://", 6) != 0)
        return mw_reader_refuse(reader, err, "want ws://..., wss://... or \"%s\"",
                                simulator_endpoint);
    feed->endpoints[feed->endpoint_count++] = mw_strdup(text);
    return MW_OK;
}

static mw_status read_endpoint(struct mw_reader *reader, const struct mw_key *key, void *target,
                               struct mw_error *err)
{
    (void)key;
    struct mw_feed_settings *feed = target;
    mw_texts_free(&feed->endpoints, &feed->endpoint_count);
    feed->endpoints = mw_alloc_zero(sizeof(*feed->endpoints));
    struct list list = {.feed = feed, .count = 1};
    return add_endpoint(reader, &list, err);
}

static mw_status read_endpoints(struct mw_reader *reader, const struct mw_key *key, void *target,
                                struct mw_error *err)
{
    struct mw_feed_settings *feed = target;
    uint32_t count = 0;
    mw_status status = mw_reader_count(reader, key->least, key->most, &count, err);
    if (status != MW_OK)
        return status;
    mw_texts_free(&feed->endpoints, &feed->endpoint_count);
    feed->endpoints = mw_alloc_zero(count * sizeof(*feed->endpoints));
    struct list list = {.feed = feed, .count = count};
    return mw_reader_each(reader, count, add_endpoint, &list, err);
}

/* Adds the symbol on top. */
static mw_status add_symbol(struct mw_reader *reader, void *user, struct mw_error *err)
{
    struct list *list = user;
    struct mw_feed_settings *feed = list->feed;
    const char *text = NULL;
    mw_status status = mw_reader_text(reader, 1, MW_SYMBOL_BYTES_MAX, &text, err);
    if (status != MW_OK)
        return status;
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return mw_reader_refuse(reader, err, "want printable ASCII without blanks");
    char **before = mw_map_find(&list->seen, text, length);
    if (before != NULL)
        return mw_reader_refuse(reader, err, "want no symbol twice, [%d] is the same",
                                (int)(before - feed->symbols) + 1);
    char **place = &feed->symbols[feed->symbol_count++];
    *place = mw_strdup(text);
    mw_map_set(&list->seen, text, length, place);
    return MW_OK;
}

static mw_status read_symbols(struct mw_reader *reader, const struct mw_key *key, void *target,
                              struct mw_error *err)
{
    struct mw_feed_settings *feed = target;
    uint32_t count = 0;
    mw_status status = mw_reader_count(reader, key->least, key->most, &count, err);
    if (status != MW_OK)
        return status;
    struct list list = {.feed = feed, .count = count};
    mw_texts_free(&feed->symbols, &feed->symbol_count);
    feed->symbols = mw_alloc_zero(count * sizeof(*feed->symbols));
    status = mw_reader_each(reader, count, add_symbol, &list, err);
    mw_map_deinit(&list.seen);
    return status;
}

static mw_status add_timeframe(struct mw_reader *reader, void *user, struct mw_error *err)
{
    struct mw_feed_settings *feed = user;
    const char *text = NULL;
    struct mw_timeframe timeframe;
    mw_status status = mw_reader_text(reader, 1, MW_TIMEFRAME_BYTES_MAX - 1, &text, err);
    if (status != MW_OK)
        return status;
    if (mw_timeframe_parse(text, &timeframe, NULL) != MW_OK)
        return mw_reader_refuse(reader, err,
                                "want a whole count and one of s m h d w M, like 1m, 90m or 1d");
    for (uint32_t i = 0; i < feed->timeframe_count; i++)
        if (mw_timeframe_equal(feed->timeframes[i], timeframe))
            return mw_reader_refuse(reader, err, "want no timeframe twice, [%u] is the same",
                                    i + 1);
    feed->timeframes[feed->timeframe_count++] = timeframe;
    return MW_OK;
}

static mw_status read_timeframes(struct mw_reader *reader, const struct mw_key *key, void *target,
                                 struct mw_error *err)
{
    struct mw_feed_settings *feed = target;
    uint32_t count = 0;
    mw_status status = mw_reader_count(reader, key->least, key->most, &count, err);
    if (status != MW_OK)
        return status;
    mw_free(feed->timeframes);
    feed->timeframes = mw_alloc_zero(count * sizeof(*feed->timeframes));
    feed->timeframe_count = 0;
    return mw_reader_each(reader, count, add_timeframe, feed, err);
}

/* A number, "60x", or "max". */
static mw_status read_speed(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    struct mw_simulator_settings *simulator = target;
    double speed = (double)NAN;
    if (lua_type(reader->L, -1) == LUA_TNUMBER) {
        speed = lua_tonumber(reader->L, -1);
    } else if (lua_type(reader->L, -1) == LUA_TSTRING) {
        size_t length;
        const char *text = lua_tolstring(reader->L, -1, &length);
        if (strcmp(text, "max") == 0) {
            simulator->speed = 0;
            return MW_OK;
        }
        if (length < 2 || text[length - 1] != 'x' || !mw_decimal_parse(text, length - 1, &speed))
            speed = (double)NAN;
    }
    if (!(speed >= key->least && speed <= key->most))
        return mw_reader_refuse(reader, err,
                                "want a number from %g to %.0f, the same as \"60x\", or \"max\"",
                                key->least, key->most);
    simulator->speed = speed;
    return MW_OK;
}

/* Milliseconds or ISO 8601. */
static mw_status read_start(struct mw_reader *reader, const struct mw_key *key, void *target,
                            struct mw_error *err)
{
    struct mw_simulator_settings *simulator = target;
    int64_t start_ms = 0;
    if (lua_type(reader->L, -1) == LUA_TNUMBER)
        start_ms = lua_tointeger(reader->L, -1); /* 0 for a fraction */
    else if (lua_type(reader->L, -1) == LUA_TSTRING &&
             mw_time_parse(lua_tostring(reader->L, -1), &start_ms, NULL) != MW_OK)
        start_ms = 0;
    if ((double)start_ms < key->least || (double)start_ms > key->most)
        return mw_reader_refuse(reader, err,
                                "want milliseconds since 1970 or a time like "
                                "\"2026-11-22T18:15:00Z\"");
    simulator->start_ms = start_ms;
    return MW_OK;
}

#define SIMULATOR(field) offsetof(struct mw_simulator_settings, field)
#define FEED(field)      offsetof(struct mw_feed_settings, field)

static const struct mw_key simulator_keys[] = {
    {"seed", mw_setting_uint64, SIMULATOR(seed), 0, 9007199254740992.0, NULL, MW_SHOW_VALUE},
    {"speed", read_speed, 0, 0.001, MW_SIMULATOR_SPEED_MAX, NULL, MW_SHOW_VALUE},
    {"start", read_start, 0, 1, (double)MW_CANDLE_OPEN_MS_MAX, NULL, MW_SHOW_VALUE},
    {"replay", mw_setting_path, SIMULATOR(replay_file), 0, 0, NULL, MW_SHOW_VALUE},
    {"faults", mw_setting_path, SIMULATOR(faults_file), 0, 0, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

static const struct mw_key timeout_keys[] = {
    {"connect", mw_setting_ms, FEED(connect_ms), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"tls", mw_setting_ms, FEED(tls_ms), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"upgrade", mw_setting_ms, FEED(upgrade_ms), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"confirm", mw_setting_ms, FEED(confirm_ms), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

static const struct mw_key liveness_keys[] = {
    {"ping", mw_setting_ms, FEED(ping_ms), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"pong", mw_setting_ms, FEED(pong_ms), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"stall", mw_setting_ms, FEED(stall_ms), 1, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    MW_KEYS_END,
};

static const struct mw_key feed_keys[] = {
    {"name", read_name, 0, 1, MW_FEED_NAME_BYTES_MAX, NULL, MW_SHOW_VALUE},
    {"protocol", read_protocol, 0, 1, MW_PATH_BYTES_MAX, NULL, MW_SHOW_VALUE},
    {"endpoint", read_endpoint, 0, 0, 0, NULL, MW_SHOW_URL},
    {"endpoints", read_endpoints, 0, 1, MW_FEED_ENDPOINTS_MAX, NULL, MW_SHOW_URL},
    {"symbols", read_symbols, 0, 0, MW_FEED_SYMBOLS_MAX, NULL, MW_SHOW_VALUE},
    {"timeframes", read_timeframes, 0, 1, MW_FEED_TIMEFRAMES_MAX, NULL, MW_SHOW_VALUE},
    {"ca_file", mw_setting_path, FEED(ca_file), 0, 0, NULL, MW_SHOW_VALUE},
    {"csrf_token", mw_setting_text, FEED(csrf_token), 1, MW_TOKEN_BYTES_MAX, NULL, MW_SHOW_NOTHING},
    {"market_type", mw_setting_text, FEED(market_type), 1, MW_MARKET_TYPE_BYTES_MAX, NULL,
     MW_SHOW_VALUE},
    {"timeouts", mw_setting_table, 0, 0, 0, timeout_keys, MW_SHOW_VALUE},
    {"frame_bytes_max", mw_setting_size, FEED(frame_bytes_max), MW_FRAME_BYTES_MIN,
     MW_FRAME_BYTES_MAX, NULL, MW_SHOW_VALUE},
    {"liveness", mw_setting_table, 0, 0, 0, liveness_keys, MW_SHOW_VALUE},
    {"grace", mw_setting_ms, FEED(grace_ms), 0, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"gap_wait", mw_setting_ms, FEED(gap_wait_ms), 0, MW_PHASE_MS_MAX, NULL, MW_SHOW_VALUE},
    {"backfill", mw_setting_bool, FEED(backfill), 0, 0, NULL, MW_SHOW_VALUE},
    {"rest", mw_setting_text, FEED(rest), 1, MW_URL_BYTES_MAX, NULL, MW_SHOW_URL},
    {"store", mw_setting_bool, FEED(store), 0, 0, NULL, MW_SHOW_VALUE},
    {"simulator", mw_setting_table, FEED(simulator), 0, 0, simulator_keys, MW_SHOW_VALUE},
    MW_KEYS_END,
};

void mw_feed_settings_init(struct mw_feed_settings *feed)
{
    *feed = (struct mw_feed_settings){
        .connect_ms = MW_PHASE_MS_DEFAULT,
        .tls_ms = MW_PHASE_MS_DEFAULT,
        .upgrade_ms = MW_PHASE_MS_DEFAULT,
        .confirm_ms = MW_PHASE_MS_DEFAULT,
        .frame_bytes_max = MW_FRAME_BYTES_DEFAULT,
        .ping_ms = MW_PING_MS_DEFAULT,
        .pong_ms = MW_PONG_MS_DEFAULT,
        .stall_ms = MW_STALL_MS_DEFAULT,
        .grace_ms = MW_GRACE_MS_DEFAULT,
        .gap_wait_ms = MW_GAP_WAIT_MS_DEFAULT,
        .backfill = true,
        .simulator = {.seed = 1, .speed = 1},
        .timeframes = mw_alloc_zero(sizeof(*feed->timeframes)),
        .timeframe_count = 1,
    };
    feed->timeframes[0] = (struct mw_timeframe){.count = 1, .unit = 'm'};
}

void mw_feed_settings_deinit(struct mw_feed_settings *feed)
{
    mw_free(feed->protocol);
    mw_texts_free(&feed->endpoints, &feed->endpoint_count);
    mw_texts_free(&feed->symbols, &feed->symbol_count);
    mw_free(feed->timeframes);
    mw_free(feed->ca_file);
    mw_free(feed->csrf_token);
    mw_free(feed->market_type);
    mw_free(feed->simulator.replay_file);
    mw_free(feed->simulator.faults_file);
    mw_free(feed->rest);
}

mw_status mw_feed_settings_read(struct mw_reader *reader, const char *name,
                                struct mw_feed_settings *feed, struct mw_error *err)
{
    const struct mw_key *key = feed_keys;
    while (strcmp(key->name, name) != 0)
        key++;
    reader->show = key->show;
    mw_status status = key->read(reader, key, feed, err);
    reader->show = MW_SHOW_VALUE;
    return status;
}

bool mw_feed_settings_simulates(const struct mw_feed_settings *feed)
{
    return feed->endpoint_count == 1 && strcmp(feed->endpoints[0], simulator_endpoint) == 0;
}

bool mw_feed_settings_has_own_time(const struct mw_feed_settings *feed)
{
    const struct mw_simulator_settings *simulator = &feed->simulator;
    bool real = simulator->speed > 0 && simulator->speed <= 1 && simulator->start_ms == 0 &&
                simulator->replay_file == NULL;
    return mw_feed_settings_simulates(feed) && !real;
}

bool mw_feed_settings_stores(const struct mw_feed_settings *feed)
{
    return feed->store_given ? feed->store : !mw_feed_settings_has_own_time(feed);
}

/* Takes the protocol's name for a feed that has none. */
static mw_status default_name(struct mw_reader *reader, struct mw_feed_settings *feed,
                              struct mw_error *err)
{
    char *stem = mw_path_stem(feed->protocol);
    mw_status status = MW_OK;
    if (mw_name_is_valid(stem, MW_FEED_NAME_BYTES_MAX))
        memcpy(feed->name, stem, strlen(stem) + 1);
    else
        status =
            mw_reader_fail(reader, err, "want a name, the protocol's '%.40s' cannot be one", stem);
    mw_free(stem);
    return status;
}

/* Reads the feed on top. */
static mw_status read_feed(struct mw_reader *reader, void *user, struct mw_error *err)
{
    struct mw_settings *settings = user;
    struct mw_feed_settings *feed = &settings->feeds[settings->feed_count++];
    mw_feed_settings_init(feed);
    mw_status status = mw_reader_keys(reader, feed_keys, feed, err);
    if (status != MW_OK)
        return status;
    if (feed->protocol == NULL)
        return mw_reader_fail(reader, err, "want a protocol");
    feed->store_given = mw_reader_has(reader, "store");
    if (mw_reader_has(reader, "endpoint") && mw_reader_has(reader, "endpoints"))
        return mw_reader_fail(reader, err, "want endpoint or endpoints, not both");
    if (mw_reader_has(reader, "simulator") && !mw_feed_settings_simulates(feed))
        return mw_reader_fail(reader, err, "simulator is only for endpoint = \"%s\"",
                              simulator_endpoint);
    if (feed->name[0] == '\0' && (status = default_name(reader, feed, err)) != MW_OK)
        return status;
    for (struct mw_feed_settings *other = settings->feeds; other < feed; other++)
        if (strcmp(other->name, feed->name) == 0)
            return mw_reader_fail(reader, err, "want another name, feeds[%d] is \"%s\" already",
                                  (int)(other - settings->feeds) + 1, feed->name);
    return MW_OK;
}

mw_status mw_setting_feeds(struct mw_reader *reader, const struct mw_key *key, void *target,
                           struct mw_error *err)
{
    struct mw_settings *settings = target;
    uint32_t count = 0;
    mw_status status = mw_reader_count(reader, key->least, key->most, &count, err);
    if (status != MW_OK)
        return status;
    settings->feeds = mw_alloc_zero(count * sizeof(*settings->feeds));
    return mw_reader_each(reader, count, read_feed, settings, err);
}
