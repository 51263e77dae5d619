/* heap.h - memory with a cap, for what allocates through one function: a Lua state.
 *
 * Threads: the owner's.
 */
#ifndef MW_BASE_HEAP_H
#define MW_BASE_HEAP_H

#include <stddef.h>

struct mw_heap {
    size_t bytes, bytes_max; /* in use, and the cap */
};

/* A lua_Alloc; `user` is the struct mw_heap. `old_size` is the kind of object where `block` is
 * NULL. Returns NULL when the cap or the system's memory is reached. */
void *mw_heap_allocate(void *user, void *block, size_t old_size, size_t size);

#endif
