/* settings_feed.h - the parts of the configuration: feeds, strategies and the environment.
 *
 * Readers of lists take what settings_check.h gives them and fill `settings`, whose folder is set.
 * On failure `settings` is half filled and still good for mw_settings_free.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_SCRIPT_SETTINGS_FEED_H
#define MW_SCRIPT_SETTINGS_FEED_H

#include "script/settings.h"
#include "script/settings_check.h"

/* Fills in the defaults of a feed. */
void mw_feed_settings_init(struct mw_feed_settings *feed);
void mw_feed_settings_deinit(struct mw_feed_settings *feed);

/* Reads the key `name` of a feed from the value on top. */
MW_MUST_USE mw_status mw_feed_settings_read(struct mw_reader *reader, const char *name,
                                            struct mw_feed_settings *feed, struct mw_error *err);

/* The lists under `feeds` and `strategies`; the target is a struct mw_settings. */
MW_MUST_USE mw_status mw_setting_feeds(struct mw_reader *reader, const struct mw_key *key,
                                       void *target, struct mw_error *err);
MW_MUST_USE mw_status mw_setting_strategies(struct mw_reader *reader, const struct mw_key *key,
                                            void *target, struct mw_error *err);
void mw_strategy_settings_deinit(struct mw_strategy_settings *strategy);

/* Lays the environment over the first feed, or makes a feed when there is none. */
MW_MUST_USE mw_status mw_settings_read_environment(struct mw_settings *settings,
                                                   struct mw_error *err);

/* "sma_cross" of "strategies/sma_cross.lua". Returns owned. */
char *mw_path_stem(const char *path);

#endif
