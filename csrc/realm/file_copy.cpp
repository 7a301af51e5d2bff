#include "realm/file_copy.hpp"

#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/work.hpp"
#include "realm/content_changes.hpp"
#include "realm/creation.hpp"
#include "realm/home_partition.hpp"
#include "realm/local_history.hpp"
#include "realm/migration.hpp"
#include "realm/realm_file.hpp"
#include "realm/subscription_store.hpp"
#include "sqlite/sqlite.hpp"
#include "tables/column_index.hpp"
#include "tables/columns.hpp"
#include "tables/tables.hpp"
#include "tables/text_index.hpp"
#include "tuning.hpp"

namespace realmsync::realm {

namespace {

// The source is attached to the new database, and read in the transaction that fills this.

bool is_history(std::string_view table) {
    return table == "rs_history" || table == "rs_reciprocal";
}

bool is_of_flexible_sync(std::string_view table) {
    return table == "rs_subscription_set" || table == "rs_subscription" ||
           table == "rs_bootstrap" || table == migration::kTable;
}

// Tables of equal definition: SQLite moves rows as they are, as VACUUM does.
void copy_tables(sqlite::Database& db, CopyKind kind) {
    std::vector<std::pair<std::string, std::string>> tables;
    {
        sqlite::Query row = db.query("SELECT name, sql FROM source.sqlite_schema "
                                     "WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
                                     "ESCAPE '\\'");
        while (row.step())
            tables.emplace_back(row->string(0), row->string(1));
    }
    for (const auto& [name, sql] : tables) {
        if (kind != CopyKind::whole && name == "rs_pending_reset")
            continue;
        if (kind == CopyKind::local &&
            (name == home_partition::kTable || is_of_flexible_sync(name)))
            continue; // it belongs to none
        if (tables::text_index::is_part(name))
            continue;
        db.exec(sql);
        if (kind == CopyKind::whole || !(is_history(name) || name == "rs_bootstrap"))
            db.exec("INSERT INTO main." + tables::quote(name) + " SELECT * FROM source." +
                    tables::quote(name));
    }
    for (const std::string& sql : tables::column_index::statements(db, "source"))
        db.exec(sql);
    local_history::mark(db);
    tables::Tables copy(db, tables::Layout::client);
    tables::text_index::fill_copy(db, *copy.schema());
}

// What the server has integrated it would send to a new client as changes of somebody else.
void require_integrated(sqlite::Database& source, const client::ClientState& state) {
    if (local_history::local_bytes(source, state.progress.download.client_version,
                                   state.current_version) != 0)
        raise(ErrorKind::illegal_operation,
              "All client changes must be integrated in server before writing copy: wait for "
              "upload and download first");
}

void fill(sqlite::Database& db, const CopyRequest& request) {
    // There is no other table of the name yet.
    const client::ClientState source = local_history::load(db);
    const bool is_synced =
        request.is_synced || source.file.ident != 0 || source.progress.download.server_version != 0;
    if (request.kind == CopyKind::synced && is_synced)
        require_integrated(db, source);
    db.shrink(); // these statements mean the source, also when there are such tables here
    copy_tables(db, request.kind);
    if (request.kind != CopyKind::whole)
        local_history::continue_numbers(db, source.current_version);
    client::ClientState state;
    switch (request.kind) {
    case CopyKind::whole: break;
    case CopyKind::local:
        ++state.current_version; // there is something, and not in the history
        local_history::store(db, state);
        break;
    case CopyKind::synced:
        if (subscription_store::is_there(db))
            subscription_store::detach(db);
        if (is_synced) {
            state.progress.latest = source.progress.latest;
            state.progress.download.server_version = source.progress.download.server_version;
            if (state.progress.download.server_version != 0)
                ++state.current_version; // there is something, and the server knows it
        }
        local_history::store(db, state);
        if (!is_synced)
            append_content(db, *tables::Tables(db, tables::Layout::client).schema(), request.now);
        break;
    }
}

} // namespace

void write_copy(const std::string& source, const CopyRequest& request) {
    const std::string path = canonical(request.path);
    check_path(path + ".realmsync-copy");
    NewFile file(path + ".realmsync-copy");
    {
        sqlite::DatabaseOptions options;
        options.is_wal = true; // once it is published; until then nobody needs a journal
        options.durability = sqlite::Durability::off;
        options.cache_kib = RealmTuning{}.cache_kib;
        sqlite::Database db(file.name(), options);
        Work work(Work::kUnlimited, request.stop);
        const sqlite::Watch watch(db, work);
        db.exec("PRAGMA main.page_size = " + std::to_string(RealmTuning{}.page_bytes) +
                "; PRAGMA main.journal_mode = OFF");
        db.run("ATTACH ? AS source", source);
        sqlite::Transaction transaction(db, sqlite::Transaction::Mode::read); // at first
        fill(db, request);
        transaction.commit();
    }
    if (request.stop && *request.stop)
        throw StoreError(StoreFault::other, "the copy was stopped");
    file.finish(request.is_durable);
    if (!RealmFile::publish_unused(file, path, request.is_durable))
        throw std::system_error(std::make_error_code(std::errc::file_exists), path);
}

} // namespace realmsync::realm
