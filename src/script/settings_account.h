/* settings_account.h - the part of the configuration about paper accounts, and functions in it.
 *
 * Threads: the thread that owns the lua_State.
 */
#ifndef MW_SCRIPT_SETTINGS_ACCOUNT_H
#define MW_SCRIPT_SETTINGS_ACCOUNT_H

#include "script/settings_check.h"

/* A table of options, key by key over what the struct mw_account_options at the offset has. */
MW_MUST_USE mw_status mw_setting_account(struct mw_reader *reader, const struct mw_key *key,
                                         void *target, struct mw_error *err);

/* A function of the configuration's own lua_State, as a reference in its registry: an int. */
MW_MUST_USE mw_status mw_setting_function(struct mw_reader *reader, const struct mw_key *key,
                                          void *target, struct mw_error *err);

/* Takes the value on top of the reader's home into its registry. Errors: MW_ECONFIG when memory has
 * run out. Stack of home: [-1, +0] */
MW_MUST_USE mw_status mw_reader_keep(struct mw_reader *reader, int *reference,
                                     struct mw_error *err);

#endif
