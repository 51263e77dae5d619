/* heap.c - one function that allocates, moves, frees and counts. */
#include "base/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

struct mw_heap_block {
    struct mw_heap_block *next;
};

/* The class of a block; MW_HEAP_CLASSES or more when it is too large for one. */
static size_t class_of(size_t size)
{
    return (size + MW_HEAP_CLASS_BYTES - 1) / MW_HEAP_CLASS_BYTES;
}

static void *take(struct mw_heap *heap, size_t size)
{
    size_t class = class_of(size);
    if (class >= MW_HEAP_CLASSES)
        return malloc(size);
    struct mw_heap_block *block = heap->kept[class];
    if (block == NULL)
        return malloc(class * MW_HEAP_CLASS_BYTES);
    heap->kept[class] = block->next;
    heap->kept_bytes -= class * MW_HEAP_CLASS_BYTES;
    return block;
}

static void give_back(struct mw_heap *heap, void *memory, size_t size)
{
    size_t class = class_of(size), bytes = class * MW_HEAP_CLASS_BYTES;
    if (class >= MW_HEAP_CLASSES || bytes > MW_HEAP_KEPT_BYTES_MAX - heap->kept_bytes) {
        free(memory);
        return;
    }
    struct mw_heap_block *block = memory;
    block->next = heap->kept[class];
    heap->kept[class] = block;
    heap->kept_bytes += bytes;
}

/* Moves a block to a size of another class. */
static void *move(struct mw_heap *heap, void *block, size_t old_size, size_t size)
{
    if (class_of(old_size) >= MW_HEAP_CLASSES && class_of(size) >= MW_HEAP_CLASSES)
        return realloc(block, size);
    void *moved = take(heap, size);
    if (moved == NULL)
        return size < old_size ? block : NULL; /* one that is too large is as good */
    memcpy(moved, block, old_size < size ? old_size : size);
    give_back(heap, block, old_size);
    return moved;
}

void *mw_heap_allocate(void *user, void *block, size_t old_size, size_t size)
{
    struct mw_heap *heap = user;
    if (size == 0) { /* most calls by far are these two */
        if (block == NULL)
            return NULL;
        give_back(heap, block, old_size);
        heap->bytes -= old_size;
        return NULL;
    }
    if (block == NULL) {
        void *taken = size <= heap->bytes_max - heap->bytes ? take(heap, size) : NULL;
        heap->bytes += taken != NULL ? size : 0;
        return taken;
    }
    if (size > old_size && size - old_size > heap->bytes_max - heap->bytes)
        return NULL;
    size_t class = class_of(size);
    void *moved = class_of(old_size) == class && class < MW_HEAP_CLASSES
                      ? block
                      : move(heap, block, old_size, size);
    if (moved != NULL)
        heap->bytes = heap->bytes - old_size + size;
    return moved;
}

void mw_heap_deinit(struct mw_heap *heap)
{
    for (size_t class = 0; class < MW_HEAP_CLASSES; class ++) {
        for (struct mw_heap_block *block = heap->kept[class], *next; block != NULL; block = next) {
            next = block->next;
            free(block);
        }
        heap->kept[class] = NULL;
    }
    heap->kept_bytes = 0;
}
