/* Our own copy of SQLite and its options. The source is fetched by tools/sqlite_source.py.

   Linked into every build with hidden symbols, so that it can live beside another copy in the
   process: nobody else's settings reach ours, and our locks (ofd_locks.hpp) reach nobody else's. */

#define SQLITE_THREADSAFE 2                  /* a connection is used by one thread at a time */
#define SQLITE_DEFAULT_MEMSTATUS 0           /* no global lock per allocation */
#define SQLITE_DQS 0                         /* "name" is never a string */
#define SQLITE_SECURE_DELETE 1               /* what was deleted is not in the file any more */
#define SQLITE_DEFAULT_FILE_PERMISSIONS 0600 /* data is its owner's; a log has its file's mode */
#define SQLITE_ENABLE_FTS5                   /* the index of a text (tables/text_index.hpp) */
#define SQLITE_OMIT_DEPRECATED
#define SQLITE_OMIT_LOAD_EXTENSION
#define SQLITE_OMIT_SHARED_CACHE

#include <sqlite3.c> /* NOLINT: angle brackets keep its warnings out of our builds */
