/* embedded.c - looks files up by name; a dozen of them, once each, so from front to back. */
#include "base/embedded.h"

#include <string.h>

const char *mw_embedded_find(const char *name, size_t *length)
{
    for (const struct mw_embedded_file *file = mw_embedded_files; file->name != NULL; file++) {
        if (strcmp(file->name, name) == 0) {
            *length = file->length;
            return file->bytes;
        }
    }
    return NULL;
}

const char *mw_embedded_name(size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (mw_embedded_files[i].name == NULL)
            return NULL;
    }
    return mw_embedded_files[index].name;
}
