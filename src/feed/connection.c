/* connection.c - what other threads call of a connection. */
#include "feed/connection.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"
#include "base/str.h"
#include "feed/connection_parts.h"
#include "net/url.h"

const char *mw_connection_state_text(mw_connection_state state)
{
    static const char *const texts[] = {
#define MW_CONNECTION_STATE_TEXT(name, text) text,
        MW_CONNECTION_STATE_LIST(MW_CONNECTION_STATE_TEXT)
#undef MW_CONNECTION_STATE_TEXT
    };
    MW_CHECK((unsigned)state < MW_CONNECTION_STATE_COUNT);
    return texts[state];
}

mw_status mw_connection_set_endpoints(struct mw_connection *connection,
                                      const char *const *endpoints, uint32_t endpoint_count,
                                      struct mw_error *err)
{
    MW_CHECK(!connection->thread.running && endpoint_count > 0);
    for (uint32_t i = 0; i < endpoint_count; i++) {
        struct mw_url url;
        mw_status status = mw_url_parse(endpoints[i], &url, err);
        if (status == MW_OK && !url.websocket)
            status = mw_fail(err, MW_EPARSE, "URL '%.200s': want ws:// or wss://", endpoints[i]);
        if (status != MW_OK)
            return mw_fail_within(err, status, "feed %s", connection->name);
    }
    mw_texts_free(&connection->endpoints, &connection->endpoint_count);
    connection->endpoints = mw_alloc_zero(endpoint_count * sizeof(char *));
    for (uint32_t i = 0; i < endpoint_count; i++)
        connection->endpoints[connection->endpoint_count++] = mw_strdup(endpoints[i]);
    connection->endpoint_index = 0;
    return MW_OK;
}

mw_status mw_connection_new(const struct mw_connection_options *options,
                            struct mw_protocol *protocol, struct mw_connection **out,
                            struct mw_error *err)
{
    struct mw_connection *connection = mw_alloc_zero(sizeof(*connection));
    snprintf(connection->name, sizeof(connection->name), "%s", options->name);
    connection->options = *options;
    connection->ca_file = mw_text_copy(options->ca_file);
    connection->csrf_token = mw_text_copy(options->csrf_token);
    connection->market_type = mw_text_copy(options->market_type);
    connection->protocol = protocol;
    connection->tap = mw_capture_tap(options->capture, options->capture_feed);
    mw_intake_init(&connection->intake, connection->name, protocol, options->cache);
    connection->retry_at = connection->confirm_at = connection->send_at = MW_NEVER;
    connection->stop_at = connection->clock_at = MW_NEVER;
    connection->intake.stall_ms = options->stall_ms;
    connection->clock_ends_ms = INT64_MAX;
    mw_connection_end_liveness(connection);
    connection->last_command = &connection->first_command;
    connection->last_outgoing = &connection->first_outgoing;
    pthread_mutex_init(&connection->lock, NULL);
    mw_wake_init(&connection->idle);
    uint64_t seed;
    mw_random_bytes(&seed, sizeof(seed));
    mw_backoff_init(&connection->backoff, &options->reconnect, seed);

    bool own = options->endpoint_count > 0;
    mw_status status = mw_connection_set_endpoints(
        connection, own ? options->endpoints : (const char *const *)protocol->endpoints,
        own ? options->endpoint_count : protocol->endpoint_count, err);
    if (status != MW_OK)
        mw_connection_free(connection);
    else
        *out = connection;
    return status;
}

void mw_connection_free(struct mw_connection *connection)
{
    if (connection == NULL)
        return;
    mw_connection_stop(connection);
    for (struct mw_command *command = mw_connection_take_commands(connection), *next;
         command != NULL; command = next) {
        next = command->next;
        mw_free(command);
    }
    mw_texts_free(&connection->endpoints, &connection->endpoint_count);
    mw_intake_deinit(&connection->intake);
    mw_map_deinit(&connection->wanted);
    mw_map_deinit(&connection->flowing);
    mw_protocol_free(connection->protocol);
    pthread_mutex_destroy(&connection->lock);
    mw_wake_deinit(&connection->idle);
    mw_free(connection->ca_file);
    mw_free(connection->csrf_token);
    mw_free(connection->market_type);
    mw_free(connection);
}

