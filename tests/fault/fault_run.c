/* fault_run.c - runs fault schedules against the whole engine, and says what became of them.
 *
 *     fault_run                                200 random schedules
 *     fault_run --schedules 5000 --seed 1      more; each has the next seed
 *     fault_run --seed 77 --schedules 1        that one again
 *     fault_run --each                         every kind alone, with what strategy and log saw
 *     fault_run --kind reset                   one of them
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "each.h"
#include "pool.h"

enum { JOBS = 16, SCHEDULES = 200, LOG_LINES = 40, LINE_BYTES = 2048 };

struct run {
    const char *program;
    uint64_t first_seed, schedules, done, failed;
    struct trial_result sums; /* but for repair_ms, which is the longest */
    uint64_t longest_seed;
};

static uint64_t first_seed;

static void make(struct trial *trial, uint64_t number, const char *folder)
{
    trial_of_seed(trial, first_seed + number, folder);
}

/* Prints the last lines of a file. */
static void print_tail(const char *folder, const char *name)
{
    char path[TRIAL_PATH_BYTES + 16];
    static char lines[LOG_LINES][LINE_BYTES];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    size_t count = 0;
    while (file != NULL && fgets(lines[count % LOG_LINES], LINE_BYTES, file) != NULL)
        count++;
    if (file != NULL)
        fclose(file);
    printf("  the end of %s:\n", path);
    for (size_t i = count > LOG_LINES ? count - LOG_LINES : 0; i < count; i++)
        printf("    %s", lines[i % LOG_LINES]);
}

static void add_up(struct run *run, const struct trial *trial, const struct trial_result *result)
{
    struct trial_result *sums = &run->sums;
    for (size_t i = 0; i < MW_SABOTAGE_KIND_COUNT; i++)
        sums->faults[i] += result->faults[i];
    sums->delivered += result->delivered;
    sums->lost += result->lost;
    sums->gaps += result->gaps;
    sums->backfilled += result->backfilled;
    sums->revised += result->revised;
    sums->lagged += result->lagged;
    sums->complete += result->complete;
    sums->incomplete += result->incomplete;
    if (result->repair_ms > sums->repair_ms) {
        sums->repair_ms = result->repair_ms;
        run->longest_seed = trial->seed;
    }
}

static bool done(void *user, const struct trial *trial, uint64_t number,
                 const struct trial_result *result)
{
    struct run *run = user;
    (void)number;
    run->done++;
    add_up(run, trial, result);
    if (result->failure[0] == '\0')
        return false;
    run->failed++;
    printf("FAILED seed %" PRIu64 ": %s\n  again: %s --schedules 1 --seed %" PRIu64 "\n",
           trial->seed, result->failure, run->program, trial->seed);
    trial_print(trial);
    print_tail(trial->folder, "log.txt");
    printf("  what the strategy was told: %s/trace.txt\n", trial->folder);
    fflush(stdout);
    return true;
}

static void print_sums(const struct run *run, int64_t took_ms)
{
    const struct trial_result *sums = &run->sums;
    uint64_t faults = 0;
    for (size_t i = 0; i < MW_SABOTAGE_KIND_COUNT; i++)
        faults += sums->faults[i];
    printf("%" PRIu64 " schedules, %" PRIu64 " failed, %.1f s\n", run->done, run->failed,
           (double)took_ms / MW_MS_PER_SECOND);
    printf("%" PRIu64 " faults:", faults);
    for (size_t i = 0; i < MW_SABOTAGE_KIND_COUNT; i++)
        printf("%s %s %" PRIu64, i > 0 ? "," : "", mw_sabotage_text((mw_sabotage_kind)i),
               sums->faults[i]);
    printf("\n%" PRIu64 " bars delivered, %" PRIu64 " lost\n", sums->delivered, sums->lost);
    printf("%" PRIu64 " gaps told, %" PRIu64 " back-filled, %" PRIu64 " revised, %" PRIu64
           " lagged\n",
           sums->gaps, sums->backfilled, sums->revised, sums->lagged);
    printf("%" PRIu64 " answers complete and whole, %" PRIu64 " not complete\n", sums->complete,
           sums->incomplete);
    printf("longest from the end of the faults until all was whole: %" PRId64 " ms (seed %" PRIu64
           ")\n",
           sums->repair_ms, run->longest_seed);
}

static int fail_usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--schedules N] [--seed N] [--jobs N] [--each | --kind KIND]\n"
            "at most %d jobs; kinds are:",
            program, POOL_JOBS_MAX);
    for (int kind = 0; kind < MW_SABOTAGE_KIND_COUNT; kind++)
        fprintf(stderr, " %s", mw_sabotage_text((mw_sabotage_kind)kind));
    fprintf(stderr, "\n");
    return 2;
}

static int run_schedules(struct run *run, uint32_t jobs)
{
    const struct pool_options options = {
        .count = run->schedules, .jobs = jobs, .make = make, .done = done, .user = run};
    int64_t began_ms = mw_clock_monotonic_ms();
    first_seed = run->first_seed;
    pool_run(&options);
    print_sums(run, mw_clock_monotonic_ms() - began_ms);
    return run->failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct run run = {.program = argv[0], .first_seed = 1, .schedules = SCHEDULES};
    uint32_t jobs = JOBS;
    bool each = false;
    int kind = -1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--each") == 0) {
            each = true;
            continue;
        }
        if (i + 1 == argc)
            return fail_usage(argv[0]);
        const char *name = argv[i++], *value = argv[i];
        if (strcmp(name, "--schedules") == 0)
            run.schedules = strtoull(value, NULL, 10);
        else if (strcmp(name, "--seed") == 0)
            run.first_seed = strtoull(value, NULL, 10);
        else if (strcmp(name, "--jobs") == 0)
            jobs = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(name, "--kind") == 0)
            kind = mw_sabotage_find(value);
        if (strcmp(name, "--kind") == 0 && kind < 0)
            return fail_usage(argv[0]);
    }
    if (jobs < 1 || jobs > POOL_JOBS_MAX)
        return fail_usage(argv[0]);
    return each || kind >= 0 ? each_run(kind, jobs) : run_schedules(&run, jobs);
}
