/* settings_load.h - loads settings from Lua code, for the tests of settings.
 *
 * Threads: the test's.
 */
#ifndef MW_SUPPORT_SETTINGS_LOAD_H
#define MW_SUPPORT_SETTINGS_LOAD_H

#include "script/settings.h"

/* A table with every key of a feed, and a second feed with two endpoints. */
extern const char every_feed_key[];

/* Loads the table that `code` returns. */
mw_status load_settings(const char *code, struct mw_settings **out, struct mw_error *err);
/* The same for what has to load. Returns owned. */
struct mw_settings *assert_loads(const char *code);
/* The message has to be exactly `message`, and outputs are left alone. */
void assert_refused(const char *code, const char *message);

#endif
