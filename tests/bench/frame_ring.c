/* frame_ring.c - a random walk written down as messages. */
#include "frame_ring.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/random.h"
#include "base/str.h"
#include "bench.h"
#include "net/client.h"

enum {
    BYTES_MAX = 2 << 20,
    STEP_MS = 100000,
    STEPS_PER_ROUND = FRAME_RING_BARS * MW_MS_PER_MINUTE / STEP_MS,
    STEP_DIGITS = 8, /* of the 13 that a time in milliseconds has */
    TEXT_BYTES = 48,
};

static const int64_t first_open_ms = 1577836800000; /* 2020-01-01; a multiple of STEP_MS */
static const int64_t first_trade = 6569906771;      /* an eighth as many for each next symbol */
static const int64_t scale = 100000000;             /* prices and volumes count in 1e-8 */

const char *const frame_ring_symbols[FRAME_RING_SYMBOLS] = {
    "BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT",
    "ADAUSDT", "LTCUSDT", "TRXUSDT", "DOTUSDT", "UNIUSDT"};

/* First prices and the steps they move in, both in 1e-8. */
static const struct {
    int64_t price, tick;
} markets[FRAME_RING_SYMBOLS] = {{6411767000000, 1000000}, {312055000000, 1000000},
                                 {61020000000, 1000000},   {15504000000, 1000000},
                                 {52130000, 10000},        {45120000, 10000},
                                 {8431000000, 1000000},    {12345000, 1000},
                                 {671200000, 100000},      {987100000, 100000}};

/* A bar of one symbol as it forms. */
struct bar {
    int64_t open, high, low, close, volume, turnover; /* in 1e-8 */
    int64_t first_trade, trades;                      /* an id; a count */
};

static void bar_begin(struct bar *bar)
{
    bar->open = bar->high = bar->low = bar->close;
    bar->volume = bar->turnover = 0;
    bar->first_trade += bar->trades;
    bar->trades = 0;
}

/* One trade more, up to three ticks away. */
static void bar_trade(struct bar *bar, int64_t tick, struct mw_random *random)
{
    uint64_t bits = mw_random_next(random);
    int64_t moved = bar->close + ((int64_t)(bits % 7) - 3) * tick;
    bar->close = moved > 0 ? moved : bar->close;
    bar->high = bar->close > bar->high ? bar->close : bar->high;
    bar->low = bar->close < bar->low ? bar->close : bar->low;
    /* Up to 0.4 of the first symbol, and as much money of the others. */
    int64_t volume = (int64_t)(bits >> 32) % 40000 * 1000 * (markets[0].price / bar->open);
    bar->volume += volume;
    bar->turnover += (int64_t)((double)volume * (double)bar->close / (double)scale);
    bar->trades++;
}

/* "64117.67000000", as Binance writes decimals. Returns `text` of TEXT_BYTES. */
static char *fixed(int64_t value, char *text)
{
    snprintf(text, TEXT_BYTES, "%lld.%08lld", (long long)(value / scale),
             (long long)(value % scale));
    return text;
}

/* "64117.67", as wealthdata does. */
static char *shortest(int64_t value, char *text)
{
    return mw_decimal_format((double)value / (double)scale, text);
}

/* What one message tells. */
struct message {
    const struct bar *bar;
    const char *symbol;
    int64_t open_ms, event_ms;
    bool closed;
};

static void write_binance(const struct message *message, struct mw_str *out)
{
    const struct bar *bar = message->bar;
    char lower[16] = "", texts[8][TEXT_BYTES];
    for (size_t i = 0; message->symbol[i] != '\0'; i++)
        lower[i] = (char)(message->symbol[i] | 0x20);
    mw_str_addf(out,
                "{\"stream\":\"%s@kline_1m\",\"data\":{\"e\":\"kline\",\"E\":%lld,\"s\":\"%s\","
                "\"k\":{\"t\":%lld,\"T\":%lld,\"s\":\"%s\",\"i\":\"1m\",\"f\":%lld,\"L\":%lld,"
                "\"o\":\"%s\",\"c\":\"%s\",\"h\":\"%s\",\"l\":\"%s\",\"v\":\"%s\",\"n\":%lld,"
                "\"x\":%s,\"q\":\"%s\",\"V\":\"%s\",\"Q\":\"%s\",\"B\":\"0\"}}}",
                lower, (long long)message->event_ms, message->symbol, (long long)message->open_ms,
                (long long)message->open_ms + MW_MS_PER_MINUTE - 1, message->symbol,
                (long long)bar->first_trade, (long long)(bar->first_trade + bar->trades - 1),
                fixed(bar->open, texts[0]), fixed(bar->close, texts[1]), fixed(bar->high, texts[2]),
                fixed(bar->low, texts[3]), fixed(bar->volume, texts[4]), (long long)bar->trades,
                message->closed ? "true" : "false", fixed(bar->turnover, texts[5]),
                fixed(bar->volume / 2, texts[6]), fixed(bar->turnover / 2, texts[7]));
}

