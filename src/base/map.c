/* map.c - open addressing with backward-shift removal. */
#include "base/map.h"

#include <string.h>

#include "base/check.h"

/* FNV-1a, 64 bits (G. Fowler, L. C. Noll, K.-P. Vo), finished with a multiply-shift so that the low
 * bits, which choose the place, depend on all of it. */
uint64_t mw_hash(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 1099511628211u;
    return hash ^ (hash >> 32);
}

void mw_map_deinit(struct mw_map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        mw_free(map->items[i].key);
    mw_free(map->items);
    *map = (struct mw_map)MW_MAP_INIT;
}

/* The place of `key`, or the empty place where it would go. */
static size_t place_of(const struct mw_map *map, const void *key, size_t key_length, uint64_t hash)
{
    size_t at = hash & (map->capacity - 1);
    for (;; at = (at + 1) & (map->capacity - 1)) {
        const struct mw_map_item *item = &map->items[at];
        if (item->key == NULL || (item->hash == hash && item->key_length == key_length &&
                                  memcmp(item->key, key, key_length) == 0))
            return at;
    }
}

void *mw_map_find(const struct mw_map *map, const void *key, size_t key_length)
{
    if (map->count == 0)
        return NULL;
    return map->items[place_of(map, key, key_length, mw_hash(key, key_length))].value;
}

static void grow(struct mw_map *map)
{
    struct mw_map old = *map;
    map->capacity = old.capacity == 0 ? 16 : old.capacity * 2;
    map->items = mw_alloc_zero(map->capacity * sizeof(*map->items));
    for (size_t i = 0; i < old.capacity; i++) {
        const struct mw_map_item *item = &old.items[i];
        if (item->key != NULL)
            map->items[place_of(map, item->key, item->key_length, item->hash)] = *item;
    }
    mw_free(old.items);
}

void *mw_map_set(struct mw_map *map, const void *key, size_t key_length, void *value)
{
    MW_CHECK(value != NULL);
    if ((map->count + 1) * 10 > map->capacity * 7)
        grow(map);
    uint64_t hash = mw_hash(key, key_length);
    struct mw_map_item *item = &map->items[place_of(map, key, key_length, hash)];
    void *before = item->value;
    if (item->key == NULL) {
        item->key = mw_strndup(key, key_length);
        item->key_length = key_length;
        item->hash = hash;
        map->count++;
    }
    item->value = value;
    return before;
}

void *mw_map_remove(struct mw_map *map, const void *key, size_t key_length)
{
    if (map->count == 0)
        return NULL;
    size_t mask = map->capacity - 1;
    size_t hole = place_of(map, key, key_length, mw_hash(key, key_length));
    if (map->items[hole].key == NULL)
        return NULL;
    void *value = map->items[hole].value;
    mw_free(map->items[hole].key);
    /* Followers whose own place lies at or before the hole move into it. */
    for (size_t at = (hole + 1) & mask; map->items[at].key != NULL; at = (at + 1) & mask) {
        size_t own = map->items[at].hash & mask;
        if (((at - own) & mask) >= ((at - hole) & mask)) {
            map->items[hole] = map->items[at];
            hole = at;
        }
    }
    map->items[hole] = (struct mw_map_item){0};
    map->count--;
    return value;
}

const struct mw_map_item *mw_map_next(const struct mw_map *map, size_t *at)
{
    for (; *at < map->capacity; (*at)++)
        if (map->items[*at].key != NULL)
            return &map->items[(*at)++];
    return NULL;
}
