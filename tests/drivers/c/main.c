/* The workload by libpq: `main WORKLOAD URL CA`. */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "values.h"

enum { PARAMETERS = 20, LONG = 8192 };

static const char *url, *ca;
static PGconn *connection;

typedef struct {
    int count;
    char *values[PARAMETERS];
} Parameters;

/* A step writes its answer, members of an object, to `out`, or returns false after write_error. */
typedef int Work(const Json *step, FILE *out);

static PGconn *connect_with(const char *password, int tls)
{
    char text[LONG];
    const char *secret = strstr(url, ":secret@");
    snprintf(text, sizeof text, "%.*s:%s@%s&sslmode=%s%s%s", (int) (secret - url), url, password, secret + 8,
             tls ? "verify-full" : "disable", tls ? "&sslrootcert=" : "", tls ? ca : "");
    return PQconnectdb(text);
}

static PGconn *connect_another(void)
{
    PGconn *other = connect_with("secret", 0);
    if (PQstatus(other) != CONNECTION_OK)
        fail(PQerrorMessage(other));
    return other;
}

static int error_state(const char *state, FILE *out)
{
    fprintf(out, "\"error\": \"%s\"", state ? state : "");
    return 0;
}

/* Whether a result is no error; one that is becomes the answer. */
static int good(const PGresult *result, FILE *out)
{
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_FATAL_ERROR && status != PGRES_BAD_RESPONSE)
        return 1;
    if (PQresultErrorField(result, PG_DIAG_SQLSTATE) == NULL)
        fail(PQresultErrorMessage(result));
    return error_state(PQresultErrorField(result, PG_DIAG_SQLSTATE), out);
}

static int run(PGconn *where, const char *sql, FILE *out)
{
    PGresult *result = PQexec(where, sql);
    int done = good(result, out);
    PQclear(result);
    return done;
}

static void must(PGconn *where, const char *sql)
{
    PGresult *result = PQexec(where, sql);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR)
        fail(PQresultErrorMessage(result));
    PQclear(result);
}

static Parameters parameters(const Json *list)
{
    Parameters found = {0, {NULL}};
    for (Json *each = list ? list->first : NULL; each && found.count < PARAMETERS; each = each->next)
        found.values[found.count++] = value_parameter(each->first->text, each->first->next);
    return found;
}

static void forget(Parameters *given)
{
    while (given->count > 0)
        free(given->values[--given->count]);
}

static PGresult *ask(const Json *step)
{
    Parameters given = parameters(json_get(step, "params"));
    PGresult *result = PQexecParams(connection, json_text(step, "sql"), given.count, NULL,
                                    (const char *const *) given.values, NULL, NULL, 0);
    forget(&given);
    return result;
}

static void write_rows(const PGresult *result, FILE *out)
{
    fputc('[', out);
    for (int row = 0; row < PQntuples(result); row++) {
        fputs(row ? ", [" : "[", out);
        for (int column = 0; column < PQnfields(result); column++) {
            fputs(column ? ", " : "", out);
            value_write(out, result, row, column);
        }
        fputc(']', out);
    }
    fputc(']', out);
}

static int login(const Json *step, FILE *out)
{
    const char *password = json_text(step, "password");
    PGconn *other = connect_with(password ? password : "secret", json_get(step, "tls")->kind == 't');
    int done = PQstatus(other) == CONNECTION_OK;
    if (done) {
        PGresult *result = PQexec(other, "select current_user");
        fputs("\"rows\": ", out);
        write_rows(result, out);
        PQclear(result);
    } else if (strstr(PQerrorMessage(other), "password authentication failed") == NULL) {
        fail(PQerrorMessage(other));
    } else {
        error_state("28P01", out); /* libpq tells no state of a failed login */
    }
    PQfinish(other);
    return done;
}

static int simple(const Json *step, FILE *out)
{
    fputs("\"done\": true", out);
    return run(connection, json_text(step, "sql"), out);
}

