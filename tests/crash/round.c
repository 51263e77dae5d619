/* round.c - forking the victim, listening to it, killing it, and reading what is left. */
#include "round.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/str.h"

enum {
    PIPE_BYTES = 1 << 20,
    TOLD_BYTES_MAX = 64 << 20, /* of tales that are not whole yet */
    COPY_BYTES = 1 << 16,
};

/* A victim that runs. */
struct hunt {
    struct stage *stage;
    const struct plan *plan;
    struct outcome *outcome;
    pid_t pid;
    int pipe;
    int64_t began_ms;
    struct mw_str told; /* what has come and is not read */
    bool ended;         /* the pipe is at its end */
};

char *stage_path(const struct stage *stage, const char *name, char path[STAGE_PATH_BYTES])
{
    snprintf(path, STAGE_PATH_BYTES, "%s/%s", stage->folder, name);
    return path;
}

static void fail(struct hunt *hunt, const char *what)
{
    struct verdict *verdict = &hunt->outcome->verdict;
    if (verdict->failure[0] == '\0')
        snprintf(verdict->failure, sizeof(verdict->failure), "%s", what);
}

static _Noreturn void be_victim(const struct stage *stage, int out)
{
    char config[STAGE_PATH_BYTES], path[STAGE_PATH_BYTES];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int log = open(stage_path(stage, "log.txt", path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MW_CHECK(log >= 0 && dup2(log, STDERR_FILENO) >= 0);
    close(log);
    const struct victim_options options = {.config = stage_path(stage, "config.lua", config),
                                           .seed = stage->seed,
                                           .mutation = stage->mutation,
                                           .pipe = out};
    victim_run(&options);
}

static void start(struct hunt *hunt)
{
    int ends[2];
    MW_CHECK(pipe(ends) == 0);
    fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES); /* fewer are good too */
    fflush(stdout);
    hunt->began_ms = mw_clock_monotonic_ms();
    hunt->pid = fork();
    MW_CHECK(hunt->pid >= 0);
    if (hunt->pid == 0) {
        close(ends[0]);
        be_victim(hunt->stage, ends[1]);
    }
    close(ends[1]);
    hunt->pipe = ends[0];
}

/* --- listening -------------------------------------------------------------------------------- */

static void take_tale(struct hunt *hunt, const struct tale *tale, const char *rest)
{
    struct outcome *outcome = hunt->outcome;
    char why[512];
    if (tale->kind == TALE_STARTED) {
        outcome->started = true;
        outcome->started_ms = tale->after_ms;
    } else if (tale->kind == TALE_WHOLE) {
        outcome->whole = true;
        outcome->whole_ms = tale->after_ms;
    } else if (tale->kind == TALE_FAILED) {
        snprintf(why, sizeof(why), "does not start: %s", tale->text);
        fail(hunt, why);
    } else {
        /* Copied, because what comes out of a pipe is aligned to nothing. */
        struct mw_candle *rows = mw_alloc(tale->row_count * sizeof(*rows));
        struct mw_gap *holes = mw_alloc(tale->hole_count * sizeof(*holes));
        memcpy(rows, rest, tale->row_count * sizeof(*rows));
        memcpy(holes, rest + tale->row_count * sizeof(*rows), tale->hole_count * sizeof(*holes));
        outcome->told++;
        if (!claims_add(hunt->stage->claims, tale, rows, holes, why, sizeof(why)))
            fail(hunt, why);
        mw_free(rows);
        mw_free(holes);
    }
}

static void take_tales(struct hunt *hunt)
{
    struct tale tale;
    size_t at = 0;
    while (hunt->told.length - at >= sizeof(tale)) {
        memcpy(&tale, hunt->told.data + at, sizeof(tale));
        size_t length = sizeof(tale) + tale.row_count * sizeof(struct mw_candle) +
                        tale.hole_count * sizeof(struct mw_gap);
        if (hunt->told.length - at < length)
            break;
        take_tale(hunt, &tale, hunt->told.data + at + sizeof(tale));
        at += length;
    }
    if (at > 0)
        mw_str_drop(&hunt->told, at);
}

/* Waits for more, up to `until_ms`. */
static void listen_until(struct hunt *hunt, int64_t until_ms)
{
    static char bytes[COPY_BYTES];
    int64_t left_ms = until_ms - mw_clock_monotonic_ms();
    struct pollfd fd = {.fd = hunt->pipe, .events = POLLIN};
    int ready = poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0);
    MW_CHECK(ready >= 0 || errno == EINTR);
    if (ready <= 0)
        return;
    ssize_t length = read(hunt->pipe, bytes, sizeof(bytes));
    hunt->ended = length <= 0;
    if (length > 0)
        MW_CHECK(mw_str_add(&hunt->told, bytes, (size_t)length));
    take_tales(hunt);
}

