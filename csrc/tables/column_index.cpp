#include "tables/column_index.hpp"

#include "tables/columns.hpp"

namespace realmsync::tables::column_index {

namespace {

const std::string kPrefix = "rs$index ";

// Tables and columns have names of their own, and so has an index then.
std::string name_of(const model::Class& cls, const model::Property& property) {
    return kPrefix + cls.table + "." + property.column;
}

} // namespace

bool is_possible(const model::Class& cls, const model::Property& property) {
    return !cls.embedded() && property.collection == Collection::single &&
           !property.is_embedded() && property.column != cls.key_column;
}

Names list(sqlite::Database& db, const model::Schema& schema) {
    std::set<std::string> existing;
    sqlite::Query row = db.query("SELECT name FROM sqlite_schema WHERE type = 'index' AND "
                                 "substr(name, 1, ?) = ?",
                                 kPrefix.size(), kPrefix);
    while (row.step())
        existing.insert(row->string(0));
    Names names;
    if (existing.empty())
        return names;
    for (const auto& [name, cls] : schema.classes)
        for (const model::Property& property : cls->properties)
            if (!cls->embedded() && existing.contains(name_of(*cls, property)))
                names.emplace(name, property.name);
    return names;
}

void create(Tables& tables, const model::Class& cls, const model::Property& property) {
    std::string columns =
        (tables.layout() == Layout::server ? "\"rs$partition\", " : "") + quote(property.column);
    if (tables.numbers(cls))
        columns += ", " + quote(kOrderColumn);
    tables.db().exec("CREATE INDEX IF NOT EXISTS " + quote(name_of(cls, property)) + " ON " +
                     quote(cls.table) + "(" + columns + ")");
}

void drop(sqlite::Database& db, const model::Class& cls, const model::Property& property) {
    db.exec("DROP INDEX IF EXISTS " + quote(name_of(cls, property)));
}

std::set<std::string> statements(sqlite::Database& db, const std::string& database) {
    std::set<std::string> found;
    sqlite::Query row = db.query("SELECT sql FROM " + quote(database) +
                                     ".sqlite_schema WHERE type = 'index' AND "
                                     "substr(name, 1, ?) = ?",
                                 kPrefix.size(), kPrefix);
    while (row.step())
        found.insert(row->string(0));
    return found;
}

} // namespace realmsync::tables::column_index
