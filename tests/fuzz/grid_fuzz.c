/* grid_fuzz.c - the values that an axis has are an axis with the same values, within limits. */
#include <string.h>

#include "backtest/grid.h"
#include "base/check.h"
#include "base/limits.h"
#include "base/str.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mw_strndup((const char *)data, size);
    struct mw_str list = MW_STR_INIT(64 << 20);
    struct mw_grid_axis axis = {.name = NULL}, again;
    struct mw_error err = {.status = MW_OK};
    if (mw_grid_axis_read(text, &axis, &err) == MW_OK) {
        MW_CHECK(axis.count >= 1 && axis.count <= MW_GRID_VALUES_MAX);
        mw_str_addf(&list, "%s=", axis.name);
        for (uint32_t i = 0; i < axis.count; i++)
            mw_str_addf(&list, "%s%s", i > 0 ? "," : "", axis.values[i]);
        MW_CHECK(mw_grid_axis_read(list.data, &again, NULL) == MW_OK);
        MW_CHECK(again.count == axis.count && strcmp(again.name, axis.name) == 0);
        for (uint32_t i = 0; i < axis.count; i++)
            MW_CHECK(strcmp(again.values[i], axis.values[i]) == 0);
        mw_grid_axis_deinit(&again);
        mw_grid_axis_deinit(&axis);
    } else {
        MW_CHECK(axis.name == NULL && err.status != MW_OK && err.message[0] != '\0');
    }
    mw_str_deinit(&list);
    mw_free(text);
    return 0;
}
