/* fault.c - kinds, their usual values, and plans of them. */
#include "server/fault.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/random.h"

#define HAS_DURATION MW_SABOTAGE_HAS_DURATION
#define HAS_COUNT    MW_SABOTAGE_HAS_COUNT
#define HAS_CODE     MW_SABOTAGE_HAS_CODE
#define HAS_SYMBOL   MW_SABOTAGE_HAS_SYMBOL

static const struct {
    const char *text, *what;
    mw_occasion occasion;
} kinds[] = {
#define KIND(name, text, occasion, what) {text, what, MW_OCCASION_##occasion},
    MW_SABOTAGE_LIST(KIND)
#undef KIND
};

/* What a kind reads, and what it is where nobody says. */
static const struct {
    unsigned fields;
    int64_t duration_ms;
    uint32_t count;
    uint16_t code;
} usual[MW_SABOTAGE_KIND_COUNT] = {
    [MW_SABOTAGE_RESET] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_FIN] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_CLOSE] = {HAS_SYMBOL | HAS_CODE, 0, 0, 1001},
    [MW_SABOTAGE_STALL] = {HAS_SYMBOL | HAS_DURATION, 5000, 0, 0},
    [MW_SABOTAGE_HALF_OPEN] = {HAS_SYMBOL | HAS_DURATION, 60000, 0, 0},
    [MW_SABOTAGE_SILENT_STREAM] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_SLOW_HANDSHAKE] = {HAS_DURATION, 3000, 0, 0},
    [MW_SABOTAGE_REFUSE_CONNECT] = {HAS_DURATION, 2000, 0, 0},
    [MW_SABOTAGE_STATUS] = {HAS_CODE | HAS_DURATION, 0, 0, 503},
    [MW_SABOTAGE_GARBAGE] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_BINARY] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_TRUNCATED] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_FRAGMENTED] = {HAS_SYMBOL | HAS_COUNT, 0, 8, 0},
    [MW_SABOTAGE_DUPLICATE] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_REORDER] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_LATE_CLOSE] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_LOST_CLOSE] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_MISSING_UPDATES] = {HAS_SYMBOL | HAS_COUNT, 0, 2, 0},
    [MW_SABOTAGE_REVISED] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_CLOCK_JUMP] = {HAS_SYMBOL | HAS_DURATION, 300000, 0, 0},
    [MW_SABOTAGE_WRONG_CONFIRMATION] = {0, 0, 0, 0},
    [MW_SABOTAGE_LATE_CONFIRMATION] = {HAS_COUNT, 0, 3, 0},
    [MW_SABOTAGE_NOTICE] = {HAS_SYMBOL | HAS_DURATION | HAS_CODE, 1000, 0, 1001},
    [MW_SABOTAGE_REST_TIMEOUT] = {HAS_SYMBOL | HAS_DURATION, 60000, 0, 0},
    [MW_SABOTAGE_REST_STATUS] = {HAS_SYMBOL | HAS_DURATION | HAS_CODE, 0, 0, 429},
    [MW_SABOTAGE_REST_PARTIAL] = {HAS_SYMBOL | HAS_COUNT, 0, 1, 0},
    [MW_SABOTAGE_REST_CUT] = {HAS_SYMBOL, 0, 0, 0},
    [MW_SABOTAGE_REST_WRONG] = {HAS_SYMBOL, 0, 0, 0},
};

static_assert(MW_COUNT(kinds) == MW_SABOTAGE_KIND_COUNT, "one entry for each kind");

void mw_fault_plan_deinit(struct mw_fault_plan *plan)
{
    mw_free(plan->list);
    *plan = (struct mw_fault_plan)MW_FAULT_PLAN_INIT;
}

mw_status mw_fault_plan_add(struct mw_fault_plan *plan, const struct mw_sabotage *sabotage,
                            struct mw_error *err)
{
    if (plan->count == MW_SABOTAGES_MAX)
        return mw_fail(err, MW_ELIMIT, "more than %d faults", MW_SABOTAGES_MAX);
    plan->list = mw_realloc_array(plan->list, plan->count + 1, sizeof(*plan->list));
    plan->list[plan->count++] = *sabotage;
    return MW_OK;
}

