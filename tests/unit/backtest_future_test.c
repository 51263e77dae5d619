/* backtest_future_test.c - what comes after a moment changes nothing that was said until then.
 *
 * Random data (several series, silence or holes, ragged ends) and a script that asks random
 * questions in each hook, trades at random and says all that it hears. Then the rows that close
 * after a random moment are given other prices, and others of them are absent: what was said, the
 * equity and the fills until that moment have to be the same to the last digit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backtest_bench.h"
#include "base/check.h"
#include "base/clock.h"

enum { ROUNDS = 60, SERIES_MAX = 5, ROWS_MAX = 160, SCRIPT_BYTES = 8192 };

static const char script[] =
    "local symbols = { 'A', 'B', 'x:A', 'C' }\n"
    "local steps = { '1m', '2m', '3m', '5m', '7m', '11m', '15m', '90m', '1h', '4h', '1d', '3d',\n"
    "  '1w', '1M', '1s' }\n"
    "local asked = ''\n"
    "local function any(list) return list[math.random(#list)] end\n"
    "local function describe(bars)\n"
    "  local words = { #bars .. ' ' .. tostring(bars.reason) .. ' ' .. tostring(bars.complete) }\n"
    "  for i = 1, #bars do\n"
    "    local bar = bars[i]\n"
    "    words[#words + 1] = ('%d %.17g %.17g'):format(bar.time, bar.close, bar.volume)\n"
    "  end\n"
    "  if #bars > 0 then\n"
    "    words[#words + 1] = ('%.17g %.17g'):format(bars.high:ema(3)[-1], bars:atr(2)[-1])\n"
    "  end\n"
    "  local text = table.concat(words, ',')\n"
    "  if #text < 1000 then return text end\n"
    "  local sum = 0\n"
    "  for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 4294967291 end\n"
    "  return words[1] .. ' ' .. sum\n"
    "end\n"
    "local function ask(context)\n"
    "  local options = { frequency = any(steps), forming = math.random(3) == 1 }\n"
    "  local kind, away = math.random(5), math.random(-300, 60) * 60000 * UNIT\n"
    "  local wide = math.random(0, 200) * 60000 * UNIT\n"
    "  local symbol = any(symbols)\n"
    "  if kind == 1 then\n"
    "    asked = ('%s history %s'):format(symbol, options.frequency)\n"
    "    return context:history(symbol, math.random(9), options.frequency)\n"
    "  elseif kind == 2 then options.count = math.random(40)\n"
    "  elseif kind == 3 then options.count, options.finish = math.random(9), context.now + away\n"
    "  elseif kind == 4 then options.start = context.now + away\n"
    "  elseif math.random(4) > 1 then\n"
    "    options.start, options.finish = context.now + away, context.now + away + wide\n"
    "  end\n"
    "  asked = ('%s %s %s %s %s %s'):format(symbol, options.frequency, options.forming,\n"
    "    options.count, options.start, options.finish)\n"
    "  return get_price(symbol, options)\n"
    "end\n"
    "local function say(context, what)\n"
    "  local words = { what, context.now, os.time(), context.cash, context.equity,\n"
    "    #context:orders(), #context:trades() }\n"
    "  for i = 1, math.random(0, 2) do\n"
    "    local good, bars = pcall(ask, context)\n"
    "    words[#words + 1] = asked .. ': ' .. (good and describe(bars) or tostring(bars))\n"
    "  end\n"
    "  for i = 1, #words do words[i] = tostring(words[i]) end\n"
    "  context:signal(table.concat(words, ' '):sub(1, 3000))\n"
    "end\n"
    "local function trade(context, price)\n"
    "  local draw, symbol = math.random(12), any(symbols)\n"
    "  local order = { type = any { 'market', 'limit', 'stop' }, amount = math.random(3),\n"
    "    price = price * (1 + math.random(-40, 40) / 1000) }\n"
    "  if order.type == 'market' then order.price = nil end\n"
    "  order.symbol, order.side = symbol, any { 'buy', 'sell' }\n"
    "  if draw <= 2 then pcall(context.order, context, order) end\n"
    "  if draw == 3 then pcall(context.close, context, symbol) end\n"
    "end\n"
    "local wanted = { SUBSCRIPTIONS }\n"
    "return { subscriptions = #wanted > 0 and function() return wanted end or nil,\n"
    "  init = function(context) say(context, 'init') end,\n"
    "  stop = function(context) say(context, 'stop') end,\n"
    "  handle_bar = function(context, bar)\n"
    "    say(context, ('%s %s %d %.17g %s'):format(bar.symbol, bar.frequency, bar.time,\n"
    "      bar.close, bar.proven))\n"
    "    trade(context, bar.close)\n"
    "  end,\n"
    "  handle_state = function(context, event)\n"
    "    say(context, ('%s %s %s %s %s %s'):format(event.kind, event.symbol, event.frequency,\n"
    "      event.from, event.state, event.price))\n"
    "    trade(context, 100)\n"
    "  end }\n";

/* --- chance ----------------------------------------------------------------------------------- */

