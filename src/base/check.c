/* check.c - failed assertions and allocation. */
#include "base/check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mw_check_failed(const char *condition, const char *file, int line, const char *function)
{
    fprintf(stderr, "moonwick: %s:%d: %s: check failed: %s\n", file, line, function, condition);
    abort();
}

static void *checked(void *memory)
{
    if (memory == NULL) {
        fputs("moonwick: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *mw_alloc(size_t size)
{
    return checked(malloc(size > 0 ? size : 1));
}

void *mw_alloc_zero(size_t size)
{
    return checked(calloc(1, size > 0 ? size : 1));
}

void *mw_realloc_array(void *memory, size_t count, size_t size)
{
    MW_CHECK(size > 0 && count <= SIZE_MAX / size);
    return checked(realloc(memory, count > 0 ? count * size : 1));
}

char *mw_strndup(const char *text, size_t length)
{
    char *copy = mw_alloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *mw_strdup(const char *text)
{
    return mw_strndup(text, strlen(text));
}

void mw_free(void *memory)
{
    free(memory);
}
