/* mutation.h - writers that are wrong in a way which a kill must bring to light.
 *
 *     early    tells that a part is stored before it is written
 *     torn     writes rows first and what is known of holes in another transaction
 *     quiet    drops the holes: what is absent seems to have been quiet
 *     forged   one row in a hundred gets another close
 *
 * They stand between the writer and the store (the linker wraps mw_store_write), so that the
 * program under test is what users run. A machine that loses power would show one more kind, a
 * store without syncs; a kill leaves what was written to the system, so that one is not here.
 *
 * Threads: mutation_set before the engine starts.
 */
#ifndef MW_CRASH_MUTATION_H
#define MW_CRASH_MUTATION_H

#include "history/store.h"
#include "history/writer.h"

typedef enum mutation {
    MUTATION_NONE,
    MUTATION_EARLY,
    MUTATION_TORN,
    MUTATION_QUIET,
    MUTATION_FORGED,
    MUTATION_COUNT
} mutation;

const char *mutation_text(mutation kind);
/* MUTATION_COUNT when there is none of this name. */
mutation mutation_find(const char *text);

/* Whether this failure is what becomes of it, and not some other. */
bool mutation_is_seen(mutation kind, const char *failure);

/* From now on every writer made has this fault, and tells `on_stored` of each part. */
void mutation_set(mutation kind, void (*on_stored)(void *user, const struct mw_store_part *part),
                  void *user);

#endif