static int several(const Json *step, FILE *out)
{
    int done = PQsendQuery(connection, json_text(step, "sql"));
    fputs("\"results\": ", out);
    char separator = '[';
    for (PGresult *result; (result = PQgetResult(connection)) != NULL; separator = ',') {
        done = done && good(result, out);
        fputc(separator, out);
        write_rows(result, out);
        PQclear(result);
    }
    fputc(']', out);
    return done;
}

static int query(const Json *step, FILE *out)
{
    PGresult *result = ask(step);
    int done = good(result, out);
    if (done && PQntuples(result) > 0) {
        for (int column = 0; column < PQnfields(result); column++) {
            fputs(column ? ", " : "\"columns\": [", out);
            json_write_text(out, PQfname(result, column));
        }
        fputs("], ", out);
    }
    if (done) {
        fputs("\"rows\": ", out);
        write_rows(result, out);
    }
    PQclear(result);
    return done;
}

static int execute(const Json *step, FILE *out)
{
    PGresult *result = ask(step);
    int done = good(result, out);
    if (done)
        fprintf(out, "\"count\": %s", PQcmdTuples(result));
    PQclear(result);
    return done;
}

static int prepared(const Json *step, FILE *out)
{
    PQclear(PQprepare(connection, "w_prepared", json_text(step, "sql"), 0, NULL));
    fputs("\"each\": ", out);
    int done = 1;
    char separator = '[';
    for (Json *set = json_get(step, "sets")->first; done && set; set = set->next, separator = ',') {
        Parameters given = parameters(set);
        PGresult *result = PQexecPrepared(connection, "w_prepared", given.count, (const char *const *) given.values,
                                          NULL, NULL, 0);
        done = good(result, out);
        fputc(separator, out);
        write_rows(result, out);
        PQclear(result);
        forget(&given);
    }
    fputc(']', out);
    must(connection, "deallocate w_prepared");
    return done;
}

static int nested(const Json *step, FILE *out)
{
    must(connection, "begin");
    must(connection, json_text(step, "outer"));
    must(connection, "savepoint w_inner");
    must(connection, json_text(step, "inner"));
    int done = run(connection, "rollback to w_inner", out);
    if (done)
        must(connection, json_text(step, "after"));
    must(connection, done ? "commit" : "rollback");
    if (done)
        fputs("\"done\": true", out);
    return done;
}

static int batch(const Json *step, FILE *out)
{
    int count = 0, done = 1;
    PQenterPipelineMode(connection);
    for (Json *set = json_get(step, "sets")->first; set; set = set->next) {
        Parameters given = parameters(set);
        if (!PQsendQueryParams(connection, json_text(step, "sql"), given.count, NULL,
                               (const char *const *) given.values, NULL, NULL, 0))
            fail(PQerrorMessage(connection));
        forget(&given);
    }
    PQpipelineSync(connection);
    for (int synced = 0; !synced;) { /* NULL comes after the results of each query */
        PGresult *result = PQgetResult(connection);
        synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        if (result && !synced && PQresultStatus(result) != PGRES_PIPELINE_ABORTED && done) {
            done = good(result, out);
            count += atoi(PQcmdTuples(result));
        }
        PQclear(result);
    }
    PQexitPipelineMode(connection);
    if (done)
        fprintf(out, "\"count\": %d", count);
    return done;
}

static int describe(const Json *step, FILE *out)
{
    char sql[LONG];
    snprintf(sql, sizeof sql, "select * from %s", json_text(step, "table"));
    PQclear(PQprepare(connection, "w_described", sql, 0, NULL));
    PGresult *found = PQdescribePrepared(connection, "w_described");
    int done = good(found, out);
    for (int column = 0; column < PQnfields(found); column++) {
        snprintf(sql, sizeof sql, "select typname from pg_type where oid = %u", PQftype(found, column));
        PGresult *type = PQexec(connection, sql);
        fprintf(out, "%s[\"%s\", \"%s\"]", column ? ", " : "\"types\": [", PQfname(found, column),
                PQgetvalue(type, 0, 0));
        PQclear(type);
    }
    fputc(']', out);
    PQclear(found);
    must(connection, "deallocate w_described");
    return done;
}

