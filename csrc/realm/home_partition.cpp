#include "realm/home_partition.hpp"

namespace realmsync::realm::home_partition {

void create(sqlite::Database& db) {
    db.exec("CREATE TABLE IF NOT EXISTS rs_home_partition("
            "id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL) STRICT");
}

std::optional<std::string> find(sqlite::Database& db) {
    if (!db.integer("SELECT 1 FROM sqlite_schema WHERE name = 'rs_home_partition'"))
        return std::nullopt;
    sqlite::Query row = db.query("SELECT value FROM rs_home_partition WHERE id = 1");
    if (!row.step())
        return std::nullopt;
    return std::string(row->text(0));
}

void store(sqlite::Database& db, const std::string& partition) {
    create(db);
    db.run("INSERT OR REPLACE INTO rs_home_partition VALUES(1, ?)", partition);
}

void forget(sqlite::Database& db) { db.run("DELETE FROM rs_home_partition"); }

} // namespace realmsync::realm::home_partition
