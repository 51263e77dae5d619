/* simulate.c - `moonwick simulate`: the simulator as a server for other programs. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/limits.h"
#include "base/thread.h"
#include "cli/cli.h"
#include "cli/signals.h"
#include "script/fault_file.h"
#include "server/simulator.h"

#define CERTIFICATE_FILE "moonwick-simulator.pem"

enum {
    HOST_BYTES_MAX = 64, /* an IPv6 address with a zone */
    TIMEFRAMES_MAX = MW_FEED_TIMEFRAMES_MAX,
};

struct listen_address {
    char host[HOST_BYTES_MAX + 1]; /* empty for the simulator's default */
    uint16_t port;
};

struct simulate_options {
    struct listen_address listen;
    const char *protocol;
    struct mw_text_list symbols, timeframes;
    uint64_t seed;
    double speed;
    int64_t start_ms;
    const char *replay_file;
    const char *faults_file;
    bool tls;
    const char *certificate_file, *key_file;
    const char *ca_file; /* where the certificate goes that is made on the spot */
    int64_t for_ms;      /* 0: until a signal */
};

/* "127.0.0.1:18000", "[::1]:18000", ":18000". */
static mw_status read_listen(const char *text, void *target, struct mw_error *err)
{
    struct listen_address address = {.port = 0};
    const char *host = text, *colon = strrchr(text, ':');
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    bool good = colon != NULL;
    if (good && host[0] == '[') {
        good = length >= 3 && host[length - 1] == ']';
        host++;
        length -= 2;
    } else if (good) {
        good = memchr(host, ':', length) == NULL;
    }
    int64_t port = 0;
    good = good && length <= HOST_BYTES_MAX &&
           mw_integer_parse(colon + 1, strlen(colon + 1), &port) && port >= 0 && port <= UINT16_MAX;
    if (!good)
        return mw_fail(err, MW_EINVAL, "'%.80s': want ADDRESS:PORT, [ADDRESS]:PORT or :PORT", text);
    memcpy(address.host, host, length);
    address.port = (uint16_t)port;
    *(struct listen_address *)target = address;
    return MW_OK;
}

static mw_status read_time(const char *text, void *target, struct mw_error *err)
{
    if (mw_integer_parse(text, strlen(text), target))
        return MW_OK;
    return mw_time_parse(text, target, err);
}

static const struct mw_option simulate_option_list[] = {
    {"listen", "ADDRESS:PORT", "where to listen; port 0 is any free one (default 127.0.0.1:18000)",
     read_listen, offsetof(struct simulate_options, listen)},
    {"protocol", "NAME", "wealthdata or binance (default wealthdata)", mw_option_read_text,
     offsetof(struct simulate_options, protocol)},
    {"symbols", "LIST", "what may be subscribed (default BTCUSDT,ETHUSDT)", mw_option_read_list,
     offsetof(struct simulate_options, symbols)},
    {"timeframes", "LIST", "in which bars (default 1m,5m,1h)", mw_option_read_list,
     offsetof(struct simulate_options, timeframes)},
    {"seed", "N", "other prices with another number (default 1)", mw_option_read_unsigned,
     offsetof(struct simulate_options, seed)},
    {"speed", "SPEED", "60x, 0.5x: times real time; max: as fast as clients read (default 1x)",
     mw_option_read_speed, offsetof(struct simulate_options, speed)},
    {"start", "TIME", "simulated time to begin with: 2026-11-22T18:15:00Z, or milliseconds",
     read_time, offsetof(struct simulate_options, start_ms)},
    {"replay", "FILE", "prices from a CSV file, under the first symbol", mw_option_read_text,
     offsetof(struct simulate_options, replay_file)},
    {"faults", "FILE", "what goes wrong on purpose: a Lua file, see docs/guide.md",
     mw_option_read_text, offsetof(struct simulate_options, faults_file)},
    {"tls", NULL, "serve wss, with a certificate made on the spot unless one is given", NULL,
     offsetof(struct simulate_options, tls)},
    {"cert", "FILE", "certificate to serve, PEM; with --key, implies --tls", mw_option_read_text,
     offsetof(struct simulate_options, certificate_file)},
    {"key", "FILE", "its private key, PEM", mw_option_read_text,
     offsetof(struct simulate_options, key_file)},
    {"tls-ca", "FILE", "where that certificate goes (default " CERTIFICATE_FILE ")",
     mw_option_read_text, offsetof(struct simulate_options, ca_file)},
    {"for", "DURATION", "stop after this time: 500ms, 10s, 5m, 1h (default: never)",
     mw_option_read_duration, offsetof(struct simulate_options, for_ms)},
};

