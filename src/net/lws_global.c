/* lws_global.c - the lock, and where the lines of libwebsockets go. */
#include "net/lws_global.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <libwebsockets.h>

#include "base/check.h"
#include "base/log.h"

static pthread_mutex_t global_lock = PTHREAD_MUTEX_INITIALIZER;
static bool logging; /* guarded by global_lock: the level and function below are set */

static void log_line(int level, const char *line)
{
    mw_log(level & LLL_ERR ? MW_LOG_ERROR : MW_LOG_WARN, "libwebsockets: %.*s",
           (int)strcspn(line, "\n"), line);
}

void mw_lws_lock(void)
{
    MW_CHECK(pthread_mutex_lock(&global_lock) == 0);
    if (!logging)
        lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
    logging = true;
}

void mw_lws_unlock(void)
{
    MW_CHECK(pthread_mutex_unlock(&global_lock) == 0);
}
