/* Messages: arguments and results of one call as a flat byte string. */
#include <stdlib.h>
#include <string.h>

#include "moonpool.h"

void mp_message_destroy(mp_message *message)
{
    free(message->data);
    *message = (mp_message){0};
}

static mp_status append(mp_message *message, const void *bytes, size_t size,
                        mp_error *err)
{
    if (message->capacity - message->size < size) {
        size_t capacity = message->capacity + message->capacity / 2 + 64;
        if (capacity - message->size < size)
            capacity = message->size + size;
        char *data =
            capacity < message->size ? NULL : realloc(message->data, capacity);
        if (data == NULL)
            return mp_error_set(err, MP_NO_MEMORY,
                                "no memory for a message of %zu bytes",
                                capacity);
        message->data = data;
        message->capacity = capacity;
    }
    if (size > 0)
        memcpy(message->data + message->size, bytes, size);
    message->size += size;
    return MP_OK;
}

/* A tag byte and 8 bytes. */
static mp_status append_word(mp_message *message, mp_tag tag, const void *word,
                             mp_error *err)
{
    char item[9];
    item[0] = (char)tag;
    memcpy(item + 1, word, 8);
    return append(message, item, sizeof item, err);
}

mp_status mp_message_tag(mp_message *message, mp_tag tag, mp_error *err)
{
    char byte = (char)tag;
    return append(message, &byte, 1, err);
}

mp_status mp_message_int(mp_message *message, int64_t value, mp_error *err)
{
    return append_word(message, MP_TAG_INT, &value, err);
}

mp_status mp_message_float(mp_message *message, double value, mp_error *err)
{
    return append_word(message, MP_TAG_FLOAT, &value, err);
}

mp_status mp_message_string(mp_message *message, const char *data, size_t size,
                            mp_error *err)
{
    uint64_t count = size;
    mp_status status = append_word(message, MP_TAG_STRING, &count, err);
    return status != MP_OK ? status : append(message, data, size, err);
}

mp_status mp_message_count(mp_message *message, mp_tag tag, uint64_t count,
                           mp_error *err)
{
    return append_word(message, tag, &count, err);
}

static mp_status broken(mp_error *err)
{
    return mp_error_set(err, MP_VALUE, "the message is cut off or broken");
}

mp_status mp_message_next(mp_reader *reader, mp_item *out, mp_error *err)
{
    if (reader->at == reader->end)
        return broken(err);
    unsigned char tag = (unsigned char)*reader->at;
    if (tag > MP_TAG_ARRAY)
        return broken(err);
    out->tag = (mp_tag)tag;
    reader->at++;
    if (tag <= MP_TAG_TRUE)
        return MP_OK;
    if (reader->end - reader->at < 8)
        return broken(err);
    memcpy(&out->as, reader->at, 8);
    reader->at += 8;
    if (tag == MP_TAG_STRING) {
        uint64_t size = out->as.count;
        if (size > (uint64_t)(reader->end - reader->at))
            return broken(err);
        out->as.s.data = reader->at;
        out->as.s.size = (size_t)size;
        reader->at += size;
    }
    return MP_OK;
}