static const char *const simulate_examples[] = {
    "moonwick simulate --speed 60x",
    "moonwick simulate --protocol binance --symbols BTCUSDT --timeframes 1m --listen :0",
    "moonwick simulate --tls --tls-ca ca.pem --listen '[::1]:18443'",
    "moonwick simulate --replay btc.csv --symbols BTCUSDT --speed max",
    "moonwick simulate --speed 60x --faults faults.lua",
    NULL,
};

static const struct mw_option_set simulate_option_set = {
    .name = "simulate",
    .summary = "Serve made-up or replayed prices in a venue's protocol",
    .options = simulate_option_list,
    .option_count = MW_COUNT(simulate_option_list),
    .examples = simulate_examples,
};

/* Fills what was not given; says what contradicts. False with `*code` when there is something. */
static bool complete(struct simulate_options *options, int *code)
{
    if ((options->certificate_file == NULL) != (options->key_file == NULL)) {
        *code = mw_cli_fail("simulate", MW_EXIT_USAGE, "--cert and --key go together");
        return false;
    }
    if (options->certificate_file != NULL && options->ca_file != NULL) {
        *code = mw_cli_fail("simulate", MW_EXIT_USAGE,
                            "--tls-ca is for a certificate made on the spot: not with --cert");
        return false;
    }
    if (options->certificate_file != NULL || options->ca_file != NULL)
        options->tls = true;
    if (options->ca_file == NULL)
        options->ca_file = CERTIFICATE_FILE;
    mw_status status = MW_OK;
    if (options->symbols.count == 0)
        status = mw_option_read_list("BTCUSDT,ETHUSDT", &options->symbols, NULL);
    if (options->timeframes.count == 0 && status == MW_OK)
        status = mw_option_read_list("1m,5m,1h", &options->timeframes, NULL);
    MW_CHECK(status == MW_OK);
    return true;
}

static mw_status write_certificate(const char *path, const char *pem, struct mw_error *err)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    bool good = fputs(pem, file) >= 0;
    if (fclose(file) != 0 || !good)
        return mw_fail(err, MW_EIO, "%s: %s", path, strerror(errno));
    return MW_OK;
}

static void wake_main(void *wake)
{
    mw_wake_raise(wake);
}

/* Tells where it listens, then waits. */
static int serve(const struct mw_simulator *simulator, const struct simulate_options *options)
{
    const char *pem = mw_simulator_certificate(simulator);
    struct mw_error err;
    if (pem != NULL) {
        if (write_certificate(options->ca_file, pem, &err) != MW_OK)
            return mw_cli_fail("simulate", MW_EXIT_FAILED, "%s", err.message);
        printf("certificate in %s, for ca_file of a feed\n", options->ca_file);
    }
    printf("listening on %s\n", mw_simulator_url(simulator));
    fflush(stdout);

    struct mw_wake wake;
    mw_wake_init(&wake);
    mw_signals_catch(wake_main, &wake);
    int64_t until_ms = mw_clock_monotonic_ms() + options->for_ms;
    while (!mw_signals_stopping()) {
        int64_t left_ms = until_ms - mw_clock_monotonic_ms();
        if (options->for_ms > 0 && left_ms <= 0)
            break;
        mw_wake_wait(&wake, options->for_ms > 0 ? left_ms : -1);
    }
    mw_signals_release();
    mw_wake_deinit(&wake);
    return MW_EXIT_OK;
}

