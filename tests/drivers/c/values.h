/* The workload's values as libpq's text, and back. */
#ifndef VALUES_H
#define VALUES_H

#include <libpq-fe.h>
#include <stdio.h>

#include "json.h"

char *value_parameter(const char *type, const Json *value);
void value_write(FILE *out, const PGresult *result, int row, int column);

#endif
