/* crash_run.c - kills an engine with a store at random moments, and says what became of the store.
 *
 *     crash_run                          50 rounds on one store, with a seed from the clock
 *     crash_run --rounds 500 --seed 7    more, with the kills of this seed
 *     crash_run --protocol binance       the other venue, which is slower to give its history
 *     crash_run --mutation torn          with a writer that is wrong, which has to be seen
 *     crash_run --keep                   leaves its folder behind
 *
 * The same seed plans the same kills; where they hit is up to the machine.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/random.h"
#include "round.h"
#include "venue.h"

enum {
    ROUNDS = 50,
    KILL_MS = 1000,  /* a kill comes within this time */
    STARTUP_MS = 60, /* some within this one */
    PATIENCE_MS = 30000,
    DAYS_BACK = 300, /* so that simulated time never comes up to the wall clock */
    LOG_LINES = 30,
    LINE_BYTES = 1024,
    ROUNDS_MAX = 100000,
};

/* A venue at its pace. */
struct pace {
    const char *protocol;
    uint32_t speed; /* simulated seconds a second */
    uint32_t bars;  /* of a ring; a ring of minutes holds ten seconds */
};

/* As many bars as a venue's history gives back in time, at the rate that it allows. */
static const struct pace paces[] = {{"wealthdata", 12000, 2000}, {"binance", 6000, 1000}};

struct run {
    const char *program;
    struct pace pace;
    uint64_t seed;
    uint32_t rounds;
    mutation mutation;
    bool keep;
    struct stage stage;
    struct mw_random random;
    /* What came of it. */
    uint32_t played, failed, at_startup, once_whole;
    uint64_t parts, lost;
    double *whole_ms; /* owns; of the rounds in which the rings became whole */
    uint32_t whole_count;
    struct verdict last;
};

static const struct mw_timeframe timeframes[] = {{1, 'm'}, {5, 'm'}};
static const char timeframe_list[] = "1m,5m";

static void write_config(struct run *run, const char *url)
{
    char path[STAGE_PATH_BYTES], host[64] = "";
    MW_CHECK(sscanf(url, "ws://%63[^/]", host) == 1);
    FILE *file = fopen(stage_path(&run->stage, "config.lua", path), "w");
    MW_CHECK(file != NULL);
    fprintf(file,
            "return { log = { level = 'info' }, cache = { bars = %u },\n"
            "  history = { store = '%s' },\n"
            "  reconnect = { attempts = math.huge, base = 0.02, cap = 0.2, settle = 0.1 },\n"
            "  feeds = { { name = '%s', protocol = '%s', endpoint = '%s',\n"
            "    rest = 'http://%s', gap_wait = '500ms',\n    symbols = {",
            run->stage.bars, stage_path(&run->stage, "store.db", path), CLAIMS_FEED,
            run->pace.protocol, url, host);
    for (size_t i = 0; i < TRUTH_SYMBOLS_MAX; i++)
        fprintf(file, " '%s',", truth_symbols[i]);
    fprintf(file, " },\n    timeframes = {");
    for (size_t i = 0; i < MW_COUNT(timeframes); i++) {
        char text[MW_TIMEFRAME_BYTES_MAX];
        fprintf(file, " '%s',", mw_timeframe_format(timeframes[i], text));
    }
    fprintf(file, " } } } }\n");
    MW_CHECK(fclose(file) == 0);
}

/* One kill in four once the rings are whole, one in eight while the engine starts, the others at
 * any time. The last one comes when all is written. */
static struct plan make_plan(struct run *run, bool is_last)
{
    uint64_t dice = mw_random_next(&run->random);
    double unit = mw_random_unit(&run->random);
    if (is_last)
        return (struct plan){.once_whole = true, .once_written = true};
    if (dice % 4 == 0)
        return (struct plan){.once_whole = true, .after_ms = (int64_t)(unit * KILL_MS / 2)};
    return (struct plan){.after_ms = (int64_t)(unit * (dice % 8 == 1 ? STARTUP_MS : KILL_MS))};
}