static uint64_t chance;

static uint32_t draw(uint32_t below)
{
    chance += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (chance ^ (chance >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((mixed >> 33) % below);
}

/* --- data ------------------------------------------------------------------------------------- */

struct plan {
    struct mw_series_key key;
    struct mw_candle rows[ROWS_MAX];
    uint32_t count;
};

static void make_row(struct mw_candle *row, int64_t open_ms)
{
    double middle = 90 + draw(2000) / 100.0, wide = draw(300) / 100.0;
    *row = (struct mw_candle){.open_ms = open_ms,
                              .open = middle + draw(100) / 100.0 * wide,
                              .high = middle + wide,
                              .low = middle - wide,
                              .close = middle - draw(100) / 100.0 * wide,
                              .volume = 1 + draw(1000),
                              .closed_by = MW_CLOSED_BY_EXCHANGE};
}

static void make_plan(struct plan *plan, const char *feed, const char *symbol,
                      const char *timeframe, int64_t begin_ms, int64_t end_ms)
{
    *plan = (struct plan){.count = 0};
    snprintf(plan->key.feed, sizeof(plan->key.feed), "%s", feed);
    snprintf(plan->key.symbol, sizeof(plan->key.symbol), "%s", symbol);
    assert_int_equal(mw_timeframe_parse(timeframe, &plan->key.timeframe, NULL), MW_OK);
    int64_t open_ms = mw_timeframe_floor(plan->key.timeframe, begin_ms);
    uint32_t dense = draw(3) == 0 ? 1000 : 2 + draw(12);
    while (plan->count < ROWS_MAX && open_ms < end_ms) {
        if (draw(dense) == 0)
            for (uint32_t skip = 1 + draw(8); skip > 0; skip--)
                open_ms = mw_timeframe_next(plan->key.timeframe, open_ms);
        make_row(&plan->rows[plan->count++], open_ms);
        open_ms = mw_timeframe_next(plan->key.timeframe, open_ms);
    }
}

static int64_t close_of(const struct plan *plan, uint32_t row)
{
    return mw_timeframe_next(plan->key.timeframe, plan->rows[row].open_ms);
}

static void add_plan(struct backtest_bench *bench, const struct plan *plan, bool holes)
{
    struct mw_candle *rows = mw_realloc_array(NULL, plan->count, sizeof(*rows));
    memcpy(rows, plan->rows, plan->count * sizeof(*rows));
    if (mw_dataset_add(bench->data, &plan->key, rows, plan->count, holes, &bench->err) != MW_OK)
        fail_msg("%s", bench->err.message);
}

/* Other rows after `moment_ms`, fewer of them. With holes the last one stays: what lies behind it
 * is quiet, and what before it is in a hole. */
static void change_after(struct plan *plan, int64_t moment_ms, bool holes)
{
    uint32_t kept = 0, cut = draw(3) == 0 ? 1 : 2 + draw(20);
    for (uint32_t i = 0; i < plan->count; i++) {
        bool is_last = i == plan->count - 1 && (holes || kept == 0);
        if (close_of(plan, i) > moment_ms) {
            if (!is_last && draw(cut) == 0)
                continue;
            int64_t open_ms = plan->rows[i].open_ms;
            make_row(&plan->rows[kept++], open_ms);
        } else {
            plan->rows[kept++] = plan->rows[i];
        }
    }
    plan->count = kept;
}

/* --- rounds ----------------------------------------------------------------------------------- */

/* A text with each `word` in it replaced. */
static void replace(char text[SCRIPT_BYTES], const char *word, const char *by)
{
    char copy[SCRIPT_BYTES];
    for (char *at; (at = strstr(text, word)) != NULL;) {
        snprintf(copy, sizeof(copy), "%.*s%s%s", (int)(at - text), text, by, at + strlen(word));
        memcpy(text, copy, sizeof(copy));
    }
}

static void expect_same(uint64_t seed, const struct mw_backtest_result *a,
                        const struct mw_backtest_result *b, int64_t moment_ms)
{
    moment_ms = moment_ms < b->to_ms ? moment_ms : b->to_ms; /* it may end earlier */
    for (uint32_t i = 0; i < a->signal_count && a->signals[i].time_ms <= moment_ms; i++) {
        if (strncmp(a->signals[i].text, "stop", 4) == 0)
            break;
        if (i >= b->signal_count)
            fail_msg("seed %llu: '%s' is missing", (unsigned long long)seed, a->signals[i].text);
        if (a->signals[i].time_ms != b->signals[i].time_ms ||
            strcmp(a->signals[i].text, b->signals[i].text) != 0)
            fail_msg("seed %llu, signal %u of %lld, cut at %lld:\n%s\n%s", (unsigned long long)seed,
                     (unsigned)i, (long long)a->signals[i].time_ms, (long long)moment_ms,
                     a->signals[i].text, b->signals[i].text);
    }
    for (uint32_t i = 0; i < a->point_count && a->points[i].time_ms <= moment_ms; i++) {
        assert_true(i < b->point_count);
        assert_memory_equal(&a->points[i], &b->points[i], sizeof(a->points[i]));
    }
}

/* Returns how much was compared. */
static uint32_t run_round(uint64_t seed)
{
    static const char *const minutes[] = {"1m", "5m", "7m", "1h", "15m"};
    static const char *const hours[] = {"1h", "4h", "1d", "1w", "1M"};
    static struct plan plans[SERIES_MAX];
    struct backtest_bench benches[2];
    char text[SCRIPT_BYTES], subscriptions[512] = "";
    chance = seed;
    bool slow = draw(3) == 0, holes = draw(2) == 0, named = draw(4) == 0;
    const char *const *steps = slow ? hours : minutes;
    int64_t unit_ms = slow ? 60 * MW_MS_PER_MINUTE : MW_MS_PER_MINUTE, end_ms = 0;
    uint32_t count = 1 + draw(SERIES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        static const char *const symbols[] = {"A", "B", "A", "B", "C"};
        static const uint32_t places[] = {0, 0, 1, 2, 3};
        const char *step = steps[places[i] + (i > 0 ? draw(2) : 0)];
        int64_t begin_ms = BACKTEST_BEGIN_MS + (int64_t)draw(60) * unit_ms;
        int64_t until_ms = begin_ms + (int64_t)(60 + draw(500)) * unit_ms;
        make_plan(&plans[i], named && strcmp(symbols[i], "A") == 0 ? "x" : "", symbols[i], step,
                  begin_ms, until_ms);
        if (plans[i].count > 0 && close_of(&plans[i], plans[i].count - 1) > end_ms)
            end_ms = close_of(&plans[i], plans[i].count - 1);
        size_t length = strlen(subscriptions);
        if (i == 0 || draw(3) > 0)
            snprintf(subscriptions + length, sizeof(subscriptions) - length,
                     "{ symbol = '%s', frequency = '%s' }, ", symbols[i],
                     draw(2) == 0   ? step
                     : slow         ? "1d"
                     : draw(2) == 0 ? "35m"
                                    : "1h");
    }
    snprintf(text, sizeof(text), "%s", script);
    replace(text, "SUBSCRIPTIONS", draw(6) == 0 ? "" : subscriptions);
    replace(text, "UNIT", slow ? "60" : "1");
    int64_t from_ms = draw(2) == 0 ? INT64_MIN : BACKTEST_BEGIN_MS + draw(120) * unit_ms;
    int64_t moment_ms = BACKTEST_BEGIN_MS +
                        (int64_t)draw((uint32_t)((end_ms - BACKTEST_BEGIN_MS) / unit_ms)) * unit_ms;
    uint32_t cache_bars = 3 + draw(60);
    for (int k = 0; k < 2; k++) {
        backtest_begin(&benches[k], text);
        benches[k].options.from_ms = from_ms;
        benches[k].options.cache_bars = cache_bars;
        benches[k].options.account.leverage = 5;
        for (uint32_t i = 0; i < count; i++) {
            if (k == 1)
                change_after(&plans[i], moment_ms, holes);
            add_plan(&benches[k], &plans[i], holes);
        }
    }
    uint32_t compared = 0;
    bool whole = backtest_run(&benches[0]), cut = backtest_run(&benches[1]);
    if (getenv("MW_FUTURE_LOUD") != NULL)
        printf("seed %llu: %s\n", (unsigned long long)seed, whole ? "ran" : benches[0].err.message);
    if (whole && cut && benches[0].result->from_ms == benches[1].result->from_ms) {
        expect_same(seed, benches[0].result, benches[1].result, moment_ms);
        for (; compared < benches[0].result->signal_count &&
               benches[0].result->signals[compared].time_ms <= moment_ms;
             compared++)
            continue;
        if (getenv("MW_FUTURE_LOUD") != NULL)
            printf("  %u signals, %u until then, %u fills, %u errors; %s\n",
                   benches[0].result->signal_count, compared, benches[0].result->fill_count, 0,
                   compared > 5 ? benches[0].result->signals[5].text : "");
    }
    backtest_end(&benches[0]);
    backtest_end(&benches[1]);
    return compared;
}

static void nothing_said_follows_from_what_comes_later(void **state)
{
    (void)state;
    const char *first = getenv("MW_FUTURE_SEED"), *rounds = getenv("MW_FUTURE_ROUNDS");
    uint64_t seed = first != NULL ? strtoull(first, NULL, 10) : 1;
    uint64_t compared = 0;
    for (int i = 0; i < (rounds != NULL ? (int)strtol(rounds, NULL, 10) : ROUNDS); i++)
        compared += run_round(seed + (uint64_t)i);
    if (first == NULL)
        assert_true(compared > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_follows_from_what_comes_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
