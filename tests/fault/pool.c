/* pool.c - forking, waiting, cleaning up. */
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

enum { TRIAL_MS_MAX = 120000 }; /* then it hangs */

struct job {
    pid_t pid; /* 0 for none */
    int pipe;
    uint64_t number;
    int64_t until_ms;
    char folder[TRIAL_PATH_BYTES - 16];
};

struct pool {
    const struct pool_options *options;
    char folder[64];
    struct job jobs[POOL_JOBS_MAX];
};

/* The process of one trial: says what came of it, and ends with whatever the sanitizers think. */
static void run_trial(const struct pool *pool, const struct job *job, int out)
{
    char path[TRIAL_PATH_BYTES];
    snprintf(path, sizeof(path), "%s/log.txt", job->folder);
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MW_CHECK(log >= 0 && dup2(log, STDERR_FILENO) >= 0);
    close(log);
    struct trial trial;
    struct trial_result result;
    pool->options->make(&trial, job->number, job->folder);
    trial_run(&trial, &result);
    trial_deinit(&trial);
    MW_CHECK(write(out, &result, sizeof(result)) == (ssize_t)sizeof(result));
    close(out);
    exit(0);
}

static void start(struct pool *pool, struct job *job, uint64_t number)
{
    int ends[2];
    MW_CHECK(pipe(ends) == 0);
    job->number = number;
    job->until_ms = mw_clock_monotonic_ms() + TRIAL_MS_MAX;
    snprintf(job->folder, sizeof(job->folder), "%s/%" PRIu64, pool->folder, number);
    MW_CHECK(mkdir(job->folder, 0700) == 0);
    fflush(stdout);
    job->pid = fork();
    MW_CHECK(job->pid >= 0);
    if (job->pid == 0) {
        close(ends[0]);
        run_trial(pool, job, ends[1]);
    }
    close(ends[1]);
    job->pipe = ends[0];
}

static void remove_folder(const char *folder)
{
    static const char *const names[] = {"config.lua", "trace.txt", "log.txt", "ca.pem"};
    char path[TRIAL_PATH_BYTES];
    for (size_t i = 0; i < MW_COUNT(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void end(struct pool *pool, struct job *job)
{
    struct trial_result result = {.done = false};
    int status = 0;
    bool hangs = mw_clock_monotonic_ms() >= job->until_ms;
    if (hangs)
        kill(job->pid, SIGKILL);
    bool whole = !hangs && read(job->pipe, &result, sizeof(result)) == (ssize_t)sizeof(result);
    close(job->pipe);
    MW_CHECK(waitpid(job->pid, &status, 0) == job->pid);
    job->pid = 0;
    if (!whole)
        result = (struct trial_result){.done = false};
    if (hangs)
        snprintf(result.failure, sizeof(result.failure), "hangs");
    else if (!whole || status != 0)
        snprintf(result.failure, sizeof(result.failure), "ends with %s %d",
                 WIFSIGNALED(status) ? "signal" : "exit status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    struct trial trial;
    pool->options->make(&trial, job->number, job->folder);
    if (!pool->options->done(pool->options->user, &trial, job->number, &result))
        remove_folder(job->folder);
    trial_deinit(&trial);
}

/* Waits until a trial has ended, or it is time to look whether one hangs. */
static void wait_for_any(struct pool *pool)
{
    struct pollfd fds[POOL_JOBS_MAX];
    struct job *jobs[POOL_JOBS_MAX];
    nfds_t count = 0;
    for (uint32_t i = 0; i < pool->options->jobs; i++) {
        if (pool->jobs[i].pid == 0)
            continue;
        jobs[count] = &pool->jobs[i];
        fds[count++] = (struct pollfd){.fd = pool->jobs[i].pipe, .events = POLLIN};
    }
    if (poll(fds, count, 1000) < 0)
        MW_CHECK(errno == EINTR);
    int64_t now_ms = mw_clock_monotonic_ms();
    for (nfds_t i = 0; i < count; i++)
        if (fds[i].revents != 0 || now_ms >= jobs[i]->until_ms)
            end(pool, jobs[i]);
}

void pool_run(const struct pool_options *options)
{
    MW_CHECK(options->jobs >= 1 && options->jobs <= POOL_JOBS_MAX);
    struct pool *pool = mw_alloc_zero(sizeof(*pool));
    pool->options = options;
    snprintf(pool->folder, sizeof(pool->folder), "/tmp/moonwick_fault_XXXXXX");
    MW_CHECK(mkdtemp(pool->folder) != NULL);
    uint64_t next = 0;
    uint32_t running = 1;
    while (next < options->count || running > 0) {
        running = 0;
        for (uint32_t i = 0; i < options->jobs; i++) {
            if (pool->jobs[i].pid == 0 && next < options->count)
                start(pool, &pool->jobs[i], next++);
            running += pool->jobs[i].pid != 0;
        }
        if (running > 0)
            wait_for_any(pool);
    }
    rmdir(pool->folder); /* unless something was kept in it */
    mw_free(pool);
}
