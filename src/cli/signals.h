/* signals.h - Ctrl-C and SIGTERM: the first asks to stop, the second ends the program at once.
 *
 * Threads: main thread only; threads of the engine and the simulator have all signals blocked.
 */
#ifndef MW_CLI_SIGNALS_H
#define MW_CLI_SIGNALS_H

#include <stdbool.h>

/* From now on SIGINT and SIGTERM set the flag below and call `wake(user)` from the handler. */
void mw_signals_catch(void (*wake)(void *user), void *user);
/* Stops calling `wake`, so that `user` may go away. A signal then still sets the flag. */
void mw_signals_release(void);
/* Whether one came. */
bool mw_signals_stopping(void);

#endif
