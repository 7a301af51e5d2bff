// The SQLite library as a whole: its settings for the process.
#pragma once

namespace realmsync::sqlite {

// Before anything else is called; connections and VFSs see to it themselves. Throws StoreError.
void initialise();

const char* version(); // of the copy that is linked, as in "3.51.3"

} // namespace realmsync::sqlite
