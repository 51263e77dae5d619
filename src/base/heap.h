/* heap.h - memory with a cap, for what allocates through one function: a Lua state.
 *
 * A script makes and drops objects of the same few sizes for each bar. Small blocks are rounded up
 * to a class of 16 bytes; one that is freed goes to the list of its class, and the next of that
 * class is taken from there: a few instructions where malloc and free take some hundred. What the
 * lists keep is bounded, and is not counted as in use.
 *
 * Threads: the owner's.
 */
#ifndef MW_BASE_HEAP_H
#define MW_BASE_HEAP_H

#include <stddef.h>

enum { MW_HEAP_CLASS_BYTES = 16, MW_HEAP_CLASSES = 129 }; /* blocks of up to 2048 bytes */

/* Zero-initialise, then set bytes_max. */
struct mw_heap {
    size_t bytes, bytes_max;                     /* in use, and the cap */
    size_t kept_bytes;                           /* in the lists */
    struct mw_heap_block *kept[MW_HEAP_CLASSES]; /* owns; free blocks by class */
};

/* Gives back what the lists keep, once nothing is in use any more. */
void mw_heap_deinit(struct mw_heap *heap);

/* A lua_Alloc; `user` is the struct mw_heap. `old_size` is the kind of object where `block` is
 * NULL. Returns NULL when the cap or the system's memory is reached, but never for a smaller
 * size. */
void *mw_heap_allocate(void *user, void *block, size_t old_size, size_t size);

#endif