static int copy_in(const Json *step, FILE *out)
{
    char sql[LONG];
    int used = snprintf(sql, sizeof sql, "copy %s", json_text(step, "table"));
    for (Json *column = json_get(step, "columns")->first; column; column = column->next)
        used += snprintf(sql + used, sizeof sql - used, "%c%s", strchr(sql, '(') ? ',' : '(', column->text);
    snprintf(sql + used, sizeof sql - used, ") from stdin (format csv)");
    const char *data = json_text(step, "data");
    if (!run(connection, sql, out))
        return 0;
    PQputCopyData(connection, data, (int) strlen(data));
    PQputCopyEnd(connection, NULL);
    PGresult *result = PQgetResult(connection);
    int done = good(result, out);
    if (done)
        fprintf(out, "\"count\": %s", PQcmdTuples(result));
    PQclear(result);
    PQclear(PQgetResult(connection));
    return done;
}

static int copy_out(const Json *step, FILE *out)
{
    char sql[LONG], *part, *text;
    size_t length;
    snprintf(sql, sizeof sql, "copy (%s) to stdout (format csv)", json_text(step, "query"));
    if (!run(connection, sql, out))
        return 0;
    FILE *whole = open_memstream(&text, &length);
    for (int size; (size = PQgetCopyData(connection, &part, 0)) > 0; PQfreemem(part))
        fwrite(part, 1, (size_t) size, whole);
    fclose(whole);
    PGresult *result = PQgetResult(connection);
    int done = good(result, out);
    if (done) {
        fputs("\"text\": ", out);
        json_write(out, text, length);
    }
    PQclear(result);
    PQclear(PQgetResult(connection));
    free(text);
    return done;
}

static int notify(const Json *step, FILE *out)
{
    char sql[LONG];
    PGconn *other = connect_another();
    snprintf(sql, sizeof sql, "listen %s", json_text(step, "channel"));
    must(connection, sql);
    snprintf(sql, sizeof sql, "notify %s, '%s'", json_text(step, "channel"), json_text(step, "payload"));
    must(other, sql);
    PQfinish(other);
    PGnotify *heard;
    while ((heard = PQnotifies(connection)) == NULL) {
        struct pollfd readable = {PQsocket(connection), POLLIN, 0};
        poll(&readable, 1, -1);
        if (!PQconsumeInput(connection))
            fail(PQerrorMessage(connection));
    }
    fputs("\"payload\": ", out);
    json_write_text(out, heard->extra);
    PQfreemem(heard);
    must(connection, "unlisten *");
    return 1;
}

/* In binary. */
static int32_t number_of(const PGresult *result, int row)
{
    uint32_t bytes;
    memcpy(&bytes, PQgetvalue(result, row, 0), sizeof bytes);
    return (int32_t) ntohl(bytes);
}

static int read_numbers(const Json *step, FILE *out, int single)
{
    long count = 0, sum = 0;
    int done = PQsendQueryParams(connection, json_text(step, "sql"), 0, NULL, NULL, NULL, NULL, 1);
    if (single)
        PQsetSingleRowMode(connection);
    for (PGresult *result; (result = PQgetResult(connection)) != NULL; PQclear(result)) {
        done = done && good(result, out);
        count += PQntuples(result);
        for (int row = 0; row < PQntuples(result); row++)
            sum += number_of(result, row);
    }
    if (done)
        fprintf(out, "\"count\": %ld, \"sum\": \"%ld\"", count, sum);
    return done;
}

static int sum(const Json *step, FILE *out)
{
    return read_numbers(step, out, 0);
}

static int portions(const Json *step, FILE *out)
{
    return read_numbers(step, out, 1);
}

