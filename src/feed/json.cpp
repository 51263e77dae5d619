/* json.cpp - simdjson behind a C interface. */
#include "feed/json.h"

#include <new>

#include <simdjson.h>

#include "base/limits.h"

namespace dom = simdjson::dom;

struct mw_json {
    dom::parser parser;
    dom::element root;
    dom::element row;                       /* that is looked in */
    dom::array::iterator next_row, row_end; /* when rows are elements of an array */
    bool single;                            /* the row is an object, and still to come */
};

/* The parser keeps the depth it is first given. */
struct mw_json *mw_json_new(void)
{
    auto *json = new mw_json;
    if (json->parser.allocate(MW_RECEIVE_BYTES, MW_JSON_DEPTH_MAX) != simdjson::SUCCESS)
        throw std::bad_alloc();
    return json;
}

void mw_json_free(struct mw_json *json)
{
    delete json;
}

/* 64 bytes of padding follow every message (net/client.h), which is what simdjson reads past the
 * end. */
static_assert(simdjson::SIMDJSON_PADDING <= 64, "a message's padding is enough for simdjson");

mw_json_result mw_json_parse(struct mw_json *json, const char *data, size_t length)
{
    auto error = json->parser.parse(data, length, false).get(json->root);
    if (error == simdjson::SUCCESS)
        return MW_JSON_OK;
    return error == simdjson::UTF8_ERROR ? MW_JSON_NOT_UTF8 : MW_JSON_NOT_JSON;
}

static void fill(const dom::element &element, struct mw_json_value *value)
{
    switch (element.type()) {
    case dom::element_type::NULL_VALUE:
        value->kind = mw_json_value::MW_JSON_NULL;
        break;
    case dom::element_type::BOOL:
        value->kind = mw_json_value::MW_JSON_BOOLEAN;
        value->boolean = element.get_bool().value_unsafe();
        break;
    case dom::element_type::INT64:
        value->kind = mw_json_value::MW_JSON_INTEGER;
        value->integer = element.get_int64().value_unsafe();
        value->number = static_cast<double>(value->integer);
        break;
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
        value->kind = mw_json_value::MW_JSON_NUMBER;
        value->number = element.get_double().value_unsafe();
        break;
    case dom::element_type::STRING: {
        auto text = element.get_string().value_unsafe();
        value->kind = mw_json_value::MW_JSON_TEXT;
        value->text = text.data();
        value->length = text.size();
        break;
    }
    default:
        value->kind = mw_json_value::MW_JSON_OTHER;
    }
}

/* Elements are of rows only, which are rare: a call keeps them out of the way of keys. */
[[gnu::noinline]] static bool step_into_array(dom::element &element, size_t index)
{
    dom::array array;
    return element.get(array) == simdjson::SUCCESS &&
           array.at(index).get(element) == simdjson::SUCCESS;
}

static inline bool follow(dom::element &element, const struct mw_path *path)
{
    for (uint32_t i = 0; i < path->key_count; i++) {
        if (path->keys[i].text == nullptr) {
            if (!step_into_array(element, path->keys[i].length))
                return false;
            continue;
        }
        dom::object object;
        std::string_view key(path->keys[i].text, path->keys[i].length);
        if (element.get(object) != simdjson::SUCCESS ||
            object.at_key(key).get(element) != simdjson::SUCCESS)
            return false;
    }
    return true;
}

/* One copy of this for all is faster than one in each: it is what a message spends its time in. */
[[gnu::noinline]] static bool find_from(dom::element element, const struct mw_path *path,
                                        struct mw_json_value *value)
{
    if (!follow(element, path))
        return false;
    fill(element, value);
    return true;
}

bool mw_json_find(const struct mw_json *json, const struct mw_path *path,
                  struct mw_json_value *value)
{
    return find_from(json->root, path, value);
}

bool mw_json_begin_rows(struct mw_json *json, const struct mw_path *path)
{
    dom::element element = json->root;
    dom::array array;
    json->single = false;
    if (!follow(element, path))
        return false;
    if (element.get(array) == simdjson::SUCCESS) {
        json->next_row = array.begin();
        json->row_end = array.end();
        return true;
    }
    json->next_row = json->row_end = dom::array::iterator();
    json->row = element;
    return json->single = element.is_object();
}

bool mw_json_next_row(struct mw_json *json)
{
    if (json->single) {
        json->single = false;
        return true;
    }
    if (json->next_row == json->row_end)
        return false;
    json->row = *json->next_row;
    ++json->next_row;
    return true;
}

bool mw_json_find_in_row(const struct mw_json *json, const struct mw_path *path,
                         struct mw_json_value *value)
{
    return find_from(json->row, path, value);
}
