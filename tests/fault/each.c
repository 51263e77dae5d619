/* each.c - one trial for each kind, and its story. */
#include "each.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"
#include "pool.h"

enum { STORY_BYTES_MAX = 64 << 10, LINE_BYTES = 2048, LINES_MAX = 24 };

/* What must have come of a kind besides the truth. */
enum {
    CALM = 1,         /* the connection was kept */
    REPAIRED = 2,     /* history had to help */
    REVISED = 4,      /* a closed bar got other values */
    RESUBSCRIBED = 8, /* a series was subscribed again on the same connection */
};

/* What must be seen of a kind: a text in what the strategy was told, and in the log, where there is
 * something to see; and what came of it. */
static const struct {
    const char *told, *logged;
    unsigned effects;
} wanted[MW_SABOTAGE_KIND_COUNT] = {
    [MW_SABOTAGE_RESET] = {"S reconnecting connection lost", "connection lost", 0},
    [MW_SABOTAGE_FIN] = {"S reconnecting connection lost", "connection lost", 0},
    [MW_SABOTAGE_CLOSE] = {"S reconnecting closed by the server", "with code 1001", 0},
    [MW_SABOTAGE_STALL] = {"S reconnecting the stream is dead", "the stream is dead", 0},
    [MW_SABOTAGE_HALF_OPEN] = {"S reconnecting nothing received", "not even an answer", 0},
    [MW_SABOTAGE_SILENT_STREAM] = {NULL, NULL, CALM | REPAIRED | RESUBSCRIBED},
    [MW_SABOTAGE_SLOW_HANDSHAKE] = {"S reconnecting no answer to the upgrade", "no answer", 0},
    [MW_SABOTAGE_REFUSE_CONNECT] = {"S reconnecting cannot connect", "refused", 0},
    [MW_SABOTAGE_STATUS] = {"S reconnecting the server answered", "HTTP status 503", 0},
    [MW_SABOTAGE_GARBAGE] = {NULL, "message rejected: not_json", CALM},
    [MW_SABOTAGE_BINARY] = {NULL, "message rejected: binary", CALM},
    [MW_SABOTAGE_TRUNCATED] = {"S reconnecting connection lost", "connection lost", 0},
    [MW_SABOTAGE_FRAGMENTED] = {NULL, NULL, CALM},
    [MW_SABOTAGE_DUPLICATE] = {NULL, NULL, CALM},
    [MW_SABOTAGE_REORDER] = {NULL, NULL, CALM},
    [MW_SABOTAGE_LATE_CLOSE] = {NULL, NULL, CALM},
    [MW_SABOTAGE_LOST_CLOSE] = {NULL, NULL, CALM | REPAIRED | REVISED},
    [MW_SABOTAGE_MISSING_UPDATES] = {NULL, NULL, CALM | REPAIRED},
    [MW_SABOTAGE_REVISED] = {NULL, NULL, CALM | REVISED},
    [MW_SABOTAGE_CLOCK_JUMP] = {NULL, NULL, CALM},
    [MW_SABOTAGE_WRONG_CONFIRMATION] = {"S reconnecting the venue did not confirm", "confirm", 0},
    [MW_SABOTAGE_LATE_CONFIRMATION] = {"S confirmed", NULL, 0},
    [MW_SABOTAGE_NOTICE] = {NULL, "goes on with the new connection", CALM},
    [MW_SABOTAGE_REST_TIMEOUT] = {NULL, "Empty reply", CALM | REPAIRED},
    [MW_SABOTAGE_REST_STATUS] = {NULL, "status 429", CALM | REPAIRED},
    [MW_SABOTAGE_REST_PARTIAL] = {NULL, NULL, CALM | REPAIRED},
    [MW_SABOTAGE_REST_CUT] = {NULL, "transfer closed", CALM | REPAIRED},
    [MW_SABOTAGE_REST_WRONG] = {NULL, "the answer is wrong", CALM | REPAIRED},
};

/* What one trial came to, as it is printed. */
struct story {
    struct mw_str text;
    bool failed;
};

struct each {
    struct story stories[MW_SABOTAGE_KIND_COUNT];
    mw_sabotage_kind first;
};

static struct each each;

static void make(struct trial *trial, uint64_t number, const char *folder)
{
    trial_of_kind(trial, (mw_sabotage_kind)(each.first + number), folder);
}

