/* thread.h - threads with a name, roles that clang checks, and a wake-up between threads.
 *
 * A role says which kind of thread a function may run on. Under clang a call from the wrong role is
 * a warning; at run time mw_role_assert aborts. gcc compiles the annotations to nothing. The first
 * statement of every callback from a library or from pthreads asserts its role, which establishes
 * it for the analysis.
 *
 * Threads: any thread.
 */
#ifndef MW_BASE_THREAD_H
#define MW_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

#if defined(__clang__)
#define MW_TSA(x) __attribute__((x))
#else
#define MW_TSA(x)
#endif

struct MW_TSA(capability("thread role")) mw_role {
    const char *name;
};

extern struct mw_role mw_feed_thread, mw_keeper_thread, mw_worker_thread, mw_server_thread,
    mw_history_thread, mw_store_thread;

#define MW_ON(role)         MW_TSA(requires_capability(role))
#define MW_GUARDED_BY(role) MW_TSA(guarded_by(role))

/* Makes the calling thread one of `role`; mw_thread_start does it for threads that it makes. */
void mw_role_enter(struct mw_role *role);
/* Aborts unless the calling thread has `role`. */
void mw_role_assert(struct mw_role *role) MW_TSA(assert_capability(role));

typedef void (*mw_thread_fn)(void *user);

struct mw_thread {
    pthread_t handle;
    bool running; /* started and not yet joined; touched by the owner only */
};

/* Starts `run(user)` in a thread of `role` that is called `name` (15 bytes are kept) in debuggers
 * and top. All signals are blocked in it: they are the main thread's. Errors: MW_ELIMIT. */
MW_MUST_USE mw_status mw_thread_start(struct mw_thread *thread, const char *name,
                                      struct mw_role *role, mw_thread_fn run, void *user,
                                      struct mw_error *err);
/* Waits until the thread has ended. Does nothing for a thread that is not running. */
void mw_thread_join(struct mw_thread *thread);

/* As mw_thread_join, for at most `timeout_ms`. Returns whether the thread has ended and was
 * joined. */
bool mw_thread_join_for(struct mw_thread *thread, int64_t timeout_ms);

/* A flag that one thread sleeps on and any thread raises: an eventfd, so that it also fits into a
 * poll. Raising twice before the sleeper looks is raising once. */
struct mw_wake {
    int fd;
};

void mw_wake_init(struct mw_wake *wake);
void mw_wake_deinit(struct mw_wake *wake);
/* Any thread, async-signal-safe. */
void mw_wake_raise(struct mw_wake *wake);
/* Sleeps until raised or `timeout_ms` went by (negative: for ever); lowers the flag. Returns
 * whether it was raised. */
bool mw_wake_wait(struct mw_wake *wake, int64_t timeout_ms);

#endif
