#include "tables/sql_tables.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "tables/columns.hpp"

namespace realmsync::tables {

namespace {

constexpr const char* kNotes = R"(
CREATE TABLE rs_table(
  sql_table TEXT PRIMARY KEY COLLATE NOCASE, class TEXT NOT NULL,
  definition TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rs_column(
  sql_table TEXT NOT NULL COLLATE NOCASE, sql_column TEXT NOT NULL COLLATE NOCASE,
  property TEXT NOT NULL, definition TEXT NOT NULL,
  PRIMARY KEY(sql_table, sql_column)) WITHOUT ROWID;
)";

constexpr std::size_t kMaxColumns = 1990; // SQLite's limit is 2,000, without our own

// ns of a statement that changes a table, and of each column that SQLite then reads again.
constexpr std::uint64_t kStatement = 150'000;
constexpr std::uint64_t kColumn = 4'000;

// The first SQL name for a class or property; later candidates get ~2, ~3, …
std::string first_candidate(std::string_view name) {
    std::string lower(name.substr(0, 7));
    for (char& c : lower)
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    bool reserved = lower.starts_with("rs_") || lower.starts_with("rs$") || lower == "sqlite_";
    // SQLite adds no column of these names to a table.
    for (const std::string_view alias : {"rowid", "oid", "_rowid_"})
        reserved = reserved || (lower == alias && name.size() == alias.size());
    return (reserved ? "~" : "") + std::string(name);
}

std::string candidate(std::string_view name, int attempt) {
    return first_candidate(name) + (attempt == 1 ? "" : "~" + std::to_string(attempt));
}

bool same_sql_name(std::string_view a, std::string_view b) { // as SQLite compares identifiers
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

} // namespace

std::string definition(const model::Class& cls) {
    return std::to_string(static_cast<int>(cls.key_type)) + (cls.key_nullable ? "?" : "") + " " +
           (cls.has_key_property ? cls.properties[0].name : "");
}

std::string definition(const model::Property& property) {
    return std::to_string(static_cast<int>(property.type)) + (property.nullable ? "?" : "") + "/" +
           std::to_string(static_cast<int>(property.collection)) + " " +
           std::to_string(static_cast<int>(property.target_key_type)) +
           (property.target_embedded ? "e " : " ") + property.target;
}

std::string in_class(std::string_view cls, std::string_view property) {
    return "'" + std::string(cls) + "." + std::string(property) + "'";
}

void SqlTables::create_notes(sqlite::Database& db) { db.exec(kNotes); }

void SqlTables::require_known(bool is_known, std::string_view what) const {
    if (is_fixed_ && !is_known)
        raise(ErrorKind::schema, "The schema of this app is fixed, and has no " +
                                     std::string(what) + " of this definition");
}

std::string SqlTables::key_column(std::string_view name) { return first_candidate(name); }

// Partitions with the same definition of a class share a table. The server leaves room in it: who
// comes must not find it filled up by others.
std::string SqlTables::place(const model::Class& cls) {
    const bool server = layout_ == Layout::server;
    for (int attempt = 1;; attempt++) {
        std::string name = candidate(cls.name, attempt);
        sqlite::Query found =
            db_.query("SELECT class, definition FROM rs_table WHERE sql_table=?", name);
        if (found.step()) {
            if (found->text(0) == cls.name && found->text(1) == definition(cls) &&
                (!server || count_columns(name) <= kMaxColumns - kServerProperties))
                return name;
            continue;
        }
        if (db_.integer("SELECT 1 FROM sqlite_schema WHERE name=? COLLATE NOCASE", name))
            continue; // a table of somebody else's
        require_known(false, cls.name);
        db_.run("INSERT INTO rs_table VALUES(?, ?, ?)", name, cls.name, definition(cls));
        NewColumns& added = missing_[name];
        const bool rowid = !server && cls.key_type == Type::integer && !cls.key_nullable;
        const std::string key = quote(cls.key_column);
        added.create =
            "CREATE TABLE " + quote(name) + "(" +
            (server ? "\"rs$partition\" INTEGER NOT NULL, " : "") + key + " " +
            (rowid ? "INTEGER PRIMARY KEY" : key_definition(cls.key_type, cls.key_nullable)) +
            (server ? "" : ", " + quote(kOrderColumn) + " INTEGER");
        added.end = rowid ? ")"
                          : std::string(", PRIMARY KEY(") + (server ? "\"rs$partition\", " : "") +
                                key + ")) WITHOUT ROWID";
        return name;
    }
}

std::string SqlTables::place(const model::Class& cls, const model::Property& property) {
    for (int attempt = 1;; attempt++) {
        std::string name = candidate(property.name, attempt);
        if (same_sql_name(name, cls.key_column))
            continue;
        sqlite::Query found = db_.query(
            "SELECT property, definition FROM rs_column WHERE sql_table=? AND sql_column=?",
            cls.table, name);
        if (found.step()) {
            if (found->text(0) == property.name && found->text(1) == definition(property))
                return name;
            continue;
        }
        require_known(false, in_class(cls.name, property.name));
        NewColumns& added = columns_of(cls.table);
        if (added.before + added.columns.size() >= kMaxColumns)
            raise(ErrorKind::schema, "Class '" + cls.name + "' has more than " +
                                         std::to_string(kMaxColumns) + " properties");
        db_.run("INSERT INTO rs_column VALUES(?, ?, ?, ?)", cls.table, name, property.name,
                definition(property));
        added.columns.push_back(quote(name) + " " + column_definition(property));
        return name;
    }
}

std::size_t SqlTables::count_columns(std::string_view table) {
    const auto count = db_.integer("SELECT count(*) FROM rs_column WHERE sql_table=?", table);
    return static_cast<std::size_t>(count.value_or(0));
}

SqlTables::NewColumns& SqlTables::columns_of(const std::string& table) {
    auto [found, is_new] = missing_.try_emplace(table);
    if (is_new)
        found->second.before = count_columns(table);
    return found->second;
}

std::uint64_t SqlTables::cost() {
    const auto columns = db_.integer("SELECT count(*) FROM rs_column");
    const std::uint64_t alteration =
        kStatement + kColumn * static_cast<std::uint64_t>(columns.value_or(0));
    std::uint64_t total = 0;
    for (const auto& [table, added] : missing_)
        total += added.create.empty() ? alteration * added.columns.size()
                                      : kStatement + kColumn * added.columns.size();
    return total;
}

void SqlTables::make() {
    const auto missing = std::exchange(missing_, {});
    for (const auto& [table, added] : missing) {
        std::string all;
        for (const std::string& column : added.columns) {
            if (added.create.empty())
                db_.exec("ALTER TABLE " + quote(table) + " ADD COLUMN " + column);
            else
                all += ", " + column;
        }
        if (!added.create.empty())
            db_.exec(added.create + all + added.end);
    }
}

void SqlTables::drop(std::int64_t partition, const model::Class& cls) {
    if (layout_ == Layout::server) {
        db_.run("DELETE FROM " + quote(cls.table) + " WHERE \"rs$partition\"=?", partition);
        return;
    }
    db_.exec("DROP TABLE " + quote(cls.table));
    db_.run("DELETE FROM rs_table WHERE sql_table=?", cls.table);
    db_.run("DELETE FROM rs_column WHERE sql_table=?", cls.table);
}

void SqlTables::hand_over(const model::Class& cls, const std::string& table) {
    db_.exec("ALTER TABLE " + quote(cls.table) + " RENAME TO " + quote(table));
    db_.run("DELETE FROM rs_table WHERE sql_table=?", cls.table);
    db_.run("DELETE FROM rs_column WHERE sql_table=?", cls.table);
}

void SqlTables::drop(std::int64_t partition, const model::Class& cls,
                     const model::Property& property) {
    if (layout_ == Layout::server) {
        db_.run("UPDATE " + quote(cls.table) + " SET " + quote(property.column) + "=" +
                    zero_literal(property) + " WHERE \"rs$partition\"=?",
                partition);
        return;
    }
    db_.exec("ALTER TABLE " + quote(cls.table) + " DROP COLUMN " + quote(property.column));
    db_.run("DELETE FROM rs_column WHERE sql_table=? AND sql_column=?", cls.table, property.column);
}

} // namespace realmsync::tables
