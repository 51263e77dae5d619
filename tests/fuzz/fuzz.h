/* fuzz.h - the entry point that libFuzzer calls with bytes; each harness defines it.
 *
 * A harness asserts a property with MW_CHECK and returns 0.
 *
 * Threads: one.
 */
#ifndef MW_FUZZ_FUZZ_H
#define MW_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
