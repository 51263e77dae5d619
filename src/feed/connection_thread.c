/* connection_thread.c - a feed's thread: attempts, states, answers. */
#include "feed/connection_parts.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "net/url.h"

enum {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_WAIT_MS = 200, /* the peer's time to answer a close when we stop */
};

/* The feed thread is the only writer, so a plain addition is enough. */
static void count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

static void tell(struct mw_connection *connection, bool is_state, mw_connection_state state,
                 const struct mw_error *err)
{
    if (is_state)
        atomic_store_explicit(&connection->state, (int)state, memory_order_release);
    if (err != NULL) {
        pthread_mutex_lock(&connection->lock);
        connection->has_error = true;
        connection->error = *err;
        pthread_mutex_unlock(&connection->lock);
    }
    const struct mw_feed_event event = {
        .feed = connection->name, .is_state = is_state, .state = state, .err = err};
    connection->options.on_event(connection->options.user, &event);
}

void mw_connection_set_state(struct mw_connection *connection, mw_connection_state state,
                             const struct mw_error *err)
{
    tell(connection, true, state, err);
}

void mw_connection_tell_error(struct mw_connection *connection, const struct mw_error *err)
{
    tell(connection, false, mw_connection_get_state(connection), err);
}

void mw_connection_arm_timer(struct mw_connection *connection) MW_ON(mw_feed_thread)
{
    int64_t at = connection->retry_at;
    at = connection->confirm_at < at ? connection->confirm_at : at;
    at = connection->send_at < at ? connection->send_at : at;
    int64_t liveness_at = mw_connection_liveness_at(connection);
    at = liveness_at < at ? liveness_at : at;
    if (connection->stop_at != MW_NEVER)
        at = connection->stop_at;
    int64_t delay = at == MW_NEVER ? -1 : at - mw_clock_monotonic_ms();
    mw_client_set_timer(connection->client, at == MW_NEVER ? -1 : delay > 0 ? delay : 0);
}

static void set_cause(struct mw_connection *connection, const struct mw_error *cause)
{
    if (connection->has_cause)
        return;
    connection->has_cause = true;
    connection->cause = *cause;
}

void mw_connection_give_up(struct mw_connection *connection, const struct mw_error *cause)
{
    set_cause(connection, cause);
    mw_client_close(connection->client, CLOSE_NORMAL, "");
}

void mw_connection_drop(struct mw_connection *connection, const struct mw_error *cause)
{
    set_cause(connection, cause);
    mw_client_drop(connection->client);
}

void mw_connection_settle(struct mw_connection *connection)
{
    connection->failure_count = 0;
    mw_backoff_reset(&connection->backoff);
}

static void on_failure(struct mw_connection *connection, const struct mw_error *err)
    MW_ON(mw_feed_thread);

static void connect_next(struct mw_connection *connection) MW_ON(mw_feed_thread)
{
    const char *endpoint = connection->endpoints[connection->endpoint_index];
    struct mw_url url;
    struct mw_error err;
    connection->retry_at = MW_NEVER;
    if (mw_url_parse(endpoint, &url, &err) == MW_OK) {
        pthread_mutex_lock(&connection->lock);
        mw_url_format_public(&url, connection->endpoint_shown, sizeof(connection->endpoint_shown));
        pthread_mutex_unlock(&connection->lock);
    }
    bool first = connection->failure_count == 0 && !connection->opened_once;
    if (first || mw_connection_get_state(connection) == MW_CONNECTION_FAILED)
        mw_connection_set_state(connection, MW_CONNECTION_CONNECTING, NULL);
    if (mw_client_connect(connection->client, endpoint, &err) != MW_OK)
        on_failure(connection, &err);
}

