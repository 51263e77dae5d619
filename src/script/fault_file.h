/* fault_file.h - a Lua file that says what the simulator does wrong on purpose.
 *
 *     return {
 *       seed = 7,
 *       { kind = "reset", at = 2.5 },
 *       { kind = "lost_close", chance = 0.01, times = 0, symbol = "BTCUSDT" },
 *       random = { rate = 0.5, kinds = { "garbage", "duplicate" } },
 *     }
 *
 * Every key is checked, as those of a configuration are. docs/guide.md has the kinds.
 *
 * Threads: any thread.
 */
#ifndef MW_SCRIPT_FAULT_FILE_H
#define MW_SCRIPT_FAULT_FILE_H

#include "server/fault.h"

/* Reads a file into `plan`, which holds nothing. Errors: MW_EIO, MW_ECONFIG with place and
 * value. */
MW_MUST_USE mw_status mw_fault_file_load(const char *path, struct mw_fault_plan *plan,
                                         struct mw_error *err);

#endif
