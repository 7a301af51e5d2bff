#include "realm/schema_migration.hpp"

#include "realm/local_history.hpp"
#include "realm/migration.hpp"
#include "realm/pending_bootstrap.hpp"
#include "realm/subscription_store.hpp"
#include "realm/touched_objects.hpp"

namespace realmsync::realm {

bool begin_anew(RealmFile& file) {
    RealmFile::Writing writing(file, file.writers().acquire());
    RealmConnection& connection = writing.connection();
    sqlite::Database& db = connection.db;
    const client::ClientState state = local_history::load(db);
    if (state.uploaded_version < state.current_version)
        return false;
    connection.tables.catalog().erase_all(tables::kOnlyPartition);
    const std::uint64_t version = local_history::begin_anew(db);
    const bool is_migrated = file.is_migrated();
    if (is_migrated) {
        migration::end(db);
    } else {
        pending_bootstrap::clear(db);
        subscription_store::drop(db);
        subscription_store::create(db);
    }
    writing.forget_merge();
    if (is_migrated)
        file.set_migrated(false);
    try {
        writing.commit(version, RealmFile::Commit::local,
                       [](TouchedObjects& written) { written.add_unknown(); });
    } catch (...) {
        if (is_migrated)
            file.set_migrated(true);
        throw;
    }
    return true;
}

} // namespace realmsync::realm
