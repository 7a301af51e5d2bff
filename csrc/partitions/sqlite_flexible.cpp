// What flexible sync writes of its own (docs/internals/flexible-sync.md, "What is durable per
// file"). Statements only.
#include <string>

#include "partitions/format.hpp"
#include "partitions/sqlite_history.hpp"
#include "tables/column_index.hpp"
#include "views/value_bytes.hpp"

namespace realmsync::partitions {

std::optional<std::uint64_t> SqliteHistory::served_version(PartitionId id, std::uint64_t ident) {
    return db_.integer("SELECT version FROM rs_served WHERE pid = ? AND ident = ?", id, ident);
}

void SqliteHistory::note_served_version(PartitionId id, std::uint64_t ident,
                                        std::uint64_t version) {
    db_.run("INSERT INTO rs_served(pid, ident, version) VALUES(?, ?, ?)", id, ident, version);
}

void SqliteHistory::insert_images(PartitionId id, std::uint64_t version, std::string_view bytes) {
    db_.run("INSERT INTO rs_image(id, images) VALUES(?, ?)", entry_id(id, version),
            sqlite::Blob{bytes});
}

std::vector<std::pair<std::string, std::string>> SqliteHistory::asked(PartitionId id) {
    sqlite::Query row = db_.query("SELECT class, property FROM rs_asked WHERE pid = ?", id);
    std::vector<std::pair<std::string, std::string>> asked;
    while (row.step())
        asked.emplace_back(row->string(0), row->string(1));
    return asked;
}

void SqliteHistory::add_asked(PartitionId id, std::string_view cls, std::string_view property) {
    db_.run("INSERT OR IGNORE INTO rs_asked(pid, class, property) VALUES(?, ?, ?)", id, cls,
            property);
}

std::vector<StoredView> SqliteHistory::stored_views(PartitionId id, std::uint64_t ident) {
    sqlite::Query row = db_.query(
        "SELECT number, query_version, meaning, view, first_version, "
        "start_version, end_version FROM rs_view WHERE pid = ? AND ident = ? ORDER BY number",
        id, ident);
    std::vector<StoredView> views;
    while (row.step())
        views.push_back({row->unsigned_integer(0), row->integer(1), row->string(2), row->string(3),
                         row->unsigned_integer(4), row->unsigned_integer(5),
                         row->unsigned_integer(6)});
    return views;
}

void SqliteHistory::put_view(PartitionId id, std::uint64_t ident, const StoredView& view) {
    db_.run("INSERT OR REPLACE INTO rs_view(pid, ident, number, query_version, meaning, view, "
            "first_version, start_version, end_version) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id, ident, view.number, view.query_version, sqlite::Blob{view.meaning},
            sqlite::Blob{view.view}, view.first, view.start, view.end);
}

void SqliteHistory::drop_view(PartitionId id, std::uint64_t ident, std::uint64_t number) {
    db_.run("DELETE FROM rs_view WHERE pid = ? AND ident = ? AND number = ?", id, ident, number);
}

void SqliteHistory::index_property(PartitionId id, std::string_view property) {
    const model::SchemaPtr schema = this->schema(id);
    const tables::column_index::Names known = tables::column_index::list(db_, *schema);
    for (const auto& [name, cls] : schema->classes) {
        const std::size_t at = cls->find(property);
        if (at != model::Class::npos && !known.contains({name, cls->properties[at].name}) &&
            tables::column_index::is_possible(*cls, cls->properties[at]))
            tables::column_index::create(tables_, *cls, cls->properties[at]);
    }
}

void SqliteHistory::add_compensation(PartitionId id, std::uint64_t ident,
                                     const Compensation& compensation) {
    const std::string key = views::key_bytes(compensation.key.view());
    db_.run("INSERT INTO rs_compensation(pid, ident, version, client_version, class, key, reason) "
            "VALUES(?, ?, ?, ?, ?, ?, ?)",
            id, ident, compensation.version, compensation.client_version, compensation.cls,
            sqlite::Blob{key},
            compensation.is_of_kept_change() ? std::to_string(compensation.base)
                                             : compensation.reason);
}

void SqliteHistory::drop_compensations(PartitionId id, std::uint64_t ident, std::uint64_t up_to) {
    db_.run("DELETE FROM rs_compensation WHERE pid = ? AND ident = ? AND version <= ?", id, ident,
            up_to);
}

void SqliteHistory::put_off_compensations(PartitionId id, std::uint64_t ident,
                                          std::uint64_t version, std::uint64_t to) {
    db_.run("UPDATE rs_compensation SET version = ? WHERE pid = ? AND ident = ? AND version > ?",
            to, id, ident, version);
}

} // namespace realmsync::partitions