static void write_wealthdata(const struct message *message, struct mw_str *out)
{
    const struct bar *bar = message->bar;
    char texts[5][TEXT_BYTES];
    mw_str_addf(out,
                "{\"type\":\"%s\",\"symbol\":\"%s\",\"timeframe\":\"1m\",\"open_time\":%lld,"
                "\"close_time\":%lld,\"open\":\"%s\",\"high\":\"%s\",\"low\":\"%s\","
                "\"close\":\"%s\",\"volume\":\"%s\",\"closed\":%s}",
                message->closed ? "BAR" : "KLINE", message->symbol, (long long)message->open_ms,
                (long long)message->open_ms + MW_MS_PER_MINUTE - 1, shortest(bar->open, texts[0]),
                shortest(bar->high, texts[1]), shortest(bar->low, texts[2]),
                shortest(bar->close, texts[3]), shortest(bar->volume, texts[4]),
                message->closed ? "true" : "false");
}

/* Adds the header of an unmasked text frame. */
static void write_header(size_t length, struct mw_str *out)
{
    const unsigned char header[] = {0x81, length < 126 ? (unsigned char)length : 126,
                                    (unsigned char)(length >> 8), (unsigned char)length};
    MW_CHECK(mw_str_add(out, (const char *)header, length < 126 ? 2 : 4));
}

static void note_time(struct frame_ring *ring, const struct mw_str *out, size_t from,
                      const char *key)
{
    const char *found = strstr(out->data + from, key);
    if (found == NULL)
        return;
    MW_CHECK(ring->time_count < FRAME_RING_TIMES);
    found += strlen(key);
    long long value = strtoll(found, NULL, 10);
    ring->times[ring->time_count].at = (uint32_t)(found - out->data);
    ring->times[ring->time_count].step = (uint32_t)((value - first_open_ms) / STEP_MS);
    ring->time_count++;
}

static void add_frame(struct frame_ring *ring, frame_ring_venue venue, uint32_t index,
                      const struct message *message, struct mw_str *out)
{
    struct mw_str payload = MW_STR_INIT(1024);
    if (venue == FRAME_RING_BINANCE)
        write_binance(message, &payload);
    else
        write_wealthdata(message, &payload);
    write_header(payload.length, out);
    size_t start = out->length;
    MW_CHECK(mw_str_add(out, payload.data, payload.length));
    ring->payloads[index].length = payload.length;
    mw_str_deinit(&payload);
    static const char *const keys[] = {
        "\"E\":", "\"t\":", "\"T\":", "\"open_time\":", "\"close_time\":"};
    for (size_t i = 0; i < MW_COUNT(keys); i++)
        note_time(ring, out, start, keys[i]);
}

struct frame_ring *frame_ring_new(frame_ring_venue venue)
{
    struct frame_ring *ring = mw_alloc_zero(sizeof(*ring));
    struct mw_str out = MW_STR_INIT(BYTES_MAX);
    struct mw_random random = {BENCH_SEED};
    struct bar bars[FRAME_RING_SYMBOLS];
    for (size_t i = 0; i < FRAME_RING_SYMBOLS; i++)
        bars[i] = (struct bar){.close = markets[i].price, .first_trade = first_trade >> (3 * i)};
    for (uint32_t index = 0; index < FRAME_RING_FRAMES; index++) {
        uint32_t symbol = index % FRAME_RING_SYMBOLS;
        uint32_t update = index / FRAME_RING_SYMBOLS % FRAME_RING_UPDATES;
        uint32_t minute = index / FRAME_RING_SYMBOLS / FRAME_RING_UPDATES;
        if (update == 0)
            bar_begin(&bars[symbol]);
        bar_trade(&bars[symbol], markets[symbol].tick, &random);
        int64_t open_ms = first_open_ms + (int64_t)minute * MW_MS_PER_MINUTE;
        const struct message message = {.bar = &bars[symbol],
                                        .symbol = frame_ring_symbols[symbol],
                                        .open_ms = open_ms,
                                        .event_ms = open_ms + (int64_t)(update + 1) * 1000 + symbol,
                                        .closed = update == FRAME_RING_UPDATES - 1};
        add_frame(ring, venue, index, &message, &out);
    }
    ring->length = out.length;
    static const char padding[MW_MESSAGE_PADDING];
    MW_CHECK(mw_str_add(&out, padding, sizeof(padding)));
    ring->bytes = out.data;
    const char *at = ring->bytes;
    for (uint32_t i = 0; i < FRAME_RING_FRAMES; i++) {
        ring->payloads[i].data = at + (ring->payloads[i].length < 126 ? 2 : 4);
        at = ring->payloads[i].data + ring->payloads[i].length;
    }
    return ring;
}

void frame_ring_free(struct frame_ring *ring)
{
    if (ring == NULL)
        return;
    mw_free(ring->bytes);
    mw_free(ring);
}

static void write_times(struct frame_ring *ring)
{
    char texts[STEPS_PER_ROUND + 1][TEXT_BYTES];
    long long first = first_open_ms / STEP_MS + (long long)(ring->round * STEPS_PER_ROUND);
    for (size_t i = 0; i < MW_COUNT(texts); i++)
        snprintf(texts[i], TEXT_BYTES, "%lld", first + (long long)i);
    for (uint32_t i = 0; i < ring->time_count; i++)
        memcpy(ring->bytes + ring->times[i].at, texts[ring->times[i].step], STEP_DIGITS);
}

void frame_ring_advance(struct frame_ring *ring)
{
    ring->round++;
    write_times(ring);
}

void frame_ring_rewind(struct frame_ring *ring)
{
    ring->round = 0;
    write_times(ring);
}
