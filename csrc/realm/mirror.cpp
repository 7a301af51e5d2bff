#include "realm/mirror.hpp"

#include <string>
#include <vector>

#include "tables/catalog.hpp"
#include "tables/columns.hpp"

namespace realmsync::realm {

namespace {

using model::Class;
using model::Property;
using sqlite::ColumnType;
using tables::kOnlyPartition;
using tables::quote;

[[noreturn]] void fail(const std::string& message) { raise(ErrorKind::schema, message); }

// What is there and cannot come from the other file has been removed there, which no server does.
void check_removals(const model::Schema& from, const model::Schema& to) {
    std::string classes;
    for (const auto& [name, cls] : to.classes)
        if (!from.find(name))
            classes += (classes.empty() ? "" : ", ") + name;
    if (!classes.empty())
        fail("Client reset cannot recover when classes have been removed: {" + classes + "}");
    for (const auto& [name, cls] : to.classes) {
        std::string columns;
        for (const Property& property : cls->properties)
            if (from.find(name)->find(property.name) == Class::npos)
                columns += (columns.empty() ? "" : ", ") + property.name;
        if (!columns.empty())
            fail("Client reset cannot recover when columns have been removed from '" + name +
                 "': {" + columns + "}");
    }
}

void add_classes(const model::Schema& from, tables::Tables& to) {
    for (const auto& [name, cls] : from.classes)
        to.catalog().add_class(kOnlyPartition, name, cls->kind,
                               cls->has_key_property ? cls->key_name() : "", cls->key_type,
                               cls->key_nullable);
    for (const auto& [name, cls] : from.classes)
        for (std::size_t i = cls->has_key_property ? 1 : 0; i < cls->properties.size(); ++i) {
            const Property& p = cls->properties[i];
            to.catalog().add_property(kOnlyPartition, name, p.name, p.type, p.nullable,
                                      p.collection, p.target);
        }
}

bool is_equal(const sqlite::Statement& a, int column_a, const sqlite::Statement& b, int column_b) {
    const ColumnType type = a.type(column_a);
    if (type != b.type(column_b))
        return false;
    switch (type) {
    case ColumnType::null: return true;
    case ColumnType::integer: return a.integer(column_a) == b.integer(column_b);
    case ColumnType::real: return a.real(column_a) == b.real(column_b);
    default: return a.text(column_a) == b.text(column_b);
    }
}

void copy(const sqlite::Statement& from, int column, sqlite::Statement& to, int index) {
    switch (from.type(column)) {
    case ColumnType::null: return to.bind(index, sqlite::Null{});
    case ColumnType::integer: return to.bind(index, from.integer(column));
    case ColumnType::real: return to.bind(index, from.real(column));
    case ColumnType::blob: return to.bind(index, sqlite::Blob{from.text(column)});
    case ColumnType::text: return to.bind(index, from.text(column));
    }
}

// The rows of one class, key first, then the properties of `from` in its order.
class Rows {
  public:
    Rows(RealmConnection& from, const Class& source, RealmConnection& to, const Class& target,
         TouchedObjects& touched)
        : from_(from.db), to_(to.db), source_(source), target_(target), touched_(touched) {
        for (std::size_t i = source.has_key_property ? 1 : 0; i < source.properties.size(); ++i) {
            const Property& property = source.properties[i];
            source_columns_ += ", " + quote(property.column);
            target_columns_.push_back(quote(target.properties[target.find(property.name)].column));
        }
    }

    void erase_surplus() {
        const std::string key = quote(target_.key_column);
        sqlite::Query mine = to_.query("SELECT " + key + " FROM " + quote(target_.table));
        sqlite::Query theirs = from_.query("SELECT 1 FROM " + quote(source_.table) + " WHERE " +
                                           quote(source_.key_column) + " IS ?");
        std::vector<model::ObjectKey> surplus;
        while (mine.step()) {
            theirs->reset();
            copy(*mine, 0, *theirs, 1);
            if (!theirs.step())
                surplus.emplace_back(tables::read_key(*mine, 0, target_.key_type));
        }
        sqlite::Query erase =
            to_.query("DELETE FROM " + quote(target_.table) + " WHERE " + key + " IS ?");
        tables::Scratch scratch;
        for (const model::ObjectKey& object : surplus) {
            scratch.reset();
            erase->reset();
            tables::bind_key(*erase, 1, object.view(), scratch);
            erase->run();
            touched_.add(target_.name, object.view());
        }
    }

    void copy_rows() {
        sqlite::Query row = from_.query("SELECT " + quote(source_.key_column) + source_columns_ +
                                        " FROM " + quote(source_.table));
        std::string columns, places, changes;
        for (std::size_t i = 0; i < target_columns_.size(); ++i) {
            columns += ", " + target_columns_[i];
            places += ", ?";
            changes += (i == 0 ? "" : ", ") + target_columns_[i] + " = ?" + std::to_string(i + 2);
        }
        const std::string table = quote(target_.table), key = quote(target_.key_column);
        const std::string find =
            "SELECT " + key + columns + " FROM " + table + " WHERE " + key + " IS ?";
        const std::string insert =
            "INSERT INTO " + table + "(" + key + columns + ") VALUES(?" + places + ")";
        const std::string update =
            "UPDATE " + table + " SET " + changes + " WHERE " + key + " IS ?1";
        while (row.step()) {
            bool is_there = false, is_same = false;
            {
                sqlite::Query present = to_.query(find);
                copy(*row, 0, *present, 1);
                is_there = present.step();
                is_same = is_there && is_equal(*row, *present);
            }
            if (is_same)
                continue;
            write(*row, is_there ? update : insert);
            touched_.add(target_.name, tables::read_key(*row, 0, source_.key_type));
        }
    }

  private:
    bool is_equal(const sqlite::Statement& a, const sqlite::Statement& b) const {
        for (std::size_t i = 1; i <= target_columns_.size(); ++i)
            if (!realm::is_equal(a, static_cast<int>(i), b, static_cast<int>(i)))
                return false;
        return true;
    }

    void write(const sqlite::Statement& row, const std::string& sql) {
        sqlite::Query query = to_.query(sql);
        for (std::size_t i = 0; i <= target_columns_.size(); ++i)
            copy(row, static_cast<int>(i), *query, static_cast<int>(i) + 1);
        query->run();
    }

    sqlite::Database& from_;
    sqlite::Database& to_;
    const Class& source_;
    const Class& target_;
    TouchedObjects& touched_;
    std::string source_columns_;
    std::vector<std::string> target_columns_;
};

} // namespace

TouchedObjects mirror(RealmConnection& from, RealmConnection& to) {
    const model::SchemaPtr source = from.tables.schema();
    check_removals(*source, *to.tables.schema());
    add_classes(*source, to.tables); // and what is there must be the same
    const model::SchemaPtr target = to.tables.schema();
    TouchedObjects touched;
    for (const auto& [name, cls] : source->classes) {
        if (cls->kind != TableKind::top_level)
            continue;
        Rows rows(from, *cls, to, *target->find(name), touched);
        rows.erase_surplus();
        rows.copy_rows();
    }
    return touched;
}

} // namespace realmsync::realm
