#include "base/nearest.h"

#include <string.h>

#include "base/str.h"

static char folded(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return (char)(c == '-' ? '_' : c);
}

// Equal but for ASCII case and '-' written for '_'.
static bool same_folded(const char *a, const char *b)
{
    while (*a != '\0' && folded(*a) == folded(*b)) {
        a++;
        b++;
    }
    return folded(*a) == folded(*b);
}

void nearest_try(struct nearest *nearest, const char *name)
{
    size_t distance = same_folded(nearest->text, name) ? 0 : str_distance(nearest->text, name);
    size_t text_len = strlen(nearest->text);
    size_t len = strlen(name) < text_len ? strlen(name) : text_len;
    size_t tolerated = len < 2 ? 0 : len < 6 ? 1 : len / 3;
    if (distance <= tolerated && (nearest->name == NULL || distance < nearest->distance)) {
        nearest->name = name;
        nearest->distance = distance;
    }
}

const char *nearest_of(const char *text, const char *const *names)
{
    struct nearest nearest = {.text = text};
    for (; *names != NULL; names++) {
        nearest_try(&nearest, *names);
    }
    return nearest.name;
}
