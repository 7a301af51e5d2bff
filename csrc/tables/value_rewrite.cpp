#include "tables/value_rewrite.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "tables/columns.hpp"

namespace realmsync::tables {

namespace {

// Of objects that become embedded: their keys, and how many links there were to each.
std::string owners(const model::Class& cls) { return "temp." + quote("rs$owners " + cls.name); }

model::Value set_of(std::vector<model::Value> items) {
    std::sort(items.begin(), items.end(), [](const model::Value& a, const model::Value& b) {
        return model::compare(a, b) < 0;
    });
    auto set = std::make_unique<model::Set>();
    for (model::Value& item : items)
        if (set->items.empty() || model::compare(set->items[set->items.size() - 1], item) != 0)
            set->items.push_back(std::move(item));
    return model::Value(std::move(set));
}

} // namespace

ValueRewriter::ValueRewriter(Tables& tables, const RewritePlan& plan, model::SchemaPtr after)
    : tables_(tables), db_(tables.db()), plan_(plan), after_(std::move(after)) {
    for (const auto& [name, cls] : plan.before().classes)
        if (!cls->embedded() && after_->find(name) != nullptr && after_->find(name)->embedded())
            db_.exec("CREATE TABLE " + owners(*cls) + "(key " +
                     key_definition(cls->key_type, cls->key_nullable) +
                     " PRIMARY KEY, links) WITHOUT ROWID");
}

Key ValueRewriter::next_key() {
    Key key;
    key.type = Type::global_key;
    key.global = {0, ++keys_};
    return key;
}

model::Value ValueRewriter::rewrite(const model::Value& value, const model::Class& cls,
                                    const model::Property& was, const model::Property& is) {
    const bool is_dense = was.type == Type::link; // a collection without nulls
    if (const model::List* list = value.list()) {
        auto result = std::make_unique<model::List>();
        for (const model::Value& item : list->items)
            if (model::Value now = element(item, cls, was, is); !is_dense || !now.is_null())
                result->items.push_back(std::move(now));
        return model::Value(std::move(result));
    }
    if (const model::Set* set = value.set()) {
        std::vector<model::Value> items;
        for (const model::Value& item : set->items)
            if (model::Value now = element(item, cls, was, is); !is_dense || !now.is_null())
                items.push_back(std::move(now));
        return set_of(std::move(items));
    }
    if (const model::Dictionary* dictionary = value.dictionary()) {
        auto result = std::make_unique<model::Dictionary>();
        for (const auto& [name, item] : dictionary->items)
            result->items.emplace(name, element(item, cls, was, is));
        return model::Value(std::move(result));
    }
    return element(value, cls, was, is);
}

model::Value ValueRewriter::element(const model::Value& value, const model::Class& cls,
                                    const model::Property& was, const model::Property& is) {
    if (const model::Embedded* object = value.embedded()) {
        const model::Class& now = *after_->find(is.target);
        const model::Class& old = *plan_.before().find(was.target);
        return now.embedded() ? convert(*object, old, now) : release(*object, old, now);
    }
    if (const model::Link* target = value.link()) {
        const model::Class* now = after_->find(target->table);
        if (now == nullptr || !now->embedded())
            return link(*target);
        if (was.type == kMixed)
            throw RewriteFailed(
                "Cannot convert '" + now->name +
                "' to embedded: there is an incoming link from the Mixed property '" + cls.name +
                "." + was.name + "', which does not support linking to embedded objects.");
        return embed(*target);
    }
    if (value.is_container()) // inside of a Mixed
        return rewrite(value, cls, was, is);
    return value.clone();
}

std::optional<model::ObjectKey> ValueRewriter::new_key(const model::Link& link) {
    if (!plan_.is_rekeyed(link.table))
        return link.key;
    Scratch scratch;
    sqlite::Query row = db_.query("SELECT new FROM " + new_keys(link.table) + " WHERE old=?");
    bind_key(*row, 1, link.key.view(), scratch);
    if (!row.step())
        return std::nullopt;
    return model::ObjectKey(read_key(*row, 0, after_->find(link.table)->key_type));
}

model::Value ValueRewriter::link(const model::Link& link) {
    if (!plan_.has_rows_after(link.table))
        return {};
    auto key = new_key(link);
    if (!key)
        return {};
    return model::Value(std::make_unique<model::Link>(model::Link{link.table, std::move(*key)}));
}

// The object that the link leads to, as a part of what links to it; null if it is not there.
model::Value ValueRewriter::embed(const model::Link& link) {
    const model::Class& was = *plan_.before().find(link.table);
    const model::Class& is = *after_->find(link.table);
    std::string sql = "SELECT ";
    for (const model::Property& property : was.properties)
        sql += quote(property.column) + ", ";
    sql += "1 FROM " + old_rows(was) + " WHERE " + quote(was.key_column) + "=?";
    Scratch scratch;
    model::Embedded old;
    {
        sqlite::Query row = db_.query(sql);
        bind_key(*row, 1, link.key.view(), scratch);
        if (!row.step())
            return {};
        for (std::size_t i = 0; i < was.properties.size(); ++i)
            old.properties.push_back(
                i == 0 && was.has_key_property
                    ? model::Value(model::key_scalar(read_key(*row, 0, was.key_type)))
                    : read_value(*row, static_cast<int>(i), was.properties[i], plan_.before()));
    }
    note_owner(was, link.key.view());
    return convert(old, was, is);
}

void ValueRewriter::note_owner(const model::Class& cls, const Key& key) {
    Scratch scratch;
    sqlite::Query query = db_.query("INSERT INTO " + owners(cls) +
                                    " VALUES(?, 1) ON CONFLICT DO UPDATE SET links=links+1");
    bind_key(*query, 1, key, scratch);
    query->run();
}

model::Value ValueRewriter::convert(const model::Embedded& object, const model::Class& was,
                                    const model::Class& is) {
    auto result = std::make_unique<model::Embedded>();
    for (const model::Property& property : is.properties) {
        const model::Property* source = plan_.source(was, is, property);
        const auto at = source == nullptr
                            ? object.properties.size()
                            : static_cast<std::size_t>(source - was.properties.data());
        if (at < object.properties.size())
            result->properties.push_back(rewrite(object.properties[at], was, *source, property));
        else
            result->properties.push_back(model::zero_value(source ? *source : property));
    }
    return model::Value(std::move(result));
}

// An embedded object as one with a row of its own, and a link to it.
model::Value ValueRewriter::release(const model::Embedded& object, const model::Class& was,
                                    const model::Class& is) {
    REALMSYNC_ASSERT(!is.has_key_property);
    const Key key = next_key();
    const model::Value values = convert(object, was, is); // its own parts first
    std::string columns = quote(is.key_column) + ", " + quote(kOrderColumn), places = "?, ?";
    for (const model::Property& property : is.properties) {
        columns += ", " + quote(property.column);
        places += ", ?";
    }
    Scratch scratch;
    const bool is_numbered = tables_.numbers(is);
    REALMSYNC_ASSERT(is_numbered);
    sqlite::Query query =
        db_.query("INSERT INTO " + quote(is.table) + "(" + columns + ") VALUES(" + places + ")");
    bind_key(*query, 1, key, scratch);
    query->bind(2, tables_.next_number());
    int index = 3;
    for (std::size_t i = 0; i < is.properties.size(); ++i)
        bind_value(*query, index++, is.properties[i], *after_, values.embedded()->properties[i],
                   scratch);
    query->run();
    return model::Value(std::make_unique<model::Link>(model::Link{is.name, model::ObjectKey(key)}));
}

void ValueRewriter::require_owned() {
    for (const auto& [name, cls] : plan_.before().classes) {
        const model::Class* is = after_->find(name);
        if (cls->embedded() || is == nullptr || !is->embedded())
            continue;
        const std::string what = "Cannot convert '" + name + "' to embedded: at least one object ";
        if (!plan_.what().is_lenient) {
            if (db_.integer("SELECT 1 FROM " + old_rows(*cls) + " WHERE " + quote(cls->key_column) +
                            " NOT IN (SELECT key FROM " + owners(*cls) + ") LIMIT 1"))
                throw RewriteFailed(what + "has no incoming links and would be deleted.");
            if (db_.integer("SELECT 1 FROM " + owners(*cls) + " WHERE links > 1 LIMIT 1"))
                throw RewriteFailed(what + "has more than one incoming link.");
        }
        db_.exec("DROP TABLE " + owners(*cls));
    }
}

} // namespace realmsync::tables
