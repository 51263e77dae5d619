/* backtest_grid.c - `moonwick backtest` with parameters that have many values. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backtest/report_grid.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cli/backtest.h"
#include "cli/output.h"
#include "cli/signals.h"

/* A grid that is watched. */
struct watched {
    const struct mw_backtest_command *command;
    struct mw_progress progress;
    uint64_t bars;
};

static bool take_progress(void *user, uint64_t runs_done, uint64_t runs, uint64_t bars)
{
    struct watched *watched = user;
    char name[MW_PROGRESS_BYTES];
    snprintf(name, sizeof(name), "%" PRIu64 " of %" PRIu64 " runs", runs_done, runs);
    const struct mw_progress_state state = {
        .name = name, .done = runs_done, .total = runs, .rows = bars, .unit = "bars"};
    watched->bars = bars;
    if (!watched->command->quiet)
        mw_progress_show(&watched->progress, &state, mw_clock_monotonic_ms());
    return !mw_signals_stopping();
}

/* Runs of a grid and how they are wanted. */
struct shown {
    struct mw_report_grid grid;
    const struct mw_backtest_command *command;
};

static bool add_table(const void *what, struct mw_str *out)
{
    const struct shown *shown = what;
    const struct mw_report_style style = {.plain = shown->command->plain};
    if (shown->command->json)
        return mw_report_grid_json(&shown->grid, out);
    return mw_report_grid_text(&shown->grid, &style, out);
}

static bool add_csv(const void *what, struct mw_str *out)
{
    return mw_report_grid_csv(&((const struct shown *)what)->grid, out);
}

static uint32_t job_count(const struct mw_backtest_command *command)
{
    if (command->jobs > 0)
        return (uint32_t)command->jobs;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 1)
        return 1;
    return cores < MW_GRID_JOBS_MAX ? (uint32_t)cores : MW_GRID_JOBS_MAX;
}

static int write_all(const struct mw_backtest_command *command, const struct mw_grid_run *runs,
                     uint32_t count)
{
    /* The table is for people; machines get all runs unless they ask for less. */
    bool cut = !command->json || command->top != MW_BACKTEST_TOP_DEFAULT;
    struct shown shown = {.grid = {.axes = command->axes,
                                   .axis_count = command->axis_count,
                                   .runs = runs,
                                   .count = count,
                                   .figure = command->sort,
                                   .top = cut ? (uint32_t)command->top : 0},
                          .command = command};
    struct mw_error err;
    int code = MW_EXIT_OK;
    bool elsewhere = command->csv != NULL && strcmp(command->csv, "-") == 0;
    if (!elsewhere && mw_backtest_command_write("-", add_table, &shown, &err) != MW_OK)
        code = mw_cli_fail(MW_BACKTEST_NAME, MW_EXIT_FAILED, "%s", err.message);
    shown.grid.top = command->top != MW_BACKTEST_TOP_DEFAULT ? (uint32_t)command->top : 0;
    if (command->csv != NULL &&
        mw_backtest_command_write(command->csv, add_csv, &shown, &err) != MW_OK)
        code = mw_cli_fail(MW_BACKTEST_NAME, MW_EXIT_FAILED, "%s", err.message);
    return code;
}

int mw_backtest_command_run_grid(const struct mw_backtest_command *command,
                                 const struct mw_backtest_options *options)
{
    struct watched watched = {.command = command};
    const struct mw_grid grid = {.axes = command->axes,
                                 .axis_count = command->axis_count,
                                 .options = *options,
                                 .jobs = job_count(command),
                                 .on_progress = take_progress,
                                 .user = &watched};
    struct mw_grid_run *runs;
    uint32_t count, failed = 0;
    struct mw_error err;
    mw_progress_init(&watched.progress, stderr, 0);
    mw_progress_begin(&watched.progress, mw_clock_monotonic_ms());
    int64_t start_ns = mw_clock_monotonic_ns();
    mw_status status = mw_grid_run(&grid, &runs, &count, &err);
    double seconds = (double)(mw_clock_monotonic_ns() - start_ns) / 1e9;
    mw_progress_clear(&watched.progress);
    if (status == MW_ECANCELLED)
        return mw_cli_fail(MW_BACKTEST_NAME, MW_EXIT_FAILED, "interrupted");
    if (status != MW_OK)
        return mw_cli_fail(MW_BACKTEST_NAME, status == MW_ELIMIT ? MW_EXIT_USAGE : MW_EXIT_FAILED,
                           "%s", err.message);
    for (uint32_t i = 0; i < count; i++)
        failed += runs[i].result == NULL;
    int code = failed < count
                   ? write_all(command, runs, count)
                   : mw_cli_fail(MW_BACKTEST_NAME, MW_EXIT_FAILED,
                                 "all runs failed, the first with: %s", runs[0].error->message);
    if (!command->quiet && failed < count)
        fprintf(stderr,
                "moonwick " MW_BACKTEST_NAME ": %" PRIu32 " runs, %" PRIu64
                " bars in %.*f s: %.0f bars/s\n",
                count, watched.bars, mw_seconds_digits(seconds), seconds,
                (double)watched.bars / (seconds > 0 ? seconds : 1));
    mw_grid_runs_free(runs, count);
    return code;
}