/* Prints a fault as it is done, from the server's thread; one call, so that lines stay whole. */
static void print_fault(void *user, const struct mw_fault_event *event)
{
    char who[48] = "";
    (void)user;
    if (event->session != 0)
        snprintf(who, sizeof(who), "  session %llu", (unsigned long long)event->session);
    printf("%9.3f  %-18s%s%s%s%s%s\n", (double)event->at_ms / MW_MS_PER_SECOND,
           mw_sabotage_text(event->kind), who, event->symbol != NULL ? "  " : "",
           event->symbol != NULL ? event->symbol : "", event->symbol != NULL ? " " : "",
           event->timeframe != NULL ? event->timeframe : "");
    fflush(stdout);
}

static void print_sum(const struct mw_simulator *simulator)
{
    uint64_t counts[MW_SABOTAGE_KIND_COUNT], sum = 0;
    mw_simulator_fault_counts(simulator, counts);
    for (int i = 0; i < MW_SABOTAGE_KIND_COUNT; i++)
        sum += counts[i];
    printf("%llu faults", (unsigned long long)sum);
    const char *separator = ": ";
    for (int i = 0; i < MW_SABOTAGE_KIND_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        printf("%s%llu %s", separator, (unsigned long long)counts[i],
               mw_sabotage_text((mw_sabotage_kind)i));
        separator = ", ";
    }
    printf("\n");
}

/* Starts with what was asked for, serves, and stops. */
static int simulate_with(const struct mw_simulator_options *simulator_options,
                         const struct simulate_options *options)
{
    struct mw_simulator *simulator;
    struct mw_error err;
    mw_status status = mw_simulator_start(simulator_options, &simulator, &err);
    if (status != MW_OK) {
        bool usage = status == MW_EINVAL || status == MW_ELIMIT;
        return mw_cli_fail("simulate", usage ? MW_EXIT_USAGE : MW_EXIT_FAILED, "%s", err.message);
    }
    int code = serve(simulator, options);
    if (simulator_options->faults != NULL)
        print_sum(simulator);
    mw_simulator_stop(simulator);
    return code;
}

static int simulate(const struct simulate_options *options)
{
    struct mw_timeframe timeframes[TIMEFRAMES_MAX];
    struct mw_error err;
    if (options->timeframes.count > TIMEFRAMES_MAX)
        return mw_cli_fail("simulate", MW_EXIT_USAGE, "--timeframes: more than %d", TIMEFRAMES_MAX);
    for (uint32_t i = 0; i < options->timeframes.count; i++)
        if (mw_timeframe_parse(options->timeframes.items[i], &timeframes[i], &err) != MW_OK)
            return mw_cli_fail("simulate", MW_EXIT_USAGE, "--timeframes: %s", err.message);

    struct mw_simulator_options simulator_options = {
        .protocol = options->protocol,
        .host = options->listen.host[0] != '\0' ? options->listen.host : NULL,
        .port = options->listen.port,
        .symbols = (const char *const *)options->symbols.items,
        .symbol_count = options->symbols.count,
        .timeframes = timeframes,
        .timeframe_count = options->timeframes.count,
        .seed = options->seed,
        .speed = options->speed,
        .start_ms = options->start_ms,
        .replay_file = options->replay_file,
        .tls = options->tls,
        .certificate_file = options->certificate_file,
        .key_file = options->key_file,
    };
    if (options->faults_file == NULL)
        return simulate_with(&simulator_options, options);
    struct mw_fault_plan faults;
    if (mw_fault_file_load(options->faults_file, &faults, &err) != MW_OK)
        return mw_cli_fail("simulate", MW_EXIT_FAILED, "%s", err.message);
    simulator_options.faults = &faults;
    simulator_options.on_fault = print_fault;
    int code = simulate_with(&simulator_options, options);
    mw_fault_plan_deinit(&faults);
    return code;
}

static int simulate_command(int argc, char **argv)
{
    struct simulate_options options = {
        .listen = {.port = 18000},
        .protocol = "wealthdata",
        .seed = 1,
        .speed = 1,
    };
    int code;
    if (mw_cli_parse(&simulate_option_set, argc, argv, &options, &code) &&
        complete(&options, &code))
        code = simulate(&options);
    mw_text_list_deinit(&options.symbols);
    mw_text_list_deinit(&options.timeframes);
    return code;
}

const struct mw_command mw_command_simulate = {&simulate_option_set, simulate_command};
