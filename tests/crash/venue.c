/* venue.c - starting the simulator, and reading where it listens. */
#include "venue.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"

/* The process of the simulator, which goes when this one does. */
static _Noreturn void run(const struct venue_options *options, int out)
{
    char seed[24], speed[24], start[24];
    snprintf(seed, sizeof(seed), "%" PRIu64, options->seed);
    snprintf(speed, sizeof(speed), "%ux", options->speed);
    snprintf(start, sizeof(start), "%" PRId64, options->start_ms);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    MW_CHECK(dup2(out, STDOUT_FILENO) >= 0);
    close(out);
    execl(options->program, options->program, "simulate", "--listen", "127.0.0.1:0", "--protocol",
          options->protocol, "--symbols", options->symbols, "--timeframes", options->timeframes,
          "--seed", seed, "--speed", speed, "--start", start, (char *)NULL);
    fprintf(stderr, "%s: %s\n", options->program, strerror(errno));
    _exit(127);
}

mw_status venue_start(struct venue *venue, const struct venue_options *options,
                      struct mw_error *err)
{
    int ends[2];
    MW_CHECK(pipe(ends) == 0);
    fflush(stdout);
    venue->pid = fork();
    MW_CHECK(venue->pid >= 0);
    if (venue->pid == 0) {
        close(ends[0]);
        run(options, ends[1]);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    MW_CHECK(out != NULL);
    char line[256] = "";
    bool listens = fgets(line, sizeof(line), out) != NULL &&
                   sscanf(line, "listening on %127s", venue->url) == 1;
    fclose(out); /* it says nothing more */
    if (listens)
        return MW_OK;
    venue_stop(venue);
    return mw_fail(err, MW_EIO, "%s simulate does not listen: %s", options->program, line);
}

void venue_stop(struct venue *venue)
{
    if (venue->pid == 0)
        return;
    kill(venue->pid, SIGTERM);
    waitpid(venue->pid, NULL, 0);
    venue->pid = 0;
}
