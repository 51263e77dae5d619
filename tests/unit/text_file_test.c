/* text_file_test.c - gzip is read as what is in it; a file is written whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/random.h"
#include "base/str.h"
#include "history/text_file.h"

enum { BIG = 300000 }; /* bytes; several blocks */

static char folder[64], path[80], other[80];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/text_file_XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/a", folder);
    snprintf(other, sizeof(other), "%s/b", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

static int count_files(void)
{
    int count = 0;
    DIR *list = opendir(folder);
    assert_non_null(list);
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(list);
    return count;
}

static void write_text(const char *to, bool gzip, const char *text, size_t length)
{
    struct mw_text_writer *writer;
    struct mw_error err;
    if (mw_text_writer_open(to, gzip, &writer, &err) != MW_OK)
        fail_msg("%s", err.message);
    for (size_t at = 0; at < length; at += 70000) {
        size_t left = length - at;
        assert_int_equal(mw_text_writer_write(writer, text + at, left < 70000 ? left : 70000, &err),
                         MW_OK);
    }
    assert_int_equal(mw_text_writer_finish(writer, &err), MW_OK);
    mw_text_writer_close(writer);
}

static void put_bytes(const char *to, const char *mode, const char *bytes, size_t length)
{
    FILE *file = fopen(to, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* Reads all of a file in pieces of `size`. */
static mw_status read_text(const char *from, size_t size, struct mw_str *text, struct mw_error *err)
{
    struct mw_text_reader *reader;
    mw_status status = mw_text_reader_open(from, &reader, err);
    if (status != MW_OK)
        return status;
    char *piece = mw_alloc(size);
    size_t got = 1;
    while (status == MW_OK && got > 0) {
        status = mw_text_reader_read(reader, piece, size, &got, err);
        if (status == MW_OK)
            assert_true(mw_str_add(text, piece, got));
    }
    mw_free(piece);
    mw_text_reader_close(reader);
    return status;
}

static void expect_text(const char *from, size_t size, const char *want, size_t length)
{
    struct mw_str text = MW_STR_INIT(4 << 20);
    struct mw_error err;
    if (read_text(from, size, &text, &err) != MW_OK)
        fail_msg("%s", err.message);
    assert_int_equal(text.length, length);
    if (length > 0)
        assert_memory_equal(text.data, want, length);
    mw_str_deinit(&text);
}

static char *make_noise(size_t length)
{
    struct mw_random random = {7};
    char *noise = mw_alloc(length);
    for (size_t i = 0; i < length; i++)
        noise[i] = (char)mw_random_next(&random);
    noise[0] = 'n'; /* not by chance the mark of gzip */
    return noise;
}

static void reads_what_was_written_with_and_without_gzip(void **state)
{
    (void)state;
    char *noise = make_noise(BIG);
    static const size_t lengths[] = {0, 1, 2, BIG};
    static const size_t sizes[] = {1, 1000, 65536, 1 << 20};
    for (size_t i = 0; i < MW_COUNT(lengths); i++) {
        for (int gzip = 0; gzip < 2; gzip++) {
            write_text(path, gzip, noise, lengths[i]);
            for (size_t j = lengths[i] == BIG; j < MW_COUNT(sizes); j++)
                expect_text(path, sizes[j], noise, lengths[i]);
        }
    }
    mw_free(noise);
}

/* As `cat a.gz b.gz` makes it. */
static void reads_members_one_after_the_other(void **state)
{
    (void)state;
    write_text(path, true, "one,", 4);
    write_text(other, true, "two", 3);
    struct mw_str second = MW_STR_INIT(4096);
    assert_int_equal(mw_str_read_file(&second, other, NULL), MW_OK);
    put_bytes(path, "ab", second.data, second.length);
    expect_text(path, 100, "one,two", 7);
    expect_text(path, 1, "one,two", 7);
    mw_str_deinit(&second);
}

static void tells_of_gzip_that_is_cut_damaged_or_followed_by_something(void **state)
{
    (void)state;
    char *noise = make_noise(BIG);
    struct mw_str whole = MW_STR_INIT(4 << 20), text = MW_STR_INIT(4 << 20);
    struct mw_error err;
    write_text(other, true, noise, BIG);
    assert_int_equal(mw_str_read_file(&whole, other, NULL), MW_OK);
    for (size_t cut = 2; cut < whole.length; cut += cut < 40 ? 1 : 40000) {
        put_bytes(path, "wb", whole.data, cut);
        assert_int_equal(read_text(path, 65536, &text, &err), MW_EHISTORY);
        assert_non_null(strstr(err.message, "/a: ends in the middle of its gzip data"));
        mw_str_clear(&text);
    }
    whole.data[whole.length / 2] ^= 1;
    put_bytes(path, "wb", whole.data, whole.length);
    assert_int_equal(read_text(path, 65536, &text, &err), MW_EHISTORY);
    assert_non_null(strstr(err.message, "/a: damaged gzip data ("));
    whole.data[whole.length / 2] ^= 1;
    static const char *const tails[] = {"x", "xyz", "\x1f"};
    for (size_t i = 0; i < MW_COUNT(tails); i++) {
        put_bytes(path, "wb", whole.data, whole.length);
        put_bytes(path, "ab", tails[i], strlen(tails[i]));
        mw_str_clear(&text);
        assert_int_equal(read_text(path, 65536, &text, &err), MW_EHISTORY);
        assert_non_null(strstr(err.message, "/a: something that is not gzip follows its end"));
    }
    mw_str_deinit(&text);
    mw_str_deinit(&whole);
    mw_free(noise);
}

static void names_what_cannot_be_opened(void **state)
{
    (void)state;
    struct mw_text_reader *reader = NULL;
    struct mw_text_writer *writer = NULL;
    struct mw_error err;
    assert_int_equal(mw_text_reader_open("no/such.csv", &reader, &err), MW_EIO);
    assert_string_equal(err.message, "no/such.csv: No such file or directory");
    assert_int_equal(mw_text_reader_open(folder, &reader, &err), MW_EIO);
    assert_non_null(strstr(err.message, ": Is a directory"));
    assert_int_equal(mw_text_writer_open("no/such.csv", false, &writer, &err), MW_EIO);
    assert_string_equal(err.message, "no/such.csv: No such file or directory");
    assert_int_equal(mw_text_writer_open(folder, false, &writer, &err), MW_EIO);
    assert_non_null(strstr(err.message, ": Is a directory"));
    assert_null(reader);
    assert_null(writer);
}

static void leaves_nothing_and_the_old_file_when_it_is_not_finished(void **state)
{
    (void)state;
    write_text(path, false, "old", 3);
    unlink(other);
    int before = count_files();
    struct mw_text_writer *writer;
    assert_int_equal(mw_text_writer_open(path, true, &writer, NULL), MW_OK);
    assert_int_equal(mw_text_writer_write(writer, "new", 3, NULL), MW_OK);
    assert_int_equal(count_files(), before + 1);
    expect_text(path, 10, "old", 3);
    mw_text_writer_close(writer);
    assert_int_equal(count_files(), before);
    expect_text(path, 10, "old", 3);
    write_text(path, false, "new", 3);
    assert_int_equal(count_files(), before);
    expect_text(path, 10, "new", 3);
}

static void gives_a_file_the_usual_rights(void **state)
{
    (void)state;
    mode_t before = umask(027);
    write_text(path, false, "x", 1);
    umask(before);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void tells_of_a_full_disk(void **state)
{
    (void)state;
    struct mw_text_writer *writer;
    struct mw_error err;
    for (int gzip = 0; gzip < 2; gzip++) {
        assert_int_equal(mw_text_writer_open("/dev/full", gzip, &writer, &err), MW_OK);
        mw_status status = mw_text_writer_write(writer, "x", 1, &err);
        if (status == MW_OK) /* zlib keeps it until the end */
            status = mw_text_writer_finish(writer, &err);
        assert_int_equal(status, MW_EIO);
        assert_string_equal(err.message, "/dev/full: No space left on device");
        mw_text_writer_close(writer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written_with_and_without_gzip),
        cmocka_unit_test(reads_members_one_after_the_other),
        cmocka_unit_test(tells_of_gzip_that_is_cut_damaged_or_followed_by_something),
        cmocka_unit_test(names_what_cannot_be_opened),
        cmocka_unit_test(leaves_nothing_and_the_old_file_when_it_is_not_finished),
        cmocka_unit_test(gives_a_file_the_usual_rights),
        cmocka_unit_test(tells_of_a_full_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
