#include "tables/schema_rewrite.hpp"

#include <set>
#include <utility>

#include "base/assert.hpp"
#include "model/text_forms.hpp"
#include "tables/catalog.hpp"
#include "tables/column_index.hpp"
#include "tables/columns.hpp"
#include "tables/rewrite_plan.hpp"
#include "tables/text_index.hpp"
#include "tables/value_rewrite.hpp"

namespace realmsync::tables {

namespace {

constexpr const char* kNullKey = "x''"; // as key columns have it

class Rewrite {
  public:
    Rewrite(Tables& tables, const Rewriting& what)
        : tables_(tables), db_(tables.db()), plan_(tables.schema(), what) {}

    bool run() {
        if (plan_.affected().empty())
            return false;
        const auto texts = text_index::list(db_);
        const auto columns = column_index::list(db_, plan_.before());
        require_targets();
        for (const std::string& name : plan_.affected())
            tables_.catalog().detach_class(name, "rs$old " + plan_.before().find(name)->table);
        define();
        ValueRewriter values(tables_, plan_, after_);
        for_each_moved([&](const model::Class& was, const model::Class& is) {
            if (plan_.is_rekeyed(was.name))
                map_keys(was, is, values);
        });
        for_each_moved([&](const model::Class& was, const model::Class& is) { move(was, is); });
        for_each_moved([&](const model::Class& was, const model::Class& is) {
            move_deep_values(was, is, values);
        });
        values.require_owned();
        drop_old();
        index_again(texts, columns);
        tables_.shrink(); // statements of what is no more
        return true;
    }

  private:
    // Affected classes with rows before and afterwards.
    template <class Use> void for_each_moved(const Use& use) {
        for (const std::string& name : plan_.affected())
            if (plan_.has_rows_before(name) && plan_.has_rows_after(name))
                use(*plan_.before().find(name), *after_->find(name));
    }

    void require_targets() const;
    void define();
    void map_keys(const model::Class& was, const model::Class& is, ValueRewriter& values);
    void generate_keys(const model::Class& was, ValueRewriter& values);
    void exchange_keys(const model::Class& was);
    void move(const model::Class& was, const model::Class& is);
    std::string expression(const model::Class& was, const model::Class& is,
                           const model::Property& property) const;
    void move_deep_values(const model::Class& was, const model::Class& is, ValueRewriter& values);
    std::string from_old(const model::Class& was) const;
    void drop_old();
    void index_again(const text_index::Names& texts, const column_index::Names& columns);