mw_status mw_connection_start(struct mw_connection *connection, struct mw_error *err)
{
    if (connection->thread.running)
        return mw_fail(err, MW_EINVAL, "feed %s is started already", connection->name);
    atomic_store(&connection->stopping, false);
    atomic_store(&connection->retired, false);
    return mw_thread_start(&connection->thread, connection->name, &mw_feed_thread,
                           mw_connection_run, connection, err);
}

static void wake(struct mw_connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    if (connection->waker != NULL)
        mw_client_wake(connection->waker);
    else
        mw_wake_raise(&connection->idle);
    pthread_mutex_unlock(&connection->lock);
}

void mw_connection_stop_begin(struct mw_connection *connection)
{
    atomic_store(&connection->stopping, true);
    wake(connection);
}

void mw_connection_retire(struct mw_connection *connection)
{
    atomic_store(&connection->retired, true);
    mw_connection_stop_begin(connection);
}

void mw_connection_reconnect(struct mw_connection *connection)
{
    atomic_store(&connection->hurried, true);
    wake(connection);
}

void mw_connection_stop(struct mw_connection *connection)
{
    if (!connection->thread.running)
        return;
    mw_connection_stop_begin(connection);
    mw_thread_join(&connection->thread);
    connection->failure_count = connection->endpoint_index = 0;
    connection->opened_once = false;
    connection->retry_at = connection->stop_at = MW_NEVER;
    mw_backoff_reset(&connection->backoff);
    if (mw_connection_get_state(connection) != MW_CONNECTION_FAILED) /* that is its last word */
        mw_connection_set_state(connection, MW_CONNECTION_DISCONNECTED, NULL);
}

static mw_status check_symbol(const char *symbol, struct mw_error *err)
{
    size_t length = 0;
    while (symbol[length] > ' ' && symbol[length] < 0x7f)
        length++;
    if (symbol[length] != '\0' || length == 0 || length > MW_SYMBOL_BYTES_MAX)
        return mw_fail(err, MW_EINVAL,
                       "symbol '%.80s': want 1 to %d printable bytes without blanks", symbol,
                       MW_SYMBOL_BYTES_MAX);
    return MW_OK;
}

/* Resolves (symbol, timeframe) for this feed and sets the command's texts. */
static mw_status resolve(struct mw_connection *connection, const char *symbol,
                         struct mw_timeframe timeframe, struct mw_command *command,
                         struct mw_error *err)
{
    mw_status status = check_symbol(symbol, err);
    if (status != MW_OK)
        return status;
    if (!mw_protocol_timeframe_code(connection->protocol, timeframe, command->timeframe_code)) {
        char text[MW_TIMEFRAME_BYTES_MAX];
        return mw_fail(err, MW_EINVAL, "feed %s: %s does not offer the timeframe %s",
                       connection->name, connection->protocol->name,
                       mw_timeframe_format(timeframe, text));
    }
    snprintf(command->symbol, sizeof(command->symbol), "%s", symbol);
    return MW_OK;
}

size_t mw_connection_wanted_key(const char *symbol, const char *timeframe_code, char *key)
{
    return (size_t)snprintf(key, MW_WANTED_KEY_BYTES, "%s%c%s", symbol, 0, timeframe_code);
}

static void queue_command(struct mw_connection *connection, const struct mw_command *command)
{
    struct mw_command *copy = mw_alloc(sizeof(*copy));
    *copy = *command;
    copy->next = NULL;
    *connection->last_command = copy;
    connection->last_command = &copy->next;
}

mw_status mw_connection_subscribe(struct mw_connection *connection, const char *symbol,
                                  struct mw_timeframe timeframe, struct mw_series **series,
                                  struct mw_error *err)
{
    struct mw_command command = {.kind = MW_COMMAND_SUBSCRIBE};
    mw_status status = resolve(connection, symbol, timeframe, &command, err);
    if (status != MW_OK)
        return status;
    struct mw_series_key key = {.timeframe = timeframe};
    snprintf(key.feed, sizeof(key.feed), "%s", connection->name);
    snprintf(key.symbol, sizeof(key.symbol), "%s", symbol);
    char text[MW_WANTED_KEY_BYTES];
    size_t length = mw_connection_wanted_key(symbol, command.timeframe_code, text);