void mw_fault_plan_copy(const struct mw_fault_plan *from, struct mw_fault_plan *to)
{
    *to = *from;
    to->list = mw_alloc_zero((from->count + 1) * sizeof(*to->list));
    if (from->count > 0)
        memcpy(to->list, from->list, from->count * sizeof(*to->list));
}

void mw_fault_plan_random(struct mw_fault_plan *plan, uint64_t seed, int64_t duration_ms,
                          double rate, const bool *wanted)
{
    struct mw_random random = {.state = seed};
    mw_sabotage_kind choice[MW_SABOTAGE_KIND_COUNT];
    uint32_t count = 0;
    for (int kind = 0; kind < MW_SABOTAGE_KIND_COUNT; kind++)
        if (wanted == NULL || wanted[kind])
            choice[count++] = (mw_sabotage_kind)kind;
    *plan = (struct mw_fault_plan){.seed = seed};
    double at_ms = 0;
    while (count > 0 && rate > 0) {
        at_ms += mw_sabotage_wait_ms(&random, rate);
        if (at_ms >= (double)duration_ms)
            break;
        struct mw_sabotage sabotage;
        mw_sabotage_init(&sabotage, choice[mw_random_next(&random) % count]);
        mw_sabotage_vary(&sabotage, &random);
        sabotage.at_ms = (int64_t)at_ms;
        if (mw_fault_plan_add(plan, &sabotage, NULL) != MW_OK)
            break;
    }
}

/* 1..most, small ones more often. */
static uint32_t some(struct mw_random *random, uint32_t most)
{
    double unit = mw_random_unit(random);
    return 1 + (uint32_t)(unit * unit * most);
}

void mw_sabotage_vary(struct mw_sabotage *sabotage, struct mw_random *random)
{
    static const uint16_t closes[] = {1000, 1001, 1011, 1012, 1013, 4000};
    static const uint16_t statuses[] = {429, 503, 500, 502};
    unsigned fields = usual[sabotage->kind].fields;
    if ((fields & HAS_DURATION) != 0)
        sabotage->duration_ms = (int64_t)some(random, 2000);
    if ((fields & HAS_COUNT) != 0)
        sabotage->count = some(random, 5);
    if (sabotage->kind == MW_SABOTAGE_CLOCK_JUMP) {
        sabotage->duration_ms = (int64_t)some(random, 10) * 60000;
        if (mw_random_next(random) % 2 == 0)
            sabotage->duration_ms = -sabotage->duration_ms;
    }
    if (sabotage->kind == MW_SABOTAGE_CLOSE)
        sabotage->code = closes[mw_random_next(random) % MW_COUNT(closes)];
    else if ((fields & HAS_CODE) != 0 && sabotage->kind != MW_SABOTAGE_NOTICE)
        sabotage->code = statuses[mw_random_next(random) % MW_COUNT(statuses)];
}

double mw_sabotage_wait_ms(struct mw_random *random, double rate)
{
    return -log(1 - mw_random_unit(random)) / rate * 1000;
}

void mw_sabotage_init(struct mw_sabotage *sabotage, mw_sabotage_kind kind)
{
    *sabotage = (struct mw_sabotage){.kind = kind,
                                     .times = 1,
                                     .duration_ms = usual[kind].duration_ms,
                                     .count = usual[kind].count,
                                     .code = usual[kind].code};
}

const char *mw_sabotage_text(mw_sabotage_kind kind)
{
    return (unsigned)kind < MW_SABOTAGE_KIND_COUNT ? kinds[kind].text : "unknown";
}

const char *mw_sabotage_describe(mw_sabotage_kind kind)
{
    return (unsigned)kind < MW_SABOTAGE_KIND_COUNT ? kinds[kind].what : "unknown";
}

int mw_sabotage_find(const char *text)
{
    for (size_t i = 0; i < MW_COUNT(kinds); i++)
        if (strcmp(kinds[i].text, text) == 0)
            return (int)i;
    return -1;
}

unsigned mw_sabotage_fields(mw_sabotage_kind kind)
{
    return usual[kind].fields;
}

mw_occasion mw_sabotage_occasion(mw_sabotage_kind kind)
{
    return kinds[kind].occasion;
}
