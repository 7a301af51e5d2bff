// Locks that another copy of SQLite in the process cannot break. POSIX record locks belong to the
// process: any close() of the file, by whatever library, drops them all, and a second copy does not
// even see them as foreign. Open-file-description locks belong to our open file and conflict with
// everybody else's, in the process or outside (docs/internals/storage.md). Nor do we break the
// POSIX locks of other copies: we close no file that they hold some on.
#pragma once

namespace realmsync::sqlite {

// Makes SQLite's unix VFS, of the copy linked to this module, take OFD locks. Once per process,
// before the first file is opened.
void install_ofd_locks();

} // namespace realmsync::sqlite
