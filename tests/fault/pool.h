/* pool.h - trials in processes of their own, several at a time, because they mostly wait.
 *
 * Threads: the owner's; there must be no other while trials are started.
 */
#ifndef MW_FAULT_POOL_H
#define MW_FAULT_POOL_H

#include "trial.h"

struct pool_options {
    uint64_t count; /* trials, numbered from 0 */
    uint32_t jobs;  /* at the same time */
    void (*make)(struct trial *trial, uint64_t number, const char *folder);
    /* Called in the order of their ends. The folder is gone afterwards, unless this returns
     * true. */
    bool (*done)(void *user, const struct trial *trial, uint64_t number,
                 const struct trial_result *result);
    void *user;
};

enum { POOL_JOBS_MAX = 256 };

/* Runs them all. Files are in folders below one made with mkdtemp. */
void pool_run(const struct pool_options *options);

#endif
