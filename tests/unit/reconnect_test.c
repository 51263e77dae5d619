/* reconnect_test.c - a thousand reconnects leave nothing behind. */
#include <dirent.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/log.h"

#include "made_venue.h"
#include "protocol_file.h"

#include "feed/connection.h"

enum {
    ROUNDS = 1000,
    WARM_ROUNDS = 100,        /* libraries fill their caches */
    GROWTH_BYTES_MAX = 65536, /* 73 bytes a round would be a leak */
};

struct watch {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t confirmed_count; /* guarded by lock */
};

static void on_event(void *user, const struct mw_feed_event *event)
{
    struct watch *watch = user;
    pthread_mutex_lock(&watch->lock);
    watch->confirmed_count += event->is_state && event->state == MW_CONNECTION_CONFIRMED;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
}

static void wait_confirmed(struct watch *watch, uint32_t count)
{
    pthread_mutex_lock(&watch->lock);
    while (watch->confirmed_count < count)
        pthread_cond_wait(&watch->changed, &watch->lock); /* ctest ends it if need be */
    pthread_mutex_unlock(&watch->lock);
}

static uint32_t open_fds(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint32_t count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void memory_and_descriptors_stay_flat(void **state)
{
    (void)state;
    static const char *const pushes[] = {
        "{\"k\":7,\"s\":\"BTC\",\"f\":\"1m\",\"t\":60000,\"o\":1,\"h\":1,\"l\":1,\"c\":1,\"v\":1}",
        NULL};
    struct mw_made_venue venue = {.leaves = true, .pushes = pushes};
    char url[32];
    mw_made_venue_start(&venue);
    struct watch watch = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct mw_cache *cache = mw_cache_new(16);
    const char *const endpoints[] = {mw_made_venue_url(&venue, url)};
    const struct mw_connection_options options = {.name = "demo",
                                                  .endpoints = endpoints,
                                                  .endpoint_count = 1,
                                                  .connect_ms = 20000,
                                                  .tls_ms = 20000,
                                                  .upgrade_ms = 20000,
                                                  .confirm_ms = 20000,
                                                  .ping_ms = 20000,
                                                  .pong_ms = 20000,
                                                  .stall_ms = 20000,
                                                  .frame_bytes_max = 1 << 16,
                                                  .reconnect = {.attempts = MW_ATTEMPTS_FOREVER},
                                                  .cache = cache,
                                                  .on_event = on_event,
                                                  .user = &watch};
    struct mw_connection *connection;
    assert_int_equal(mw_connection_new(&options, mw_protocol_file_get(""), &connection, NULL),
                     MW_OK);
    assert_int_equal(
        mw_connection_subscribe(connection, "BTC", (struct mw_timeframe){1, 'm'}, NULL, NULL),
        MW_OK);
    assert_int_equal(mw_connection_start(connection, NULL), MW_OK);

    wait_confirmed(&watch, WARM_ROUNDS);
    uint32_t fds = open_fds();
    size_t bytes = mallinfo2().uordblks; /* 0 under sanitizers, which look for leaks themselves */
    wait_confirmed(&watch, WARM_ROUNDS + ROUNDS);
    size_t bytes_then = mallinfo2().uordblks;
    /* A connection that comes or goes in this moment has a descriptor at each of its ends. */
    assert_in_range(open_fds(), fds - 4, fds + 4);
    print_message("%zu bytes in use, then %zu; %u descriptors\n", bytes, bytes_then, fds);
    assert_true(bytes_then < bytes + GROWTH_BYTES_MAX);
    struct mw_connection_status status;
    mw_connection_get_status(connection, &status);
    assert_true(status.reconnects >= ROUNDS);
    mw_connection_free(connection);
    mw_cache_free(cache);
    mw_made_venue_stop(&venue);
}

int main(void)
{
    mw_log_set_level(MW_LOG_OFF);
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_and_descriptors_stay_flat)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
