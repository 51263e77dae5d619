/* backtest.c - `moonwick backtest`: a strategy over candles of the past, once or as a grid. */
#include "cli/backtest.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lauxlib.h>

#include "backtest/report.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/limits.h"
#include "base/log.h"
#include "bind/bind_moonwick.h"
#include "cli/output.h"
#include "cli/series_choice.h"
#include "cli/signals.h"
#include "history/text_file.h"
#include "script/vm.h"

#define NAME MW_BACKTEST_NAME

/* --- options ---------------------------------------------------------------------------------- */

static mw_status read_number(const char *text, void *target, struct mw_error *err)
{
    if (!mw_decimal_parse(text, strlen(text), target))
        return mw_fail(err, MW_EINVAL, "'%.40s': want a number", text);
    return MW_OK;
}

/* "0.001" or "0.1%", which is the same to the last bit: the decimal is moved, not divided. */
static mw_status read_fraction(const char *text, void *target, struct mw_error *err)
{
    char moved[MW_DECIMAL_BYTES_MAX + 1];
    size_t length = strlen(text);
    bool is_percent = length > 1 && text[length - 1] == '%' && strpbrk(text, "eE") == NULL;
    if (length + 2 > MW_DECIMAL_BYTES_MAX) /* of what "%" becomes */
        return mw_fail(err, MW_EINVAL, "'%.40s...': more than %d digits", text,
                       MW_DECIMAL_BYTES_MAX - 2);
    if (is_percent)
        snprintf(moved, sizeof(moved), "%.*se-2", (int)length - 1, text);
    const char *number = is_percent ? moved : text;
    if (!mw_decimal_parse(number, strlen(number), target))
        return mw_fail(err, MW_EINVAL, "'%.40s': want a fraction, like 0.001 or 0.1%%", text);
    return MW_OK;
}

static mw_status read_figure(const char *text, void *target, struct mw_error *err)
{
    const char *names[64];
    struct mw_str list = MW_STR_INIT(1024);
    uint32_t count = 0;
    for (const char *name; (name = mw_report_figure_name(count)) != NULL; count++) {
        MW_CHECK(count < MW_COUNT(names));
        if (strcmp(name, text) == 0) {
            *(uint32_t *)target = count;
            mw_str_deinit(&list);
            return MW_OK;
        }
        names[count] = name;
        mw_str_addf(&list, "%s%s", count > 0 ? ", " : "", name);
    }
    const char *nearest = mw_nearest_name(text, names, count);
    mw_status status = nearest != NULL
                           ? mw_fail(err, MW_EINVAL, "'%.40s', did you mean %s?", text, nearest)
                           : mw_fail(err, MW_EINVAL, "'%.40s': want one of %s", text, list.data);
    mw_str_deinit(&list);
    return status;
}

static mw_status read_log_level(const char *text, void *target, struct mw_error *err)
{
    return mw_log_level_parse(text, target, err);
}

#define OPTION(name, value, help, read, member)                                                    \
    {                                                                                              \
        name, value, help, read, offsetof(struct mw_backtest_command, member)                      \
    }