    pthread_mutex_lock(&connection->lock);
    uint32_t most = connection->protocol->stream_count_max;
    bool is_new = mw_map_find(&connection->wanted, text, length) == NULL;
    if (is_new && most > 0 && connection->wanted.count >= most)
        status = mw_fail(err, MW_ELIMIT, "feed %s: %s carries at most %u streams", connection->name,
                         connection->protocol->name, most);
    if (status == MW_OK)
        status = mw_cache_add(connection->options.cache, &key, &command.series, err);
    if (status == MW_OK && is_new) {
        mw_map_set(&connection->wanted, text, length, command.series);
        if (mw_series_get_health(command.series) == MW_SERIES_IDLE) /* nobody else brings it */
            mw_series_set_health(command.series, MW_SERIES_STALE);
        queue_command(connection, &command);
    }
    pthread_mutex_unlock(&connection->lock);
    if (status == MW_OK && series != NULL)
        *series = command.series;
    if (status == MW_OK && is_new)
        wake(connection);
    return status;
}

mw_status mw_connection_unsubscribe(struct mw_connection *connection, const char *symbol,
                                    struct mw_timeframe timeframe, struct mw_error *err)
{
    struct mw_command command = {.kind = MW_COMMAND_UNSUBSCRIBE};
    mw_status status = resolve(connection, symbol, timeframe, &command, err);
    if (status != MW_OK)
        return status;
    char text[MW_WANTED_KEY_BYTES];
    size_t length = mw_connection_wanted_key(symbol, command.timeframe_code, text);
    pthread_mutex_lock(&connection->lock);
    struct mw_series *series = mw_map_remove(&connection->wanted, text, length);
    if (series == NULL) {
        status = mw_fail(err, MW_EINVAL, "feed %s: %s %s is not subscribed", connection->name,
                         symbol, command.timeframe_code);
    } else {
        mw_series_set_health(series, MW_SERIES_IDLE);
        queue_command(connection, &command);
    }
    pthread_mutex_unlock(&connection->lock);
    if (status == MW_OK)
        wake(connection);
    return status;
}

void mw_connection_on_probe(struct mw_connection *connection, struct mw_series *series, bool missed)
{
    const struct mw_command command = {
        .kind = MW_COMMAND_PROBED, .series = series, .missed = missed};
    pthread_mutex_lock(&connection->lock);
    queue_command(connection, &command);
    pthread_mutex_unlock(&connection->lock);
    wake(connection);
}

const char *mw_connection_name(const struct mw_connection *connection)
{
    return connection->name;
}

mw_connection_state mw_connection_get_state(const struct mw_connection *connection)
{
    return (mw_connection_state)atomic_load_explicit(&connection->state, memory_order_acquire);
}

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void mw_connection_get_status(struct mw_connection *connection, struct mw_connection_status *status)
{
    *status =
        (struct mw_connection_status){.state = mw_connection_get_state(connection),
                                      .frames = counted(&connection->intake.frames),
                                      .bytes = counted(&connection->intake.bytes),
                                      .candles = counted(&connection->intake.candles),
                                      .late = counted(&connection->intake.late),
                                      .revised = counted(&connection->intake.revised),
                                      .other = counted(&connection->intake.other),
                                      .unsubscribed = counted(&connection->intake.unsubscribed),
                                      .reconnects = counted(&connection->reconnects),
                                      .resubscribes = counted(&connection->resubscribes)};
    for (int i = 0; i < MW_REJECT_COUNT; i++)
        status->rejects[i] = counted(&connection->intake.rejects[i]);
    pthread_mutex_lock(&connection->lock);
    memcpy(status->endpoint, connection->endpoint_shown, sizeof(status->endpoint));
    status->has_error = connection->has_error;
    status->error = connection->error;
    status->subscription_count = (uint32_t)connection->wanted.count;
    pthread_mutex_unlock(&connection->lock);
}
