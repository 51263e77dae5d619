/* map.h - a hash map from byte strings to pointers.
 *
 * Open addressing with linear probing, at most 7/10 full; keys are copied. Items are never removed
 * one by one except by mw_map_remove, which shifts followers back, so there are no tombstones.
 *
 * Threads: the owner's; callers lock where several threads use one.
 */
#ifndef MW_BASE_MAP_H
#define MW_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct mw_map_item {
    char *key; /* owns; NULL in an empty place */
    size_t key_length;
    uint64_t hash;
    void *value; /* borrows */
};

struct mw_map {
    struct mw_map_item *items;
    size_t count, capacity; /* capacity is 0 or a power of two */
};

#define MW_MAP_INIT                                                                                \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void mw_map_deinit(struct mw_map *map);
/* The value of `key`, or NULL. */
void *mw_map_find(const struct mw_map *map, const void *key, size_t key_length);
/* Sets the value of `key`; `value` is not NULL. Returns the value that was there before, or
 * NULL. */
void *mw_map_set(struct mw_map *map, const void *key, size_t key_length, void *value);
/* Returns the value that was removed, or NULL. */
void *mw_map_remove(struct mw_map *map, const void *key, size_t key_length);
/* Steps through the items in no particular order: start with *at = 0; NULL at the end. The map must
 * not change meanwhile. */
const struct mw_map_item *mw_map_next(const struct mw_map *map, size_t *at);

uint64_t mw_hash(const void *bytes, size_t length);

#endif
