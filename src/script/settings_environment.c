/* settings_environment.c - environment variables over the first feed.
 *
 * A variable becomes the Lua value that the configuration would have, and the feed's own reader of
 * that key takes it. So both are held to the same rules; only the place in a message differs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "script/call.h"
#include "script/settings_feed.h"

static const char default_protocol[] = "wealthdata";

struct variable {
    const char *name, *key;
    bool list; /* separated by commas */
};

static const struct variable variables[] = {
    {"WEBSOCKET_ENDPOINT", "endpoint", false},       {"WEBSOCKET_CSRF_TOKEN", "csrf_token", false},
    {"WEBSOCKET_MARKET_TYPE", "market_type", false}, {"WEBSOCKET_SYMBOLS", "symbols", true},
    {"WEBSOCKET_RESOLUTIONS", "timeframes", true},
};

/* Empty is as good as not set. */
static const char *find_variable(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static int push_text(lua_State *L, void *user)
{
    lua_pushstring(L, user);
    return 1;
}

/* Pushes a list of what is between the commas, without the blanks around it. */
static int push_list(lua_State *L, void *user)
{
    static const char blanks[] = " \t";
    const char *at = user;
    lua_newtable(L);
    for (lua_Integer i = 1;; i++) {
        size_t length = strcspn(at, ","), first = strspn(at, blanks), end = length;
        while (end > first && strchr(blanks, at[end - 1]) != NULL)
            end--;
        lua_pushlstring(L, at + first, end > first ? end - first : 0);
        lua_rawseti(L, -2, i);
        if (at[length] == '\0')
            return 1;
        at += length + 1;
    }
}

static mw_status read_variable(struct mw_settings *settings, const struct variable *variable,
                               struct mw_error *err)
{
    const char *text = find_variable(variable->name);
    if (text == NULL)
        return MW_OK;
    lua_State *L = settings->L;
    struct mw_reader reader;
    mw_reader_init(&reader, L, L, settings->folder, variable->name);
    char *copy = mw_strdup(text); /* protected calls do not raise past it */
    mw_status status =
        mw_call_protected(L, variable->list ? push_list : push_text, copy, MW_ECONFIG, err);
    mw_free(copy);
    if (status != MW_OK)
        return mw_fail_within(err, status, "%s", variable->name);
    if (lua_checkstack(L, MW_READER_SLOTS))
        status = mw_feed_settings_read(&reader, variable->key, &settings->feeds[0], err);
    else
        status = mw_fail(err, MW_ECONFIG, "%s: not enough memory", variable->name);
    lua_pop(L, 1);
    return status;
}

/* Makes the first feed, from an endpoint in the environment alone. */
static void add_feed(struct mw_settings *settings)
{
    mw_free(settings->feeds);
    settings->feeds = mw_alloc_zero(sizeof(*settings->feeds));
    settings->feed_count = 1;
    mw_feed_settings_init(&settings->feeds[0]);
    settings->feeds[0].protocol = mw_strdup(default_protocol);
    memcpy(settings->feeds[0].name, default_protocol, sizeof(default_protocol));
}

/* What a simulator was told means nothing to another endpoint. */
static void drop_simulator(struct mw_feed_settings *feed)
{
    struct mw_feed_settings fresh;
    mw_feed_settings_init(&fresh);
    mw_free(feed->simulator.replay_file);
    feed->simulator = fresh.simulator;
    mw_feed_settings_deinit(&fresh);
}

mw_status mw_settings_read_environment(struct mw_settings *settings, struct mw_error *err)
{
    if (settings->feed_count == 0) {
        if (find_variable("WEBSOCKET_ENDPOINT") == NULL)
            return MW_OK;
        add_feed(settings);
    }
    for (size_t i = 0; i < MW_COUNT(variables); i++) {
        mw_status status = read_variable(settings, &variables[i], err);
        if (status != MW_OK)
            return status;
    }
    if (!mw_feed_settings_simulates(&settings->feeds[0]))
        drop_simulator(&settings->feeds[0]);
    return MW_OK;
}