static bool may_be_killed(const struct hunt *hunt)
{
    return (!hunt->plan->once_whole || hunt->outcome->whole) &&
           (!hunt->plan->once_written || claims_are_whole(hunt->stage->claims, hunt->stage->bars));
}

/* Listens until it is time, and kills. What was told before that is read after it. */
static void hunt_down(struct hunt *hunt)
{
    int64_t give_up_ms = hunt->began_ms + hunt->stage->patience_ms;
    int64_t kill_ms = hunt->began_ms + hunt->plan->after_ms;
    bool waits = hunt->plan->once_whole || hunt->plan->once_written;
    while (!hunt->ended && mw_clock_monotonic_ms() < (waits ? give_up_ms : kill_ms)) {
        listen_until(hunt, waits ? give_up_ms : kill_ms);
        if (waits && may_be_killed(hunt)) {
            kill_ms = mw_clock_monotonic_ms() + hunt->plan->after_ms;
            waits = false;
        }
    }
    if (hunt->ended)
        fail(hunt, "ends by itself");
    else if (waits)
        fail(hunt, hunt->outcome->whole ? "what the rings hold is not told as stored in time"
                                        : "the rings are not whole in time");
    kill(hunt->pid, SIGKILL);
    while (!hunt->ended)
        listen_until(hunt, INT64_MAX / 2);
    int status;
    MW_CHECK(waitpid(hunt->pid, &status, 0) == hunt->pid);
    close(hunt->pipe);
    mw_str_deinit(&hunt->told);
}

/* --- what is left ----------------------------------------------------------------------------- */

/* Copies a file; removes the copy's last state where there is none. Returns whether there is. */
static bool copy_file(const char *from, const char *to)
{
    static char bytes[COPY_BYTES];
    unlink(to);
    int in = open(from, O_RDONLY);
    if (in < 0)
        return false;
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MW_CHECK(out >= 0);
    ssize_t length;
    while ((length = read(in, bytes, sizeof(bytes))) > 0)
        MW_CHECK(write(out, bytes, (size_t)length) == length);
    MW_CHECK(length == 0);
    close(in);
    close(out);
    return true;
}

/* What a kill leaves is the file and its log; the index of the log in shared memory is made anew,
 * by whoever opens the copy. */
static bool copy_store(const struct stage *stage, char copy[STAGE_PATH_BYTES])
{
    char from[STAGE_PATH_BYTES], to[STAGE_PATH_BYTES];
    unlink(stage_path(stage, "copy.db-shm", to));
    copy_file(stage_path(stage, "store.db-wal", from), stage_path(stage, "copy.db-wal", to));
    return copy_file(stage_path(stage, "store.db", from), stage_path(stage, "copy.db", copy));
}

/* `moonwick history verify` on a store; its words go into the log. */
static bool verify(const struct stage *stage, const char *path)
{
    fflush(stdout);
    pid_t pid = fork();
    MW_CHECK(pid >= 0);
    if (pid == 0) {
        char log[STAGE_PATH_BYTES];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int out = open(stage_path(stage, "log.txt", log), O_WRONLY | O_CREAT | O_APPEND, 0600);
        MW_CHECK(out >= 0 && dup2(out, STDERR_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0);
        execl(stage->program, stage->program, "history", "verify", "--store", path, (char *)NULL);
        _exit(127);
    }
    int status;
    MW_CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void judge(struct hunt *hunt)
{
    struct stage *stage = hunt->stage;
    struct verdict *verdict = &hunt->outcome->verdict;
    char path[STAGE_PATH_BYTES], before[sizeof(verdict->failure)];
    struct mw_error err = {.message = ""};
    struct mw_store *store;
    if (!copy_store(stage, path)) {
        if (claims_count(stage->claims) > 0)
            fail(hunt, "there is no store, and bars were told to be in it");
        return;
    }
    const struct mw_store_options options = {.path = path};
    if (mw_store_open(&options, &store, &err) != MW_OK) {
        fail(hunt, err.message);
        return;
    }
    memcpy(before, verdict->failure, sizeof(before));
    claims_judge(stage->claims, store, verdict);
    mw_store_close(store);
    if (verdict->failure[0] == '\0' && stage->program != NULL && !verify(stage, path))
        fail(hunt, "moonwick history verify finds something wrong");
    if (before[0] != '\0') /* the victim's own trouble came first */
        memcpy(verdict->failure, before, sizeof(before));
}

void round_play(struct stage *stage, const struct plan *plan, struct outcome *outcome)
{
    struct hunt hunt = {
        .stage = stage, .plan = plan, .outcome = outcome, .told = MW_STR_INIT(TOLD_BYTES_MAX)};
    *outcome = (struct outcome){.told = 0};
    start(&hunt);
    hunt_down(&hunt);
    judge(&hunt);
}
