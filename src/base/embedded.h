/* embedded.h - files that are built into the program: Lua code, the page of a report.
 *
 * The build turns the files that src/CMakeLists.txt names into bytes (embed.cmake), so that the
 * program and the Lua module find their own Lua code wherever they are started. Names are paths
 * below lua/: "moonwick/init.lua", "moonwick/protocols/binance.lua"; of other files what
 * src/CMakeLists.txt calls them.
 *
 * Threads: immutable.
 */
#ifndef MW_BASE_EMBEDDED_H
#define MW_BASE_EMBEDDED_H

#include <stddef.h>

struct mw_embedded_file {
    const char *name;  /* NULL in the entry that ends the table */
    const char *bytes; /* followed by a NUL that `length` does not count */
    size_t length;
};

/* The table that the build writes; use the functions below. */
extern const struct mw_embedded_file mw_embedded_files[];

/* The bytes of the file `name`, and their count in `*length`, or NULL when there is no such
 * file. */
const char *mw_embedded_find(const char *name, size_t *length);

/* The name of file `index`, in the order of src/CMakeLists.txt; NULL past the last one. */
const char *mw_embedded_name(size_t index);

#endif
