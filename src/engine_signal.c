/* engine_signal.c - hands signals on to the configuration, and tells of events that were dropped.
 *
 * on_signal runs in the owner's thread while it polls: that is the thread of the configuration's
 * lua_State. What it may take is bounded, because it holds up whoever polls.
 */
#include "engine_parts.h"

#include <inttypes.h>

#include "base/clock.h"

/* What is handed on, and who knows how to show it to Lua. */
struct signal {
    const struct mw_engine *engine;
    const struct mw_event *event;
};

static void push_signal(lua_State *L, const void *user)
{
    const struct signal *signal = user;
    signal->engine->bindings->push_event(L, signal->event);
}

/* How long the next call may take: when the engine has stopped all that are left share the time of
 * one. */
static int64_t limit_ms(const struct mw_engine *engine)
{
    if (engine->running)
        return MW_ON_SIGNAL_MS_MAX;
    int64_t left_ms = engine->signals_until_ms - mw_clock_monotonic_ms();
    return left_ms < MW_ON_SIGNAL_MS_MAX ? left_ms : MW_ON_SIGNAL_MS_MAX;
}

void mw_engine_hand_on(struct mw_engine *engine, const struct mw_event *event)
{
    struct mw_settings *settings = engine->settings;
    if (event->kind != MW_EVENT_SIGNAL || !mw_settings_has_on_signal(settings))
        return;
    struct mw_engine_signal_status *status = &engine->signals;
    int64_t limit = limit_ms(engine);
    if (limit <= 0) {
        if (status->dropped++ == 0)
            mw_log(MW_LOG_WARN, "on_signal: not called for the last signals, it takes too long");
        return;
    }
    struct mw_error err;
    const struct signal signal = {.engine = engine, .event = event};
    status->calls++;
    if (mw_settings_call_on_signal(settings, push_signal, &signal, limit, &err) == MW_OK)
        return;
    status->errors++;
    mw_log(MW_LOG_ERROR, "on_signal: %s", err.message);
}

void mw_engine_note_drops(struct mw_engine *engine)
{
    bool read = atomic_load_explicit(&engine->listened, memory_order_relaxed) ||
                mw_settings_has_on_signal(engine->settings);
    uint64_t dropped = mw_event_queue_dropped(&engine->events), held = 0;
    if (!read || dropped == 0 ||
        atomic_exchange_explicit(&engine->drops_told, dropped, memory_order_relaxed) == dropped ||
        !mw_log_gate_pass(&engine->drop_gate, mw_clock_monotonic_ms(), &held))
        return;
    mw_log(MW_LOG_WARN,
           "%" PRIu64 " events were dropped so far, signals among them perhaps: more "
           "than %d waited to be polled",
           dropped, MW_EVENTS_MAX);
}

void mw_engine_get_signal_status(struct mw_engine *engine, struct mw_engine_signal_status *status)
{
    *status = engine->signals;
    status->events_dropped = mw_event_queue_dropped(&engine->events);
}
