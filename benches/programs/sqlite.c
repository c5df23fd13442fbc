/* SQLite with a database in memory: rows put in, indexed, joined, changed and summed up. Its file
 * system is one without files, so that nothing of the system's is needed. */
#define SQLITE_OS_OTHER 1
#define SQLITE_THREADSAFE 0
#define SQLITE_OMIT_LOAD_EXTENSION 1
#define SQLITE_TEMP_STORE 3
#define SQLITE_DQS 0
#include "sqlite3.c"

static int no_file(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out)
{
    (void)v, (void)name, (void)flags, (void)out;
    file->pMethods = NULL;
    return SQLITE_CANTOPEN;
}

static int no_access(sqlite3_vfs *v, const char *name, int flags, int *result)
{
    (void)v, (void)name, (void)flags;
    *result = 0;
    return SQLITE_OK;
}

static int same_path(sqlite3_vfs *v, const char *name, int bytes, char *out)
{
    (void)v;
    sqlite3_snprintf(bytes, out, "%s", name);
    return SQLITE_OK;
}

static int no_randomness(sqlite3_vfs *v, int bytes, char *out)
{
    (void)v;
    memset(out, 0, (size_t)bytes);
    return bytes;
}

static int no_time(sqlite3_vfs *v, double *time)
{
    (void)v;
    *time = 2460000.5;
    return SQLITE_OK;
}

int sqlite3_os_init(void)
{
    static sqlite3_vfs none = {
        .iVersion = 1,
        .szOsFile = sizeof(sqlite3_file),
        .mxPathname = 100,
        .zName = "none",
        .xOpen = no_file,
        .xAccess = no_access,
        .xFullPathname = same_path,
        .xRandomness = no_randomness,
        .xCurrentTime = no_time,
    };
    return sqlite3_vfs_register(&none, 1);
}

int sqlite3_os_end(void)
{
    return SQLITE_OK;
}

static const char work[] =
    "CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, city INTEGER, score REAL);"
    "CREATE TABLE city(id INTEGER PRIMARY KEY, name TEXT);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
    " INSERT INTO city SELECT i, 'city ' || i FROM n;"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
    " INSERT INTO person SELECT i, 'name ' || (i * 7919 % 60000), i * 31 % 200 + 1, i % 97 / 7.0"
    " FROM n;"
    "CREATE INDEX by_name ON person(name);"
    "CREATE INDEX by_city ON person(city, score);"
    "UPDATE person SET score = score + 1 WHERE city % 3 = 0;"
    "DELETE FROM person WHERE id % 11 = 0;"
    "SELECT count(*), round(sum(score), 3) FROM person;"
    "SELECT city.name, count(*), round(avg(score), 4) FROM person JOIN city ON city.id = person.city"
    " GROUP BY city.id ORDER BY 3 DESC, 1 LIMIT 5;"
    "SELECT count(*) FROM person WHERE name LIKE '%99%';"
    "SELECT count(DISTINCT substr(name, 6, 3)), max(length(name)) FROM person;"
    "SELECT a.id, b.id FROM person a JOIN person b ON a.name = 'name ' || b.id"
    " ORDER BY a.id * b.id % 7919, a.id LIMIT 3;"
    "SELECT sum(rank) FROM (SELECT rank() OVER (PARTITION BY city ORDER BY score) AS rank"
    " FROM person WHERE city < 40);"
    "PRAGMA integrity_check;";

static int print_row(void *unused, int columns, char **values, char **names)
{
    (void)unused, (void)names;
    for (int i = 0; i < columns; i++)
        printf("%s%c", values[i] ? values[i] : "NULL", i + 1 < columns ? '|' : '\n');
    return 0;
}

int main(void)
{
    sqlite3 *database;
    char *error = NULL;
    if (sqlite3_open(":memory:", &database) != SQLITE_OK)
        return 1;
    if (sqlite3_exec(database, work, print_row, NULL, &error) != SQLITE_OK) {
        printf("error: %s\n", error);
        return 1;
    }
    return sqlite3_close(database);
}
