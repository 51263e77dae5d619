/* socket_bench.c - how many frames a second reach the cache, beside a client that only counts them.
 *
 * Both read the same bytes from the same process over loopback, in turns, a second each. The
 * counter is what the transport and the frame layer cost; the rest of the other one is decoding
 * and the cache. Rates depend on who else uses the cores; `cpu` is the processor time that this
 * process took for a frame, system calls included, and depends on that less.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "bench.h"
#include "feed/connection.h"
#include "frame_source.h"
#include "net/client.h"

enum { PAIRS = 5, WARM_MS = 100, RUN_MS = 1000, QUICK_MS = 20, START_MS_MAX = 10000 };

enum { CACHE_BARS = 1000, URL_BYTES = 64 };

/* One venue's runs. */
struct venue {
    const char *name, *path;
    frame_ring_venue ring;
    struct frame_source *source;
};

/* What one run came to. */
struct rate {
    double frames_per_s, cpu_ns; /* of a frame */
};

/* A feed thread that only counts. */
struct counter {
    struct mw_client *client; /* set before the first frame is counted */
    struct mw_thread thread;
    char url[URL_BYTES];
    _Atomic uint64_t frames;
    atomic_bool stopping;
    bool closed;
};

static void pause_ms(int64_t ms)
{
    const struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&span, NULL);
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Watches a count that another thread drives up. */
static struct rate watch(uint64_t (*get_count)(void *user), void *user)
{
    for (int64_t waited = 0; get_count(user) == 0; waited++) {
        MW_CHECK(waited < START_MS_MAX);
        pause_ms(1);
    }
    pause_ms(bench_is_quick() ? QUICK_MS : WARM_MS);
    int64_t start = mw_clock_monotonic_ns(), start_cpu = cpu_ns();
    uint64_t start_count = get_count(user);
    pause_ms(bench_is_quick() ? QUICK_MS : RUN_MS);
    /* On a busy machine the other thread may not have run at all. */
    for (int64_t waited = 0; get_count(user) == start_count; waited++) {
        MW_CHECK(waited < START_MS_MAX);
        pause_ms(1);
    }
    double frames = (double)(get_count(user) - start_count);
    double span_cpu = (double)(cpu_ns() - start_cpu);
    double span = (double)(mw_clock_monotonic_ns() - start);
    return (struct rate){.frames_per_s = frames / span * 1e9, .cpu_ns = span_cpu / frames};
}

static void on_open(void *user)
{
    static const char text[] = "{\"method\":\"SUBSCRIBE\",\"params\":[],\"id\":1}";
    mw_role_assert(&mw_feed_thread);
    struct counter *counter = user;
    MW_CHECK(mw_client_send_text(counter->client, text, sizeof(text) - 1));
}

static void on_message(void *user, bool text, const char *data, size_t length)
{
    (void)text;
    (void)data;
    (void)length;
    struct counter *counter = user;
    uint64_t frames = atomic_load_explicit(&counter->frames, memory_order_relaxed);
    atomic_store_explicit(&counter->frames, frames + 1, memory_order_relaxed);
}

static void on_closed(void *user, const struct mw_error *err)
{
    (void)err;
    ((struct counter *)user)->closed = true;
}

static void on_nothing(void *user)
{
    (void)user;
}

static void count_frames(void *user)
{
    mw_role_assert(&mw_feed_thread);
    struct counter *counter = user;
    const struct mw_client_handler handler = {.user = counter,
                                              .on_open = on_open,
                                              .on_message = on_message,
                                              .on_read_end = on_nothing,
                                              .on_closed = on_closed,
                                              .on_timer = on_nothing,
                                              .on_wake = on_nothing};
    const struct mw_client_options options = {.connect_ms = MW_PHASE_MS_DEFAULT,
                                              .tls_ms = MW_PHASE_MS_DEFAULT,
                                              .upgrade_ms = MW_PHASE_MS_DEFAULT,
                                              .frame_bytes_max = MW_FRAME_BYTES_DEFAULT};
    struct mw_error err;
    bench_require(mw_client_new(&options, &handler, &counter->client, &err), &err);
    bench_require(mw_client_connect(counter->client, counter->url, &err), &err);
    while (!counter->closed)
        mw_client_service(counter->client);
    mw_client_free(counter->client);
}

static uint64_t get_counted(void *user)
{
    struct counter *counter = user;
    return atomic_load_explicit(&counter->frames, memory_order_relaxed);
}

