/* Reading the workload, which is trusted, and writing strings of JSON. */
#ifndef JSON_H
#define JSON_H

#include <stdio.h>

typedef struct Json Json;

struct Json {
    char kind;  /* '[' list, '{' object, '"' string, '0' number, 't', 'f', 'n' */
    char *key;  /* of a member of an object */
    char *text; /* of a string or number */
    Json *first, *next;
};

Json *json_read(const char *path);
Json *json_get(const Json *object, const char *key);
const char *json_text(const Json *object, const char *key);
long json_number(const Json *object, const char *key);
void json_write(FILE *out, const char *text, size_t length);
void json_write_text(FILE *out, const char *text);
void fail(const char *why);

#endif
