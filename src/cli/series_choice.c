/* series_choice.c - readers of options, lists of series, and the choice of one. */
#include "cli/series_choice.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/decimal.h"

enum { TIME_DIGITS_MIN = 9 }; /* of milliseconds: fewer is a year, or a mistake */

mw_status mw_option_read_timeframe(const char *text, void *target, struct mw_error *err)
{
    return mw_timeframe_parse(text, target, err);
}

mw_status mw_option_read_csv_time(const char *text, void *target, struct mw_error *err)
{
    return mw_csv_time_parse(text, target, err);
}

mw_status mw_option_read_delimiter(const char *text, void *target, struct mw_error *err)
{
    bool is_tab = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0;
    if (!is_tab && (strlen(text) != 1 || strchr(",;|\t", text[0]) == NULL))
        return mw_fail(err, MW_EINVAL, "'%.20s': want ',', ';', '|' or tab", text);
    memcpy(target, is_tab ? "\t" : text, 1);
    return MW_OK;
}

mw_status mw_option_read_when(const char *text, void *target, struct mw_error *err)
{
    int64_t *time_ms = target, value;
    bool is_short = strlen(text) < TIME_DIGITS_MIN && strspn(text, "0123456789") == strlen(text);
    if (strcmp(text, "now") == 0)
        value = mw_clock_wall_ms();
    else if (mw_duration_parse(text, &value, NULL) == MW_OK)
        value = mw_clock_wall_ms() - value;
    else if (is_short ||
             (!mw_integer_parse(text, strlen(text), &value) &&
              mw_time_parse(text, &value, NULL) != MW_OK) ||
             value < MW_CANDLE_OPEN_MS_MIN || value > MW_CANDLE_OPEN_MS_MAX)
        return mw_fail(err, MW_EINVAL,
                       "'%.60s': want a date, 2024-01-01, a time, 2024-01-01T12:00Z, milliseconds, "
                       "or how long ago, 30d",
                       text);
    *time_ms = value;
    return MW_OK;
}

static bool add_series(void *user, const struct mw_store_series *series)
{
    struct mw_series_list *list = user;
    if ((list->count & (list->count + 1)) == 0) /* 1, 3, 7, ... are full */
        list->items = mw_realloc_array(list->items, list->count * 2 + 1, sizeof(*list->items));
    list->items[list->count++] = *series;
    return true;
}

mw_status mw_series_list_read(struct mw_store *store, struct mw_series_list *list,
                              struct mw_error *err)
{
    struct mw_series_list read = {0};
    mw_status status = mw_store_each(store, add_series, &read, err);
    if (status != MW_OK) {
        mw_series_list_deinit(&read);
        return status;
    }
    *list = read;
    return MW_OK;
}

void mw_series_list_deinit(struct mw_series_list *list)
{
    mw_free(list->items);
    *list = (struct mw_series_list){0};
}

static mw_status read_name(const char *option, const char *text, char *name, size_t bytes_max,
                           struct mw_error *err)
{
    size_t length = strlen(text);
    if (length == 0 || length > bytes_max)
        return mw_fail(err, MW_EINVAL, "--%s: '%.40s': want 1 to %zu bytes", option, text,
                       bytes_max);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == '\x7f')
            return mw_fail(err, MW_EINVAL, "--%s: a name has no blanks or control characters",
                           option);
    memcpy(name, text, length + 1);
    return MW_OK;
}

mw_status mw_series_choice_read(const char *symbol, struct mw_timeframe timeframe,
                                struct mw_series_key *key, struct mw_error *err)
{
    if (symbol == NULL)
        return mw_fail(err, MW_EINVAL, "want --symbol SYMBOL");
    if (timeframe.count == 0)
        return mw_fail(err, MW_EINVAL, "want --timeframe LENGTH, like 1m");
    key->timeframe = timeframe;
    return read_name("symbol", symbol, key->symbol, MW_SYMBOL_BYTES_MAX, err);
}

/* Adds "a, b, c" of the feeds in `list`, which is in their order. */
static void add_feeds(struct mw_str *text, const struct mw_series_list *list)
{
    const char *last = NULL;
    for (uint32_t i = 0; i < list->count; i++) {
        const char *feed = list->items[i].key.feed;
        if (last == NULL || strcmp(last, feed) != 0)
            mw_str_addf(text, "%s%s", last == NULL ? "" : ", ", feed);
        last = feed;
    }
}

static bool matches(const struct mw_series_key *candidate, const char *feed, bool must_exist,
                    const struct mw_series_key *key)
{
    if (feed != NULL && strcmp(candidate->feed, feed) != 0)
        return false;
    return !must_exist || (strcmp(candidate->symbol, key->symbol) == 0 &&
                           mw_timeframe_equal(candidate->timeframe, key->timeframe));
}

/* Nothing in `list` matches, or more than one feed does. */
static mw_status fail_choice(const struct mw_series_list *list, const char *found, bool must_exist,
                             const struct mw_series_key *key, struct mw_error *err)
{
    struct mw_str feeds = MW_STR_INIT(200);
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    add_feeds(&feeds, list);
    const char *names = feeds.data != NULL ? feeds.data : "none";
    mw_status status;
    mw_timeframe_format(key->timeframe, timeframe);
    if (found == NULL && must_exist)
        status =
            mw_fail(err, MW_EINVAL, "there is no series %s %s%s%s\ntry 'moonwick history list'",
                    key->symbol, timeframe, key->feed[0] != '\0' ? " of feed " : "", key->feed);
    else if (found == NULL)
        status = mw_fail(err, MW_EINVAL, "want --feed NAME: the feed's name in the configuration");
    else
        status = mw_fail(err, MW_EINVAL, "want --feed NAME: the store has several (%s)", names);
    mw_str_deinit(&feeds);
    return status;
}

mw_status mw_series_choice_find(struct mw_store *store, const char *feed, bool must_exist,
                                struct mw_series_key *key, struct mw_error *err)
{
    key->feed[0] = '\0';
    if (feed != NULL) {
        mw_status status = read_name("feed", feed, key->feed, MW_FEED_NAME_BYTES_MAX, err);
        if (status != MW_OK || !must_exist)
            return status;
    }
    struct mw_series_list list = {0};
    mw_status status = store != NULL ? mw_series_list_read(store, &list, err) : MW_OK;
    if (status != MW_OK)
        return status;
    const char *found = NULL;
    bool is_one = true;
    for (uint32_t i = 0; i < list.count; i++) {
        const struct mw_series_key *candidate = &list.items[i].key;
        if (!matches(candidate, feed, must_exist, key))
            continue;
        is_one = is_one && (found == NULL || strcmp(found, candidate->feed) == 0);
        found = candidate->feed;
    }
    if (found == NULL || !is_one)
        status = fail_choice(&list, found, must_exist, key, err);
    else
        memcpy(key->feed, found, strlen(found) + 1);
    mw_series_list_deinit(&list);
    return status;
}

bool mw_path_is_store(const char *path)
{
    static const char magic[] = "SQLite format 3"; /* https://sqlite.org/fileformat.html, 1.3 */
    char start[sizeof(magic)] = {0};
    struct stat info;
    /* Nothing is taken out of a pipe: no store is one. */
    if (strcmp(path, "-") == 0 || stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return false;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t got = fread(start, 1, sizeof(start), file);
    fclose(file);
    return got == sizeof(start) && memcmp(start, magic, sizeof(magic)) == 0;
}
