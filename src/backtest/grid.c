/* grid.c - threads that take runs from a counter until there are no more. */
#include "backtest/grid.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/thread.h"
#include "script/vm.h"

enum {
    LOOK_MS = 100, /* between two looks at the progress */
    THREAD_NAME_BYTES = 16,
};

/* A grid while it runs. */
struct job {
    const struct mw_grid *grid;
    struct mw_grid_run *runs; /* owns; each is written by the thread that took it */
    uint32_t count;
    struct mw_wake wake;    /* raised when a run or a thread is done */
    _Atomic uint32_t next;  /* the run that nobody has taken yet */
    _Atomic uint32_t done;  /* runs that are complete; release: what they wrote is seen */
    _Atomic uint32_t alive; /* threads that still run */
    _Atomic uint64_t bars;  /* delivered by all */
    _Atomic bool cancelled;
};

/* One of the threads. */
struct hand {
    struct job *job;
    struct mw_thread thread;
    uint64_t told; /* bars of the run under way that the job has counted */
};

static void count_bars(struct hand *hand, uint64_t bars)
{
    if (bars > hand->told) {
        atomic_fetch_add_explicit(&hand->job->bars, bars - hand->told, memory_order_relaxed);
        hand->told = bars;
    }
}

static bool take_progress(void *user, uint64_t done, uint64_t total)
{
    struct hand *hand = user;
    (void)total;
    count_bars(hand, done);
    return !atomic_load_explicit(&hand->job->cancelled, memory_order_relaxed);
}

/* The values of run `index`: the last axis varies fastest. */
static void choose_values(const struct mw_grid *grid, uint32_t index, const char **values)
{
    for (uint32_t i = grid->axis_count; i-- > 0;) {
        const struct mw_grid_axis *axis = &grid->axes[i];
        values[i] = axis->values[index % axis->count];
        index /= axis->count;
    }
}

static void run_one(struct hand *hand, lua_State *L, uint32_t index)
{
    const struct mw_grid *grid = hand->job->grid;
    struct mw_grid_run *run = &hand->job->runs[index];
    struct mw_backtest_options options = grid->options;
    struct mw_error err;
    lua_createtable(L, 0, (int)grid->axis_count);
    for (uint32_t i = 0; i < grid->axis_count; i++) {
        lua_pushstring(L, run->values[i]);
        lua_setfield(L, -2, grid->axes[i].name);
    }
    options.params_from = L;
    options.params_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    options.params_are_texts = true;
    options.on_progress = take_progress;
    options.user = hand;
    hand->told = 0;
    if (mw_backtest_run(&options, &run->result, &err) == MW_OK) {
        count_bars(hand, run->result->bars);
        mw_backtest_result_strip(run->result);
    } else {
        run->error = mw_alloc(sizeof(*run->error));
        *run->error = err;
    }
    luaL_unref(L, LUA_REGISTRYINDEX, options.params_ref);
}

static void run_hand(void *user)
{
    struct hand *hand = user;
    struct job *job = hand->job;
    const struct mw_vm_options options = {.bytes_max = MW_LUA_BYTES_DEFAULT};
    struct mw_vm *vm;
    struct mw_error err;
    MW_CHECK(mw_vm_new(&options, &vm, &err) == MW_OK); /* nothing is opened in it */
    while (!atomic_load_explicit(&job->cancelled, memory_order_relaxed)) {
        uint32_t index = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (index >= job->count)
            break;
        run_one(hand, mw_vm_state(vm), index);
        atomic_fetch_add_explicit(&job->done, 1, memory_order_release);
        mw_wake_raise(&job->wake);
    }
    mw_vm_free(vm);
    atomic_fetch_sub_explicit(&job->alive, 1, memory_order_release);
    mw_wake_raise(&job->wake);
}

/* Waits until all threads are done, and tells how far they are; also when that is the end. */
static void watch(struct job *job)
{
    const struct mw_grid *grid = job->grid;
    for (bool busy = true; busy;) {
        busy = atomic_load_explicit(&job->alive, memory_order_acquire) > 0;
        if (busy)
            mw_wake_wait(&job->wake, LOOK_MS);
        uint32_t done = atomic_load_explicit(&job->done, memory_order_acquire);
        uint64_t bars = atomic_load_explicit(&job->bars, memory_order_relaxed);
        if (grid->on_progress != NULL && !atomic_load(&job->cancelled) &&
            !grid->on_progress(grid->user, done, job->count, bars))
            atomic_store(&job->cancelled, true);
    }
}

