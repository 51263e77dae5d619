/* check.h - assertions that stay on in every build, and allocation that never returns NULL.
 *
 * MW_CHECK states what only a bug in our own C can break; it logs where and aborts. Trouble that
 * can come from outside is a mw_status instead (status.h). Running out of memory in C aborts too:
 * sizes that come from outside are held against limits.h before anything is allocated.
 *
 * Threads: any thread.
 */
#ifndef MW_BASE_CHECK_H
#define MW_BASE_CHECK_H

#include <stddef.h>

#define MW_CHECK(condition)                                                                        \
    ((condition) ? (void)0 : mw_check_failed(#condition, __FILE__, __LINE__, __func__))

#define MW_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that holds `member` at `pointer`; for intrusive members handed to C libraries. */
#define MW_CONTAINER(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

_Noreturn void mw_check_failed(const char *condition, const char *file, int line,
                               const char *function);

/* Returns owned memory, never NULL. `size` of 0 gives a pointer that can be freed. */
void *mw_alloc(size_t size);
void *mw_alloc_zero(size_t size);
/* As realloc for `count` items of `size` bytes, with the product checked. Takes `memory`. */
void *mw_realloc_array(void *memory, size_t count, size_t size);
char *mw_strdup(const char *text);
/* Copies `length` bytes and adds a NUL. */
char *mw_strndup(const char *text, size_t length);
void mw_free(void *memory);

#endif