static void on_open(void *user)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_connection *connection = user;
    connection->open = true;
    if (connection->opened_once)
        count(&connection->reconnects, 1);
    connection->opened_once = true;
    mw_connection_record_text(connection, MW_CAPTURE_OPEN, connection->endpoint_shown,
                              strlen(connection->endpoint_shown));
    mw_connection_begin_liveness(connection);
    mw_connection_set_state(connection, MW_CONNECTION_CONNECTED, NULL);
    mw_subscriptions_forget_requests(&connection->intake.subscriptions);
    mw_connection_hide_flows(connection);
    connection->send_at = MW_NEVER;
    mw_connection_apply_commands(connection); /* so that nothing is asked for and then ended */
    mw_connection_request_wanted(connection, true);
}

/* What an open connection brought may be out of date from now on, unless another carries on. One
 * that was never confirmed has brought nothing but what flowed. */
static void interrupt(struct mw_connection *connection, const char *why) MW_ON(mw_feed_thread)
{
    struct mw_intake *intake = &connection->intake;
    const struct mw_connection_options *options = &connection->options;
    if (!connection->open || atomic_load(&connection->retired))
        return;
    bool confirmed = mw_connection_get_state(connection) == MW_CONNECTION_CONFIRMED;
    bool all = confirmed;
    size_t at = 0;
    const struct mw_map_item *item;
    while (all && (item = mw_map_next(&intake->subscriptions.by_key, &at)) != NULL) {
        const struct mw_subscription *subscription = item->value;
        all = options->is_covered == NULL ||
              !options->is_covered(options->user, subscription->series);
    }
    if (all) {
        mw_connection_record_text(connection, MW_CAPTURE_CLOSED, why, strlen(why));
        mw_intake_interrupt(intake);
        return;
    }
    at = 0;
    while ((item = mw_map_next(&intake->subscriptions.by_key, &at)) != NULL) {
        struct mw_subscription *subscription = item->value;
        if ((!confirmed && !subscription->flows) ||
            (options->is_covered != NULL &&
             options->is_covered(options->user, subscription->series)))
            continue;
        mw_connection_record_series(connection, MW_CAPTURE_INTERRUPT, subscription, 0);
        mw_intake_interrupt_series(intake, subscription);
    }
    mw_cache_flush(intake->cache);
}

/* Forgets what belonged to the connection that is gone. */
static void forget_connection(struct mw_connection *connection)
{
    connection->open = connection->has_cause = false;
    mw_connection_end_liveness(connection);
    connection->confirm_at = connection->send_at = MW_NEVER;
    mw_map_deinit(&connection->pending);
    mw_connection_drop_outgoing(connection);
}

static void on_failure(struct mw_connection *connection, const struct mw_error *err)
{
    struct mw_error told = *err;
    forget_connection(connection);
    connection->failure_count++;
    connection->endpoint_index = (connection->endpoint_index + 1) % connection->endpoint_count;
    told.attempts = connection->failure_count;
    bool final = told.status == MW_ESUBSCRIBE || told.status == MW_ECONFIG;
    int64_t wait_ms = final ? -1 : mw_backoff_next_ms(&connection->backoff);
    if (wait_ms >= 0) {
        connection->retry_at = mw_clock_monotonic_ms() + wait_ms;
        mw_connection_set_state(connection, MW_CONNECTION_RECONNECTING, &told);
    } else {
        connection->retry_at = MW_NEVER;
        mw_connection_set_state(connection, MW_CONNECTION_FAILED, &told);
    }
    mw_connection_arm_timer(connection);
}

static void on_closed(void *user, const struct mw_error *err)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_connection *connection = user;
    interrupt(connection, err->message);
    mw_cache_flush(connection->options.cache);
    if (atomic_load(&connection->stopping)) {
        forget_connection(connection);
        return;
    }
    struct mw_error cause = *err;
    if (connection->has_cause) {
        cause = connection->cause;
        if (cause.endpoint[0] == '\0')
            memcpy(cause.endpoint, err->endpoint, sizeof(cause.endpoint));
    }
    on_failure(connection, &cause);
}

