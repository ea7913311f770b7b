#include "values.h"

#include <stdlib.h>
#include <string.h>

enum { BOOL = 16, BYTEA = 17, INT4_ARRAY = 1007, TEXT_ARRAY = 1009, TIMESTAMP = 1114, TIMESTAMPTZ = 1184 };

/* The text of a parameter, NULL for NULL. */
char *value_parameter(const char *type, const Json *value)
{
    if (value->kind == 'n')
        return NULL;
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (value->kind == '[') {
        for (Json *each = value->first; each; each = each->next) {
            fputc(each == value->first ? '{' : ',', out);
            json_write_text(out, each->text); /* quoted as array elements are, too */
        }
        fputc('}', out);
    } else {
        fprintf(out, "%s%s", strcmp(type, "bytea") == 0 ? "\\x" : "", value->text);
    }
    fclose(out);
    return text;
}

static void write_array(FILE *out, const char *text)
{
    char *element = malloc(strlen(text) + 1);
    fputc('[', out);
    for (const char *c = text + 1; *c != '\0' && *c != '}';) {
        size_t length = 0;
        int quoted = *c == '"';
        for (c += quoted; quoted ? *c != '"' : *c != ',' && *c != '}'; c++) {
            if (*c == '\\')
                c++;
            element[length++] = *c;
        }
        c += quoted;
        json_write(out, element, length);
        if (*c == ',')
            fputc(*c++, out);
    }
    fputc(']', out);
    free(element);
}

/* ISO 8601, with milliseconds. */
static void write_time(FILE *out, const char *text, int zone)
{
    char point[5] = ".000";
    const char *fraction = strchr(text, '.');
    for (int i = 1; fraction && i < 4 && fraction[i] >= '0' && fraction[i] <= '9'; i++)
        point[i] = fraction[i];
    fprintf(out, "\"%.10sT%.8s%s%s\"", text, text + 11, point, zone ? "Z" : "");
}

void value_write(FILE *out, const PGresult *result, int row, int column)
{
    const char *text = PQgetvalue(result, row, column);
    Oid type = PQftype(result, column);
    if (PQgetisnull(result, row, column))
        fputs("null", out);
    else if (type == BOOL)
        fprintf(out, "\"%s\"", *text == 't' ? "true" : "false");
    else if (type == BYTEA)
        json_write_text(out, text + 2);
    else if (type == INT4_ARRAY || type == TEXT_ARRAY)
        write_array(out, text);
    else if (type == TIMESTAMP || type == TIMESTAMPTZ)
        write_time(out, text, type == TIMESTAMPTZ);
    else
        json_write_text(out, text);
}