static struct rate run_counter(const struct venue *venue)
{
    struct counter counter = {.closed = false};
    snprintf(counter.url, sizeof(counter.url), "ws://127.0.0.1:%u%s",
             frame_source_port(venue->source), venue->path);
    struct mw_error err;
    bench_require(
        mw_thread_start(&counter.thread, "counter", &mw_feed_thread, count_frames, &counter, &err),
        &err);
    struct rate rate = watch(get_counted, &counter);
    frame_source_cut(venue->source);
    mw_thread_join(&counter.thread);
    return rate;
}

static void on_event(void *user, const struct mw_feed_event *event)
{
    (void)user;
    (void)event;
}

static uint64_t get_candles(void *user)
{
    struct mw_connection_status status;
    mw_connection_get_status(user, &status);
    return status.candles;
}

/* Every frame but the confirmation became a candle that was news. */
static void check_all_used(struct mw_connection *connection)
{
    struct mw_connection_status status;
    mw_connection_get_status(connection, &status);
    MW_CHECK(status.frames == status.candles + 1);
    MW_CHECK(status.late == 0 && status.other == 0 && status.unsubscribed == 0);
}

static struct rate run_connection(const struct venue *venue)
{
    char url[URL_BYTES];
    snprintf(url, sizeof(url), "ws://127.0.0.1:%u%s", frame_source_port(venue->source),
             venue->path);
    const char *const endpoints[] = {url};
    struct mw_cache *cache = mw_cache_new(CACHE_BARS);
    const struct mw_connection_options options = {.name = venue->name,
                                                  .endpoints = endpoints,
                                                  .endpoint_count = 1,
                                                  .connect_ms = MW_PHASE_MS_DEFAULT,
                                                  .tls_ms = MW_PHASE_MS_DEFAULT,
                                                  .upgrade_ms = MW_PHASE_MS_DEFAULT,
                                                  .confirm_ms = MW_PHASE_MS_DEFAULT,
                                                  .frame_bytes_max = MW_FRAME_BYTES_DEFAULT,
                                                  .cache = cache,
                                                  .on_event = on_event};
    struct mw_protocol *protocol;
    struct mw_connection *connection;
    struct mw_error err;
    bench_require(mw_protocol_load(venue->name, &protocol, &err), &err);
    bench_require(mw_connection_new(&options, protocol, &connection, &err), &err);
    for (size_t i = 0; i < FRAME_RING_SYMBOLS; i++)
        bench_require(mw_connection_subscribe(connection, frame_ring_symbols[i],
                                              (struct mw_timeframe){1, 'm'}, NULL, &err),
                      &err);
    bench_require(mw_connection_start(connection, &err), &err);
    struct rate rate = watch(get_candles, connection);
    frame_source_cut(venue->source);
    mw_connection_stop(connection);
    check_all_used(connection);
    mw_connection_free(connection);
    mw_cache_free(cache);
    return rate;
}

static void print(const char *what, const struct venue *venue, double *values, size_t count,
                  const char *unit)
{
    char name[64];
    snprintf(name, sizeof(name), "socket_%s_%s", venue->name, what);
    bench_print(name, bench_median(values, count), unit);
}

static void run_venue(const struct venue *venue)
{
    size_t pairs = bench_is_quick() ? 1 : PAIRS;
    double counted[PAIRS], counted_cpu[PAIRS], cached[PAIRS], cached_cpu[PAIRS], ratios[PAIRS];
    for (size_t i = 0; i < pairs; i++) {
        struct rate counter = run_counter(venue), connection = run_connection(venue);
        counted[i] = counter.frames_per_s;
        counted_cpu[i] = counter.cpu_ns;
        cached[i] = connection.frames_per_s;
        cached_cpu[i] = connection.cpu_ns;
        ratios[i] = connection.frames_per_s / counter.frames_per_s;
    }
    print("count", venue, counted, pairs, "frames/s");
    print("cache", venue, cached, pairs, "frames/s");
    print("cache_to_count", venue, ratios, pairs, "ratio");
    print("count_cpu", venue, counted_cpu, pairs, "ns/frame");
    print("cache_cpu", venue, cached_cpu, pairs, "ns/frame");
}

int main(int argc, char **argv)
{
    bench_begin(argc, argv);
    struct venue venues[] = {
        {.name = "binance", .path = "/stream", .ring = FRAME_RING_BINANCE},
        {.name = "wealthdata", .path = "/market_data", .ring = FRAME_RING_WEALTHDATA}};
    for (size_t i = 0; i < MW_COUNT(venues); i++)
        venues[i].source = frame_source_start(venues[i].ring);
    for (size_t i = 0; i < MW_COUNT(venues); i++)
        run_venue(&venues[i]);
    for (size_t i = 0; i < MW_COUNT(venues); i++)
        frame_source_stop(venues[i].source);
    return 0;
}