/* Adds the lines of a file that `wants` wants, at most LINES_MAX. Returns whether one of them has
 * `text` in it (NULL: always). */
static bool add_lines(struct story *story, const struct trial *trial, const char *name,
                      bool (*wants)(const char *line), const char *text)
{
    char path[TRIAL_PATH_BYTES + 16], line[LINE_BYTES];
    snprintf(path, sizeof(path), "%s/%s", trial->folder, name);
    FILE *file = fopen(path, "r");
    bool found = text == NULL;
    uint32_t count = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (!wants(line))
            continue;
        found |= text != NULL && strstr(line, text) != NULL;
        if (++count <= LINES_MAX)
            mw_str_addf(&story->text, "    %s", line);
    }
    if (count > LINES_MAX)
        mw_str_addf(&story->text, "    and %u lines more\n", count - LINES_MAX);
    if (file != NULL)
        fclose(file);
    return found;
}

static bool is_told(const char *line)
{
    return strchr("SHGFLRXE", line[0]) != NULL;
}

static bool is_logged(const char *line)
{
    (void)line;
    return true;
}

/* What has to have come of it and has not; empty for nothing. */
static const char *missing_effect(unsigned effects, const struct story *story,
                                  const struct trial_result *result)
{
    if (effects & CALM && strstr(story->text.data, "S reconnecting") != NULL)
        return "the connection was not kept";
    if (effects & REPAIRED && result->repaired == 0)
        return "nothing was asked of the history";
    if (effects & REVISED && result->revisions == 0)
        return "no closed bar has got other values";
    if (effects & RESUBSCRIBED && result->resubscribes == 0)
        return "nothing was subscribed again";
    return "";
}

static bool done(void *user, const struct trial *trial, uint64_t number,
                 const struct trial_result *result)
{
    (void)user;
    struct story *story = &each.stories[number];
    mw_sabotage_kind kind = (mw_sabotage_kind)(each.first + number);
    story->text = (struct mw_str)MW_STR_INIT(STORY_BYTES_MAX);
    mw_str_addf(&story->text, "%s: %s\n  the strategy saw, besides %" PRIu64 " bars:\n",
                mw_sabotage_text(kind), mw_sabotage_describe(kind), result->delivered);
    bool told = add_lines(story, trial, "trace.txt", is_told, wanted[kind].told);
    mw_str_adds(&story->text, "  the log saw:\n");
    bool logged = add_lines(story, trial, "log.txt", is_logged, wanted[kind].logged);
    const char *failure = result->failure;
    if (failure[0] == '\0' && result->faults[kind] == 0)
        failure = "the fault did not happen";
    else if (failure[0] == '\0' && !told)
        failure = "the strategy was not told what it has to be";
    else if (failure[0] == '\0' && !logged)
        failure = "the log has not what it has to have";
    else if (failure[0] == '\0')
        failure = missing_effect(wanted[kind].effects, story, result);
    story->failed = failure[0] != '\0';
    mw_str_addf(&story->text,
                "  gaps %" PRIu64 ", back-filled %" PRIu64 ", revised %" PRIu64 " of %" PRIu64
                ", lost %" PRIu64 "; %" PRIu64 " bars from history, %" PRIu64
                " reconnects, %" PRIu64 " resubscriptions; whole after %" PRId64 " ms%s%s\n",
                result->gaps, result->backfilled, result->revised, result->revisions, result->lost,
                result->repaired, result->reconnects, result->resubscribes, result->repair_ms,
                story->failed ? "\n  FAILED: " : "", failure);
    if (story->failed)
        mw_str_addf(&story->text, "  files: %s\n", trial->folder);
    return story->failed;
}

int each_run(int kind, uint32_t jobs)
{
    each.first = kind >= 0 ? (mw_sabotage_kind)kind : 0;
    const struct pool_options options = {
        .count = kind >= 0 ? 1 : MW_SABOTAGE_KIND_COUNT, .jobs = jobs, .make = make, .done = done};
    pool_run(&options);
    int failed = 0;
    for (uint64_t i = 0; i < options.count; i++) {
        fputs(each.stories[i].text.data, stdout);
        failed += each.stories[i].failed;
        mw_str_deinit(&each.stories[i].text);
    }
    printf("%" PRIu64 " kinds, %d failed\n", options.count, failed);
    return failed == 0 ? 0 : 1;
}