static int echo(const Json *step, FILE *out)
{
    char *sent;
    size_t length;
    FILE *whole = open_memstream(&sent, &length);
    for (long i = json_number(step, "times"); i > 0; i--)
        fputs(json_text(step, "repeat"), whole);
    fclose(whole);
    PGresult *result = PQexecParams(connection, json_text(step, "sql"), 1, NULL, (const char *const *) &sent, NULL,
                                    NULL, 0);
    int done = good(result, out);
    if (done)
        fprintf(out, "\"length\": %d, \"same\": %s", PQgetlength(result, 0, 0),
                strcmp(PQgetvalue(result, 0, 0), sent) == 0 ? "true" : "false");
    PQclear(result);
    free(sent);
    return done;
}

static void *watch_and_cancel(void *watch)
{
    PGconn *other = connect_another();
    struct timespec pause = {0, 10000000};
    char pid[16], why[256];
    const char *values[] = {pid};
    snprintf(pid, sizeof pid, "%d", PQbackendPID(connection));
    for (int active = 0; !active; nanosleep(&pause, NULL)) {
        PGresult *result = PQexecParams(other, watch, 1, NULL, values, NULL, NULL, 0);
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            fail(PQresultErrorMessage(result));
        active = strcmp(PQgetvalue(result, 0, 0), "1") == 0;
        PQclear(result);
    }
    PQfinish(other);
    PGcancel *cancel = PQgetCancel(connection);
    if (!PQcancel(cancel, why, sizeof why))
        fail(why);
    PQfreeCancel(cancel);
    return NULL;
}

static int cancel(const Json *step, FILE *out)
{
    pthread_t thread;
    pthread_create(&thread, NULL, watch_and_cancel, (void *) json_text(step, "watch"));
    int done = run(connection, json_text(step, "sql"), out);
    pthread_join(thread, NULL);
    return done;
}

static int timeout(const Json *step, FILE *out)
{
    char sql[64];
    snprintf(sql, sizeof sql, "set statement_timeout = %ld", json_number(step, "milliseconds"));
    must(connection, sql);
    int done = run(connection, json_text(step, "sql"), out);
    must(connection, "set statement_timeout = 0");
    return done;
}

static const struct {
    const char *name;
    Work *work;
} WORK[] = {
    {"login", login}, {"simple", simple}, {"several", several}, {"query", query}, {"execute", execute},
    {"prepared", prepared}, {"nested", nested}, {"batch", batch}, {"describe", describe}, {"copy_in", copy_in},
    {"copy_bad", copy_in}, {"copy_out", copy_out}, {"notify", notify}, {"sum", sum}, {"portions", portions},
    {"echo", echo}, {"cancel", cancel}, {"timeout", timeout},
};

/* The answer to a step, or to its error alone. */
static void answer(const Json *step)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    int known = 0, done = 1;
    for (size_t i = 0; i < sizeof WORK / sizeof *WORK; i++) {
        if (strcmp(WORK[i].name, json_text(step, "do")) == 0) {
            known = 1;
            done = WORK[i].work(step, out);
        }
    }
    if (!known)
        fputs("\"unsupported\": true", out);
    fclose(out);
    char *error = done ? NULL : strstr(text, "\"error\": ");
    fputs("{\"step\": ", stdout);
    json_write_text(stdout, json_text(step, "name"));
    if (error)
        printf(", %.16s}\n", error);
    else
        printf(", %s}\n", text);
    fflush(stdout);
    free(text);
}

static void quiet(void *nothing, const char *message)
{
    (void) nothing;
    (void) message;
}

int main(int count, char **arguments)
{
    if (count != 4)
        fail("main WORKLOAD URL CA");
    url = arguments[2];
    ca = arguments[3];
    connection = connect_another();
    PQsetNoticeProcessor(connection, quiet, NULL);
    for (Json *step = json_read(arguments[1])->first; step; step = step->next)
        answer(step);
    PQfinish(connection);
    return 0;
}
