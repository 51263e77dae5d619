/* faulty.c - the helpers behind tests of faults. */
#include "faulty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"

enum { PLACES_MAX = 64 };

struct mw_sabotage faulty_fault(mw_sabotage_kind kind, uint32_t after)
{
    struct mw_sabotage sabotage;
    mw_sabotage_init(&sabotage, kind);
    sabotage.after = after;
    return sabotage;
}

struct mw_simulator *faulty_start(const char *protocol, double speed,
                                  const struct mw_sabotage *sabotage)
{
    struct mw_simulator_options options = simulated_options(protocol);
    struct mw_fault_plan plan = MW_FAULT_PLAN_INIT;
    assert_int_equal(mw_fault_plan_add(&plan, sabotage, NULL), MW_OK);
    options.speed = speed;
    options.faults = &plan;
    struct mw_simulator *simulator = simulated_start(&options);
    mw_fault_plan_deinit(&plan);
    return simulator;
}

struct raw_ws *faulty_join(const struct mw_simulator *simulator)
{
    struct raw_ws *ws = simulated_join(simulator, "/market_data");
    simulated_send(ws, CONNECT_BTC);
    simulated_expect(ws, "{\"type\":\"CONNECTED\",\"request_id\":\"1\"}");
    return ws;
}

void faulty_expect(struct raw_ws *ws, const int *places)
{
    struct mw_simulator_options options = simulated_options("wealthdata");
    struct mw_simulator *faultless = simulated_start(&options);
    struct raw_ws *good = faulty_join(faultless);
    char *texts[PLACES_MAX];
    for (size_t i = 0; i < PLACES_MAX; i++)
        texts[i] = mw_strdup(simulated_read(good));
    for (size_t i = 0; places[i] >= 0; i++) {
        assert_true(places[i] < PLACES_MAX);
        simulated_expect(ws, texts[places[i]]);
    }
    for (size_t i = 0; i < PLACES_MAX; i++)
        mw_free(texts[i]);
    raw_ws_close(good);
    mw_simulator_stop(faultless);
}

uint64_t faulty_count(const struct mw_simulator *simulator, mw_sabotage_kind kind)
{
    uint64_t counts[MW_SABOTAGE_KIND_COUNT];
    mw_simulator_fault_counts(simulator, counts);
    return counts[kind];
}
