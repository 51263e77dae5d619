/* dataset_store.c - series of a store as data of back-tests. */
#include <string.h>

#include "backtest/dataset_parts.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/str.h"
#include "history/store.h"

enum { LIST_BYTES_MAX = 400 }; /* of what there is, for a message */

struct search {
    const struct mw_dataset_choice *choice;
    struct mw_store_series *found; /* owns */
    uint32_t count;
    struct mw_str list; /* of all that there is, as far as it fits */
    bool is_cut;
};

static bool is_chosen(const struct mw_series_key *wanted, const struct mw_series_key *key)
{
    return (wanted->feed[0] == '\0' || strcmp(wanted->feed, key->feed) == 0) &&
           (wanted->symbol[0] == '\0' || strcmp(wanted->symbol, key->symbol) == 0) &&
           (wanted->timeframe.count == 0 || mw_timeframe_equal(wanted->timeframe, key->timeframe));
}

static bool take_series(void *user, const struct mw_store_series *series)
{
    struct search *search = user;
    const struct mw_series_key *key = &series->key;
    char timeframe[MW_TIMEFRAME_BYTES_MAX];
    search->is_cut =
        search->is_cut ||
        !mw_str_addf(&search->list, "%s%s:%s %s", search->list.length > 0 ? ", " : "", key->feed,
                     key->symbol, mw_timeframe_format(key->timeframe, timeframe));
    if (!is_chosen(&search->choice->key, key))
        return true;
    search->found = mw_realloc_array(search->found, search->count + 1, sizeof(*search->found));
    search->found[search->count++] = *series;
    return search->count <= MW_DATASET_SERIES_MAX;
}

static mw_status fail_none(const struct search *search, const char *path, struct mw_error *err)
{
    const struct mw_series_key *key = &search->choice->key;
    char timeframe[MW_TIMEFRAME_BYTES_MAX] = "any timeframe";
    if (key->timeframe.count > 0)
        mw_timeframe_format(key->timeframe, timeframe);
    if (search->list.length == 0)
        return mw_fail(err, MW_EINVAL, "%s: there are no series in it", path);
    return mw_fail(err, MW_EINVAL, "%s: no series of %s%s%s in %s; there are %s%s", path, key->feed,
                   key->feed[0] != '\0' ? ":" : "",
                   key->symbol[0] != '\0' ? key->symbol : "any symbol", timeframe,
                   search->list.data, search->is_cut ? " and more" : "");
}

/* Holes within the rows, without what lies beyond them. What the exchange itself has closed is
 * certain, wherever it lies. */
static void clip_holes(const struct mw_series_key *key, const struct mw_candle *rows,
                       uint32_t count, struct mw_gaps *holes)
{
    int64_t first_ms = rows[0].open_ms, last_ms = rows[count - 1].open_ms;
    if (holes->count > 0 && holes->list[0].from_ms < first_ms)
        mw_gaps_remove(holes, key->timeframe, holes->list[0].from_ms,
                       mw_timeframe_floor(key->timeframe, first_ms - 1));
    if (holes->count > 0 && holes->list[holes->count - 1].to_ms > last_ms)
        mw_gaps_remove(holes, key->timeframe, mw_timeframe_next(key->timeframe, last_ms),
                       holes->list[holes->count - 1].to_ms);
    for (uint32_t i = 0; i < count && holes->count > 0; i++)
        if (rows[i].closed_by == MW_CLOSED_BY_EXCHANGE)
            mw_gaps_remove(holes, key->timeframe, rows[i].open_ms, rows[i].open_ms);
}

static mw_status add_series(struct mw_dataset *dataset, struct mw_store *store,
                            const struct mw_store_series *series,
                            const struct mw_dataset_choice *choice, bool *any, struct mw_error *err)
{
    int64_t from_ms = choice->from_ms > series->first_ms ? choice->from_ms : series->first_ms;
    int64_t to_ms = choice->to_ms < series->last_ms ? choice->to_ms : series->last_ms;
    struct mw_timeframe timeframe = series->key.timeframe;
    *any = false;
    if (from_ms > to_ms)
        return MW_OK;
    uint64_t buckets = mw_timeframe_buckets(timeframe, mw_timeframe_floor(timeframe, from_ms),
                                            mw_timeframe_floor(timeframe, to_ms));
    uint32_t room = buckets > MW_DATASET_ROWS_MAX ? MW_DATASET_ROWS_MAX + 1 : (uint32_t)buckets;
    struct mw_candle *rows = mw_realloc_array(NULL, room, sizeof(*rows));
    struct mw_gaps holes = {.list = NULL};
    struct mw_store_query query = {
        .key = &series->key, .from_ms = from_ms, .until_ms = to_ms, .count = room};
    uint32_t count = 0;
    mw_status status = mw_store_read(store, &query, rows, &count, &holes, err);
    if (status != MW_OK || count == 0) {
        mw_free(rows);
        mw_gaps_deinit(&holes);
        return status;
    }
    *any = true;
    clip_holes(&series->key, rows, count, &holes);
    rows = mw_realloc_array(rows, count, sizeof(*rows));
    return mw_dataset_add_known(dataset, &series->key, rows, count, &holes, err);
}

static mw_status add_found(struct mw_dataset *dataset, struct mw_store *store,
                           const struct search *search, struct mw_error *err)
{
    bool any = false, added;
    uint32_t before = dataset->count;
    for (uint32_t i = 0; i < search->count; i++) {
        mw_status status =
            add_series(dataset, store, &search->found[i], search->choice, &added, err);
        if (status != MW_OK) {
            mw_dataset_cut(dataset, before);
            return status;
        }
        any = any || added;
    }
    return any ? MW_OK : mw_fail(err, MW_EINVAL, "%s: no rows in that time", mw_store_path(store));
}

mw_status mw_dataset_add_store(struct mw_dataset *dataset, const char *path,
                               const struct mw_dataset_choice *choice, struct mw_error *err)
{
    const struct mw_store_options options = {.path = path, .read_only = true, .must_exist = true};
    struct mw_store *store;
    mw_status status = mw_store_open(&options, &store, err);
    if (status != MW_OK)
        return status;
    struct search search = {.choice = choice, .list = MW_STR_INIT(LIST_BYTES_MAX)};
    status = mw_store_each(store, take_series, &search, err);
    if (status == MW_OK)
        status = search.count == 0 ? fail_none(&search, path, err)
                                   : add_found(dataset, store, &search, err);
    mw_store_close(store);
    mw_free(search.found);
    mw_str_deinit(&search.list);
    return status;
}
