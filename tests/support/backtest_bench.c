/* backtest_bench.c - scripts in files of their own, bars with prices that tell which they are. */
#include "backtest_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"
#include "bind/bind_moonwick.h"

int64_t backtest_ms(int64_t at)
{
    return BACKTEST_BEGIN_MS + at * MW_MS_PER_MINUTE;
}

void backtest_write(struct backtest_bench *bench, const char *script)
{
    FILE *file = fopen(bench->path, "w");
    assert_non_null(file);
    assert_true(fputs(script, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void backtest_begin(struct backtest_bench *bench, const char *script)
{
    *bench = (struct backtest_bench){.path = "/tmp/mw_backtest_XXXXXX.lua"};
    int file = mkstemps(bench->path, 4);
    assert_true(file >= 0);
    close(file);
    backtest_write(bench, script);
    bench->data = mw_dataset_new();
    bench->options = (struct mw_backtest_options){.file = bench->path,
                                                  .name = "tested",
                                                  .data = bench->data,
                                                  .from_ms = INT64_MIN,
                                                  .to_ms = INT64_MAX,
                                                  .account = mw_account_defaults(),
                                                  .seed = 1,
                                                  .bindings = &mw_lua_bindings};
}

void backtest_end(struct backtest_bench *bench)
{
    mw_backtest_result_free(bench->result);
    mw_dataset_unref(bench->data);
    unlink(bench->path);
}

void backtest_add(struct backtest_bench *bench, const char *symbol, const char *timeframe,
                  int64_t at, uint32_t count, const char *pattern)
{
    struct mw_series_key key = {.feed = ""};
    struct mw_candle *rows = mw_alloc_zero((count + 1) * sizeof(*rows));
    const char *rest = mw_cache_split_name(symbol, key.feed);
    snprintf(key.symbol, sizeof(key.symbol), "%s", rest != NULL ? rest : symbol);
    assert_int_equal(mw_timeframe_parse(timeframe, &key.timeframe, NULL), MW_OK);
    int64_t open_ms = mw_timeframe_floor(key.timeframe, backtest_ms(at));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        double price = 100 + i;
        rows[kept] = (struct mw_candle){.open_ms = open_ms,
                                        .open = price,
                                        .high = price,
                                        .low = price,
                                        .close = price,
                                        .volume = i + 1,
                                        .closed_by = MW_CLOSED_BY_EXCHANGE};
        kept += pattern == NULL || pattern[i % strlen(pattern)] != '.';
        open_ms = mw_timeframe_next(key.timeframe, open_ms);
    }
    if (mw_dataset_add(bench->data, &key, rows, kept, bench->adds_holes, &bench->err) != MW_OK)
        fail_msg("%s", bench->err.message);
}

void backtest_add_holes(struct backtest_bench *bench, const char *symbol, const char *timeframe,
                        int64_t at, uint32_t count, const char *pattern)
{
    bench->adds_holes = true;
    backtest_add(bench, symbol, timeframe, at, count, pattern);
    bench->adds_holes = false;
}

bool backtest_run(struct backtest_bench *bench)
{
    mw_backtest_result_free(bench->result);
    bench->result = NULL;
    return mw_backtest_run(&bench->options, &bench->result, &bench->err) == MW_OK;
}

void backtest_expect(struct backtest_bench *bench, const char *wanted)
{
    struct mw_str said = MW_STR_INIT(1 << 20);
    if (!backtest_run(bench))
        fail_msg("%s", bench->err.message);
    assert_true(mw_str_adds(&said, ""));
    for (uint32_t i = 0; i < bench->result->signal_count; i++) {
        const struct mw_backtest_signal *signal = &bench->result->signals[i];
        assert_true(mw_str_addf(
            &said, "%lld %s\n",
            (long long)((signal->time_ms - BACKTEST_BEGIN_MS) / MW_MS_PER_MINUTE), signal->text));
    }
    assert_string_equal(said.data != NULL ? said.data : "", wanted);
    mw_str_deinit(&said);
}

void backtest_expect_failure(struct backtest_bench *bench, mw_status status, const char *words)
{
    assert_false(backtest_run(bench));
    assert_null(bench->result);
    assert_int_equal(bench->err.status, status);
    if (strstr(bench->err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", bench->err.message, words);
}
