#include "json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *at;

static Json *value(void);

void fail(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static void blank(void)
{
    while (isspace((unsigned char) *at))
        at++;
}

static char *string(void)
{
    char *text = malloc(strlen(at)), *end = text;
    for (at++; *at != '"'; at++) {
        if (*at == '\\') {
            at++;
            *end++ = *at == 'n' ? '\n' : *at;
            if (*at == 'u')
                fail("the workload is written without \\u");
        } else {
            *end++ = *at;
        }
    }
    at++;
    *end = '\0';
    return realloc(text, (size_t) (end - text) + 1);
}

static void members(Json *parent)
{
    char close = parent->kind == '[' ? ']' : '}';
    Json **last = &parent->first;
    for (at++, blank(); *at != close; blank()) {
        char *key = NULL;
        if (close == '}') {
            key = string();
            blank();
            at++; /* the colon */
        }
        *last = value();
        (*last)->key = key;
        last = &(*last)->next;
        blank();
        if (*at == ',')
            at++;
    }
    at++;
}

static Json *value(void)
{
    Json *found = calloc(1, sizeof *found);
    blank();
    found->kind = *at;
    if (*at == '[' || *at == '{') {
        members(found);
    } else if (*at == '"') {
        found->text = string();
    } else {
        size_t length = strcspn(at, ",]} \n");
        if (length == 0)
            fail("the workload is no JSON");
        found->text = strndup(at, length);
        if (isdigit((unsigned char) *at))
            found->kind = '0';
        at += length;
    }
    return found;
}

Json *json_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail("the workload cannot be read");
    size_t capacity = 1 << 20;
    char *text = calloc(1, capacity);
    if (fread(text, 1, capacity - 1, file) == capacity - 1)
        fail("the workload is too long");
    fclose(file);
    at = text;
    return value();
}

Json *json_get(const Json *object, const char *key)
{
    for (Json *each = object->first; each; each = each->next)
        if (strcmp(each->key, key) == 0)
            return each;
    return NULL;
}

const char *json_text(const Json *object, const char *key)
{
    Json *found = json_get(object, key);
    return found ? found->text : NULL;
}

long json_number(const Json *object, const char *key)
{
    return strtol(json_text(object, key), NULL, 10);
}

void json_write(FILE *out, const char *text, size_t length)
{
    fputc('"', out);
    for (const char *c = text; c < text + length; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if ((unsigned char) *c < 32)
            fprintf(out, "\\u%04x", *c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

void json_write_text(FILE *out, const char *text)
{
    json_write(out, text, strlen(text));
}