static const struct mw_option backtest_option_list[] = {
    OPTION(NULL, "STRATEGY", "the script", mw_option_read_text, strategy),
    OPTION("data", "[KEY=]FILE",
           "a CSV file or a store, more than once for more; KEY is SYMBOL,\n"
           "                        SYMBOL:TIMEFRAME or FEED:SYMBOL:TIMEFRAME (default: what the\n"
           "                        strategy subscribes to, of " MW_HISTORY_STORE_DEFAULT ")",
           mw_option_read_each, data),
    OPTION("symbol", "LIST", "of stores: A,B; of CSV files without a KEY: the one they are of",
           mw_option_read_list, symbols),
    OPTION("timeframe", "LIST", "of stores: 1m,1h; of CSV files: theirs (default: by their rows)",
           mw_option_read_list, timeframes),
    OPTION("from", "TIME",
           "first bar: 2024-01-01, 2024-01-01T12:00Z, ms, or 30d ago as 30d; what\n"
           "                        lies before is history",
           mw_option_read_when, from_ms),
    OPTION("to", "TIME", "last bar", mw_option_read_when, to_ms),
    OPTION("holes", NULL, "bars that a CSV file lacks are holes (default: nothing was traded)",
           NULL, holes),
    OPTION("param", "NAME=VALUE",
           "of the strategy; a,b,c or 3..10 or 0.1..0.5:0.1 runs all of them", mw_option_read_each,
           param_texts),
    OPTION("cash", "AMOUNT", "at the beginning (default 10000)", read_number, account.cash),
    OPTION("fee", "PART", "of each fill's value: 0.001 or 0.1% (default 0.1%)", read_fraction,
           account.fee),
    OPTION("maker-fee", "PART", "of limit orders that rested (default: as --fee)", read_fraction,
           account.maker_fee),
    OPTION("fixed-fee", "AMOUNT", "of each fill (default 0)", read_number, account.fixed_fee),
    OPTION("slippage", "PART", "of market orders and stops: 0.0005 or 0.05% (default 0)",
           read_fraction, account.slippage),
    OPTION("leverage", "FACTOR", "positions at most so many times the equity (default 1)",
           read_number, account.leverage),
    OPTION("seed", "N", "of math.random (default 1)", mw_option_read_unsigned, seed),
    OPTION("cache-bars", "N", "that each series keeps at hand (default 1000)",
           mw_option_read_unsigned, cache_bars),
    OPTION("jobs", "N", "threads of a grid (default: one a core)", mw_option_read_unsigned, jobs),
    OPTION("sort", "FIGURE", "of a grid: best first by total_return, sharpe, max_drawdown, ...",
           read_figure, sort),
    OPTION("top", "N", "lines of a grid's table (default 20; 0: all)", mw_option_read_unsigned,
           top),
    OPTION("json", NULL, "print one JSON object; of a grid one a line", NULL, json),
    OPTION("full", NULL, "with --json: equity, trades, fills and signals too", NULL, full),
    OPTION("csv", "FILE", "write trades, or the table of a grid; - is standard output",
           mw_option_read_text, csv),
    OPTION("equity", "FILE", "write the equity as CSV", mw_option_read_text, equity),
    OPTION("html", "FILE", "write a page with charts", mw_option_read_text, html),
    OPTION("plain", NULL, "no characters beyond ASCII", NULL, plain),
    OPTION("log-level", "LEVEL", "debug, info, warn, error or off (default warn)", read_log_level,
           log_level),
    OPTION("quiet", NULL, "no progress and no rate", NULL, quiet),
};

static const char *const backtest_examples[] = {
    "moonwick backtest strategies/sma_cross.lua --data btc.csv",
    "moonwick backtest strategies/sma_cross.lua --from 2024-01-01 --to 2024-06-30 --fee 0.05%",
    "moonwick backtest pairs.lua --data BTCUSDT=btc.csv --data ETHUSDT=eth.csv --json",
    "moonwick backtest strategies/sma_cross.lua --param fast=3..10 --param slow=20..60:10",
    NULL,
};

static const struct mw_option_set backtest_option_set = {
    .name = NAME,
    .summary = "Run a strategy over candles of the past and report how it did",
    .options = backtest_option_list,
    .option_count = MW_COUNT(backtest_option_list),
    .examples = backtest_examples,
};

/* --- output ----------------------------------------------------------------------------------- */

