/* settings_history.h - the part of the configuration about what is kept of the past.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_SCRIPT_SETTINGS_HISTORY_H
#define MW_SCRIPT_SETTINGS_HISTORY_H

#include "script/settings.h"
#include "script/settings_check.h"

/* The table `history`; the target is a struct mw_settings. */
MW_MUST_USE mw_status mw_setting_history(struct mw_reader *reader, const struct mw_key *key,
                                         void *target, struct mw_error *err);
void mw_history_settings_deinit(struct mw_history_settings *history);

#endif
