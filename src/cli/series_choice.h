/* series_choice.h - which series of a store is meant, for the sub-commands of `moonwick history`.
 *
 * The feed of a series is its name in the configuration; who asks get_price finds it by that. It
 * need not be told where the store leaves one choice.
 *
 * Threads: main thread only.
 */
#ifndef MW_CLI_SERIES_CHOICE_H
#define MW_CLI_SERIES_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "cli/options.h"
#include "history/csv.h"
#include "history/store.h"

#define MW_HISTORY_STORE_DEFAULT "moonwick.db"

/* Readers of options: struct mw_timeframe, mw_csv_time, a char, and an int64_t of milliseconds
 * since 1970: from those, a date or a time, "now", or how long ago. */
mw_status mw_option_read_timeframe(const char *text, void *target, struct mw_error *err);
mw_status mw_option_read_csv_time(const char *text, void *target, struct mw_error *err);
mw_status mw_option_read_delimiter(const char *text, void *target, struct mw_error *err);
mw_status mw_option_read_when(const char *text, void *target, struct mw_error *err);

/* All series of a store. */
struct mw_series_list {
    struct mw_store_series *items; /* owns */
    uint32_t count;
};

MW_MUST_USE mw_status mw_series_list_read(struct mw_store *store, struct mw_series_list *list,
                                          struct mw_error *err);
void mw_series_list_deinit(struct mw_series_list *list);

/* Fills a key but for the feed. Errors: MW_EINVAL for what was not given or is too long. */
MW_MUST_USE mw_status mw_series_choice_read(const char *symbol, struct mw_timeframe timeframe,
                                            struct mw_series_key *key, struct mw_error *err);
/* Fills the feed of `key`: `feed`, or for NULL the only one that the store has; with `must_exist`
 * the only one that has such a series, which must be there. Errors: MW_EINVAL saying what there is,
 * those of reading. */
MW_MUST_USE mw_status mw_series_choice_find(struct mw_store *store, const char *feed,
                                            bool must_exist, struct mw_series_key *key,
                                            struct mw_error *err);

/* Whether a file is a store, by its first bytes; one that cannot be read is none. */
bool mw_path_is_store(const char *path);

#endif