mw_status mw_backtest_command_write(const char *path, mw_backtest_add_fn add, const void *what,
                                    struct mw_error *err)
{
    struct mw_str text = MW_STR_INIT(MW_REPORT_BYTES_MAX);
    struct mw_text_writer *writer = NULL;
    const char *dot = strrchr(path, '.');
    bool gzip = dot != NULL && strcmp(dot, ".gz") == 0;
    mw_status status = MW_OK;
    if (!add(what, &text))
        status = mw_fail(err, MW_ELIMIT, "%s: more than %d bytes", path, MW_REPORT_BYTES_MAX);
    if (status == MW_OK)
        status = mw_text_writer_open(path, gzip, &writer, err);
    if (status == MW_OK)
        status = mw_text_writer_write(writer, text.data, text.length, err);
    if (status == MW_OK)
        status = mw_text_writer_finish(writer, err);
    mw_text_writer_close(writer);
    mw_str_deinit(&text);
    return status == MW_ECLOSED ? MW_OK : status; /* "| head" has what it wants */
}

/* A result and how it is wanted. */
struct shown {
    const struct mw_backtest_result *result;
    const struct mw_backtest_command *command;
};

static bool add_report(const void *what, struct mw_str *out)
{
    const struct shown *shown = what;
    const struct mw_report_style style = {.plain = shown->command->plain};
    if (shown->command->json)
        return mw_report_json(shown->result, shown->command->full, out);
    return mw_report_text(shown->result, &style, out);
}

static bool add_trades(const void *what, struct mw_str *out)
{
    return mw_report_trades_csv(((const struct shown *)what)->result, out);
}

static bool add_equity(const void *what, struct mw_str *out)
{
    return mw_report_equity_csv(((const struct shown *)what)->result, out);
}

static bool add_page(const void *what, struct mw_str *out)
{
    const struct mw_str *page = what;
    return mw_str_add(out, page->data, page->length);
}

static mw_status write_page(const struct shown *shown, struct mw_error *err)
{
    struct mw_str page = MW_STR_INIT(MW_REPORT_BYTES_MAX);
    mw_status status = mw_report_html(shown->result, &page, err);
    if (status == MW_OK)
        status = mw_backtest_command_write(shown->command->html, add_page, &page, err);
    else
        mw_fail_within(err, status, "--html");
    mw_str_deinit(&page);
    return status;
}

