/* round.h - one round: an engine starts on the store, is killed, and what it leaves is judged.
 *
 *     simulator (lives on)  --- real sockets --->  victim  --->  store.db
 *                                                    | what is stored, in a pipe
 *                                                    v
 *                                                  claims
 *
 * What is judged is a copy of the files as the kill has left them, so that the next victim has to
 * cope with them itself.
 *
 * Threads: the owner's; there must be no other.
 */
#ifndef MW_CRASH_ROUND_H
#define MW_CRASH_ROUND_H

#include "claims.h"

enum { STAGE_PATH_BYTES = 256 };

/* What all rounds share. */
struct stage {
    const char *program; /* moonwick, for `history verify`; NULL for not */
    char folder[64];
    uint64_t seed; /* of the prices */
    mutation mutation;
    uint32_t bars;         /* of a ring */
    int64_t patience_ms;   /* within which an engine has to be whole */
    struct claims *claims; /* owns */
};

/* When the kill comes. */
struct plan {
    bool once_whole;   /* not before the rings are whole */
    bool once_written; /* not before all that the rings hold is told as stored */
    int64_t after_ms;  /* after that, or after the start of the process */
};

struct outcome {
    bool started, whole; /* before it was killed */
    int64_t started_ms, whole_ms;
    uint64_t told; /* parts */
    struct verdict verdict;
};

/* Writes the path of a file in the folder of the rounds, and returns `path`. */
char *stage_path(const struct stage *stage, const char *name, char path[STAGE_PATH_BYTES]);

/* Plays a round; outcome->verdict.failure says what is wrong. */
void round_play(struct stage *stage, const struct plan *plan, struct outcome *outcome);

#endif
