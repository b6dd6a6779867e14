#include "base/text.h"

#include <string.h>

static size_t character_len(unsigned char lead)
{
    if (lead >= 0xF0) {
        return 4;
    }
    if (lead >= 0xE0) {
        return 3;
    }
    return lead >= 0xC0 ? 2 : 1;
}

size_t text_whole_len(const char *data, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 4) {
        start--;
        unsigned char byte = (unsigned char)data[start];
        if ((byte & 0xC0) != 0x80) {
            return start + character_len(byte) > len ? start : len;
        }
    }
    return len;
}

void text_cut(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size) {
        len = text_whole_len(text, size - 1);
    }
    memcpy(out, text, len);
    out[len] = '\0';
}