static bool is_dash(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* The report comes first: a file that cannot be written does not take it along. */
static int write_all(const struct mw_backtest_command *command,
                     const struct mw_backtest_result *result)
{
    const struct shown shown = {result, command};
    struct mw_error err;
    int code = MW_EXIT_OK;
    bool elsewhere = is_dash(command->csv) || is_dash(command->equity) || is_dash(command->html);
    if (!elsewhere && mw_backtest_command_write("-", add_report, &shown, &err) != MW_OK)
        code = mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    if (command->csv != NULL &&
        mw_backtest_command_write(command->csv, add_trades, &shown, &err) != MW_OK)
        code = mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    if (command->equity != NULL &&
        mw_backtest_command_write(command->equity, add_equity, &shown, &err) != MW_OK)
        code = mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    if (command->html != NULL && write_page(&shown, &err) != MW_OK)
        code = mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    return code;
}

/* --- one run ---------------------------------------------------------------------------------- */

/* A run that is watched. */
struct watched {
    const struct mw_backtest_command *command;
    const char *name;
    struct mw_progress progress;
};

static bool take_progress(void *user, uint64_t done, uint64_t total)
{
    struct watched *watched = user;
    const struct mw_progress_state state = {
        .name = watched->name, .done = done, .total = total, .rows = done, .unit = "bars"};
    if (!watched->command->quiet)
        mw_progress_show(&watched->progress, &state, mw_clock_monotonic_ms());
    return !mw_signals_stopping();
}

static int run_once(const struct mw_backtest_command *command, struct mw_backtest_options *options)
{
    const struct mw_vm_options vm_options = {.bytes_max = MW_LUA_BYTES_DEFAULT};
    struct mw_vm *vm;
    struct mw_error err;
    if (mw_vm_new(&vm_options, &vm, &err) != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    const char *slash = strrchr(command->strategy, '/');
    struct watched watched = {.command = command,
                              .name = slash != NULL ? slash + 1 : command->strategy};
    mw_progress_init(&watched.progress, stderr, 0);
    mw_progress_begin(&watched.progress, mw_clock_monotonic_ms());
    mw_backtest_command_push_params(command, mw_vm_state(vm), 0, 0);
    options->params_from = mw_vm_state(vm);
    options->params_ref = luaL_ref(options->params_from, LUA_REGISTRYINDEX);
    options->on_progress = take_progress;
    options->user = &watched;
    struct mw_backtest_result *result = NULL;
    int64_t start_ns = mw_clock_monotonic_ns();
    mw_status status = mw_backtest_run(options, &result, &err);
    double seconds = (double)(mw_clock_monotonic_ns() - start_ns) / 1e9;
    mw_progress_clear(&watched.progress);
    mw_vm_free(vm);
    if (status == MW_ECANCELLED)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "interrupted");
    if (status != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    int code = write_all(command, result);
    if (!command->quiet)
        fprintf(stderr, "moonwick " NAME ": %" PRIu64 " bar%s in %.*f s: %.0f bars/s\n",
                result->bars, mw_plural(result->bars), mw_seconds_digits(seconds), seconds,
                (double)result->bars / (seconds > 0 ? seconds : 1));
    mw_backtest_result_free(result);
    return code;
}

/* --- the command ------------------------------------------------------------------------------ */

static mw_status read_axes(struct mw_backtest_command *command, struct mw_error *err)
{
    uint32_t count = command->param_texts.count;
    if (count > MW_GRID_AXES_MAX)
        return mw_fail(err, MW_ELIMIT, "--param: more than %d", MW_GRID_AXES_MAX);
    command->axes = mw_alloc_zero((count + 1) * sizeof(*command->axes));
    for (uint32_t i = 0; i < count; i++) {
        struct mw_grid_axis *axis = &command->axes[i];
        mw_status status = mw_grid_axis_read(command->param_texts.items[i], axis, err);
        if (status != MW_OK)
            return mw_fail_within(err, status, "--param");
        command->axis_count++;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(command->axes[j].name, axis->name) == 0)
                return mw_fail(err, MW_EINVAL, "--param: '%s' is given twice", axis->name);
    }
    return MW_OK;
}

static bool is_grid(const struct mw_backtest_command *command)
{
    for (uint32_t i = 0; i < command->axis_count; i++)
        if (command->axes[i].count > 1)
            return true;
    return false;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* No report takes the place of what it is made from, nor of another one. */
static mw_status check_files(const struct mw_backtest_command *command, struct mw_error *err)
{
    const char *files[] = {command->csv, command->equity, command->html};
    for (size_t i = 0; i < MW_COUNT(files); i++) {
        if (files[i] == NULL || is_dash(files[i]))
            continue;
        bool is_read = is_same_file(files[i], command->strategy);
        for (uint32_t j = 0; j < command->data.count; j++) {
            const char *text = command->data.items[j], *equals = strchr(text, '=');
            is_read = is_read || is_same_file(files[i], text) ||
                      (equals != NULL && is_same_file(files[i], equals + 1));
        }
        if (command->data.count == 0)
            is_read = is_read || is_same_file(files[i], MW_HISTORY_STORE_DEFAULT);
        if (is_read)
            return mw_fail(err, MW_EINVAL, "%s is read: want another file to write", files[i]);
        for (size_t j = 0; j < i; j++)
            if (files[j] != NULL &&
                (is_same_file(files[i], files[j]) ||
                 (strcmp(files[i], files[j]) == 0 && access(files[i], F_OK) != 0)))
                return mw_fail(err, MW_EINVAL, "%s is to be written twice", files[i]);
    }
    return MW_OK;
}

static mw_status check(struct mw_backtest_command *command, struct mw_error *err)
{
    int dashes = is_dash(command->csv) + is_dash(command->equity) + is_dash(command->html);
    if (command->strategy == NULL)
        return mw_fail(err, MW_EINVAL, "want a strategy to run");
    if (command->from_ms > command->to_ms)
        return mw_fail(err, MW_EINVAL, "--from is after --to");
    if (command->jobs > MW_GRID_JOBS_MAX)
        return mw_fail(err, MW_ELIMIT, "--jobs: %" PRIu64 ": at most %d", command->jobs,
                       MW_GRID_JOBS_MAX);
    if (command->cache_bars > MW_SERIES_CANDLES_MAX)
        return mw_fail(err, MW_ELIMIT, "--cache-bars: %" PRIu64 ": at most %d", command->cache_bars,
                       MW_SERIES_CANDLES_MAX);
    if (command->full && !command->json)
        return mw_fail(err, MW_EINVAL, "--full goes with --json");
    if (dashes > 1 || (dashes > 0 && command->json))
        return mw_fail(err, MW_EINVAL, "standard output takes one of --json, --csv, --equity");
    for (uint32_t i = 0; i < command->timeframes.count; i++) {
        struct mw_timeframe timeframe;
        if (mw_timeframe_parse(command->timeframes.items[i], &timeframe, err) != MW_OK)
            return mw_fail_within(err, MW_EINVAL, "--timeframe");
    }
    mw_status status = mw_account_check_options(&command->account, err);
    if (status == MW_OK)
        status = check_files(command, err);
    if (status == MW_OK)
        status = read_axes(command, err);
    if (status == MW_OK && is_grid(command) && (command->equity != NULL || command->html != NULL))
        return mw_fail(err, MW_EINVAL, "--equity and --html are of one run, not of a grid");
    if (status == MW_OK && is_grid(command) && command->full)
        return mw_fail(err, MW_EINVAL, "--full is of one run, not of a grid");
    return status;
}

static int run(const struct mw_backtest_command *command)
{
    struct mw_backtest_options options = {
        .file = command->strategy,
        .params_are_texts = true,
        .from_ms = command->from_ms,
        .to_ms = command->to_ms,
        .account = command->account,
        .seed = command->seed,
        .cache_bars = (uint32_t)command->cache_bars,
        .bindings = &mw_lua_bindings,
    };
    struct mw_error err;
    mw_signals_catch(NULL, NULL);
    mw_status status = mw_backtest_command_read_data(command, &options.data, &err);
    if (status == MW_ECONFIG)
        return mw_cli_fail(NAME, MW_EXIT_USAGE, "%s\ntry 'moonwick " NAME " --help'", err.message);
    if (status != MW_OK)
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "%s", err.message);
    if (mw_signals_stopping()) {
        mw_dataset_unref(options.data);
        return mw_cli_fail(NAME, MW_EXIT_FAILED, "interrupted");
    }
    int code = is_grid(command) ? mw_backtest_command_run_grid(command, &options)
                                : run_once(command, &options);
    mw_dataset_unref(options.data);
    return code;
}

static int backtest_command(int argc, char **argv)
{
    struct mw_backtest_command command = {.from_ms = INT64_MIN,
                                          .to_ms = INT64_MAX,
                                          .account = mw_account_defaults(),
                                          .seed = 1,
                                          .top = MW_BACKTEST_TOP_DEFAULT,
                                          .log_level = MW_LOG_WARN};
    struct mw_error err;
    int code;
    if (mw_cli_parse(&backtest_option_set, argc, argv, &command, &code)) {
        mw_log_set_level(command.log_level);
        if (check(&command, &err) == MW_OK)
            code = run(&command);
        else
            code =
                mw_cli_fail(NAME, MW_EXIT_USAGE, "%s\ntry 'moonwick " NAME " --help'", err.message);
    }
    for (uint32_t i = 0; i < command.axis_count; i++)
        mw_grid_axis_deinit(&command.axes[i]);
    mw_free(command.axes);
    mw_text_list_deinit(&command.data);
    mw_text_list_deinit(&command.symbols);
    mw_text_list_deinit(&command.timeframes);
    mw_text_list_deinit(&command.param_texts);
    return code;
}

const struct mw_command mw_command_backtest = {&backtest_option_set, backtest_command};