static void print_tail(const struct run *run)
{
    static char lines[LOG_LINES][LINE_BYTES];
    char path[STAGE_PATH_BYTES];
    FILE *file = fopen(stage_path(&run->stage, "log.txt", path), "r");
    size_t count = 0;
    while (file != NULL && fgets(lines[count % LOG_LINES], LINE_BYTES, file) != NULL)
        count++;
    if (file != NULL)
        fclose(file);
    printf("  the end of its log:\n");
    for (size_t i = count > LOG_LINES ? count - LOG_LINES : 0; i < count; i++)
        printf("    %s", lines[i % LOG_LINES]);
    fflush(stdout);
}

static void add_up(struct run *run, const struct plan *plan, const struct outcome *outcome)
{
    run->at_startup += !outcome->started;
    run->once_whole += outcome->whole;
    run->parts += outcome->told;
    run->lost += outcome->verdict.lost;
    run->last = outcome->verdict;
    if (outcome->whole)
        run->whole_ms[run->whole_count++] = (double)outcome->whole_ms;
    if (outcome->verdict.failure[0] == '\0')
        return;
    run->failed++;
    printf("FAILED round %u, killed %" PRId64 " ms after %s: %s\n", run->played, plan->after_ms,
           plan->once_written ? "all was written"
           : plan->once_whole ? "the rings were whole"
                              : "its start",
           outcome->verdict.failure);
    print_tail(run);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_sums(struct run *run, int64_t took_ms)
{
    const struct verdict *last = &run->last;
    printf("%u rounds, %u failed, %.1f s, seed %" PRIu64 "\n", run->played, run->failed,
           (double)took_ms / MW_MS_PER_SECOND, run->seed);
    printf("killed: %u while starting, %u while back-filling, %u once whole\n", run->at_startup,
           run->played - run->at_startup - run->once_whole, run->once_whole);
    printf("%" PRIu64 " bars told as stored in %" PRIu64 " parts, %" PRIu64 " lost; %" PRIu64
           " rows in the store, %" PRIu64 " buckets in holes, %" PRIu64 " of them told before\n",
           last->told, run->parts, run->lost, last->rows, last->missing, last->reopened);
    if (run->whole_count == 0)
        return;
    qsort(run->whole_ms, run->whole_count, sizeof(*run->whole_ms), compare);
    printf("from the start until whole: median %.0f ms, longest %.0f ms\n",
           run->whole_ms[run->whole_count / 2], run->whole_ms[run->whole_count - 1]);
}

static void remove_folder(const struct stage *stage)
{
    static const char *const names[] = {"config.lua",   "log.txt", "store.db",    "store.db-wal",
                                        "store.db-shm", "copy.db", "copy.db-wal", "copy.db-shm"};
    char path[STAGE_PATH_BYTES];
    for (size_t i = 0; i < MW_COUNT(names); i++)
        unlink(stage_path(stage, names[i], path));
    rmdir(stage->folder);
}

static void play(struct run *run)
{
    int64_t began_ms = mw_clock_monotonic_ms();
    for (uint32_t i = 0; i < run->rounds && run->failed == 0; i++) {
        struct plan plan = make_plan(run, i + 1 == run->rounds);
        struct outcome outcome;
        run->played = i + 1;
        round_play(&run->stage, &plan, &outcome);
        add_up(run, &plan, &outcome);
    }
    print_sums(run, mw_clock_monotonic_ms() - began_ms);
}

static int run_rounds(struct run *run)
{
    int64_t start_ms = mw_timeframe_floor((struct mw_timeframe){1, 'd'}, mw_clock_wall_ms()) -
                       DAYS_BACK * (int64_t)MW_MS_PER_DAY;
    struct stage *stage = &run->stage;
    struct truth truth;
    struct venue venue = {.pid = 0};
    struct mw_error err;
    run->random.state = mw_random_mix(run->seed);
    run->whole_ms = mw_alloc((run->rounds + 1) * sizeof(*run->whole_ms));
    snprintf(stage->folder, sizeof(stage->folder), "/tmp/moonwick_crash_XXXXXX");
    MW_CHECK(mkdtemp(stage->folder) != NULL);
    stage->seed = run->seed;
    stage->mutation = run->mutation;
    stage->program = run->program;
    stage->bars = run->pace.bars;
    truth_init(&truth, run->seed);
    stage->claims =
        claims_new(&truth, timeframes, MW_COUNT(timeframes),
                   start_ms - (int64_t)stage->bars * 2 *
                                  mw_timeframe_ms(timeframes[MW_COUNT(timeframes) - 1]));
    char symbols[128] = "";
    for (size_t i = 0; i < TRUTH_SYMBOLS_MAX; i++)
        snprintf(symbols + strlen(symbols), sizeof(symbols) - strlen(symbols), "%s%s",
                 i > 0 ? "," : "", truth_symbols[i]);
    const struct venue_options options = {.program = run->program,
                                          .protocol = run->pace.protocol,
                                          .symbols = symbols,
                                          .timeframes = timeframe_list,
                                          .seed = run->seed,
                                          .speed = run->pace.speed,
                                          .start_ms = start_ms};
    if (venue_start(&venue, &options, &err) == MW_OK) {
        write_config(run, venue.url);
        play(run);
    } else {
        printf("FAILED: %s\n", err.message);
        run->failed++;
    }
    venue_stop(&venue);
    claims_free(stage->claims);
    mw_free(run->whole_ms);
    if (run->keep)
        printf("its files are in %s\n", stage->folder);
    else
        remove_folder(stage);
    bool is_good = run->failed == 0;
    if (run->mutation != MUTATION_NONE) {
        is_good = !is_good && mutation_is_seen(run->mutation, run->last.failure);
        printf("the mutation is %s\n", is_good ? "seen" : "not seen");
    }
    return is_good ? 0 : 1;
}

static int fail_usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--rounds N] [--seed N] [--protocol NAME] [--speed N] [--bars N]\n"
            "    [--patience MS] [--mutation KIND] [--program MOONWICK] [--keep]\nmutations are:",
            program);
    for (int kind = 0; kind < MUTATION_COUNT; kind++)
        fprintf(stderr, " %s", mutation_text((mutation)kind));
    fprintf(stderr, "\n");
    return 2;
}

