// The SQLite library as a whole: its settings for the process.
#pragma once

namespace realmsync::sqlite {

// Before anything else is called; connections and VFSs see to it themselves. Throws StoreError.
void initialise();

} // namespace realmsync::sqlite
