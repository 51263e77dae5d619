/* thread.c - pthreads, roles and eventfds. */
#include "base/thread.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

struct mw_role mw_feed_thread = {"feed"};
struct mw_role mw_keeper_thread = {"keeper"};
struct mw_role mw_worker_thread = {"worker"};
struct mw_role mw_server_thread = {"server"};
struct mw_role mw_history_thread = {"history"};
struct mw_role mw_store_thread = {"store"};

static _Thread_local struct mw_role *current_role;

struct thread_start {
    char name[16];
    struct mw_role *role;
    mw_thread_fn run;
    void *user;
};

void mw_role_enter(struct mw_role *role)
{
    current_role = role;
}

void mw_role_assert(struct mw_role *role)
{
    MW_CHECK(current_role == role);
}

static void *thread_main(void *argument)
{
    struct thread_start start = *(struct thread_start *)argument;
    mw_free(argument);
    pthread_setname_np(pthread_self(), start.name);
    mw_role_enter(start.role);
    start.run(start.user);
    return NULL;
}

mw_status mw_thread_start(struct mw_thread *thread, const char *name, struct mw_role *role,
                          mw_thread_fn run, void *user, struct mw_error *err)
{
    MW_CHECK(!thread->running);
    struct thread_start *start = mw_alloc_zero(sizeof(*start));
    snprintf(start->name, sizeof(start->name), "%s", name);
    start->role = role;
    start->run = run;
    start->user = user;

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread->handle, NULL, thread_main, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        mw_free(start);
        return mw_fail(err, MW_ELIMIT, "cannot start thread %s: %s", name, strerror(failed));
    }
    thread->running = true;
    return MW_OK;
}

void mw_thread_join(struct mw_thread *thread)
{
    if (!thread->running)
        return;
    MW_CHECK(pthread_join(thread->handle, NULL) == 0);
    thread->running = false;
}

bool mw_thread_join_for(struct mw_thread *thread, int64_t timeout_ms)
{
    if (!thread->running)
        return true;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    if (pthread_timedjoin_np(thread->handle, NULL, &until) != 0)
        return false;
    thread->running = false;
    return true;
}

void mw_wake_init(struct mw_wake *wake)
{
    wake->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    MW_CHECK(wake->fd >= 0);
}

void mw_wake_deinit(struct mw_wake *wake)
{
    if (wake->fd >= 0)
        close(wake->fd);
    wake->fd = -1;
}

void mw_wake_raise(struct mw_wake *wake)
{
    uint64_t one = 1;
    ssize_t written = write(wake->fd, &one, sizeof(one));
    (void)written; /* EAGAIN means that it is raised already */
}

bool mw_wake_wait(struct mw_wake *wake, int64_t timeout_ms)
{
    struct pollfd entry = {.fd = wake->fd, .events = POLLIN};
    int timeout = timeout_ms < 0 ? -1 : timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
    if (poll(&entry, 1, timeout) <= 0)
        return false; /* time-out, or EINTR: the caller looks at its own conditions and returns */
    uint64_t raised;
    return read(wake->fd, &raised, sizeof(raised)) == (ssize_t)sizeof(raised);
}