    Tables& tables_;
    sqlite::Database& db_;
    const RewritePlan plan_;
    model::SchemaPtr after_;
};

void Rewrite::require_targets() const {
    for (const auto& [name, cls] : plan_.after().classes)
        for (const model::Property& property : cls->properties)
            if (property.type == Type::link && plan_.after().find(property.target) == nullptr)
                throw RewriteFailed("Class '" + property.target + "' cannot be deleted: '" + name +
                                    "." + property.name + "' links to it.");
}

// What is there afterwards, empty where it is built anew.
void Rewrite::define() {
    Catalog& catalog = tables_.catalog();
    for (const auto& [name, cls] : plan_.after().classes)
        catalog.add_class(kOnlyPartition, name, cls->kind,
                          cls->has_key_property ? cls->key_name() : "", cls->key_type,
                          cls->has_key_property && cls->key_nullable);
    for (const auto& [name, cls] : plan_.after().classes)
        for (std::size_t i = cls->has_key_property ? 1 : 0; i < cls->properties.size(); ++i) {
            const model::Property& p = cls->properties[i];
            catalog.add_property(kOnlyPartition, name, p.name, p.type, p.nullable, p.collection,
                                 p.target);
        }
    after_ = tables_.schema();
}

// The table of keys of a class whose objects get others.
void Rewrite::map_keys(const model::Class& was, const model::Class& is, ValueRewriter& values) {
    const std::string keys = new_keys(was.name);
    // Of the type that key columns have, or SQLite would not look into the index for them.
    db_.exec("CREATE TABLE " + keys + "(old " + key_definition(was.key_type, was.key_nullable) +
             " PRIMARY KEY, new) WITHOUT ROWID");
    if (!is.has_key_property)
        return generate_keys(was, values);
    const model::Property& property = is.properties[0];
    const model::Property* source = plan_.source(was, is, property);
    std::string value = source != nullptr   ? quote(source->column)
                        : property.nullable ? kNullKey
                                            : zero_literal(property);
    db_.exec("INSERT INTO " + keys + " SELECT " + quote(was.key_column) + ", ifnull(" + value +
             ", " + kNullKey + ") FROM " + old_rows(was));
    if (plan_.what().keys.contains(was.name))
        exchange_keys(was);
    if (db_.integer("SELECT 1 FROM " + keys + " GROUP BY new HAVING count(*) > 1 LIMIT 1"))
        throw RewriteFailed("Primary key property '" + is.name + "." + property.name +
                            "' has duplicate values after migration.");
}

// In the order of the former ones.
void Rewrite::generate_keys(const model::Class& was, ValueRewriter& values) {
    Scratch scratch;
    sqlite::Query rows =
        db_.query("SELECT " + quote(was.key_column) + " FROM " + old_rows(was) + " ORDER BY 1");
    while (rows.step()) {
        scratch.reset();
        sqlite::Query query = db_.query("INSERT INTO " + new_keys(was.name) + " VALUES(?, ?)");
        bind_key(*query, 1, read_key(*rows, 0, was.key_type), scratch);
        bind_key(*query, 2, values.next_key(), scratch);
        query->run();
    }
}

void Rewrite::exchange_keys(const model::Class& was) {
    Scratch scratch;
    for (const auto& [from, to] : plan_.what().keys.at(was.name)) {
        scratch.reset();
        sqlite::Query query = db_.query("UPDATE " + new_keys(was.name) + " SET new=? WHERE old=?");
        bind_key(*query, 1, to.view(), scratch);
        bind_key(*query, 2, from.view(), scratch);
        query->run();
    }
}

// The former rows as o, and their new keys as k.
std::string Rewrite::from_old(const model::Class& was) const {
    std::string from = " FROM " + old_rows(was) + " AS o";
    if (plan_.is_rekeyed(was.name))
        from += " JOIN " + new_keys(was.name) + " AS k ON k.old=o." + quote(was.key_column);
    return from;
}

// All that can be moved by SQL; the rest begins as in new objects.
void Rewrite::move(const model::Class& was, const model::Class& is) {
    std::string columns = quote(is.key_column);
    std::string values = plan_.is_rekeyed(was.name) ? "k.new" : "o." + quote(was.key_column);
    if (tables_.numbers(is)) {
        columns += ", " + quote(kOrderColumn);
        const auto has_numbers = db_.integer("SELECT 1 FROM pragma_table_info(?) WHERE name=?",
                                             "rs$old " + was.table, kOrderColumn);
        values += has_numbers ? ", o." + quote(kOrderColumn) : ", NULL";
    }
    for (std::size_t i = is.has_key_property ? 1 : 0; i < is.properties.size(); ++i)
        if (std::string value = expression(was, is, is.properties[i]); !value.empty()) {
            columns += ", " + quote(is.properties[i].column);
            values += ", " + value;
        }
    db_.exec("INSERT INTO " + quote(is.table) + "(" + columns + ") SELECT " + values +
             from_old(was));
}

// What a column gets; empty: nothing.
std::string Rewrite::expression(const model::Class& was, const model::Class& is,
                                const model::Property& property) const {
    const model::Property* source = plan_.source(was, is, property);
    if (source == nullptr || plan_.is_deep(*source))
        return {};
    std::string column = "o." + quote(source->column);
    if (was.has_key_property && source == was.properties.data())
        return was.key_nullable ? "nullif(" + column + ", " + kNullKey + ")" : column;
    if (source->is_link() && source->collection == Collection::single &&
        plan_.is_rekeyed(source->target))
        return "(SELECT new FROM " + new_keys(source->target) + " WHERE old=" + column + ")";
    return column;
}

void Rewrite::move_deep_values(const model::Class& was, const model::Class& is,
                               ValueRewriter& values) {
    std::vector<std::pair<const model::Property*, const model::Property*>> moved;
    std::string columns, places;
    for (const model::Property& property : is.properties)
        if (const auto* source = plan_.source(was, is, property);
            source != nullptr && plan_.is_deep(*source)) {
            moved.emplace_back(source, &property);
            columns += ", o." + quote(source->column);
            places += (places.empty() ? "" : ", ") + quote(property.column) + "=?";
        }
    if (moved.empty())
        return;
    const std::string update =
        "UPDATE " + quote(is.table) + " SET " + places + " WHERE " + quote(is.key_column) + "=?";
    Scratch scratch;
    sqlite::Query rows = db_.query(
        "SELECT " +
        (plan_.is_rekeyed(was.name) ? std::string("k.new") : "o." + quote(was.key_column)) +
        columns + from_old(was));
    while (rows.step()) {
        scratch.reset();
        std::vector<model::Value> now;
        for (std::size_t i = 0; i < moved.size(); ++i)
            now.push_back(values.rewrite(
                read_value(*rows, static_cast<int>(i) + 1, *moved[i].first, plan_.before()), was,
                *moved[i].first, *moved[i].second));
        sqlite::Query query = db_.query(update);
        int index = 1;
        for (std::size_t i = 0; i < moved.size(); ++i)
            bind_value(*query, index++, *moved[i].second, *after_, now[i], scratch);
        bind_key(*query, index, read_key(*rows, 0, is.key_type), scratch);
        query->run();
    }
}

void Rewrite::drop_old() {
    for (const std::string& name : plan_.affected())
        if (plan_.has_rows_before(name)) {
            db_.exec("DROP TABLE " + old_rows(*plan_.before().find(name)));
            if (plan_.is_rekeyed(name))
                db_.exec("DROP TABLE " + new_keys(name));
        }
}

// Where there still can be one.
void Rewrite::index_again(const text_index::Names& texts, const column_index::Names& columns) {
    for (const std::string& name : plan_.affected()) {
        const model::Class* cls = after_->find(name);
        if (cls == nullptr)
            continue;
        for (const model::Property& property : cls->properties) {
            if (columns.contains({name, property.name}) &&
                column_index::is_possible(*cls, property))
                column_index::create(tables_, *cls, property);
            if (texts.contains({name, property.name}) && property.type == Type::string &&
                property.collection == Collection::single && property.column != cls->key_column)
                text_index::create(db_, *cls, property);
        }
    }
}

} // namespace

bool rewrite(Tables& tables, const Rewriting& what) {
    REALMSYNC_ASSERT(tables.layout() == Layout::client && !tables.catalog().has_additions());
    return Rewrite(tables, what).run();
}

} // namespace realmsync::tables