/* Empty for a venue that is not there. */
static struct pace find_pace(const char *protocol)
{
    for (size_t i = 0; i < MW_COUNT(paces); i++)
        if (strcmp(paces[i].protocol, protocol) == 0)
            return paces[i];
    return (struct pace){.protocol = NULL};
}

int main(int argc, char **argv)
{
    struct run run = {.program = MW_CRASH_PROGRAM,
                      .seed = (uint64_t)mw_clock_wall_ms(),
                      .rounds = ROUNDS,
                      .pace = paces[0],
                      .stage = {.patience_ms = PATIENCE_MS}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--keep") == 0) {
            run.keep = true;
            continue;
        }
        if (i + 1 == argc)
            return fail_usage(argv[0]);
        const char *name = argv[i++], *value = argv[i];
        if (strcmp(name, "--rounds") == 0)
            run.rounds = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--seed") == 0)
            run.seed = strtoull(value, NULL, 10);
        else if (strcmp(name, "--speed") == 0)
            run.pace.speed = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--bars") == 0)
            run.pace.bars = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--patience") == 0)
            run.stage.patience_ms = strtol(value, NULL, 10);
        else if (strcmp(name, "--protocol") == 0)
            run.pace = find_pace(value);
        else if (strcmp(name, "--mutation") == 0)
            run.mutation = mutation_find(value);
        else if (strcmp(name, "--program") == 0)
            run.program = value;
        else
            return fail_usage(argv[0]);
    }
    if (run.rounds < 1 || run.rounds > ROUNDS_MAX || run.pace.protocol == NULL ||
        run.pace.speed < 1 || run.pace.bars < 2 || run.mutation == MUTATION_COUNT)
        return fail_usage(argv[0]);
    return run_rounds(&run);
}
