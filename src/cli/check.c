/* check.c - `moonwick check`: what a configuration would do, without doing it. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "bind/bind_moonwick.h"
#include "cli/cli.h"
#include "engine.h"
#include "feed/protocol.h"
#include "net/url.h"
#include "script/vm.h"

struct check_options {
    const char *config;
};

static const struct mw_option check_option_list[] = {
    {NULL, "CONFIG", "the configuration (default config.lua)", mw_option_read_text,
     offsetof(struct check_options, config)},
};

static const char *const check_examples[] = {
    "moonwick check",
    "moonwick check demo.lua && moonwick run demo.lua",
    NULL,
};

static const struct mw_option_set check_option_set = {
    .name = "check",
    .summary = "Check a configuration and show what it would subscribe to, without connecting",
    .options = check_option_list,
    .option_count = MW_COUNT(check_option_list),
    .examples = check_examples,
};

/* A URL without its query; "simulator" as it is. */
static void print_endpoint(const char *endpoint)
{
    struct mw_url url;
    char text[MW_URL_BYTES_MAX + 1];
    bool is_url = mw_url_parse(endpoint, &url, NULL) == MW_OK;
    printf("  endpoint    %s\n",
           is_url ? mw_url_format_public(&url, text, sizeof(text)) : endpoint);
}

static void print_simulator(const struct mw_simulator_settings *simulator)
{
    char speed[MW_DECIMAL_TEXT_BYTES];
    printf("  simulator   seed %" PRIu64 ", speed %s%s", simulator->seed,
           simulator->speed > 0 ? mw_decimal_format(simulator->speed, speed) : "max",
           simulator->speed > 0 ? "x" : "");
    if (simulator->replay_file != NULL)
        printf(", prices from %s", simulator->replay_file);
    if (simulator->faults_file != NULL)
        printf(", faults from %s", simulator->faults_file);
    printf("\n");
}

/* In seconds, as the configuration has them. */
static void print_span(const char *name, int64_t ms)
{
    char text[MW_DECIMAL_TEXT_BYTES];
    printf("%s %s s", name, mw_decimal_format((double)ms / MW_MS_PER_SECOND, text));
}

/* How a feed is kept alive and whole. */
static void print_upkeep(const struct mw_feed_settings *feed)
{
    print_span("  liveness    ping", feed->ping_ms);
    print_span(", pong", feed->pong_ms);
    print_span(", stall", feed->stall_ms);
    print_span("\n  closing     grace", feed->grace_ms);
    if (feed->backfill)
        print_span("\n  backfill    gap_wait", feed->gap_wait_ms);
    else
        printf("\n  backfill    no");
    if (feed->backfill && feed->rest != NULL)
        printf(", rest %.*s", (int)strcspn(feed->rest, "?"), feed->rest);
    printf("\n");
}

/* Endpoints of the configuration, or those that the protocol brings. */
static mw_status print_endpoints(const struct mw_feed_settings *feed, struct mw_error *err)
{
    for (uint32_t i = 0; i < feed->endpoint_count; i++) {
        print_endpoint(feed->endpoints[i]);
        if (strcmp(feed->endpoints[i], "simulator") == 0)
            print_simulator(&feed->simulator);
    }
    if (feed->endpoint_count > 0)
        return MW_OK;
    struct mw_protocol *protocol;
    mw_status status = mw_protocol_load(feed->protocol, &protocol, err);
    if (status != MW_OK)
        return status;
    for (uint32_t i = 0; i < protocol->endpoint_count; i++)
        print_endpoint(protocol->endpoints[i]);
    mw_protocol_free(protocol);
    return MW_OK;
}

static mw_status print_feed(const struct mw_feed_settings *feed, struct mw_error *err)
{
    printf("feed %s\n", feed->name);
    printf("  protocol    %s\n", feed->protocol);
    mw_status status = print_endpoints(feed, err);
    if (status != MW_OK)
        return status;
    printf("  symbols     ");
    for (uint32_t i = 0; i < feed->symbol_count; i++)
        printf("%s%s", i == 0 ? "" : " ", feed->symbols[i]);
    printf("\n  timeframes  ");
    for (uint32_t i = 0; i < feed->timeframe_count; i++) {
        char text[MW_TIMEFRAME_BYTES_MAX];
        printf("%s%s", i == 0 ? "" : " ", mw_timeframe_format(feed->timeframes[i], text));
    }
    printf("\n  series      %" PRIu64 "\n",
           (uint64_t)feed->symbol_count * (uint64_t)feed->timeframe_count);
    print_upkeep(feed);
    if (feed->ca_file != NULL)
        printf("  ca_file     %s\n", feed->ca_file);
    if (feed->market_type != NULL)
        printf("  market_type %s\n", feed->market_type);
    if (feed->csrf_token != NULL)
        printf("  csrf_token  set\n");
    return MW_OK;
}

static void print_reconnect(const struct mw_backoff_options *reconnect)
{
    char base[MW_DECIMAL_TEXT_BYTES], cap[MW_DECIMAL_TEXT_BYTES], jitter[MW_DECIMAL_TEXT_BYTES];
    char settle[MW_DECIMAL_TEXT_BYTES];
    printf("reconnect\n");
    if (reconnect->attempts == MW_ATTEMPTS_FOREVER)
        printf("  attempts    for ever\n");
    else
        printf("  attempts    %" PRIu32 "\n", reconnect->attempts);
    printf("  wait        %s s, doubling to %s s, jitter %s\n",
           mw_decimal_format(reconnect->base_s, base), mw_decimal_format(reconnect->cap_s, cap),
           mw_decimal_format(reconnect->jitter, jitter));
    printf("  settle      %s s of data make the next failure the first again\n",
           mw_decimal_format(reconnect->settle_s, settle));
}

