/* embedded_test.c - built-in files have the bytes of the files on disk, and are listed in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/embedded.h"
#include "base/str.h"

static void lists_names_in_order(void **state)
{
    (void)state;
    assert_string_equal(mw_embedded_name(0), "first.lua");
    assert_string_equal(mw_embedded_name(1), "deep/bytes.lua");
    assert_string_equal(mw_embedded_name(2), "empty.lua");
    assert_null(mw_embedded_name(3));
    assert_null(mw_embedded_name(4));
}

static void holds_the_bytes_of_the_files(void **state)
{
    (void)state;
    const char *name;
    for (size_t i = 0; (name = mw_embedded_name(i)) != NULL; i++) {
        struct mw_str path = MW_STR_INIT(4096), file = MW_STR_INIT(1 << 16);
        assert_true(mw_str_addf(&path, "%s/%s", getenv("MW_EMBEDDED_ROOT"), name));
        assert_int_equal(mw_str_read_file(&file, path.data, NULL), MW_OK);
        size_t length = SIZE_MAX;
        const char *bytes = mw_embedded_find(name, &length);
        assert_non_null(bytes);
        assert_int_equal(length, file.length);
        assert_int_equal(bytes[length], '\0');
        if (length > 0)
            assert_memory_equal(bytes, file.data, length);
        mw_str_deinit(&path);
        mw_str_deinit(&file);
    }
}

static void finds_nothing_under_other_names(void **state)
{
    (void)state;
    static const char *const names[] = {"", "first", "first.lu", "first.lua ", "bytes.lua", "/"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t length = 7;
        assert_null(mw_embedded_find(names[i], &length));
        assert_int_equal(length, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_names_in_order),
        cmocka_unit_test(holds_the_bytes_of_the_files),
        cmocka_unit_test(finds_nothing_under_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
