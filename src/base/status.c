/* status.c - texts of result codes, filling of errors. */
#include "base/status.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct status_entry {
    const char *name, *text, *kind;
};

static const struct status_entry status_entries[] = {
#define MW_STATUS_ENTRY(name, text, kind) {#name, text, kind},
    MW_STATUS_LIST(MW_STATUS_ENTRY)
#undef MW_STATUS_ENTRY
};

static const struct status_entry *entry_get(mw_status status)
{
    MW_CHECK((unsigned)status < MW_STATUS_COUNT);
    return &status_entries[status];
}

static void MW_PRINTF(3, 0)
    error_fill(struct mw_error *err, mw_status status, const char *format, va_list args)
{
    MW_CHECK(status != MW_OK);
    if (err == NULL)
        return;
    err->status = status;
    err->code = 0;
    err->attempts = 0;
    err->endpoint[0] = '\0';
    vsnprintf(err->message, sizeof(err->message), format, args);
}

mw_status mw_fail(struct mw_error *err, mw_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_fill(err, status, format, args);
    va_end(args);
    return status;
}

mw_status mw_fail_code(struct mw_error *err, mw_status status, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_fill(err, status, format, args);
    va_end(args);
    if (err != NULL)
        err->code = code;
    return status;
}

mw_status mw_fail_within(struct mw_error *err, mw_status status, const char *format, ...)
{
    if (err == NULL)
        return status;
    char inner[MW_ERROR_MESSAGE_BYTES];
    memcpy(inner, err->message, sizeof(inner));

    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof(err->message))
        snprintf(err->message + used, sizeof(err->message) - (size_t)used, ": %s", inner);
    return err->status;
}

const char *mw_status_name(mw_status status)
{
    return entry_get(status)->name;
}

const char *mw_status_text(mw_status status)
{
    return entry_get(status)->text;
}

const char *mw_status_kind(mw_status status)
{
    return entry_get(status)->kind;
}
