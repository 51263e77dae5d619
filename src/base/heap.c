/* heap.c - one function that allocates, moves, frees and counts. */
#include "base/heap.h"

#include <stdlib.h>

void *mw_heap_allocate(void *user, void *block, size_t old_size, size_t size)
{
    struct mw_heap *heap = user;
    if (block == NULL)
        old_size = 0;
    if (size > old_size && size - old_size > heap->bytes_max - heap->bytes)
        return NULL;
    void *moved = NULL;
    if (size == 0)
        free(block);
    else if ((moved = realloc(block, size)) == NULL)
        return NULL;
    heap->bytes = heap->bytes - old_size + size;
    return moved;
}
