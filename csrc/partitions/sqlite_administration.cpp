// What is read and written for operators: client files to be reset, histories that begin anew, the
// schema of the app (app-configuration.md 4.3, 7.7).
#include "partitions/app_schema.hpp"
#include "partitions/format.hpp"
#include "partitions/sqlite_history.hpp"
#include "tables/object_changeset.hpp"

namespace realmsync::partitions {

namespace {

constexpr std::size_t kSnapshotBytes = 128u << 10; // of a changeset, about
constexpr std::size_t kKeys = 256;                 // of objects, read together
constexpr const char* kDeclared = "schema.declared";

std::int64_t signed_id(PartitionId id) { return static_cast<std::int64_t>(id); }

std::vector<PartitionId> ids_of(sqlite::Query rows) {
    std::vector<PartitionId> ids;
    while (rows.step())
        ids.push_back(rows->unsigned_integer(0));
    return ids;
}

} // namespace

std::vector<PartitionId> SqliteHistory::partitions() {
    return ids_of(db_.query("SELECT pid FROM rs_partition ORDER BY pid"));
}

std::string SqliteHistory::partition_key(PartitionId id) {
    sqlite::Query row = db_.query("SELECT pkey FROM rs_partition WHERE pid = ?", id);
    return row.step() ? row->string(0) : std::string();
}

std::vector<PartitionId> SqliteHistory::find_client_files(std::uint64_t ident) {
    return ids_of(db_.query("SELECT pid FROM rs_client WHERE ident = ? ORDER BY pid", ident));
}

bool SqliteHistory::has_client_files() {
    return db_.query("SELECT 1 FROM rs_client LIMIT 1").step();
}

void SqliteHistory::order_reset(PartitionId id, std::uint64_t ident, int code) {
    db_.run("INSERT OR REPLACE INTO rs_reset(pid, ident, code) VALUES(?, ?, ?)", id, ident, code);
}

std::optional<int> SqliteHistory::ordered_reset(PartitionId id, std::uint64_t ident) {
    const auto code =
        db_.integer("SELECT code FROM rs_reset WHERE pid = ? AND ident = ?", id, ident);
    return code ? std::optional(static_cast<int>(*code)) : std::nullopt;
}

void SqliteHistory::drop_history(PartitionId id, int code) {
    if (code != 0)
        db_.run("INSERT OR REPLACE INTO rs_reset(pid, ident, code) "
                "SELECT pid, ident, ?2 FROM rs_client WHERE pid = ?1",
                id, code);
    db_.run("DELETE FROM rs_client WHERE pid = ?", id);
    db_.run("DELETE FROM rs_recip WHERE pid = ?", id);
    for (const char* table : {"rs_asked", "rs_view", "rs_compensation", "rs_served"})
        db_.run(std::string("DELETE FROM ") + table + " WHERE pid = ?", id);
    db_.run("DELETE FROM rs_image WHERE id BETWEEN ? AND ?", entry_id(id, 0),
            entry_id(id, kLastVersion));
    db_.run("DELETE FROM rs_history WHERE id BETWEEN ? AND ?", entry_id(id, 0),
            entry_id(id, kLastVersion));
    db_.run("UPDATE rs_base SET generation = generation + 1, base_version = 0, base_salt = 0, "
            "phys_version = 0, base_cumul = 0 WHERE pid = ?",
            id);
}

void SqliteHistory::snapshot(PartitionId id, const TakeChangeset& take) {
    const model::SchemaPtr schema = tables_.schema(signed_id(id));
    if (auto classes = write_additions(*schema, model::Schema()); !classes.empty())
        take(std::move(classes));
    changeset::Writer writer;
    tables::ObjectChangeset objects(writer, *schema);
    for (const auto& [name, cls] : schema->classes) {
        if (cls->embedded())
            continue;
        std::vector<model::ObjectKey> keys;
        do {
            const Key last = keys.empty() ? Key() : keys.back().view();
            auto next = tables_.keys(signed_id(id), *cls, keys.empty() ? nullptr : &last, kKeys);
            keys = std::move(next);
            for (const model::ObjectKey& key : keys) {
                const auto values = tables_.read_object(signed_id(id), *schema, *cls, key.view(),
                                                        tables::Links::stored);
                objects.add(*cls, key.view(), *values);
                if (writer.size() >= kSnapshotBytes)
                    take(writer.take());
            }
        } while (!keys.empty());
    }
    if (!writer.empty())
        take(writer.take());
}

std::optional<std::string> SqliteHistory::declared_schema() {
    sqlite::Query row = db_.query("SELECT v FROM rs_meta WHERE k = ?", kDeclared);
    return row.step() ? std::optional(row->string(0)) : std::nullopt;
}

void SqliteHistory::declare_schema(std::string_view changeset) {
    db_.run("INSERT OR REPLACE INTO rs_meta(k, v) VALUES(?, ?)", kDeclared,
            sqlite::Blob{changeset});
}

std::int64_t SqliteHistory::schema_version(PartitionId id) {
    return db_.integer("SELECT version FROM rs_schema WHERE partition = ?", id).value_or(0);
}

std::vector<PartitionId> SqliteHistory::partitions_behind(std::int64_t version, std::size_t limit) {
    return ids_of(db_.query("SELECT pid FROM rs_partition LEFT JOIN rs_announced USING(pid) "
                            "WHERE ifnull(version, 0) <> ? ORDER BY pid LIMIT ?",
                            version, static_cast<std::int64_t>(limit)));
}

void SqliteHistory::note_announced(PartitionId id, std::int64_t version) {
    db_.run("INSERT OR REPLACE INTO rs_announced(pid, version) VALUES(?, ?)", id, version);
}

} // namespace realmsync::partitions