static mw_status run_job(struct job *job, struct mw_error *err)
{
    uint32_t wanted = job->grid->jobs < job->count ? job->grid->jobs : job->count, started = 0;
    struct hand *hands = mw_alloc_zero(wanted * sizeof(*hands));
    mw_status status = MW_OK;
    mw_wake_init(&job->wake);
    atomic_store(&job->alive, wanted);
    for (; started < wanted && status == MW_OK; started += status == MW_OK) {
        char name[THREAD_NAME_BYTES];
        snprintf(name, sizeof(name), "backtest %u", (unsigned)(started + 1));
        hands[started].job = job;
        status = mw_thread_start(&hands[started].thread, name, &mw_worker_thread, run_hand,
                                 &hands[started], err);
    }
    /* A system without more threads has fewer; only without any there is nobody to do it. */
    atomic_fetch_sub(&job->alive, wanted - started);
    status = started > 0 ? MW_OK : status;
    watch(job);
    for (uint32_t i = 0; i < started; i++)
        mw_thread_join(&hands[i].thread);
    mw_wake_deinit(&job->wake);
    mw_free(hands);
    if (status == MW_OK && atomic_load(&job->cancelled))
        status = mw_fail(err, MW_ECANCELLED, "cancelled after %u of %u runs",
                         (unsigned)atomic_load(&job->done), (unsigned)job->count);
    return status;
}

static mw_status check(const struct mw_grid *grid, uint32_t *count, struct mw_error *err)
{
    uint64_t runs = 1;
    if (grid->jobs < 1 || grid->jobs > MW_GRID_JOBS_MAX)
        return mw_fail(err, MW_ELIMIT, "%u jobs: want 1 to %d", (unsigned)grid->jobs,
                       MW_GRID_JOBS_MAX);
    if (grid->axis_count > MW_GRID_AXES_MAX)
        return mw_fail(err, MW_ELIMIT, "%u parameters: at most %d", (unsigned)grid->axis_count,
                       MW_GRID_AXES_MAX);
    for (uint32_t i = 0; i < grid->axis_count; i++) {
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(grid->axes[i].name, grid->axes[j].name) == 0)
                return mw_fail(err, MW_EINVAL, "parameter '%s' is given twice", grid->axes[i].name);
        MW_CHECK(grid->axes[i].count > 0);
        runs *= grid->axes[i].count; /* 2^20 x 2^16 at most, before it is refused */
        if (runs > MW_GRID_RUNS_MAX)
            return mw_fail(err, MW_ELIMIT, "the parameters make more than %d runs",
                           MW_GRID_RUNS_MAX);
    }
    *count = (uint32_t)runs;
    return MW_OK;
}

mw_status mw_grid_run(const struct mw_grid *grid, struct mw_grid_run **runs, uint32_t *count,
                      struct mw_error *err)
{
    struct job job = {.grid = grid};
    mw_status status = check(grid, &job.count, err);
    if (status != MW_OK)
        return status;
    job.runs = mw_alloc_zero(job.count * sizeof(*job.runs));
    for (uint32_t i = 0; i < job.count; i++) {
        job.runs[i].values = mw_realloc_array(NULL, grid->axis_count + 1, sizeof(char *));
        choose_values(grid, i, job.runs[i].values);
    }
    status = run_job(&job, err);
    if (status != MW_OK) {
        mw_grid_runs_free(job.runs, job.count);
        return status;
    }
    *runs = job.runs;
    *count = job.count;
    return MW_OK;
}

void mw_grid_runs_free(struct mw_grid_run *runs, uint32_t count)
{
    for (uint32_t i = 0; runs != NULL && i < count; i++) {
        mw_backtest_result_free(runs[i].result);
        mw_free(runs[i].error);
        mw_free(runs[i].values);
    }
    mw_free(runs);
}