static void on_timer(void *user)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_connection *connection = user;
    int64_t now = mw_clock_monotonic_ms();
    if (connection->stop_at != MW_NEVER)
        return; /* the loop that waits for it looks itself */
    if (now >= connection->confirm_at) {
        connection->confirm_at = MW_NEVER;
        struct mw_error err;
        mw_fail(&err, MW_ETIMEOUT, "the venue did not confirm within %g s",
                (double)connection->options.confirm_ms / MW_MS_PER_SECOND);
        mw_connection_give_up(connection, &err);
    }
    if (now >= connection->send_at) {
        connection->send_at = MW_NEVER;
        mw_connection_send_outgoing(connection);
    }
    mw_connection_check_liveness(connection, now);
    if (now >= connection->retry_at)
        connect_next(connection);
    mw_connection_arm_timer(connection);
}

static void on_wake(void *user)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_connection *connection = user;
    if (atomic_load(&connection->stopping))
        return;
    mw_connection_run_commands(connection);
    bool failed = mw_connection_get_state(connection) == MW_CONNECTION_FAILED;
    if (atomic_exchange(&connection->hurried, false) &&
        (failed || connection->retry_at != MW_NEVER)) {
        mw_connection_settle(connection);
        connect_next(connection);
        mw_connection_arm_timer(connection);
    }
}

static void set_waker(struct mw_connection *connection, struct mw_client *client)
{
    pthread_mutex_lock(&connection->lock);
    connection->waker = client;
    pthread_mutex_unlock(&connection->lock);
}

static void serve(struct mw_connection *connection) MW_ON(mw_feed_thread)
{
    atomic_store(&connection->hurried, false);
    mw_connection_run_commands(connection);
    connect_next(connection);
    while (!atomic_load(&connection->stopping))
        mw_client_service(connection->client);
    /* The peer has a moment to answer the close; mw_client_free drops what is left. */
    mw_client_close(connection->client, CLOSE_GOING_AWAY, "");
    connection->stop_at = mw_clock_monotonic_ms() + CLOSE_WAIT_MS;
    mw_connection_arm_timer(connection);
    while (connection->open && mw_clock_monotonic_ms() < connection->stop_at)
        mw_client_service(connection->client);
}

/* Sleeps until somebody wants another attempt. False: until we stop. */
static bool await_reconnect(struct mw_connection *connection)
{
    while (!atomic_load(&connection->stopping) && !atomic_exchange(&connection->hurried, false))
        mw_wake_wait(&connection->idle, -1);
    return !atomic_load(&connection->stopping);
}

void mw_connection_run(void *user)
{
    mw_role_assert(&mw_feed_thread);
    struct mw_connection *connection = user;
    const struct mw_client_handler handler = {.user = connection,
                                              .on_open = on_open,
                                              .on_message = mw_connection_on_message,
                                              .on_read_end = mw_connection_on_read_end,
                                              .on_closed = on_closed,
                                              .on_timer = on_timer,
                                              .on_wake = on_wake};
    const struct mw_client_options options = {.ca_file = connection->ca_file,
                                              .connect_ms = connection->options.connect_ms,
                                              .tls_ms = connection->options.tls_ms,
                                              .upgrade_ms = connection->options.upgrade_ms,
                                              .frame_bytes_max =
                                                  connection->options.frame_bytes_max};
    struct mw_error err;
    while (mw_client_new(&options, &handler, &connection->client, &err) != MW_OK) {
        mw_connection_set_state(connection, MW_CONNECTION_FAILED, &err);
        if (!await_reconnect(connection))
            return;
        mw_connection_set_state(connection, MW_CONNECTION_CONNECTING, NULL);
    }
    set_waker(connection, connection->client);
    serve(connection);
    set_waker(connection, NULL);
    interrupt(connection, "stopped");
    mw_client_free(connection->client);
    connection->client = NULL;
    forget_connection(connection);
}