/* `store` is the path that the settings had; NULL for none. */
static void print_history(const struct mw_settings *settings, const char *store)
{
    const struct mw_history_settings *history = &settings->history;
    char length[MW_TIMEFRAME_BYTES_MAX], days[MW_DECIMAL_TEXT_BYTES];
    if (store == NULL && history->file_count == 0)
        return;
    printf("history\n");
    if (store != NULL) {
        printf("  store       %s\n  keeps       ", store);
        for (uint32_t i = 0; i < history->retention_count; i++)
            printf("%s for %s days, ",
                   mw_timeframe_format(history->retentions[i].timeframe, length),
                   mw_decimal_format((double)history->retentions[i].keep_ms / (double)MW_MS_PER_DAY,
                                     days));
        printf("%s for ever\n", history->retention_count > 0 ? "others" : "all");
        for (uint32_t i = 0; i < settings->feed_count; i++)
            if (!mw_feed_settings_stores(&settings->feeds[i]))
                printf("  not of      %s\n", settings->feeds[i].name);
    }
    for (uint32_t i = 0; i < history->file_count; i++)
        printf("  file        %s %s %s\n", history->files[i].key.symbol,
               mw_timeframe_format(history->files[i].key.timeframe, length),
               history->files[i].path);
}

static void print_percent(const char *name, double fraction)
{
    char text[MW_DECIMAL_TEXT_BYTES];
    snprintf(text, sizeof(text), "%.6g", fraction * 100);
    printf(", %s %s %%", name, text);
}

static void print_account(const struct mw_account_options *account)
{
    char number[MW_DECIMAL_TEXT_BYTES];
    printf("  account     cash %s", mw_decimal_format(account->cash, number));
    print_percent("fee", account->fee);
    if (!isnan(account->maker_fee))
        print_percent("maker_fee", account->maker_fee);
    if (account->fixed_fee != 0)
        printf(", fixed_fee %s", mw_decimal_format(account->fixed_fee, number));
    print_percent("slippage", account->slippage);
    printf(", leverage %s\n", mw_decimal_format(account->leverage, number));
}

/* Compiles the script in a state that is thrown away; nothing of it runs. */
static mw_status print_strategy(const struct mw_strategy_settings *strategy, struct mw_error *err)
{
    printf("strategy %s\n  file        %s\n", strategy->name, strategy->file);
    print_account(&strategy->account);
    lua_State *L = luaL_newstate();
    MW_CHECK(L != NULL);
    mw_status status = mw_vm_load_file(L, strategy->file, MW_ESTRATEGY, err);
    lua_close(L);
    if (status == MW_OK)
        printf("  compiles    yes\n");
    return status;
}

/* Goes on after a strategy that does not compile, so that one run finds them all. */
static int check_engine(const struct mw_engine *engine, const char *store)
{
    const struct mw_settings *settings = mw_engine_settings(engine);
    struct mw_error err;
    for (uint32_t i = 0; i < settings->feed_count; i++)
        if (print_feed(&settings->feeds[i], &err) != MW_OK)
            return mw_cli_fail("check", MW_EXIT_CONFIG, "%s", err.message);
    print_reconnect(&settings->reconnect);
    print_history(settings, store);
    int code = MW_EXIT_OK;
    if (mw_settings_has_on_signal(settings))
        printf("on_signal\n  calls       a function of %s\n", settings->path);
    for (uint32_t i = 0; i < settings->strategy_count; i++)
        if (print_strategy(&settings->strategies[i], &err) != MW_OK)
            code = mw_cli_fail("check", MW_EXIT_CONFIG, "strategy %s: %s",
                               settings->strategies[i].name, err.message);
    if (code == MW_EXIT_OK)
        printf("%s: ok\n", settings->path);
    return code;
}

/* Opens the engine without its store, because to open that is to make the file: it is looked at.
 * Takes `settings`. `*store` is the path that they had, owned by the caller, also on failure. */
static mw_status open_engine(struct mw_settings *settings, char **store, struct mw_engine **engine,
                             struct mw_error *err)
{
    *store = settings->history.store;
    settings->history.store = NULL;
    mw_status status = *store != NULL ? mw_store_look(*store, err) : MW_OK;
    if (status == MW_OK)
        return mw_engine_open(settings, &mw_lua_bindings, engine, err);
    mw_settings_free(settings);
    return mw_fail_within(err, status, "history.store");
}

static int check_command(int argc, char **argv)
{
    struct check_options options = {.config = "config.lua"};
    int code;
    if (!mw_cli_parse(&check_option_set, argc, argv, &options, &code))
        return code;
    struct mw_error err;
    struct mw_settings *settings;
    struct mw_engine *engine = NULL;
    if (mw_settings_load_file(options.config, &settings, &err) != MW_OK)
        return mw_cli_fail("check", MW_EXIT_CONFIG, "%s", err.message);
    char *store;
    if (open_engine(settings, &store, &engine, &err) == MW_OK)
        code = check_engine(engine, store);
    else
        code = mw_cli_fail("check", MW_EXIT_CONFIG, "%s", err.message);
    mw_engine_free(engine);
    mw_free(store);
    return code;
}

const struct mw_command mw_command_check = {&check_option_set, check_command};
