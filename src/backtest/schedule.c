/* schedule.c - a binary heap whose items know their places. */
#include "backtest/schedule.h"

#include <stdbool.h>

#include "base/check.h"

void mw_schedule_deinit(struct mw_schedule *schedule)
{
    mw_free(schedule->heap);
    *schedule = (struct mw_schedule){.heap = NULL};
}

static bool is_before(const struct mw_turn *a, const struct mw_turn *b)
{
    return a->due_ms < b->due_ms || (a->due_ms == b->due_ms && a->rank < b->rank);
}

static void put(struct mw_schedule *schedule, uint32_t at, struct mw_turn *turn)
{
    schedule->heap[at] = turn;
    turn->place = at + 1;
}

static void rise(struct mw_schedule *schedule, uint32_t at, struct mw_turn *turn)
{
    for (uint32_t above; at > 0; at = above) {
        above = (at - 1) / 2;
        if (!is_before(turn, schedule->heap[above]))
            break;
        put(schedule, at, schedule->heap[above]);
    }
    put(schedule, at, turn);
}

static void sink(struct mw_schedule *schedule, uint32_t at, struct mw_turn *turn)
{
    for (uint32_t below; (below = 2 * at + 1) < schedule->count; at = below) {
        if (below + 1 < schedule->count &&
            is_before(schedule->heap[below + 1], schedule->heap[below]))
            below++;
        if (!is_before(schedule->heap[below], turn))
            break;
        put(schedule, at, schedule->heap[below]);
    }
    put(schedule, at, turn);
}

static void add(struct mw_schedule *schedule, struct mw_turn *turn)
{
    if (schedule->count == schedule->capacity) {
        schedule->capacity = schedule->capacity * 2 + 16;
        schedule->heap =
            mw_realloc_array(schedule->heap, schedule->capacity, sizeof(struct mw_turn *));
    }
    rise(schedule, schedule->count++, turn);
}

static void take_out(struct mw_schedule *schedule, struct mw_turn *turn)
{
    uint32_t at = turn->place - 1;
    struct mw_turn *last = schedule->heap[--schedule->count];
    turn->place = 0;
    if (last == turn)
        return;
    if (is_before(last, turn))
        rise(schedule, at, last);
    else
        sink(schedule, at, last);
}

void mw_schedule_set(struct mw_schedule *schedule, struct mw_turn *turn, int64_t due_ms)
{
    if (turn->place == 0) {
        turn->due_ms = due_ms;
        if (due_ms != INT64_MAX)
            add(schedule, turn);
        return;
    }
    if (due_ms == INT64_MAX) {
        take_out(schedule, turn);
        turn->due_ms = due_ms;
        return;
    }
    bool earlier = due_ms < turn->due_ms;
    turn->due_ms = due_ms;
    if (earlier)
        rise(schedule, turn->place - 1, turn);
    else
        sink(schedule, turn->place - 1, turn);
}
