/* mutation.c - what the linker puts in the place of mw_writer_new and mw_store_write. */
#include "mutation.h"

#include <string.h>
#include <time.h>

#include "base/check.h"

enum { PAUSE_MS = 100, FORGED_EVERY = 100 };

/* Calls from other files to mw_writer_new go to the wrap, and those to the real go to it. */
struct mw_writer *
real_writer_new(const struct mw_writer_options *options) __asm__("__real_mw_writer_new");
struct mw_writer *
wrap_writer_new(const struct mw_writer_options *options) __asm__("__wrap_mw_writer_new");
mw_status real_store_write(struct mw_store *store, const struct mw_store_part *parts,
                           uint32_t part_count, struct mw_stored *stored,
                           struct mw_error *err) __asm__("__real_mw_store_write");
mw_status wrap_store_write(struct mw_store *store, const struct mw_store_part *parts,
                           uint32_t part_count, struct mw_stored *stored,
                           struct mw_error *err) __asm__("__wrap_mw_store_write");

static mutation set_kind;
static void (*set_on_stored)(void *user, const struct mw_store_part *part);
static void *set_user;
static struct mw_writer_options engine_options; /* of the one writer of the process */

const char *mutation_text(mutation kind)
{
    static const char *const texts[] = {"none", "early", "torn", "quiet", "forged"};
    MW_CHECK(kind < MUTATION_COUNT);
    return texts[kind];
}

mutation mutation_find(const char *text)
{
    int kind = 0;
    while (kind < MUTATION_COUNT && strcmp(mutation_text((mutation)kind), text) != 0)
        kind++;
    return (mutation)kind;
}

bool mutation_is_seen(mutation kind, const char *failure)
{
    static const char *const words[] = {"", "told as stored", "quiet", "quiet", "values"};
    MW_CHECK(kind < MUTATION_COUNT);
    return strstr(failure, words[kind]) != NULL;
}

void mutation_set(mutation kind, void (*on_stored)(void *user, const struct mw_store_part *part),
                  void *user)
{
    set_kind = kind;
    set_on_stored = on_stored;
    set_user = user;
}

static void on_stored(void *user, const struct mw_store_part *part)
{
    if (set_kind != MUTATION_EARLY)
        set_on_stored(set_user, part);
    if (engine_options.on_stored != NULL)
        engine_options.on_stored(user, part);
}

struct mw_writer *wrap_writer_new(const struct mw_writer_options *options)
{
    engine_options = *options;
    struct mw_writer_options heard = *options;
    if (set_on_stored != NULL)
        heard.on_stored = on_stored;
    return real_writer_new(&heard);
}

/* As a disk that takes its time: a kill in between is what has to be seen. */
static void pause_between(void)
{
    const struct timespec time = {.tv_nsec = PAUSE_MS * 1000000L};
    nanosleep(&time, NULL);
}

/* Writes the parts without their holes, and returns them for the caller to free. */
static struct mw_store_part *without_holes(const struct mw_store_part *parts, uint32_t part_count)
{
    struct mw_store_part *copies = mw_alloc((part_count + 1) * sizeof(*copies));
    for (uint32_t i = 0; i < part_count; i++) {
        copies[i] = parts[i];
        copies[i].holes = NULL;
        copies[i].hole_count = 0;
    }
    return copies;
}

static mw_status write_quiet(struct mw_store *store, const struct mw_store_part *parts,
                             uint32_t part_count, struct mw_stored *stored, struct mw_error *err)
{
    struct mw_store_part *copies = without_holes(parts, part_count);
    mw_status status = real_store_write(store, copies, part_count, stored, err);
    mw_free(copies);
    return status;
}

static mw_status write_forged(struct mw_store *store, const struct mw_store_part *parts,
                              uint32_t part_count, struct mw_stored *stored, struct mw_error *err)
{
    mw_status status = real_store_write(store, parts, part_count, stored, err);
    for (uint32_t i = 0; i < part_count && status == MW_OK; i++) {
        for (uint32_t row = 0; row < parts[i].row_count && status == MW_OK; row += FORGED_EVERY) {
            struct mw_candle forged = parts[i].rows[row];
            forged.close = forged.low;
            forged.volume += 1;
            const struct mw_store_part part = {.key = parts[i].key,
                                               .from_ms = forged.open_ms,
                                               .to_ms = forged.open_ms,
                                               .rows = &forged,
                                               .row_count = 1};
            status = real_store_write(store, &part, 1, NULL, err);
        }
    }
    return status;
}

mw_status wrap_store_write(struct mw_store *store, const struct mw_store_part *parts,
                           uint32_t part_count, struct mw_stored *stored, struct mw_error *err)
{
    if (set_kind == MUTATION_EARLY) {
        for (uint32_t i = 0; i < part_count; i++)
            set_on_stored(set_user, &parts[i]);
        pause_between();
    } else if (set_kind == MUTATION_TORN) {
        mw_status status = write_quiet(store, parts, part_count, stored, err);
        if (status != MW_OK)
            return status;
        pause_between();
    } else if (set_kind == MUTATION_QUIET) {
        return write_quiet(store, parts, part_count, stored, err);
    } else if (set_kind == MUTATION_FORGED) {
        return write_forged(store, parts, part_count, stored, err);
    }
    return real_store_write(store, parts, part_count, stored, err);
}
