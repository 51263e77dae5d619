/* each.h - every kind of fault alone, and what has to be seen of it.
 *
 * Threads: the owner's; there must be no other.
 */
#ifndef MW_FAULT_EACH_H
#define MW_FAULT_EACH_H

#include <stdint.h>

/* Runs the kind, or every one when it is negative, and prints what strategy and log saw. Returns 0,
 * or 1 when something that has to be seen was not. */
int each_run(int kind, uint32_t jobs);

#endif
