/* lws_global.c - the lock itself. */
#include "net/lws_global.h"

#include <pthread.h>

#include "base/check.h"

static pthread_mutex_t global_lock = PTHREAD_MUTEX_INITIALIZER;

void mw_lws_lock(void)
{
    MW_CHECK(pthread_mutex_lock(&global_lock) == 0);
}

void mw_lws_unlock(void)
{
    MW_CHECK(pthread_mutex_unlock(&global_lock) == 0);
}
