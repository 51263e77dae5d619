/* signals.c - handlers of SIGINT and SIGTERM. */
#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/check.h"

/* The handler runs on the main thread, which changes the last two only while both signals are
 * blocked. */
static volatile sig_atomic_t stopping;
static void (*wake_fn)(void *user);
static void *wake_user;

static void handle(int number)
{
    if (stopping)
        _exit(128 + number); /* as shells report a program that a signal ended */
    int before = errno;      /* whoever was interrupted may be about to look at it */
    stopping = 1;
    if (wake_fn != NULL)
        wake_fn(wake_user);
    errno = before;
}

static void set_wake(void (*wake)(void *user), void *user)
{
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    MW_CHECK(pthread_sigmask(SIG_BLOCK, &signals, &before) == 0);
    wake_fn = wake;
    wake_user = user;
    MW_CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
}

void mw_signals_catch(void (*wake)(void *user), void *user)
{
    set_wake(wake, user);
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    MW_CHECK(sigaction(SIGINT, &action, NULL) == 0);
    MW_CHECK(sigaction(SIGTERM, &action, NULL) == 0);
}

void mw_signals_release(void)
{
    set_wake(NULL, NULL);
}

bool mw_signals_stopping(void)
{
    return stopping != 0;
}
